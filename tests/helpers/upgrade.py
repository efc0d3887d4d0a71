"""A WebSocket through the proxy, with both ends in the test's hands."""

from __future__ import annotations

from h2.settings import SettingCodes

from soth_mitm.model.events import FlowClosed, MessageSeen
from soth_mitm.proto.websocket.handshake import accept_of
from tests.helpers.h2peer import Message, Peer, h2_link
from tests.helpers.net import Lab, Link
from tests.helpers.wire import Wire, eventually

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


class StreamEnd:
    """One end of a WebSocket on a stream of HTTP/2, used as a `Wire` is."""

    def __init__(self, peer: Peer, stream: int) -> None:
        self.peer = peer
        self.stream = stream
        self._at = 0

    @property
    def message(self) -> Message:
        """What came on the stream."""
        self.peer.pump()
        return self.peer.messages[self.stream]

    @property
    def unread(self) -> bytes:
        """What came and was not consumed."""
        return self.message.body[self._at :]

    async def exactly(self, count: int) -> bytes:
        """Consume `count` bytes; fewer where the stream ends before."""
        await eventually(lambda: len(self.unread) >= count or self.message.over, f"{count} bytes")
        data = self.unread[:count]
        self._at += len(data)
        return data

    async def same(self, wanted: bytes) -> None:
        """Consume as many bytes as `wanted` has, and insist that they are those."""
        assert await self.exactly(len(wanted)) == wanted

    async def rest(self) -> bytes:
        """Consume everything up to the end of the stream."""
        await eventually(lambda: self.message.over, f"the end of stream {self.stream}")
        return await self.exactly(len(self.unread))

    def send(self, data: bytes) -> None:
        """Send bytes that fit the window."""
        self.peer.pump()
        self.peer.data(self.stream, data)

    def close(self) -> None:
        """Send no more."""
        self.peer.data(self.stream, b"", end=True)


class StreamSocket:
    """Both ends of a WebSocket that is a stream on both sides."""

    def __init__(self, lab: Lab, client: StreamEnd, server: StreamEnd) -> None:
        self.lab = lab
        self.client = client
        self.server = server

    async def up(self, wire: bytes) -> None:
        """Have the client send bytes, and see them arrive as they are."""
        self.client.send(wire)
        await self.server.same(wire)

    async def down(self, wire: bytes) -> None:
        """Have the server send bytes, and see them arrive as they are."""
        self.server.send(wire)
        await self.client.same(wire)

    async def ended(self) -> FlowClosed:
        """Wait for the flow's end."""
        await eventually(lambda: self.lab.all(FlowClosed), "the end of the flow")
        return self.lab.all(FlowClosed)[0]


EXTENDED = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":authority", b"site.test"),
    (b":path", b"/chat"),
    (b"sec-websocket-version", b"13"),
]


async def asked(lab: Lab, *fields: tuple[bytes, bytes]) -> StreamSocket:
    """Ask for a WebSocket by extended CONNECT, which the upstream has said that it takes."""
    link = await h2_link(lab)
    settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    server = link._server = Peer(await link.origin.accept(), client=False, settings=settings)
    await link.client.until(lambda: link.client.peer_settings.get(8), "the offer")
    stream = link.client.ask([*EXTENDED, *fields], end=False)
    await server.until(lambda: server.messages[1].head, "the request")
    assert server.messages[1].head == [*EXTENDED, *fields]
    return StreamSocket(lab, StreamEnd(link.client, stream), StreamEnd(server, 1))


async def agreed(lab: Lab, *, deflate: bool = False) -> StreamSocket:
    """Open a WebSocket by extended CONNECT."""
    fields = [(b"sec-websocket-extensions", b"permessage-deflate")] if deflate else []
    ws = await asked(lab, *fields)
    ws.server.peer.head_out(ws.server.stream, [(b":status", b"200"), *fields])
    await ws.client.peer.head(ws.client.stream)
    return ws
