"""Who carries out an action: a desk, or the pane around the focus; and what happens when it fails."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator
from inspect import isawaitable
from typing import TYPE_CHECKING

from soth_mitm.text import printable
from soth_mitm_tui.actions import named
from soth_mitm_tui.screens.main import IN_DETAIL
from soth_mitm_tui.widgets.guarded import Guarded

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.desks.desk import Deed, Desk

_log = logging.getLogger("soth_mitm.app")


class Dispatcher:
    """Finds what carries out an action, and carries it out."""

    def __init__(self, app: SothApp, desks: tuple[Desk, ...]) -> None:
        self._app = app
        self._desks = {action_id: desk for desk in desks for action_id in desk.deeds}

    def perform(self, action_id: str) -> None:
        """Carry out an action, or say why it does not work now. An error shows the pane's card."""
        app = self._app
        reason = self.reason_against(action_id)
        if reason:
            app.notify(printable(reason, 300), severity="warning", markup=False, timeout=3)
            return
        action = named(action_id)
        pane = self._pane(action.pane)
        if action.pane == "detail" and self.focused_pane not in IN_DETAIL and action.verb != "back":
            app.main.show_detail()
        deed = self._deed(action_id) or getattr(pane, f"action_{action.verb}")
        try:
            result = deed()
            if isawaitable(result):
                app.run_worker(self._finish(result, action.label, pane), exit_on_error=False)
        except Exception as error:
            self._failed(action.label, pane, error)

    async def _finish(self, work: Awaitable[object], label: str, pane: object) -> None:
        try:
            await work
        except Exception as error:
            self._failed(label, pane, error)

    def _failed(self, label: str, pane: object, error: Exception) -> None:
        if isinstance(pane, Guarded):
            pane.fail(error)
        else:
            _log.error("an action failed", exc_info=error)
        self._app.notify(printable(f"{label}: {error}", 300), severity="error", markup=False)

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        desk = self._desks.get(action_id)
        if desk is not None:
            return desk.reason_against(action_id)
        pane = self._pane(named(action_id).pane)
        reason = getattr(pane, "reason_against", None)
        return "" if reason is None or pane is self._app else str(reason(action_id))

    def takes(self, action_id: str) -> bool:
        """Whether the pane takes the key of an action, or leaves it to the next one bound to it."""
        takes = getattr(self._pane(named(action_id).pane), "takes", None)
        return True if takes is None else bool(takes(action_id))

    def _deed(self, action_id: str) -> Deed | None:
        desk = self._desks.get(action_id)
        return None if desk is None else desk.deeds[action_id]

    def _pane(self, name: str) -> object:
        """Return what carries out the actions of a pane: the nearest one around the focus, if any."""
        for node in self._around_focus():
            if getattr(node, "PANE", "") == name:
                return node
        return self._app.main.panes.get(name, self._app)

    def _around_focus(self) -> Iterator[object]:
        screen = self._app.screen
        node: DOMNode | None = screen.focused or screen
        while node is not None:
            yield node
            node = node.parent

    @property
    def focused_pane(self) -> str:
        """The name of the pane that has the focus."""
        names = (getattr(node, "PANE", "") for node in self._around_focus())
        return next(filter(None, names), "list")
