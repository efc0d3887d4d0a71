"""What can be done in the flow list, and to a flow wherever it is shown."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import FLOW, MOVE, VIEW, Action

FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "flow.copy",
        "y",
        "copy",
        "Copy what is selected, or choose what to copy of this flow.",
        FLOW,
        show=True,
    ),
    Action("flow.copy-again", "Y", "copy again", "Copy of this flow what was copied last.", FLOW),
    Action("flow.save", "ctrl+s", "save", "Save this flow, others, or a body to a file.", FLOW),
    Action("flow.mark", "m", "mark", "Mark this flow, or take its mark away.", FLOW, show=True),
    Action("flow.marker", "M", "colour", "Give this flow a colour, a mark of your own, or none.", FLOW),
    Action("flow.comment", "semicolon", "comment", "Write a comment on this flow.", FLOW),
    Action(
        "flow.intercept-again",
        "T",
        "intercept again",
        "Intercept this host again, which passes through because clients refused the certificate.",
        FLOW,
    ),
    Action(
        "flow.probe",
        "ctrl+k",
        "ask the server",
        "Ask this flow's server for its trust, its chain and its proofs: OCSP staple, transparency.",
        FLOW,
    ),
    Action("flow.kill", "X", "end flow", "End this flow now: both of its sides are closed.", FLOW, show=True),
)

LIST_ACTIONS: Final[tuple[Action, ...]] = (
    Action("list.open", "enter", "open", "Look at the selected flow.", FLOW, show=True),
    Action(
        "list.filter",
        "slash",
        "filter",
        "Show only the flows that you ask for, by words, fields, states, headers and bodies.",
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
    Action("list.columns", "c", "columns", "Choose the columns, their order and their widths.", VIEW),
    Action(
        "list.only",
        "equals_sign",
        "only this",
        "Show only the flows that have the value under the cell cursor.",
        VIEW,
    ),
    Action(
        "list.without",
        "exclamation_mark",
        "without this",
        "Leave out the flows that have the value under the cell cursor.",
        VIEW,
    ),
    Action("list.mark-next", "space", "mark, next", "Mark the flow, or take its mark away, and go on.", FLOW),
    Action("list.next-marked", "apostrophe", "next marked", "Select the next marked flow.", MOVE),
    Action("list.previous-marked", "quotation_mark", "marked before", "Select the marked flow before.", MOVE),
    Action("list.delete", "d", "delete", "Take the flow, or the whole group, out of the list.", FLOW),
    Action("list.undo", "u", "undo", "Put back what was deleted last.", FLOW),
    Action(
        "list.group",
        "v",
        "group",
        "Group the flows by host, by client, by program, by connection, or not at all.",
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
    Action("list.filter-off", "ctrl+e", "filter off", "Switch the filter off, or on again.", VIEW),
    Action("list.saved-filters", "F", "saved filters", "Choose among the filters with names.", VIEW),
    Action("list.save", "w", "save", "Save flows or a body to a file.", VIEW, show=True),
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
    Action("list.messages", "6", "messages", "Show the messages within a stream in the detail.", VIEW),
)

COLUMNS_ACTIONS: Final[tuple[Action, ...]] = (
    Action("columns.switch", "space,enter", "on or off", "Show the column, or hide it.", VIEW, show=True),
    Action("columns.later", "J,shift+down", "move down", "Move the column to the right.", VIEW, show=True),
    Action("columns.earlier", "K,shift+up", "move up", "Move the column to the left.", VIEW),
    Action("columns.narrower", "less_than_sign", "narrower", "Make the column narrower.", VIEW),
    Action("columns.wider", "greater_than_sign", "wider", "Make the column wider.", VIEW),
    Action("columns.reset", "r", "reset", "Go back to the columns that the app chooses.", VIEW),
    Action("columns.down", "j,down", "down", "Go to the next column.", MOVE),
    Action("columns.up", "k,up", "up", "Go to the column before.", MOVE),
    Action("columns.close", "escape,q,c", "back", "Go back to the list.", MOVE, show=True),
)

PICKER_ACTIONS: Final[tuple[Action, ...]] = (
    Action("picker.choose", "enter", "choose", "Take the choice under the cursor.", VIEW, show=True),
    Action("picker.down", "j,down", "down", "Go to the next choice.", MOVE),
    Action("picker.up", "k,up", "up", "Go to the choice before.", MOVE),
    Action("picker.close", "escape,q", "back", "Go back, and change nothing.", MOVE, show=True),
)

PROMPT_ACTIONS: Final[tuple[Action, ...]] = (
    Action("prompt.close", "escape", "back", "Go back, and change nothing.", MOVE, show=True),
)
