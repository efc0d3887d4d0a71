"""A viewer of many lines: wrapped piece by piece, drawn where they are in sight, growing at the end."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from time import perf_counter_ns
from typing import Final

from rich.cells import get_character_cell_size
from textual.strip import Strip

from soth_mitm_tui.joined import Content, Joined
from soth_mitm_tui.lines import Line, Span
from soth_mitm_tui.widgets.line_scroll import LineScroll

Tint = Callable[[str], tuple[Span, ...]]

SLICE_NS: Final = 3_000_000
MARGIN: Final = 2
"""Cells to the left of plain text, where lines of spans have their own blanks."""

PAUSE: Final = 0.005

TINT_LIMIT: Final = 2000
"""Longest line, in characters, that is coloured; hostile lines stay plain."""


def plain(text: str) -> tuple[Span, ...]:
    """The tint that colours nothing."""
    return ((text, "text"),)


def break_points(text: str, width: int, indent: int, *, words: bool = False) -> list[int]:
    """Return the index of the first character of each row that `text` takes at `width` cells.

    With `words` a row ends at a blank where there is one in its second half.
    """
    width = max(width, 2)
    rest = max(width - indent, 2)
    if text.isascii() and not words:
        return [0, *range(width, len(text), rest)]
    points, room, blank = [0], width, 0
    for position, char in enumerate(text):
        size = get_character_cell_size(char)
        if size > room:
            start = blank if words and blank > points[-1] + (position - points[-1]) // 2 else position
            points.append(start)
            room = rest - sum(map(get_character_cell_size, text[start:position]))
        room -= size
        if char == " ":
            blank = position + 1
    return points


def cut_spans(spans: tuple[Span, ...], start: int, stop: int) -> list[Span]:
    """Return the part of spans between two character positions."""
    out: list[Span] = []
    offset = 0
    for text, tone in spans:
        low, high = max(start - offset, 0), min(stop - offset, len(text))
        if low < high:
            out.append((text[low:high], tone))
        offset += len(text)
        if offset >= stop:
            break
    return out


class LineView(LineScroll):
    """Shows a sequence of lines. While the end is in sight, it stays in sight as lines are added."""

    title = "This text"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines = Joined(())
        self._tint: Tint = plain
        self._row_line = array("l")
        self._row_start = array("l")
        self._laid = 0
        self._width = 0
        self._stick = False

    @property
    def lines(self) -> Joined:
        """What is shown."""
        return self._lines

    def show(self, lines: Joined, tint: Tint = plain, *, top: int = 0, stick: bool = False) -> None:
        """Show other lines, from row `top`; with `stick` the end is kept in sight."""
        self.failure = None
        self._lines, self._tint = lines, tint
        self._restart()
        self._stick = stick
        self.go_to(self.row_count if stick else top)
        self.refresh()

    def extend(self, lines: Joined, tint: Tint = plain) -> None:
        """Show lines that begin as the ones before did; neither place nor cost depends on those."""
        stick = self._stick or (self.at_end and self.top > 0)
        same = lines.in_place(self._lines, self._fits)
        self._lines, self._tint = lines, tint
        if same < self._laid:
            self._unlay(same)
        self._lay()
        if stick:
            self.go_to(self.row_count)
        self.refresh()

    def _fits(self, content: Line) -> bool:
        return len(content.text) <= self._width and content.text.isascii()

    @property
    def row_count(self) -> int:
        """Rows on the screen that the lines laid so far take."""
        return len(self._row_line)

    # --- layout

    def _restart(self) -> None:
        self._width = self.scrollable_content_region.width
        self._laid = 0
        del self._row_line[:], self._row_start[:]
        self._lay()

    def _unlay(self, line: int) -> None:
        rows = len(self._row_line)
        while rows and self._row_line[rows - 1] >= line:
            rows -= 1
        del self._row_line[rows:], self._row_start[rows:]
        self._laid = line

    def _lay(self) -> None:
        """Wrap lines for one slice of time, and go on after other work where some are left."""
        lines, width = self._lines, self._width
        if width <= 0:
            return
        deadline = perf_counter_ns() + SLICE_NS
        while self._laid < len(lines):
            stop = min(self._laid + 256, len(lines))
            for number in range(self._laid, stop):
                self._lay_line(number, lines[number], width)
                if perf_counter_ns() >= deadline:
                    stop = number + 1
                    break
            self._laid = stop
            if perf_counter_ns() >= deadline:
                break
        self.set_line_count(len(self._row_line))
        if self._laid < len(lines):
            # A message to ourselves would be served at once, with nobody else's turn in between.
            self.set_timer(PAUSE, self._go_on)

    def _lay_line(self, number: int, content: Content, width: int) -> None:
        if isinstance(content, Line):
            text, indent = content.text, content.indent
        else:
            text, indent, width = content, 0, width - MARGIN
        if len(text) <= width and text.isascii():
            self._row_line.append(number)
            self._row_start.append(0)
            return
        words = isinstance(content, Line) and len(text) <= TINT_LIMIT
        for start in break_points(text, width, min(indent, width // 2), words=words):
            self._row_line.append(number)
            self._row_start.append(start)

    def _go_on(self) -> None:
        if self._laid < len(self._lines):
            stick, before = self._stick, self.row_count
            self._lay()
            if stick:
                self.go_to(self.row_count)
            if stick or before < self.top + self.page:
                self.refresh()

    def on_resize(self) -> None:
        """Wrap anew where the width changed, keeping the first line in sight where it is."""
        width = self.scrollable_content_region.width
        if width == self._width:
            self.go_to(self.row_count if self._stick else self.top)
            return
        first = self._row_line[self.top] if self.top < len(self._row_line) else 0
        self._restart()
        if self._stick:
            self.go_to(self.row_count)
        else:
            self.go_to(bisect_left(self._row_line, first))
        self.refresh()

    # --- drawing

    def draw_line(self, y: int) -> Strip:
        """Draw the row that is `y` lines below the top."""
        row = y + self.top
        base, width = self.base_style, self.size.width
        if row >= len(self._row_line):
            return Strip.blank(width, base)
        number, start = self._row_line[row], self._row_start[row]
        content = self._lines[number]
        last = row + 1 >= len(self._row_line) or self._row_line[row + 1] != number
        if isinstance(content, Line):
            spans, length, indent = content.spans, len(content.text), min(content.indent, self._width // 2)
        else:
            length, indent = len(content), 0
            spans = self._tint(content) if length <= TINT_LIMIT else plain(content)
        stop = length if last else self._row_start[row + 1]
        piece = cut_spans(spans, start, stop)
        margin = MARGIN if not isinstance(content, Line) else indent if start else 0
        if margin:
            piece.insert(0, (" " * margin, "text"))
        return self.strip_of(piece, width, base)

    # --- moving

    def move(self, rows: int) -> None:
        """Scroll by `rows`; away from the end, new lines no longer move the view."""
        self.go_to(self.top + rows)

    def to_top(self) -> None:
        """Go to the first row."""
        self.go_to(0)

    def to_end(self) -> None:
        """Go to the last row, and stay at the end while lines are added."""
        self.go_to(self.row_count)
        self._stick = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Leaving the end lets go of it."""
        super().watch_scroll_y(old_value, new_value)
        if not self.at_end:
            self._stick = False
