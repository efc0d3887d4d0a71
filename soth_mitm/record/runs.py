"""Several runs in one file: their conns and flows are numbered on, so that no two are mixed up.

Each run counts from 1. The numbers of the first run of a file stay as they are; those of a later one
are shifted behind the highest of the runs before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from soth_mitm.model.events import CaptureGap, Event, FlowBound, FlowOpened


class Shift(NamedTuple):
    """What is added to the numbers of a run."""

    conn: int
    flow: int

    def apply(self, event: Event) -> Event:
        """Return `event` with its numbers shifted."""
        if self == NO_SHIFT:
            return event
        body = event.body
        if isinstance(body, FlowBound):
            body = msgspec.structs.replace(
                body,
                client_conn=self._of(body.client_conn, self.conn),
                upstream_conn=self._of(body.upstream_conn, self.conn),
            )
        elif isinstance(body, FlowOpened):
            if body.replay_of:
                body = msgspec.structs.replace(body, replay_of=self._of(body.replay_of, self.flow))
        elif isinstance(body, CaptureGap):
            body = msgspec.structs.replace(body, gap_flow=self._of(body.gap_flow, self.flow))
        conn, flow = self._of(event.conn, self.conn), self._of(event.flow, self.flow)
        return Event(event.seq, conn, flow, event.flow_seq, event.mono_ns, event.wall_ns, body)

    @staticmethod
    def _of(number: int, shift: int) -> int:
        return number + shift if number else 0


NO_SHIFT = Shift(0, 0)


class Runs:
    """The shift of each run of a file, by the blocks it lies in."""

    def __init__(self) -> None:
        self._run_id: str | None = None
        self._first_blocks = [0]
        self._shifts = [NO_SHIFT]
        self._highest = NO_SHIFT

    @property
    def current(self) -> Shift:
        """The shift of the run that is being read."""
        return self._shifts[-1]

    def begin(self, run_id: str, block: int) -> None:
        """The blocks from `block` on belong to `run_id`."""
        if run_id == self._run_id:
            return
        if self._run_id is not None:
            self._first_blocks.append(block)
            self._shifts.append(self._highest)
        self._run_id = run_id

    def note(self, events: Iterable[Event]) -> None:
        """Take note of the numbers of shifted events."""
        conn, flow = self._highest
        for event in events:
            if event.conn > conn:
                conn = event.conn
            if event.flow > flow:
                flow = event.flow
        self._highest = Shift(conn, flow)

    def note_numbers(self, *, conn: int, flow: int) -> None:
        """Take note of numbers of the run that is being read, as they stand in the file."""
        shift, highest = self.current, self._highest
        conn = conn + shift.conn if conn else 0
        flow = flow + shift.flow if flow else 0
        self._highest = Shift(max(highest.conn, conn), max(highest.flow, flow))

    def shift_of(self, block: int) -> Shift:
        """Return the shift of the run that a block belongs to."""
        return self._shifts[bisect_right(self._first_blocks, block) - 1]
