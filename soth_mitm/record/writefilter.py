"""A recording of the flows that match, and of the connections that they use.

What a filter says of a flow may be known only when it ends, so events wait here until it is. Within what is
written, the events of a flow keep their order; those of different flows may stand in another one than that
in which they happened, so they are numbered anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.export.choosing import Chooser
from soth_mitm.export.collect import Collector
from soth_mitm.model.events import (
    Annotated,
    BodyChunk,
    CaptureGap,
    ConnClosed,
    Event,
    FlowBound,
    FlowClosed,
    ResponseHead,
)
from soth_mitm.record.rows import RowFold

if TYPE_CHECKING:
    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.rows import Row

CONNS: Final = 65_536
"""Connections whose events wait for a flow that matches; the oldest are forgotten."""

WRITTEN: Final = 65_536
"""Flows that were written and have ended, of which what is said later is written too."""

_OVERHEAD: Final = 200


class _Waiting:
    """A flow that nothing is known of yet."""

    __slots__ = ("conns", "events", "size")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.size = 0
        self.conns: set[int] = set()


class WriteFilter:
    """Hands the events of flows that match to `sink`, which the recorder sets."""

    def __init__(self, wanted: Filter, *, limit: int) -> None:
        """`limit` is how many bytes may wait; beyond, the flow with the most is given up, which is told."""
        self.text = wanted.text
        self.given_up = 0
        self.sink: Callable[[Event], None] = lambda _: None
        self._limit = limit
        self._chooser = Chooser(wanted)
        self._collector = Collector(body_bytes=self._chooser.body_bytes(printed=False))
        self._fold = RowFold()
        self._waiting: dict[int, _Waiting] = {}
        self._size = 0
        self._chosen: set[int] = set()
        self._refused: set[int] = set()
        self._written: dict[int, None] = {}
        self._conns: dict[int, list[Event]] = {}
        self._open_conns: set[int] = set()
        self._seq = 0

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if not event.flow:
            self._no_flow(event)
            return
        row = self._fold.apply(event)
        flow = event.flow
        if type(event.body) is Annotated:
            if flow in self._chosen or flow in self._written:
                self._put(event)
            return
        if flow in self._chosen:
            self._put(event)
        elif flow not in self._refused:
            self._undecided(event, row)
        if type(event.body) is FlowClosed:
            self._closed(flow)

    def finish(self) -> None:
        """Decide about the flows that are still open, once no more events come."""
        for row in list(self._fold.open_rows.values()):
            if row.flow in self._waiting:
                self._decide(row.flow, self._chooser.late(row, self._collector.take(row.flow)))

    def _undecided(self, event: Event, row: Row | None) -> None:
        flow, body = event.flow, event.body
        waiting = self._waiting.setdefault(flow, _Waiting())
        size = _OVERHEAD + len(getattr(body, "data", b""))
        waiting.events.append(event)
        waiting.size += size
        self._size += size
        self._collector.apply(event)
        if event.conn:
            waiting.conns.add(event.conn)
        if isinstance(body, FlowBound) and body.upstream_conn:
            waiting.conns.add(body.upstream_conn)
        if row is None:
            return
        if type(body) is FlowClosed:
            self._decide(flow, self._chooser.late(row, self._collector.take(flow)))
        elif isinstance(body, ResponseHead | BodyChunk) and self._chooser.early(
            row, self._collector.look(flow)
        ):
            self._collector.take(flow)
            self._decide(flow, wanted=True)
        elif self._size > self._limit:
            self._give_up(event)

    def _closed(self, flow: int) -> None:
        """Forget a flow that has ended, but that it was written, as something may be said about it later."""
        self._refused.discard(flow)
        if flow in self._chosen:
            self._chosen.remove(flow)
            if len(self._written) >= WRITTEN:
                del self._written[next(iter(self._written))]
            self._written[flow] = None

    def _forget_conn(self, conn: int) -> None:
        """Forget a conn that has ended, unless a flow that uses it is undecided."""
        held = self._conns.get(conn)
        ended = held is not None and type(held[-1].body) is ConnClosed
        if ended and not any(conn in each.conns for each in self._waiting.values()):
            del self._conns[conn]

    def _early(self, row: Row) -> bool:
        return self._chooser.early(row, self._collector.look(row.flow))

    def _decide(self, flow: int, wanted: bool) -> None:
        waiting = self._waiting.pop(flow)
        self._size -= waiting.size
        if not wanted:
            self._refused.add(flow)
            for conn in waiting.conns:
                self._forget_conn(conn)
            return
        self._chosen.add(flow)
        for conn in sorted(waiting.conns):
            self._open_conns.add(conn)
            for event in self._conns.pop(conn, ()):
                self._put(event)
        for event in waiting.events:
            self._put(event)

    def _give_up(self, now: Event) -> None:
        flow = max(self._waiting, key=lambda number: self._waiting[number].size)
        waiting = self._waiting[flow]
        self._collector.take(flow)
        self.given_up += 1
        gap = CaptureGap(flow, waiting.size, len(waiting.events), "write_filter_full")
        self._decide(flow, wanted=False)
        self._put(Event(0, 0, 0, 0, now.mono_ns, now.wall_ns, gap))

    def _no_flow(self, event: Event) -> None:
        conn = event.conn
        if not conn or conn in self._open_conns:
            self._put(event)
            if type(event.body) is ConnClosed:
                self._open_conns.discard(conn)
            return
        held = self._conns.get(conn)
        if held is None:
            if len(self._conns) >= CONNS:
                del self._conns[next(iter(self._conns))]
            held = self._conns[conn] = []
        held.append(event)
        self._forget_conn(conn)

    def _put(self, event: Event) -> None:
        self._seq += 1
        self.sink(msgspec.structs.replace(event, seq=self._seq))
