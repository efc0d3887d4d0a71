"""For whoever knows mitmproxy: what its keys do here. The docs page and the hints come from this table.

A key that does something else here is explained once, when it is first pressed; a key that does
nothing here says what to press instead, each time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm_tui.actions.action import readable

if TYPE_CHECKING:
    from soth_mitm_tui.actions import Registry

SAME: Final = "the same"
_NAMED: Final = re.compile(r"\{([a-z-]+\.[a-z-]+)\}")


class Key(NamedTuple):
    """A key of mitmproxy's console."""

    key: str
    """In Textual's names."""
    there: str
    """What it does in mitmproxy."""
    here: str
    """What to do here, with actions as `{pane.verb}`; `SAME` where it is the same key."""


KEYS: Final[tuple[Key, ...]] = (
    Key("j", "down", SAME),
    Key("k", "up", SAME),
    Key("g", "go to the start", SAME),
    Key("G", "go to the end", SAME),
    Key("enter", "look at a flow", SAME),
    Key("q", "back, then quit", SAME),
    Key("question_mark", "help", SAME),
    Key("E", "event log", SAME),
    Key("m", "mark", SAME),
    Key("semicolon", "comment", SAME),
    Key("d", "delete", SAME),
    Key("w", "save", SAME),
    Key("X", "kill", SAME),
    Key("r", "replay", SAME),
    Key("a", "resume a flow", SAME),
    Key("A", "resume all flows", SAME),
    Key("slash", "search in a flow", SAME),
    Key("N", "go to the match before, in a flow", SAME),
    Key("f", "set the view filter", "{list.filter} filters"),
    Key("F", "follow the newest", "{list.follow} follows the newest flow"),
    Key(
        "space",
        "show the next flow, or page down",
        "{detail.next-flow} and {detail.previous-flow} change the flow",
    ),
    Key("p", "show the flow before", "{detail.previous-flow} shows the flow before"),
    Key("o", "set the order", "{list.sort} sorts by the column of the cursor, again reverses"),
    Key(
        "v",
        "reverse the order, or show a body in a pager",
        "{list.sort} twice reverses; bodies are whole here",
    ),
    Key("b", "save a body", "{flow.save} saves a body, a flow, the marked, the shown, or all"),
    Key("x", "export", "{flow.copy} copies as curl, raw, Python; {flow.save} saves"),
    Key("ctrl+l", "copy a cut", "{flow.copy} and one more letter copy"),
    Key("colon", "open the command line", "{app.commands} finds every action by its words"),
    Key("C", "list the commands", "{app.commands} finds every action by its words"),
    Key("K", "list the key bindings", "{app.help} shows the keys; keys.toml changes them"),
    Key("O", "edit the options", "settings are in config.toml and on the command line: docs/cli.md"),
    Key("B", "start a browser", "it lists breakpoints; {app.setup} says how to point a browser here"),
    Key("Q", "exit at once", "{app.quit} twice leaves at once"),
    Key("H", "hide the quick help", "the key bar stays; {detail.zoom} gives the detail the screen"),
    Key("minus", "change the layout", "it follows the width; {detail.zoom} gives the detail the screen"),
    Key("P", "show the flow in the other pane", "it stands beside or below the list from 100 columns on"),
    Key("L", "load a file", "soth-mitm tui FILE opens one"),
    Key("W", "stream to a file", "-w FILE does at the start; {flow.save} saves what was seen"),
    Key("M", "show only the marked", "filter with is:marked"),
    Key("U", "unmark all", "filter with is:marked, then {flow.mark} on each"),
    Key("z", "delete all, or decode the body", "{list.delete} deletes one; bodies are decoded here"),
    Key("Z", "delete what the filter hides", "{list.delete} deletes one"),
    Key(
        "i",
        "set the intercept filter",
        "{flow.break} stops messages like a flow's; {app.pause-everything} stops everything",
    ),
    Key(
        "I",
        "turn intercepting on or off",
        "{app.breakpoints} lists the breakpoints and the rules; space switches one on or off",
    ),
    Key("e", "edit", SAME),
    Key("D", "duplicate", "it compares flows; {flow.replay} sends one again, as a row of its own"),
    Key("V", "revert changes", "{paused.undo} over the paused messages takes edits back"),
    Key("S", "replay a server from a file", "--server-replay FILE at the start: docs/rules.md"),
    Key("vertical_line", "run a script on a flow", "programs use the handler API: docs/embedding.md"),
)
"""What mitmproxy's console binds, by its own default keys, that a person may reach for here."""

_BY_KEY: Final = {each.key: each for each in KEYS}


def here(entry: Key, registry: Registry) -> str:
    """Return what to do here, with the keys of this run."""

    def keys(match: re.Match[str]) -> str:
        shown = registry.named(match[1]).shown_keys
        return shown[0] if shown else match[1]

    return _NAMED.sub(keys, entry.here)


def hint(key: str, registry: Registry) -> str:
    """Return what to say to a key that does nothing here; empty where mitmproxy does not know it either."""
    entry = _BY_KEY.get(key)
    if entry is None or entry.here == SAME:
        return ""
    return f"{readable(key)} is mitmproxy's key to {entry.there}. Here: {here(entry, registry)}"


def difference(key: str, done: str, registry: Registry) -> str:
    """Return what to say of a key that has `done` something else here; empty for no difference."""
    entry = _BY_KEY.get(key)
    if entry is None or entry.here == SAME:
        return ""
    return f"{readable(key)} is “{done}” here, in mitmproxy “{entry.there}”: {here(entry, registry)}"
