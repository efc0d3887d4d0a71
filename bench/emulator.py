"""A small terminal: from the bytes a program drew to the text and the backgrounds of the cells.

It knows what Textual writes (cursor positions, colours, text of narrow and wide characters, clearing) and
leaves the rest out. It is fed after the measurement, not during it, so that it costs the program nothing.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from rich.cells import cell_len

_TOKEN: Final = re.compile(
    r"\x1b\[([0-9;:<=>?]*)([ -/]*)([@-~])"  # CSI: parameters, intermediates, final
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"  # a string of the terminal's own, as OSC
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|[^\x00-\x1f\x7f]+"
    r"|[\x00-\x1a\x1c-\x1f\x7f]"
)
_UNFINISHED: Final = 4096
"""Characters of a sequence that is not finished; more are no sequence."""


class Emulator:
    """The cells of a terminal."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._text = [[" "] * columns for _ in range(lines)]
        self._back = [[""] * columns for _ in range(lines)]
        self._x = self._y = 0
        self._ground = ""
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> None:
        """Draw what a program wrote; a sequence may go on in the next piece."""
        text = self._rest + self._decoder.decode(data)
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                if len(text) - at < _UNFINISHED:
                    break
                at += 1
                continue
            at = found.end()
            if found[3] is not None:
                self._control(found[1], found[2], found[3])
            elif found[0][0] != "\x1b":
                self._write(found[0])
        self._rest = text[at:]

    def line(self, y: int) -> str:
        """Return the text of a line."""
        return "".join(self._text[y])

    def backgrounds(self, y: int) -> list[str]:
        """Return the background of each cell of a line, as the parameters that set it."""
        return self._back[y]

    @property
    def text(self) -> str:
        """The whole screen, line by line."""
        return "\n".join(map(self.line, range(self.lines)))

    def _write(self, text: str) -> None:
        if text == "\n":
            self._y = min(self._y + 1, self.lines - 1)
        elif text == "\r":
            self._x = 0
        if text < " ":
            return
        for char in text:
            width = 1 if char < "\u0300" else cell_len(char)
            for cell in ([char] + [""] * (width - 1)) if width else ():
                if self._x < self.columns:
                    self._text[self._y][self._x] = cell
                    self._back[self._y][self._x] = self._ground
                    self._x += 1

    def _control(self, parameters: str, between: str, final: str) -> None:
        if between or parameters[:1] in ("?", ">", "<", "="):
            return
        numbers = [int(part) if part.isdigit() else 0 for part in parameters.split(";")]
        if final in "Hf":
            self._y = min(max(numbers[0], 1), self.lines) - 1
            self._x = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif final == "m":
            self._colour(numbers)
        elif final == "J":
            for y in range(self.lines):
                self._text[y] = [" "] * self.columns
                self._back[y] = [""] * self.columns

    def _colour(self, numbers: list[int]) -> None:
        at = 0
        while at < len(numbers):
            number, size = numbers[at], 1
            if number in (38, 48):
                size = 5 if numbers[at + 1 : at + 2] == [2] else 3
            if number == 48 or 40 <= number <= 47 or 100 <= number <= 107:
                self._ground = ";".join(map(str, numbers[at : at + size]))
            elif number in (0, 49):
                self._ground = ""
            at += size
