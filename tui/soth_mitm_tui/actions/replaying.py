"""What can be done to send requests again, and to see what came of it."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import APP, FLOW, MOVE, VIEW, Action

REPLAY_FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "flow.replay",
        "r",
        "replay",
        "Send this flow's request again, as a row of its own; of a marked flow, all marked ones if you like.",
        FLOW,
        show=True,
    ),
    Action(
        "flow.replay-several",
        "ctrl+r",
        "replay several times",
        "Send this flow's request again elsewhere, a number of times, some at once, and compare the answers; "
        "of a marked flow, those of all marked ones.",
        FLOW,
    ),
    Action(
        "flow.edit-replay",
        "R",
        "edit, replay",
        "Edit this flow's request, and send it as a row of its own.",
        FLOW,
    ),
    Action(
        "flow.counterpart",
        "percent_sign",
        "original",
        "Go from a replay to its original, and back.",
        FLOW,
    ),
)

RESULTS: Final = "Replays"

REPLAY_APP_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "app.compose",
        "N",
        "new request",
        "Write a request, from a pasted curl command, an address or nothing, and send it.",
        APP,
    ),
    Action("app.results", "ctrl+l", "results", "Show what came of the last replay of several.", APP),
)

SEVERAL_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "several.send", "ctrl+s", "send", "Send, and show what comes back.", VIEW, show=True, priority=True
    ),
    Action("several.switch", "space", "tick", "Tick the line, or take its tick away.", VIEW, show=True),
    Action("several.down", "down", "down", "Go to the next field.", MOVE),
    Action("several.up", "up", "up", "Go to the field before.", MOVE),
    Action("several.close", "escape", "back", "Go back, and send nothing.", MOVE, show=True),
)

RESULTS_ACTIONS: Final[tuple[Action, ...]] = (
    Action("results.open", "enter", "open", "Look at the row of this time.", RESULTS, show=True),
    Action(
        "results.diff",
        "D",
        "compare",
        "Compare this time with what it was sent again of.",
        RESULTS,
        show=True,
    ),
    Action("results.cancel", "X", "stop", "Send no more, and cut what is under way.", RESULTS, show=True),
    Action("results.again", "r", "again", "Send all of it once more.", RESULTS, show=True),
    Action("results.down", "j,down", "down", "Go to the next time.", MOVE),
    Action("results.up", "k,up", "up", "Go to the time before.", MOVE),
    Action("results.page-down", "pagedown,space,ctrl+d", "page down", "Go down a page.", MOVE),
    Action("results.page-up", "pageup,ctrl+u", "page up", "Go up a page.", MOVE),
    Action("results.first", "g,home", "first", "Go to the first time.", MOVE),
    Action("results.last", "G,end", "last", "Go to the last time.", MOVE),
    Action("results.close", "escape,q", "back", "Go back; what is under way goes on.", MOVE, show=True),
)

COMPOSE_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "compose.edit",
        "ctrl+s",
        "edit",
        "Go on with the request in the editor; enter does as well.",
        VIEW,
        show=True,
        priority=True,
    ),
    Action(
        "compose.send", "ctrl+r", "send now", "Send the request as it is.", VIEW, show=True, priority=True
    ),
    Action("compose.close", "escape", "back", "Go back, and send nothing.", MOVE, show=True, priority=True),
)
