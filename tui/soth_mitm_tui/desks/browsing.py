"""Going from the list into a flow and back, between tabs, and from flow to flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.desks.viewing import NO_MESSAGES
from soth_mitm_tui.screens.columns import ColumnsScreen
from soth_mitm_tui.viewers.pages import MESSAGES

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp


class Browsing(Desk):
    """Moves the focus between the panes."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "list.open": self._open,
            "list.columns": lambda: self.app.push_screen(ColumnsScreen(self.main.list)),
            "list.overview": lambda: self._tab(0),
            "list.request": lambda: self._tab(1),
            "list.response": lambda: self._tab(2),
            "list.messages": lambda: self._tab(MESSAGES),
            "detail.back": self._back,
            "detail.leave": self._leave,
            "detail.zoom": lambda: self.main.zoom(),
            "detail.next-flow": lambda: self.main.list.step(1),
            "detail.previous-flow": lambda: self.main.list.step(-1),
        }

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to open."""
        if action_id == "list.open" and not self.main.list.cursor:
            return "No flow is selected"
        if action_id == "list.messages" and not self.main.detail.has_messages:
            return NO_MESSAGES
        return ""

    def _open(self) -> None:
        if not self.main.list.group_toggled():
            self.main.open()

    def _tab(self, tab: int) -> None:
        self.main.detail.show_tab(tab)
        if self.main.narrow:
            self.main.open()

    def _back(self) -> None:
        if not self.main.detail.step_out():
            self.main.show_list()

    def _leave(self) -> None:
        if self.main.draining:
            self.app.perform("app.quit")
        else:
            self.main.show_list()
