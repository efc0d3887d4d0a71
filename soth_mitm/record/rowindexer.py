"""Making the row index of each segment while it is written, out of the events that are written.

What it holds is the rows of open flows, and up to `PART_BYTES` of what is ready to be compressed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.model.events import Annotated, ConnectReceived, Side, TlsEstablished
from soth_mitm.record.frames import append_frame, with_safe_text
from soth_mitm.record.packed import packed, result_of, site_of
from soth_mitm.record.rowindex import EVENTS_AT_ONCE, Digest, SegmentEnd, encode_digest, encode_part
from soth_mitm.record.rows import CONN_KINDS, RowFold
from soth_mitm.record.session import SESSION_KINDS

if TYPE_CHECKING:
    from soth_mitm.model.events import Body, Event
    from soth_mitm.record.packed import Packed, Result, Site
    from soth_mitm.record.rows import Row

PART_BYTES: Final = 128 * 1024
"""A part that has reached this size becomes a block; compressing it takes well below a millisecond."""

_TABLE_BYTES: Final = 128
"""About what an entry of a table takes."""

ROW_BYTES: Final = 1024
"""More than an open row takes as a rule."""

MOST_OPEN: Final = 8192
"""Where more open rows have changed, a segment gets no index: they would hold up the loop, or be too large
for a block."""

_TOLD: Final = SESSION_KINDS | CONN_KINDS | {Annotated}
_UNENCODABLE: Final = (ValueError, TypeError, OverflowError, struct.error, msgspec.MsgspecError)


class RowIndexer:
    """Take the blocks of a segment in order; what is returned are blocks of the index, to be written next.

    The numbers of conns and flows are those of one run: another one needs another indexer.
    """

    def __init__(self) -> None:
        import zstandard  # noqa: F401 - loading it must not hold up the traffic that fills the first part

        self._fold = RowFold()
        self._told: set[int] = set()
        """Open flows whose rows were told, in this segment or an earlier one."""
        self._changed: set[int] = set()
        """Those whose rows have changed since."""
        self._begin()

    def _begin(self) -> None:
        self._carried = set(self._fold.open_rows)
        self._block = 0
        self._begin_part()
        self._conn = self._flow = 0
        self._kinds: set[type[Body]] = set()
        self._failed = False

    def _begin_part(self) -> None:
        self._digests: list[bytes] = []
        self._sites: dict[Site, int] = {}
        self._results: dict[Result, int] = {}
        self._held = 0

    @property
    def size(self) -> int:
        """About how many bytes would follow if the segment ended now, at most."""
        return self._held + min(len(self._changed), MOST_OPEN) * ROW_BYTES + 512

    def pass_by(self) -> None:
        """Take note of a block of a checkpoint."""
        self._block += 1

    def take(self, events: Sequence[Event]) -> list[bytes]:
        """Take the events of the next block of frames."""
        for at in range(0, len(events), EVENTS_AT_ONCE):
            self.add(events[at : at + EVENTS_AT_ONCE])
        return self.end_block()

    def add(self, events: Sequence[Event]) -> None:
        """Take the next events of a block: `EVENTS_AT_ONCE`, or fewer that are its last ones."""
        try:
            data = encode_digest(self._digest(events))
        except _UNENCODABLE:
            self._failed = True
            return
        self._digests.append(data)
        self._held += len(data)

    def give_up(self) -> None:
        """Let the segment have no index: some of its events are not known here, and may say more of rows."""
        self._failed = True

    def end_block(self) -> list[bytes]:
        """Say that what was added is all of a block."""
        self._block += 1
        if self._failed:
            self._begin_part()
        # A part ends with a block, so that who cannot read it can go on with the next block.
        return self._end_part() if self._held >= PART_BYTES else []

    def end_segment(self) -> list[bytes]:
        """Return the rest of the index of the segment, and begin that of the next one.

        Nothing where a row could not be encoded: the segment then has no index that counts.
        """
        ready: list[bytes] = []
        if not self._failed and len(self._changed) <= MOST_OPEN:
            rows = [self._fold.open_rows[flow] for flow in self._changed]
            kinds = sorted(kind.KIND for kind in self._kinds)
            ready = self._end_part(SegmentEnd(rows, self._conn, self._flow, kinds))
        if ready:
            self._changed.clear()
        self._begin()
        return ready

    def _end_part(self, end: SegmentEnd | None = None) -> list[bytes]:
        digests, sites, results = self._digests, self._sites, self._results
        self._begin_part()
        try:
            return [encode_part(digests, sites, results, end)]
        except _UNENCODABLE:
            self._failed = True
            return []

    def _digest(self, events: Sequence[Event]) -> Digest:
        fold, kinds = self._fold.apply, self._kinds
        touched: dict[int, Row] = {}
        conns: dict[int, None] = {}
        told = bytearray()
        for event in events:
            row = fold(event)
            if row is not None:
                touched[row.flow] = row
            elif event.conn and not event.flow:
                conns[event.conn] = None
            if event.conn > self._conn:
                self._conn = event.conn
            if event.flow > self._flow:
                self._flow = event.flow
            kind = type(event.body)
            kinds.add(kind)
            if kind in _TOLD and (row is None or kind is Annotated):
                _tell(told, event)
        carried = self._carried
        ended = [flow for flow, row in touched.items() if flow in carried and not row.open] if carried else []
        carried.difference_update(ended)
        rows: list[int | Packed] = []
        whole: list[Row] = []
        for row in touched.values():
            if self._goes_on(row):
                rows.append(row.flow)
            elif row.open or row.kind == "failed" or row.tls_peer or row.llm is not None:
                # These say more to an index than what a packed row has.
                rows.append(row.flow)
                whole.append(row)
            else:
                rows.append(self._packed(row))
        return Digest(self._block, rows, whole, list(conns), bytes(told), ended)

    def _goes_on(self, row: Row) -> bool:
        """Say whether a row was told of and has not ended."""
        flow, told = row.flow, self._told
        if not row.open:
            told.discard(flow)
            self._changed.discard(flow)
            return False
        if flow in told:
            self._changed.add(flow)
            return True
        told.add(flow)
        return False

    def _packed(self, row: Row) -> Packed:
        (site, port), result = site_of(row), result_of(row)
        at = self._sites.get(site)
        if at is None:
            at = self._sites[site] = len(self._sites)
            self._held += _TABLE_BYTES
        how = self._results.get(result)
        if how is None:
            how = self._results[result] = len(self._results)
            self._held += _TABLE_BYTES
        return packed(row, port, site=at, result=how)


def _tell(told: bytearray, event: Event) -> None:
    body = _short(event.body)
    if body is None:
        return
    event = msgspec.structs.replace(event, body=body)
    try:
        append_frame(told, event)
    except _UNENCODABLE:
        append_frame(told, with_safe_text(event))


def _short(body: Body) -> Body | None:
    """Leave out what no index reads; None where that is all."""
    if isinstance(body, TlsEstablished):
        return msgspec.structs.replace(body, chain=()) if body.side == Side.CLIENT else None
    return msgspec.structs.replace(body, raw=b"") if isinstance(body, ConnectReceived) else body
