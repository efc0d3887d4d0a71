"""Serve SOCKS 5 clients: hear what they ask for, then go on as after a CONNECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import ConnectRefused, TargetGiven
from soth_mitm.model.outcomes import refused_hint
from soth_mitm.net import replies
from soth_mitm.net.connect import Connect
from soth_mitm.net.peek import PeekTimeout, PeerLeft, consume, peek_until
from soth_mitm.proto.connect import Sniff, sniff
from soth_mitm.proto.socks5 import MOST, Reply, Socks5, Socks5Error, State, reply

if TYPE_CHECKING:
    from soth_mitm.net.accepted import Accepted

_REPLIES = {
    "blocked": Reply.NOT_ALLOWED,
    "self_loop": Reply.NOT_ALLOWED,
    "connect_refused": Reply.CONNECTION_REFUSED,
    "connect_reset": Reply.CONNECTION_REFUSED,
    "network_unreachable": Reply.NETWORK_UNREACHABLE,
    "host_unreachable": Reply.HOST_UNREACHABLE,
    "dns_not_found": Reply.HOST_UNREACHABLE,
    "dns_failed": Reply.HOST_UNREACHABLE,
    "dns_timeout": Reply.HOST_UNREACHABLE,
    "connect_timeout": Reply.TTL_EXPIRED,
}
"""How a target that could not be reached is said in SOCKS, which has few words for it."""


class AsSocks:
    """The answers to a SOCKS request."""

    established = reply(Reply.SUCCEEDED)

    def refusal(self, status: int, code: str, *, text: str, hint: str) -> bytes:
        """Return the reply that comes nearest."""
        return reply(_REPLIES.get(code, Reply.GENERAL_FAILURE))


async def serve(accepted: Accepted) -> bool:
    """Serve a connection; return True when a session has taken over the socket and the conn."""
    config = accepted.shared.config
    machine = Socks5(config.proxy_auth)
    try:
        await _negotiate(accepted, machine, timeout=config.limits.head_timeout)
    except Socks5Error as error:
        status = 407 if error.code.startswith("proxy_auth") else 400
        refused = ConnectRefused(error.code, error.detail, status)
        accepted.refuse(refused, error.answer or _in_http(error))
        return False
    except (PeerLeft, PeekTimeout) as error:
        if error.data or machine.state is not State.GREETING:
            accepted.refuse(
                ConnectRefused("incomplete_socks", "the connection ended inside the SOCKS request")
            )
        raise
    site = machine.target
    assert site is not None
    accepted.life.emit(TargetGiven("socks5", site.host, site.port, machine.user))
    return await Connect(accepted, AsSocks()).serve(site.host, site.port)


async def _negotiate(accepted: Accepted, machine: Socks5, *, timeout: float) -> None:
    sock, loop = accepted.sock, accepted.shared.loop
    while machine.state is not State.DONE:
        data = await peek_until(sock, machine.needs, timeout=timeout, most=MOST)
        answer = machine.receive(consume(sock, machine.needs(data)))
        if answer:
            await loop.sock_sendall(sock, answer)


def _in_http(error: Socks5Error) -> bytes:
    """Tell a client that speaks HTTP to the SOCKS port so, in HTTP."""
    if error.code != "not_socks" or sniff(error.first) is not Sniff.HTTP:
        return b""
    text, hint = "this port speaks SOCKS 5, not HTTP", refused_hint(error.code)
    return b"".join(replies.error(400, error.code, text=text, hint=hint))
