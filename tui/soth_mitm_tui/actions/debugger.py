"""What can be done to messages on their way: breakpoints, and what they have stopped."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import APP, MOVE, VIEW, Action

DEBUG: Final = "Breakpoints"
"""A group of actions, for the help."""

DEBUG_FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "flow.resume", "a", "resume", "Send on what is paused of this flow, with its edits.", DEBUG, show=True
    ),
    Action("flow.more-time", "plus", "more time", "Give what is paused of this flow another minute.", DEBUG),
    Action(
        "flow.break",
        "b",
        "break on this",
        "Set a breakpoint for messages like this flow's: by method, host and path.",
        DEBUG,
    ),
)

DEBUG_APP_ACTIONS: Final[tuple[Action, ...]] = (
    Action("app.resume-all", "A", "resume all", "Send on everything that is paused, with its edits.", APP),
    Action(
        "app.pause-everything",
        "i",
        "pause everything",
        "Stop every request and response, or only those that breakpoints name.",
        APP,
    ),
    Action("app.breakpoints", "B", "breakpoints, rules", "Show the breakpoints and the rules.", APP),
    Action("app.paused", "p", "paused", "Go to the messages that are paused, or back.", APP),
)

PAUSED_ACTIONS: Final[tuple[Action, ...]] = (
    Action("paused.resume", "a", "resume", "Send the message on, with its edits.", DEBUG, show=True),
    Action("paused.original", "o", "as it was", "Send the message on as it came.", DEBUG, show=True),
    Action(
        "paused.drop",
        "X",
        "drop",
        "Send nothing on: both sides of the exchange are closed, a message of a stream is left out.",
        DEBUG,
        show=True,
    ),
    Action("paused.edit", "e", "edit", "Edit the message.", DEBUG, show=True),
    Action("paused.answer", "w", "answer", "Write a response in the place of the server.", DEBUG, show=True),
    Action("paused.undo", "u", "undo edits", "Take the edits of the message back.", DEBUG, show=True),
    Action("paused.more-time", "plus", "more time", "Give the message another minute.", DEBUG, show=True),
    Action("paused.open", "enter", "look", "Look at the flow of the message.", DEBUG, show=True),
    Action("paused.down", "j,down", "down", "Go to the next paused message.", MOVE),
    Action("paused.up", "k,up", "up", "Go to the paused message before.", MOVE),
    Action("paused.close", "escape,p", "back", "Go back to the list.", MOVE, show=True),
)

BREAKPOINTS_ACTIONS: Final[tuple[Action, ...]] = (
    Action("breakpoints.switch", "space", "on or off", "Switch the breakpoint on or off.", DEBUG, show=True),
    Action("breakpoints.add", "n", "new", "Set another breakpoint.", DEBUG, show=True),
    Action("breakpoints.edit", "enter,e", "change", "Change the breakpoint.", DEBUG, show=True),
    Action("breakpoints.delete", "d", "delete", "Delete the breakpoint.", DEBUG, show=True),
    Action("breakpoints.undo", "u", "undo", "Put back what was deleted last.", DEBUG),
    Action("breakpoints.later", "J,shift+down", "move down", "Ask the breakpoint later.", DEBUG),
    Action("breakpoints.earlier", "K,shift+up", "move up", "Ask the breakpoint earlier.", DEBUG),
    Action("breakpoints.tab", "tab", "rules", "Show the rules.", DEBUG, show=True),
    Action("breakpoints.down", "j,down", "down", "Go to the next breakpoint.", MOVE),
    Action("breakpoints.up", "k,up", "up", "Go to the breakpoint before.", MOVE),
    Action("breakpoints.close", "escape,q,B", "back", "Go back.", MOVE, show=True),
)

BREAKPOINT_ACTIONS: Final[tuple[Action, ...]] = (
    Action("breakpoint.keep", "ctrl+s", "keep", "Keep the breakpoint.", VIEW, show=True, priority=True),
    Action("breakpoint.switch", "space", "tick", "Tick the line, or take its tick away.", VIEW, show=True),
    Action("breakpoint.down", "j,down", "down", "Go to the next line.", MOVE),
    Action("breakpoint.up", "k,up", "up", "Go to the line before.", MOVE),
    Action("breakpoint.close", "escape", "back", "Go back, and change nothing.", MOVE, show=True),
)
