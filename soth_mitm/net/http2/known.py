"""Which upstreams speak nothing but HTTP/2, as far as it was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.net.upstream import Peer

ONLY = ("h2",)
_REMEMBERED = 256


class HTTP2Only:
    """Remembers who turned HTTP/1.1 away lately, so that it is not offered there in vain."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], None] = {}

    def offer(self, peer: Peer) -> Peer:
        """Return the peer as it is to be asked."""
        known = (peer.host, peer.port, peer.sni) in self._known
        return peer._replace(alpn=ONLY) if known and "h2" not in peer.alpn else peer

    def learn(self, peer: Peer) -> None:
        """Remember that a peer wants HTTP/2."""
        self._known[peer.host, peer.port, peer.sni] = None
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
