"""Upstreams that speak nothing but HTTP/2, asked for by a client that does not speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.net import upstream
from soth_mitm.net.dial import DialError
from soth_mitm.net.http2.known import ONLY
from soth_mitm.net.upstream import UpstreamTlsError

if TYPE_CHECKING:
    from soth_mitm.net.dial import Dialled
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.net.upstream import Peer, UpstreamConn


async def start(
    shared: Shared, life: ConnLife, *, peer: Peer, dialled: Dialled, may: bool
) -> tuple[UpstreamConn, Peer]:
    """Make a connection of a dialled socket; with `may`, offer HTTP/2 where HTTP/1.1 is turned away.

    Raises:
        UpstreamTlsError: after the events that tell it.
    """
    if may:
        peer = shared.h2_only.offer(peer)
    try:
        return await upstream.start(shared, life, peer=peer, dialled=dialled), peer
    except UpstreamTlsError as error:
        if not may or peer.alpn == ONLY or error.failure.reason != "no_common_protocol":
            raise
        peer = peer._replace(alpn=ONLY)
        try:
            life, dialled = await upstream.dial(shared, peer.host, peer.port, via=peer.via)
        except DialError:
            raise error from None
        conn = await upstream.start(shared, life, peer=peer, dialled=dialled)
        shared.h2_only.learn(peer)
        return conn, peer
