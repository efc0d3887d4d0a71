"""Connections to an upstream are counted; where there are too many, dials wait in line for one to end."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.net.shared import Shared

Near = tuple[str, int]
"""A host and a port."""


class Places:
    """At most `upstream_per_host` connections to a host and port, and `upstream_queue` waiting for one.

    A place that becomes free goes to whoever has waited longest. All methods belong to the loop.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._taken: Counter[Near] = Counter()
        self._lines: dict[Near, deque[asyncio.Future[None]]] = {}
        self._waiting = 0

    def taken(self, near: Near) -> int:
        """Return how many connections there are, those being dialled included."""
        return self._taken[near]

    def full(self, near: Near) -> bool:
        """Return whether whoever wants a place has to wait for one."""
        return near in self._lines or self._taken[near] >= self._shared.config.limits.upstream_per_host

    async def take(self, near: Near) -> str:
        """Take a place, after a wait where there is none; return the reason code where none became free."""
        limits = self._shared.config.limits
        if not self.full(near):
            self._taken[near] += 1
            return ""
        if len(self._lines.get(near, ())) >= limits.upstream_queue:
            return "upstream_host_full"
        self._shared.pool.make_room(near)
        place: asyncio.Future[None] = self._shared.loop.create_future()
        self._join(near, place)
        try:
            async with asyncio.timeout(limits.upstream_queue_time):
                await place
        except TimeoutError:
            # It may have become ours at the very moment at which the time was over.
            return "" if place.done() and not place.cancelled() else "upstream_queue_timeout"
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave(near)
            raise
        finally:
            self._left_line(near, place)
        return ""

    def _join(self, near: Near, place: asyncio.Future[None]) -> None:
        self._lines.setdefault(near, deque()).append(place)
        self._waiting += 1
        self._shared.counters.hit("upstream_waits")
        self._shared.counters.level("upstream_queue", self._waiting)

    def _left_line(self, near: Near, place: asyncio.Future[None]) -> None:
        self._waiting -= 1
        self._shared.counters.level("upstream_queue", self._waiting)
        line = self._lines.get(near)
        if line is not None and place in line:
            line.remove(place)
            if not line:
                del self._lines[near]

    def leave(self, near: Near) -> None:
        """A connection ended: hand its place to the first in line, unless the limit has been lowered."""
        line = self._lines.get(near)
        while line and self._taken[near] <= self._shared.config.limits.upstream_per_host:
            place = line.popleft()
            if not line:
                del self._lines[near]
            if not place.done():
                place.set_result(None)
                return
        self._taken[near] -= 1
        if not self._taken[near]:
            del self._taken[near]
