"""A view of lines with a current line, a selection by keys or mouse, and marks on what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from soth_mitm_tui.viewers.layout import TOP, Place
from soth_mitm_tui.viewers.selection import Selection, Spot, text_of
from soth_mitm_tui.viewers.wrap import cut_spans
from soth_mitm_tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.viewers.content import Joined

BAR = "▎"
"""Stands before the current line, so that it is seen without colour as well."""


class Found(Protocol):
    """What was searched for, as far as a viewer draws it."""

    def on(self, number: int, line: Line, /) -> list[tuple[int, int]]:
        """Return the characters of a line that match."""
        ...

    @property
    def current(self) -> Spot | None:
        """The match that the person is at."""
        ...


class Viewer(LineView):
    """Shows lines, one of which is the current one while this has the focus."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "viewer--cursor",
        "viewer--selected",
        "viewer--found",
        "viewer--current",
    }

    class Moved(Message):
        """Another line is the current one, or another text is selected."""

    class Pressed(Message):
        """The current line was clicked twice: what can be opened there is to be opened or closed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.cursor = 0
        """The current line."""
        self.selection: Selection | None = None
        self.found: Found | None = None
        self._dragging = False
        self._overlays: dict[str, Style] = {}

    # --- the current line

    @property
    def current_line(self) -> Line | None:
        """The current line; None where there is none, or it is still to come."""
        return self.lines[self.cursor] if self.cursor < len(self.lines) else None

    def set_cursor(self, number: int, *, centre: bool = False) -> None:
        """Make a line the current one and bring it into sight."""
        number = max(0, min(number, len(self.lines) - 1))
        changed = number != self.cursor
        self.cursor = number
        if self.lines:
            self.reveal(number, centre=centre)
        self._stretch()
        self.refresh()
        if changed:
            self.post_message(self.Moved())

    def show(self, content: Joined, *, place: Place = TOP, stick: bool = False) -> None:
        """Show other lines; the first in sight that is not empty is the current one, nothing is selected."""
        self.selection = None
        super().show(content, place=place, stick=stick)
        self._begin()
        self.post_message(self.Moved())

    def _begin(self) -> None:
        """Go to the first line in sight that is not empty."""
        self.cursor = self.place.line
        line = self.current_line
        if line is not None and not line.spans and self.cursor + 1 < len(self.lines):
            self.cursor += 1

    def extend(self, content: Joined) -> None:
        """Show what the lines have become; what is current and selected stays so."""
        lines, chosen = self.lines, self.selection
        self.cursor = lines.moved_to(content, self.cursor)
        if chosen is not None:
            self.selection = chosen._replace(
                anchor=Spot(lines.moved_to(content, chosen.anchor.line), chosen.anchor.char),
                head=Spot(lines.moved_to(content, chosen.head.line), chosen.head.char),
            )
        super().extend(content)
        if not lines:
            self._begin()

    def move_cursor(self, lines: int) -> None:
        """Go to the next line or the one before; a line taller than the page passes row by row."""
        layout, last = self.layout_of, self.sight()[-1:]
        if not last:
            return
        if lines > 0 and last[0].line == self.cursor and last[0].row + 1 < layout.rows(self.cursor):
            self.move(1)
        elif lines < 0 and self.place.line == self.cursor and self.place.row:
            self.move(-1)
        else:
            self.set_cursor(self.cursor + lines)

    def move_page(self, rows: int) -> None:
        """Scroll, and take the current line along; at either end, it goes there."""
        before = self.place
        sight = self.sight()
        at = next((index for index, place in enumerate(sight) if place.line == self.cursor), 0)
        self.move(rows)
        if self.place == before:
            self.set_cursor(0 if rows < 0 else len(self.lines) - 1)
        elif sight := self.sight():
            self._set_cursor_quietly(sight[min(at, len(sight) - 1)].line)

    def to_first(self) -> None:
        """Go to the first line."""
        self.to_top()
        self._set_cursor_quietly(0)

    def to_last(self) -> None:
        """Go to the last line, and stay there while lines are added."""
        self.to_end()
        self._set_cursor_quietly(max(0, len(self.lines) - 1))

    def _set_cursor_quietly(self, number: int) -> None:
        changed = number != self.cursor
        self.cursor = number
        self._stretch()
        if changed:
            self.post_message(self.Moved())

    def go_to_place(self, place: Place) -> None:
        """Scroll; the current line stays in sight."""
        super().go_to_place(place)
        sight = self.sight()
        if sight and self.is_attached:
            low, high = sight[0].line, sight[-1].line
            if self._stick and self.selection is None:
                low = high
            if not low <= self.cursor <= high:
                self._set_cursor_quietly(max(low, min(self.cursor, high)))

    # --- selection

    def select_lines(self) -> None:
        """Begin to select lines at the current one, or stop selecting."""
        if self.selection is not None:
            self.clear_selection()
            return
        spot = Spot(self.cursor)
        self.selection = Selection(spot, spot, whole_lines=True)
        self._selected()

    def clear_selection(self) -> bool:
        """Select nothing; return whether something was selected."""
        had, self.selection = self.selection is not None, None
        self._selected()
        return had

    def stretch_by(self, lines: int) -> None:
        """Select the lines from the current one on to the next."""
        if self.selection is None or not self.selection.whole_lines:
            spot = Spot(self.cursor)
            self.selection = Selection(spot, spot, whole_lines=True)
        self.set_cursor(self.cursor + lines)
        self._selected()

    def _stretch(self) -> None:
        if self.selection is not None and self.selection.whole_lines:
            self.selection = self.selection._replace(head=Spot(self.cursor))

    def _selected(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def selected_text(self) -> str:
        """Return what is selected, as far as its lines have been read; empty where nothing is."""
        return "" if self.selection is None else text_of(self.lines, self.selection)

    # --- the mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Make the line under the pointer the current one; a drag from here selects."""
        spot = self.spot_at(event.x, event.y)
        if spot is None or event.button != 1 or event.x >= self.layout_of.width:
            return
        self.selection = Selection(Spot(*spot), Spot(*spot))
        self._dragging = True
        self.capture_mouse()
        self._set_cursor_quietly(spot[0])
        self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select up to the pointer; beyond an edge, scroll."""
        if not self._dragging or self.selection is None:
            return
        if event.y < 0 or event.y >= self.page:
            self.move(-1 if event.y < 0 else 1)
        spot = self.spot_at(event.x, max(0, min(event.y, self.page - 1)))
        if spot is not None:
            self.selection = self.selection._replace(head=Spot(*spot))
            self._set_cursor_quietly(spot[0])
            self._selected()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End the drag; without a way, it was a click."""
        if self._dragging:
            self._dragging = False
            self.release_mouse()
            if self.selection is not None and self.selection.empty:
                self.clear_selection()

    def on_click(self, event: events.Click) -> None:
        """A second click opens or closes what the line stands for."""
        if event.chain == 2:
            self.post_message(self.Pressed())

    # --- drawing

    def on_focus(self) -> None:
        """The current line is seen."""
        self.refresh()

    def on_blur(self) -> None:
        """The current line is not seen any more."""
        self.refresh()

    def notify_style_update(self) -> None:
        """Forget styles of the old theme."""
        self._overlays.clear()
        super().notify_style_update()

    def _overlay(self, name: str) -> Style:
        style = self._overlays.get(name)
        if style is None:
            style = self._overlays[name] = self.get_component_rich_style(f"viewer--{name}", partial=True)
        return style

    def draw_line(self, y: int) -> Strip:
        """Draw a row, with what is current, selected and found in it."""
        rows, base, width = self.sight(), self.base_style, self.size.width
        if y >= len(rows):
            return Strip.blank(width, base)
        number = rows[y].line
        line, start, stop, room = self.row_text(rows[y])
        here = number == self.cursor and self.has_focus
        ground = base + self._overlay("cursor") if here else base
        segments = [Segment(" " * room, ground)] if room else []
        at = start
        for end, overlay in self._ranges(number, line, start, stop):
            over = self._overlay(overlay) if overlay else None
            for text, tone in cut_spans(line.spans, at, end):
                style = self.tone(tone, ground)
                segments.append(Segment(text, style + over if over is not None else style))
            at = end
        strip = Strip(segments).crop_extend(0, width, ground)
        return self._barred(strip, ground) if here else strip

    def _barred(self, strip: Strip, ground: Style) -> Strip:
        if self.side or strip.crop(0, 1).text.strip():
            return strip
        bar = Strip([Segment(BAR, self.tone("accent", ground))])
        return Strip.join([bar, strip.crop(1, strip.cell_length)])

    def _ranges(self, number: int, line: Line, start: int, stop: int) -> list[tuple[int, str]]:
        """Return the pieces of a row that look different: where each ends, and what lies over it."""
        marks: list[tuple[int, int, str]] = []
        if self.found is not None:
            at = self.found.current
            marks += [
                (low, high, "current" if at == (number, low) else "found")
                for low, high in self.found.on(number, line)
            ]
        if self.selection is not None:
            low, high = self.selection.on(number)
            marks.append((max(low, line.lead), min(high, len(line.text)), "selected"))
        marks = [mark for mark in marks if mark[0] < stop and mark[1] > start and mark[0] < mark[1]]
        if not marks:
            return [(stop, "")]
        edges = {stop}
        for low, high, _ in marks:
            edges |= {edge for edge in (low, high) if start < edge < stop}
        pieces: list[tuple[int, str]] = []
        at_char = start
        for edge in sorted(edges):
            over = next((name for low, high, name in reversed(marks) if low <= at_char < high), "")
            pieces.append((edge, over))
            at_char = edge
        return pieces
