"""The tabs of the detail, in one line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from soth_mitm_tui.screens.jump import Target
from soth_mitm_tui.widgets.line_scroll import Toned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span


class Tabs(Toned):
    """A line of names, one of them chosen, and a note at the right."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, names: tuple[str, ...], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.names = names
        self.chosen = 0
        self._note: tuple[Span, ...] = ()

    def choose(self, number: int) -> None:
        """Mark a tab as the chosen one."""
        self.chosen = number
        self.refresh()

    def set_names(self, names: tuple[str, ...]) -> None:
        """Show other tabs."""
        if names != self.names:
            self.names = names
            self.refresh()

    def set_note(self, note: tuple[Span, ...]) -> None:
        """Change the note at the right."""
        if note != self._note:
            self._note = note
            self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        spans: list[Span] = [(" ", "text")]
        for number, name in enumerate(self.names):
            if number == self.chosen:
                spans += [("[", "accent"), (name, "heading"), ("]", "accent")]
            else:
                spans += [(" ", "text"), (name, "muted"), (" ", "text")]
            spans.append((" ", "text"))
        used = sum(len(text) for text, _ in spans)
        note = sum(len(text) for text, _ in self._note)
        if used + note + 1 <= self.size.width:
            spans += [(" " * (self.size.width - used - note - 1), "text"), *self._note]
        return self.strip_of(spans, self.size.width, self.base_style)

    def jump_targets(self) -> Iterator[Target]:
        """Yield the tabs."""
        at = 1
        for number, name in enumerate(self.names):
            yield Target(at, 0, partial(self.post_message, self.Chosen(number)))
            at += len(name) + 3

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the pointer."""
        at = 1
        for number, name in enumerate(self.names):
            if at <= event.x < at + len(name) + 3:
                self.post_message(self.Chosen(number))
                return
            at += len(name) + 3
