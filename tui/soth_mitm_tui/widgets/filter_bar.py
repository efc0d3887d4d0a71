"""The filter bar: what is typed is judged at once, in words and in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.guarded import Guarded

if TYPE_CHECKING:
    from textual.app import ComposeResult


class FilterInput(Input):
    """The field to type in."""


class FilterBar(Guarded, Horizontal):
    """A line with a field and a verdict; hidden while there is no filter."""

    class Edited(Message):
        """The text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Accepted(Message):
        """The person is done typing."""

    PANE: ClassVar[str] = "filter"
    BINDINGS = bindings("filter")
    title = "The filter"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.field = FilterInput(
            placeholder="words of method, status, host, path, type, outcome · !not · /regex/",
            compact=True,
            select_on_focus=False,
            id="filter-input",
        )
        self._said = ""
        self.verdict = Label("", id="filter-verdict", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out the sign, the field and the verdict."""
        yield Label("/", id="filter-sign", markup=False)
        yield self.field
        yield self.verdict

    @property
    def text(self) -> str:
        """What is typed."""
        return self.field.value

    def open(self) -> None:
        """Show the bar and put the cursor in it."""
        self.add_class("-open")
        self.field.focus()

    def put(self, text: str) -> None:
        """Show the bar with a text, and leave the focus where it is."""
        self.add_class("-open")
        self.field.value = text

    def reset(self) -> None:
        """Empty the field and hide the bar."""
        self.remove_class("-open")
        with self.prevent(Input.Changed):
            self.field.value = ""
        self.set_verdict("", "")

    def set_verdict(self, text: str, tone: str) -> None:
        """Say how the filter is: `tone` is `good`, `bad` or `muted`."""
        label = self.verdict
        if text != self._said:
            # A layout of the screen costs more than all the rest of a keypress.
            label.update(text, layout=len(text) != len(self._said))
            self._said = text
        for each in ("good", "bad", "muted"):
            label.set_class(each == tone, f"-{each}")
        self.set_class(tone == "bad", "-wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Hand the text on to be judged."""
        event.stop()
        self.post_message(self.Edited(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter."""
        event.stop()
        self.post_message(self.Accepted())
