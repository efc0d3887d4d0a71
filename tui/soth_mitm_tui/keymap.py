"""The person's own keys: `keys.toml` in the configuration directory, checked against the registry.

```toml
[keys]
"list.filter" = "/, f7"     # as docs/keys.md names the action; keys as a person writes them
"flow.kill" = ""            # no key at all
```

What is wrong in the file is told by line of sense, never guessed: an entry with a fault is left out,
the others hold. Two actions of one pane on one key is a clash; the entry that causes it is left out.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

from textual.keys import Keys

from soth_mitm.text import printable
from soth_mitm_tui.actions import ACTIONS, PANES, Registry
from soth_mitm_tui.actions.action import READABLE

FILE: Final = "keys.toml"
LARGEST: Final = 256 * 1024
"""Bytes; a larger file is no keymap."""

_PROBLEMS: Final = 50
_NAMES: Final = {shown: key for key, shown in READABLE.items()}
_OTHER_NAMES: Final = {
    "return": "enter",
    "esc": "escape",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
}
_KNOWN: Final = frozenset({key.value for key in Keys} | set(READABLE) | {"space", "minus", "plus"})
_UNSEEN: Final = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "a new line", "ctrl+h": "backspace"}
"""What many terminals send for these keys."""


class Keymap(NamedTuple):
    """What a file says."""

    registry: Registry
    changed: dict[str, str]
    """Keys by the id of their action, comma-separated, in Textual's names."""
    problems: tuple[str, ...]
    """What is wrong in the file, one sentence each."""


def load(path: Path) -> Keymap:
    """Read a keymap; a file that is not there changes nothing. Never raises for what is in it."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            return _none(f"it is larger than {LARGEST:,} bytes")
        table = tomllib.loads(data.decode())
    except FileNotFoundError:
        return _none()
    except OSError as error:
        return _none(f"it cannot be read: {error.strerror or error}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return _none(f"it is not valid TOML: {printable(str(error), 200)}")
    return apply(table)


def _none(*problems: str) -> Keymap:
    return Keymap(Registry(ACTIONS), {}, problems)


def apply(table: dict[str, object]) -> Keymap:
    """Check a parsed file against the registry."""
    problems: list[str] = []
    entries = table.get("keys", {})
    problems += [
        f"[{printable(name, 40)}] is not known; keys go under [keys]" for name in table if name != "keys"
    ]
    if not isinstance(entries, dict):
        return _none("keys must be a table: [keys]")
    wanted: dict[str, str] = {}
    for action_id, value in entries.items():
        try:
            wanted[_known(action_id)] = _keys(action_id, value)
        except ValueError as error:
            problems.append(str(error))
    changed = _without_clashes(wanted, problems)
    return Keymap(Registry(ACTIONS, changed), changed, tuple(problems[:_PROBLEMS]))


def _known(action_id: str) -> str:
    ids = [action.id for action in ACTIONS]
    if action_id in ids:
        return action_id
    near = difflib.get_close_matches(action_id, ids, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; docs/keys.md lists them"
    raise ValueError(f"there is no action {printable(action_id, 60)}{hint}")


def _keys(action_id: str, value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        parts = list(value)
    elif isinstance(value, str):
        parts = value.split(",") if value.strip() != "," else [","]
    else:
        raise ValueError(f"{action_id}: the keys must be a text, or a list of texts")
    return ",".join(_key(action_id, part.strip()) for part in parts if part.strip())


def _key(action_id: str, text: str) -> str:
    key = _NAMES.get(text, text)
    if key.startswith("^") and len(key) == 2:
        key = f"ctrl+{key[1].lower()}"
    *modifiers, last = key.split("+") if key != "+" else ["plus"]
    last = _OTHER_NAMES.get(last.lower(), _NAMES.get(last, last))
    modifiers = [modifier.lower() for modifier in modifiers]
    key = "+".join([*modifiers, last if len(last) == 1 else last.lower()])
    if key in _UNSEEN:
        raise ValueError(f"{action_id}: terminals send {_UNSEEN[key]} for {key}; take another key")
    single = len(last) == 1 and last.isprintable() and not last.isspace()
    if not (key in _KNOWN or single or last.lower() in _KNOWN) or set(modifiers) - {"ctrl", "shift", "alt"}:
        raise ValueError(f"{action_id}: {printable(text, 40)} is no key; `textual keys` shows their names")
    return key


def _without_clashes(wanted: dict[str, str], problems: list[str]) -> dict[str, str]:
    """Leave out each entry that gives a pane's key a second meaning."""
    changed = dict(wanted)
    for action_id in wanted:
        clash = _clash(action_id, Registry(ACTIONS, changed))
        if clash:
            problems.append(clash)
            del changed[action_id]
    return changed


def _clash(action_id: str, registry: Registry) -> str:
    mine = registry.named(action_id)
    keys = {key for key in mine.keys.split(",") if key}
    for pane in PANES:
        actions = registry.of_pane(pane)
        if mine not in actions:
            continue
        for other in actions:
            shared = keys & set(other.keys.split(",")) - {""}
            if other.id != action_id and shared:
                key = min(shared)
                return f"{action_id}: {key} is the key of {other.id} already; give that one another key first"
    return ""
