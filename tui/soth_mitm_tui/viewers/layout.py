"""Rows: how many each line takes, and how to walk over them without knowing all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from textual.cache import LRUCache

from soth_mitm_tui.viewers.content import EMPTY, READING, TINT_LIMIT
from soth_mitm_tui.viewers.wrap import break_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.viewers.content import Joined

KEPT_LINES: Final = 512
"""Lines whose rows are remembered: some screenfuls."""

_ONE_ROW: Final = (0,)


class Place(NamedTuple):
    """A row of a line."""

    line: int
    row: int = 0


TOP: Final = Place(0, 0)


class Layout:
    """The rows of some content at a width. Only lines that are walked over are looked at."""

    def __init__(self) -> None:
        self.content: Joined = EMPTY
        self.width = 0
        self.wrap = True
        self._kept: LRUCache[int, tuple[Line, tuple[int, ...]]] = LRUCache(KEPT_LINES)

    def forget(self) -> None:
        """Look at every line anew: it may be another one now."""
        self._kept.clear()

    def look(self, number: int) -> tuple[Line, tuple[int, ...]]:
        """Return a line, and the index of the first character of each of its rows."""
        kept = self._kept.get(number)
        if kept is not None:
            return kept
        line = self.content[number]
        if line is None:
            return READING, _ONE_ROW
        found = line, self._starts(line)
        self._kept[number] = found
        return found

    def _starts(self, line: Line) -> tuple[int, ...]:
        text, width = line.text, self.width
        if not self.wrap or width <= 0 or (len(text) <= width and text.isascii()):
            return _ONE_ROW
        words = line.words and len(text) <= TINT_LIMIT
        return tuple(break_points(text, width, min(line.indent, width // 2), words=words))

    def rows(self, number: int) -> int:
        """Return how many rows a line takes."""
        return len(self.look(number)[1])

    # --- walking

    def clamp(self, place: Place) -> Place:
        """Return the nearest place that exists."""
        count = len(self.content)
        if not count or place.line < 0:
            return TOP
        if place.line >= count:
            return Place(count - 1, self.rows(count - 1) - 1)
        return Place(place.line, max(0, min(place.row, self.rows(place.line) - 1)))

    def walk(self, place: Place, rows: int) -> Place:
        """Return the place that lies `rows` rows below, or above where that is negative."""
        line, row = self.clamp(place)
        count = len(self.content)
        if not count:
            return TOP
        row += rows
        while row < 0:
            if line == 0:
                return TOP
            line -= 1
            row += self.rows(line)
        while row >= (high := self.rows(line)):
            if line + 1 >= count:
                return Place(line, high - 1)
            row -= high
            line += 1
        return Place(line, row)

    def last_top(self, page: int) -> Place:
        """Return the top of a page that ends with the last row there is."""
        count = len(self.content)
        if not count:
            return TOP
        return self.walk(Place(count - 1, self.rows(count - 1) - 1), 1 - page)

    def page_from(self, top: Place, page: int) -> Iterator[Place]:
        """Yield the places of a page, at most `page` of them."""
        line, row = top
        count = len(self.content)
        while page > 0 and line < count:
            yield Place(line, row)
            page -= 1
            row += 1
            if row >= self.rows(line):
                line, row = line + 1, 0

    def row_of(self, number: int, char: int) -> int:
        """Return in which row of a line a character stands."""
        starts = self.look(number)[1]
        row = len(starts) - 1
        while row and starts[row] > char:
            row -= 1
        return row
