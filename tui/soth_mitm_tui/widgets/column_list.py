"""The columns of the flow list: which are in sight, how wide, which one is sorted by, and what is grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.message import Message

from soth_mitm_tui.arranging import Sorting
from soth_mitm_tui.columns import BY_ID, Column
from soth_mitm_tui.groups import GROUPINGS
from soth_mitm_tui.layout import Layout, Place, load_layout, places
from soth_mitm_tui.widgets.cursor_list import CursorList

if TYPE_CHECKING:
    from soth_mitm_tui.groups import Grouping
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.state import State
    from soth_mitm_tui.viewmodel import FlowModel

SECTION: Final = "list"
"""Where the state keeps how a person wants the list."""


class ColumnList(CursorList):
    """Has columns and an order, and remembers how a person wants them."""

    class Laid(Message, namespace="flow_list"):
        """Columns, their widths or the column of the cell cursor are others."""

    def __init__(
        self,
        model: FlowModel,
        state: State,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(model, id=id)
        self._state = state
        self.column = ""
        """The column of the cell cursor; empty until it is used."""
        self.talks = False
        """Whether a flow with messages was in sight, so that its columns have something to say."""
        self._layout_number = 0
        self.columns = load_layout(state)
        self.following = self._followed = state.get(SECTION, "follow", True)
        self._restore()

    def _restore(self) -> None:
        name, _, direction = self._state.get(SECTION, "sort", "").partition(" ")
        sorting = Sorting(BY_ID[name], direction == "desc") if name in BY_ID else None
        wanted = self._state.get(SECTION, "group", "")
        grouping = next((each for each in GROUPINGS if each.id == wanted), None)
        self.model.arrange(sorting, grouping)
        self.following = self._followed and sorting is None

    # --- columns

    @property
    def places(self) -> tuple[Place, ...]:
        """The columns in sight."""
        return places(max(1, self.size.width - 1), self.columns, talks=self.talks)

    def set_columns(self, columns: Layout) -> None:
        """Show other columns, and remember them."""
        if columns != self.columns:
            self.columns = columns
            columns.save(self._state)
            self._layout_number += 1
            self.refresh()
            self.post_message(self.Laid())

    @property
    def current_column(self) -> Column | None:
        """The column of the cell cursor; None until it is used, and where the column is not in sight."""
        return next((place.column for place in self.places if place.column.id == self.column), None)

    def _lay_anew(self) -> None:
        """Show the columns that flows with messages have: the first of them has come into sight."""
        self._layout_number += 1
        self.refresh()
        self.post_message(self.Laid())

    # --- columns and order

    def action_left(self) -> None:
        """Move the cell cursor to the column on the left."""
        self._step_column(-1)

    def action_right(self) -> None:
        """Move the cell cursor to the column on the right."""
        self._step_column(1)

    def _step_column(self, step: int) -> None:
        names = [place.column.id for place in self.places]
        at = names.index(self.column) + step if self.column in names else names.index(self._middle(names))
        self._set_column(names[max(0, min(at, len(names) - 1))])

    @staticmethod
    def _middle(names: list[str]) -> str:
        return "host" if "host" in names else names[0]

    def _set_column(self, name: str) -> None:
        self.column = name
        position = self.position
        if position is not None:
            self.refresh_lines(position)
        self.post_message(self.Laid())

    def action_sort(self) -> None:
        """Sort by the column of the cell cursor; again turns the order round, a third time ends it."""
        column = self.current_column
        if column is not None:
            self.sort_by(column)

    def sort_by(self, column: Column) -> None:
        """Sort by a column, turn the order round where it is sorted by it, or go back to arrival."""
        before = self.model.sorting
        sorting: Sorting | None = Sorting(column, column.right)
        if before is not None and before.column is column:
            sorting = Sorting(column, not column.right) if before.descending == column.right else None
        self._order(sorting, self.model.grouping)

    def _order(self, sorting: Sorting | None, grouping: Grouping | None) -> None:
        self.order_by(sorting, grouping)
        words = "" if sorting is None else f"{sorting.column.id} {'desc' if sorting.descending else 'asc'}"
        self._state.set(SECTION, "sort", words or None)
        self._state.set(SECTION, "group", grouping.id if grouping is not None else None)
        self.post_message(self.Laid())

    def action_group(self) -> None:
        """Group rows by host, by client, by connection, or not at all."""
        ways = (None, *GROUPINGS)
        self._order(self.model.sorting, ways[(ways.index(self.model.grouping) + 1) % len(ways)])

    def action_wider(self) -> None:
        """Make the column of the cell cursor wider."""
        self._resize_column(1)

    def action_narrower(self) -> None:
        """Make the column of the cell cursor narrower."""
        self._resize_column(-1)

    def _resize_column(self, step: int) -> None:
        for place in self.places:
            if place.column.id == self.column:
                self.set_columns(self.columns.resize(self.column, place.width + step))

    @property
    def order_note(self) -> tuple[Span, ...]:
        """What stands in the pane's title about the order."""
        model, words = self.model, []
        if model.arranging and not model.arranged:
            words.append("sorting…" if model.sorting is not None else "grouping…")
        else:
            if model.sorting is not None:
                words.append(f"sorted by {model.sorting.column.name}")
            if model.grouping is not None:
                words.append(model.grouping.label)
        return ((" · ".join(words), "muted"),) if words else ()

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        if action_id in ("list.sort", "list.wider", "list.narrower") and self.current_column is None:
            return "Choose a column with ← and → first, or click its head"
        return ""
