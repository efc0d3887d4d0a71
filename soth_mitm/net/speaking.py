"""Who speaks first on a connection to a named target, and with what bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.net.peek import PeekTimeout, peek_now, peek_until, readable
from soth_mitm.proto.connect import Sniff, sniff

if TYPE_CHECKING:
    import socket

    from soth_mitm.net.shared import Shared

_FRAME_HEAD = 9
_SETTINGS = b"\x04\x00\x00\x00\x00\x00"


class Tunnelled(Exception):
    """This connection is passed through; `code` and `detail` say why."""

    def __init__(self, code: str, detail: str = "", *, rule: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail or rule
        self.rule = rule


async def client_first(shared: Shared, client: socket.socket, server: socket.socket) -> None:
    """Wait until the client speaks.

    Raises:
        Tunnelled: the server spoke first, or nobody did in time.
    """
    if peek_now(client, 1) is not None:
        return
    loop, wait = shared.loop, shared.config.limits.server_first_wait
    first = loop.create_future()

    def wake(who: str) -> None:
        if not first.done():
            first.set_result(who)

    handle = loop.call_later(wait, wake, "nobody")
    loop.add_reader(client, wake, "client")
    loop.add_reader(server, wake, "server")
    try:
        who = await first
    finally:
        handle.cancel()
        loop.remove_reader(client)
        loop.remove_reader(server)
    if who == "server" and _settings(peek_now(server, _FRAME_HEAD)):
        # A server of HTTP/2 does not wait for the client's preface (RFC 9113 section 3.4).
        who = "client" if await readable(client, wait) else "nobody"
    if who == "client" or peek_now(client, 1) is not None:
        return
    shared.counters.hit("server_first_wait")
    detail = "the server spoke first" if who == "server" else f"no byte from the client within {wait:g} s"
    raise Tunnelled("server_first" if who == "server" else "client_silent", detail)


async def first_bytes(shared: Shared, client: socket.socket) -> bytes:
    """Return as many of the client's first bytes as tell what it speaks; they stay unread.

    Raises:
        Tunnelled: they did not come in time. PeerLeft, ConnectionError: the client left.
    """
    try:
        return await peek_until(client, _needs, timeout=shared.config.limits.peek_timeout, most=64)
    except PeekTimeout as error:
        shared.counters.hit("peek_timeout")
        raise Tunnelled("first_bytes_incomplete", f"{len(error.data)} bytes") from error


def _needs(data: bytes) -> int:
    return len(data) + 1 if not data or sniff(data) is Sniff.NEED_MORE else len(data)


def _settings(data: bytes | None) -> bool:
    """Whether a server's first bytes are the head of the SETTINGS with which HTTP/2 begins."""
    return data is not None and data[3:] == _SETTINGS
