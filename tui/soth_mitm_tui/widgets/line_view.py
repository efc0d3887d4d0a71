"""A view of many lines: only what is in sight is laid out and drawn, and it may grow at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.strip import Strip

from soth_mitm_tui.viewers.content import READING
from soth_mitm_tui.viewers.layout import TOP, Layout, Place
from soth_mitm_tui.viewers.wrap import cells_before, char_at, cut_spans
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from textual import events
    from textual.geometry import Region

    from soth_mitm_tui.lines import Line, Span
    from soth_mitm_tui.viewers.content import Joined

WHEEL: Final = 3
"""Rows that a turn of the wheel moves."""

SIDE: Final = 8
"""Cells that a step to the side moves, where lines are not wrapped."""


class LineView(LineScroll):
    """Shows lines from a place on. While the end is in sight, it stays in sight as lines are added.

    The scroll bar counts lines, not rows: how many rows a line takes is not known before it is near.
    """

    title = "This text"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.layout_of = Layout()
        self.place = TOP
        """The row at the top."""
        self.side = 0
        """Cells that are out of sight at the left."""
        self._stick = False
        self._sought: tuple[int, int, bool] | None = None
        """What was to be revealed while lines around it were still to come."""
        self._sight: list[Place] | None = None
        self._last_top: Place | None = None

    @property
    def lines(self) -> Joined:
        """What is shown."""
        return self.layout_of.content

    @property
    def top(self) -> int:
        """The first line in sight."""
        return self.place.line

    @property
    def at_end(self) -> bool:
        """Whether the last row is in sight."""
        return self.place >= self.last_top

    @property
    def last_top(self) -> Place:
        """The top of the page that ends with the last row."""
        if self._last_top is None:
            self._last_top = self.layout_of.last_top(self.page)
        return self._last_top

    @property
    def wrap(self) -> bool:
        """Whether long lines go on below."""
        return self.layout_of.wrap

    # --- what is shown

    def show(self, content: Joined, *, place: Place = TOP, stick: bool = False) -> None:
        """Show other lines, from `place`; with `stick` the end is kept in sight."""
        self.failure = None
        self._sought = None
        self.layout_of.content = content
        self.side = 0
        self._stick = stick
        self._lay_out(place)

    def extend(self, content: Joined) -> None:
        """Show lines that begin as the ones before did, at the place where they are."""
        self._stick = self._stick or (self.at_end and self.place > TOP)
        place = Place(self.lines.moved_to(content, self.place.line), self.place.row)
        self.layout_of.content = content
        self._lay_out(place)

    def come(self) -> None:
        """Draw again: lines that were still to come are there."""
        self._lay_out(self.place)
        if self._sought is not None:
            line, char, centre = self._sought
            self.reveal(line, char, centre=centre)

    def set_wrap(self, wrap: bool) -> None:
        """Wrap long lines, or not."""
        self.layout_of.wrap = wrap
        self.side = 0
        self._lay_out(Place(self.place.line))

    def _lay_out(self, place: Place) -> None:
        layout = self.layout_of
        layout.width = self.scrollable_content_region.width
        layout.forget()
        self._last_top = None
        self.set_line_count(self.last_top.line + self.page)
        self.go_to_place(self.last_top if self._stick else place)

    def on_resize(self) -> None:
        """Wrap anew, keeping the first line in sight where it is."""
        if self.layout_of.width == self.scrollable_content_region.width:
            self._lay_out(self.place)
        else:
            self._lay_out(Place(self.place.line))

    # --- where it is

    def go_to_place(self, place: Place) -> None:
        """Scroll so that a row is the first one in sight, as far as there are rows."""
        self.place = min(self.layout_of.clamp(place), self.last_top)
        self._sight = None
        self.go_to(self.place.line)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the scroll bar; leaving the end lets go of it."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) != self.place.line:
            self._sought = None
            self.go_to_place(Place(round(new_value)))
        if not self.at_end:
            self._stick = False

    def move(self, rows: int) -> None:
        """Scroll by `rows`; away from the end, new lines no longer move the view."""
        self._sought = None
        if rows < 0:
            self._stick = False
        self.go_to_place(self.layout_of.walk(self.place, rows))

    def move_side(self, steps: int) -> None:
        """Scroll to the side, where lines are not wrapped."""
        if not self.wrap:
            self.side = max(0, min(self.side + steps * SIDE, self._widest()))
            self.refresh()

    def _widest(self) -> int:
        widest = max((len(self.layout_of.look(place.line)[0].text) for place in self.sight()), default=0)
        return max(0, widest - SIDE)

    def to_top(self) -> None:
        """Go to the first row."""
        self._stick = False
        self._sought = None
        self.go_to_place(TOP)

    def to_end(self) -> None:
        """Go to the last row, and stay at the end while lines are added."""
        self._stick = True
        self._sought = None
        self.go_to_place(self.last_top)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll by rows, whatever lines they belong to."""
        event.prevent_default()
        event.stop()
        self.move(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll by rows, whatever lines they belong to."""
        event.prevent_default()
        event.stop()
        self.move(-WHEEL)

    # --- drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw what is in sight, within its width even where it is drawn before it was told of one."""
        layout = self.layout_of
        if not layout.width:
            layout.width = self.scrollable_content_region.width
            layout.forget()
            self._last_top = self._sight = None
            self.place = layout.clamp(Place(self.place.line))
        return super().render_lines(crop)

    def sight(self) -> list[Place]:
        """Return the rows in sight, from the top."""
        if self._sight is None:
            self._sight = list(self.layout_of.page_from(self.place, self.page))
            if self._sight:
                self.lines.want(self._sight[0].line, self._sight[-1].line + 1)
        return self._sight

    def row_text(self, place: Place) -> tuple[Line, int, int, int]:
        """Return a line, the characters of it that a row shows, and the room at the left of them."""
        line, starts = self.layout_of.look(place.line)
        start = starts[place.row]
        stop = starts[place.row + 1] if place.row + 1 < len(starts) else len(line.text)
        room = min(line.indent, self.layout_of.width // 2) if place.row else 0
        if not self.wrap:
            start = char_at(line.text, self.side) if self.side else 0
            stop = char_at(line.text, self.layout_of.width + 1, start)
        return line, start, stop, room

    def draw_line(self, y: int) -> Strip:
        """Draw the row that is `y` rows below the top."""
        rows, base = self.sight(), self.base_style
        if y >= len(rows):
            return Strip.blank(self.size.width, base)
        line, start, stop, room = self.row_text(rows[y])
        spans: list[Span] = cut_spans(line.spans, start, stop)
        if room:
            spans.insert(0, (" " * room, "text"))
        return self.strip_of(spans, self.size.width, base)

    def spot_at(self, x: int, y: int) -> tuple[int, int] | None:
        """Return the line and the character that are drawn at a cell; None below the last line."""
        rows = self.sight()
        if not rows:
            return None
        if y >= len(rows):
            return rows[-1].line, len(self.layout_of.look(rows[-1].line)[0].text)
        line, start, stop, room = self.row_text(rows[max(y, 0)])
        return rows[max(y, 0)].line, min(char_at(line.text, x - room, start), stop)

    def reveal(self, line: int, char: int = 0, *, centre: bool = False) -> None:
        """Scroll as little as it takes to see a character; with `centre` into the middle where it was not."""
        layout = self.layout_of
        target = layout.clamp(Place(line, layout.row_of(line, char)))
        sight = self.sight()
        if target not in sight:
            self._stick = False
            below = bool(sight) and target > sight[-1]
            above = self.page // 2 if centre else self.page - 1 if below else 0
            self.go_to_place(layout.walk(target, -above))
        if not self.wrap:
            at = cells_before(layout.look(line)[0].text, char)
            if not self.side <= at < self.side + layout.width - 4:
                self.side = max(0, at - layout.width // 2)
                self.refresh()
        # A line that is still to come counts as one row, and may turn out to take fifty.
        waits = any(layout.look(place.line)[0] is READING for place in self.sight())
        self._sought = (line, char, centre) if waits else None
