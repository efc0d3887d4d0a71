"""The heads of the flow list's columns: a click sorts, a drag of an edge resizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from soth_mitm_tui.columns import fit
from soth_mitm_tui.layout import GAP, LEAD, Place
from soth_mitm_tui.widgets.line_scroll import Toned

if TYPE_CHECKING:
    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.widgets.flow_list import FlowList


class ColumnHeads(Toned):
    """The names of a list's columns, with the order and the column of the cell cursor."""

    title = "The column heads"

    class Clicked(Message):
        """Rows are to be sorted by a column."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Dragged(Message):
        """A column is to have another width."""

        def __init__(self, name: str, width: int) -> None:
            super().__init__()
            self.name, self.width = name, width

    def __init__(self, flows: FlowList, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._flows = flows
        self._dragging: Place | None = None
        self._moved = False

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        flows = self._flows
        sorting, current = flows.model.sorting, flows.column
        spans: list[Span] = [(" " * LEAD, "text")]
        for place in flows.places:
            if len(spans) > 1:
                spans.append((" " * GAP, "text"))
            column = place.column
            text = column.head
            tone = "muted"
            if sorting is not None and sorting.column is column:
                sign = "▼" if sorting.descending else "▲"
                tone = "accent"
                text = sign if place.width < 3 else f"{text[: place.width - 1]}{sign}"
            if column.id == current:
                tone = "strong"
            spans.extend(fit(((text, tone),), place.width, right=column.right))
        return self.strip_of(spans, self.size.width, self.base_style)

    def _edge(self, x: int) -> Place | None:
        """Return the column whose right edge is at a cell."""
        return next((place for place in self._flows.places if place.right == x), None)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of an edge."""
        self._dragging, self._moved = self._edge(event.x), False
        if self._dragging is not None:
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pull an edge."""
        place = self._dragging
        if place is not None and (self._moved or event.x != place.right):
            self._moved = True
            self.post_message(self.Dragged(place.column.id, max(2, event.x - place.left)))

    def on_mouse_up(self) -> None:
        """Let go."""
        if self._dragging is not None:
            self.release_mouse()
            self._dragging = None

    def on_click(self, event: events.Click) -> None:
        """Sort by the column under the pointer."""
        if self._moved or self._edge(event.x) is not None:
            return
        for place in self._flows.places:
            if place.left <= event.x < place.right:
                self.post_message(self.Clicked(place.column.id))
