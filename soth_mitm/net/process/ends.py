"""The two ends of a connection whose client may be a program of this machine."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_MAPPED = "::ffff:"
_CREDENTIALS = struct.Struct("3i")


class Ends(NamedTuple):
    """What a client's socket is recognised by."""

    client: tuple[str, int]
    """Its own address, IPv4 written as such even on a socket of both families."""
    proxy: tuple[str, int]
    """The address it is connected to."""
    pid: int = 0
    """The process, where the kernel has said it: over a Unix socket. 0: to be found out."""


def ends_of(sock: socket.socket) -> Ends | None:
    """Return the ends of an accepted connection; None where the client is on another machine.

    Raises:
        OSError: the client has left.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return _by_credentials(sock)
    client, proxy = _plain(sock.getpeername()), _plain(sock.getsockname())
    here = client[0].startswith("127.") or client[0] in ("::1", proxy[0])
    return Ends(client, proxy) if here else None


def _plain(address: tuple[str, int]) -> tuple[str, int]:
    host = address[0].partition("%")[0]
    return host.removeprefix(_MAPPED) if "." in host else host, address[1]


def _by_credentials(sock: socket.socket) -> Ends | None:
    """Return who is at the other end of a Unix socket, where the system tells it (Linux)."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid, _, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return Ends(("", 0), ("", 0), pid) if pid > 0 else None
