"""HTTP/2 for both ends of the demo, over real sockets; package h2 is its engine (RFC 9113)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from soth_mitm.cli.demo.message import UPGRADE_REQUIRED, Answer, Request

if TYPE_CHECKING:
    from soth_mitm.cli.demo.message import Fields
    from soth_mitm.cli.demo.wire import Wire
    from soth_mitm.net.tasks import TaskGroup

ALPN: Final = "h2"
_LARGEST_BODY: Final = 16 * 1024 * 1024
_OF_CONNECTION: Final = frozenset({"connection", "transfer-encoding", "keep-alive", "upgrade", "host"})
"""Fields that HTTP/2 has no place for (RFC 9113 section 8.2.2)."""

Event = h2.events.Event
HeaderList = list[tuple[str, str]]
Received = list[tuple[bytes, bytes]]


class Multiplexed:
    """A connection whose streams several tasks use, while one of them pumps."""

    def __init__(self, wire: Wire, *, client: bool) -> None:
        self._wire = wire
        self._http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=client, header_encoding=None)
        )
        self._writing = asyncio.Lock()
        self._room = asyncio.Event()
        self.ended = False

    async def begin(self) -> None:
        """Send the preface, where we are the client, and our settings."""
        self._http.initiate_connection()
        await self.flush()

    async def pump(self, take: Callable[[Event], object]) -> None:
        """Read until the peer ends, and hand each event on.

        Raises:
            OSError: the connection broke; h2.exceptions.ProtocolError: the peer does not speak HTTP/2.
        """
        try:
            while data := await self._wire.read():
                for event in self._http.receive_data(data):
                    if isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
                        self._room.set()
                    elif isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                        self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    take(event)
                await self.flush()
        finally:
            self.ended = True
            self._room.set()

    async def flush(self) -> None:
        """Send what the engine has for the peer."""
        async with self._writing:
            data = self._http.data_to_send()
            if data:
                await self._wire.write(data)

    async def head(self, stream: int, fields: HeaderList, *, end: bool = False) -> None:
        """Send a head, or trailers."""
        self._http.send_headers(stream, fields, end_stream=end)
        await self.flush()

    async def body(self, stream: int, pieces: Iterable[bytes], *, end: bool) -> None:
        """Send a body as the peer's windows allow.

        Raises:
            ConnectionError: the connection ended meanwhile; h2.exceptions.StreamClosedError: the stream did.
        """
        for piece in pieces:
            at = 0
            while at < len(piece):
                size = min(self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size)
                if size <= 0:
                    self._room.clear()
                    await self._room.wait()
                    if self.ended:
                        raise ConnectionResetError("the connection ended inside a body")
                    continue
                self._http.send_data(stream, piece[at : at + size])
                at += size
                await self.flush()
        if end:
            self._http.end_stream(stream)
            await self.flush()

    async def reset(self, stream: int) -> None:
        """Give a stream up."""
        self._http.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        await self.flush()

    def new_stream(self) -> int:
        """Return the number of the next stream of ours."""
        return self._http.get_next_available_stream_id()


class Http2Server:
    """Answers the requests of one connection, each in a task of its own."""

    def __init__(
        self, wire: Wire, *, content: Callable[[Request], Answer], pace: float, tasks: TaskGroup
    ) -> None:
        self._link = Multiplexed(wire, client=False)
        self._content = content
        self._pace = pace
        self._tasks = tasks
        self._heads: dict[int, Received] = {}
        self._bodies: dict[int, bytearray] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Serve until the client leaves; a stream that it resets is left off."""
        try:
            await self._link.begin()
            await self._link.pump(self._take)
        except h2.exceptions.ProtocolError:
            await self._link.flush()
        finally:
            for task in self._answering.values():
                task.cancel()

    def _take(self, event: Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream), headers=fields):
                self._heads[stream] = list(fields or ())
                self._bodies[stream] = bytearray()
            case h2.events.DataReceived(stream_id=int(stream), data=data) if stream in self._bodies:
                self._bodies[stream] += data or b""
                if len(self._bodies[stream]) > _LARGEST_BODY:
                    raise ConnectionAbortedError("the request body is larger than the demo takes")
            case h2.events.StreamEnded(stream_id=int(stream)) if stream in self._heads:
                request = _as_request(self._heads.pop(stream), bytes(self._bodies.pop(stream)))
                task = self._tasks.spawn(self._answer(stream, request), "demo stream")
                self._answering[stream] = task
                task.add_done_callback(lambda _: self._answering.pop(stream, None))
            case h2.events.StreamReset(stream_id=int(stream)):
                self._heads.pop(stream, None)
                self._bodies.pop(stream, None)
                if stream in self._answering:
                    self._answering[stream].cancel()

    async def _answer(self, stream: int, request: Request) -> None:
        link, answer = self._link, self._content(request)
        if answer.status == 101:  # which HTTP/2 does not know (RFC 9113 section 8.6)
            answer = UPGRADE_REQUIRED
        bodiless = request.method == "HEAD" or not (answer.body or answer.pieces)
        try:
            await self._pause(answer.wait)
            if answer.early:
                await link.head(stream, _fields(answer.early, ("103",)))
            last = bodiless and not answer.trailers
            await link.head(stream, _fields(answer.fields, (str(answer.status),)), end=last)
            if not bodiless:
                for piece in answer.pieces or (answer.body,):
                    await self._pause(answer.gap)
                    await link.body(stream, (piece,), end=False)
            if answer.trailers:
                await link.head(stream, _fields(answer.trailers), end=True)
            elif not last:
                await link.body(stream, (), end=True)
        except (OSError, h2.exceptions.ProtocolError):
            return  # the client, or this stream of it, is gone

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds * self._pace)


def _fields(fields: Fields, status: tuple[str, ...] = ()) -> HeaderList:
    named = [(name.lower(), value) for name, value in fields]
    return [
        *((":status", value) for value in status),
        *(each for each in named if each[0] not in _OF_CONNECTION),
    ]


def _as_request(head: Received, body: bytes) -> Request:
    fields = {name.decode("ascii"): value.decode("latin-1") for name, value in head}
    authority = fields.get(":authority", fields.get("host", ""))
    plain = {name: value for name, value in fields.items() if name[:1] != ":"}
    host = authority.partition(":")[0].lower()
    return Request(fields.get(":method", ""), host, fields.get(":path", "/"), plain, body)
