"""Feeds the statistics from the index, in slices, while somebody looks at them."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from soth_mitm.record.statistics import Statistics

if TYPE_CHECKING:
    from soth_mitm.record.index import Index

SLICE_NS: Final = 3_000_000
"""How long one slice may take; a handler of the app has 5 ms."""


class Counting:
    """Adds each row of an index to statistics once, when its flow has ended."""

    def __init__(self, index: Index) -> None:
        self.statistics = Statistics()
        self._index = index
        self._next = index.dropped
        self._open: dict[int, int] = {}
        """Flows that were open when their row was looked at, with the row's number."""

    @property
    def part(self) -> float:
        """How much of the rows was looked at, from 0 to 1."""
        return 1.0 if not self._index.end else self._next / self._index.end

    @property
    def open_flows(self) -> int:
        """How many of the flows that were looked at are open."""
        return len(self._open)

    def count(self, budget_ns: int = SLICE_NS) -> bool:
        """Look at rows for about that long; return whether all were."""
        index, deadline = self._index, perf_counter_ns() + budget_ns
        self._look_again()
        self._next = max(self._next, index.dropped)
        while self._next < index.end:
            row = index.row(self._next)
            if row.open:
                self._open[row.flow] = self._next
            else:
                self.statistics.add(row)
            self._next += 1
            if perf_counter_ns() >= deadline:
                return self._next >= index.end
        return True

    def _look_again(self) -> None:
        index = self._index
        for flow in list(self._open):
            number = index.number_of(flow)
            if number is None or number < index.dropped:
                del self._open[flow]
                continue
            row = index.row(number)
            if row.open:
                continue
            if number < self._next:
                self.statistics.add(row)
            del self._open[flow]
