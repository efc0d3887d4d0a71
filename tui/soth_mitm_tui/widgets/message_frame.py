"""The viewer and its search, with keys of its own while one message is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

from soth_mitm_tui.actions import bindings

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from soth_mitm_tui.viewers.viewer import Viewer
    from soth_mitm_tui.widgets.search_bar import SearchBar


class MessageFrame(Vertical):
    """A pane only while it is `active`: on other pages the keys are the detail's alone."""

    BINDINGS = bindings("message")

    def __init__(self, text: Viewer, search: SearchBar, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._text, self._search = text, search
        self.active = False
        """Whether a message is looked at."""

    def compose(self) -> ComposeResult:
        """Lay out the viewer and the search under it."""
        yield self._text
        yield self._search

    @property
    def PANE(self) -> str:
        """The name of the pane; empty while it is none."""
        return "message" if self.active else ""

    def takes(self, action_id: str) -> bool:
        """Whether a key is for the message; n and N are for the matches while something is searched for."""
        return self.active and not (self._search.is_open and action_id != "message.close")
