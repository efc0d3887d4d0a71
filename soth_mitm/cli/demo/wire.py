"""One end of a connection as reads and writes that one task awaits, with TLS or without.

A client that refuses a certificate says so with an alert (RFC 8446 section 6.2). The transports of
the event loops drop that alert, and their servers own connections whose handshake is under way; so
TLS is done here, over the socket, and whatever is open belongs to a task that can be cancelled.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from soth_mitm.net.sockets import tune

_READ = 65_536
_LINGER = 1.0
"""Seconds that the peer has to close after us."""

T = TypeVar("T")


class Wire:
    """A connected socket; for one task at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @classmethod
    async def connect(cls, address: tuple[str, int]) -> Wire:
        """Connect, plain.

        Raises:
            OSError: nobody listens there.
        """
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            tune(sock)
            await asyncio.get_running_loop().sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands as a client; all that follows is inside TLS.

        Raises:
            ssl.SSLError: a side refused, and the other has been told; OSError: the connection broke.
        """
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        await self._drive(self._tls.do_handshake)

    async def accept_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands as a server. Raises as `start_tls` does."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        await self._drive(self._tls.do_handshake)

    @property
    def protocol(self) -> str:
        """What was agreed on by ALPN; empty without TLS, and where nothing was."""
        return (self._tls.selected_alpn_protocol() or "") if self._tls is not None else ""

    @property
    def quiet(self) -> bool:
        """Whether it is open and nothing waits to be read, so that another request may go out."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def read(self) -> bytes:
        """Return what comes next; nothing means the end."""
        tls = self._tls
        if tls is None:
            return await asyncio.get_running_loop().sock_recv(self._sock, _READ)
        try:
            return await self._drive(lambda: tls.read(_READ))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    async def write(self, data: bytes) -> None:
        """Send bytes; return when the system has taken them."""
        if self._tls is None:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
            return
        self._tls.write(data)
        await self._flush()

    async def end(self) -> None:
        """Close in order: say so, then wait a moment for the peer's end.

        A socket that is closed with bytes unread resets the connection, and takes with it what the
        peer has not read yet, such as an alert.
        """
        loop = asyncio.get_running_loop()
        try:
            if self._tls is not None:
                self._say_end(self._tls)
                await self._flush()
            self._sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_LINGER):
                while await loop.sock_recv(self._sock, _READ):
                    continue
        except OSError:
            return  # the peer was quicker, or is too slow
        finally:
            self.close()

    def close(self) -> None:
        """Close at once."""
        self._sock.close()

    @staticmethod
    def _say_end(tls: ssl.SSLObject) -> None:
        try:
            tls.unwrap()
        except ssl.SSLError:
            return  # our half is said and the peer's is to come; or the handshake had failed

    async def _drive(self, step: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await loop.sock_recv(self._sock, _READ)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                await self._flush()

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
