"""Finding messages takes time, and the loop is everybody's: work in slices, and a flow's events in order.

A body is forwarded first and looked through after that. Where one read brings more messages than a
slice of time can tell, the rest of the work waits in the flow's `Backlog`, and so does every event of
that flow that comes behind it: the order of a flow's events never depends on how busy the loop was.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Final

from soth_mitm.model.events import Body, BodyChunk, ConnClosed, OriginalChunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.clock import Clock
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.record.bus import Bus

AT_ONCE: Final = 0.001
"""Seconds of work that are done while the bytes pass."""

SLICE: Final = 0.002
"""Seconds of work in one turn of the loop, all flows together."""


class Work:
    """One piece of work on a flow: `steps` does a little at each step; `drop` says that it never will.

    `hurry` is called where too much waits: all that waits should then be done in less time.
    """

    __slots__ = ("drop", "hurry", "size", "steps")

    def __init__(
        self, steps: Iterator[None], *, size: int, drop: Callable[[], None], hurry: Callable[[], None]
    ) -> None:
        self.hurry = hurry
        self.steps = steps
        self.size = size
        """Bytes that wait with it."""
        self.drop = drop


class Backlog:
    """What a flow has still to tell, in order. While it exists, it stands in for the flow's bus."""

    __slots__ = ("_bus", "_flow", "_queue", "_seq", "_slices", "size")

    def __init__(self, flow: FlowLife, slices: Slices, bus: Bus) -> None:
        self._flow = flow
        self._slices = slices
        self._bus = bus
        self._queue: deque[Work | Body] = deque()
        self._seq = flow.seq
        """The flow's number of the latest event that is out."""
        self.size = 0
        """Bytes that wait."""
        flow.late = flow.bus = self

    @property
    def clock(self) -> Clock:
        """What the events' times are taken from."""
        return self._bus.clock

    @property
    def caught_up(self) -> bool:
        """Whether nothing waits behind the work that is being done."""
        return len(self._queue) <= 1

    def end(self) -> None:
        """Let the flow publish by itself again; nothing waits any more."""
        self._flow.late, self._flow.bus, self._flow.seq = None, self._bus, self._seq

    def publish(self, body: Body, conn: int = 0, flow: int = 0, flow_seq: int = 0) -> int:
        """Publish an event behind what waits, which gives it another number; return the time now."""
        self._put(body, len(body.data) if isinstance(body, (BodyChunk, OriginalChunk)) else 0)
        return self._bus.clock.monotonic_ns()

    def add(self, work: Work) -> None:
        """Do work behind what waits."""
        self._put(work, work.size)

    def _put(self, entry: Work | Body, size: int) -> None:
        self._queue.append(entry)
        self.size += size
        self._slices.waiting += size

    def tell(self, body: Body) -> None:
        """Publish an event now: one that a piece of work has found."""
        self._seq = seq = self._seq + 1
        self._bus.publish(body, self._flow.conn, self._flow.number, seq)

    def run(self, until: float) -> bool:
        """Work until a time (`perf_counter`), at least one step; return whether nothing is left."""
        queue = self._queue
        while queue:
            entry = queue[0]
            if isinstance(entry, Body):
                self._pop()
                self.tell(entry)
                continue
            for _ in entry.steps:
                if perf_counter() >= until:
                    return False
            self._pop()
        return True

    def _pop(self) -> None:
        entry = self._queue.popleft()
        if isinstance(entry, Work):
            size = entry.size
        else:
            size = len(entry.data) if isinstance(entry, (BodyChunk, OriginalChunk)) else 0
        self.size -= size
        self._slices.waiting -= size

    def abandon(self) -> None:
        """Drop the work that waits, and publish the events."""
        while self._queue:
            entry = self._queue[0]
            self._pop()
            if isinstance(entry, Work):
                entry.drop()
            else:
                self.tell(entry)


class Slices:
    """All flows with a backlog, one after the other. One per proxy."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._flows: deque[FlowLife] = deque()
        self.waiting = 0
        """Bytes that wait, over all flows."""
        self._conns: dict[int, ConnClosed] = {}
        """Ends of conns that wait for those of their flows."""
        self._scheduled = False

    @property
    def idle(self) -> bool:
        """Whether no flow has a backlog."""
        return not self._flows

    def behind(self, conn: int) -> bool:
        """Return whether a flow of a conn has a backlog."""
        return any(flow.conn == conn for flow in self._flows)

    def end_conn(self, conn: int, end: ConnClosed) -> None:
        """Publish the end of a conn once those of its flows are out."""
        self._conns[conn] = end

    def do(self, flow: FlowLife, work: Work) -> None:
        """Do work on a flow: now as far as a moment allows, and the rest in later turns of the loop."""
        late = flow.late
        if late is None:
            until = perf_counter() + AT_ONCE
            for _ in work.steps:
                if perf_counter() >= until:
                    break
            else:
                return
            late = Backlog(flow, self, self._shared.bus)
            self._flows.append(flow)
            self._schedule()
        late.add(work)
        self._watch_size(work)

    def _watch_size(self, work: Work) -> None:
        """Have a flow hurry where half of what may wait does; beyond all of it, give up on one."""
        waiting, limit = self.waiting, self._shared.config.limits.message_backlog_bytes
        self._shared.counters.level("message_backlog_bytes", waiting)
        if waiting * 2 > limit:
            work.hurry()
        if waiting <= limit:
            return
        flow = max(self._flows, key=lambda each: each.late.size if each.late is not None else 0)
        self._shared.limit_reached("message_backlog_bytes", waiting, "messages of a flow are no longer told")
        self._flows.remove(flow)
        self._end(flow, abandoned=True)

    def _schedule(self) -> None:
        if self._flows and not self._scheduled:
            self._scheduled = True
            self._shared.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        if self._shared.bus.congested:
            self._scheduled = True
            self._shared.bus.when_released(self._turn)
            return
        until = perf_counter() + SLICE
        while self._flows:
            flow = self._flows.popleft()
            if flow.late is not None and not flow.late.run(until):
                self._flows.append(flow)
                break
            self._end(flow)
        self._schedule()

    def _end(self, flow: FlowLife, *, abandoned: bool = False) -> None:
        late = flow.late
        if late is not None:
            if abandoned:
                late.abandon()
            late.end()
        if flow.conn in self._conns and not self.behind(flow.conn):
            self._shared.bus.publish(self._conns.pop(flow.conn), flow.conn)

    def finish(self) -> None:
        """Publish what waits, and tell of no more messages: the proxy ends."""
        while self._flows:
            self._end(self._flows.popleft(), abandoned=True)
