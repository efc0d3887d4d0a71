"""The menu of what can be copied of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.menu import Entry, Menu, OverMenu
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from soth_mitm_tui.app import SothApp


class CopyScreen(OverMenu, ModalScreen[None]):
    """Shows one entry a line; what cannot be copied is dim and says why."""

    PANE: ClassVar[str] = "copy"
    BINDINGS = bindings("copy")
    AUTO_FOCUS = "Menu"
    app: SothApp

    def __init__(self, entries: Sequence[Entry], flow: int) -> None:
        super().__init__()
        self._flow = flow
        first = next((at for at, entry in enumerate(entries) if not entry.reason), 0)
        self.menu = Menu(entries, cursor=first)

    def compose(self) -> ComposeResult:
        """Lay out the title and the entries."""
        with Vertical(id="copy", classes="menu-box"):
            title = PaneTitle(f"Copy of flow #{self._flow}")
            title.set(note=(("esc", "accent"), (" back", "muted")))
            title.set_bright(True)
            yield title
            yield self.menu

    def reason(self, action_id: str) -> str:
        """Say why an entry cannot be chosen."""
        return next((entry.reason for entry in self.menu.entries if entry.id == action_id), "")

    def action_choose(self) -> None:
        """Copy what the cursor is on."""
        if self.menu.current is not None:
            self.app.perform(self.menu.current.id)

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click copies."""
        self.app.perform(event.entry.id)

    def action_close(self) -> None:
        """Copy nothing."""
        self.dismiss()
