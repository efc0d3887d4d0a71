"""What a key does elsewhere, told when it is pressed: once where it does something here, else each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from soth_mitm_tui.mitmproxy import difference, hint

if TYPE_CHECKING:
    from soth_mitm_tui.actions import Action, Registry
    from soth_mitm_tui.state import State

MOST: Final = 100
"""Keys that are remembered as told."""


class Hints:
    """Says what whoever comes from mitmproxy needs to know about a key."""

    def __init__(self, state: State, registry: Registry, *, say: Callable[[str], object]) -> None:
        self._state, self._registry, self._say = state, registry, say
        self._key = ""
        self._told: list[str] = state.get_as("hints", "told", list[str], [])[:MOST]

    def pressed(self, key: str) -> None:
        """Take note of a key, before anything is done by it."""
        self._key = key

    def done(self, action: Action) -> None:
        """The key has carried out an action; tell the difference, if there is one, for the first time."""
        key, self._key = self._key, ""
        said = difference(key, action.label, self._registry)
        if said and key not in self._told:
            self._told.append(key)
            self._state.set("hints", "told", self._told)
            self._say(said)

    def unknown(self) -> bool:
        """The key does nothing here; return whether there was something to say."""
        key, self._key = self._key, ""
        said = hint(key, self._registry)
        if said:
            self._say(said)
        return bool(said)
