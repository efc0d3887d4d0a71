"""Filters with names: giving one, putting them on and off, changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.prompt import PromptScreen
from soth_mitm_tui.screens.saved import SavedScreen

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.savedfilters import SavedFilters


class SavedDesk(Desk):
    """Keeps filters and lists them."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "filter.save": self._name,
            "list.saved-filters": lambda: self.app.push_screen(SavedScreen(self.filters)),
            "saved.apply": self._toggle,
            "saved.delete": self._delete,
            "saved.rename": self._rename,
        }

    @property
    def filters(self) -> SavedFilters:
        """The filters."""
        return self.app.filtering.saved

    @property
    def _screen(self) -> SavedScreen | None:
        screen = self.app.screen
        return screen if isinstance(screen, SavedScreen) else None

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to keep, or to change."""
        if action_id == "filter.save":
            text = self.main.filter.text.strip()
            if not text:
                return "Type a filter first"
            try:
                compile_filter(text)
            except FilterError as error:
                return f"This filter is not valid yet: {error.message}"
        if action_id.startswith("saved.") and (self._screen is None or not self._screen.current):
            return "No filter has a name yet"
        return ""

    def _name(self) -> None:
        text = self.main.filter.text.strip()

        async def take(name: str) -> None:
            kept = self.filters.add(name, text)
            self.filters.remember(text)
            if kept not in self.filters.on:
                self.filters.toggle(kept)
            self.main.filter.field.value = ""
            self._changed()

        self.app.push_screen(PromptScreen("Name of this filter", take, note="F lists the filters with names"))

    def _toggle(self) -> None:
        if self._screen is not None:
            self.filters.toggle(self._screen.current)
            self._changed()

    def _delete(self) -> None:
        if self._screen is not None:
            self.filters.delete(self._screen.current)
            self._changed()

    def _rename(self) -> None:
        before = self._screen.current if self._screen is not None else ""

        async def take(name: str) -> None:
            self.filters.rename(before, name)
            self.app.call_later(self._changed)

        self.app.push_screen(PromptScreen("Another name", take, text=before))

    def _changed(self) -> None:
        self.main.filter.set_chips(tuple(self.filters.on))
        self.app.filtering.judge()
        for screen in self.app.screen_stack:
            if isinstance(screen, SavedScreen):
                screen.update()
