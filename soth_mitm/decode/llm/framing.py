"""The objects of a body of JSON: one document, lines, values one behind the other, or an array's elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 16 * 1024 * 1024
"""Bytes of one object that are kept; a longer one is passed over."""

_STRUCTURE: Final = re.compile(rb'["{}\[\]]')
_IN_STRING: Final = re.compile(rb'["\\]')


class Objects:
    """Finds the outermost objects. What stands between them is passed over; the array around them as well."""

    def __init__(self, *, longest: int = LONGEST) -> None:
        self._longest = longest
        self._depth = 0
        self._string = self._escaped = False
        self._kept: list[bytes] = []
        self._size = 0
        self.passed = 0
        """Objects that were too long."""

    @property
    def inside(self) -> bool:
        """An object has begun and not ended."""
        return self._depth > 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the objects that end in the next bytes."""
        at = start = 0
        while at < len(data):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            match = (_IN_STRING if self._string else _STRUCTURE).search(data, at)
            if match is None:
                break
            at, sign = match.end(), match.group()
            if self._string:
                self._string, self._escaped = sign == b"\\", sign == b"\\"
            elif not self._depth:
                start = at - 1
                self._outside(sign)
            elif sign == b'"':
                self._string = True
            elif sign in (b"{", b"["):
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    self._keep(data[start:at])
                    yield from self._whole()
        if self._depth:
            self._keep(data[start:])

    def _outside(self, sign: bytes) -> None:
        if sign == b"{":
            self._depth = 1
        elif sign == b'"':
            self._string = True  # a string of its own is no object

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._longest:
            self._kept.append(data)
        else:
            self._kept.clear()

    def _whole(self) -> Iterator[bytes]:
        if self._size <= self._longest:
            yield b"".join(self._kept)
        else:
            self.passed += 1
        self._kept.clear()
        self._size = 0
