"""Idle upstream connections of plain forwarding, kept for the next request to the same peer."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from soth_mitm.model.reasons import CloseReason

if TYPE_CHECKING:
    from soth_mitm.net.dial import Address
    from soth_mitm.net.shared import Shared
    from soth_mitm.net.upstream import Peer, UpstreamConn


class Pool:
    """Bounded by connections a peer and in all; the longest idle one goes first.

    A connection is only given out again for the same peer in every part of its identity, and only
    if its address is still one that the name resolves to.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._idle: dict[Peer, list[UpstreamConn]] = {}
        self._order: OrderedDict[UpstreamConn, None] = OrderedDict()

    def take(self, peer: Peer, addresses: tuple[Address, ...]) -> UpstreamConn | None:
        """Return an idle connection of `peer`, the one used last, or None."""
        waiting = self._idle.get(peer)
        while waiting:
            conn = waiting.pop()
            self._order.pop(conn, None)
            if not conn.alive:
                continue
            if conn.address in addresses:
                return conn
            conn.close(CloseReason.COMPLETED, "the name resolves to another address now")
        self._idle.pop(peer, None)
        return None

    def give(self, conn: UpstreamConn) -> None:
        """Keep a connection that is between exchanges, within the budgets."""
        conn.user = None
        limits = self._shared.config.limits
        waiting = self._idle.setdefault(conn.peer, [])
        if len(waiting) >= limits.pool_idle_per_host or self._shared.draining:
            self._shared.counters.hit("pool_idle_per_host")
            conn.close(CloseReason.COMPLETED, "enough idle connections to this host")
            return
        conn.idle_since = self._shared.loop.time()
        waiting.append(conn)
        self._order[conn] = None
        while len(self._order) > limits.pool_idle_total:
            self._shared.counters.hit("pool_idle_total")
            oldest = next(iter(self._order))
            self._remove(oldest)
            oldest.close(CloseReason.COMPLETED, "enough idle connections")

    def make_room(self, near: tuple[str, int]) -> None:
        """Close an idle connection to a host and port, where there is one, for the sake of another user."""
        for conn in self._order:
            if (conn.peer.host, conn.peer.port) == near:
                self._remove(conn)
                conn.close(CloseReason.COMPLETED, "its place was wanted")
                return

    def gone(self, conn: UpstreamConn) -> None:
        """Forget a connection that ended by itself."""
        if conn in self._order:
            self._remove(conn)

    def _remove(self, conn: UpstreamConn) -> None:
        self._order.pop(conn, None)
        waiting = self._idle.get(conn.peer)
        if waiting and conn in waiting:
            waiting.remove(conn)
            if not waiting:
                del self._idle[conn.peer]

    def tick(self, now: float) -> None:
        """Close what has been idle for too long."""
        limit = self._shared.config.limits.pool_idle_timeout
        for conn in [conn for conn in self._order if now - conn.idle_since > limit]:
            self._remove(conn)
            self._shared.counters.hit("pool_idle_timeout")
            conn.close(CloseReason.COMPLETED, "idle")

    def close(self) -> None:
        """Close all."""
        for conn in list(self._order):
            self._remove(conn)
            conn.close(CloseReason.COMPLETED)

    def __len__(self) -> int:
        return len(self._order)
