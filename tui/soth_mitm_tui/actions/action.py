"""One thing a person can do."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

MOVE, FLOW, VIEW, APP = "Move", "This flow", "What is shown", "App"
"""Groups of actions, for the help."""

READABLE: Final = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "right_curly_bracket": "}",
    "left_curly_bracket": "{",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "backslash": "\\",
    "semicolon": ";",
    "apostrophe": "'",
    "quotation_mark": '"',
    "equals_sign": "=",
    "exclamation_mark": "!",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "plus": "+",
    "percent_sign": "%",
    "minus": "-",
    "full_stop": ".",
    "comma": ",",
    "colon": ":",
    "vertical_line": "|",
}


class Action(NamedTuple):
    """One thing a person can do, and the keys for it."""

    id: str
    """`pane.verb`; `flow.verb` works in the list and in the detail."""
    keys: str
    """Comma-separated, in Textual's names; the first one is the one that is shown."""
    label: str
    """A word or two for the key bar."""
    help: str
    group: str
    show: bool = False
    """Whether the key bar has it."""
    priority: bool = False
    """Whether it works even while text is being typed."""

    @property
    def pane(self) -> str:
        """The pane that carries it out."""
        return self.id.partition(".")[0]

    @property
    def verb(self) -> str:
        """The name of the method, after `action_`."""
        return self.id.partition(".")[2].replace("-", "_")

    @property
    def shown_keys(self) -> tuple[str, ...]:
        """The keys as a person reads them."""
        return readable_keys(self.keys)


@lru_cache(maxsize=1024)
def readable_keys(keys: str) -> tuple[str, ...]:
    """Return comma-separated keys as a person reads them; the bars ask many times a second."""
    return tuple(readable(key) for key in keys.split(",") if key)


def readable(key: str) -> str:
    """Return a key of Textual's names as a person reads it."""
    return READABLE.get(key, key.replace("ctrl+", "^").replace("shift+", "⇧"))
