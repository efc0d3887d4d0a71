"""The flow list without a screen: what stands at which position, by arrival or in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm_tui.arranging import Arrangement, Sorting
from soth_mitm_tui.arrival import NO_UPDATE, SLICE_NS, Arrivals, RowIndex, Update
from soth_mitm_tui.groups import Folds, Group, Grouping, Tree

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row

_DROP_AT_ONCE = 1000
"""Rows; when retention takes more of them at once, another order is made anew in slices."""


class FlowModel(Arrivals):
    """The rows to show: filtered or not, in the order of their arrival or in another one.

    What stands at a position has a key: the flow of a row, or the id of a group with a minus sign.
    """

    def __init__(self, index: RowIndex) -> None:
        super().__init__(index)
        self._arrangement: Arrangement | None = None
        self._spent: list[Arrangement] = []  # orders that are not used any more, and hold memory
        self._folds: dict[str, Folds] = {}
        self.sorting: Sorting | None = None
        self.grouping: Grouping | None = None

    def __len__(self) -> int:
        shown = self._shown
        return self.matching if shown is None else len(shown)

    # --- positions

    @property
    def _shown(self) -> Arrangement | None:
        """The other order, once it is complete; until then rows stand in the order of their arrival."""
        arrangement = self._arrangement
        return arrangement if arrangement is not None and arrangement.built else None

    @property
    def by_arrival(self) -> bool:
        """Whether the newest row is the last one."""
        return self.sorting is None and self.grouping is None

    @property
    def arranged(self) -> bool:
        """Whether the wanted order is the one that is shown."""
        return self.by_arrival or self._shown is not None

    @property
    def tree(self) -> Tree | None:
        """The groups; None where rows stand by themselves."""
        shown = self._shown
        return None if shown is None else shown.tree

    def at(self, position: int) -> Row | Group:
        """Return what stands at a position."""
        shown = self._shown
        entry = self._flat_number(position) if shown is None else shown.at(position)
        return entry if isinstance(entry, Group) else self._index.row(entry)

    def flow_at(self, position: int) -> int:
        """Return the key of what stands at a position."""
        entry = self.at(position)
        return -entry.id if isinstance(entry, Group) else entry.flow

    def group(self, key: int) -> Group | None:
        """Return the group with a key; None where it is no group's, or that is gone."""
        return self.tree.group(-key) if key < 0 and self.tree is not None else None

    def group_around(self, flow: int) -> Group | None:
        """Return the group that a flow is in; None where it is in none."""
        number, shown = self._number(flow), self._shown
        if number is None or shown is None or shown.tree is None or not shown.is_placed(number):
            return None
        return shown.tree.group_of(number)

    def position_of(self, key: int) -> int | None:
        """Return the position of a key; None where it is filtered out, folded away or gone."""
        shown = self._shown
        if key < 0:
            group, tree = self.group(key), self.tree
            return None if group is None or tree is None else tree.position_of_group(group)
        number = self._number(key)
        if number is None:
            return None
        if shown is not None:
            return shown.position(number)
        position, present = self._flat_position(number)
        return position if present else None

    def position_near(self, key: int) -> int:
        """Return the position of a key, or of the shown one that came next to it; 0 for an empty list."""
        position = self.position_of(key)
        number = self._index.number_of(key)
        if position is not None or number is None or not len(self):
            return position or 0
        return self._position_of_number(self._nearest(max(number, self._dropped))) or 0

    def _position_of_number(self, number: int) -> int | None:
        """Return the position of a row that matches, that of its group where it is folded."""
        shown = self._shown
        if shown is None:
            return min(self._flat_position(number)[0], len(self) - 1)
        if shown.tree is not None and shown.is_placed(number):
            group = shown.tree.group_of(number)
            if group.folded:
                return shown.tree.position_of_group(group)
        return shown.position(number)

    @property
    def newest(self) -> int | None:
        """The position of the newest row that matches, or of its group; None where it has none yet."""
        count = self.matching
        return self._position_of_number(self._flat_number(count - 1)) if count else None

    # --- traffic

    def pull(self) -> Update:
        """Take what the index has new since the last pull."""
        update = super().pull()
        if self._arrangement is None or update == NO_UPDATE:
            return update
        self._arrangement.work(SLICE_NS)
        return update if self._shown is None else Update(update.appended, None, 0)

    def _came(self, numbers: range) -> None:
        if self._arrangement is not None:
            self._arrangement.expect(numbers)

    def _changed(self, number: int) -> None:
        if self._arrangement is not None:
            self._arrangement.note(number)

    def _went(self, number: int) -> None:
        if self._arrangement is not None:
            self._arrangement.remove(number)

    def _went_below(self, number: int, count: int) -> None:
        if count > _DROP_AT_ONCE:
            self._start_over()
        elif self._arrangement is not None:
            self._arrangement.drop_below(number)

    # --- what keys stand for

    def numbers_of(self, key: int) -> list[int]:
        """Return the numbers of the rows that a key stands for: one, or those of a group."""
        group = self.group(key)
        if group is not None:
            return list(group.rows)
        number = self._number(key) if key > 0 else None
        return [] if number is None else [number]

    def marked(self) -> list[int]:
        """Return the flows with a mark, a comment or a colour, as many as are shown, by position."""
        found = [
            (position, flow)
            for flow in self._index.annotated()
            if (position := self.position_of(flow)) is not None
        ]
        return [flow for _, flow in sorted(found)]

    # --- order

    @property
    def arranging(self) -> int:
        """How much work `settle` has left: above all, the rows that are not in their place yet."""
        return len(self._spent) + (0 if self._arrangement is None else self._arrangement.pending)

    def arrange(self, sorting: Sorting | None, grouping: Grouping | None) -> None:
        """Show rows in another order; None and None is that of their arrival. `settle` does the work."""
        before = self.sorting
        turned = (
            self._arrangement is not None
            and sorting is not None
            and before is not None
            and sorting.column is before.column
            and grouping is self.grouping
        )
        self.sorting, self.grouping = sorting, grouping
        self.revision += 1
        if turned and self._arrangement is not None and sorting is not None:
            self._arrangement.reverse(sorting.descending)
        else:
            self._start_over()

    def _start_over(self) -> None:
        """Begin with an empty order; what matches is put in place from now on."""
        if self._arrangement is not None:
            self._spent.append(self._arrangement)
            self._arrangement = None
        if self.by_arrival:
            return
        grouping = self.grouping
        self._arrangement = arrangement = Arrangement(
            self._index.row,
            base=self._dropped,
            sorting=self.sorting,
            grouping=grouping,
            folds=self._folds.setdefault(grouping.id, Folds()) if grouping is not None else None,
        )
        arrangement.expect(
            range(self._dropped, self._end) if self._matcher is None else self._matches.numbers()
        )
        for number in self._hidden if self._matcher is None else ():
            arrangement.remove(number)
        arrangement.work(0)

    def settle(self, budget_ns: int = SLICE_NS) -> bool:
        """Put rows in their place for at most about `budget_ns`; return whether anything moved."""
        if self._spent and not self._spent[-1].shed(budget_ns // 4):
            self._spent.pop()
        return self._arrangement is not None and self._arrangement.work(budget_ns) and self._shown is not None
