"""The records of a mitmproxy dump, one after the other, with the places of those that are damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from soth_mitm.errors import DumpError
from soth_mitm.export.mitm.tnetstring import TnetError, length_at, loads

READ_BYTES: Final = 256 * 1024
MOST_RECORD: Final = 1024 * 1024 * 1024
"""Bytes of the longest record that is read."""

_NEXT = re.compile(rb"(?<=\})\d{2,10}:7:version[;,]")
_LONGEST_NEXT: Final = 24


class Record(NamedTuple):
    """One flow."""

    number: int
    """From 1."""
    offset: int
    """In the file."""
    state: dict[str, Any]


class Damage(NamedTuple):
    """A place that could not be read."""

    offset: int
    length: int
    why: str


class Records:
    """Yield records and damages.

    Raises:
        DumpError: it is no mitmproxy dump, or cannot be read.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self._name = name
        self._buffer = b""
        self._at = 0
        self._base = 0
        self._ended = False

    def __iter__(self) -> Iterator[Record | Damage]:
        number = 0
        while self._need(1):
            start = self._base + self._at
            try:
                state = self._record()
            except TnetError as error:
                if not number and start == 0:
                    raise DumpError(
                        f"{self._name} is no mitmproxy dump: at offset {error.offset:,} {error}"
                    ) from error
                yield Damage(start, self._skip() - start, str(error))
                continue
            number += 1
            yield Record(number, start, state)

    def _record(self) -> dict[str, Any]:
        start = self._base + self._at
        self._need(16)
        length, begin = length_at(self._buffer, self._at, len(self._buffer))
        if length > MOST_RECORD:
            raise TnetError(start, f"a record of {length:,} bytes is longer than {MOST_RECORD:,}")
        whole = begin - self._at + length + 1
        if not self._need(whole):
            raise TnetError(start, "the file ends within a record")
        data = self._buffer[self._at : self._at + whole]
        try:
            state = loads(data)
        except TnetError as error:
            raise TnetError(start + error.offset, str(error)) from None
        if not isinstance(state, dict):
            raise TnetError(start, "the record is no mapping")
        self._at += whole
        return state

    def _skip(self) -> int:
        """Go on to where the next record may begin, or to the end; return that offset."""
        self._at += 1
        while True:
            found = _NEXT.search(self._buffer, self._at)
            if found is not None:
                self._at = found.start()
                return self._base + self._at
            self._at = max(len(self._buffer) - _LONGEST_NEXT, self._at)
            if not self._need(len(self._buffer) - self._at + 1):
                self._at = len(self._buffer)
                return self._base + self._at

    def _need(self, count: int) -> bool:
        """Have so many bytes in the buffer; False at the end of the file."""
        while len(self._buffer) - self._at < count and not self._ended:
            keep = max(self._at - 1, 0)  # what looks back at the byte before still finds it
            try:
                data = self._source.read(max(READ_BYTES, count))
            except (OSError, EOFError, ValueError) as error:
                raise DumpError(f"cannot read {self._name} at offset {self._base:,}: {error}") from error
            self._ended = not data
            self._buffer = self._buffer[keep:] + data
            self._base += keep
            self._at -= keep
        return len(self._buffer) - self._at >= count
