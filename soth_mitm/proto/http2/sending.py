"""The sending half of an engine: frames out, within the peer's windows, one stream's turn after another.

What does not fit a window waits in its stream, and whoever gave it is told how much went; so a sender
upstream of us is only granted more once its bytes have gone on (RFC 9113 section 5.2).
"""

from __future__ import annotations

import struct

from soth_mitm.proto.http2 import codes, settings
from soth_mitm.proto.http2.bounds import PIECE, Bounds
from soth_mitm.proto.http2.codes import FRAME_HEADER, ErrorCode, frame
from soth_mitm.proto.http2.hpack import Encoder, Fields
from soth_mitm.proto.http2.stream import Stream

_UINT = struct.Struct(">I")
_TWO_UINTS = struct.Struct(">II")
_REMEMBERED = 1000


class Sender:
    """Writes frames; `output` has what is to be sent."""

    def __init__(self, *, client: bool, bounds: Bounds) -> None:
        self.client = client
        """Whether we open the streams."""
        self.bounds = bounds
        self.streams: dict[int, Stream] = {}
        """The open ones."""
        self.window = codes.DEFAULT_WINDOW
        """What may still be sent on the whole connection."""
        self.paused = False
        """Set by the driver while its transport is full: data waits then."""
        self.peer_max_streams = codes.MAX_WINDOW
        self.peer_connect_protocol = False
        """The peer takes extended CONNECT (RFC 8441)."""
        self.gone_away = False
        """The peer takes no new streams."""
        self._peer_window = codes.DEFAULT_WINDOW
        self._frame_size = codes.DEFAULT_FRAME_SIZE
        self._out: list[bytes] = []
        self._encoder = Encoder()
        self._turn: dict[int, Stream] = {}
        self._closed: dict[int, bool] = {}
        """Streams that ended lately, and whether we reset them."""
        self._next = 1
        self._receive_window = codes.DEFAULT_WINDOW
        self._unannounced = 0
        self._data_frames = 0

    # --- streams --------------------------------------------------------------------------------

    @property
    def can_open(self) -> bool:
        """Whether the peer takes one more stream of ours."""
        return (
            not self.gone_away
            and len(self.streams) < self.peer_max_streams
            and self._next <= codes.MAX_WINDOW
        )

    def open(self, owner: object = None) -> Stream:
        """Begin a stream of ours; a head has to follow at once."""
        stream = self._add(self._next)
        stream.owner = owner
        self._next += 2
        return stream

    def _add(self, number: int) -> Stream:
        stream = self.streams[number] = Stream(
            number, send_window=self._peer_window, receive_window=self.bounds.stream_window
        )
        return stream

    def _forget(self, stream: Stream, *, reset: bool = False) -> None:
        if self.streams.pop(stream.number, None) is None:
            return
        self._turn.pop(stream.number, None)
        stream.local_done = stream.remote_done = True
        stream.queue.clear()
        stream.queued = 0
        self._give_back(stream.untaken)
        stream.untaken = 0
        self._closed[stream.number] = reset
        if len(self._closed) > _REMEMBERED:
            del self._closed[next(iter(self._closed))]

    # --- sending --------------------------------------------------------------------------------

    def output(self) -> bytes:
        """Take what is to be sent now."""
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def send_head(
        self,
        stream: Stream,
        fields: Fields,
        *,
        never: tuple[int, ...] = (),
        end: bool = False,
        interim: bool = False,
    ) -> int:
        """Send a head; return how many bytes its frames take. An `interim` one may come before others."""
        if stream.local_done:
            return 0
        if not self.client and not interim:
            stream.answered = True
        wire = self._block(stream, fields, never=never, end=end)
        if end:
            self._done(stream)
        return wire

    def send(self, stream: Stream, data: bytes, *, end: bool = False) -> int:
        """Send a piece of a body, and the end; return how many bytes went, the rest waits for `pump`.

        To a stream that has ended, everything went.
        """
        size = len(data)
        if stream.local_done:
            return size
        if (
            not stream.queue
            and size <= stream.send_window
            and size <= self.window
            and size <= self._frame_size
            and not self.paused
        ):
            if size or end:
                self._data(stream, data, end=end)
            return size
        stream.ending = stream.ending or end
        if size:
            stream.queue.append(data)
            stream.queued += size
        sent = 0
        while not self.paused and (piece := self._piece(stream)):
            sent += piece
        if stream.queue or (stream.ending and not stream.local_done):
            self._turn[stream.number] = stream
        return sent

    def send_trailers(self, stream: Stream, fields: Fields, *, never: tuple[int, ...] = ()) -> None:
        """End a stream with fields, after what waits."""
        if stream.local_done:
            return
        if stream.queue:
            stream.ending, stream.trailers = True, (fields, never)
        else:
            self._block(stream, fields, never=never, end=True)
            self._done(stream)

    @property
    def waiting(self) -> bool:
        """Whether something waits for a window or the driver."""
        return bool(self._turn)

    def pump(self, most: int) -> list[tuple[Stream, int]]:
        """Send up to about `most` bytes of what waits, in turns; return how many of each stream went."""
        moved: list[tuple[Stream, int]] = []
        while self._turn and most > 0 and not self.paused:
            before = len(moved)
            for number in list(self._turn):
                stream = self._turn.pop(number)
                sent = self._piece(stream)
                if stream.queue or (stream.ending and not stream.local_done):
                    self._turn[number] = stream
                if sent or stream.local_done:
                    moved.append((stream, sent))
                    most -= sent
            if len(moved) == before:
                break
        return moved

    def _piece(self, stream: Stream) -> int:
        """Send one frame of what waits; return its bytes of data."""
        queue = stream.queue
        if not queue:
            if stream.ending and not stream.local_done:
                self._end(stream)
            return 0
        size = min(stream.send_window, self.window, self._frame_size, PIECE)
        if size <= 0:
            return 0
        data = queue[0]
        if len(data) <= size:
            queue.popleft()
        else:
            queue[0] = data[size:]
            data = data[:size]
        stream.queued -= len(data)
        last = not queue and stream.ending
        self._data(stream, data, end=last and stream.trailers is None)
        if last and stream.trailers is not None:
            self._end(stream)
        return len(data)

    def _end(self, stream: Stream) -> None:
        if stream.trailers is None:
            self._data(stream, b"", end=True)
        else:
            fields, never = stream.trailers
            self._block(stream, fields, never=never, end=True)
            self._done(stream)

    def _data(self, stream: Stream, data: bytes, *, end: bool) -> None:
        size = len(data)
        stream.send_window -= size
        self.window -= size
        self._data_frames += 1
        self._out.append(FRAME_HEADER.pack(size >> 8, size & 0xFF, codes.DATA, end, stream.number))
        self._out.append(data)
        if end:
            self._done(stream)

    def _block(self, stream: Stream, fields: Fields, *, never: tuple[int, ...], end: bool) -> int:
        block = self._encoder.encode(fields, never)
        size, flags = self._frame_size, codes.END_STREAM if end else 0
        if len(block) <= size:
            self._out.append(frame(codes.HEADERS, flags | codes.END_HEADERS, stream.number, block))
            return len(block) + codes.HEADER_LENGTH
        self._out.append(frame(codes.HEADERS, flags, stream.number, block[:size]))
        pieces = range(size, len(block), size)
        for at in pieces:
            last = codes.END_HEADERS if at + size >= len(block) else 0
            self._out.append(frame(codes.CONTINUATION, last, stream.number, block[at : at + size]))
        return len(block) + codes.HEADER_LENGTH * (1 + len(pieces))

    def _done(self, stream: Stream) -> None:
        stream.local_done = True
        if stream.remote_done:
            self._forget(stream)

    def reset(self, stream: Stream, code: int) -> None:
        """End a stream early; does nothing where it has ended."""
        if stream.number in self.streams:
            self._out.append(frame(codes.RST_STREAM, 0, stream.number, _UINT.pack(code)))
            self._forget(stream, reset=True)

    def _reset_number(self, number: int, code: int) -> None:
        """Reset a stream that was not kept."""
        self._out.append(frame(codes.RST_STREAM, 0, number, _UINT.pack(code)))
        self._closed[number] = True

    # --- windows of the peer ---------------------------------------------------------------------

    def took(self, stream: Stream, count: int, *, late: bool = False) -> None:
        """Grant a peer as much more as has gone on; `late` where it had to wait for that.

        A stream whose bytes go on at once gets a larger window.
        """
        count = min(count, stream.untaken)
        stream.untaken -= count
        self._give_back(count)
        if stream.remote_done:
            return
        stream.unannounced += count
        stream.lagged = stream.lagged or late
        if stream.unannounced * 2 < stream.target:
            return
        more = stream.unannounced
        if not stream.lagged and stream.target < self.bounds.stream_window_max:
            grown = min(stream.target, self.bounds.stream_window_max - stream.target)
            stream.target += grown
            more += grown
        stream.unannounced = 0
        stream.lagged = False
        stream.receive_window += more
        self._out.append(frame(codes.WINDOW_UPDATE, 0, stream.number, _UINT.pack(more)))

    def _give_back(self, count: int) -> None:
        self._unannounced += count
        if self._unannounced * 4 >= self.bounds.connection_window:
            self._receive_window += self._unannounced
            self._out.append(frame(codes.WINDOW_UPDATE, 0, 0, _UINT.pack(self._unannounced)))
            self._unannounced = 0

    # --- the connection ---------------------------------------------------------------------------

    def begin(self, *, max_streams: int = 0, connect_protocol: bool = False) -> None:
        """Send what a connection starts with."""
        if self.client:
            self._out.append(codes.PREFACE)
        bounds = self.bounds
        pairs = [(codes.INITIAL_WINDOW_SIZE, bounds.stream_window)]
        pairs.append((codes.MAX_HEADER_LIST_SIZE, bounds.header_list))
        if self.client:
            pairs.append((codes.ENABLE_PUSH, 0))
        else:
            pairs.append((codes.MAX_CONCURRENT_STREAMS, max_streams or bounds.max_streams))
        if connect_protocol:
            pairs.append((codes.ENABLE_CONNECT_PROTOCOL, 1))
        self._out.append(settings.write(pairs))
        if bounds.first_window:
            self._receive_window += bounds.first_window
            self._out.append(frame(codes.WINDOW_UPDATE, 0, 0, _UINT.pack(bounds.first_window)))

    def send_settings(self, *pairs: tuple[int, int]) -> None:
        """Change some settings of ours."""
        self._out.append(settings.write(pairs))

    def send_ping(self, data: bytes, *, ack: bool = False) -> None:
        """Send eight bytes to be sent back, or send them back."""
        self._out.append(frame(codes.PING, codes.ACK if ack else 0, 0, data))

    def send_goaway(self, code: int, *, last: int, detail: bytes = b"") -> None:
        """Announce the end; streams of the peer beyond `last` will not be served."""
        self._out.append(frame(codes.GOAWAY, 0, 0, _TWO_UINTS.pack(last, code) + detail))


__all__ = ["ErrorCode", "Sender"]
