"""One HTTP/2 connection, in either role: bytes in, events out; heads, bodies and resets in, bytes out.

Nothing is thrown at the caller. A peer's fault in one stream resets that stream and leaves all others
alone; one that concerns the connection (RFC 9113 section 5.4.1) writes a GOAWAY, and is the last event.
What came before it is told all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from soth_mitm.proto.http1.messages import shown
from soth_mitm.proto.http2 import codes, heads
from soth_mitm.proto.http2.codes import DATA, FRAME_HEADER, HEADER_LENGTH, ErrorCode
from soth_mitm.proto.http2.control import ControlReader, Fatal
from soth_mitm.proto.http2.events import Data, Event, Failed, Head, Interim, SettingsCame, Trailers
from soth_mitm.proto.http2.hpack import Decoded, Decoder, HpackError

if TYPE_CHECKING:
    from soth_mitm.proto.http2.bounds import Bounds
    from soth_mitm.proto.http2.stream import Stream

_TOO_LARGE = ((b":status", b"431"),)


class _OpenBlock:
    """A header block of which more frames are to come."""

    __slots__ = ("bad_priority", "count", "end", "number", "parts", "size")

    def __init__(self, number: int, first: bytes, *, end: bool, bad_priority: bool) -> None:
        self.number = number
        self.parts = [first]
        self.size = len(first)
        self.count = 0
        self.end = end
        self.bad_priority = bad_priority


class Engine(ControlReader):
    """A connection. `receive` may be fed pieces of any size; the caller sends `output` after each call."""

    def __init__(self, *, client: bool, bounds: Bounds) -> None:
        super().__init__(client=client, bounds=bounds)
        self.failed = False
        """Nothing more is read or served."""
        self.connect_protocol = False
        """We have told the peer that it may use extended CONNECT."""
        self.last_served = codes.MAX_WINDOW
        """Streams of the peer beyond it are refused, once a GOAWAY has said so."""
        self._held = b""
        self._preface = b"" if client else codes.PREFACE
        self._decoder = Decoder(max_list=bounds.header_list)
        self._block_open: _OpenBlock | None = None
        self._handlers: tuple[Callable[[int, int, bytes], None], ...] = (
            self._on_data,
            self._on_headers,
            self._on_priority,
            self._on_rst_stream,
            self._on_settings,
            self._on_push_promise,
            self._on_ping,
            self._on_goaway,
            self._on_window_update,
            self._on_continuation,
        )

    @property
    def expecting(self) -> bool:
        """Whether the peer is in the middle of what has to be complete soon: its preface, or a head."""
        return bool(self._preface) or not self.settled or self._block_open is not None

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take bytes from the peer, and return what they say; `now` is a time in seconds."""
        if self.failed:
            return []
        self._now = now
        events = self.events = []
        if self._held:
            data = self._held + data
        try:
            if self._preface:
                data = self._read_preface(data)
            self._held = data[self._read(data) :]
        except Fatal as error:
            self.failed = True
            self._held = b""
            self.send_goaway(error.code, last=self.highest, detail=error.reason.encode())
            events.append(Failed(error.code, error.reason, error.detail))
        return events

    def upgraded(self, pairs: tuple[tuple[int, int], ...], block: Decoded) -> list[Event]:
        """Take a whole request of HTTP/1.1 that asked for HTTP/2 as stream 1 (RFC 7540 section 3.2).

        Its settings are heeded, and not acknowledged. The preface has still to come. `block.view` is judged.
        """
        for setting, value in pairs:
            self._heed(setting, value)
        self.highest = 1
        stream = self._add(1)
        stream.head_came = stream.remote_done = True
        stream.asked_bodiless = block.view.method == b"HEAD"
        return [SettingsCame(pairs), Head(stream, block, 0, True)]

    def _read_preface(self, data: bytes) -> bytes:
        wanted = self._preface
        size = min(len(wanted), len(data))
        if data[:size] != wanted[:size]:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_preface", "the connection begins otherwise")
        self._preface = wanted[size:]
        return data[size:]

    def _read(self, data: bytes) -> int:
        """Read all whole frames; return where the rest begins."""
        pos, end = 0, len(data)
        unpack = FRAME_HEADER.unpack_from
        handlers = self._handlers
        while end - pos >= HEADER_LENGTH:
            high, low, kind, flags, number = unpack(data, pos)
            size = high << 8 | low
            large = size > codes.DEFAULT_FRAME_SIZE
            if not self.settled and self.client and (large or kind != codes.SETTINGS):
                began = shown(data[pos : pos + HEADER_LENGTH])
                raise self._fail(ErrorCode.PROTOCOL_ERROR, codes.NO_HTTP2, f"it began with {began}")
            if large:
                raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", f"a frame of {size} bytes")
            stop = pos + HEADER_LENGTH + size
            if not self.settled and kind != codes.SETTINGS:
                raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_preface", "SETTINGS do not come first")
            if stop > end:
                break
            if self._block_open is not None and kind != codes.CONTINUATION:
                raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_block_interrupted", "a frame inside a head")
            handler = handlers[kind] if kind < len(handlers) else self._on_unknown
            handler(flags, number & codes.MAX_WINDOW, data[pos + HEADER_LENGTH : stop])
            pos = stop
        return pos

    # --- bodies -----------------------------------------------------------------------------------

    def _on_data(self, flags: int, number: int, payload: bytes) -> None:
        flow = len(payload)
        self._receive_window -= flow
        if self._receive_window < 0:
            raise self._fail(ErrorCode.FLOW_CONTROL_ERROR, "h2_window_exceeded", "the connection's window")
        stream = self.streams.get(number)
        if stream is None or stream.remote_done:
            self._stray_data(number, flow, stream)
            return
        data = self._unpadded(payload, flags, DATA) if flags & codes.PADDED else payload
        if flow > stream.receive_window:
            self._give_back(flow)
            self._refuse(
                number, ErrorCode.FLOW_CONTROL_ERROR, "h2_window_exceeded", detail="the stream's window"
            )
            return
        stream.receive_window -= flow
        stream.untaken += flow
        end = bool(flags & codes.END_STREAM)
        if data:
            self._data_frames += 1
        elif not end:
            self._flood("empty", self.bounds.empty_frames, "empty_frame_flood")
        if not stream.head_came:
            self._refuse(number, ErrorCode.PROTOCOL_ERROR, "h2_data_before_head", detail="no head before it")
            return
        if stream.expected >= 0 and not self._fits(stream, len(data), end=end):
            return
        if end:
            self._remote_end(stream)
        self.events.append(Data(stream, data, flow, end))

    def _fits(self, stream: Stream, size: int, *, end: bool) -> bool:
        """Hold a body against its Content-Length (RFC 9113 section 8.1.1)."""
        stream.expected -= size
        if stream.expected < 0 or (end and stream.expected):
            words = "more" if stream.expected < 0 else "less"
            self._refuse(
                stream.number, ErrorCode.PROTOCOL_ERROR, "cl_mismatch", detail=f"{words} than content-length"
            )
            return False
        return True

    def _stray_data(self, number: int, flow: int, stream: Stream | None) -> None:
        """Pass over a body that nobody can want; it still counted in the connection's window."""
        self._give_back(flow)
        if not number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame", "DATA on stream 0")
        if stream is None and self._idle(number):
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_idle_stream", "DATA before a head")
        if stream is None and self._closed.get(number, False):
            return
        self._refuse(number, ErrorCode.STREAM_CLOSED, "h2_stream_closed", detail="DATA after the end")

    def _remote_end(self, stream: Stream) -> None:
        stream.remote_done = True
        if stream.local_done:
            self._forget(stream)

    def _unpadded(self, payload: bytes, flags: int, kind: int) -> bytes:
        if not payload or payload[0] >= len(payload):
            raise self._fail(
                ErrorCode.PROTOCOL_ERROR, "h2_padding", f"{codes.FRAME_NAMES[kind]} is all padding"
            )
        return payload[1 : len(payload) - payload[0]]

    # --- heads ------------------------------------------------------------------------------------

    def _on_headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_of_frame", "HEADERS on stream 0")
        bad_priority = False
        if flags & codes.PADDED:
            payload = self._unpadded(payload, flags, codes.HEADERS)
        if flags & codes.HAS_PRIORITY:
            if len(payload) < 5:
                raise self._fail(ErrorCode.FRAME_SIZE_ERROR, "h2_frame_size", "HEADERS is too short")
            bad_priority = int.from_bytes(payload[:4], "big") & codes.MAX_WINDOW == number
            payload = payload[5:]
        end = bool(flags & codes.END_STREAM)
        if flags & codes.END_HEADERS:
            self._block_came(number, payload, end=end, wire=len(payload) + HEADER_LENGTH, bad=bad_priority)
        else:
            self._block_open = _OpenBlock(number, payload, end=end, bad_priority=bad_priority)

    def _on_continuation(self, flags: int, number: int, payload: bytes) -> None:
        block = self._block_open
        if block is None or block.number != number:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_block_interrupted", "CONTINUATION of no head")
        block.parts.append(payload)
        block.size += len(payload)
        block.count += 1
        if block.count > self.bounds.continuations:
            raise self._fail(
                ErrorCode.ENHANCE_YOUR_CALM, "continuation_flood", f"more than {self.bounds.continuations}"
            )
        if block.size > self.bounds.header_block:
            raise self._fail(
                ErrorCode.ENHANCE_YOUR_CALM, "header_block_too_large", f"more than {self.bounds.header_block}"
            )
        if not payload:
            self._flood("empty", self.bounds.empty_frames, "empty_frame_flood")
        if flags & codes.END_HEADERS:
            self._block_open = None
            wire = block.size + HEADER_LENGTH * (1 + block.count)
            self._block_came(number, b"".join(block.parts), end=block.end, wire=wire, bad=block.bad_priority)

    def _block_came(self, number: int, data: bytes, *, end: bool, wire: int, bad: bool) -> None:
        try:
            block = self._decoder.decode(data)
        except HpackError as error:
            raise self._fail(ErrorCode.COMPRESSION_ERROR, "hpack", str(error)) from None
        stream = self.streams.get(number)
        if stream is None and not self._opens(number):
            return
        if bad:
            self._refuse(number, ErrorCode.PROTOCOL_ERROR, "h2_priority", detail="it depends on itself")
            return
        try:
            if stream is None:
                self._request(number, block, end=end, wire=wire)
            elif stream.remote_done:
                self._refuse(
                    number, ErrorCode.STREAM_CLOSED, "h2_stream_closed", detail="HEADERS after the end"
                )
            elif stream.head_came:
                self._trailers(stream, block, end=end, wire=wire)
            else:
                self._response(stream, block, end=end, wire=wire)
        except heads.Malformed as error:
            self._refuse(number, ErrorCode.PROTOCOL_ERROR, error.reason, detail=error.detail, block=block)

    def _opens(self, number: int) -> bool:
        """Return whether a head may open a stream; one for a stream we reset is passed over."""
        if self.client:
            if self._idle(number):
                raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_idle_stream", "HEADERS for no request")
            if not self._closed.get(number, True):
                raise self._fail(ErrorCode.STREAM_CLOSED, "h2_stream_closed", "HEADERS after the end")
            return False
        if not number & 1:
            raise self._fail(ErrorCode.PROTOCOL_ERROR, "h2_stream_number", f"a client opens {number}")
        if number <= self.highest:
            if self._closed.get(number):
                return False
            code = ErrorCode.STREAM_CLOSED if number in self._closed else ErrorCode.PROTOCOL_ERROR
            raise self._fail(code, "h2_stream_closed", f"HEADERS for stream {number}, which is over")
        self.highest = number
        return True

    def _request(self, number: int, block: Decoded, *, end: bool, wire: int) -> None:
        if number > self.last_served:
            self._reset_number(number, ErrorCode.REFUSED_STREAM)
            return
        if len(self.streams) >= self.bounds.max_streams:
            detail = f"{self.bounds.max_streams} are open"
            self._refuse(number, ErrorCode.REFUSED_STREAM, "h2_max_streams", detail=detail, block=block)
            return
        if block.oversized:
            self._too_large(number, block, end=end)
            return
        head = heads.request(block)
        if head.protocol and not self.connect_protocol:
            raise heads.Malformed("h2_connect_protocol", "extended CONNECT, which was not offered")
        stream = self._add(number)
        stream.head_came = True
        stream.asked_bodiless = head.method == b"HEAD"
        if head.length is not None and not head.protocol:
            stream.expected = head.length
            if end and head.length:
                raise heads.Malformed("cl_mismatch", "a content-length, and no body")
        stream.remote_done = end
        self.events.append(Head(stream, block, wire, end))

    def _too_large(self, number: int, block: Decoded, *, end: bool) -> None:
        """Answer a head that is over the limit with 431, as in HTTP/1."""
        stream = self._add(number)
        stream.remote_done = end
        self.send_head(stream, _TOO_LARGE, end=True)
        detail = f"{block.size} bytes, where {self.bounds.header_list} are allowed"
        self._refuse(number, ErrorCode.NO_ERROR, "header_too_large", detail=detail, block=block)

    def _response(self, stream: Stream, block: Decoded, *, end: bool, wire: int) -> None:
        if block.oversized:
            raise heads.Malformed("header_too_large", f"{block.size} bytes, over the limit")
        head = heads.response(block)
        if head.status < 200:
            if end:
                raise heads.Malformed("h2_status", f"an interim response {head.status} that ends its stream")
            self._flood("interim", self.bounds.other_frames, "idle_frame_flood")
            self.events.append(Interim(stream, block))
            return
        stream.head_came = stream.answered = True
        if head.length is not None and not stream.asked_bodiless and head.status != 304:
            stream.expected = head.length
            if end and head.length:
                raise heads.Malformed("cl_mismatch", "a content-length, and no body")
        if end:
            self._remote_end(stream)
        self.events.append(Head(stream, block, wire, end))

    def _trailers(self, stream: Stream, block: Decoded, *, end: bool, wire: int) -> None:
        if not end:
            raise heads.Malformed("h2_trailers_without_end", "a second head that does not end its stream")
        if block.oversized:
            raise heads.Malformed("header_too_large", f"trailers of {block.size} bytes, over the limit")
        heads.trailers(block)
        if stream.expected > 0:
            raise heads.Malformed("cl_mismatch", "less than content-length")
        self._remote_end(stream)
        self.events.append(Trailers(stream, block, wire))
