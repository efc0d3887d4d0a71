"""A WebSocket through the proxy, with both ends in the test's hands."""

from __future__ import annotations

from soth_mitm.model.events import FlowClosed, MessageSeen
from soth_mitm.proto.websocket.handshake import accept_of
from tests.helpers.net import Lab, Link
from tests.helpers.wire import Wire

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: " + accept_of(KEY) + b"\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
END = b"\r\n"


class Socket:
    """Both ends of an open WebSocket."""

    def __init__(self, lab: Lab, link: Link, server: Wire) -> None:
        self.lab = lab
        self.link = link
        self.client = link.client
        self.server = server

    async def up(self, wire: bytes) -> None:
        """Have the client send bytes, and see them arrive as they are."""
        self.client.send(wire)
        await self.server.same(wire)

    async def down(self, wire: bytes) -> None:
        """Have the server send bytes, and see them arrive as they are."""
        self.server.send(wire)
        await self.client.same(wire)

    def seen(self) -> list[MessageSeen]:
        """Return the messages that were told."""
        return self.lab.all(MessageSeen)

    async def ended(self) -> FlowClosed:
        """Wait for the flow's end."""
        await self.lab.settled()
        return await self.lab.one(FlowClosed)


async def upgraded(
    lab: Lab, route: str, *, fields: bytes = b"", answer: bytes = b"", early: bytes = b""
) -> Socket:
    """Shake hands through a started proxy; `early` comes in the same packet as the 101."""
    link = await lab.link(route)
    server = await link.pass_request(REQUEST + fields + END)
    await link.pass_response(SWITCH + answer + END + early)
    return Socket(lab, link, server)
