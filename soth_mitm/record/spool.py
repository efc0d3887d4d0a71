"""Lines in a temporary file: written once from front to back, read from anywhere.

A line longer than `PIECE` characters is kept as several; a mark between the pieces tells them from
lines of their own, so that a search sees the line as it is. Only each 64th line's place is held in
memory: ten million lines cost a megabyte.
"""

from __future__ import annotations

import io
import re
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from typing import IO, Final

from soth_mitm.text import SafeText

PIECE: Final = 4000
"""Most characters of a line."""

LINES_BYTES: Final = 256 * 1024
"""About how much is handed out at once."""

IN_MEMORY: Final = 256 * 1024
"""Up to this size it is no file."""

CUT: Final = "\x1f"
"""Stands between two pieces of one line. Safe text never holds it."""

_STRIDE = 64
_READ = 64 * 1024
_ENDS = re.compile(rb"[\n\x1f]")


class Scratch:
    """Bytes in a temporary file of nobody else's, which goes away with the process, however that ends."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] = io.BytesIO()
        self._on_disk = False

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        if not self._on_disk and self.size + len(data) > IN_MEMORY:
            kept = self.read(0, self.size)
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed in `close`
            self._file.write(kept)
            self._on_disk = True
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes."""
        self._file.seek(offset)
        return self._file.read(max(min(length, self.size - offset), 0))

    def clear(self) -> None:
        """Forget all bytes."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class LineSpool:
    """Lines of safe text, the last of which may still grow."""

    def __init__(self) -> None:
        self.ended_lines = 0
        """Lines that will not change any more."""
        self._scratch = Scratch()
        self._places = array("Q", [0])
        self._column = 0
        # Of lines in several pieces: which line of those that end in LF, and how many more pieces there
        # are up to and with it.
        self._long = array("Q")
        self._extras = array("Q")

    @property
    def size(self) -> int:
        """Bytes of all lines and the marks between them."""
        return self._scratch.size

    def __len__(self) -> int:
        """Return the number of lines; one that is empty and at the end counts."""
        return self.ended_lines + 1

    def write(self, text: str) -> None:
        """Append safe text, whose lines end in LF."""
        if not text:
            return
        lines = text.split("\n")
        if self._column + len(lines[0]) > PIECE or max(map(len, lines)) > PIECE:
            text = self._in_pieces(lines)
            self._column = len(text) - max(text.rfind("\n"), text.rfind(CUT)) - 1
        else:
            self._column = len(lines[-1]) + (self._column if len(lines) == 1 else 0)
        data = text.encode("utf-8")
        base, number = self.size + 1, self.ended_lines
        ends = [base + match.start() for match in _ENDS.finditer(data)]
        if ends:
            # The line that begins behind end `i` has the number `number + i + 1`.
            first = (_STRIDE - 1 - number) % _STRIDE
            self._places.extend(ends[first::_STRIDE])
            self.ended_lines += len(ends)
        self._scratch.append(data)

    def _note_long(self, line: int, pieces: int) -> None:
        if not self._long or self._long[-1] != line:
            self._long.append(line)
            self._extras.append(self._extras[-1] if self._extras else 0)
        self._extras[-1] += pieces

    def logical(self, line: int) -> int:
        """Return which of the lines that end in LF a line is part of."""
        low, high = 0, len(self._long)
        while low < high:
            middle = (low + high) // 2
            before = self._extras[middle - 1] if middle else 0
            if self._long[middle] + before < line:
                low = middle + 1
            else:
                high = middle
        extra = self._extras[low - 1] if low else 0
        if low and line <= self._long[low - 1] + extra:
            return self._long[low - 1]
        return line - extra

    def shown(self, logical: int) -> int:
        """Return the first line of one that ends in LF."""
        at = bisect_left(self._long, logical)
        return logical + (self._extras[at - 1] if at else 0)

    def _in_pieces(self, lines: list[str]) -> str:
        parts: list[str] = []
        room = PIECE - self._column
        number = self.ended_lines - (self._extras[-1] if self._extras else 0)
        for at, line in enumerate(lines):
            if len(line) <= room:
                parts.append(line)
            else:
                pieces = [line[:room]] if room else [""]
                pieces += [line[start : start + PIECE] for start in range(room, len(line), PIECE)]
                # What is written behind a full piece begins with the mark.
                parts.append(CUT.join(pieces))
                self._note_long(number + at, len(pieces) - 1)
            room = PIECE
        return "\n".join(parts)

    def offset_of(self, line: int) -> int:
        """Return the offset at which a line begins; the size for one behind the last."""
        if line > self.ended_lines:
            return self.size
        at = self._places[line // _STRIDE]
        return self._skip(at, line % _STRIDE)

    def _skip(self, at: int, count: int) -> int:
        while count and at < self.size:
            data = self.read(at, _READ)
            for match in _ENDS.finditer(data):
                count -= 1
                if not count:
                    return at + match.end()
            at += len(data)
        return at

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds the byte at `offset`."""
        mark = bisect_right(self._places, offset) - 1
        at = self._places[mark]
        return mark * _STRIDE + len(_ENDS.findall(self.read(at, offset - at)))

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the spool."""
        return self._scratch.read(offset, length)

    def lines(self, start: int, count: int) -> list[SafeText]:
        """Return up to `count` lines, fewer where they would be more than `LINES_BYTES`, at least one."""
        count = min(count, len(self) - start)
        if count <= 0 or start < 0:
            return []
        data = self.read(self.offset_of(start), LINES_BYTES)
        whole = len(data) < LINES_BYTES
        lines = _ENDS.split(data, count)
        if len(lines) > count or not whole:
            lines.pop()
        return [SafeText(line.decode("utf-8")) for line in lines[:count]]

    def clear(self) -> None:
        """Forget all lines."""
        self.ended_lines = self._column = 0
        self._places = array("Q", [0])
        self._long, self._extras = array("Q"), array("Q")
        self._scratch.clear()

    def close(self) -> None:
        """Let the file go."""
        self._scratch.close()
