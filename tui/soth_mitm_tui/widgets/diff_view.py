"""Draws differences: any number of rows, of which those in sight are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm_tui.columns import fit
from soth_mitm_tui.diffing.layout import half_of
from soth_mitm_tui.widgets.line_scroll import LineScroll, Toned

if TYPE_CHECKING:
    from textual.strip import Strip

    from soth_mitm_tui.diffing.layout import Layout
    from soth_mitm_tui.lines import Span

ABOVE = 3
"""Rows that stay in sight above a difference that is gone to."""


class DiffHeads(Toned):
    """Names what stands on either side."""

    title = "The comparison"

    def __init__(self) -> None:
        super().__init__()
        self._names = ("", "")

    def set(self, left: str, right: str) -> None:
        """Name both sides."""
        if (left, right) != self._names:
            self._names = left, right
            self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        half = half_of(self.size.width - 1)
        left, right = self._names
        spans = fit((("  - ", "bad"), (left, "strong")), half)
        spans += [("│", "rule"), ("+ ", "good"), (right, "strong")]
        return self.strip_of(spans, self.size.width, self.base_style)


class DiffView(LineScroll):
    """Shows a layout, and the difference that a person has gone to."""

    title = "The comparison"

    def __init__(self) -> None:
        super().__init__()
        self.layout_of: Layout | None = None
        self.at = -1
        """Which difference has been gone to, from 0; -1 for none."""
        self.words: tuple[Span, ...] = ()
        """What stands there while there is nothing to show."""

    def say(self, *words: Span) -> None:
        """Show some words in the place of differences."""
        self.layout_of, self.words = None, words
        self.set_line_count(1)
        self.refresh()

    def show_layout(self, layout: Layout, *, keep: bool) -> None:
        """Show another layout; with `keep`, at about the same place."""
        share = self.top / max(1, self.layout_of.height) if keep and self.layout_of is not None else 0.0
        self.layout_of = layout
        self.at = min(self.at, len(layout.stops) - 1) if keep else -1
        self.set_line_count(layout.height)
        self.go_to(round(share * layout.height))
        self.refresh()

    def step(self, step: int) -> bool:
        """Go to the next difference, or the one before; False where there is none."""
        layout = self.layout_of
        if layout is None or not 0 <= self.at + step < len(layout.stops):
            return False
        self.at += step
        row = layout.row_of(layout.stops[self.at])
        if not self.top + 1 <= row < self.top + self.page - 1:
            self.go_to(row - ABOVE)
        self.refresh()
        return True

    def draw_line(self, y: int) -> Strip:
        """Draw the row that is `y` rows below the top."""
        layout, row, width = self.layout_of, y + self.top, self.size.width
        if layout is None:
            return self.strip_of((("  ", "text"), *self.words) if y == 1 else (), width, self.base_style)
        if row >= layout.height:
            return self.strip_of((), width, self.base_style)
        current = layout.stops[self.at] if self.at >= 0 else -1
        return self.strip_of(layout.row(row, current=current), width, self.base_style)
