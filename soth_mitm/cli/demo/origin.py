"""An origin over real sockets: HTTP/1.1 with h11 as its engine, HTTP/2 where the client asks for it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

import h11

from soth_mitm.cli.demo import http2, websocket
from soth_mitm.cli.demo.message import UPGRADE_REQUIRED, Answer, Fields, Request
from soth_mitm.cli.demo.wire import Wire
from soth_mitm.net.sockets import tune

if TYPE_CHECKING:
    from soth_mitm.net.tasks import TaskGroup

LOOPBACK = "127.0.0.1"
_READ = 65_536
_LARGEST_BODY = 16 * 1024 * 1024
_IDLE = 60.0
"""Seconds that a connection may wait for its next request."""


class Origin:
    """Serves what `content` answers, on a free port of loopback.

    `pace` scales every pause of an answer: 1 is what a person watches, 0 leaves them out.
    """

    def __init__(self, content: Callable[[Request], Answer], *, tasks: TaskGroup, pace: float = 1.0) -> None:
        self._content = content
        self._tasks = tasks
        self._pace = pace
        self._context: ssl.SSLContext | None = None
        self._listening: socket.socket | None = None
        self.port = 0

    def open(self, context: ssl.SSLContext | None = None) -> None:
        """Listen, inside TLS where a context is given."""
        self._context = context
        self._listening = socket.create_server((LOOPBACK, 0), backlog=128)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listening, self._accept, self._listening)

    def close(self) -> None:
        """Stop listening. Connections that are open end with the group of tasks."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError:
            return  # the client has left already
        tune(sock)
        wire = Wire(sock)
        connection = _Connection(wire, content=self._content, pace=self._pace, tasks=self._tasks)
        task = self._tasks.spawn(connection.serve(self._context), "demo origin connection")
        # A task that is cancelled before its first step runs no line of its own.
        task.add_done_callback(lambda _: wire.close())


class _Connection:
    """One connection from a client, for as many requests as it sends."""

    def __init__(
        self, wire: Wire, *, content: Callable[[Request], Answer], pace: float, tasks: TaskGroup
    ) -> None:
        self._wire = wire
        self._tasks = tasks
        self._content = content
        self._pace = pace
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_READ)

    async def serve(self, context: ssl.SSLContext | None) -> None:
        """Answer requests until a side closes. A peer that leaves or stays silent just ends it."""
        try:
            if context is not None:
                async with asyncio.timeout(_IDLE):
                    await self._wire.accept_tls(context)
            if self._wire.protocol == http2.ALPN:
                await http2.Http2Server(
                    self._wire, content=self._content, pace=self._pace, tasks=self._tasks
                ).serve()
            else:
                await self._exchanges()
        except (OSError, h11.RemoteProtocolError):
            return  # the peer left, or does not speak HTTP
        await self._wire.end()

    async def _exchanges(self) -> None:
        while True:
            async with asyncio.timeout(_IDLE):
                request = await self._request()
            if request is None:
                return
            answer = self._content(request)
            if answer.status == 101:
                if agreed := websocket.agreeing(request.fields):
                    await self._switch(agreed, answer)
                    return
                answer = UPGRADE_REQUIRED
            await self._respond(answer, bodiless=request.method == "HEAD")
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _switch(self, agreed: Fields, answer: Answer) -> None:
        await self._send(h11.InformationalResponse(status_code=101, headers=_wire(agreed)))
        deflate = agreed[-1][1] == websocket.DEFLATE
        early, _ = self._http.trailing_data
        socket = websocket.Socket(self._wire, client=False, deflate=deflate, early=early)
        await socket.tell(answer, pace=self._pace)

    async def _request(self) -> Request | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _LARGEST_BODY:
                    raise ConnectionAbortedError("the request body is larger than the demo takes")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _as_request(head, bytes(body))
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def _event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise ConnectionAbortedError("the client left HTTP/1.1")
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._wire.read())

    async def _respond(self, answer: Answer, *, bodiless: bool) -> None:
        await self._pause(answer.wait)
        if answer.early:
            await self._send(h11.InformationalResponse(status_code=103, headers=_wire(answer.early)))
        fields = list(answer.fields)
        if not answer.pieces and answer.status not in (204, 304):
            fields.append(("Content-Length", str(len(answer.body))))
        reason = _REASONS.get(answer.status, "")
        await self._send(
            h11.Response(status_code=answer.status, headers=_wire(tuple(fields)), reason=reason.encode())
        )
        if not bodiless:
            for piece in answer.pieces or (answer.body,):
                await self._pause(answer.gap)
                await self._send(h11.Data(data=piece))
        await self._send(h11.EndOfMessage(headers=_wire(answer.trailers)))

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            await self._wire.write(data)

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds * self._pace)


def _as_request(head: h11.Request, body: bytes) -> Request:
    fields = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    host = fields.get("host", "").partition(":")[0].lower()
    return Request(head.method.decode("ascii"), host, head.target.decode("ascii"), fields, body)


def _wire(fields: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]


_REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    404: "Not Found",
    405: "Method Not Allowed",
    426: "Upgrade Required",
    416: "Range Not Satisfiable",
    500: "Internal Server Error",
}
