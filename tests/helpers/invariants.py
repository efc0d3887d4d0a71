"""What must hold for every stream of events, whatever the traffic was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from soth_mitm.model.events import (
    CHUNK_LIMIT,
    Annotated,
    Body,
    BodyChunk,
    ConnClosed,
    Direction,
    Event,
    FlowClosed,
    RequestEnd,
    ResponseEnd,
    SessionEnded,
    SessionStarted,
)
from soth_mitm.model.life import CONN_NEXT, FLOW_NEXT, ConnState, FlowState
from soth_mitm.model.reasons import CloseReason

_REASONS = frozenset(CloseReason)


class _Flow:
    def __init__(self, conn: int) -> None:
        self.conn = conn
        self.state: int = FlowState.NEW
        self.seq = 0
        self.bytes = {Direction.REQUEST: 0, Direction.RESPONSE: 0}

    def see(self, event: Event) -> None:
        body = event.body
        if isinstance(body, Annotated):
            assert FLOW_NEXT.get((self.state, Annotated)) == self.state, f"of no flow: {event}"
            assert (event.conn, event.flow_seq) == (0, 0), f"no part of the flow's own course: {event}"
            return
        self.seq += 1
        assert event.flow_seq == self.seq, f"flow {event.flow} skips from {self.seq - 1}: {event}"
        assert event.conn == self.conn, f"flow {event.flow} changes its client conn: {event}"
        follows = FLOW_NEXT.get((self.state, type(body)))
        assert follows is not None, f"{type(body).__name__} in state {FlowState(self.state).name}: {event}"
        self.state = follows
        if isinstance(body, BodyChunk):
            assert body.offset == self.bytes[body.direction], f"a hole or an overlap in a body: {event}"
            assert 0 < body.length <= CHUNK_LIMIT, f"a chunk of {body.length} bytes"
            assert len(body.data) in (0, body.length)
            self.bytes[body.direction] += body.length
        elif isinstance(body, RequestEnd):
            assert body.body_bytes == self.bytes[Direction.REQUEST], f"bytes are missing: {event}"
        elif isinstance(body, ResponseEnd):
            assert body.body_bytes == self.bytes[Direction.RESPONSE], f"bytes are missing: {event}"
        elif isinstance(body, FlowClosed):
            assert body.reason in _REASONS, f"no such reason code: {event}"


class Checker:
    """Follow a stream event by event; raises `AssertionError` at the first that breaks a promise."""

    def __init__(self) -> None:
        self._seq = 0
        self._mono = 0
        self._conns: dict[int, int] = {}
        self._flows: dict[int, _Flow] = {}
        self._ended = False

    def see(self, event: Event) -> None:
        """Check one more event."""
        assert not self._ended, f"an event after the end of the session: {event}"
        assert event.seq == self._seq + 1, f"seq goes from {self._seq} to {event.seq}"
        assert event.mono_ns >= self._mono, f"time goes back at {event}"
        self._seq, self._mono = event.seq, event.mono_ns
        if self._seq == 1:
            assert isinstance(event.body, SessionStarted), f"the stream begins with {event}"
        if event.flow:
            self._flows.setdefault(event.flow, _Flow(event.conn)).see(event)
            if not isinstance(event.body, Annotated):
                open_conn = self._conns.get(event.conn) not in (None, ConnState.CLOSED)
                assert open_conn, f"of a closed conn: {event}"
        else:
            assert event.flow_seq == 0
            if event.conn:
                self._see_conn(event)
        self._ended = isinstance(event.body, SessionEnded)

    def _see_conn(self, event: Event) -> None:
        state = self._conns.get(event.conn, ConnState.NEW)
        follows = CONN_NEXT.get((state, type(event.body)))
        assert follows is not None, (
            f"{type(event.body).__name__} in state {ConnState(state).name} of conn {event.conn}"
        )
        self._conns[event.conn] = follows
        if isinstance(event.body, ConnClosed):
            assert event.body.reason in _REASONS, f"no such reason code: {event}"
            left = [
                number
                for number, flow in self._flows.items()
                if flow.conn == event.conn and flow.state != FlowState.CLOSED
            ]
            assert not left, f"conn {event.conn} ended before its flows {left}"

    def finish(self) -> None:
        """Check that everything that was opened has ended."""
        conns = [number for number, state in self._conns.items() if state != ConnState.CLOSED]
        flows = [number for number, flow in self._flows.items() if flow.state != FlowState.CLOSED]
        assert not conns, f"conns without a terminal event: {conns}"
        assert not flows, f"flows without a terminal event: {flows}"
        assert self._ended, "the stream has no end"


def check(events: Iterable[Event]) -> None:
    """Check a whole stream, its end included."""
    checker = Checker()
    for event in events:
        checker.see(event)
    checker.finish()


def story(events: Sequence[Event]) -> list[Body]:
    """Return the bodies of some events without clocks, with adjacent body chunks merged."""
    told: list[Body] = []
    for event in events:
        body = event.body
        last = told[-1] if told else None
        if isinstance(body, BodyChunk) and isinstance(last, BodyChunk) and last.direction is body.direction:
            told[-1] = BodyChunk(
                last.direction, last.offset, last.length + body.length, last.data + body.data
            )
        else:
            told.append(body)
    timeless = {"dns_ns": 0, "connect_ns": 0, "tls_ns": 0}
    return [msgspec.structs.replace(body, **timeless) if hasattr(body, "dns_ns") else body for body in told]
