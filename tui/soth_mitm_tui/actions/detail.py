"""What can be done in the detail of a flow, and while something is searched for in it."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import MOVE, VIEW, Action

TEXT: Final = "In the text"

DETAIL_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "detail.back",
        "escape",
        "back",
        "Let go of the selection, leave the search, or go back to the list.",
        MOVE,
        show=True,
    ),
    Action("detail.leave", "q", "back", "Go back to the list; while the proxy stops, leave at once.", MOVE),
    Action(
        "detail.next-tab", "right_square_bracket", "next tab", "Show the tab to the right.", VIEW, show=True
    ),
    Action("detail.previous-tab", "left_square_bracket", "tab before", "Show the tab to the left.", VIEW),
    Action("detail.overview", "1", "overview", "Show what happened, why, and on which connections.", VIEW),
    Action("detail.request", "2", "request", "Show the request.", VIEW),
    Action("detail.response", "3", "response", "Show the response.", VIEW),
    Action("detail.timing", "4", "timing", "Show when things happened, and how the bodies came.", VIEW),
    Action("detail.raw", "5", "raw", "Show heads and bodies as they came.", VIEW),
    Action("detail.messages", "6", "messages", "Show the messages within a stream, as they come.", VIEW),
    Action(
        "detail.search",
        "slash",
        "search",
        "Search in what is shown, all of it; n and N go on and back.",
        TEXT,
        show=True,
    ),
    Action("detail.next-match", "n", "next match", "Go to the next match.", TEXT),
    Action("detail.previous-match", "N", "match before", "Go to the match before.", TEXT),
    Action(
        "detail.mode", "v", "view", "Show the body as text made readable, raw text, or hex.", VIEW, show=True
    ),
    Action(
        "detail.decoder",
        "c",
        "show as",
        "Choose what the body is shown as, here or for its type.",
        VIEW,
    ),
    Action(
        "detail.fold", "enter,z", "fold", "Open or close what the current line stands for.", TEXT, show=True
    ),
    Action("detail.fold-all", "Z", "fold all", "Close all below the top of a tree, or open it all.", TEXT),
    Action("detail.force", "p", "force pretty", "Lay out even a body that is too large for it.", VIEW),
    Action("detail.wrap", "w", "wrap", "Let long lines go on below, or run to the side.", VIEW),
    Action("detail.left", "h,left", "left", "Go to the left, where lines are not wrapped.", MOVE),
    Action("detail.right", "l,right", "right", "Go to the right, where lines are not wrapped.", MOVE),
    Action(
        "detail.sort",
        "o",
        "sort headers",
        "Show the headers by name, or in the order in which they came.",
        VIEW,
    ),
    Action("detail.secrets", "U", "secrets", "Show secrets in the open, or mask them.", VIEW),
    Action(
        "detail.only",
        "equals_sign",
        "only these",
        "Show only the flows that have the header or the status of this line.",
        TEXT,
    ),
    Action(
        "detail.without",
        "exclamation_mark",
        "without these",
        "Leave out the flows that have the header or the status of this line.",
        TEXT,
    ),
    Action("detail.select", "V", "select", "Begin to select lines, or stop; y copies them.", TEXT),
    Action("detail.select-down", "shift+down", "select down", "Select the next line as well.", TEXT),
    Action("detail.select-up", "shift+up", "select up", "Select the line before as well.", TEXT),
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
    Action("detail.down", "j,down", "down", "Go to the next line.", MOVE),
    Action("detail.up", "k,up", "up", "Go to the line before.", MOVE),
    Action("detail.first", "g,home", "top", "Go to the top.", MOVE),
    Action("detail.last", "G,end", "end", "Go to the end, and stay there while it grows.", MOVE),
    Action("detail.half-down", "ctrl+d", "half page down", "Go down half a page.", MOVE),
    Action("detail.half-up", "ctrl+u", "half page up", "Go up half a page.", MOVE),
    Action("detail.page-down", "pagedown,space", "page down", "Go down a page.", MOVE),
    Action("detail.page-up", "pageup", "page up", "Go up a page.", MOVE),
    Action("detail.next-section", "right_curly_bracket", "next section", "Go to the next heading.", MOVE),
    Action(
        "detail.previous-section", "left_curly_bracket", "section before", "Go to the heading before.", MOVE
    ),
)

SEARCH_ACTIONS: Final[tuple[Action, ...]] = (
    Action("search.accept", "enter", "go on", "Go on in the text, at the match.", TEXT, show=True),
    Action("search.next", "down", "next match", "Go to the next match.", TEXT, show=True),
    Action("search.previous", "up", "match before", "Go to the match before.", TEXT),
    Action(
        "search.regex",
        "ctrl+r",
        "regex",
        "Take the text as a regular expression, or as it stands.",
        TEXT,
        show=True,
    ),
    Action(
        "search.cancel",
        "escape",
        "leave",
        "Stop searching; again, go back to where it began.",
        TEXT,
        show=True,
    ),
)
