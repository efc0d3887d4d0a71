"""JSON values one after the other: concatenated, in lines, as RFC 7464 records, or as a streamed array.

An ordinary document is one value and tells nothing. Objects and arrays are messages once a second one
begins behind the first, or once the sender paused behind an object of the array that is the document.
Where neither has happened within `UNDECIDED` bytes, it is taken for one document and not read on; until
something hints at it, a document costs no more than a search for a bracket that none has there.
What is read is the structure, not the grammar: strings, and brackets that open and close.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from soth_mitm.proto.splitting import Found, Item, Payload, SplitError

UNDECIDED: Final = 64 * 1024
"""Bytes within which a body must show that it is more than one document."""

LABEL: Final = "value"

_MISSES: Final = 1
"""Pauses inside an element that a streamed array may have before it is known to be one."""
_RECORD: Final = b"\x1e"
# A byte order mark counts as space: it may only stand in front.
_TOP: Final = re.compile(rb"[^ \t\r\n\xef\xbb\xbf]")
_IN_ARRAY: Final = re.compile(rb"[^ \t\r\n,]")
_NESTED: Final = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+(["{}\[\]])', re.DOTALL)
"""Up to the next bracket, or to a string that does not end here."""
_HINT: Final = re.compile(rb"[}\]][ \t\r\n\xef\xbb\xbf]*+[{\[]")
"""What stands in no document but inside a string, and between any two that follow each other."""
_SPACE: Final = b" \t\r\n\xef\xbb\xbf"
_IN_STRING: Final = re.compile(rb'["\\]')
_BEHIND_SCALAR: Final = re.compile(rb'[ \t\r\n,{}\[\]"]')
_OPENING, _CLOSING, _QUOTE, _ESCAPE = b"{[", b"}]", b'"', b"\\"
_SCALAR: Final = b"-0123456789tfn"

_Edge = tuple[bool, int, int]
"""Whether a value begins (or ends), at which depth, and where in the bytes that are read."""


class _Scanner:
    """Reads structure: where values begin and end at depth 0, and at depth 1 of the array it follows."""

    __slots__ = ("_escaped", "_scalar", "_string", "depth", "follow", "inside")

    def __init__(self) -> None:
        self.follow = False
        """Tell of the elements of an array at depth 0."""
        self.inside = False
        """Inside such an array."""
        self.reset()

    def reset(self) -> None:
        """Begin anew, between values."""
        self.depth = 0
        self.inside = self._string = self._scalar = self._escaped = False

    @property
    def between(self) -> bool:
        """Between elements of the array that is followed."""
        return self.inside and self.depth == 1 and not self._string and not self._scalar

    @property
    def scalar(self) -> bool:
        """In a number or a word, which only what follows ends."""
        return self._scalar

    def scan(self, data: bytes) -> Iterator[_Edge]:
        """Yield the edges in the next bytes.

        Raises:
            SplitError: it is no JSON.
        """
        pos = 0
        while pos < len(data):
            shallow = not self.depth or (self.inside and self.depth == 1)
            if self._string:
                if self._escaped:
                    self._escaped = False
                    pos += 1
                    continue
                match = _IN_STRING.search(data, pos)
            elif self._scalar:
                match = _BEHIND_SCALAR.search(data, pos)
            elif shallow:
                match = (_IN_ARRAY if self.depth else _TOP).search(data, pos)
            else:
                match = _NESTED.match(data, pos)
            if match is None:
                return
            pos = match.end()
            if self._string:
                self._escaped = match[0] == _ESCAPE
                if not self._escaped:
                    self._string = False
                    if shallow:
                        yield False, self.depth, pos
            elif self._scalar:
                self._scalar = False
                pos = match.start()
                yield False, self.depth, pos
            else:
                yield from self._structure(match[0] if shallow else match[1], pos, shallow=shallow)

    def _structure(self, byte: bytes, pos: int, *, shallow: bool) -> Iterator[_Edge]:
        if byte in _CLOSING:
            if not self.depth:
                raise SplitError("json_broken", "a bracket closes that never opened")
            self.depth -= 1
            if not self.depth or (self.inside and self.depth == 1):
                yield False, self.depth, pos
            self.inside = self.inside and self.depth > 0
            return
        if shallow:
            yield True, self.depth, pos - 1
        if byte == _QUOTE:
            self._string = True
        elif byte in _OPENING:
            self.depth += 1
            if self.depth == 1 and byte == b"[" and self.follow:
                self.inside = True
        elif byte in _SCALAR:
            self._scalar = True
        else:
            raise SplitError("json_broken", "a value begins as none of JSON does")


class JsonSplitter:
    """Finds the values of a body of JSON. Of `records` (RFC 7464) already the first is a message."""

    def __init__(self, *, keep: bool = True, records: bool = False) -> None:
        self.over = False
        self._payload = Payload(keep=keep)
        self._records = records
        self._keep = keep
        self._scanner = _Scanner()
        self._scanner.follow = not records
        self._at = 0
        self._level = 0 if records else -1
        """The depth at which values are messages; -1 while that is not known."""
        self._start = -1
        """Where the value begins that is read; -1 between values."""
        self._raw = bytearray()
        self._spans: tuple[list[tuple[int, int]], list[tuple[int, int]]] = [], []
        """While nothing is known: all that came, and where values lie in it at depth 0 and 1."""
        self._edges = [-1, -1]
        self._first = self._last = -1
        """Where in it the first byte that is no space lies, and the last."""
        self._scanning = False
        """Something hints at more than one value."""
        self._misses = 0

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        if self._level < 0:
            return 0
        return self._at if self._start < 0 else self._start

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        if self.over:
            return
        if self._records:
            yield from self._feed_records(data)
            return
        if self._level < 0:
            room = UNDECIDED - len(self._raw)
            yield from self._look(data[:room])
            data = data[room:]
            if self._level < 0 and data:
                self._give_up()
        if data and not self.over:
            yield from self._read(data)

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        if self._level >= 0 or self.over or self._raw[self._first : self._first + 1] != b"[":
            return
        if self._misses <= _MISSES and self._raw[self._last] in b"},":
            if not self._scanning:
                yield from self._scan(bytes(self._raw))
            if self._scanner.between and self._spans[1]:
                yield from self._decide(1)
                return
        if self._last > self._first:
            self._misses += 1

    def finish(self) -> Iterator[Item]:
        """See `Splitter`."""
        if self._level >= 0 and self._start >= 0 and self._scanner.scalar:
            yield self._found(self._at)

    # --- inside -----------------------------------------------------------------------------------

    def _look(self, data: bytes) -> Iterator[Item]:
        """Read on while nothing is known."""
        before = len(self._raw)
        self._raw += data
        if self._first < 0:
            match = _TOP.search(self._raw)
            if match is None:
                return
            self._first = match.start()
            if match[0] not in _OPENING:
                self._give_up()
                return
        if self._scanning:
            yield from self._scan(data)
        elif _HINT.search(self._raw, max(self._last, 0)):
            yield from self._scan(bytes(self._raw))
        solid = data.rstrip(_SPACE)
        if solid:
            self._last = before + len(solid) - 1

    def _scan(self, data: bytes) -> Iterator[Item]:
        self._scanning = True
        try:
            yield from self._read(data)
        except SplitError:
            if self._level >= 0:
                raise
            self._give_up()

    def _read(self, data: bytes) -> Iterator[Item]:
        base, taken = self._at, 0
        for begins, depth, pos in self._scanner.scan(data):
            if self._level < 0:
                if not self._note(begins, depth, base + pos):
                    continue
                yield from self._decide(0)
            elif depth != self._level:
                self.over = depth < self._level
                continue
            if begins:
                self._start, taken = base + pos, pos
            else:
                yield from self._payload.add(data[taken:pos], base + taken)
                yield self._found(base + pos)
        self._at = base + len(data)
        if self._level >= 0 and self._start >= 0:
            yield from self._payload.add(data[taken:], base + taken)

    def _note(self, begins: bool, depth: int, at: int) -> bool:
        """Note an edge while nothing is known; return whether it is the second value's beginning."""
        if not begins:
            self._spans[depth].append((self._edges[depth], at))
            return False
        self._edges[depth] = at
        return depth == 0 and bool(self._spans[0])

    def _decide(self, level: int) -> Iterator[Item]:
        """From now on values at `level` are messages; yield those that have been seen."""
        self._level = level
        self._scanner.follow = level == 1
        for start, end in self._spans[level]:
            data = bytes(self._raw[start:end]) if self._keep else b""
            size = end - start
            yield Found(LABEL, size, data, offset=start, start=start, end=end, wire=size)
        self._forget()

    def _give_up(self) -> None:
        self.over = True
        self._forget()

    def _forget(self) -> None:
        self._raw = bytearray()
        self._spans = [], []

    def _found(self, end: int) -> Found:
        payload, start = self._payload, self._start
        found = Found(
            label=LABEL,
            size=payload.size,
            data=payload.take(),
            offset=payload.offset,
            start=start,
            end=end,
            wire=end - start,
            in_parts=payload.in_parts,
        )
        payload.clear()
        self._start = -1
        return found

    def _feed_records(self, data: bytes) -> Iterator[Item]:
        """Read records: each begins with RS, which stands nowhere else, so that a broken one ends there."""
        first, *others = data.split(_RECORD)
        yield from self._read(first)
        for record in others:
            yield from self.finish()
            self._payload.clear()
            self._scanner.reset()
            self._start = -1
            self._at += 1
            yield from self._read(record)
