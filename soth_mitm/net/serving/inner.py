"""A server within the proxy: HTTP/1.1 on one end of a socket pair, an upstream connection on the other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import h11

from soth_mitm.model.events import ConnOpened, Side
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import replies, tasks
from soth_mitm.net.dial import Dialled
from soth_mitm.net.serving.arrival import Arrival
from soth_mitm.net.sockets import format_address
from soth_mitm.net.upstream import Peer, start
from soth_mitm.proto.connect import ConnectError, parse_absolute
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from soth_mitm.net.origin import Place
    from soth_mitm.net.shared import Shared
    from soth_mitm.net.upstream import UpstreamConn

FieldLine = tuple[bytes, bytes]
_READ = 64 * 1024
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection"))


class Asked(NamedTuple):
    """A request; its body is passed over."""

    method: bytes
    target: bytes
    """In origin-form."""
    fields: tuple[FieldLine, ...]
    """Names in lower case."""
    arrival: Arrival
    """What has come of its body."""

    def field(self, name: bytes) -> bytes:
        """Return the first value of a field, or nothing."""
        return next((value for own, value in self.fields if own == name), b"")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]
"""Goes on in another protocol; gets what came already."""


class Answer(NamedTuple):
    """A response; its framing is the server's matter."""

    status: int
    fields: tuple[FieldLine, ...] = ()
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
    """Of the body, where it is not sent (HEAD) or read piece by piece; None where it is not known."""
    reason: bytes = b""
    trailers: tuple[FieldLine, ...] = ()
    """Sent behind a body, which then goes in chunks; a client of HTTP/1.0 gets none."""
    talk: Talk | None = None
    """What follows where the status is 101."""


class Answerer(Protocol):
    """Answers requests."""

    @property
    def name(self) -> str:
        """Who answers, for a person."""
        ...

    @property
    def early(self) -> bool:
        """Whether to answer before the request has ended."""
        ...

    async def has(self, target: bytes) -> bool:
        """Whether there is an answer to a request for this target; if not, it goes to its upstream."""
        ...

    async def answer(self, request: Asked) -> Answer:
        """Return the answer to a request."""
        ...


class InnerSupply:
    """Makes connections to an answerer, each for one exchange at a time."""

    def __init__(self, shared: Shared, answerer: Answerer) -> None:
        self._shared = shared
        self._answerer = answerer

    def ready(self, place: Place) -> UpstreamConn | None:
        """Return None: a connection is made for each exchange."""
        return None

    async def open(self, place: Place, *, fresh: bool = False) -> UpstreamConn:
        """Make a connection, and serve its other end."""
        shared, name = self._shared, self._answerer.name
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
        life = shared.new_conn()
        life.emit(ConnOpened(Side.UPSTREAM, name, format_address(("soth-mitm", 0))))
        shared.tasks.spawn(_serve(shared, theirs, self._answerer), f"answers of {name}")
        dialled = Dialled(ours, (name, 0), 0, 0, ("soth-mitm", 0))
        return await start(shared, life, peer=Peer("http", place.host, place.port), dialled=dialled)

    def release(self, conn: UpstreamConn, reusable: bool) -> None:
        """Close it."""
        conn.user = None
        conn.close(CloseReason.COMPLETED)


async def _serve(shared: Shared, sock: socket.socket, answerer: Answerer) -> None:
    reader, writer = await asyncio.open_connection(sock=sock, limit=_READ)
    try:
        await _Serving(shared, reader, writer, answerer).run()
    except (ConnectionError, h11.LocalProtocolError):
        pass  # the exchange is over before its answer is
    finally:
        writer.close()


class _Serving:
    """One connection, until it is closed."""

    def __init__(
        self,
        shared: Shared,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answerer: Answerer,
    ) -> None:
        self._shared = shared
        self._reader = reader
        self._writer = writer
        self._answerer = answerer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=shared.config.limits.max_head_bytes)

    async def run(self) -> None:
        while (asked := await self._request()) is not None:
            rest = tasks.start(self._rest(asked.arrival), f"request of {self._answerer.name}")
            try:
                if not self._answerer.early:
                    await asked.arrival.whole()
                await self._respond(asked)
                await rest
            finally:
                rest.cancel()
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _event(self) -> h11.Event | None:
        """Return the next event; None where no more can be read."""
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            if self._http.they_are_waiting_for_100_continue:
                self._put(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(_READ))

    async def _request(self) -> Asked | None:
        try:
            head = await self._event()
        except h11.RemoteProtocolError as error:
            text = f"{self._answerer.name} cannot read this request: {error}"
            await self._send(_explained(400, text))
            return None
        if not isinstance(head, h11.Request):
            return None
        fields = tuple((bytes(name), bytes(value)) for name, value in head.headers)
        target = _origin_form(bytes(head.target))
        kind = next((value for name, value in fields if name == b"content-type"), b"")
        return Asked(bytes(head.method), target, fields, Arrival(kind, target))

    async def _rest(self, arrival: Arrival) -> None:
        """Read a request's body, whatever it is."""
        try:
            while isinstance(event := await self._event(), h11.Data):
                arrival.feed(event.data)
        except (h11.RemoteProtocolError, ConnectionError):
            pass  # it does not come any more
        finally:
            arrival.end()

    async def _respond(self, asked: Asked) -> None:
        try:
            answer = await self._answerer.answer(asked)
        except (OSError, ValueError) as error:
            answer = _explained(502, f"{self._answerer.name} cannot answer: {error}")
        await self._send(answer)

    async def _send(self, answer: Answer) -> None:
        if answer.talk is not None:
            fields = list(answer.fields)
            reason = replies.phrase(answer.status)
            self._put(h11.InformationalResponse(status_code=answer.status, headers=fields, reason=reason))
            await answer.talk(self._reader, self._writer, self._http.trailing_data[0])
            return
        fields = [pair for pair in answer.fields if pair[0].lower() not in _FRAMING]
        trailers = answer.trailers if self._http.their_http_version == b"1.1" else ()
        length = answer.length if not trailers else None
        if length is None and isinstance(answer.body, bytes) and not trailers:
            length = len(answer.body)
        if length is not None and answer.status not in (204, 304):
            fields.append((b"Content-Length", b"%d" % length))
        reason = answer.reason or replies.phrase(answer.status)
        self._put(h11.Response(status_code=answer.status, headers=fields, reason=reason))
        if isinstance(answer.body, bytes):
            if answer.body:
                self._put(h11.Data(data=answer.body))
                await self._writer.drain()
        else:
            async for piece in answer.body:
                self._put(h11.Data(data=piece))
                await self._writer.drain()
        self._put(h11.EndOfMessage(headers=list(trailers)))
        await self._writer.drain()

    def _put(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)


def _explained(status: int, text: str) -> Answer:
    fields = ((b"Content-Type", b"text/plain; charset=utf-8"), (b"Cache-Control", b"no-store"))
    return Answer(status, fields, f"soth-mitm: {printable(text, 500)}\n".encode())


def _origin_form(target: bytes) -> bytes:
    if target[:1] in (b"/", b"*"):
        return target
    try:
        return parse_absolute(target).path
    except ConnectError:
        return target
