"""One of a few values, all of them in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from soth_mitm_tui.widgets.line_scroll import Toned

if TYPE_CHECKING:
    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span


class ChoiceField(Toned, can_focus=True):
    """Shows values with the chosen one in brackets; a click or `step` takes another."""

    title = "The choice"

    class Changed(Message):
        """Another value was taken."""

    def __init__(self, choices: tuple[str, ...], value: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.choices = choices
        self.value = value if value in choices else choices[0]

    def step(self) -> None:
        """Take the next value."""
        self.take(self.choices[(self.choices.index(self.value) + 1) % len(self.choices)])

    def take(self, value: str) -> None:
        """Take a value."""
        self.value = value
        self.refresh()
        self.post_message(self.Changed())

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        spans: list[Span] = []
        for choice in self.choices:
            if choice == self.value:
                spans += [("[", "accent"), (choice, "strong" if self.has_focus else "text"), ("]", "accent")]
            else:
                spans.append((f" {choice} ", "muted"))
        return self.strip_of(spans, self.size.width, self.base_style)

    def on_click(self, event: events.Click) -> None:
        """Take the value under the pointer."""
        at = 0
        for choice in self.choices:
            if at <= event.x < at + len(choice) + 2:
                self.take(choice)
            at += len(choice) + 2

    def watch_has_focus(self, has_focus: bool) -> None:
        """Draw again."""
        self.refresh()
