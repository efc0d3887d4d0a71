"""A page of lines that is made anew some times a second, with a cursor on the lines that lead somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.message import Message

from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Line


class Entry(NamedTuple):
    """A line of a page."""

    line: Line
    leads: str = ""
    """The filter that shows the flows it is about; empty for none."""


class Page(LineScroll):
    """Shows entries. The cursor stays on what it was on while numbers change."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"page--cursor"}

    class Chosen(Message):
        """An entry that leads somewhere was chosen."""

        def __init__(self, leads: str) -> None:
            super().__init__()
            self.leads = leads

    title = "This page"

    def __init__(self, make: Callable[[int], Iterable[Entry]], *, follows: bool = False) -> None:
        """Show what `make` returns for a width in cells; with `follows`, the end is kept in sight."""
        super().__init__()
        self._make = make
        self._entries: list[Entry] = []
        self._leads = ""
        self._follows = follows

    def update(self) -> None:
        """Make the entries anew."""
        with self.guard():
            entries = list(self._make(max(self.size.width - 1, 20)))
            stick = self._follows and (self.at_end or not self._entries)
            if entries != self._entries:
                self._entries = entries
                self.set_line_count(len(entries))
                if stick:
                    self.go_to(len(entries))
                self.refresh()

    def on_resize(self) -> None:
        """Make the entries for the new width."""
        self.update()

    @property
    def current(self) -> int | None:
        """The number of the entry under the cursor; None where there is none."""
        for number, entry in enumerate(self._entries):
            if entry.leads and entry.leads == self._leads:
                return number
        return None

    def draw_line(self, y: int) -> Strip:
        """Draw the entry that is `y` lines below the top."""
        number, base = y + self.top, self.base_style
        if number >= len(self._entries):
            return self.strip_of((), self.size.width, base)
        entry = self._entries[number]
        if entry.leads and entry.leads == self._leads:
            base = base + self.get_component_rich_style("page--cursor", partial=True)
        return self.strip_of(entry.line.spans, self.size.width, base)

    # --- moving

    def move(self, step: int) -> None:
        """Go to the next entry that leads somewhere; where there is none, scroll."""
        numbers = [number for number, entry in enumerate(self._entries) if entry.leads]
        current = self.current
        if step in (1, -1) and numbers:
            if current is None:
                beyond = [number for number in numbers if number >= self.top] or numbers
                self._select(beyond[0])
                return
            later = [number for number in numbers if (number - current) * step > 0]
            if later:
                self._select(later[0] if step > 0 else later[-1])
                return
        self.go_to(self.top + step)

    def _select(self, number: int) -> None:
        self._leads = self._entries[number].leads
        if not self.top <= number < self.top + self.page:
            self.go_to(number - self.page // 2)
        self.refresh()

    def choose(self) -> None:
        """Follow the entry under the cursor."""
        if self.current is not None:
            self.post_message(self.Chosen(self._leads))

    def on_click(self, event: events.Click) -> None:
        """Select an entry; a second click follows it."""
        number = event.y + self.top
        if number < len(self._entries) and self._entries[number].leads:
            self._select(number)
            if event.chain == 2:
                self.choose()
