"""Rows in another order than that of their arrival: sorted by a column, under groups, or both.

Rows are put in place in slices of time, so that any number of them can be arranged beside a running
proxy; what is not in place yet is `pending`. The same way takes in what traffic changes.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm_tui.groups import Folds, Group, Grouping, Tree
from soth_mitm_tui.ordering import Keys, Ordering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soth_mitm.record.rows import Row
    from soth_mitm_tui.columns import Column

_BATCH: Final = 32
"""Rows between two looks at the time."""


class Sorting(NamedTuple):
    """A column to sort by, and the direction."""

    column: Column
    descending: bool = False


class Arrangement:
    """The rows of a list in their order; reads each row once, and again when it changed."""

    def __init__(
        self,
        row: Callable[[int], Row],
        *,
        base: int,
        sorting: Sorting | None = None,
        grouping: Grouping | None = None,
        folds: Folds | None = None,
    ) -> None:
        self._row = row
        self._key = sorting.column.key if sorting is not None else _arrival
        self._keys = Keys(base, descending=sorting is not None and sorting.descending)
        self._flat = Ordering(self._keys)
        self.tree = Tree(grouping, self._keys, folds or Folds()) if grouping is not None else None
        self._expected: deque[Sequence[int]] = deque()
        self._next_at = 0  # in the first of them
        self._unwanted: set[int] = set()  # of those expected
        self._again: dict[int, None] = {}
        self._placed = 0
        self.built = False
        """Whether everything that there was at the start has been put in place once."""

    def __len__(self) -> int:
        return len(self._flat) if self.tree is None else len(self.tree)

    def reverse(self, descending: bool) -> None:
        """Turn the order of the rows round, or back."""
        self._keys.descending = descending

    # --- putting in place

    @property
    def pending(self) -> int:
        """How many rows are not in place yet."""
        return sum(map(len, self._expected)) - self._next_at + len(self._again)

    @property
    def placed(self) -> int:
        """How many rows are in place."""
        return self._placed

    def expect(self, numbers: Sequence[int]) -> None:
        """There are rows to be put in place."""
        if len(numbers):
            self._expected.append(numbers)

    def note(self, number: int) -> None:
        """A row is new or has changed."""
        self._again[number] = None
        self._unwanted.discard(number)

    def work(self, budget_ns: int) -> bool:
        """Put rows in place for about so long; return whether anything moved."""
        deadline = perf_counter_ns() + budget_ns
        moved = False
        while self._expected or self._again:
            for _ in range(_BATCH):
                number = self._next()
                if number is None:
                    break
                moved |= self._put(number)
            if perf_counter_ns() >= deadline:
                break
        if not self._expected and not self._again:
            self._unwanted.clear()
            moved |= not self.built
            self.built = True
        return moved

    def _next(self) -> int | None:
        if self._again:
            number = next(iter(self._again))
            del self._again[number]
            return number
        while self._expected:
            numbers = self._expected[0]
            if self._next_at < len(numbers):
                self._next_at += 1
                return numbers[self._next_at - 1]
            self._expected.popleft()
            self._next_at = 0
        return None

    def _put(self, number: int) -> bool:
        if number < self._keys.base or number in self._unwanted:
            return False
        try:
            row = self._row(number)
        except IndexError:
            return False  # retention took it since
        key = self._key(row)
        before = self._keys.get(number)
        if before is not None:
            if before == key and (self.tree is None or self.tree.update(number, row)):
                return self.tree is not None
            self.remove(number)
        self._placed += 1
        self._keys.put(number, key)
        if self.tree is None:
            self._flat.add(number)
        else:
            self.tree.add(number, row)
        return True

    def remove(self, number: int) -> bool:
        """Take a row out; return whether it was in place."""
        self._again.pop(number, None)
        if self._keys.get(number) is None:
            if self._expected:
                self._unwanted.add(number)
            return False
        if self.tree is None:
            self._flat.remove(number)
        else:
            self.tree.remove(number)
        self._keys.put(number, None)
        self._placed -= 1
        return True

    def drop_below(self, number: int) -> None:
        """Forget the rows below `number`; costs some microseconds for each of them."""
        for gone in self._keys.placed_below(number):
            self.remove(gone)
        self._keys.drop_below(number)
        if self.tree is not None:
            self.tree.drop_below(number)

    def shed(self, budget_ns: int) -> bool:
        """Give back memory for about so long, when the order is not used any more.

        To free all of it at once would take tens of milliseconds. Returns whether any is left.
        """
        deadline = perf_counter_ns() + budget_ns
        while self._flat.shed() or (self.tree is not None and self.tree.shed()) or self._keys.shed():
            if perf_counter_ns() >= deadline:
                return True
        return False

    # --- positions

    def at(self, position: int) -> Group | int:
        """Return what stands at a position: a group, or the number of a row."""
        if self.tree is not None:
            return self.tree.at(position)
        return self._flat[position]

    def position(self, number: int) -> int | None:
        """Return the position of a row; None where it is not in place or its group is folded."""
        if self._keys.get(number) is None:
            return None
        if self.tree is not None:
            return self.tree.position(number)
        return self._flat.position(number)

    def is_placed(self, number: int) -> bool:
        """Say whether a row is in place, be it in a folded group."""
        return self._keys.get(number) is not None


def _arrival(row: Row) -> int:
    return 0
