"""The one registry of what a person can do: bindings, key bar, help, palette and docs are built from it.

An action is carried out by `App.perform`, whatever asked for it: a key, a click, the palette. It is
done by the method `action_<verb>` of the pane's widget, or by a desk (`desks`) where it takes more
than one pane. Both may say why it does not work right now (`reason_against`); its key is then left
out of the key bar, and pressing it shows the reason.
"""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

from soth_mitm_tui.actions.action import Action
from soth_mitm_tui.actions.detail import DETAIL_ACTIONS
from soth_mitm_tui.actions.filtering import FILTER_ACTIONS
from soth_mitm_tui.actions.flows import FLOW_ACTIONS, LIST_ACTIONS
from soth_mitm_tui.actions.general import APP_ACTIONS, HELP_ACTIONS, SETUP_ACTIONS

__all__ = ["ACTIONS", "PANES", "Action", "bindings", "named", "of_pane"]

ACTIONS: Final[tuple[Action, ...]] = (
    *LIST_ACTIONS,
    *FLOW_ACTIONS,
    *FILTER_ACTIONS,
    *DETAIL_ACTIONS,
    *SETUP_ACTIONS,
    *HELP_ACTIONS,
    *APP_ACTIONS,
)

PANES: Final = {
    "list": "Flows",
    "flow": "A flow, in the list and in the detail",
    "filter": "Filter",
    "detail": "Flow",
    "setup": "Set-up",
    "help": "Help",
    "app": "Everywhere",
}
"""Names of the panes, for the help."""

_WITH_FLOW: Final = ("list", "detail")

_BY_ID: Final = {action.id: action for action in ACTIONS}


def of_pane(pane: str) -> list[Action]:
    """Return the actions that work in a pane, in the order of the registry."""
    own = ("flow", pane) if pane in _WITH_FLOW else (pane,)
    return [action for action in ACTIONS if action.pane in own]


def named(action_id: str) -> Action:
    """Return the action with this id; raises KeyError for one that does not exist."""
    return _BY_ID[action_id]


def bindings(pane: str) -> list[BindingType]:
    """Return the key bindings of a pane's widget; each carries its action's id, for a keymap."""
    return [
        Binding(
            key,
            f"app.perform({action.id!r})",
            action.label,
            show=False,
            tooltip=action.help,
            id=action.id if number == 0 else f"{action.id}.{number}",
            priority=action.priority or key in ("ctrl+c", "ctrl+q"),
        )
        for action in of_pane(pane)
        for number, key in enumerate(action.keys.split(","))
        if key
    ]
