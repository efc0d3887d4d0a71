"""Jump mode: a letter over everything that can be clicked; the letter does what the click would."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from textual.screen import ModalScreen
from textual.widgets import Label

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Offset

LETTERS: Final = "asdfghjklqwertyuiopzxcvbnm1234567890"
"""In the order in which they are given away; what comes after the last one gets none."""


class Target(NamedTuple):
    """A place, in cells from the widget's own corner, and what a click there would do."""

    x: int
    y: int
    act: Callable[[], object]


@runtime_checkable
class Jumpable(Protocol):
    """A widget with places to jump to."""

    def jump_targets(self) -> Iterable[Target]:
        """Return the places that are in sight now."""
        ...


class JumpScreen(ModalScreen[Callable[[], object] | None]):
    """Shows the letters; the result is what the chosen one does, None for any other key."""

    def __init__(self, spots: Iterable[tuple[Offset, Callable[[], object]]]) -> None:
        super().__init__()
        self._acts: dict[str, Callable[[], object]] = {}
        self._labels: list[Label] = []
        taken: set[Offset] = set()
        for spot, act in spots:
            if len(self._acts) == len(LETTERS) or spot in taken:
                continue
            taken.add(spot)
            letter = LETTERS[len(self._acts)]
            self._acts[letter] = act
            label = Label(letter, classes="jump", markup=False)
            label.absolute_offset = spot
            self._labels.append(label)

    def compose(self) -> ComposeResult:
        """Put the letters where their places are."""
        yield from self._labels

    def on_key(self, event: events.Key) -> None:
        """Take the letter; any other key leaves."""
        event.stop()
        event.prevent_default()
        self.dismiss(self._acts.get(event.character or ""))

    def on_click(self) -> None:
        """A click leaves."""
        self.dismiss(None)
