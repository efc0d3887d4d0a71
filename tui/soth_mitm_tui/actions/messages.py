"""What can be done in the list of a flow's messages, in its filter, and while one message is looked at."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import MOVE, VIEW, Action
from soth_mitm_tui.actions.comparing import DIFF_MESSAGE_ACTION

ONE: Final = "This message"

MESSAGES_ACTIONS: Final[tuple[Action, ...]] = (
    Action("messages.open", "enter", "open", "Look at the message.", ONE, show=True),
    Action(
        "messages.filter",
        "slash",
        "filter",
        "Show only messages with a text, a direction, a label, a size or a gap.",
        VIEW,
        show=True,
    ),
    Action("messages.direction", "d", "direction", "Show one direction, the other, or both.", VIEW),
    Action("messages.follow", "f", "follow", "Keep the newest message in sight, or stop.", VIEW, show=True),
    Action("messages.copy", "y", "copy", "Copy the message, or all that are shown.", ONE, show=True),
    DIFF_MESSAGE_ACTION,
    Action("messages.save", "w", "save", "Save the message, or all that are shown.", ONE, show=True),
    Action("messages.down", "j,down", "down", "Go to the next message.", MOVE),
    Action("messages.up", "k,up", "up", "Go to the message before.", MOVE),
    Action("messages.first", "g,home", "first", "Go to the first message.", MOVE),
    Action("messages.last", "G,end", "newest", "Go to the newest message, and follow.", MOVE, show=True),
    Action("messages.half-down", "ctrl+d", "half page down", "Go down half a page.", MOVE),
    Action("messages.half-up", "ctrl+u", "half page up", "Go up half a page.", MOVE),
    Action("messages.page-down", "pagedown,space", "page down", "Go down a page.", MOVE),
    Action("messages.page-up", "pageup", "page up", "Go up a page.", MOVE),
)

MESSAGE_ACTIONS: Final[tuple[Action, ...]] = (
    Action("message.next", "n,right", "next", "Look at the next message that is shown.", MOVE, show=True),
    Action("message.previous", "p,left", "before", "Look at the message before.", MOVE, show=True),
    Action("message.copy", "y", "copy", "Copy what is selected, or choose what to copy.", ONE, show=True),
    Action(
        "message.close",
        "escape",
        "messages",
        "Let go of the selection, leave the search, or go back to the messages.",
        MOVE,
        show=True,
    ),
)

SIFT_ACTIONS: Final[tuple[Action, ...]] = (
    Action("sift.accept", "enter,down", "keep", "Keep the filter and go to the messages.", VIEW, show=True),
    Action("sift.clear", "escape", "clear", "Show all messages again.", VIEW, show=True),
)
