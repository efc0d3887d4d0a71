"""Server-sent events, as the WHATWG reads them (HTML standard, section 9.2.6).

A line ends with LF, CR or CR LF, wherever the body is cut; one byte order mark at the very start is
no part of the first line. An event is found at the empty line behind it, and only where it has data;
a block without data, comments and the unfinished block at the end are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from soth_mitm.proto.splitting import Found, Item, Part, Payload

LINE_HELD: Final = 64 * 1024
"""Most bytes of an unfinished line that are kept. Of a longer one, `data` streams and another field is
passed over."""

_END: Final = re.compile(rb"[\r\n]")
_USUAL: Final = re.compile(
    rb"(?:id: ?([^\n]*)\n)?(?:event: ?([^\n]*)\n)?(?:id: ?([^\n]*)\n)?data: ?([^\n]*)\n\n"
)
"""An event as nearly all are, where there is no CR and no NUL: one line of data. It is read in one step."""
_BOM: Final = b"\xef\xbb\xbf"
_LF, _CR, _COLON = 10, 13, 58
_NOT, _DATA, _OTHER = 0, 1, 2


class SseSplitter:
    """Finds the events of a `text/event-stream`."""

    over = False

    def __init__(self) -> None:
        self._payload = Payload(keep=True)
        self._at = 0
        self._skip_lf = False
        self._line = bytearray()
        self._line_at = 0
        self._streaming = _NOT
        self._block = 0
        """Where the block begins."""
        self._fields = False
        """The block has a field."""
        self._has_data = False
        self._crlf = False
        self._type = ""
        self._id: str | None = None
        self.last_id = ""
        """The id that a client would send as Last-Event-ID when it reconnects."""
        self.retry_ms: int | None = None
        """Time to wait before reconnecting, where the stream has said one."""

    @property
    def begun(self) -> int:
        """See `Splitter`."""
        unfinished = self._fields or self._line or self._streaming
        return self._block if unfinished else self._at

    def feed(self, data: bytes) -> Iterator[Item]:
        """See `Splitter`."""
        base, start = self._at, 0
        self._at = base + len(data)
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == _LF:
                start, self._crlf = 1, True
                self._moved(base + 1)
        size = len(data)
        plain = _CR not in data and 0 not in data and size <= LINE_HELD
        while start < size:
            if plain and self._block == base + start and not (self._fields or self._line or self._streaming):
                yield from self._usual(data, start)
                start = self._block - base
            match = _END.search(data, start)
            if match is None:
                break
            stop = match.start()
            after = stop + 1
            crlf = False
            if data[stop] == _CR:
                if after < len(data):
                    crlf = data[after] == _LF
                else:
                    self._skip_lf = True
            line = data[start:stop]
            if line or self._line or self._streaming:
                self._crlf = crlf
                parts = self._line_end(line, base + start, base + after)
                if parts:
                    yield from parts
            else:
                found = self._dispatch(base + after, by_cr=data[stop] == _CR)
                if found is not None:
                    yield found
            start = after + crlf
            if crlf:
                self._moved(base + start)
        if start < len(data):
            yield from self._partial(data[start:], base + start)

    def _usual(self, data: bytes, start: int) -> Iterator[Found]:
        """Yield the usual events from a place on, as `_field` and `_dispatch` make them of their lines."""
        match, begin = _USUAL.match, self._block
        base = begin - start
        self._crlf = False
        usual = match(data, start)
        while usual is not None:
            identity, kind, later, payload = usual.groups()
            start = usual.end()
            note = ""
            if later is not None:
                identity = later
            if identity is not None:
                note = self.last_id = identity.decode("utf-8", "replace")
            label = kind.decode("utf-8", "replace") if kind else "message"
            length = len(payload)
            end = self._block = base + start
            yield Found(label, length, payload, end - 2 - length, begin, end, end - begin, note)
            begin = end
            usual = match(data, start)

    def pause(self) -> Iterator[Item]:
        """See `Splitter`."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """See `Splitter`. What is unfinished is not an event."""
        return iter(())

    # --- lines ------------------------------------------------------------------------------------

    def _moved(self, at: int) -> None:
        """The LF of a CR LF behind a block, or a comment before one, belongs to neither."""
        if self._block == at - 1 and not self._fields and not self._line:
            self._block = at

    # Each of these returns the parts of payload that are full, of which most have none: a generator for
    # each line and field would cost more than what it does.

    def _partial(self, data: bytes, at: int) -> Sequence[Part]:
        if self._streaming:
            return self._payload.add(data, at) if self._streaming == _DATA else ()
        if not self._line:
            self._line_at = at
        self._line += data
        if len(self._line) <= LINE_HELD:
            return ()
        return self._begin_streaming(*self._whole_line(b"", 0))

    def _whole_line(self, rest: bytes, at: int) -> tuple[bytes, int]:
        """Return the line that ends with `rest`, without a byte order mark, and where it begins."""
        if self._line:
            rest, at = bytes(self._line) + rest, self._line_at
            self._line.clear()
        if at == 0 and rest.startswith(_BOM):
            return rest[3:], 3
        return rest, at

    def _begin_streaming(self, line: bytes, at: int) -> Sequence[Part]:
        self._streaming = _OTHER
        if line.startswith(b"data:"):
            self._streaming = _DATA
            skip = 6 if line.startswith(b"data: ") else 5
            return self._data(line[skip:], at + skip)
        if not line.startswith(b":"):
            self._fields = True
        return ()

    def _line_end(self, rest: bytes, at: int, end: int) -> Sequence[Part]:
        parts: Sequence[Part] = ()
        if self._streaming:
            if self._streaming == _DATA:
                parts = self._payload.add(rest, at)
            self._streaming = _NOT
        else:
            long = len(self._line) + len(rest) > LINE_HELD
            if self._line or not at:
                rest, at = self._whole_line(rest, at)
            if long:
                parts = self._begin_streaming(rest, at)
                self._streaming = _NOT
            elif rest and rest[0] != _COLON:
                parts = self._field(rest, at)
        if not self._fields:
            self._block = end  # comments before an event are no part of it
        return parts

    def _field(self, line: bytes, at: int) -> Sequence[Part]:
        self._fields = True
        name, colon, value = line.partition(b":")
        at += len(name) + len(colon)
        if value[:1] == b" ":
            value = value[1:]
            at += 1
        if name == b"data":
            return self._data(value, at)
        if name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"id":
            if b"\x00" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) < 20:
            self.retry_ms = int(value)
        return ()

    def _data(self, value: bytes, at: int) -> Sequence[Part]:
        self._fields = True
        payload = self._payload
        if not self._has_data:
            self._has_data = True
            payload.begin(at)
            return payload.add(value, at)
        return (*payload.add(b"\n", -1), *payload.add(value, -1))

    def _dispatch(self, end: int, *, by_cr: bool) -> Found | None:
        if self._id is not None:
            self.last_id = self._id
        found = None
        if self._has_data:
            payload = self._payload
            found = Found(
                label=self._type or "message",
                size=payload.size,
                data=payload.take(),
                offset=payload.offset,
                start=self._block,
                end=end,
                # Whether LF follows the CR may not be known yet; behind lines with CR LF it will.
                wire=end - self._block + (self._crlf and by_cr),
                note=self._id or "",
                in_parts=payload.in_parts,
            )
            payload.clear()
        self._block = end
        self._fields = self._has_data = False
        self._type, self._id = "", None
        return found
