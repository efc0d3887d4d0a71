"""The two bars: what the proxy is doing, and what the keys do. Parts of both can be clicked."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from textual.message import Message

from soth_mitm_tui.screens.jump import Target
from soth_mitm_tui.widgets.line_scroll import Toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.actions import Action
    from soth_mitm_tui.lines import Span


class Part(NamedTuple):
    """A piece of a bar; a click on it carries out the action with this id."""

    spans: tuple[Span, ...]
    action: str = ""

    @property
    def width(self) -> int:
        """Cells it takes."""
        return sum(cell_len(text) for text, _ in self.spans)


class Bar(Toned):
    """One line of parts from the left and parts from the right; what does not fit is left out."""

    GAP: ClassVar[int] = 3

    class Chosen(Message):
        """A part was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()
        self._spots: list[tuple[int, int, str]] = []

    def set(self, left: tuple[Part, ...], right: tuple[Part, ...] = ()) -> None:
        """Show these parts, the most important ones first."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        width = self.size.width
        self._spots = []
        right = list(self._right)
        while right and self._width(right) > width // 2:
            right.pop(0)
        room = width - 2 - (self._width(right) + self.GAP if right else 0)
        left: list[Part] = []
        for part in self._left:
            if self._width([*left, part]) <= room:
                left.append(part)
        spans: list[Span] = [(" ", "text")]
        at = self._place(left, 1, spans)
        start = width - 1 - self._width(right)
        spans.append((" " * max(0, start - at), "text"))
        self._place(right, start, spans)
        return self.strip_of(spans, width, self.base_style)

    def _width(self, parts: list[Part]) -> int:
        return sum(part.width for part in parts) + self.GAP * max(0, len(parts) - 1)

    def _place(self, parts: list[Part], at: int, spans: list[Span]) -> int:
        for number, part in enumerate(parts):
            if number:
                spans.append((" " * self.GAP, "text"))
                at += self.GAP
            spans.extend(part.spans)
            self._spots.append((at, at + part.width, part.action))
            at += part.width
        return at

    def jump_targets(self) -> list[Target]:
        """Return the parts that can be clicked."""
        return [
            Target(start, 0, partial(self.post_message, self.Chosen(action)))
            for start, _, action in self._spots
            if action
        ]

    def on_click(self, event: events.Click) -> None:
        """Carry out the action of the part under the pointer."""
        for start, stop, action in self._spots:
            if start <= event.x < stop and action:
                self.post_message(self.Chosen(action))


def key_part(action: Action, *, typing: bool = False, taken: frozenset[str] = frozenset()) -> Part | None:
    """Return the part of the key bar for an action; None where it has no key that works here.

    While text is being typed only control keys work, and no key that is `taken` by the pane.
    """
    keys = [key for key in action.shown_keys if key not in taken and (key.startswith("^") or not typing)]
    return Part(((keys[0], "accent"), (f" {action.label}", "muted")), action.id) if keys else None


class KeyBar(Bar):
    """The keys that work on the focused thing, from the registry."""

    GAP = 2

    def show_actions(
        self, here: Sequence[Action], everywhere: Sequence[Action], *, typing: bool, taken: frozenset[str]
    ) -> None:
        """Show the keys of the pane at the left, those of the app that it has not `taken` at the right."""
        right = (key_part(action, typing=typing, taken=taken) for action in everywhere)
        left = (key_part(action) for action in here)
        self.set(tuple(filter(None, left)), tuple(filter(None, right)))
