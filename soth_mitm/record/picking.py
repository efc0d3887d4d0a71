"""Which flows of a dump match a filter, and which connections belong to them, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.export.choosing import Chooser
from soth_mitm.export.collect import Collector, Exchange
from soth_mitm.model.events import FlowBound, FlowClosed
from soth_mitm.record.reader import DumpReader, ReadReport
from soth_mitm.record.rows import RowFold
from soth_mitm.record.runs import Runs

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.importing import Progress
    from soth_mitm.record.rows import Row


class Picked(NamedTuple):
    """What matches."""

    flows: frozenset[int]
    conns: frozenset[int]

    def holds(self, flow: int, conn: int) -> bool:
        """Return whether an event of a flow, of a conn, or of neither belongs to it."""
        return flow in self.flows if flow else not conn or conn in self.conns


class Numbered:
    """The events of a dump, conns and flows of its runs numbered on."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._path = path
        self._progress = progress
        self.report = ReadReport()

    def __iter__(self) -> Iterator[Event]:
        runs, run, done = Runs(), None, 0
        total = size_of(self._path)
        with DumpReader(self._path) as reader:
            self.report = reader.report
            for number, block in enumerate(reader.blocks()):
                run_id = reader.segments[-1].run_id if reader.segments else ""
                if run_id != run:
                    run = run_id
                    runs.begin(run_id, number)
                shift = runs.current
                for _, event in reader.events_in(block):
                    event = shift.apply(event)
                    runs.note((event,))
                    yield event
                done += block.length
                if self._progress is not None and not number % 16:
                    self._progress(min(done, total), total)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of the segments in a directory."""
    files = path.glob("*.soth") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def pick(path: Path, wanted: Filter, progress: Progress | None = None) -> Picked:
    """Return the flows that match, and their conns.

    Raises:
        DumpError: the dump cannot be read.
    """
    fold, chooser = RowFold(), Chooser(wanted)
    collector = Collector(body_bytes=chooser.body_bytes(printed=False)) if chooser.asks_heads else None
    flows: set[int] = set()
    conns: set[int] = set()
    bound: dict[int, set[int]] = {}

    def judge(row: Row) -> None:
        exchange = collector.take(row.flow) if collector is not None else Exchange()
        own = bound.pop(row.flow, set())
        if chooser.late(row, exchange):
            flows.add(row.flow)
            conns.update(own, (row.conn,))

    for event in Numbered(path, progress):
        row = fold.apply(event)
        if row is None:
            continue
        if collector is not None:
            collector.apply(event)
        if isinstance(event.body, FlowBound):
            bound.setdefault(event.flow, set()).add(event.body.upstream_conn)
        if row.state == "closed" and isinstance(event.body, FlowClosed):
            judge(row)
    for row in list(fold.open_rows.values()):
        judge(row)
    return Picked(frozenset(flows), frozenset(conns))
