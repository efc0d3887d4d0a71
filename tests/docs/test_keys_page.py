"""docs/keys.md lists every action of the app's registry, with its keys.

To write it anew: `python tests/docs/test_keys_page.py > docs/keys.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from soth_mitm_tui.actions import ACTIONS

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"
PANES = {
    "list": "The flow list",
    "flow": "A flow, in the list and in its detail",
    "paused": "The paused messages",
    "filter": "The filter",
    "detail": "The detail of a flow",
    "search": "The search in a flow",
    "messages": "The messages of a flow",
    "message": "One message, besides the keys of a flow",
    "sift": "The filter over messages",
    "saved": "The filters with names",
    "copy": "The menu that copies",
    "save": "The dialog that saves",
    "setup": "The set-up card",
    "page": "Overview, event log, limits",
    "help": "The help",
    "columns": "The columns",
    "picker": "A list of choices",
    "prompt": "A line of text",
    "breakpoints": "The breakpoints",
    "rules": "The rules",
    "rule": "One rule",
    "breakpoint": "A breakpoint",
    "edit": "The editor of a message",
    "grid": "The rows of the editor: header fields, query, form, cookies",
    "diff": "A comparison",
    "several": "The dialog that replays several times",
    "results": "The results of a replay",
    "compose": "The dialog of a new request",
    "app": "Everywhere",
}
HEAD = """\
# Keys

What each key does, pane by pane. `?` shows the keys of the pane that has the focus, `ctrl+p` finds any
action by its words. `^x` is ctrl+x. Everything can be done with the mouse, too: a click selects, opens and
switches tabs, the wheel scrolls; `ctrl+o` shows a letter over everything that can be clicked.

## Your own keys

`keys.toml` in the configuration directory changes the keys of any action by its id:

```toml
[keys]
"list.filter" = "/, f7"   # one key or more
"flow.kill" = ""          # none
```

An entry with a fault (an id that does not exist, a key that a terminal cannot send, a key that the pane uses
already) is left out, and the help says what is wrong with it; the others hold.
"""


def page() -> str:
    panes = dict.fromkeys(action.pane for action in ACTIONS)
    parts = [HEAD]
    for pane in panes:
        parts.append(
            f"\n## {PANES.get(pane, pane.capitalize())}\n\n| Keys | What it does | Id |\n|---|---|---|\n"
        )
        for action in ACTIONS:
            if action.pane == pane:
                keys = " ".join(f"`{key}`" for key in action.shown_keys).replace("|", "\\|")
                parts.append(f"| {keys} | {action.help} | `{action.id}` |\n")
    return "".join(parts)


def test_the_page_is_that_of_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_pane_has_a_name() -> None:
    assert {action.pane for action in ACTIONS} <= set(PANES)


if __name__ == "__main__":
    sys.stdout.write(page())
