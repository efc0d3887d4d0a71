"""The actions with the keys of one run: those of the registry, as far as the person has not changed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from soth_mitm_tui.actions.action import Action

WITH_FLOW: Final = ("list", "detail")
"""Panes in which the actions on a flow work."""


class Registry:
    """Looks actions up by id and by pane."""

    def __init__(self, actions: tuple[Action, ...], keys: Mapping[str, str] | None = None) -> None:
        """Take the actions, with other `keys` for some ids; an empty one leaves an action without a key."""
        changed = keys or {}
        self.actions = tuple(
            action._replace(keys=changed[action.id]) if action.id in changed else action for action in actions
        )
        self._of_pane: dict[str, tuple[Action, ...]] = {}
        self._by_id = {action.id: action for action in self.actions}

    def of_pane(self, pane: str) -> tuple[Action, ...]:
        """Return the actions that work in a pane, in the order of the registry."""
        found = self._of_pane.get(pane)
        if found is None:
            own = ("flow", pane) if pane in WITH_FLOW else (pane,)
            found = tuple(action for action in self.actions if action.pane in own)
            self._of_pane[pane] = found
        return found

    def shown(self, pane: str) -> tuple[Action, ...]:
        """Return those of a pane that a key bar shows."""
        return tuple(action for action in self.of_pane(pane) if action.show)

    def named(self, action_id: str) -> Action:
        """Return the action with this id; raises KeyError for one that does not exist."""
        return self._by_id[action_id]

    def __contains__(self, action_id: object) -> bool:
        """Whether there is an action with this id."""
        return action_id in self._by_id
