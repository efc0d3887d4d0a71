"""The parts of a multipart body that goes on and on (multipart/x-mixed-replace, multipart/mixed).

The grammar is that of RFC 2046 section 5.1, read as clients do: what stands before the first
delimiter and after the last is passed over. A part ends at the next delimiter, or where its own
Content-Length says so, which shows a camera's frame when it is there and not with the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from soth_mitm.proto.splitting import Found, Item, Payload, SplitError

MOST_HEAD: Final = 16 * 1024
"""Largest head of a part."""

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_PARAMETER: Final = re.compile(rb';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)
_MOST_BOUNDARY: Final = 256

_SEEKING, _DELIMITED, _HEAD, _BODY, _SIZED = range(5)


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary of a content type; b'' where it has none that could be used."""
    match = _PARAMETER.search(content_type)
    if match is None:
        return b""
    boundary = match[2] if match[1] is None else re.sub(rb"\\(.)", rb"\1", match[1])
    return boundary if len(boundary) <= _MOST_BOUNDARY else b""


class PartSplitter:
    """Finds the parts of a body whose boundary is given."""

    def __init__(self, boundary: bytes, *, keep: bool = True) -> None:
        # Many cameras name a boundary that has the two hyphens of its delimiter already.
        names = {b"--" + boundary, boundary if boundary.startswith(b"--") else b"--" + boundary}
        either = b"|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        self._delimiter = re.compile(rb"(?:\r?\n|\A)(?:" + either + rb")(?=[\r\n \t-])")
        self._longest = max(map(len, names)) + 3
        self.over = False
        self.head = b""
        """The head of the part that was found last, or is arriving."""
        self._payload = Payload(keep=keep)
        self._at = 0
        self._buffer = bytearray()
        self._buffer_at = 0
        """Where in the body what is kept begins."""
        self._state = _SEEKING
        self._line_at = 0
        """Where a delimiter counts without a line end before it."""
        self._start = 0
        self._label = ""
        self._left = 0
        """Bytes of the part that are still to come, where its head says how many it has."""

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        return self._at if self._state == _SEEKING else self._start

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        self._at += len(data)
        if self.over:
            return
        self._buffer += data
        while not self.over:
            before = self._state, len(self._buffer)
            yield from self._step()
            if before == (self._state, len(self._buffer)):
                return

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """See `Splitter`.

        Raises:
            SplitError: the body ends inside a part.
        """
        if self._state in (_HEAD, _BODY, _SIZED):
            raise SplitError("part_cut", "the body ends inside a part")
        return iter(())

    def rest(self) -> bytes | None:
        """Return what has come of the part that is arriving and is not yielded yet; None where none is."""
        if self._state not in (_BODY, _SIZED):
            return None
        data = self._payload.take() + bytes(self._buffer)
        self._payload.clear()
        self._buffer.clear()
        self._state = _SEEKING
        return data

    # --- one step of each state -------------------------------------------------------------------

    def _step(self) -> Iterator[Item]:
        if self._state in (_SEEKING, _BODY):
            return self._to_delimiter()
        if self._state == _SIZED:
            return self._sized()
        if self._state == _DELIMITED:
            self._delimited()
        else:
            self._head()
        return iter(())

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._buffer_at += count

    def _to_delimiter(self) -> Iterator[Item]:
        match = self._search()
        if match is None:
            # What may be the beginning of a delimiter stays, all of it.
            sure = len(self._buffer) - self._longest
            if sure > 0:
                yield from self._take(sure)
            return
        yield from self._take(match.start())
        if self._state == _BODY:
            yield self._found(self._buffer_at)
        self._start = self._buffer_at
        self._drop(match.end() - match.start())
        self._state = _DELIMITED

    def _search(self) -> re.Match[bytes] | None:
        match = self._delimiter.search(self._buffer)
        # `\A` is the start of what is kept, which is the start of a line only here and there.
        if match is None or match.start() or self._buffer[0] in b"\r\n" or self._buffer_at == self._line_at:
            return match
        return self._delimiter.search(self._buffer, 1)

    def _take(self, count: int) -> Iterator[Item]:
        if self._state == _BODY and count:
            yield from self._payload.add(bytes(self._buffer[:count]), self._buffer_at)
        self._drop(count)

    def _delimited(self) -> None:
        """Read the rest of a delimiter's line: spaces, or the two hyphens of the last one."""
        if self._buffer.startswith(b"--"):
            self.over = True
            self._buffer.clear()
            return
        end = self._buffer.find(b"\n")
        if end >= 0:
            self._drop(end + 1)
            self._state = _HEAD
        elif len(self._buffer) > MOST_HEAD:
            raise SplitError("part_head_too_long", f"the line of a delimiter exceeds {MOST_HEAD} bytes")

    def _head(self) -> None:
        if self._buffer.startswith((b"\n", b"\r\n")):
            head, length = b"", self._buffer.index(b"\n") + 1
        else:
            match = _HEAD_END.search(self._buffer, 0, MOST_HEAD)
            if match is None:
                if len(self._buffer) >= MOST_HEAD:
                    raise SplitError("part_head_too_long", f"a part's head exceeds {MOST_HEAD} bytes")
                return
            head, length = bytes(self._buffer[: match.start()]), match.end()
        self._drop(length)
        self.head = head
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head.split(b"\n"))
        }
        self._label = fields.get(b"content-type", b"").partition(b";")[0].strip().decode("latin-1").lower()
        size = fields.get(b"content-length", b"")
        self._payload.begin(self._buffer_at)
        self._state = _BODY
        if size.isdigit() and len(size) < 16:
            self._state, self._left = _SIZED, int(size)

    def _sized(self) -> Iterator[Item]:
        count = min(self._left, len(self._buffer))
        if count:
            yield from self._payload.add(bytes(self._buffer[:count]), self._buffer_at)
            self._left -= count
            self._drop(count)
        if not self._left:
            yield self._found(self._buffer_at)
            self._line_at = self._buffer_at
            self._state = _SEEKING

    def _found(self, end: int) -> Found:
        payload = self._payload
        found = Found(
            label=self._label or "text/plain",
            size=payload.size,
            data=payload.take(),
            offset=payload.offset,
            start=self._start,
            end=end,
            wire=end - self._start,
            in_parts=payload.in_parts,
        )
        payload.clear()
        return found
