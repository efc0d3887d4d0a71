"""The base of the desks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.screens.main import MainScreen

Deed = Callable[[], Awaitable[object] | object]
"""Carries out an action; what can be awaited goes on in a worker of the app."""


class Desk:
    """Some actions, and what carries them out."""

    def __init__(self, app: SothApp) -> None:
        self.app = app
        self.deeds: dict[str, Deed] = {}
        """What carries out an action, by the action's id."""

    @property
    def main(self) -> MainScreen:
        """The main screen."""
        return self.app.main

    def reason_against(self, action_id: str) -> str:
        """Say why one of the desk's actions does not work now; empty where it does."""
        return ""
