"""The index: every row of a run, small enough for hundreds of thousands, and what changed in it.

Rows have absolute numbers in the order in which they were added: the first row ever is 0, and valid
are `dropped` up to `end`. An open flow has a live `Row`; a closed one is packed into a page. Reading
is safe from any thread; `apply` and the two `drop_` methods belong to one thread.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable
from threading import RLock
from typing import TYPE_CHECKING

from soth_mitm.model.annotation import Annotation
from soth_mitm.model.events import Annotated, ConnClosed, ProcessKnown
from soth_mitm.policy.filters import Filter, compile_filter
from soth_mitm.record.blockmap import ConnBlocks
from soth_mitm.record.bodies import NO_BLOCK
from soth_mitm.record.bycolumn import search_page
from soth_mitm.record.changes import ChangeLog, Changes
from soth_mitm.record.failures import Failures
from soth_mitm.record.naming import Unnamed
from soth_mitm.record.pages import NO_BLOCKS, PAGE_ROWS, Page
from soth_mitm.record.remarks import Remarks
from soth_mitm.record.rows import CLOSED, Row, RowFold, process_name
from soth_mitm.record.session import SessionFacts, SessionFold

if TYPE_CHECKING:
    from soth_mitm.model.events import Event

LOOK_UP = 64
"""Most flows whose rows are looked up to tell which changed; of more it is said that any may have."""

RowFilter = Callable[[Row], bool]


class Index:
    """The rows of one run."""

    def __init__(self, *, max_rows: int = 1_000_000) -> None:
        self.max_rows = max_rows
        """Beyond so many the oldest rows are dropped, whether their events are still there or not."""
        self.dropped = 0
        """Rows taken away at the head so far; also the number of the first row that is there."""
        self.end = 0
        """One more than the number of the last row."""
        self._lock = RLock()
        self._rows = RowFold()
        self._session = SessionFold()
        self._pages: deque[Page] = deque()
        self._first_page = 0
        self._open: dict[int, Row] = {}
        self._numbers: dict[int, int] = {}
        self._blocks: dict[int, array[int]] = {}
        self._conn_blocks = ConnBlocks()
        self._failures = Failures()
        self._remarks = Remarks()
        self._unnamed = Unnamed()
        self._log = ChangeLog()

    def __len__(self) -> int:
        """How many rows there are now."""
        return self.end - self.dropped

    @property
    def session(self) -> SessionFacts:
        """What is known of the run as a whole; goes on changing."""
        return self._session.facts

    # --- feeding --------------------------------------------------------------------------------

    def apply(self, events: Iterable[Event], block: int = NO_BLOCK) -> None:
        """Take the next events of the stream, all of which lie in `block`; `NO_BLOCK` where not stored."""
        fold, session, conns = self._rows.apply, self._session.apply, self._conn_blocks
        touched: dict[int, Row] = {}
        said: list[tuple[int, Annotation]] = []
        of_conns: list[tuple[int, ProcessKnown | ConnClosed]] = []
        with self._lock:
            for event in events:
                row = fold(event)
                body = event.body
                if type(body) is Annotated:
                    said.append((event.flow, Annotation.of(body)))
                if row is not None:
                    touched[row.flow] = row
                    continue
                if event.conn and not event.flow and block != NO_BLOCK:
                    conns.note(event.conn, block)
                session(event)
                if type(body) is ProcessKnown or type(body) is ConnClosed:
                    of_conns.append((event.conn, body))
            numbers = {self._settle(row, block) for row in touched.values()}
            self._settle_others(numbers, of_conns, said, block)

    def _settle_others(
        self,
        numbers: set[int],
        of_conns: list[tuple[int, ProcessKnown | ConnClosed]],
        said: list[tuple[int, Annotation]],
        block: int,
    ) -> None:
        """Do what is said of rows, of which those with `numbers` have changed."""
        for conn, told in of_conns:
            numbers |= self._name(conn, told)
        numbers.update(self._annotate(flow, annotation, block) for flow, annotation in said)
        numbers.discard(-1)
        self._log.note(numbers)
        if len(self) > self.max_rows:
            self.drop_rows(len(self) - self.max_rows)

    def _name(self, conn: int, body: ProcessKnown | ConnClosed) -> set[int]:
        """Say on the rows of a conn, of those that are packed, which program it is; return their numbers."""
        numbers = self._unnamed.take(conn)
        if isinstance(body, ConnClosed):
            return set()
        name = process_name(body)
        there = {number for number in numbers if number >= self.dropped}
        for number in there - self._open.keys():
            self._page(number).name(number % PAGE_ROWS, name)
        return there

    def _settle(self, row: Row, block: int) -> int:
        """Give a changed row its place, and pack it when it is closed; return its number, -1 for none."""
        if row.state != CLOSED:
            self._note_block(row.flow, block)
            if row.kind == "failed":
                return -1
            if row.number < 0:
                self._add(row)
            return row.number
        if row.tls_peer == "client":
            self._session.refused(row.started_wall_ns, row.client, row.host, row.outcome)
        if row.number < 0:
            equal = self._equal_failure(row) if row.kind == "failed" else -1
            if equal >= 0:
                self._blocks.pop(row.flow, None)
                self._remarks.drop(row.flow)
                return equal
            self._add(row)
        else:
            del self._open[row.number]
            del self._numbers[row.flow]
        self._pack(row, block)
        return row.number

    def _note_block(self, flow: int, block: int) -> None:
        if block == NO_BLOCK:
            return
        blocks = self._blocks.get(flow)
        if blocks is None:
            self._blocks[flow] = array("I", (block,))
        elif blocks[-1] != block:
            blocks.append(block)

    def _add(self, row: Row) -> None:
        """Put a row at the end."""
        if row.intercepted and row.kind != "failed":
            self._session.decrypted(row.client.rpartition(":")[0])
        number = row.number = self._next_number()
        if row.state != CLOSED:
            self._open[number] = row
            self._numbers[row.flow] = number
        if not row.process:
            self._unnamed.note(row.conn, number)

    def _next_number(self) -> int:
        number = self.end
        self.end = number + 1
        if number // PAGE_ROWS - self._first_page >= len(self._pages):
            self._pages.append(Page())
        return number

    def _pack(self, row: Row, block: int) -> None:
        first, last = self._ends(row.flow, block)
        self._page(row.number).pack(row.number % PAGE_ROWS, row, first, last)

    def _ends(self, flow: int, block: int) -> tuple[int, int]:
        """Return first and last block of a flow that has ended in `block`."""
        first = last = NO_BLOCKS if block == NO_BLOCK else block
        blocks = self._blocks.get(flow)
        if blocks is not None:
            self._note_block(flow, block)
            first, last = blocks[0], blocks[-1]
            if len(blocks) <= 2:
                # The two ends say it all; otherwise the whole list stays.
                del self._blocks[flow]
        return first, last

    def _page(self, number: int) -> Page:
        return self._pages[number // PAGE_ROWS - self._first_page]

    def _equal_failure(self, row: Row) -> int:
        """Count a failure with an equal one shortly before; return that one's number, -1 for none."""
        number = self._failures.equal(row, self.end, first=self.dropped)
        if number >= 0:
            self._page(number).repeat(number % PAGE_ROWS)
        return number

    def note_checkpoint(self, events: Iterable[Event], block: int) -> None:
        """Take note that `block` repeats what is known of open flows and conns."""
        with self._lock:
            for event in events:
                if event.flow in self._rows.open_rows:
                    self._note_block(event.flow, block)
                elif event.conn and not event.flow:
                    self._conn_blocks.note(event.conn, block)

    def end_of_recording(self) -> None:
        """Close the rows that are still open: the recording holds no more of them."""
        with self._lock:
            rows = list(self._rows.open_rows.values())
            for row in rows:
                row.outcome = row.outcome or "recording ends here"
                row.state = CLOSED
            self._rows.open_rows.clear()
            self._log.note({self._settle(row, NO_BLOCK) for row in rows})

    # --- what a person does to rows ---------------------------------------------------------------

    def annotation(self, flow: int) -> Annotation:
        """Return what is said about a flow."""
        with self._lock:
            return self._remarks.annotation(flow)

    def annotated(self) -> list[int]:
        """Return the flows that something is said about, in the order in which it was said first."""
        with self._lock:
            return self._remarks.annotated()

    def check_room(self, flow: int) -> None:
        """Make sure that a flow can be annotated without another's annotation being forgotten.

        Raises:
            AnnotationError: as many flows as may be are annotated already.
        """
        with self._lock:
            self._remarks.check_room(flow)

    def annotate(self, flow: int, annotation: Annotation) -> bool:
        """Say something about a flow that no event says; False where there is no such flow."""
        with self._lock:
            number = self._annotate(flow, annotation, NO_BLOCK)
            self._log.note({number} - {-1})
            return number >= 0

    def _annotate(self, flow: int, annotation: Annotation, block: int) -> int:
        """Note what is said about a flow; return the number of its row, -1 for none."""
        number = self.number_of(flow)
        if number is None and flow not in self._rows.open_rows:
            return -1
        self._remarks.annotate(flow, annotation, block)
        if number is None:
            return -1
        row = self._open.get(number)
        if row is not None:
            self._remarks.show_on(row)
        return number

    def unstored_annotations(self) -> dict[int, Annotation]:
        """Return what is said about flows and stands in no block."""
        with self._lock:
            return self._remarks.unstored()

    def hide(self, flows: Iterable[int]) -> list[int]:
        """Leave flows out of what `search` finds, and out of a save of everything; return the new ones.

        Rows keep their numbers and can be read; a row that goes takes its flow out of the set. About
        0.4 µs a flow: hide a few thousand at a time.
        """
        with self._lock:
            reach = [page.reach for page in self._pages]
            low, high = min((low for low, _ in reach), default=1), max((high for _, high in reach), default=0)
            new = self._remarks.hide(flow for flow in flows if flow in self._numbers or low <= flow <= high)
            self._note_flows(new)
            return sorted(new)

    def unhide(self, flows: Iterable[int]) -> list[int]:
        """Take back `hide` for flows; return those that were hidden."""
        with self._lock:
            back = self._remarks.unhide(flows)
            self._note_flows(back)
            return sorted(back)

    def is_hidden(self, flow: int) -> bool:
        """Return whether a flow is left out of the list."""
        return flow in self._remarks.hidden

    @property
    def hidden(self) -> frozenset[int]:
        """The flows that are left out."""
        with self._lock:
            return frozenset(self._remarks.hidden)

    def _note_flows(self, flows: set[int]) -> None:
        if len(flows) > LOOK_UP:
            self._log.note_all()
        elif flows:
            self._log.note({number for flow in flows if (number := self.number_of(flow)) is not None})

    # --- retention ------------------------------------------------------------------------------

    def drop_rows(self, count: int) -> None:
        """Drop `count` rows at the head. A flow that is still open moves to the end instead."""
        with self._lock:
            stop = min(self.dropped + count, self.end)
            for number in range(self.dropped, stop):
                row = self._open.pop(number, None)
                if row is not None:
                    self._add(row)
                elif self._blocks or self._remarks:
                    flow = self._page(number).flow(number % PAGE_ROWS)
                    self._blocks.pop(flow, None)
                    self._remarks.drop(flow)
            self.dropped = stop
            while self._pages and (self._first_page + 1) * PAGE_ROWS <= stop:
                self._pages.popleft()
                self._first_page += 1
            self._log.note(set())

    def drop_before(self, block: int) -> None:
        """Drop the rows at the head whose events all lie in blocks before `block`, or were not stored."""
        with self._lock:
            number = stop = self.dropped
            while number < self.end:
                if number not in self._open:
                    first, last = self._page(number).blocks(number % PAGE_ROWS)
                    if first != NO_BLOCKS and last >= block:
                        break
                    stop = number + 1
                number += 1
            self._conn_blocks.drop_before(block)
            if stop > self.dropped:
                self.drop_rows(stop - self.dropped)

    # --- reading --------------------------------------------------------------------------------

    def row(self, number: int) -> Row:
        """Return a row: the live one of an open flow, a copy of a closed one.

        Raises:
            IndexError: no row has this number, or no longer.
        """
        with self._lock:
            row = self._open.get(number)
            if row is not None:
                return row
            if not self.dropped <= number < self.end:
                raise IndexError(f"no row {number}: there are {self.dropped} up to {self.end}")
            return self._remarks.show_on(self._page(number).row(number % PAGE_ROWS, number))

    def number_of(self, flow: int) -> int | None:
        """Return the number of a flow's row; None where it has none of its own, or no longer."""
        with self._lock:
            number = self._numbers.get(flow)
            if number is not None:
                return number
            for at, page in enumerate(self._pages):
                slot = page.slot_of(flow)
                if slot is not None:
                    number = (self._first_page + at) * PAGE_ROWS + slot
                    return number if number >= self.dropped else None
            return None

    @property
    def revision(self) -> int:
        """A number that is another one whenever anything has changed."""
        return self._log.revision

    def changes_since(self, revision: int) -> Changes:
        """Return what changed after `revision`, at a cost of what changed."""
        with self._lock:
            return self._log.since(revision, first=self.dropped, end=self.end)

    def blocks_of(self, flow: int) -> list[int]:
        """Return the numbers of the blocks that hold events of a flow, in rising order."""
        with self._lock:
            own = self._blocks.get(flow)
            blocks = set(own) if own is not None else self._ends_of(flow)
            said = self._remarks.block_of(flow)
            if said != NO_BLOCK:
                blocks.add(said)
            return sorted(blocks)

    def _ends_of(self, flow: int) -> set[int]:
        """Return the blocks that a packed row names."""
        number = self.number_of(flow)
        if number is None or number in self._open:
            return set()
        first, last = self._page(number).blocks(number % PAGE_ROWS)
        return set() if first == NO_BLOCKS else {first, last}

    def blocks_of_conn(self, conn: int) -> list[int]:
        """Return the numbers of the blocks that hold events of a conn itself, in rising order."""
        with self._lock:
            return self._conn_blocks.of(conn)

    def search(self, wanted: str | RowFilter, start: int, stop: int) -> list[int]:
        """Return the numbers from `start` up to `stop` whose rows are wanted and not hidden.

        About 1 µs a row with a text or a `Filter`, 5 µs with another function: call it for a few
        thousand rows at a time. Of a filter with deep terms, these are the rows that may be wanted.

        Raises:
            FilterError: the text is no filter.
        """
        matcher = compile_filter(wanted) if isinstance(wanted, str) else wanted
        with self._lock:
            start, stop = max(start, self.dropped), min(stop, self.end)
            if not isinstance(matcher, Filter):
                return self._shown([number for number in range(start, stop) if matcher(self.row(number))])
            found: list[int] = []
            while start < stop:
                first = start - start % PAGE_ROWS
                behind = min(first + PAGE_ROWS, stop)
                self._search_page(matcher, start, behind, found)
                start = behind
            return self._shown(found)

    def _shown(self, numbers: list[int]) -> list[int]:
        """Return the numbers without those of hidden rows."""
        hidden = self._remarks.hidden
        return [number for number in numbers if self._flow_at(number) not in hidden] if hidden else numbers

    def flows_at(self, numbers: Iterable[int]) -> list[int]:
        """Return the flows of rows, of those that are there; call it for a few thousand at a time."""
        with self._lock:
            return [self._flow_at(number) for number in numbers if self.dropped <= number < self.end]

    def _flow_at(self, number: int) -> int:
        row = self._open.get(number)
        return row.flow if row is not None else self._page(number).flow(number % PAGE_ROWS)

    def _search_page(self, matcher: Filter, start: int, stop: int, found: list[int]) -> None:
        """Search packed rows by column; the open and the annotated ones of the page as rows."""
        page, slot = self._page(start), start % PAGE_ROWS
        first, said = start - slot, self._remarks.said
        packed = search_page(page, matcher.tree, range(slot, slot + stop - start), apart=said)
        numbers = [first + each for each in packed]
        apart = [number for number in range(start, stop) if number in self._open] if self._open else []
        if said:
            flows = enumerate(page.flows(slot, slot + stop - start), start)
            apart += [number for number, flow in flows if flow in said]
        if apart:
            numbers += [number for number in apart if matcher(self.row(number))]
            numbers.sort()
        found += numbers
