"""What can be done in the detail of a flow."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import MOVE, VIEW, Action

DETAIL_ACTIONS: Final[tuple[Action, ...]] = (
    Action("detail.back", "escape", "back", "Go back to the list.", MOVE, show=True),
    Action("detail.leave", "q", "back", "Go back to the list; while the proxy stops, leave at once.", MOVE),
    Action(
        "detail.next-tab", "right_square_bracket", "next tab", "Show the tab to the right.", VIEW, show=True
    ),
    Action("detail.previous-tab", "left_square_bracket", "tab before", "Show the tab to the left.", VIEW),
    Action("detail.overview", "1", "overview", "Show what happened, why, and on which connections.", VIEW),
    Action("detail.request", "2", "request", "Show the request.", VIEW),
    Action("detail.response", "3", "response", "Show the response.", VIEW),
    Action(
        "detail.mode", "v", "view", "Show the body as text made readable, raw text, or hex.", VIEW, show=True
    ),
    Action(
        "detail.zoom",
        "backslash",
        "zoom",
        "Give this pane the whole screen, or give it back.",
        VIEW,
        show=True,
    ),
    Action("detail.next-flow", "J", "next flow", "Look at the next flow.", MOVE, show=True),
    Action("detail.previous-flow", "K", "flow before", "Look at the flow before.", MOVE),
    Action("detail.down", "j,down", "down", "Scroll down a line.", MOVE),
    Action("detail.up", "k,up", "up", "Scroll up a line.", MOVE),
    Action("detail.first", "g,home", "top", "Go to the top.", MOVE),
    Action("detail.last", "G,end", "end", "Go to the end, and stay there while it grows.", MOVE),
    Action("detail.half-down", "ctrl+d", "half page down", "Scroll down half a page.", MOVE),
    Action("detail.half-up", "ctrl+u", "half page up", "Scroll up half a page.", MOVE),
    Action("detail.page-down", "pagedown,space", "page down", "Scroll down a page.", MOVE),
    Action("detail.page-up", "pageup", "page up", "Scroll up a page.", MOVE),
)
