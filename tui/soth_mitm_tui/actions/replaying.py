"""What can be done to send requests again, and to see what came of it."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import FLOW, Action

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
        "flow.counterpart",
        "percent_sign",
        "original",
        "Go from a replay to its original, and back.",
        FLOW,
    ),
)
