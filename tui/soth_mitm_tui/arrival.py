"""The rows of the flow list in the order of their arrival: which match the filter, and what changed.

Pulls from the record's index at the pace of its user, so a burst of events costs one look. A filter
is scanned from the newest row backwards in slices, so that the first screenful is there at once
and nobody waits for the rest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple, Protocol

from soth_mitm_tui.deepfilter import DeepFilter
from soth_mitm_tui.matches import Matches

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable

    from soth_mitm.record.changes import Changes
    from soth_mitm.record.index import RowFilter
    from soth_mitm.record.rows import Row

SLICE_NS = 3_000_000
"""How long one slice of a scan may take; a handler of the app has 5 ms."""
_BATCH = 512
_DEEP_BATCH = 128


class RowIndex(Protocol):
    """What the list needs of the record's index. Row numbers are absolute: the first row ever is 0."""

    @property
    def revision(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    def __len__(self) -> int: ...
    def row(self, number: int, /) -> Row: ...
    def number_of(self, flow: int, /) -> int | None: ...
    def changes_since(self, revision: int, /) -> Changes: ...
    def search(self, wanted: RowFilter, start: int, stop: int, /) -> list[int]: ...
    def hide(self, flows: Iterable[int], /) -> list[int]: ...
    def unhide(self, flows: Iterable[int], /) -> list[int]: ...
    def annotated(self) -> list[int]: ...


class Update(NamedTuple):
    """What one pull changed in the list, in positions."""

    appended: int
    changed: frozenset[int] | None
    """Positions to draw again; None: all."""
    dropped: int
    """Positions gone at the top; what stood at position p now stands at p - dropped."""


NO_UPDATE = Update(0, frozenset(), 0)


class Arrivals:
    """The rows that match the filter and are not deleted. Tells a subclass what came, changed and went."""

    def __init__(self, index: RowIndex) -> None:
        self._index = index
        self._revision = -1
        self._end = 0
        self._dropped = 0
        self._matcher: RowFilter | None = None
        self._matches = Matches()
        self._scan = 0
        self._hidden: list[int] = []  # numbers of deleted rows, ascending
        self.revision = 0
        """Rises whenever a row that was shown may look different."""

    # --- for another order of the rows

    def _came(self, numbers: range) -> None:
        """There are new rows, among them deleted ones for which `_went` is called."""

    def _changed(self, number: int) -> None:
        """A row matches: it is new, or may look different."""

    def _went(self, number: int) -> None:
        """A row does not match any more, or is deleted."""

    def _went_below(self, number: int, count: int) -> None:
        """Retention took the rows below a number, `count` of which matched."""

    def _start_over(self) -> None:
        """Any row may have come, changed or gone."""

    # --- rows

    @property
    def matching(self) -> int:
        """Rows that match the filter, be they in sight or in a folded group."""
        return self.total if self._matcher is None else len(self._matches)

    def matches(self) -> array[int]:
        """Return the numbers of the rows that match the filter, oldest first."""
        return self._matches.numbers()

    @property
    def total(self) -> int:
        """Rows that there are, whether they match or not; without the deleted ones."""
        return self._end - self._dropped - len(self._hidden)

    @property
    def deleted(self) -> int:
        """Rows that were taken out of the list."""
        return len(self._hidden)

    @property
    def filtered(self) -> bool:
        """Whether a filter is set."""
        return self._matcher is not None

    @property
    def in_step(self) -> bool:
        """Whether nothing has happened in the index since the last pull."""
        end = self._index.dropped + len(self._index)
        return self._index.revision == self._revision and self._end == end

    @property
    def scanning(self) -> bool:
        """Whether older rows have not been looked at yet."""
        return self._matcher is not None and self._scan > self._dropped

    def row_of(self, flow: int) -> Row | None:
        """Return the row of a flow, shown or not; None where retention dropped it."""
        number = self._index.number_of(flow) if flow > 0 else None
        return None if number is None or number < self._index.dropped else self._index.row(number)

    def _number(self, flow: int) -> int | None:
        number = self._index.number_of(flow)
        return None if number is None or not self._dropped <= number < self._end else number

    def _flat_number(self, position: int) -> int:
        if self._matcher is not None:
            return self._matches[position]
        number, hidden = self._dropped + position, self._hidden
        if hidden:
            # The hidden number at slot i has i hidden ones before it, and is passed over from there on.
            number += bisect_right(range(len(hidden)), number, key=lambda slot: hidden[slot] - slot)
        return number

    def _flat_position(self, number: int) -> tuple[int, bool]:
        """Return the position of a row by arrival, or where it would stand, and whether it is there."""
        if self._matcher is not None:
            return self._matches.find(number)
        position = bisect_left(self._hidden, number)
        present = position == len(self._hidden) or self._hidden[position] != number
        return number - self._dropped - position, present

    def _is_hidden(self, number: int) -> bool:
        position = bisect_left(self._hidden, number)
        return position < len(self._hidden) and self._hidden[position] == number

    def _nearest(self, number: int) -> int:
        """Return the number of the matching row that came next to one."""
        matches = self._matches
        if self._matcher is None or not len(matches):
            return number
        position, present = matches.find(number)
        if position == len(matches):
            return matches[position - 1]
        if not present and position and number - matches[position - 1] < matches[position] - number:
            return matches[position - 1]
        return matches[position]

    # --- traffic

    def pull(self) -> Update:
        """Take what the index has new since the last pull."""
        if self.in_step:
            return NO_UPDATE
        end = self._index.dropped + len(self._index)
        changes = self._index.changes_since(self._revision)
        self._revision = changes.revision
        dropped = self._drop()
        start = max(self._end, self._dropped)
        self.revision += 1
        if self._matcher is None:
            self._end = end
            update = self._pull_all(start, end, changes, dropped)
        else:
            update = self._pull_filtered(start, end, changes, dropped)
        if changes.changed is None:
            self._start_over()
        return update

    def _pull_all(self, start: int, end: int, changes: Changes, dropped: int) -> Update:
        self._came(range(start, end))
        if changes.changed is None:
            return Update(end - start, None, dropped)
        positions: set[int] = set()
        for number in changes.changed:
            position, present = self._flat_position(number)
            if present:
                positions.add(position)
                self._changed(number)
        return Update(end - start, frozenset(positions), dropped)

    def _drop(self) -> int:
        before, self._dropped = self._dropped, self._index.dropped
        gone = self._dropped - before
        cut = bisect_left(self._hidden, self._dropped)
        del self._hidden[:cut]
        if self._matcher is None:
            gone = min(gone, max(0, self._end - before)) - cut
        else:
            self._scan = max(self._scan, self._dropped)
            gone = self._matches.drop_below(self._dropped)
        if gone:
            self._went_below(self._dropped, gone)
        return gone

    def _pull_filtered(self, start: int, end: int, changes: Changes, dropped: int) -> Update:
        matcher = self._matcher
        assert matcher is not None
        before = len(self._matches)
        deadline = perf_counter_ns() + SLICE_NS
        number = start
        while number < end:
            stop = min(number + self._batch, end)
            for found in self._search(number, stop):
                self._matches.append(found)
                self._changed(found)
            number = stop
            if perf_counter_ns() >= deadline:
                break  # the next pull goes on from here
        self._end = number
        appended = len(self._matches) - before
        moved = False
        positions: set[int] = set()
        for number in changes.changed or ():
            if self._scan <= number < start:
                moved |= self._judge_again(number, matcher, positions)
        if changes.changed is None or moved:
            return Update(appended, None, dropped)
        return Update(appended, frozenset(positions), dropped)

    @property
    def _batch(self) -> int:
        return _DEEP_BATCH if isinstance(self._matcher, DeepFilter) else _BATCH

    def _search(self, start: int, stop: int) -> list[int]:
        """Return the numbers of the rows that match, as far as that is known."""
        matcher, index = self._matcher, self._index
        assert matcher is not None
        if isinstance(matcher, DeepFilter):
            candidates = index.search(matcher.filter, start, stop)
            # Newest first, as a person looks at them, is the order in which they are asked, too.
            return [number for number in reversed(candidates) if matcher(index.row(number))][::-1]
        return index.search(matcher, start, stop)

    def judge(self, flows: Iterable[int]) -> None:
        """Judge flows again about which the filter has learnt something."""
        matcher = self._matcher
        if matcher is None:
            return
        self.revision += 1
        for flow in flows:
            number = self._number(flow)
            if number is not None and number >= self._scan:
                self._judge_again(number, matcher, set())

    def _judge_again(self, number: int, matcher: RowFilter, positions: set[int]) -> bool:
        if self._is_hidden(number) or not matcher(self._index.row(number)):
            self._went(number)
            return self._matches.remove(number)
        self._changed(number)
        if self._matches.add(number):
            return True
        positions.add(self._matches.find(number)[0])
        return False

    # --- filter

    def set_filter(self, matcher: RowFilter | None) -> None:
        """Show only rows that match; None shows all. `scan` finds the older ones, slice by slice."""
        self._matcher = matcher
        self._matches = Matches()
        self._scan = self._end if matcher is not None else 0
        self.revision += 1
        self._start_over()

    def scan(self, budget_ns: int = SLICE_NS) -> int:
        """Look at older rows for at most about `budget_ns`; return how many were found."""
        if self._matcher is None:
            return 0
        found = 0
        deadline = perf_counter_ns() + budget_ns
        while self._scan > self._dropped:
            stop = max(self._dropped, self._scan - self._batch)
            numbers = self._search(stop, self._scan)
            for number in reversed(numbers):
                self._matches.prepend(number)
                self._changed(number)
            found += len(numbers)
            self._scan = stop
            if perf_counter_ns() >= deadline:
                break
        return found

    # --- deleting

    def hide(self, numbers: Iterable[int]) -> list[int]:
        """Leave rows out of the list; return their flows, for `unhide`."""
        gone = [number for number in numbers if self._dropped <= number < self._end]
        flows = [self._index.row(number).flow for number in gone]
        self._index.hide(flows)
        self._hidden = sorted({*self._hidden, *gone})
        for number in gone:
            self._matches.remove(number)
            self._went(number)
        self.revision += 1
        return flows

    def unhide(self, flows: Iterable[int]) -> None:
        """Put rows back where they were, as far as retention has left them."""
        back = {number for flow in self._index.unhide(flows) if (number := self._number(flow)) is not None}
        self._hidden = [number for number in self._hidden if number not in back]
        for number in back:
            if self._matcher is not None:
                self._judge_again(number, self._matcher, set())
            else:
                self._changed(number)
        self.revision += 1
