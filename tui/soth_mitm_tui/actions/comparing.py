"""What can be done to compare flows and messages, and in a comparison."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import FLOW, MOVE, VIEW, Action

DIFF_FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "flow.diff",
        "D",
        "compare",
        "Compare a replay with its original, a changed flow with what came, both marked flows, or any two: "
        "the first D picks one, the second compares.",
        FLOW,
        show=True,
    ),
    Action(
        "flow.turn",
        "t",
        "turn before",
        "Compare this call of a language model with the turn before; of a WebSocket, its last two turns.",
        FLOW,
    ),
    Action(
        "flow.turn-after",
        "ctrl+n",
        "turn after",
        "Compare this call of a language model with the turn after, which has the results of its tools.",
        FLOW,
    ),
)

DIFF_MESSAGE_ACTION: Final = Action(
    "messages.diff",
    "D",
    "compare",
    "Compare a message that was changed or dropped with what came, or any two: the first D picks one.",
    "This message",
)

DIFF_ACTIONS: Final[tuple[Action, ...]] = (
    Action("diff.next", "n,right_curly_bracket", "next", "Go to the next difference.", MOVE, show=True),
    Action(
        "diff.previous", "N,left_curly_bracket", "before", "Go to the difference before.", MOVE, show=True
    ),
    Action(
        "diff.noise",
        "i",
        "noise",
        "Count dates, ids and what else may differ as differences, or leave them out.",
        VIEW,
        show=True,
    ),
    Action(
        "diff.side",
        "s",
        "side by side",
        "Show both sides beside each other, or one below the other.",
        VIEW,
        show=True,
    ),
    Action("diff.all", "a", "all fields", "Show fields that are the same, or count them.", VIEW, show=True),
    Action("diff.copy", "y", "copy", "Copy the differences as text.", VIEW, show=True),
    Action("diff.down", "j,down", "down", "Scroll down.", MOVE),
    Action("diff.up", "k,up", "up", "Scroll up.", MOVE),
    Action("diff.page-down", "pagedown,space,ctrl+d", "page down", "Scroll down a page.", MOVE),
    Action("diff.page-up", "pageup,ctrl+u", "page up", "Scroll up a page.", MOVE),
    Action("diff.first", "g,home", "top", "Go to the top.", MOVE),
    Action("diff.last", "G,end", "end", "Go to the end.", MOVE),
    Action("diff.close", "escape,q,D", "back", "Go back.", MOVE, show=True),
)
