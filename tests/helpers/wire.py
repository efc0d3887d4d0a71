"""One end of a connection as a test holds it: exact bytes out, exact bytes in, and how it ended."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from typing import cast

DEADLINE = 5.0
"""Seconds that any wait of a test may take before it fails."""


async def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Wait until `condition` holds; for what no callback tells."""
    end = asyncio.get_running_loop().time() + DEADLINE
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError(f"not in time: {what or condition}")
        await asyncio.sleep(0.001)


class Wire(asyncio.Protocol):
    """A connection's end. What was read is consumed by the `await`s below, and kept in `received`."""

    def __init__(self, on_open: Callable[[Wire], None] | None = None) -> None:
        self.received = bytearray()
        self.ended = False
        """The peer sent its FIN, or its close_notify."""
        self.lost = False
        self.error: Exception | None = None
        self._at = 0
        self._on_open = on_open
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self._on_open is not None:
            self._on_open(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.ended = True
        self._changed.set()
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.error = exc
        self._changed.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- reading

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"waited for {what}; unread: {self.unread[:500]!r}") from None

    @property
    def unread(self) -> bytes:
        """What came and was not consumed."""
        return bytes(self.received[self._at :])

    def _take(self, count: int) -> bytes:
        data = bytes(self.received[self._at : self._at + count])
        self._at += count
        return data

    async def exactly(self, count: int) -> bytes:
        """Consume `count` bytes; fewer where the connection ends before."""
        await self._until(
            lambda: len(self.received) - self._at >= count or self.ended or self.lost, f"{count} bytes"
        )
        return self._take(count)

    async def until(self, mark: bytes) -> bytes:
        """Consume up to the end of `mark`; all that came where the connection ends before."""
        await self._until(
            lambda: self.received.find(mark, self._at) >= 0 or self.ended or self.lost, repr(mark)
        )
        found = self.received.find(mark, self._at)
        return self._take(found + len(mark) - self._at if found >= 0 else len(self.unread))

    async def head(self) -> bytes:
        """Consume a head."""
        return await self.until(b"\r\n\r\n")

    async def same(self, wanted: bytes) -> None:
        """Consume as many bytes as `wanted` has, and insist that they are those."""
        came = await self.exactly(len(wanted))
        assert came == wanted, f"{came[:300]!r} came instead of {wanted[:300]!r}"

    async def rest(self) -> bytes:
        """Consume everything up to the peer's end of sending."""
        await self._until(lambda: self.ended or self.lost, "the end")
        return self._take(len(self.unread))

    async def closed(self) -> None:
        """Wait until the connection is gone both ways."""
        await self._until(lambda: self.ended or self.lost, "the end")
        if not self.lost:
            self.transport.close()
        await self._until(lambda: self.lost, "the loss of the connection")

    # --- writing

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    async def pour(self, data: bytes) -> None:
        """Send bytes once there is room."""
        async with asyncio.timeout(DEADLINE):
            await self._writable.wait()
        self.transport.write(data)

    @property
    def full(self) -> bool:
        """Whether the peer takes no more at the moment."""
        return not self._writable.is_set()

    def finish(self) -> None:
        """Send no more, and go on reading."""
        self.transport.write_eof()

    def close(self) -> None:
        """Close in order."""
        self.transport.close()

    def reset(self) -> None:
        """Close with a RST."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def abort(self) -> None:
        """Drop the connection, if it is still there."""
        if not self.lost:
            self.transport.abort()


async def dial(port: int, *, host: str = "127.0.0.1") -> socket.socket:
    """Connect a non-blocking socket to a port of this machine."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except OSError:
        sock.close()
        raise
    return sock


async def read_head(sock: socket.socket) -> bytes:
    """Read one head byte by byte, so that what follows stays in the socket."""
    loop = asyncio.get_running_loop()
    head = b""
    async with asyncio.timeout(DEADLINE):
        while not head.endswith(b"\r\n\r\n"):
            part = await loop.sock_recv(sock, 1)
            if not part:
                break
            head += part
    return head


async def unchunked(wire: Wire) -> bytes:
    """Read a chunked body that has no trailers."""
    pieces = []
    while size := int(await wire.until(b"\r\n"), 16):
        pieces.append(await wire.exactly(size))
        await wire.exactly(2)
    await wire.exactly(2)
    return b"".join(pieces)


async def wrap(
    sock: socket.socket, *, context: ssl.SSLContext | None = None, name: str | None = None
) -> Wire:
    """Make a wire of a connected socket, after a TLS handshake where a context is given."""
    wire = Wire()
    try:
        await asyncio.get_running_loop().create_connection(
            lambda: wire, sock=sock, ssl=context, server_hostname=name if context is not None else None
        )
    except BaseException:
        sock.close()
        raise
    return wire


class Handshake:
    """TLS over a wire, record by record, for what a transport would not let us do or see."""

    def __init__(self, wire: Wire, context: ssl.SSLContext, *, name: str) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def hello(self) -> bytes:
        """Begin, and return the ClientHello."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._outgoing.read()
        raise AssertionError("a handshake needs its peer")

    async def run(self) -> None:
        """Go on to the end; an alert is sent before its error is raised."""
        while True:
            try:
                self.tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                self.flush()
                self._incoming.write(await self._wire.exactly(1))
                self._incoming.write(await self._wire.exactly(len(self._wire.unread)))
            finally:
                self.flush()

    def flush(self) -> None:
        """Send what waits."""
        self._wire.send(self._outgoing.read())
