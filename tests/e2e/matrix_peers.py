"""Peers of the matrix that curl is not: WebSockets over both versions of HTTP, and calls of gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from h2.settings import SettingCodes
from python_socks.sync import Proxy
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from soth_mitm.model.events import Direction
from tests.helpers.h2peer import Peer
from tests.helpers.origins import HOST, Authority
from tests.helpers.program import DEADLINE
from tests.helpers.upgrade import StreamEnd
from tests.helpers.wire import Wire, wrap

UP, DOWN = Direction.REQUEST, Direction.RESPONSE
Messages = list[tuple[Direction, int]]
"""Directions and sizes of messages."""

SAID: tuple[str | bytes, ...] = ("a word that comes again, " * 20, b"\x00\xff" * 300, "", "ä" * 40_000)


# --- ways to an origin


def through_connect(sock: socket.socket, port: int) -> socket.socket:
    """Ask for an origin by CONNECT."""
    sock.settimeout(DEADLINE)
    sock.sendall(
        b"CONNECT %b:%d HTTP/1.1\r\nHost: %b:%d\r\n\r\n" % (HOST.encode(), port, HOST.encode(), port)
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = sock.recv(1)
        assert piece, head
        head += piece
    assert head.startswith(b"HTTP/1.1 200 "), head
    return sock


def through_http(proxy: int, port: int) -> socket.socket:
    return through_connect(socket.create_connection(("127.0.0.1", proxy), DEADLINE), port)


def through_unix(proxy: Path, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(proxy))
    return through_connect(sock, port)


def through_socks(proxy: int, port: int) -> socket.socket:
    found: socket.socket = Proxy.from_url(f"socks5://127.0.0.1:{proxy}", rdns=True).connect(
        HOST, port, DEADLINE
    )
    return found


# --- WebSockets over HTTP/1.1


# The client of `websockets.sync` reads in one thread while it writes in another, over one object of
# OpenSSL. Where a session ticket of TLS 1.3 is read just then, what is written can be lost, and the
# handshake is never answered: about one in 500 on a busy machine, without any proxy as well.


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


@contextlib.contextmanager
def echoing(context: ssl.SSLContext | None) -> Iterator[int]:
    """Serve WebSockets that say what they hear; yield the port."""
    ports: queue.Queue[int] = queue.Queue()
    over = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with serve(_echo, "127.0.0.1", 0, ssl=context) as server:
            ports.put(server.sockets[0].getsockname()[1])
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    yield ports.get(timeout=DEADLINE)
    loop.call_soon_threadsafe(over.set)
    thread.join(DEADLINE)
    loop.close()


async def chat(sock: socket.socket, path: str, context: ssl.SSLContext | None) -> tuple[str, Messages]:
    """Say everything, and hear it; return how the two agreed, and the messages."""
    scheme = "ws" if context is None else "wss"
    messages: Messages = []
    async with connect(f"{scheme}://{HOST}{path}", sock=sock, ssl=context, proxy=None) as client:
        for message in SAID:
            await client.send(message)
            assert await asyncio.wait_for(client.recv(), DEADLINE) == message
            size = len(message.encode() if isinstance(message, str) else message)
            messages += (UP, size), (DOWN, size)
        assert client.response is not None
        agreed = client.response.headers.get("Sec-WebSocket-Extensions", "")
    return agreed, messages


# --- WebSockets on streams of HTTP/2 (RFC 8441)


HELLO = b"\x81\x85\x01\x02\x03\x04" + bytes(byte ^ (at % 4 + 1) for at, byte in enumerate(b"hello"))
ANSWER = b"\x81\x05hello"
BYE = b"\x88\x82\x01\x02\x03\x04" + bytes((0x03 ^ 1, 0xE8 ^ 2))
GOODBYE = b"\x88\x02\x03\xe8"


class StreamOrigin:
    """Takes WebSockets on streams of HTTP/2, whose ends the test plays."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        self._listener.close()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[list[Peer]]:
        """Accept connections while a test runs; each of them is added to what is yielded."""
        peers: list[Peer] = []

        def accepted(wire: Wire) -> None:
            peers.append(Peer(wire, client=False, settings={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}))

        server = await asyncio.get_running_loop().create_server(
            lambda: Wire(accepted), sock=self._listener.dup(), ssl=self._context
        )
        try:
            yield peers
        finally:
            server.close()
            for peer in peers:
                peer.wire.abort()


def extended(target: str, context: ssl.SSLContext | None) -> list[tuple[bytes, bytes]]:
    """Return the request for a WebSocket at `host:port/path`."""
    authority, slash, path = target.partition("/")
    return [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"http" if context is None else b"https"),
        (b":authority", authority.encode()),
        (b":path", (slash + path).encode()),
        (b"sec-websocket-version", b"13"),
        (b"x-case", b"kept"),
    ]


async def stream_chat(
    sock: socket.socket, target: str, context: ssl.SSLContext | None, origin: StreamOrigin | None = None
) -> tuple[dict[bytes, bytes], Messages]:
    """Open a WebSocket on a stream, say a word each way, and close.

    With `origin` the far end is a stream too, and played here; without, it is a server that echoes.
    Returns the request as `origin` saw it, and the messages.
    """
    async with contextlib.AsyncExitStack() as stack:
        servers: list[Peer] = await stack.enter_async_context(origin.open()) if origin is not None else []
        client = Peer(await wrap(sock, context=context, name=HOST), client=True)

        def asked() -> list[StreamEnd]:
            for server in servers:
                server.pump()
            return [StreamEnd(server, at) for server in servers for at in server.messages]

        await client.until(lambda: (asked(), client.peer_settings.get(8))[1], "the offer of extended CONNECT")
        near = StreamEnd(client, client.ask(extended(target, context), end=False))
        far = None
        if origin is not None:
            await client.until(asked, "the request")
            (far,) = asked()
            far.peer.head_out(far.stream, [(b":status", b"200")])
        await client.head(near.stream)
        for up, down in ((HELLO, ANSWER), (BYE, GOODBYE)):
            near.send(up)
            if far is not None:
                await far.same(up)
                far.send(down)
            await near.same(down)
        near.close()
        if far is not None:
            far.close()
        await client.until(lambda: near.message.over and (far is None or far.message.over), "the end")
        client.wire.abort()
        seen = dict(far.message.head) if far is not None else {}
    return seen, [(UP, 5), (DOWN, 5), (UP, 2), (DOWN, 2)]


# --- calls


@contextlib.contextmanager
def answering(authority: Authority) -> Iterator[dict[str, int]]:
    """Serve calls of gRPC; yield the port for each scheme, none where grpcio is not installed."""
    with contextlib.ExitStack() as stack:
        ports: dict[str, int] = {}
        with contextlib.suppress(ImportError):
            from tests.helpers.grpc_service import serving

            server = stack.enter_context(serving(authority.chain.read_bytes(), authority.key.read_bytes()))
            ports = {"http": server.plain_port, "https": server.port}
        yield ports


def calls() -> tuple[bytes, Messages]:
    """Return the body of a call that asks for a message for each of its own, and what passes then."""
    grpc_service = pytest.importorskip("tests.helpers.grpc_service", reason="grpcio is not installed")
    body, messages = b"", []
    for up, down in ((10, 5000), (3000, 20), (0, 0)):
        asked = grpc_service.message((2, grpc_service.message((1, down))), (3, grpc_service.payload(up)))
        told = grpc_service.message((1, grpc_service.payload(down)))
        body += struct.pack(">BI", 0, len(asked)) + asked
        messages += [(UP, len(asked)), (DOWN, len(told))]
    return body, messages
