"""The dialog that saves: where to, and what."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.menu import Entry, Menu
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.scopes import Scope


class SaveScreen(ModalScreen[None]):
    """A field for the path, what can be saved, and a line that says what will happen, or happens."""

    PANE: ClassVar[str] = "save"
    BINDINGS = bindings("save")
    AUTO_FOCUS = "#save-path"
    app: SothApp

    class Edited(Message):
        """Path or scope changed."""

    def __init__(self, scopes: Sequence[Scope], chosen: int) -> None:
        super().__init__()
        self.scopes = list(scopes)
        self.menu = Menu([_entry(scope) for scope in scopes], cursor=chosen)
        self.field = Input(
            scopes[chosen].name, compact=True, select_on_focus=False, id="save-path", placeholder="a path"
        )
        self.said = ""
        """What stands in the verdict."""
        self._proposed = scopes[chosen].name
        self._verdict = Label("", id="save-verdict", markup=False)
        self._others = Label("", id="save-others", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out title, field, verdict and scopes."""
        with Vertical(id="save", classes="menu-box"):
            title = PaneTitle("Save")
            title.set(
                note=(
                    *(("enter", "accent"), (" save  ", "muted")),
                    *(("↑↓", "accent"), (" what  ", "muted")),
                    *(("tab", "accent"), (" complete  ", "muted")),
                    *(("esc", "accent"), (" back", "muted")),
                )
            )
            title.set_bright(True)
            yield title
            yield self.field
            yield self._verdict
            yield self._others
            yield self.menu

    def on_mount(self) -> None:
        """Judge what is proposed."""
        self.menu.can_focus = False
        self.menu.styles.height = len(self.scopes)
        self.post_message(self.Edited())

    @property
    def scope(self) -> Scope:
        """What is to be saved."""
        return self.scopes[self.menu.cursor]

    def say(self, text: str, tone: str) -> None:
        """Say what will happen, or what is wrong: `tone` is `good`, `warn`, `bad` or `muted`."""
        self.said = printable(text, 600)
        self._verdict.update(self.said)
        for each in ("good", "warn", "bad", "muted"):
            self._verdict.set_class(each == tone, f"-{each}")

    def show_others(self, names: Sequence[str]) -> None:
        """Show what else a path could go on with."""
        shown = [printable(name, 40) for name in names[:12]]
        more = f"  … {len(names) - 12:,} more" if len(names) > 12 else ""
        self._others.update("  ".join(shown) + more)
        self._others.display = bool(names)

    def choose(self, position: int) -> None:
        """Take another scope; a name that was proposed follows it."""
        self.menu.go(position)
        if self.field.value == self._proposed and self.scope.name:
            self._proposed = self.field.value = self.scope.name
            self.field.cursor_position = len(self._proposed)
        self.post_message(self.Edited())

    def set_path(self, text: str) -> None:
        """Put a path into the field."""
        self.field.value = text
        self.field.cursor_position = len(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Judge the path as it is typed."""
        event.stop()
        self.show_others(())
        self.post_message(self.Edited())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter saves."""
        event.stop()
        self.app.perform("save.save")

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click takes a scope."""
        event.stop()
        self.choose(self.menu.cursor)

    def on_save_screen_edited(self) -> None:
        """Say what will happen."""
        self.app.saving.judge()


def _entry(scope: Scope) -> Entry:
    return Entry(scope.id, "", scope.label, scope.note, scope.reason)
