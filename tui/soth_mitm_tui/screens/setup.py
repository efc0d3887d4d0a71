"""The set-up card again, over the list, for whoever wants to connect another client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.setup_card import SetupCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.setup import Commands


class SetupScreen(ModalScreen[None]):
    """Shows the set-up card at any time."""

    AUTO_FOCUS = "SetupCard"

    def __init__(self, content: Callable[[], list[Line]], commands: Callable[[], Commands | None]) -> None:
        super().__init__()
        self._content, self._commands = content, commands

    def compose(self) -> ComposeResult:
        """Lay out the title and the card."""
        with Vertical(id="setup"):
            title = PaneTitle("Set-up")
            title.set(note=(("1 2 3", "accent"), (" copy  ", "muted"), ("esc", "accent"), (" back", "muted")))
            title.set_bright(True)
            yield title
            yield SetupCard(self._content, self._commands, standing=False)

    def on_mount(self) -> None:
        """Keep the card up to date."""
        self.set_interval(0.25, self.query_one(SetupCard).update)

    def on_setup_card_closed(self) -> None:
        """Go back."""
        self.dismiss()
