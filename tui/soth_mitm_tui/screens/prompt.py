"""One line of text from a person: a comment, a mark, a name. What is wrong is said beside what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual import events
    from textual.app import ComposeResult


class PromptScreen(ModalScreen[None]):
    """Asks for a line of text and hands it to `take`; closes once that does not raise."""

    PANE: ClassVar[str] = "prompt"
    BINDINGS = bindings("prompt")
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        take: Callable[[str], Awaitable[object]],
        *,
        text: str = "",
        placeholder: str = "",
        note: str = "",
    ) -> None:
        super().__init__()
        self._title, self._take, self._note = title, take, note
        self.field = Input(text, placeholder=placeholder, select_on_focus=False, compact=True)
        self._verdict = Label(note, markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the title, the field, and the place for what is wrong."""
        with Vertical(id="prompt"):
            title = PaneTitle(self._title)
            title.set(note=(("enter", "accent"), (" keep  ", "muted"), ("esc", "accent"), (" back", "muted")))
            title.set_bright(True)
            yield title
            yield self.field
            yield self._verdict

    def on_key(self, event: events.Key) -> None:
        """Take what was typed before the field had the focus."""
        if event.is_printable and event.character and not self.field.has_focus:
            self.field.insert_text_at_cursor(event.character)
            event.stop()

    def on_input_changed(self) -> None:
        """What was wrong may be right now."""
        self._verdict.update(self._note)
        self._verdict.remove_class("-wrong")

    async def on_input_submitted(self) -> None:
        """Hand over what is typed."""
        try:
            await self._take(self.field.value)
        except Exception as error:
            self._verdict.update(printable(str(error), 400))
            self._verdict.add_class("-wrong")
        else:
            self.dismiss()

    def action_close(self) -> None:
        """Go back, and change nothing."""
        self.dismiss()
