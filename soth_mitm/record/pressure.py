"""What a recorder does when it cannot write fast enough, or not at all.

Over its limit it asks for a hold. With `strict` the hold stays until the queue has room; otherwise
traffic goes on after `HOLD_SECONDS`, bodies are recorded by size alone, and past `HARD_SHARE` of the
limit whole events are left out. A `CaptureGap` says afterwards what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from soth_mitm.model.events import (
    BodyChunk,
    CaptureGap,
    Event,
    LimitReached,
    Notice,
    OriginalChunk,
    SessionEnded,
)

if TYPE_CHECKING:
    from soth_mitm.record.bus import Bus

HOLD_SECONDS = 0.25
HARD_SHARE = 1.25


class Pressure:
    """Decides what is recorded while the queue is full. `level` tells how many bytes wait in it."""

    def __init__(self, bus: Bus, *, limit: int, strict: bool, level: Callable[[], int], name: str) -> None:
        self.losing = False
        """True while something is left out; `admit` then has to be asked."""
        self.lost_events = 0
        """Events left out so far."""
        self.lost_bytes = 0
        """Body bytes left out so far."""
        self._bus = bus
        self._limit = limit
        self._hard = int(limit * HARD_SHARE)
        self._strict = strict
        self._level = level
        self._name = name
        self._cause = "recorder_full"
        self._failing = False
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._gap_events = 0
        self._gap_bytes = 0
        self._gap_flows: set[int] = set()

    def rise(self) -> None:
        """Look at the level after it rose. Publishes nothing, so a sink may call it."""
        if self._stopped or self.losing or self._timer is not None:
            return
        if self._level() > self._limit:
            self._bus.hold(self)
            if not self._strict:
                self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._lose)

    def fall(self) -> None:
        """Look at the level after something was written."""
        self._failing = False
        if self._stopped or self._level() > self._limit // 2:
            return
        self._stop_holding()
        if self.losing:
            self.losing = False
            self._bus.publish(Notice("info", f"recording to {self._name} goes on"))
            gap = self.take_gap()
            if gap is not None:
                self._bus.publish(gap)

    def fail(self, error: OSError, *, final: bool) -> None:
        """Take note that a write failed; told once, until one succeeds again."""
        if self._stopped or self._failing:
            return
        self._failing = True
        why = error.strerror or str(error)
        if final:
            text = f"recording to {self._name} has ended: {why}; traffic goes on unrecorded"
        elif self._strict:
            text = f"cannot write {self._name}: {why}; traffic is held until it can be written"
            self._bus.hold(self)
        else:
            text = f"cannot write {self._name}: {why}; recording pauses, traffic goes on; it is tried again"
        if final or not self._strict:
            self._begin_losing("write_failed")
        self._bus.publish(LimitReached("recorder_disk", self._level(), "pause the recording"))
        self._bus.publish(Notice("error", text))

    def admit(self, event: Event) -> Event | None:
        """Return what of `event` is to be recorded while `losing`; None for nothing."""
        body = event.body
        if isinstance(body, SessionEnded):
            return event
        if self._level() > self._hard:
            self.miss(event)
            return None
        if not isinstance(body, (BodyChunk, OriginalChunk)) or not body.data:
            return event
        self._gap_flows.add(event.flow)
        self._gap_bytes += len(body.data)
        self.lost_bytes += len(body.data)
        sized = type(body)(body.direction, body.offset, body.length)
        return Event(event.seq, event.conn, event.flow, event.flow_seq, event.mono_ns, event.wall_ns, sized)

    def miss(self, event: Event) -> None:
        """Count an event that is not recorded at all."""
        size = len(event.body.data) if isinstance(event.body, (BodyChunk, OriginalChunk)) else 0
        if len(self._gap_flows) < 2:
            self._gap_flows.add(event.flow)
        self._gap_events += 1
        self._gap_bytes += size
        self.lost_events += 1
        self.lost_bytes += size

    def take_gap(self) -> CaptureGap | None:
        """Return what was left out since the last gap, and begin anew; None for nothing."""
        if not (self._gap_events or self._gap_bytes):
            return None
        flow = next(iter(self._gap_flows)) if len(self._gap_flows) == 1 else 0
        gap = CaptureGap(gap_flow=flow, bytes=self._gap_bytes, events=self._gap_events, cause=self._cause)
        self._gap_events = self._gap_bytes = 0
        self._gap_flows.clear()
        return gap

    def stop(self) -> None:
        """Hold nobody any more, and publish nothing: the recording is being closed."""
        self._stopped = True
        self._stop_holding()

    def _lose(self) -> None:
        self._timer = None
        if self._level() > self._limit:
            self._begin_losing("recorder_full")
            self._bus.counters.hit("recorder_queue_bytes")
            self._bus.publish(
                LimitReached("recorder_queue_bytes", self._limit, "record sizes, leave out bodies")
            )
        else:
            self._bus.release(self)

    def _begin_losing(self, cause: str) -> None:
        self._cause = cause
        self.losing = True
        self._stop_holding()

    def _stop_holding(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._bus.release(self)
