"""The filter bar: what is typed is judged at once, in words and in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Horizontal, Vertical
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import Input, Label

from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.bars import Bar, Part
from soth_mitm_tui.widgets.guarded import Guarded
from soth_mitm_tui.widgets.menu import Entry, Menu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

    from soth_mitm.policy.filters import Completion

WORDS_WIDE: Final = 76
WORDS_HIGH: Final = 8
_TONES: Final = ("good", "bad", "muted")


class FilterInput(Input):
    """The field to type in."""

    class Moved(Message):
        """The cursor is elsewhere."""

    def validate_value(self, value: str) -> str:
        """Show what is pasted as it is drawn: a character that acts has no width to count on."""
        return value if value.isprintable() else printable(value)

    def watch_cursor_position(self, before: int, after: int) -> None:
        """Other words fit elsewhere."""
        if before != after:
            self.post_message(self.Moved())


class Words(Menu):
    """What could be typed next, each with what it means."""

    title = "The list of words"

    def __init__(self) -> None:
        super().__init__()
        self.can_focus = False
        self.completions: list[Completion] = []
        self.moved = False
        """Whether a person has gone to one of them, so that enter takes it."""

    @property
    def is_open(self) -> bool:
        """Whether they are shown."""
        return bool(self.display)

    def show(self, completions: Sequence[Completion], at: Offset) -> None:
        """Show words below a place, or nothing where there are none."""
        self.completions, self.moved = list(completions), False
        self.display = bool(completions)
        if not completions:
            return
        screen = self.app.size
        width = min(WORDS_WIDE, screen.width)
        self.styles.width, self.styles.height = width, min(len(completions), WORDS_HIGH)
        self.absolute_offset = Offset(max(0, min(at.x, screen.width - width)), at.y)
        self.cursor = 0
        self.set_entries([Entry(each.insert, "", each.insert, printable(each.words)) for each in completions])

    def step(self, step: int) -> None:
        """Go to another word."""
        self.go((self.cursor + step) % len(self.completions) if self.moved or step < 0 else 0)
        self.moved = True


class FilterBar(Guarded, Vertical):
    """A field and a verdict, a line that explains them, and chips of saved filters; hidden without any."""

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
            placeholder="words · host: path: status:5xx type: size:>1m body: · !not · and or () · /regex/",
            compact=True,
            select_on_focus=False,
            id="filter-input",
        )
        self._said = ""
        self._chips: tuple[str, ...] = ()
        self.sign = Label("/", id="filter-sign", markup=False)
        self.chips = Bar(id="filter-chips")
        self.verdict = Label("", id="filter-verdict", markup=False)
        self.meaning = Label("", id="filter-meaning", markup=False)
        self.words = Words()

    def compose(self) -> ComposeResult:
        """Lay out the line to type in, and the one that explains it."""
        with Horizontal(id="filter-line"):
            yield self.sign
            yield self.chips
            yield self.field
            yield self.verdict
        yield self.meaning
        yield self.words

    def on_mount(self) -> None:
        """Begin without words."""
        self.words.display = self.meaning.display = self.chips.display = False

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
        self.field.cursor_position = len(text)

    def reset(self) -> None:
        """Empty the field, and hide the bar where it has no chips."""
        self.set_class(bool(self._chips), "-open")
        with self.prevent(Input.Changed):
            self.field.value = ""
        self.words.display = False
        self.set_verdict("", "")
        self.explain("")

    # --- what is said

    def set_verdict(self, text: str, tone: str) -> None:
        """Say how the filter is: `tone` is `good`, `bad` or `muted`."""
        label = self.verdict
        if text != self._said:
            # A layout of the screen costs more than all the rest of a keypress.
            label.update(text, layout=len(text) != len(self._said))
            self._said = text
        for each in _TONES:
            label.set_class(each == tone, f"-{each}")
        self.set_class(tone == "bad", "-wrong")

    def explain(self, text: str, *, wrong: bool = False) -> None:
        """Say what the filter means, or what is wrong with it; nothing takes no room."""
        self.meaning.update(text)
        self.meaning.set_class(wrong, "-bad")
        self.meaning.display = bool(text)

    def set_off(self, off: bool) -> None:
        """Show whether the filter is switched off."""
        self.sign.update("○" if off else "/")
        self.set_class(off, "-off")

    def set_chips(self, names: tuple[str, ...]) -> None:
        """Show the saved filters that are on; a click on one opens the list of them."""
        self._chips = names
        parts = tuple(Part(((f"[{printable(name, 24)}]", "accent"),), "list.saved-filters") for name in names)
        self.chips.GAP = 1  # type: ignore[misc]
        self.chips.set(parts)
        self.chips.display = bool(names)
        self.chips.styles.width = sum(part.width + 1 for part in parts) + 2
        if names:
            self.add_class("-open")
        elif not (self.text.strip() or self.field.has_focus):
            self.remove_class("-open")

    # --- words

    def offer(self, completions: Sequence[Completion]) -> None:
        """Show words below what is being typed."""
        field = self.field
        start = completions[0].start if completions else 0
        x = field.region.x + start - round(field.scroll_offset.x) - 2
        self.words.show(completions, Offset(x, self.region.bottom))

    def take(self) -> None:
        """Put the word under the cursor into the text."""
        words, text = self.words, self.text
        if not words.is_open or words.cursor >= len(words.completions):
            return
        chosen = words.completions[words.cursor]
        self.field.value = text[: chosen.start] + chosen.insert + text[chosen.end :]
        self.field.cursor_position = chosen.start + len(chosen.insert)

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click on a word takes it."""
        event.stop()
        self.take()
        self.field.focus()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Words are for whoever is typing."""
        self.words.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Hand the text on to be judged."""
        event.stop()
        self.post_message(self.Edited(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes the word that was gone to, or keeps the filter."""
        event.stop()
        if self.words.is_open and self.words.moved:
            self.take()
        else:
            self.post_message(self.Accepted())
