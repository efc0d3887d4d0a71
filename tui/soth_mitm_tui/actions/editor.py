"""What can be done in the editor of a message."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import FLOW, MOVE, VIEW, Action

EDIT: Final = "Edit"
"""A group of actions, for the help."""

EDIT_FLOW_ACTIONS: Final[tuple[Action, ...]] = (
    Action("flow.edit", "e", "edit", "Edit what is paused of this flow.", FLOW, show=True),
)

EDIT_ACTIONS: Final[tuple[Action, ...]] = (
    Action("edit.send", "ctrl+s", "send", "Send the message as it now is.", EDIT, show=True, priority=True),
    Action("edit.keep", "escape", "back", "Go back, and keep the edits for later.", MOVE, show=True),
    Action("edit.next", "f6", "next tab", "Go to the next tab.", MOVE, show=True),
    Action("edit.previous", "f5", "previous tab", "Go to the tab before.", MOVE),
    Action(
        "edit.external",
        "f4",
        "$EDITOR",
        "Open the body in your own editor, or the whole message from a tab of its head.",
        EDIT,
        show=True,
    ),
    Action("edit.answer", "f3", "answer", "Write a response in the place of the server.", EDIT, show=True),
    Action(
        "edit.as-typed",
        "f2",
        "as typed",
        "Send Content-Length, Transfer-Encoding and Content-Encoding as they are typed, or as they fit.",
        EDIT,
        show=True,
    ),
    Action("edit.undo", "f8", "undo edits", "Make all as it was; ctrl+z takes it back.", EDIT, show=True),
    Action("edit.drop", "f9", "drop", "Send nothing on.", EDIT, show=True),
    Action("edit.step-back", "ctrl+z", "step back", "Take back the last change.", EDIT),
    Action("edit.lay-out", "f7", "lay out", "Lay the JSON of the body out over lines.", EDIT),
    Action("edit.copy", "f12", "copy", "Copy what is selected, or the whole message.", EDIT),
    Action("edit.help", "f1", "help", "Show every key of the editor.", VIEW, show=True),
)

GRID_ACTIONS: Final[tuple[Action, ...]] = (
    Action("grid.edit", "enter", "edit", "Edit the name or the value; enter keeps it.", EDIT, show=True),
    Action("grid.add", "n", "new", "Add a row below.", EDIT, show=True),
    Action("grid.remove", "d", "delete", "Delete the row; ctrl+z puts it back.", EDIT, show=True),
    Action("grid.later", "J", "move down", "Move the row down.", EDIT),
    Action("grid.earlier", "K", "move up", "Move the row up.", EDIT),
)
