"""TLS to a proxy on the way: what is dialled stays a plain socket, whose other end is carried in TLS.

So everything that follows (a CONNECT, TLS with the target inside, a tunnel) is what it is elsewhere. TLS
cannot end one direction alone here: who half-closes still gets what comes, until there is silence.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple, cast

from soth_mitm.errors import StartError
from soth_mitm.net.hops import HopError
from soth_mitm.net.sockets import adopt
from soth_mitm.net.tls import failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

QUIET = 5.0
"""Seconds of silence after which a proxy that nobody sends to any more is left: it cannot be told."""
_SHUTDOWN = 2.0
"""Seconds that a proxy has to answer our close_notify."""


class Meeting(NamedTuple):
    """How TLS is begun with a proxy."""

    context: ssl.SSLContext
    name: str
    """Its name, for SNI and against its certificate."""
    around: AbstractContextManager[object]
    """What the handshake is done inside; it checks a certificate against a name that is not sent."""
    buffer: int
    """Bytes that may wait for one side before the other is read no more."""


async def secure(sock: socket.socket, meet: Callable[[], Meeting], *, host: str, port: int) -> socket.socket:
    """Shake hands over a connected socket; return one whose bytes are carried inside.

    Raises:
        HopError: `proxy_tls_failed`, with the reason. The socket is closed then.
    """
    loop = asyncio.get_running_loop()
    try:
        meeting = meet()
        outer = _Side(meeting.buffer)
        with meeting.around:
            await loop.create_connection(
                lambda: outer,
                sock=sock,
                ssl=meeting.context,
                server_hostname=meeting.name,
                ssl_shutdown_timeout=_SHUTDOWN,
            )
    except (OSError, ssl.SSLError, ValueError, StartError) as error:
        sock.close()
        why = failure.classify_upstream(error, host=host, port=port)
        raise HopError("proxy_tls_failed", f"{why.reason.replace('_', ' ')}: {why.detail}") from error
    except BaseException:
        sock.close()
        raise
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    inner = _Side(meeting.buffer)
    try:
        await adopt(loop, lambda: inner, far)
    except BaseException:
        near.close()
        far.close()
        outer.transport.abort()
        raise
    outer.join(inner)
    inner.join(outer)
    return near


class _Side(asyncio.Protocol):
    """One end of what is carried: what comes here goes out at the other."""

    def __init__(self, buffer: int) -> None:
        self._buffer = buffer
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._other: _Side | None = None
        self._early: list[bytes] = []
        self._lost = False
        self.count = 0
        """Bytes that came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=self._buffer)

    def join(self, other: _Side) -> None:
        """Give what comes to another side from now on."""
        self._other = other
        early, self._early = self._early, []
        for data in early:
            other.transport.write(data)
        if self._lost:
            other.transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        self.count += len(data)
        if self._other is None:
            self._early.append(data)
        elif not self._other.transport.is_closing():
            self._other.transport.write(data)

    def pause_writing(self) -> None:
        """Read no more on the other side, until this one has room."""
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on there."""
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.resume_reading()

    def eof_received(self) -> bool:
        """Keep a socket that can still be written to, while something comes for it."""
        sock = self.transport.get_extra_info("socket")
        if self.transport.get_extra_info("ssl_object") is not None or _is_gone(sock.fileno()):
            return False
        self._linger(-1)
        return True

    def _linger(self, seen: int) -> None:
        other = self._other
        if self._lost or other is None:
            return
        if other.count == seen:
            self.transport.close()
        else:
            asyncio.get_running_loop().call_later(QUIET, self._linger, other.count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side once it has what it is owed."""
        self._lost = True
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.close()


def _is_gone(descriptor: int) -> bool:
    """Return whether a local socket's other end is closed, and not just its sending half."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))
