"""What can be done anywhere, and on the screens that lie over the main one."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import APP, Action

SETUP_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "setup.copy-try",
        "1,y",
        "copy try-out",
        "Copy a command that sends one request through.",
        APP,
        show=True,
    ),
    Action(
        "setup.copy-run",
        "2",
        "copy run",
        "Copy a command that starts a program set up.",
        APP,
        show=True,
    ),
    Action(
        "setup.copy-browser",
        "3",
        "copy address",
        "Copy the address that installs the CA.",
        APP,
        show=True,
    ),
    Action("setup.close", "escape,q", "back", "Close the card.", APP, show=True),
)

HELP_ACTIONS: Final[tuple[Action, ...]] = (
    Action("help.close", "escape,question_mark,q", "back", "Close the help.", APP, show=True),
)

APP_ACTIONS: Final[tuple[Action, ...]] = (
    Action("app.help", "question_mark", "help", "Show every key of the focused pane.", APP, show=True),
    Action("app.commands", "ctrl+p", "commands", "Find any command by name.", APP, show=True, priority=True),
    Action("app.setup", "S", "set-up", "Show how to send traffic through the proxy.", APP),
    Action("app.jump", "ctrl+o", "jump", "Show a letter over everything that can be clicked.", APP),
    Action(
        "app.theme",
        "ctrl+t",
        "colours",
        "Change the colours: dark, light, high contrast, the terminal's own.",
        APP,
    ),
    Action(
        "app.quit",
        "q,ctrl+c,ctrl+q",
        "quit",
        "Stop the proxy: let open flows end for some seconds, then leave. Press again to leave at once.",
        APP,
        show=True,
    ),
)
