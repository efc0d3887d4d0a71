"""What can be done in the dialog that saves."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import APP, MOVE, Action

SAVE_ACTIONS: Final[tuple[Action, ...]] = (
    Action("save.save", "enter", "save", "Save; once more overwrites a file that is there.", APP, show=True),
    Action("save.complete", "tab", "complete", "Complete the name that is being typed.", APP, show=True),
    Action("save.down", "down", "next", "Save the next of these instead.", MOVE),
    Action("save.up", "up", "before", "Save the one before instead.", MOVE),
    Action("save.close", "escape", "back", "Stop a save that goes on, or save nothing.", APP, show=True),
)
