"""The bus: numbers and times every event, and hands it to the subscribers in order.

`publish` runs on the proxy's own thread and never waits. A subscriber that cannot keep up may ask
for a hold (`hold`/`release`): the drivers then stop reading from their peers until it is released,
which is how a recorder pushes back without an unbounded queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Literal

from soth_mitm.clock import Clock, SystemClock
from soth_mitm.model.events import Body, BodyChunk, CaptureGap, Event, Notice, OriginalChunk, SessionEnded
from soth_mitm.model.limits import Counters
from soth_mitm.text import printable

Sink = Callable[[Event], None]
Kinds = frozenset[type[Body]]


class Bus:
    """Fan-out of one run's events. Not thread-safe: publish from the loop that runs the proxy.

    Every subscriber sees the same order: what a sink publishes while it is given an event comes after
    that event for all. A sink that raises is taken off, and a `Notice` says so.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._monotonic = self.clock.monotonic_ns
        self._wall = self.clock.wall_ns
        self._sinks: tuple[tuple[Sink, Kinds | None], ...] = ()
        self._routes: dict[type[Body], tuple[Sink, ...]] = {}
        """Who gets events of a kind, for those that have come since the subscribers changed."""
        self._holders: set[object] = set()
        self._waiting: list[Callable[[], None]] = []
        self._delivering = False
        self._backlog: deque[Event] = deque()
        self.seq = 0
        self.counters = Counters()
        """How often each budget of the run was used up."""
        self.congested = False
        """True while a subscriber asks the drivers to stop reading."""

    def publish(self, body: Body, conn: int = 0, flow: int = 0, flow_seq: int = 0) -> int:
        """Give `body` its envelope and hand it to every subscriber; return its monotonic time."""
        self.seq = seq = self.seq + 1
        now = self._monotonic()
        event = Event(seq, conn, flow, flow_seq, now, self._wall(), body)
        if self._delivering:
            self._backlog.append(event)
            return now
        self._delivering = True
        try:
            # Here and not in a method of its own: a call for each event is one in twenty of its cost.
            for sink in self._routes.get(type(body)) or self._route(type(body)):
                try:
                    sink(event)
                except Exception as error:
                    self._failed(sink, error)
            while self._backlog:
                self._deliver(self._backlog.popleft())
        finally:
            self._delivering = False
        return now

    def _deliver(self, event: Event) -> None:
        for sink in self._route(type(event.body)):
            try:
                sink(event)
            except Exception as error:
                self._failed(sink, error)

    def _failed(self, sink: Sink, error: Exception) -> None:
        self._take_off(sink)
        what = printable(f"{type(error).__name__}: {error}", 200)
        self.publish(Notice("error", f"a viewer of the stream failed and was taken off ({what})"))

    def _route(self, kind: type[Body]) -> tuple[Sink, ...]:
        sinks = self._routes.get(kind)
        if sinks is None:
            wanting = (sink for sink, kinds in self._sinks if kinds is None or kind in kinds)
            sinks = self._routes[kind] = tuple(wanting)
        return sinks

    def attach(self, sink: Sink, *, kinds: Kinds | None = None) -> Callable[[], None]:
        """Add a subscriber, to all events or those of some kinds; call what is returned to take it away.

        A sink must not wait.
        """
        self._sinks = (*self._sinks, (sink, kinds))
        self._routes = {}
        return lambda: self._take_off(sink)

    def _take_off(self, sink: Sink) -> None:
        self._sinks = tuple(each for each in self._sinks if each[0] is not sink)
        self._routes = {}

    def hold(self, holder: object) -> None:
        """Ask the drivers to stop reading until `release(holder)`."""
        self._holders.add(holder)
        self.congested = True

    def release(self, holder: object) -> None:
        """Withdraw a hold; with the last one gone, those that wait are called back."""
        self._holders.discard(holder)
        if self._holders or not self.congested:
            return
        self.congested = False
        waiting, self._waiting = self._waiting, []
        while waiting:
            if self.congested:
                # One of those called back brought the next hold about: the others go on waiting.
                self._waiting = waiting + self._waiting
                return
            waiting.pop(0)()

    def when_released(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when no hold is left; at once where there is none."""
        if self.congested:
            self._waiting.append(callback)
        else:
            callback()

    def cursor(self, *, capacity: int = 8192, on_full: Literal["gap", "block"] = "gap") -> Cursor:
        """Subscribe with a bounded queue that the subscriber empties at its own rate."""
        return Cursor(self, capacity=capacity, on_full=on_full)


class Cursor:
    """A subscriber that pulls: `async for event in cursor`, or `take()` on a timer.

    With `on_full="gap"` events beyond `capacity` are dropped, and one `CaptureGap` stands where
    they were; with `"block"` the drivers are held instead and nothing is lost.
    """

    def __init__(self, bus: Bus, *, capacity: int, on_full: Literal["gap", "block"]) -> None:
        self._bus = bus
        self._queue: deque[Event] = deque()
        self._capacity = capacity
        self._block = on_full == "block"
        self._wake: asyncio.Event | None = None
        self._missed = 0
        self._missed_bytes = 0
        self._last: Event | None = None
        self.dropped = 0
        """Events this subscriber never saw."""
        self.closed = False
        self._detach = bus.attach(self._sink)

    def _sink(self, event: Event) -> None:
        if len(self._queue) >= self._capacity and not isinstance(event.body, SessionEnded):
            if not self._block:
                if not self._missed:
                    self._bus.counters.hit("cursor_queue_events")
                self._missed += 1
                if isinstance(event.body, (BodyChunk, OriginalChunk)):
                    self._missed_bytes += event.body.length
                self._last = event
                return
            self._bus.hold(self)
        self._note_gap()
        self._queue.append(event)
        if self._wake is not None:
            self._wake.set()

    def _note_gap(self) -> None:
        if not self._missed or self._last is None:
            return
        last = self._last
        gap = CaptureGap(gap_flow=0, bytes=self._missed_bytes, events=self._missed, cause="cursor_full")
        self._queue.append(Event(last.seq, 0, 0, 0, last.mono_ns, last.wall_ns, gap))
        self.dropped += self._missed
        self._missed = self._missed_bytes = 0

    def take(self, most: int = 1024) -> list[Event]:
        """Return up to `most` waiting events, in order, without waiting."""
        queue = self._queue
        events = [queue.popleft() for _ in range(min(most, len(queue)))]
        if self._block and len(queue) <= self._capacity // 2:
            self._bus.release(self)
        if not queue:
            self._note_gap()
        return events

    def close(self) -> None:
        """Unsubscribe; what is queued can still be taken, then iteration ends."""
        self._detach()
        self._bus.release(self)
        self.closed = True
        if self._wake is not None:
            self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events as they come, until the session ends or the cursor is closed."""
        wake = self._wake = asyncio.Event()
        while True:
            for event in self.take():
                yield event
                if isinstance(event.body, SessionEnded):
                    self.close()
                    return
            if self._queue:
                continue
            if self.closed:
                return
            wake.clear()
            await wake.wait()


class Lossy:
    """A subscriber for measurements: calls `sink` for one event in `every`, and counts the rest.

    The end of the session is never left out.
    """

    def __init__(self, bus: Bus, sink: Sink, *, every: int = 1) -> None:
        self._sink = sink
        self._every = every
        self.seen = 0
        self.dropped = 0
        self.detach = bus.attach(self._receive)

    def _receive(self, event: Event) -> None:
        self.seen += 1
        if self.seen % self._every and not isinstance(event.body, SessionEnded):
            self.dropped += 1
            return
        try:
            self._sink(event)
        except Exception:
            self.dropped += 1
