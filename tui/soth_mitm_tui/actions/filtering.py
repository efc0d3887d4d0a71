"""What can be done in the filter bar, and with the filters that were saved."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import MOVE, VIEW, Action

FILTER_ACTIONS: Final[tuple[Action, ...]] = (
    Action("filter.accept", "enter", "keep", "Keep the filter and go to the list.", VIEW, show=True),
    Action(
        "filter.clear",
        "escape",
        "clear",
        "Close the list of words; stop a search; clear the filter and go to the list.",
        VIEW,
        show=True,
    ),
    Action(
        "filter.complete", "tab", "complete", "Take a word that fits, or show those that do.", VIEW, show=True
    ),
    Action("filter.next", "down", "next", "Go to the next word; without words, to the list.", MOVE),
    Action(
        "filter.previous",
        "up",
        "before",
        "Go to the word before; without words, to what was typed before.",
        MOVE,
    ),
    Action(
        "filter.negate",
        "ctrl+n",
        "negate",
        "Show what the filter hides, and hide what it shows.",
        VIEW,
        show=True,
    ),
    Action("filter.save", "ctrl+s", "save", "Give this filter a name and keep it.", VIEW, show=True),
)

SAVED_ACTIONS: Final[tuple[Action, ...]] = (
    Action("saved.apply", "enter,space", "on or off", "Put this filter on, or off.", VIEW, show=True),
    Action("saved.delete", "d", "delete", "Forget this filter.", VIEW, show=True),
    Action("saved.rename", "r", "rename", "Give this filter another name.", VIEW, show=True),
    Action("saved.down", "j,down", "down", "Go to the next filter.", MOVE),
    Action("saved.up", "k,up", "up", "Go to the filter before.", MOVE),
    Action("saved.close", "escape,q,F", "back", "Go back to the list.", MOVE, show=True),
)
