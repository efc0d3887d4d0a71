"""Both ends of the demo's WebSockets (RFC 6455), once HTTP/1.1 has been left; wsproto is their engine."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from typing import TYPE_CHECKING, Final

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event, Message, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError, generate_accept_token

from soth_mitm.net.tasks import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from soth_mitm.cli.demo.message import Answer, Fields
    from soth_mitm.cli.demo.wire import Wire

DEFLATE: Final = "permessage-deflate"
_DONE, _GOING_AWAY = 1000, 1001
_TURN: Final = 3
"""Messages that a client hears before it says its next one."""


class Broken(ConnectionError):
    """The other side does not speak the protocol."""


def asking(number: int) -> Fields:
    """Return the fields with which a client asks; `number` makes its key."""
    key = base64.b64encode(number.to_bytes(16, "big")).decode()
    return (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Extensions", DEFLATE),
    )


def agreeing(fields: Mapping[str, str]) -> Fields:
    """Return the fields of the 101 to such a request; none where it is no such request."""
    key = fields.get("sec-websocket-key", "")
    if not key or fields.get("upgrade", "").lower() != "websocket":
        return ()
    agreed = (DEFLATE,) if fields.get("sec-websocket-extensions", "").startswith(DEFLATE) else ()
    return (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Accept", generate_accept_token(key.encode()).decode()),
        *(("Sec-WebSocket-Extensions", extension) for extension in agreed),
    )


_ASK = '"response.create"'
_READY = re.compile(r'"type": ?"(?:session\.created|response\.(?:completed|done))"')
"""Behind such a message of a model the client speaks."""


class Socket:
    """One end of an open WebSocket."""

    def __init__(self, wire: Wire, *, client: bool, deflate: bool, early: bytes) -> None:
        extensions = []
        if deflate:
            extension = PerMessageDeflate()
            extension.finalize(DEFLATE)
            extensions.append(extension)
        kind = ConnectionType.CLIENT if client else ConnectionType.SERVER
        self._wire = wire
        self._engine = Connection(kind, extensions, early)  # type: ignore[arg-type]
        self._writing = asyncio.Lock()
        self._heard = ""

    async def tell(self, answer: Answer, *, pace: float) -> None:
        """Serve: say the pieces of an answer, one after each pause, and close; an empty one is a ping.

        What the client says comes back to it where the answer `echoes`.
        """
        telling = start(self._tell(answer, pace), "demo socket")
        try:
            while self._engine.state is not ConnectionState.CLOSED:
                for text in await self._hear():
                    if answer.echoes:
                        await self._send(Message(text))
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def listen(self, says: tuple[str, ...], *, leaves_after: int) -> None:
        """Be a client: say the next text after every few that are heard, until the server closes.

        With `leaves_after`, close after so many texts. Who asks a model says all that belongs to a question
        at once, and the next one when it has been answered.

        Raises:
            OSError: the connection ended before it was closed in order.
        """
        rest = iter(says)
        count = 0
        asks = any(_ASK in text for text in says)
        if not asks or _ASK in says[0]:
            await self._say(rest)
        while self._engine.state is not ConnectionState.CLOSED:
            for text in await self._hear():
                count += 1
                if count == leaves_after:
                    await self._close(_GOING_AWAY, "going away")
                elif asks:
                    if _READY.search(text):
                        await self._ask(rest)
                elif count % _TURN == 0:
                    await self._say(rest)

    async def _tell(self, answer: Answer, pace: float) -> None:
        with contextlib.suppress(OSError):  # the reader hears of it too
            for piece in answer.pieces:
                await asyncio.sleep(answer.gap * pace)
                await self._send(Message(piece.decode()) if piece else Ping(b"still there"))
            await self._close(_DONE, "that is all")

    async def _ask(self, rest: Iterator[str]) -> None:
        for text in rest:
            await self._send(Message(text))
            if _ASK in text:
                return

    async def _say(self, rest: Iterator[str]) -> None:
        text = next(rest, None)
        if text is not None:
            await self._send(Message(text))

    async def _hear(self) -> list[str]:
        """Return the texts that come next; pings and the close are answered here."""
        heard: list[str] = []
        try:
            for event in self._engine.events():
                if isinstance(event, TextMessage):
                    self._heard += event.data
                    if event.message_finished:
                        heard.append(self._heard)
                        self._heard = ""
                elif isinstance(event, Ping | CloseConnection):
                    await self._send(event.response())
            if not heard and self._engine.state is not ConnectionState.CLOSED:
                data = await self._wire.read()
                if not data:
                    raise ConnectionResetError("the connection ended before the WebSocket was closed")
                self._engine.receive_data(data)
        except RemoteProtocolError as error:
            raise Broken(str(error)) from error
        return heard

    async def _close(self, code: int, reason: str) -> None:
        if self._engine.state is ConnectionState.OPEN:
            await self._send(CloseConnection(code, reason))

    async def _send(self, event: Event) -> None:
        async with self._writing:
            if self._engine.state in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
                await self._wire.write(self._engine.send(event))
