"""The search bar of the detail: one line under the viewer, with a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.guarded import Guarded

if TYPE_CHECKING:
    from textual.app import ComposeResult


class SearchBar(Guarded, Horizontal):
    """A line with a field and what was found; hidden while nothing is searched for."""

    class Edited(Message):
        """The text changed."""

    class Accepted(Message):
        """The person is done typing."""

    PANE: ClassVar[str] = "search"
    BINDINGS = bindings("search")
    title = "The search"
    placeholder: ClassVar[str] = "Search in this page · ^r regex"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.field = Input(
            placeholder=self.placeholder,
            compact=True,
            select_on_focus=False,
            id="search-input",
        )
        self._sign = Label("/", id="search-sign", markup=False)
        self._verdict = Label("", id="search-verdict", markup=False)
        self._said = ""

    def compose(self) -> ComposeResult:
        """Lay out the sign, the field and the verdict."""
        yield self._sign
        yield self.field
        yield self._verdict

    @property
    def text(self) -> str:
        """What is typed."""
        return self.field.value

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.has_class("-open")

    def set_text(self, text: str) -> None:
        """Put a text into the field without a word to anyone; an empty one hides the bar."""
        self.set_class(bool(text), "-open")
        with self.prevent(Input.Changed):
            self.field.value = text

    def open(self, *, regex: bool) -> None:
        """Show the bar and put the cursor in it."""
        self.add_class("-open")
        self.set_regex(regex)
        self.field.focus()

    def close(self) -> None:
        """Empty the field and hide the bar."""
        self.remove_class("-open")
        with self.prevent(Input.Changed):
            self.field.value = ""
        self.say("", "")

    def set_regex(self, regex: bool) -> None:
        """Show how the text is taken."""
        self._sign.update("/.*/" if regex else "/")

    def say(self, text: str, tone: str) -> None:
        """Say what was found: `tone` is `good`, `bad` or `muted`."""
        if text != self._said:
            self._verdict.update(text, layout=len(text) != len(self._said))
            self._said = text
        for each in ("good", "bad", "muted"):
            self._verdict.set_class(each == tone, f"-{each}")
        self.set_class(tone == "bad", "-wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Hand the text on to be searched for."""
        event.stop()
        self.post_message(self.Edited())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on in the viewer."""
        event.stop()
        self.post_message(self.Accepted())
