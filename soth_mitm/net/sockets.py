"""What differs between systems about sockets, each with a fallback that works everywhere."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_TCP_ESTABLISHED = 1
_HAS_TCP_INFO = hasattr(socket, "TCP_INFO")
HAS_LOW_WATER_MARK = hasattr(socket, "SO_RCVLOWAT") and sys.platform != "win32"
"""Whether the kernel can be told to wake us only when enough bytes wait."""


def tune(sock: socket.socket) -> None:
    """Make a connected socket non-blocking, without Nagle's delay, with keep-alive probes."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def set_low_water_mark(sock: socket.socket, count: int) -> None:
    """Ask to be woken when `count` bytes wait; without kernel support, nothing happens.

    SO_RCVBUF must never be set on such a socket: it clamps the mark, and the wait would spin.
    """
    if HAS_LOW_WATER_MARK:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, max(1, count))


def peer_left(sock: socket.socket) -> bool:
    """Return whether the peer has closed or reset: a peek would show the same bytes for ever.

    Where neither TCP_INFO nor POLLRDHUP tells, False is returned: the deadline of the wait decides.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6) and hasattr(select, "POLLRDHUP"):
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        return bool(poll.poll(0))
    if not _HAS_TCP_INFO or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:
        return True
    return info[0] != _TCP_ESTABLISHED


def reset_on_close(sock: socket.socket) -> None:
    """Make closing this socket send a RST instead of a FIN."""
    with contextlib.suppress(OSError):  # where the peer closed it first, nothing is left to reset
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def adopt(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], asyncio.BaseProtocol],
    sock: socket.socket,
    **tls: Any,  # noqa: ANN401
) -> None:
    """Make a transport of a connected socket, of whichever family; `tls` as for `create_connection`."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        await loop.create_connection(factory, sock=sock, **tls)
    else:
        await loop.create_unix_connection(factory, sock=sock, **tls)


def half_close(transport: asyncio.WriteTransport) -> bool:
    """End the sending side and keep the other, where the transport can do that; TLS cannot."""
    if not transport.can_write_eof():
        return False
    try:
        transport.write_eof()
    except OSError:  # the peer has reset it, and the loss is about to be told
        return False
    return True


def listen(host: str, port: int, *, backlog: int = 1024) -> list[socket.socket]:
    """Bind and listen on every address of `host` (an empty one, and `::`: all, of both families).

    Raises:
        OSError: no address could be bound; those that were are closed again.
    """
    infos = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
    )
    if host == "::":
        infos += socket.getaddrinfo("0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, proto, _, address in dict.fromkeys(infos):
            sock = socket.socket(family, kind, proto)
            sockets.append(sock)
            if sys.platform != "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if port == 0 and len(sockets) > 1:  # one port for all families
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            sock.bind(address)
            sock.listen(backlog)
            sock.setblocking(False)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def format_address(address: object) -> str:
    """Return `host:port` of a socket address, IPv6 in brackets, `unix` for a nameless one."""
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = str(address[0]), address[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(address) or "unix"


def transport_of(sock: socket.socket) -> str:
    """Return what a connection goes over: `tcp` or `unix`."""
    return "tcp" if sock.family in (socket.AF_INET, socket.AF_INET6) else "unix"


def raise_descriptor_limit(wanted: int = 65_536) -> tuple[int, int]:
    """Raise the soft limit of open files as far as allowed; return it and the hard one (0, 0: none).

    A tunnel takes six descriptors, so the usual 1024 would end at 170 of them.
    """
    try:
        import resource
    except ImportError:
        return 0, 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
            soft = target
        except (OSError, ValueError):
            pass  # a sandbox may forbid it; the old limit is then what is shown
    return soft, hard
