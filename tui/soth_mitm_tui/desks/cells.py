"""Filtering by what stands in a cell of the list, or on a line of the detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.text import printable
from soth_mitm_tui.desks.desk import Desk

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp


class Cells(Desk):
    """Adds the value under the cell cursor, or on the current line, to the filter, wanted or not."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "list.only": lambda: self._add(self._term(), wanted=True),
            "list.without": lambda: self._add(self._term(), wanted=False),
            "detail.only": lambda: self._add(self.main.detail.current_filter(), wanted=True),
            "detail.without": lambda: self._add(self.main.detail.current_filter(), wanted=False),
        }

    def reason_against(self, action_id: str) -> str:
        """Say why there is no value to filter by."""
        if action_id.startswith("detail."):
            here = self.main.detail.current_filter()
            return "" if here else "Flows cannot be filtered by this line; they can by a header"
        flows = self.main.list
        column = flows.current_column
        if column is None:
            return "Choose a column with ← and → first"
        if not flows.selected:
            return "No flow is selected"
        if column.term is None:
            return f"Flows cannot be filtered by {column.name}"
        return "" if self._term() else f"This flow has no {column.name} to filter by"

    def _term(self) -> str:
        column, row = self.main.list.current_column, self.main.model.row_of(self.main.list.selected)
        return column.term(row) if column is not None and column.term is not None and row is not None else ""

    def _add(self, term: str, *, wanted: bool) -> None:
        before = self.main.filter.text.strip()
        text = joined(before, term if wanted else f"!{term}")
        try:
            compile_filter(text)
        except FilterError as error:
            self.app.notify(
                printable(f"{text} is no filter: {error.message}", 300), severity="warning", markup=False
            )
            return
        self.main.filter.put(text)


def joined(before: str, term: str) -> str:
    """Return the filter that wants what `before` wants, and what `term` wants."""
    if not before:
        return term
    if f" {term} " in f" {before} ":
        return before
    words = before.lower().split()
    return f"({before}) {term}" if "or" in words or "|" in before else f"{before} {term}"
