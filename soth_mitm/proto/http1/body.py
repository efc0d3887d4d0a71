"""Readers of bodies: by length, chunked, until close (RFC 9112 sections 6 and 7).

Each `feed` takes what it can from one span of input and yields at most one `Body` for it, however many
chunks are in it. What it cannot judge yet (part of a chunk-size line, of the trailer section) it leaves
to be offered again with more bytes behind it; payload is never held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.proto.http1 import grammar
from soth_mitm.proto.http1.fields import lines_of, read_fields
from soth_mitm.proto.http1.messages import NO_FRAMING_LEFT, Body, End, Item

if TYPE_CHECKING:
    from soth_mitm.proto.http1.judge import Judge

MAX_CHUNK_LINE = 8 * 1024
"Longest chunk-size line in bytes, line end included; what follows the size is of use to nobody."


class BodyReader(Protocol):
    """What reads one body."""

    done: bool
    "The end has been yielded."
    ends_by_close: bool
    "The end of the connection is the end of the body."

    @property
    def open_chunk(self) -> tuple[int, int]:
        """How much is missing of what a length was promised for: payload, and bytes with its line end."""
        ...

    def feed(self, data: bytes, pos: int, out: list[Item]) -> int:
        """Take from `data` at `pos`, append to `out`, return where it stopped."""
        ...


class LengthBody:
    """A body of a known number of bytes."""

    __slots__ = ("_left", "done")
    ends_by_close = False

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = False

    @property
    def open_chunk(self) -> tuple[int, int]:
        """See `BodyReader`."""
        return self._left, self._left

    def feed(self, data: bytes, pos: int, out: list[Item]) -> int:
        """Take up to the bytes left."""
        span = data[pos : pos + self._left]
        if span:
            out.append(Body(span, span))
            self._left -= len(span)
        if not self._left:
            out.append(NO_FRAMING_LEFT)
            self.done = True
        return pos + len(span)


class CloseBody:
    """Everything until the connection ends: a close-delimited body, or another protocol after an upgrade."""

    __slots__ = ("done",)
    ends_by_close = True

    def __init__(self) -> None:
        self.done = False

    @property
    def open_chunk(self) -> tuple[int, int]:
        """See `BodyReader`: no length was promised."""
        return 0, 0

    def feed(self, data: bytes, pos: int, out: list[Item]) -> int:
        """Take everything."""
        span = data[pos:]
        if span:
            out.append(Body(span, span))
        return len(data)


class ChunkedBody:
    """A chunked body with its trailer section."""

    __slots__ = ("_after_data", "_judge", "_left", "_max_trailers", "_scanned", "done")
    ends_by_close = False

    def __init__(self, judge: Judge, *, max_trailers: int) -> None:
        self._judge = judge
        self._max_trailers = max_trailers
        self._left = 0
        self._after_data = False
        self._scanned = 0
        self.done = False

    @property
    def open_chunk(self) -> tuple[int, int]:
        """See `BodyReader`."""
        return self._left, self._left + 2 if self._left or self._after_data else 0

    def feed(self, data: bytes, pos: int, out: list[Item]) -> int:
        """Take whole chunk-size lines and all payload.

        What was read before a defect is in the error's `items` by way of `out`.
        """
        start, payload = pos, []
        end: End | None = None
        try:
            while pos < len(data):
                if self._left:
                    span = data[pos : pos + self._left]
                    payload.append(span)
                    pos += len(span)
                    self._left -= len(span)
                    self._after_data = not self._left
                elif self._after_data:
                    if not data.startswith(b"\r\n", pos):
                        self._check_partial_line_end(data, pos)
                        break
                    pos += 2
                    self._after_data = False
                else:
                    size, after = self._chunk_line(data, pos)
                    if size is None:
                        break
                    if size == 0:
                        end = self._end(data, pos, after)
                        break
                    pos, self._left = after, size
        finally:
            if pos > start:
                out.append(_body(data[start:pos], payload))
        if end is not None:
            out.append(end)
            self.done = True
            return pos + len(end.wire)
        return pos

    def _check_partial_line_end(self, data: bytes, pos: int) -> None:
        found = data[pos : pos + 2]
        if found != b"\r":
            what = "the data of a chunk is not followed by CR LF"
            self._judge.refuse("chunk_data_end", what, found if found[:1] == b"\r" else found[:1])

    def _chunk_line(self, data: bytes, pos: int) -> tuple[int | None, int]:
        """Return the size and where its line ends; None for a size that is not here yet."""
        match = grammar.CHUNK_LINE.match(data, pos)
        if match is not None and match.end() - pos <= MAX_CHUNK_LINE:
            return int(match[1], 16), match.end()
        newline = data.find(b"\n", pos, pos + MAX_CHUNK_LINE)
        if newline >= 0:
            return self._odd_chunk_line(data[pos : newline + 1]), newline + 1
        if len(data) - pos >= MAX_CHUNK_LINE:
            what = f"a chunk-size line is longer than {MAX_CHUNK_LINE} bytes"
            self._judge.refuse("chunk_line_too_long", what, data[pos : pos + 64])
        return None, pos

    def _odd_chunk_line(self, line: bytes) -> int:
        match = grammar.CHUNK_LINE_WIDE.fullmatch(line)
        if match is not None:
            return int(match[1] or b"0", 16)
        size, semicolon, _ = line.partition(b";")
        size = size.rstrip(b" \t") if semicolon else size.rstrip(b"\r\n")
        if size and not size.strip(b"0123456789abcdefABCDEF"):
            if len(size.lstrip(b"0")) > 15:
                self._judge.refuse("chunk_size_overflow", "a chunk size of more than 15 digits", size)
            if not line.endswith(b"\r\n"):
                self._judge.refuse("chunk_bare_lf", "a chunk-size line ends with a bare line feed", line)
            self._judge.refuse("chunk_ext_invalid", "a control character in a chunk extension", line)
        self._judge.refuse("chunk_size_invalid", "a chunk size is not a plain hexadecimal number", line)

    def _end(self, data: bytes, pos: int, after: int) -> End | None:
        """Return the end whose last-chunk line is `data[pos:after]`; None while it is not whole."""
        if data.startswith(b"\r\n", after):
            return End(data[pos : after + 2], b"")
        # The search begins at the line feed of the last-chunk line, so that a lone CR LF counts too.
        match = grammar.HEAD_END.search(data, max(after - 1, pos + self._scanned))
        if (match.end() if match else len(data) + 1) - after > self._max_trailers:
            what = f"the trailer section is larger than {self._max_trailers} bytes"
            self._judge.refuse("trailers_too_large", what, data[after : after + 64])
        if match is None:
            self._scanned = max(0, len(data) - pos - 2)
            return None
        section = data[after : match.end()]
        if not grammar.TRAILERS.fullmatch(section):
            self._judge_trailers(section)
        return End(data[pos : match.end()], section[:-2])

    def _judge_trailers(self, section: bytes) -> None:
        if b"\n" in section.replace(b"\r\n", b""):
            self._judge.refuse("chunk_bare_lf", "a trailer ends with a bare line feed", section)
        read_fields(lines_of(section), self._judge)


def _body(wire: bytes, payload: list[bytes]) -> Body:
    if len(payload) == 1:
        return Body(wire, wire if len(payload[0]) == len(wire) else payload[0])
    return Body(wire, b"".join(payload))
