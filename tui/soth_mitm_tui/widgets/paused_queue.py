"""The messages that are paused, pinned above the list: what, since when, and what happens when."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.columns import fit
from soth_mitm_tui.debugging import SECOND, SHORT, countdown, named
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events
    from textual.strip import Strip

    from soth_mitm.control import PausedMessage
    from soth_mitm_tui.lines import Span

HIGHEST: Final = 5
"""Most lines it takes; the others are scrolled to."""


class PausedQueue(LineScroll):
    """Lists what is paused, the oldest first."""

    PANE: ClassVar[str] = "paused"
    BINDINGS = bindings("paused")
    COMPONENT_CLASSES = {"paused-queue--cursor"}  # noqa: RUF012 - Textual's own declaration has no ClassVar

    title = "The paused messages"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.entries: tuple[PausedMessage, ...] = ()
        self._now = 0
        self._hosts: dict[int, str] = {}
        self.cursor = 0

    @property
    def current(self) -> PausedMessage | None:
        """What is under the cursor; None where nothing is paused."""
        return self.entries[self.cursor] if self.entries else None

    def show_paused(self, entries: tuple[PausedMessage, ...], now: int, hosts: dict[int, str]) -> None:
        """Show what is paused at a time; `hosts` says what a flow asks for."""
        same = entries == self.entries
        if same and now // SECOND == self._now // SECOND:
            return
        number = self.current.number if self.current is not None else 0
        if len(entries) != len(self.entries):
            self.styles.height = max(1, min(len(entries), HIGHEST))
        self.entries, self._now, self._hosts = entries, now, hosts
        if not same:
            self.set_line_count(len(entries))
            self.cursor = next((at for at, each in enumerate(entries) if each.number == number), self.cursor)
            self.go(self.cursor)
        self.refresh()

    def go(self, at: int) -> None:
        """Put the cursor on a line, as near as there is one."""
        self.cursor = max(0, min(at, len(self.entries) - 1))
        self.bring(self.cursor)
        self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw one paused message."""
        at, width = y + self.top, self.size.width
        if at >= len(self.entries):
            return self.strip_of((), width, self.base_style)
        current = at == self.cursor and self.has_focus
        base = self._cursor_style() if current else self.base_style
        return self.strip_of(self._spans(self.entries[at], width, current=at == self.cursor), width, base)

    def _cursor_style(self) -> Style:
        return self.base_style + self.get_component_rich_style("paused-queue--cursor", partial=True)

    def _spans(self, entry: PausedMessage, width: int, *, current: bool) -> list[Span]:
        waited = max(0, (self._now - entry.since_ns) // SECOND)
        words, tone = countdown(entry, self._now)
        edited = entry.draft != entry.original
        end: tuple[Span, ...] = (
            ("edited  " if edited else "", "accent"),
            (f"{waited} s  " if width >= 100 else "", "muted"),
            (words, tone),
        )
        room = sum(len(text) for text, _ in end)
        host = self._hosts.get(entry.flow, "")
        what = named(entry)
        spans: list[Span] = [
            ("▸ " if current and self.has_focus else "  ", "accent"),
            ("‖ ", "warn"),
            (f"{SHORT[entry.stage]:<9}", "text"),
        ]
        name = f"{what}  {host}" if host else what
        if width >= 120:
            name = f"{name}  “{entry.breakpoint}”"
        left = max(0, width - 13 - room - 3)
        return [*spans, *fit(((name, "strong"),), left), ("  ", "text"), *end, (" ", "text")]

    # --- actions

    def action_down(self) -> None:
        """Go to the next one."""
        self.go(self.cursor + 1)

    def action_up(self) -> None:
        """Go to the one before."""
        self.go(self.cursor - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a message."""
        self.go(event.y + self.top)
