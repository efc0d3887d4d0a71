"""The upstream connections of one client connection: found, made, shared by its streams, and given back.

What an upstream speaks is known once the first connection to it stands. With HTTP/2, all streams use
that one. With HTTP/1.1 each open stream needs one of its own: streams wait for one that becomes free,
and where none does for a moment, one more is made, up to a bound.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.dial import DialError
from soth_mitm.net.http2.h1leg import Http1Leg
from soth_mitm.net.http2.upstream import Mux
from soth_mitm.net.upstream import UpstreamTlsError

if TYPE_CHECKING:
    from soth_mitm.net.http2.leg import Leg, LegUser
    from soth_mitm.net.http2.session import StreamSession
    from soth_mitm.net.origin import Place, Supply
    from soth_mitm.net.upstream import UpstreamConn
    from soth_mitm.proto.http2 import events

PATIENCE = 0.25
"""Seconds without one of the HTTP/1.1 connections becoming free, after which more of them are made."""


class Group:
    """The connections to one place. With `keeps` off, each carries one exchange."""

    def __init__(self, session: StreamSession, place: Place, origin: Supply, *, keeps: bool = True) -> None:
        self._keeps = keeps
        self._session = session
        self._place = place
        self._origin = origin
        self._mux: Mux | None = None
        self._idle: list[UpstreamConn] = []
        self._busy = 0
        self._dialling = 0
        self._moved = 0.0
        """When a connection of HTTP/1.1 became free last."""
        self._speaks = ""
        self._failure: DialError | UpstreamTlsError | None = None
        """Why the connection that was dialled ahead could not be made, for who waits for it."""
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def mux(self) -> Mux | None:
        """The HTTP/2 connection, where there is one that lives."""
        return self._mux if self._mux is not None and self._mux.alive else None

    def warm(self) -> None:
        """Begin to use a connection that was made before, so that its settings are known early."""
        conn = self._origin.ready(self._place)
        if conn is not None:
            self._keep(conn)

    def dial_ahead(self) -> bool:
        """Dial before the first request, for a client that has to know early what the upstream can do.

        Return whether that is done; a session that waits for it hears of its end.
        """
        if self.mux is not None or self._speaks:
            return False
        self._session.shared.tasks.spawn(self._ahead(), f"upstream {self._place.host} ahead of requests")
        return True

    async def _ahead(self) -> None:
        self._dialling += 1
        try:
            conn = await self._origin.open(self._place)
        except (DialError, UpstreamTlsError) as error:
            self._failure = error if self._waiters else None
            self._session.opening.begin()
            return
        finally:
            self._dialling -= 1
            self._wake_all()
        if self._session.ended:
            self._origin.release(conn, reusable=False)
        else:
            self._keep(conn)

    def _keep(self, conn: UpstreamConn) -> None:
        if conn.speaks_h2:
            self._share(conn)
        else:
            self._speaks_h1()
            conn.idle_since = self._session.shared.loop.time()
            self._idle.append(conn)

    # --- taking ---------------------------------------------------------------------------------

    def leg(self, user: LegUser) -> Leg | None:
        """Return a leg that can be used at once."""
        return None if self._waiters else self._take(user)

    def _take(self, user: LegUser) -> Leg | None:
        mux = self._mux
        if mux is not None and mux.alive:
            return mux.open(user) if mux.engine.can_open else None
        while self._idle:
            conn = self._idle.pop()
            if conn.alive:
                return self._carry(conn, user)
        conn_ready = self._origin.ready(self._place)
        if conn_ready is None:
            return None
        return self._adopt(conn_ready, user)

    def _adopt(self, conn: UpstreamConn, user: LegUser) -> Leg | None:
        if conn.speaks_h2:
            mux = self._share(conn)
            return mux.open(user) if mux.alive and mux.engine.can_open else None
        self._speaks_h1()
        return self._carry(conn, user)

    def _speaks_h1(self) -> None:
        if self._speaks != "h1":
            self._speaks = "h1"
            self._session.opening.offer_connect()
            self._session.opening.begin()

    def _share(self, conn: UpstreamConn) -> Mux:
        self._speaks = "h2"
        shared = self._session.shared
        self._mux = mux = Mux(shared, conn, room=self._wake, gone=self._gone, settled=self._settled)
        mux.start()
        return mux

    def _carry(self, conn: UpstreamConn, user: LegUser) -> Leg:
        self._busy += 1
        limit = self._session.config.limits.write_buffer_bytes
        return Http1Leg(conn, user, release=self._release, parted=self._parted, limit=limit)

    async def wait(self, user: LegUser, *, fresh: bool = False) -> Leg:
        """Return a leg once there is one.

        Raises:
            DialError, UpstreamTlsError: no connection can be made.
        """
        hurried = False
        while True:
            leg = None if fresh else self._take(user)
            if leg is not None:
                return leg
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            if fresh or self._may_dial(hurried=hurried):
                leg = await self._dial(user, fresh=fresh)
                if leg is not None:
                    return leg
                fresh = False
            else:
                if not hurried:
                    self._session.shared.counters.hit("h2_to_h1_connections")
                hurried = not await self._turn()

    def _may_dial(self, *, hurried: bool) -> bool:
        limits = self._session.config.limits
        if self._speaks == "h1":
            open_now = self._busy + self._dialling
            if open_now < limits.h2_to_h1_connections:
                return True
            stuck = hurried and self._session.shared.loop.time() - self._moved > PATIENCE
            return stuck and self._dialling < max(1, self._busy) and open_now < limits.h2_max_streams
        return self.mux is None and not self._dialling

    async def _dial(self, user: LegUser, *, fresh: bool) -> Leg | None:
        self._dialling += 1
        try:
            conn = await self._origin.open(self._place, fresh=fresh or bool(self._speaks))
        finally:
            self._dialling -= 1
            self._wake_all()
        if not conn.alive:
            return None
        return self._adopt(conn, user)

    async def _turn(self) -> bool:
        """Wait for a connection; return False where that takes too long."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        patience = PATIENCE if self._speaks == "h1" else None
        try:
            async with asyncio.timeout(patience):
                await waiter
        except TimeoutError:
            return False
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.cancelled():
                self._wake()
        return True

    def _wake(self) -> None:
        """Let those that wait look again: as many as there is room for."""
        mux = self.mux
        room = mux.engine.peer_max_streams - len(mux.engine.streams) if mux is not None else 1
        while self._waiters and room > 0:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                room -= 1

    def _wake_all(self) -> None:
        waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # --- giving back ----------------------------------------------------------------------------

    def _release(self, conn: UpstreamConn, reusable: bool) -> None:
        self._busy -= 1
        self._moved = self._session.shared.loop.time()
        if reusable and self._keeps and not self._session.ended:
            conn.idle_since = self._session.shared.loop.time()
            self._idle.append(conn)
        elif conn.alive:
            conn.close(CloseReason.COMPLETED)
        self._wake()

    def _parted(self) -> None:
        """A connection carries another protocol: it does not count among those that take turns."""
        self._busy -= 1
        self._wake()

    def _gone(self, event: events.GoneAway) -> None:
        self._session.upstream_gone(event)

    def _settled(self) -> None:
        if self._mux is not None:
            self._session.upstream_settled(self._mux)

    # --- the session's side ---------------------------------------------------------------------

    def hold(self, held: bool) -> None:
        """Stop or go on reading, for the recorder."""
        if self._mux is not None and self._mux.conn.alive:
            self._mux.hold(held)

    def tick(self, now: float) -> None:
        """Close connections of HTTP/1.1 that have been idle for too long."""
        limit = self._session.config.limits.pool_idle_timeout
        old = [conn for conn in self._idle if now - conn.idle_since > limit or not conn.alive]
        for conn in old:
            self._idle.remove(conn)
            if conn.alive:
                self._session.shared.counters.hit("pool_idle_timeout")
                conn.close(CloseReason.COMPLETED, "idle")

    def close(self) -> None:
        """Close all."""
        idle, self._idle = self._idle, []
        for conn in idle:
            conn.close(CloseReason.COMPLETED)
        if self._mux is not None and self._mux.conn.alive:
            self._mux.close(CloseReason.COMPLETED, code="", detail="")
        self._wake_all()


class Reach:
    """The groups of one client connection."""

    def __init__(self, session: StreamSession) -> None:
        self._session = session
        self._groups: dict[tuple[str, str, int, bool], Group] = {}

    def group(self, place: Place, origin: Supply | None = None) -> Group:
        """Return the connections to a place; `origin` makes them where that is not the session's own."""
        key = (place.scheme, place.host, place.port, origin is not None)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._session, place, origin or self._session.origin)
        return group

    def hold(self, held: bool) -> None:
        """Stop or go on reading, for the recorder."""
        for group in self._groups.values():
            group.hold(held)

    def tick(self, now: float) -> None:
        """Close what has been idle for too long."""
        for group in self._groups.values():
            group.tick(now)

    def close(self) -> None:
        """Close all."""
        for group in self._groups.values():
            group.close()
