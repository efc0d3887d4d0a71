"""What works everywhere: help, palette, set-up card, themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.help import HelpScreen
from soth_mitm_tui.screens.setup import SetupScreen
from soth_mitm_tui.themes import NAMES, following

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp


class General(Desk):
    """Acts on the app as a whole."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "app.help": self._help,
            "app.commands": app.action_command_palette,
            "app.setup": self._setup,
            "app.theme": self._theme,
            "app.capture": self._capture,
        }

    def reason_against(self, action_id: str) -> str:
        """Say what a file has not."""
        if action_id == "app.setup" and self.app.read_only:
            return "This is a file: no proxy runs here to be set up"
        if action_id == "app.capture" and self.app.read_only:
            return "This is a file: nothing is captured here"
        return ""

    def _help(self) -> None:
        self.app.push_screen(
            HelpScreen(self.app.focused_pane, self.app.registry, problems=self.app.keymap.problems)
        )

    def _setup(self) -> None:
        main = self.main
        if main.has_class("-empty"):
            main.card.focus()
        else:
            self.app.push_screen(SetupScreen(main.setup_lines, main.commands))

    async def _capture(self) -> None:
        on = not self.app.store.index.session.capturing
        await self.app.control.capture(on)
        said = "Capture goes on" if on else "Capture is paused: flows that begin now pass unrecorded"
        self.app.notify(said, markup=False, timeout=3)

    def _theme(self) -> None:
        theme = following(self.app.theme, no_color=self.app.no_color)
        self.app.theme = theme.name
        self.app.state.set("look", "theme", theme.name)
        self.app.notify(f"Colours: {NAMES[theme.name]}", markup=False, timeout=2)
