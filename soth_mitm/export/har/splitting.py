"""Taking a HAR apart into its entries without holding all of it: a HAR is one JSON object of any size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from soth_mitm.errors import DumpError

READ_BYTES: Final = 1024 * 1024
MOST_ENTRY: Final = 512 * 1024 * 1024
"""Bytes of the longest entry that is read."""

_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_ENTRIES = re.compile(rb'"entries"\s*:\s*\Z')
_BOM = b"\xef\xbb\xbf"


class RawEntry(NamedTuple):
    """The JSON of one entry."""

    number: int
    """From 1."""
    offset: int
    """Of its first byte in the file."""
    data: bytes


class Splitter:
    """Yield the entries of `log.entries`.

    Raises:
        DumpError: it is no HAR, an entry is too long, or it cannot be read; with the offset.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self._name = name
        self._buffer = b""
        self._at = 0
        self._base = 0
        self.cut_off = False
        """The file ended before its last bracket: it was cut off."""

    @property
    def offset(self) -> int:
        """How far the file has been read."""
        return self._base + self._at

    def __iter__(self) -> Iterator[RawEntry]:
        if not self._more():
            raise DumpError(f"{self._name} is empty")
        if self._buffer.startswith(_BOM):
            self._at = len(_BOM)
        stack: list[bytes] = []
        found, number, start = False, 0, -1
        while (bracket := self._next(start)) is not None:
            if bracket in b"{[":
                if not stack and bracket != b"{":
                    break
                listed = stack == [b"{", b"{"] and bracket == b"["
                if listed and _ENTRIES.search(self._buffer[max(self._at - 64, 0) : self._at]):
                    found = True
                    stack.append(b"e")
                else:
                    if stack[-1:] == [b"e"]:
                        start = self._at
                    stack.append(bracket)
                self._at += 1
                continue
            self._at += 1
            if not stack:
                break
            stack.pop()
            if start >= 0 and stack[-1:] == [b"e"]:
                number += 1
                yield RawEntry(number, self._base + start, self._buffer[start : self._at])
                start = -1
                self._trim(self._at)
            if not stack:
                break
        if not found:
            raise DumpError(f"{self._name} is no HAR: it has no log with entries")
        self.cut_off = bool(stack)

    def _next(self, start: int) -> bytes | None:
        """Go on to the next bracket outside of a string, and return it; None at the end of the file."""
        while True:
            match = _TO_BRACKET.match(self._buffer, self._at)
            assert match is not None, "it matches nothing at least"
            at = match.end()
            if at < len(self._buffer) and self._buffer[at] != 0x22:
                self._at = at
                return self._buffer[at : at + 1]
            # The rest is white space, or a string whose end has not been read: begin there again.
            self._at = at
            if start < 0 and at > READ_BYTES:
                self._trim(at - 64)
            if len(self._buffer) > MOST_ENTRY:
                raise DumpError(
                    f"{self._name}: the entry at offset {self.offset:,} is longer than {MOST_ENTRY:,} bytes"
                )
            if not self._more():
                return None

    def _trim(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._base += count
        self._at -= count

    def _more(self) -> bool:
        size = max(READ_BYTES, len(self._buffer))  # doubling, so that a long string is not gone through often
        try:
            data = self._source.read(size)
        except (OSError, EOFError, ValueError) as error:
            raise DumpError(f"cannot read {self._name} at offset {self.offset:,}: {error}") from error
        self._buffer += data
        return bool(data)
