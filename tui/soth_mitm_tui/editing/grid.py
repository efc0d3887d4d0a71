"""Rows of names and values: moved over with the arrows, each cell edited in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.message import Message

from soth_mitm.policy.editing.escapes import escaped
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.columns import fit
from soth_mitm_tui.editing.line_view import Field
from soth_mitm_tui.editing.text_editor import laid_over
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span

LEAD: Final = 2
GAP: Final = 2
_LEAST, _MOST = 12, 34


class Cells(NamedTuple):
    """One row. Texts are in escapes."""

    name: str
    value: str | None
    """None where there is not even an equals sign."""
    wrong: tuple[int, ...] = ()
    """Which of them is wrong: 0 the name, 1 the value."""
    note: str = ""
    """What became of it, such as `added`."""


class Grid(LineScroll):
    """Shows rows, with a cursor on one cell."""

    PANE: ClassVar[str] = "grid"
    BINDINGS = bindings("grid")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--cursor", "grid--cell"}
    title = "These rows"

    class Wanted(Message):
        """Something is to be done with the row and the column under the cursor."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Cells] = []
        self.row = 0
        self.column = 1
        self.when_empty: tuple[Span, ...] = ()

    def show_rows(self, rows: Sequence[Cells]) -> None:
        """Show other rows, with the cursor as near as can be to where it was."""
        self.rows = list(rows)
        self.set_line_count(len(self.rows))
        self.go(self.row, self.column)

    def go(self, row: int, column: int) -> None:
        """Put the cursor on a cell, as near as there is one."""
        self.row = max(0, min(row, len(self.rows) - 1))
        self.column = max(0, min(column, 1))
        self.bring(self.row)
        self.refresh()

    # --- drawing

    @property
    def name_width(self) -> int:
        """Cells that the names take."""
        longest = max((len(each.name) for each in self.rows), default=0)
        return max(_LEAST, min(longest, _MOST, self.size.width // 3))

    def cell_region(self, column: int) -> tuple[int, int]:
        """Return where a cell of the cursor's row begins, and how wide it is."""
        if column == 0:
            return LEAD, self.name_width
        left = LEAD + self.name_width + GAP
        return left, max(8, self.size.width - left - 1)

    def draw_line(self, y: int) -> Strip:
        """Draw one row."""
        at, width = y + self.top, self.size.width
        if at >= len(self.rows):
            spans = [("  ", "text"), *self.when_empty] if not self.rows and y == 0 else []
            return self.strip_of(spans, width, self.base_style)
        current = at == self.row and self.has_focus
        base = self.base_style
        if current:
            base = base + self.get_component_rich_style("grid--cursor", partial=True)
        strip = self.strip_of(self._spans(self.rows[at], width, current=current), width, base)
        return self._with_cell(strip) if current else strip

    def _spans(self, row: Cells, width: int, *, current: bool) -> list[Span]:
        spans: list[Span] = [("▸ " if current else "  ", "accent")]
        spans += fit(((row.name, "bad" if 0 in row.wrong else "key"),), self.name_width)
        room = max(8, width - LEAD - self.name_width - GAP - 1)
        value = row.value if row.value is not None else ""
        shown = fit(((value, "bad" if 1 in row.wrong else "text"),), max(1, room - len(row.note) - 1))
        return [*spans, ("  ", "text"), *shown, (" ", "text"), (row.note, "accent")]

    def _with_cell(self, strip: Strip) -> Strip:
        left, width = self.cell_region(self.column)
        stop = min(left + width, strip.cell_length)
        return laid_over(strip, left, stop, self.get_component_rich_style("grid--cell", partial=True))

    # --- keys and mouse

    async def on_key(self, event: events.Key) -> None:
        """Move over the cells."""
        moves = {
            "up": (-1, 0),
            "k": (-1, 0),
            "down": (1, 0),
            "j": (1, 0),
            "left": (0, -1),
            "h": (0, -1),
            "right": (0, 1),
            "l": (0, 1),
            "pageup": (-self.page, 0),
            "pagedown": (self.page, 0),
            "home": (-len(self.rows), 0),
            "end": (len(self.rows), 0),
        }
        move = moves.get(event.key)
        if move is not None and self.failure is None:
            event.stop()
            event.prevent_default()
            self.go(self.row + move[0], self.column + move[1])

    def on_click(self, event: events.Click) -> None:
        """Put the cursor under the pointer; a second click edits."""
        at = event.y + self.top
        if at < len(self.rows):
            column = 0 if event.x < LEAD + self.name_width + GAP else 1
            self.go(at, column)
            if event.chain > 1:
                self.post_message(self.Wanted("edit"))

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now."""
        if action_id != "grid.add" and not self.rows:
            return "There is no row: n adds one"
        if action_id == "grid.later" and self.row == len(self.rows) - 1:
            return "It is the last row"
        if action_id == "grid.earlier" and self.row == 0:
            return "It is the first row"
        return ""

    def action_edit(self) -> None:
        """Edit the cell."""
        self.post_message(self.Wanted("edit"))

    def action_add(self) -> None:
        """Add a row."""
        self.post_message(self.Wanted("add"))

    def action_remove(self) -> None:
        """Delete the row."""
        self.post_message(self.Wanted("remove"))

    def action_later(self) -> None:
        """Move the row down."""
        self.post_message(self.Wanted("later"))

    def action_earlier(self) -> None:
        """Move the row up."""
        self.post_message(self.Wanted("earlier"))


class Cell(Field):
    """The field over a cell that is edited."""

    class Done(Message):
        """The person is done with it; `go` says where to: the next cell, a row, or nowhere."""

        def __init__(self, go: str) -> None:
            super().__init__()
            self.go = go

    _LEAVE: ClassVar[dict[str, str]] = {
        "enter": "stay",
        "tab": "next",
        "shift+tab": "previous",
        "up": "up",
        "down": "down",
        "escape": "back",
    }

    def __init__(self) -> None:
        super().__init__("cell", "")
        self.add_class("edit-cell")
        self.display = False

    async def _on_key(self, event: events.Key) -> None:
        go = self._LEAVE.get(event.key)
        if go is not None:
            event.stop()
            event.prevent_default()
            self.post_message(self.Done(go))
        else:
            await super()._on_key(event)


def cells_of(name: bytes, value: bytes | None) -> tuple[str, str | None]:
    """Return a pair as texts in escapes."""
    return escaped(name), None if value is None else escaped(value)
