"""Transparent mode (Linux): the system redirects connections here, and remembers where they were going."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from typing import TYPE_CHECKING

from soth_mitm.model.events import ConnectRefused, PolicyDecided, TargetGiven
from soth_mitm.net.connect import Connect
from soth_mitm.net.greeting import Silent
from soth_mitm.net.http2.session import StreamSession
from soth_mitm.net.origin import Place, PooledOrigin
from soth_mitm.net.peek import PeekTimeout, peek_until
from soth_mitm.net.session import ClientSession
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.proto.connect import ConnectError, Sniff, parse_absolute, parse_authority, sniff
from soth_mitm.proto.http1 import RequestHead, rewrite

if TYPE_CHECKING:
    from soth_mitm.net.accepted import Accepted
    from soth_mitm.net.shared import Shared
    from soth_mitm.proto.http2.heads import RequestHead as StreamHead

AVAILABLE = sys.platform == "linux"
_SO_ORIGINAL_DST = 80
"""Of netfilter, at the level of IP and of IPv6 alike; `socket` names neither."""
_V4, _V6 = "!2xH4s8x", "!2xH4x16s4x"


def original_destination(sock: socket.socket) -> tuple[str, int] | None:
    """Return where a connection was going before it was redirected; None where it was not."""
    six = sock.family == socket.AF_INET6
    layout = _V6 if six else _V4
    try:
        found = sock.getsockopt(
            socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, _SO_ORIGINAL_DST, struct.calcsize(layout)
        )
    except OSError:
        return None
    port, address = struct.unpack(layout, found)
    return str(ipaddress.ip_address(address)), port


class TransparentOrigin(PooledOrigin):
    """Plain requests of a redirected connection: named by their Host, sent to where it was going."""

    def __init__(self, shared: Shared, *, address: str, port: int) -> None:
        super().__init__(shared)
        self._address = address
        self._port = port

    def locate(self, head: RequestHead) -> Place:
        """Read the Host field, which policy and rows go by; what is dialled is the address."""
        if head.method == b"CONNECT":
            raise ConnectError(
                "connect_to_transparent", "connections are redirected to this address; it takes no CONNECT"
            )
        path, raw, name = head.target, head.raw, self._address
        if path[:1] != b"/" and path != b"*":
            path = parse_absolute(path).path
            raw = rewrite.to_origin_form(head)
        if head.host:
            name = parse_authority(head.host, default_port=80).host
        decision = self._shared.policy.decide(self._address, self._port, name)
        via = self._shared.routes.choose(name, self._port)
        if via is not None and via.speaks_http:
            raw = rewrite.to_absolute_form(raw, path, head.host or self._address.encode("ascii"))
        return Place("http", name, self._port, path, raw, decision, via=via, address=self._address)

    def locate_stream(self, head: StreamHead) -> Place:
        """Read `:authority` likewise."""
        if head.method == b"CONNECT" and not head.protocol:
            raise ConnectError(
                "connect_to_transparent", "connections are redirected to this address; it takes no CONNECT"
            )
        name, authority = self._address, head.authority or head.host
        if authority:
            name = parse_authority(authority, default_port=80).host
        decision = self._shared.policy.decide(self._address, self._port, name)
        via = self._shared.routes.choose(name, self._port)
        where = ("http", name, self._port, head.path, b"")
        return Place(*where, decision, via=via, address=self._address)

    def whole(self) -> Place:
        """Refuse: what is no HTTP never comes here."""
        raise ConnectError("not_http", "bytes that are no HTTP name no target")


async def serve(accepted: Accepted) -> bool:
    """Serve a connection; return True when a session has taken over the socket and the conn."""
    shared, sock = accepted.shared, accepted.sock
    found = original_destination(sock)
    if found is None or found == sock.getsockname()[:2] or shared.is_self(*found):
        where = (
            "to this address itself" if found is None else f"to {found[0]}:{found[1]}, which is this proxy"
        )
        detail = f"the connection was made {where}; this port takes redirected ones only"
        accepted.refuse(ConnectRefused("not_redirected", detail))
        return False
    host, port = found
    if shared.dialer.is_ours(sock.getpeername()) or _leads_to_a_hop(accepted, host, port):
        detail = f"a connection of this proxy's own to {host}:{port} was redirected back to it"
        accepted.refuse(ConnectRefused("redirect_loop", detail, 508))
        return False
    accepted.life.emit(TargetGiven("transparent", host, port))
    kind = await _first(accepted)
    if kind is Sniff.HTTP or (kind is Sniff.HTTP2_PREFACE and shared.config.http2):
        await _as_plain_http(accepted, host, port, streams=kind is not Sniff.HTTP)
        return True
    return await Connect(accepted, Silent()).serve(host, port)


def _leads_to_a_hop(accepted: Accepted, host: str, port: int) -> bool:
    """Return whether this machine connects to a SOCKS proxy of ours: as good as certainly that is us.

    python-socks makes those connections, so the dialler does not know them.
    """
    shared = accepted.shared
    hops = [hop for hop in (*shared.routes.hops, *shared.mode_hops) if not hop.speaks_http]
    known = [address for hop in hops for address in shared.dialer.known(hop.host, hop.port) or ()]
    return (host, port) in known and _is_here(accepted.sock.getpeername()[0])


def _is_here(address: str) -> bool:
    """Return whether an address is this machine's: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


async def _first(accepted: Accepted) -> Sniff:
    """Look at the first bytes; a client that waits for its server's is left to the tunnel."""
    wait = accepted.shared.config.limits.server_first_wait
    try:
        return sniff(await peek_until(accepted.sock, _enough, timeout=wait, most=64))
    except PeekTimeout:
        accepted.shared.counters.hit("server_first_wait")
        return Sniff.OTHER


async def _as_plain_http(accepted: Accepted, host: str, port: int, *, streams: bool) -> None:
    decision = Decision(Action.INTERCEPT, "plain_http")
    accepted.life.emit(PolicyDecided(decision.action, decision.reason, host, port))
    origin = TransparentOrigin(accepted.shared, address=host, port=port)
    if streams:
        origin.alpn = ("h2c",)
    session = (StreamSession if streams else ClientSession)(
        accepted.shared,
        accepted.life,
        client=accepted.client,
        origin=origin,
        decision=decision,
        scheme="http",
        host=host,
        port=port,
        pooled=True,
        info=accepted.info,
        on_end=accepted.on_end,
    )
    await accepted.shared.loop.connect_accepted_socket(lambda: session, accepted.sock)


def _enough(data: bytes) -> int:
    return len(data) + 1 if not data or sniff(data) is Sniff.NEED_MORE else len(data)
