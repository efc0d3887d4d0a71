"""The filters that have names."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.menu import Entry, Menu, OverMenu
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.savedfilters import SavedFilters


class SavedScreen(OverMenu, ModalScreen[None]):
    """Lists them; those that are on have a sign."""

    PANE: ClassVar[str] = "saved"
    BINDINGS = bindings("saved")
    AUTO_FOCUS = "Menu"
    app: SothApp

    def __init__(self, filters: SavedFilters) -> None:
        super().__init__()
        self._filters = filters
        self.menu = Menu()
        self.menu.when_empty = (("No filter has a name yet: ctrl+s in the filter bar gives it one", "muted"),)

    def compose(self) -> ComposeResult:
        """Lay out the title and the filters."""
        with Vertical(id="saved", classes="menu-box"):
            title = PaneTitle("Saved filters")
            title.set(
                note=(
                    *(
                        ("enter", "accent"),
                        (" on, off  ", "muted"),
                        ("r", "accent"),
                        (" rename  ", "muted"),
                    ),
                    *(("d", "accent"), (" delete  ", "muted"), ("esc", "accent"), (" back", "muted")),
                )
            )
            title.set_bright(True)
            yield title
            yield self.menu

    def on_mount(self) -> None:
        """Show them."""
        self.update()

    def update(self) -> None:
        """Show them as they are now."""
        filters = self._filters
        self.menu.set_entries(
            [
                Entry(each.name, "●" if each.name in filters.on else "○", each.name, printable(each.text))
                for each in filters.saved
            ]
        )
        self.menu.styles.height = max(1, min(len(filters.saved), 16))

    @property
    def current(self) -> str:
        """The name of the filter under the cursor; empty for none."""
        return self.menu.current.id if self.menu.current is not None else ""

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click puts a filter on or off."""
        event.stop()
        self.app.perform("saved.apply")

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
