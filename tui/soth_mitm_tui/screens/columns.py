"""The columns of the flow list: which ones, in which order, how wide. The list behind shows each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.columns import COLUMNS, NEVER, fit
from soth_mitm_tui.layout import Layout
from soth_mitm_tui.widgets.line_scroll import LineScroll
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.strip import Strip

    from soth_mitm_tui.columns import Column
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.widgets.flow_list import FlowList

_NAME_WIDTH = max(len(column.name) for column in COLUMNS)


class ColumnList(LineScroll):
    """Every column, with a cursor."""

    PANE: ClassVar[str] = "columns"
    BINDINGS = bindings("columns")

    title = "The columns"

    def __init__(self, flows: FlowList, close: Callable[[], object]) -> None:
        super().__init__()
        self._flows, self._close = flows, close
        self.at = 0

    def on_mount(self) -> None:
        """Say how many columns there are."""
        self.set_line_count(len(self._flows.columns.columns))

    @property
    def current(self) -> Column:
        """The column under the cursor."""
        return self._flows.columns.columns[self.at]

    def draw_line(self, y: int) -> Strip:
        """Draw one column, with what the list does with it at its present width."""
        at, columns = y + self.top, self._flows.columns.columns
        if at >= len(columns):
            return self.strip_of((), self.size.width, self.base_style)
        column, layout = columns[at], self._flows.columns
        width = next((each.width for each in self._flows.places if each.column is column), 0)
        wanted = layout.shows(column, self._flows.size.width, talks=self._flows.talks)
        words = "no room at this width" if wanted and not width else self._when(column, layout)
        spans: list[Span] = [
            ("▸ " if at == self.at else "  ", "accent"),
            ("✓ " if width else "· " if wanted else "  ", "good"),
            (f"{column.name:<{_NAME_WIDTH}}", "strong" if at == self.at else "text" if width else "muted"),
            (f"{width or '':>4}", "text"),
            (" own " if layout.width_of(column) else "     ", "accent"),
            (words, "muted"),
        ]
        width = self.size.width - 1
        return self.strip_of(fit(tuple(spans), width), width + 1, self.base_style)

    @staticmethod
    def _when(column: Column, layout: Layout) -> str:
        if column.id in layout.shown or column.id in layout.hidden:
            return "chosen"
        if not column.from_width or column.from_width == NEVER:
            return ""
        where = " with messages" if column.talks else ""
        return f"from {column.from_width} cells on{where}"

    def _set(self, layout: Layout) -> None:
        self._flows.set_columns(layout)
        self.refresh()

    def _go(self, at: int) -> None:
        self.at = max(0, min(at, len(self._flows.columns.columns) - 1))
        self.bring(self.at)
        self.refresh()

    def action_down(self) -> None:
        """Go to the next column."""
        self._go(self.at + 1)

    def action_up(self) -> None:
        """Go to the column before."""
        self._go(self.at - 1)

    def action_switch(self) -> None:
        """Show the column, or hide it."""
        layout, column = self._flows.columns, self.current
        shown = layout.shows(column, self._flows.size.width, talks=self._flows.talks)
        self._set(layout.show(column.id, not shown))

    def action_later(self) -> None:
        """Move the column to the right."""
        self._set(self._flows.columns.move(self.current.id, 1))
        self._go(self.at + 1)

    def action_earlier(self) -> None:
        """Move the column to the left."""
        self._set(self._flows.columns.move(self.current.id, -1))
        self._go(self.at - 1)

    def action_wider(self) -> None:
        """Make the column wider."""
        self._resize(1)

    def action_narrower(self) -> None:
        """Make the column narrower."""
        self._resize(-1)

    def _resize(self, step: int) -> None:
        layout, column = self._flows.columns, self.current
        places = self._flows.places
        width = next((place.width for place in places if place.column is column), 0)
        width = width or layout.width_of(column) or column.width
        self._set(layout.resize(column.id, width + step))

    def action_reset(self) -> None:
        """Go back to the columns that the app chooses."""
        self._set(Layout())

    def action_close(self) -> None:
        """Go back to the list."""
        self._close()

    def on_click(self, event: events.Click) -> None:
        """Show or hide the column under the pointer; what follows acts on it."""
        at = event.y + self.top
        if at < len(self._flows.columns.columns):
            self._go(at)
            self.action_switch()


class ColumnsScreen(ModalScreen[None]):
    """Lets a person choose the columns."""

    AUTO_FOCUS = "ColumnList"

    def __init__(self, flows: FlowList) -> None:
        super().__init__()
        self.list = ColumnList(flows, self.dismiss)

    def compose(self) -> ComposeResult:
        """Lay out the title, the columns and their keys."""
        with Vertical(id="columns"):
            title = PaneTitle("Columns")
            keys = (("space", " on or off  "), ("J K", " move  "), ("< >", " width  "), ("r", " reset  "))
            note = [span for key, words in keys for span in ((key, "accent"), (words, "muted"))]
            title.set(note=(*note, ("esc", "accent"), (" back", "muted")))
            title.set_bright(True)
            yield title
            yield self.list
