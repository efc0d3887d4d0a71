"""The flow list without a screen: which rows it has, at which position, and what changed.

Pulls from the record's index at the pace of its user, so a burst of events costs one look. A filter
is scanned from the newest row backwards in slices, so that the first screenful is there at once
and nobody waits for the rest.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple, Protocol

from soth_mitm_tui.matches import Matches

if TYPE_CHECKING:
    from soth_mitm.record.changes import Changes
    from soth_mitm.record.index import RowFilter
    from soth_mitm.record.rows import Row

SLICE_NS = 3_000_000
"""How long one slice of a scan may take; a handler of the app has 5 ms."""
_BATCH = 512


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


class Update(NamedTuple):
    """What one pull changed in the list, in positions."""

    appended: int
    changed: frozenset[int] | None
    """Positions to draw again; None: all."""
    dropped: int
    """Positions gone at the top; what stood at position p now stands at p - dropped."""


NO_UPDATE = Update(0, frozenset(), 0)


class FlowModel:
    """The rows to show, filtered or not."""

    def __init__(self, index: RowIndex) -> None:
        self._index = index
        self._revision = -1
        self._end = 0
        self._dropped = 0
        self._matcher: RowFilter | None = None
        self._matches = Matches()
        self._scan = 0
        self.revision = 0
        """Rises whenever a row that was shown may look different."""

    def __len__(self) -> int:
        if self._matcher is None:
            return self._end - self._dropped
        return len(self._matches)

    @property
    def total(self) -> int:
        """Rows that there are, whether they match or not."""
        return self._end - self._dropped

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

    def number_at(self, position: int) -> int:
        """Return the row number at a position."""
        return self._dropped + position if self._matcher is None else self._matches[position]

    def row_at(self, position: int) -> Row:
        """Return the row at a position."""
        return self._index.row(self.number_at(position))

    def flow_at(self, position: int) -> int:
        """Return the flow at a position."""
        return self.row_at(position).flow

    def position_of(self, flow: int) -> int | None:
        """Return the position of a flow; None where it is filtered out or gone."""
        number = self._index.number_of(flow)
        if number is None or number < self._dropped or number >= self._end:
            return None
        if self._matcher is None:
            return number - self._dropped
        position, present = self._matches.find(number)
        return position if present else None

    def position_near(self, flow: int) -> int:
        """Return the position of a flow, or of the shown one that came next to it; 0 for an empty list."""
        number = self._index.number_of(flow)
        if number is None or not len(self):
            return 0
        number = max(number, self._dropped)
        if self._matcher is None:
            return min(number - self._dropped, len(self) - 1)
        position = self._matches.find(number)[0]
        if position == len(self):
            return position - 1
        if position and number - self._matches[position - 1] < self._matches[position] - number:
            return position - 1
        return position

    def row_of(self, flow: int) -> Row | None:
        """Return the row of a flow, shown or not; None where retention dropped it."""
        number = self._index.number_of(flow)
        return None if number is None or number < self._index.dropped else self._index.row(number)

    # --- traffic

    def pull(self) -> Update:
        """Take what the index has new since the last pull."""
        if self.in_step:
            return NO_UPDATE
        end = self._index.dropped + len(self._index)
        changes = self._index.changes_since(self._revision)
        self._revision = changes.revision
        dropped = self._drop()
        start = self._end
        self.revision += 1
        if self._matcher is None:
            self._end = end
            appended = self._end - max(start, self._dropped)
            changed = changes.changed
            if changed is None:
                return Update(appended, None, dropped)
            return Update(appended, frozenset(number - self._dropped for number in changed), dropped)
        return self._pull_filtered(start, end, changes, dropped)

    def _drop(self) -> int:
        before, self._dropped = self._dropped, self._index.dropped
        gone = self._dropped - before
        if self._matcher is None:
            return min(gone, max(0, self._end - before))
        self._scan = max(self._scan, self._dropped)
        return self._matches.drop_below(self._dropped)

    def _pull_filtered(self, start: int, end: int, changes: Changes, dropped: int) -> Update:
        matcher, index = self._matcher, self._index
        assert matcher is not None
        before = len(self._matches)
        deadline = perf_counter_ns() + SLICE_NS
        number = max(start, self._dropped)
        while number < end:
            stop = min(number + _BATCH, end)
            for found in index.search(matcher, number, stop):
                self._matches.append(found)
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

    def _judge_again(self, number: int, matcher: RowFilter, positions: set[int]) -> bool:
        if not matcher(self._index.row(number)):
            return self._matches.remove(number)
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

    def scan(self, budget_ns: int = SLICE_NS) -> int:
        """Look at older rows for at most about `budget_ns`; return how many positions came in front."""
        matcher, index = self._matcher, self._index
        if matcher is None:
            return 0
        found = 0
        deadline = perf_counter_ns() + budget_ns
        while self._scan > self._dropped:
            stop = max(self._dropped, self._scan - _BATCH)
            numbers = index.search(matcher, stop, self._scan)
            for number in reversed(numbers):
                self._matches.prepend(number)
            found += len(numbers)
            self._scan = stop
            if perf_counter_ns() >= deadline:
                break
        return found
