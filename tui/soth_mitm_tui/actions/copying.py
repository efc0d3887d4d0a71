"""What can be copied, one action for each entry of the menu, and what the menu itself can do."""

from __future__ import annotations

from typing import Final

from soth_mitm.export.copying import COPY_KINDS
from soth_mitm_tui.actions.action import FLOW, MOVE, Action

COPY_ACTIONS: Final[tuple[Action, ...]] = (
    *(
        Action(
            f"copy.{kind.id.replace('_', '-')}", kind.key, f"copy {kind.label}", f"{kind.explanation}.", FLOW
        )
        for kind in COPY_KINDS
    ),
    Action("copy.choose", "enter", "copy", "Copy what the cursor is on.", FLOW, show=True),
    Action("copy.down", "down,j", "down", "Go to the next entry.", MOVE),
    Action("copy.up", "up,k", "up", "Go to the entry before.", MOVE),
    Action("copy.close", "escape,q,y", "back", "Copy nothing.", MOVE, show=True),
)
"""In the palette, those with a kind work without the menu."""
