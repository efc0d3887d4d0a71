"""The rules, a line each, below the folders they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from soth_mitm.text import printable
from soth_mitm_tui.columns import fit
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.rulebook import Row

_HITS = 8
_SHORT = 70
"""Cells for name, expression and action below which room is short."""
_EMPTY: tuple[Span, ...] = (
    ("No rule is there: ", "muted"),
    ("n", "accent"),
    (" makes one, ", "muted"),
    ("W", "accent"),
    (" on a flow one from it", "muted"),
)


class RuleList(LineScroll):
    """Shows rules and folders; the cursor, the wheel and the mouse move over them."""

    COMPONENT_CLASSES = {"rule-list--cursor"}  # noqa: RUF012 - Textual's own declaration has no ClassVar
    title = "The rules"

    class Chosen(Message):
        """A line was clicked again."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.cursor = 0
        self.settings = "config.toml"
        """Name of the file of settings; display text."""

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other lines, with the cursor as near as can be to where it was."""
        if list(rows) != self.rows:
            self.rows = list(rows)
            self.set_line_count(len(self.rows))
            self.go(self.cursor)

    @property
    def current(self) -> Row | None:
        """The line under the cursor; None where there is none at all."""
        return self.rows[self.cursor] if self.rows else None

    def go(self, position: int) -> None:
        """Put the cursor on a line, as near as there is one, and bring it into sight."""
        self.cursor = max(0, min(position, len(self.rows) - 1))
        self.bring(self.cursor)
        self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the line that is `y` lines below the first one in sight."""
        position, width = y + self.top, self.size.width
        if position >= len(self.rows):
            return self.strip_of(
                [("  ", "text"), *_EMPTY] if not self.rows and not y else [], width, self.base_style
            )
        row, base = self.rows[position], self.base_style
        spans: list[Span] = [("▸ " if position == self.cursor else "  ", "accent")]
        if position == self.cursor:
            base = base + self.get_component_rich_style("rule-list--cursor", partial=True)
        file = self.settings
        spans += _folder(row, file) if row.item is None else _rule(row, width - 3, file)
        return self.strip_of(spans, width, base)

    def on_click(self, event: events.Click) -> None:
        """Go to the line under the pointer; where the cursor is already, switch it."""
        position = event.y + self.top
        if position < len(self.rows):
            if position == self.cursor:
                self.post_message(self.Chosen())
            self.go(position)


def _folder(row: Row, file: str) -> list[Span]:
    sign = "▸" if row.folded else "▾"
    count = "1 rule" if row.size == 1 else f"{row.size:,} rules"
    on = "on" if row.on == row.size else "off" if not row.on else f"{row.on:,} on"
    where: list[Span] = [(f"  {file}", "accent")] if row.from_file else []
    return [
        (f"{sign} ", "muted"),
        (printable(row.folder, 60), "heading"),
        (f"  {count}, {on}", "muted"),
        *where,
    ]


def widths(width: int) -> tuple[int, int, int]:
    """Return the cells of a rule's name, its expression and what it does."""
    room = max(30, width - 2 - _HITS - 4)
    # Where room is short a name keeps more of it: what a rule does stands below the list as well.
    name = max(10, room * (4 if room < _SHORT else 3) // 12)
    when = max(10, room * 4 // 12)
    return name, when, room - name - when


def _rule(row: Row, width: int, file: str) -> list[Span]:
    item = row.item
    assert item is not None, "the caller has looked"
    indent = "  " if row.folder else ""
    on = item.rule is not None and item.rule.enabled
    sign = ("✕", "bad") if item.rule is None else ("●", "accent") if on else ("○", "muted")
    tone = "text" if on else "muted"
    name, when, does = widths(width - len(indent))
    title = printable(item.rule.name if item.rule is not None else item.title, 80)
    asked = printable(item.rule.expression if item.rule is not None else "", 200) or "every message"
    if item.rule is None:
        asked = "cannot work"
    hits = "" if item.rule is None else f"{item.hits:,}" if item.hits < 10**7 else f"{item.hits // 10**6:,}m"
    where: tuple[Span, ...] = ((f" {file}", "accent"),) if item.from_file and not row.folder else ()
    return [
        (indent, "text"),
        sign,
        (" ", "text"),
        *fit(((title or "—", tone if title else "muted"), *where), name),
        ("  ", "text"),
        *fit(((asked, "bad" if item.rule is None else tone if asked != "every message" else "muted"),), when),
        ("  ", "text"),
        *fit(((printable(item.does, 200), "bad" if item.rule is None else tone),), does),
        (f"{hits:>{_HITS}}", "text" if item.hits else "muted"),
    ]
