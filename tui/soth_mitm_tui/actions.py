"""The one registry of what a person can do: bindings, key bar, help and palette are built from it.

An action's `id` is `pane.verb`; the pane's widget has a method `action_verb` for it. A pane may say
why an action does not work right now (`reason_against`); its key is then left out of the key bar,
and pressing it shows the reason.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from textual.binding import Binding, BindingType


class Action(NamedTuple):
    """One thing a person can do, and the keys for it."""

    id: str
    keys: str
    """Comma-separated, in Textual's names; the first one is the one that is shown."""
    label: str
    """A word or two for the key bar."""
    help: str
    group: str
    show: bool = False
    """Whether the key bar has it."""
    priority: bool = False
    """Whether it works even while text is being typed."""

    @property
    def pane(self) -> str:
        """The pane that carries it out."""
        return self.id.partition(".")[0]

    @property
    def verb(self) -> str:
        """The name of the method, after `action_`."""
        return self.id.partition(".")[2].replace("-", "_")

    @property
    def shown_keys(self) -> tuple[str, ...]:
        """The keys as a person reads them."""
        return tuple(_READABLE.get(key, key.replace("ctrl+", "^")) for key in self.keys.split(","))


_READABLE: Final = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "backslash": "\\",
}

_MOVE, _FLOW, _VIEW, _APP = "Move", "This flow", "What is shown", "App"

ACTIONS: Final[tuple[Action, ...]] = (
    # --- the flow list
    Action("list.open", "enter", "open", "Look at the selected flow.", _FLOW, show=True),
    Action(
        "list.filter",
        "slash",
        "filter",
        "Show only the flows that have all the words you type.",
        _VIEW,
        show=True,
    ),
    Action(
        "list.follow", "f", "follow", "Keep the newest flow in sight, or stop doing so.", _VIEW, show=True
    ),
    Action("list.copy-url", "y", "copy URL", "Copy the URL of the selected flow.", _FLOW, show=True),
    Action(
        "list.kill",
        "X",
        "end flow",
        "End the selected flow now: both of its sides are closed.",
        _FLOW,
        show=True,
    ),
    Action("list.down", "j,down", "down", "Select the next flow.", _MOVE),
    Action("list.up", "k,up", "up", "Select the flow before.", _MOVE),
    Action("list.first", "g,home", "oldest", "Select the oldest flow.", _MOVE),
    Action("list.last", "G,end", "newest", "Select the newest flow, and follow.", _MOVE, show=True),
    Action("list.half-down", "ctrl+d", "half page down", "Go down half a page.", _MOVE),
    Action("list.half-up", "ctrl+u", "half page up", "Go up half a page.", _MOVE),
    Action("list.page-down", "pagedown", "page down", "Go down a page.", _MOVE),
    Action("list.page-up", "pageup", "page up", "Go up a page.", _MOVE),
    Action("list.clear", "escape", "clear filter", "Show all flows again.", _VIEW, show=True),
    Action("list.overview", "1", "overview", "Show the overview in the detail.", _VIEW),
    Action("list.request", "2", "request", "Show the request in the detail.", _VIEW),
    Action("list.response", "3", "response", "Show the response in the detail.", _VIEW),
    # --- the filter bar
    Action("filter.accept", "enter,down", "keep", "Keep the filter and go to the list.", _VIEW, show=True),
    Action("filter.clear", "escape", "clear", "Clear the filter and go to the list.", _VIEW, show=True),
    # --- the detail
    Action("detail.back", "escape", "back", "Go back to the list.", _MOVE, show=True),
    Action("detail.leave", "q", "back", "Go back to the list; while the proxy stops, leave at once.", _MOVE),
    Action(
        "detail.next-tab", "right_square_bracket", "next tab", "Show the tab to the right.", _VIEW, show=True
    ),
    Action("detail.previous-tab", "left_square_bracket", "tab before", "Show the tab to the left.", _VIEW),
    Action("detail.overview", "1", "overview", "Show what happened, why, and on which connections.", _VIEW),
    Action("detail.request", "2", "request", "Show the request.", _VIEW),
    Action("detail.response", "3", "response", "Show the response.", _VIEW),
    Action(
        "detail.mode", "v", "view", "Show the body as text made readable, raw text, or hex.", _VIEW, show=True
    ),
    Action(
        "detail.zoom",
        "backslash",
        "zoom",
        "Give this pane the whole screen, or give it back.",
        _VIEW,
        show=True,
    ),
    Action("detail.next-flow", "J", "next flow", "Look at the next flow.", _MOVE, show=True),
    Action("detail.previous-flow", "K", "flow before", "Look at the flow before.", _MOVE),
    Action("detail.copy-url", "y", "copy URL", "Copy the URL of this flow.", _FLOW, show=True),
    Action(
        "detail.kill", "X", "end flow", "End this flow now: both of its sides are closed.", _FLOW, show=True
    ),
    Action("detail.down", "j,down", "down", "Scroll down a line.", _MOVE),
    Action("detail.up", "k,up", "up", "Scroll up a line.", _MOVE),
    Action("detail.first", "g,home", "top", "Go to the top.", _MOVE),
    Action("detail.last", "G,end", "end", "Go to the end, and stay there while it grows.", _MOVE),
    Action("detail.half-down", "ctrl+d", "half page down", "Scroll down half a page.", _MOVE),
    Action("detail.half-up", "ctrl+u", "half page up", "Scroll up half a page.", _MOVE),
    Action("detail.page-down", "pagedown,space", "page down", "Scroll down a page.", _MOVE),
    Action("detail.page-up", "pageup", "page up", "Scroll up a page.", _MOVE),
    # --- the set-up card
    Action(
        "setup.copy-try",
        "1,y",
        "copy try-out",
        "Copy a command that sends one request through.",
        _APP,
        show=True,
    ),
    Action(
        "setup.copy-run",
        "2",
        "copy run",
        "Copy a command that starts a program set up.",
        _APP,
        show=True,
    ),
    Action(
        "setup.copy-browser",
        "3",
        "copy address",
        "Copy the address that installs the CA.",
        _APP,
        show=True,
    ),
    Action("setup.close", "escape,q", "back", "Close the card.", _APP, show=True),
    # --- help
    Action("help.close", "escape,question_mark,q", "back", "Close the help.", _APP, show=True),
    # --- everywhere
    Action("app.help", "question_mark", "help", "Show every key of the focused pane.", _APP, show=True),
    Action("app.commands", "ctrl+p", "commands", "Find any command by name.", _APP, show=True, priority=True),
    Action("app.setup", "S", "set-up", "Show how to send traffic through the proxy.", _APP),
    Action("app.theme", "ctrl+t", "light or dark", "Change between the light and the dark theme.", _APP),
    Action(
        "app.quit",
        "q,ctrl+c,ctrl+q",
        "quit",
        "Stop the proxy: let open flows end for some seconds, then leave. Press again to leave at once.",
        _APP,
        show=True,
    ),
)

PANES: Final = {
    "list": "Flows",
    "filter": "Filter",
    "detail": "Flow",
    "setup": "Set-up",
    "help": "Help",
    "app": "Everywhere",
}
"""Names of the panes, for the help."""


def of_pane(pane: str) -> list[Action]:
    """Return the actions of a pane, in the order of the registry."""
    return [action for action in ACTIONS if action.pane == pane]


def named(action_id: str) -> Action:
    """Return the action with this id; raises KeyError for one that does not exist."""
    for action in ACTIONS:
        if action.id == action_id:
            return action
    raise KeyError(action_id)


def bindings(pane: str) -> list[BindingType]:
    """Return the key bindings of a pane's widget; each carries its action's id, for a keymap."""
    return [
        Binding(
            key,
            action.verb,
            action.label,
            show=False,
            tooltip=action.help,
            id=action.id if number == 0 else f"{action.id}.{number}",
            priority=action.priority or key in ("ctrl+c", "ctrl+q"),
        )
        for action in of_pane(pane)
        for number, key in enumerate(action.keys.split(","))
    ]
