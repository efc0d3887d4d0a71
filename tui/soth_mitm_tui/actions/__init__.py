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
from soth_mitm_tui.actions.comparing import DIFF_ACTIONS, DIFF_FLOW_ACTIONS
from soth_mitm_tui.actions.copying import COPY_ACTIONS
from soth_mitm_tui.actions.debugger import (
    BREAKPOINT_ACTIONS,
    BREAKPOINTS_ACTIONS,
    DEBUG_APP_ACTIONS,
    DEBUG_FLOW_ACTIONS,
    PAUSED_ACTIONS,
)
from soth_mitm_tui.actions.detail import DETAIL_ACTIONS, SEARCH_ACTIONS
from soth_mitm_tui.actions.editor import EDIT_ACTIONS, EDIT_FLOW_ACTIONS, GRID_ACTIONS
from soth_mitm_tui.actions.filtering import FILTER_ACTIONS, SAVED_ACTIONS
from soth_mitm_tui.actions.flows import (
    COLUMNS_ACTIONS,
    FLOW_ACTIONS,
    LIST_ACTIONS,
    PICKER_ACTIONS,
    PROMPT_ACTIONS,
)
from soth_mitm_tui.actions.general import APP_ACTIONS, HELP_ACTIONS, PAGE_ACTIONS, SETUP_ACTIONS
from soth_mitm_tui.actions.messages import MESSAGE_ACTIONS, MESSAGES_ACTIONS, SIFT_ACTIONS
from soth_mitm_tui.actions.registry import Registry
from soth_mitm_tui.actions.replaying import (
    COMPOSE_ACTIONS,
    REPLAY_APP_ACTIONS,
    REPLAY_FLOW_ACTIONS,
    RESULTS_ACTIONS,
    SEVERAL_ACTIONS,
)
from soth_mitm_tui.actions.rules import RULE_ACTIONS, RULES_ACTIONS, RULES_FLOW_ACTIONS
from soth_mitm_tui.actions.saving import SAVE_ACTIONS

__all__ = ["ACTIONS", "DEFAULT", "PANES", "Action", "Registry", "bindings", "named", "of_pane"]

ACTIONS: Final[tuple[Action, ...]] = (
    *LIST_ACTIONS,
    *FLOW_ACTIONS,
    *REPLAY_FLOW_ACTIONS,
    *DIFF_FLOW_ACTIONS,
    *DEBUG_FLOW_ACTIONS,
    *RULES_FLOW_ACTIONS,
    *EDIT_FLOW_ACTIONS,
    *PAUSED_ACTIONS,
    *FILTER_ACTIONS,
    *DETAIL_ACTIONS,
    *SEARCH_ACTIONS,
    *MESSAGES_ACTIONS,
    *MESSAGE_ACTIONS,
    *SIFT_ACTIONS,
    *SAVED_ACTIONS,
    *COPY_ACTIONS,
    *SAVE_ACTIONS,
    *SETUP_ACTIONS,
    *PAGE_ACTIONS,
    *HELP_ACTIONS,
    *COLUMNS_ACTIONS,
    *PICKER_ACTIONS,
    *PROMPT_ACTIONS,
    *BREAKPOINTS_ACTIONS,
    *BREAKPOINT_ACTIONS,
    *RULES_ACTIONS,
    *RULE_ACTIONS,
    *EDIT_ACTIONS,
    *GRID_ACTIONS,
    *DIFF_ACTIONS,
    *SEVERAL_ACTIONS,
    *RESULTS_ACTIONS,
    *COMPOSE_ACTIONS,
    *APP_ACTIONS,
    *DEBUG_APP_ACTIONS,
    *REPLAY_APP_ACTIONS,
)

PANES: Final = {
    "list": "Flows",
    "flow": "A flow, in the list and in the detail",
    "paused": "Paused messages",
    "filter": "Filter",
    "detail": "Flow",
    "search": "Search",
    "messages": "Messages of a flow",
    "message": "One message",
    "sift": "Filter over messages",
    "saved": "Saved filters",
    "copy": "Copy",
    "save": "Save",
    "setup": "Set-up",
    "page": "Overview, event log, limits",
    "help": "Help",
    "columns": "Columns",
    "picker": "Choices",
    "prompt": "A line of text",
    "breakpoints": "Breakpoints",
    "breakpoint": "A breakpoint",
    "rules": "Rules",
    "rule": "A rule",
    "edit": "The editor",
    "grid": "Rows of the editor",
    "diff": "A comparison",
    "several": "Replay several times",
    "results": "The results of a replay",
    "compose": "A new request",
    "app": "Everywhere",
}
"""Names of the panes, for the help."""

_ALWAYS: Final = ("ctrl+c", "ctrl+q")

DEFAULT: Final = Registry(ACTIONS)
"""The registry with its own keys."""


def of_pane(pane: str) -> tuple[Action, ...]:
    """Return the actions that work in a pane, in the order of the registry."""
    return DEFAULT.of_pane(pane)


def named(action_id: str) -> Action:
    """Return the action with this id; raises KeyError for one that does not exist."""
    return DEFAULT.named(action_id)


def bindings(pane: str) -> list[BindingType]:
    """Return the key bindings of a pane's widget; each carries its action's id, for a keymap."""
    return [
        Binding(
            keys,
            f"app.perform({action.id!r})",
            action.label,
            show=False,
            tooltip=action.help,
            id=action.id,
            priority=action.priority or keys in _ALWAYS,
        )
        for action in of_pane(pane)
        for keys in _parts(action.keys)
    ]


def _parts(keys: str) -> list[str]:
    """Return the keys of an action as one, apart from those that work even while text is being typed."""
    usual = ",".join(key for key in keys.split(",") if key and key not in _ALWAYS)
    return [part for part in (usual, *(key for key in keys.split(",") if key in _ALWAYS)) if part]
