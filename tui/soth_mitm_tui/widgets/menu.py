"""A menu: some entries with a key each, of which one is chosen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from textual.message import Message

from soth_mitm_tui.columns import fit
from soth_mitm_tui.screens.jump import Target
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span

_MOST_LABEL: Final = 30


class Entry(NamedTuple):
    """One entry. All texts are display text."""

    id: str
    key: str
    """The key that chooses it, as a person reads it; empty for none."""
    label: str
    note: str = ""
    reason: str = ""
    """Why it cannot be chosen now; it is dim, and this stands in the place of the note."""


class Menu(LineScroll):
    """Shows entries; the cursor, the wheel and the mouse move over them."""

    COMPONENT_CLASSES = {"menu--cursor"}  # noqa: RUF012 - Textual's own declaration has no ClassVar

    class Chosen(Message):
        """An entry was clicked."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    title = "The menu"

    def __init__(self, entries: Sequence[Entry] = (), *, cursor: int = 0) -> None:
        super().__init__()
        self.entries: list[Entry] = list(entries)
        self.cursor = cursor
        self.most_label = _MOST_LABEL
        """Most cells that labels take, and half of the width at most."""
        self.beside_fields = False
        """Whether there are fields beside it that may have the focus; the cursor shows where it has."""
        self.when_empty: tuple[Span, ...] = ()

    def on_mount(self) -> None:
        """Know how many lines there are."""
        self.set_entries(self.entries)

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """Show other entries, with the cursor as near as can be to where it was."""
        self.entries = list(entries)
        self.set_line_count(len(self.entries))
        self.go(self.cursor)
        self.refresh()

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor; None where there is none at all."""
        return self.entries[self.cursor] if self.entries else None

    def go(self, position: int) -> None:
        """Put the cursor on an entry, as near as there is one, and bring it into sight."""
        self.cursor = max(0, min(position, len(self.entries) - 1))
        self.bring(self.cursor)
        self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the entry that is `y` lines below the first one in sight."""
        position, width = y + self.top, self.size.width
        if position >= len(self.entries):
            spans = [("  ", "text"), *self.when_empty] if y == 0 and not self.entries else []
            return self.strip_of(spans, width, self.base_style)
        current = position == self.cursor and (self.has_focus or not self.beside_fields)
        base = self._cursor_style() if current else self.base_style
        return self.strip_of(self._spans(self.entries[position], width, current=current), width, base)

    def _cursor_style(self) -> Style:
        return self.base_style + self.get_component_rich_style("menu--cursor", partial=True)

    def _spans(self, entry: Entry, width: int, *, current: bool) -> list[Span]:
        keys = max((cell_len(each.key) for each in self.entries), default=0)
        labels = min(max(cell_len(each.label) for each in self.entries), self.most_label, width // 2)
        note = entry.reason or entry.note
        dim = bool(entry.reason)
        spans: list[Span] = [("▸ " if current else "  ", "accent")]
        if keys:
            spans += [*fit(((entry.key, "muted" if dim else "accent"),), keys), ("  ", "text")]
        spans += [*fit(((entry.label, "muted" if dim else "text"),), labels), ("  ", "text")]
        room = width - labels - 5 - (keys + 2 if keys else 0)
        return [*spans, *fit(((note, "warn" if dim else "muted"),), max(0, room))]

    def on_click(self, event: events.Click) -> None:
        """Choose the entry under the pointer."""
        position = event.y + self.top
        if position < len(self.entries):
            self.go(position)
            self.post_message(self.Chosen(self.entries[position]))

    def jump_targets(self) -> list[Target]:
        """Return the entries in sight."""
        seen = range(self.top, min(self.top + self.page, len(self.entries)))
        return [
            Target(0, position - self.top, partial(self.post_message, self.Chosen(self.entries[position])))
            for position in seen
        ]


class OverMenu:
    """A screen around a menu: its keys move the menu's cursor, wherever the focus is."""

    menu: Menu

    def action_down(self) -> None:
        """Go to the next entry."""
        self.menu.go(self.menu.cursor + 1)

    def action_up(self) -> None:
        """Go to the entry before."""
        self.menu.go(self.menu.cursor - 1)
