"""What can be done in the flow list, and to a flow wherever it is shown."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import FLOW, MOVE, VIEW, Action

FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action("flow.copy-url", "y", "copy URL", "Copy the URL of this flow.", FLOW, show=True),
    Action("flow.kill", "X", "end flow", "End this flow now: both of its sides are closed.", FLOW, show=True),
)

LIST_ACTIONS: Final[tuple[Action, ...]] = (
    Action("list.open", "enter", "open", "Look at the selected flow.", FLOW, show=True),
    Action(
        "list.filter",
        "slash",
        "filter",
        "Show only the flows that have all the words you type.",
        VIEW,
        show=True,
    ),
    Action("list.follow", "f", "follow", "Keep the newest flow in sight, or stop doing so.", VIEW, show=True),
    Action(
        "list.sort",
        "s",
        "sort",
        "Sort by the column of the cell cursor; again turns the order round, a "
        "third time goes back to the order of arrival.",
        VIEW,
        show=True,
    ),
    Action(
        "list.group",
        "v",
        "group",
        "Group the flows by host, by client, by connection, or not at all.",
        VIEW,
        show=True,
    ),
    Action("list.fold", "z", "fold", "Fold the group of the cursor, or unfold it.", VIEW, show=True),
    Action("list.fold-all", "Z", "fold all", "Fold every group, or unfold them all.", VIEW),
    Action("list.left", "h,left", "column left", "Move the cell cursor to the column on the left.", MOVE),
    Action("list.right", "l,right", "column right", "Move the cell cursor to the column on the right.", MOVE),
    Action(
        "list.narrower", "less_than_sign", "narrower", "Make the column of the cell cursor narrower.", VIEW
    ),
    Action("list.wider", "greater_than_sign", "wider", "Make the column of the cell cursor wider.", VIEW),
    Action("list.down", "j,down", "down", "Select the next flow.", MOVE),
    Action("list.up", "k,up", "up", "Select the flow before.", MOVE),
    Action("list.first", "g,home", "oldest", "Select the oldest flow.", MOVE),
    Action("list.last", "G,end", "newest", "Select the newest flow, and follow.", MOVE, show=True),
    Action("list.half-down", "ctrl+d", "half page down", "Go down half a page.", MOVE),
    Action("list.half-up", "ctrl+u", "half page up", "Go up half a page.", MOVE),
    Action("list.page-down", "pagedown", "page down", "Go down a page.", MOVE),
    Action("list.page-up", "pageup", "page up", "Go up a page.", MOVE),
    Action("list.clear", "escape", "clear filter", "Show all flows again.", VIEW, show=True),
    Action("list.overview", "1", "overview", "Show the overview in the detail.", VIEW),
    Action("list.request", "2", "request", "Show the request in the detail.", VIEW),
    Action("list.response", "3", "response", "Show the response in the detail.", VIEW),
)
