"""JSON laid out over lines and back on one, by its blanks alone: no value is spelled another way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[ \t\r\n]+|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_BLANK: Final = " \t\r\n"
_CLOSES: Final = {"{": "}", "[": "]"}
_LEAST: Final = 7
"""Characters from which on it is worth while."""


class OneLine(NamedTuple):
    """How JSON is written on one line."""

    comma: str
    colon: str

    def write(self, text: str) -> str:
        """Return JSON on one line."""
        signs = {",": self.comma, ":": self.colon}
        return "".join(signs.get(piece, piece) for piece in _pieces(text))


TIGHT: Final = OneLine(",", ":")
SPACED: Final = OneLine(", ", ": ")


class Writer:
    """Writes lines of JSON as one, again and again: only those that are new take time."""

    def __init__(self, style: OneLine) -> None:
        self.style = style
        self._known: dict[str, str] = {}

    def write(self, lines: Sequence[str]) -> str:
        """Return lines as one. No value goes over more than one of them, or it is no JSON."""
        known, style = self._known, self.style
        # Those of the time before alone are kept, so that this does not grow.
        self._known = {line: known[line] if line in known else style.write(line) for line in set(lines)}
        return "".join(map(self._known.__getitem__, lines))


class LayingOut:
    """Lays JSON out in slices: call `step` until it is done, then read `text` and `style`."""

    def __init__(self, text: str) -> None:
        self._found = _PIECE.finditer(text)
        self._out: list[str] = []
        self._depth = 0
        self._before = self._sign = ""
        self._tight = self._spaced = text[:1] in _CLOSES and len(text) >= _LEAST and "\n" not in text
        self.done = False

    def step(self, pieces: int = 1000) -> bool:
        """Read so many pieces at most; return whether that was all. 1,000 take 1 to 2 ms."""
        for _ in range(pieces):
            match = next(self._found, None)
            if match is None:
                self.done = True
                break
            self._take(match.group())
        return self.done

    @property
    def text(self) -> str:
        """JSON with a line for each value."""
        return "".join(self._out)

    @property
    def style(self) -> OneLine | None:
        """How it was written on one line; None where it had more, or was written in no usual way."""
        return TIGHT if self._tight else SPACED if self._spaced else None

    def _take(self, piece: str) -> None:
        after_sign, self._sign = self._sign, ""
        if piece[0] in _BLANK:
            self._tight = False
            self._spaced = self._spaced and bool(after_sign) and piece == " "
            return
        if after_sign:
            self._spaced = False
        before, self._before = self._before, piece
        if piece in (",", ":"):
            self._sign = piece
        if piece in ("}", "]"):
            self._depth = max(0, self._depth - 1)
            if _CLOSES.get(before) != piece:
                self._out.append("\n" + "  " * self._depth)
        elif before in ("{", "[", ","):
            self._out.append("\n" + "  " * self._depth)
        self._out.append(": " if piece == ":" else piece)
        self._depth += piece in ("{", "[")


def laid_out(text: str) -> LayingOut:
    """Lay out all of a text at once; for short ones."""
    made = LayingOut(text)
    while not made.step():
        pass
    return made


def _pieces(text: str) -> Iterator[str]:
    return (match.group() for match in _PIECE.finditer(text) if match.group()[0] not in _BLANK)
