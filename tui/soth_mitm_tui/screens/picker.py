"""A short list to choose one thing from, by letter, by cursor or by mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.columns import fit
from soth_mitm_tui.widgets.line_scroll import LineScroll
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.strip import Strip


class Choice(NamedTuple):
    """One thing to choose."""

    id: str
    letter: str
    label: str
    sign: str = " "
    tone: str = "text"


class PickerList(LineScroll):
    """The choices, with a cursor."""

    PANE: ClassVar[str] = "picker"
    BINDINGS = bindings("picker")

    title = "The choices"

    class Chosen(Message):
        """One was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    class Closed(Message):
        """None was chosen."""

    def __init__(self, choices: list[Choice], current: str) -> None:
        super().__init__()
        self.choices = choices
        self.at = next((at for at, choice in enumerate(choices) if choice.id == current), 0)
        self.styles.height = len(choices)

    def on_mount(self) -> None:
        """Know how many lines there are."""
        self.set_line_count(len(self.choices))

    def on_resize(self) -> None:
        """Have the cursor in sight."""
        self._go(self.at)

    def draw_line(self, y: int) -> Strip:
        """Draw one choice."""
        width = self.size.width
        y += self.top
        if y >= len(self.choices):
            return self.strip_of((), width, self.base_style)
        choice, current = self.choices[y], y == self.at
        spans = (
            ("▸ " if current else "  ", "accent"),
            (choice.letter, "accent"),
            (f"  {choice.sign} ", choice.tone),
            (choice.label, "strong" if current else "text"),
        )
        return self.strip_of(fit(spans, width - 1), width, self.base_style)

    def action_down(self) -> None:
        """Go to the next choice."""
        self._go(self.at + 1)

    def action_up(self) -> None:
        """Go to the choice before."""
        self._go(self.at - 1)

    def _go(self, at: int) -> None:
        self.at = at % len(self.choices)
        self.bring(self.at)
        self.refresh()

    def action_close(self) -> None:
        """Go back, and change nothing."""
        self.post_message(self.Closed())

    def action_choose(self) -> None:
        """Take the choice of the cursor."""
        self.post_message(self.Chosen(self.choices[self.at]))

    def take_letter(self, letter: str | None) -> bool:
        """Take the choice of a letter; return False where there is none."""
        for at, choice in enumerate(self.choices):
            if letter == choice.letter:
                self.at = at
                self.action_choose()
                return True
        return False

    def on_click(self, event: events.Click) -> None:
        """Take the choice under the pointer."""
        if event.y + self.top < len(self.choices):
            self.at = event.y + self.top
            self.action_choose()


class PickerScreen(ModalScreen[None]):
    """Shows choices, and hands the one that is taken to `take`."""

    AUTO_FOCUS = "PickerList"

    def __init__(
        self,
        title: str,
        choices: list[Choice],
        take: Callable[[str], Awaitable[object]],
        *,
        current: str = "",
    ) -> None:
        super().__init__()
        self._title, self._take = title, take
        self.list = PickerList(choices, current)

    def compose(self) -> ComposeResult:
        """Lay out the title and the choices."""
        with Vertical(id="picker"):
            title = PaneTitle(self._title)
            title.set(note=(("esc", "accent"), (" back", "muted")))
            title.set_bright(True)
            yield title
            yield self.list

    def on_key(self, event: events.Key) -> None:
        """A letter takes its choice, even one that was typed before the choices were there."""
        if self.list.take_letter(event.character):
            event.stop()

    async def on_picker_list_chosen(self, event: PickerList.Chosen) -> None:
        """Go back, and do what was chosen."""
        event.stop()
        self.dismiss()
        await self._take(event.choice.id)

    def on_picker_list_closed(self, event: PickerList.Closed) -> None:
        """Go back, and change nothing."""
        event.stop()
        self.dismiss()
