"""What can be done anywhere, and on the screens that lie over the main one."""

from __future__ import annotations

from typing import Final

from soth_mitm_tui.actions.action import APP, MOVE, Action

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

PAGE_ACTIONS: Final[tuple[Action, ...]] = (
    Action("page.close", "escape,q", "back", "Go back.", APP, show=True),
    Action("page.choose", "enter", "show flows", "Show the flows that the line is about.", APP, show=True),
    Action("page.level", "l", "level", "Show the event log from the next level up.", APP),
    Action("page.find", "slash", "find", "Show the lines of the event log that have a text.", APP),
    Action("page.sort", "s", "sort", "Sort the tables of the overview by the next figure.", APP),
    Action("page.down", "j,down", "down", "Go to the next line that leads to flows, or scroll.", MOVE),
    Action("page.up", "k,up", "up", "Go to the line before, or scroll.", MOVE),
    Action("page.first", "g,home", "top", "Go to the top.", MOVE),
    Action("page.last", "G,end", "end", "Go to the end.", MOVE),
    Action("page.page-down", "pagedown,space,ctrl+d", "page down", "Scroll down a page.", MOVE),
    Action("page.page-up", "pageup,ctrl+u", "page up", "Scroll up a page.", MOVE),
)

APP_ACTIONS: Final[tuple[Action, ...]] = (
    Action("app.help", "question_mark", "help", "Show every key of the focused pane.", APP, show=True),
    Action("app.commands", "ctrl+p", "commands", "Find any command by name.", APP, show=True, priority=True),
    Action("app.search", "ctrl+f", "search all", "Search in the bodies of all flows.", APP),
    Action("app.setup", "S", "set-up", "Show how to send traffic through the proxy.", APP),
    Action(
        "app.overview",
        "O",
        "overview",
        "Show rates, outcomes, hosts, slow endpoints and types of the whole run.",
        APP,
    ),
    Action("app.log", "E", "event log", "Show what happened in the run and belongs to no flow.", APP),
    Action("app.limits", "L", "limits", "Show every limit, and what was dropped.", APP),
    Action("app.capture", "P", "pause capture", "Record no flows that begin from now on, or go on.", APP),
    Action("app.doctor", "H", "doctor", "Check the installation, and send requests through a proxy.", APP),
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
