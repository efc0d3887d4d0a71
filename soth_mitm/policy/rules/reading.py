"""Rules as tables of TOML, in which the rule's keys and its action's stand side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from soth_mitm.errors import in_words
from soth_mitm.policy.rules import actions as a
from soth_mitm.policy.rules.rule import Rule, RuleError, check

_OWN: Final = {"name": "name", "folder": "folder", "when": "expression", "enabled": "enabled"}
"""Keys of a rule itself, and what they are in it."""
_KINDS: Final = {a.name_of(kind): kind for kind in a.KINDS}


def from_table(table: Mapping[str, Any], where: str) -> Rule:
    """Read a rule; `where` names it in errors, such as `message_rules[2] in config.toml`.

    Raises:
        RuleError: it has an unknown key or a wrong value.
    """
    do = table.get("do")
    kind = _KINDS.get(do) if isinstance(do, str) else None
    if kind is None:
        raise RuleError(f"{where}: do = {do!r} is no action; {_near(str(do), _KINDS)}")
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    own: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for key, value in table.items():
        spelled = key.replace("_", "-")
        if spelled in _OWN:
            own[_OWN[spelled]] = value
        elif spelled in known or spelled == "do":
            given[spelled] = value
        else:
            raise RuleError(f"{where}: {do} has no key {key}; {_near(spelled, [*_OWN, *sorted(known)])}")
    try:
        action = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise RuleError(f"{where}: {in_words(str(error), kind)}") from error
    try:
        return msgspec.convert({**own, "action": action}, Rule)
    except msgspec.ValidationError as error:
        raise RuleError(f"{where}: {in_words(str(error), Rule)}") from error


def from_tables(tables: Iterable[Mapping[str, Any]], source: str = "message_rules") -> tuple[Rule, ...]:
    """Read rules and check that each can work; `source` names where they stand.

    Raises:
        RuleError: one of them cannot, and its text says which.
    """
    rules = []
    for number, table in enumerate(tables):
        where = f"{source}[{number}]"
        rule = from_table(table, where)
        try:
            check(rule)
        except RuleError as error:
            raise RuleError(f"{where}: {error}") from error
        rules.append(rule)
    return tuple(rules)


def to_table(rule: Rule) -> dict[str, Any]:
    """Return the table that `from_table` reads the same rule from, but for its id."""
    own = {key: getattr(rule, name) for key, name in _OWN.items()}
    defaults: dict[str, Any] = {"expression": "", "name": "", "folder": "", "enabled": True}
    table = {key: value for key, value in own.items() if value != defaults[_OWN[key]]}
    given: dict[str, Any] = msgspec.to_builtins(rule.action)
    for field in msgspec.structs.fields(rule.action):
        value = given.get(field.encode_name)
        if value is None or (not field.required and value == msgspec.to_builtins(field.default)):
            given.pop(field.encode_name, None)
    return table | given


def _near(key: str, known: Mapping[str, Any] | list[str]) -> str:
    near = get_close_matches(key, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
