"""What can be done in the filter bar."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import VIEW, Action

FILTER_ACTIONS: Final[tuple[Action, ...]] = (
    Action("filter.accept", "enter,down", "keep", "Keep the filter and go to the list.", VIEW, show=True),
    Action("filter.clear", "escape", "clear", "Clear the filter and go to the list.", VIEW, show=True),
)
