"""A rule with a title: the only line between two panes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from soth_mitm_tui.columns import fit
from soth_mitm_tui.widgets.line_scroll import Toned

if TYPE_CHECKING:
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span


class PaneTitle(Toned):
    """Draws `─ title ──────── note ─`; the title is bright while its pane has the focus.

    Without a title it is `───────── note ─`. Where room is short, the title is cut before the note.
    """

    def __init__(self, text: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._text: tuple[Span, ...] = ((text, "heading"),)
        self._note: tuple[Span, ...] = ()
        self._bright = False

    def set(self, text: tuple[Span, ...] | None = None, note: tuple[Span, ...] | None = None) -> None:
        """Change the title, the note at the right, or both."""
        text = self._text if text is None else text
        note = self._note if note is None else note
        if (text, note) != (self._text, self._note):
            self._text, self._note = text, note
            self.refresh()

    def set_bright(self, bright: bool) -> None:
        """Say whether the pane has the focus."""
        if bright != self._bright:
            self._bright = bright
            self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        width, base = self.size.width, self.base_style
        rule = "accent" if self._bright else "rule"
        note: list[Span] = [(" ", "text"), *self._note, (" ─", rule)] if self._note else []
        if not any(text for text, _ in self._text):
            rest = width - sum(cell_len(text) for text, _ in note)
            return self.strip_of([("─" * rest, rule), *note], width, base)
        room = max(0, width - 4 - sum(cell_len(text) for text, _ in note))
        title = [(text, tone if self._bright or tone != "heading" else "text") for text, tone in self._text]
        used = min(room, sum(cell_len(text) for text, _ in title))
        spans: list[Span] = [("─ ", rule), *fit(tuple(title), used), (" ", "text")]
        spans.append(("─" * (width - used - 3 - sum(cell_len(text) for text, _ in note)), rule))
        return self.strip_of([*spans, *note], width, base)
