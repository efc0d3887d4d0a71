"""What a person types into a rule's form, judged field by field, and rules as text; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import inspect

from soth_mitm.errors import in_words
from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.policy.rules import Action, Rule, RuleError, check, name_of, to_table
from soth_mitm.policy.rules.actions import KINDS
from soth_mitm.policy.rules.rule import fault_of
from soth_mitm_tui.toml_text import to_toml

Kind = Literal["text", "number", "choice", "switch", "lines", "path"]

ACTIONS: Final[dict[str, type[Any]]] = {name_of(kind): kind for kind in KINDS}
"""The actions by their names, in the order in which they are offered."""
OWN: Final = ("when", "name", "folder")
"""Fields of every rule."""
TABLE: Final = "message_rules"

_LINES: Final = ("mock.fields", "mock.body", "mock.trailers")
_PATHS: Final = ("map-local.path", "mock.file")
_MAY_BE_EMPTY: Final = ("value",)
_HINTS: Final = {
    "map-remote.to": "http(s)://host[:port][/path]",
    "map-remote.prefix": "what the path must begin with, and loses",
    "map-remote.keep-host": "leave the Host field as it is",
    "map-local.path": "a file or a folder; f3 completes",
    "map-local.prefix": "what the path loses before it is looked for",
    "map-local.missing": "a request without a file",
    "redirect-host.to": "host, host:port or http(s)://host[:port]",
    "mock.fields": "one Name: value on each line",
    "mock.file": "a file that is the body; f3 completes",
    "mock.trailers": "after the body; one Name: value on each line",
    "block.text": "what the answer says",
    "set-field.field": "name of the header field",
    "set-field.add": "leave the values that are there",
    "remove-field.field": "a name, or a glob such as x-debug-*",
    "replace-field.pattern": "a regular expression over the value",
    "replace-body.pattern": "a regular expression; a match has 4,096 bytes at most",
    "replace-body.literal": "the pattern is text, no expression",
    "delay.seconds": "300 at most",
    "limit-rate.bytes-per-second": "such as 10000",
    "fail.after-bytes": "of the response's body; empty: a reset at once",
    "fail.after-messages": "of the stream, to the client",
}
_REPLACEMENT: Final = r"\1 and \g<name> stand for groups"


class Field(NamedTuple):
    """One field of an action."""

    key: str
    kind: Kind
    hint: str
    choices: tuple[str, ...] = ()
    first: str = ""
    """What stands in it at first: its default."""
    required: bool = False


class Judged(NamedTuple):
    """What is typed, as a rule; None where it is none, and then what is wrong by field."""

    rule: Rule | None
    faults: dict[str, str]


def summary(name: str, *, short: bool = False) -> str:
    """Return what an action does, in one sentence; `short` is its first clause."""
    text = (ACTIONS[name].__doc__ or "").strip().partition("\n")[0].replace("`", "")
    return re.split(r"[:;,]", text)[0].rstrip(".") if short else text


def fields_of(name: str) -> tuple[Field, ...]:
    """Return the fields of an action's form."""
    kind = ACTIONS[name]
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType), "actions are structs"
    return tuple(_field(f"{name}.{field.encode_name}", field) for field in info.fields)


def _field(place: str, field: inspect.Field) -> Field:
    key = field.encode_name
    hint = _HINTS.get(place, _REPLACEMENT if key == "replacement" else "")
    first = "" if field.required else _text(field.default)
    choices: tuple[str, ...] = ()
    kind: Kind = "text"
    if isinstance(field.type, inspect.BoolType):
        kind, choices = "switch", ("no", "yes")
    elif isinstance(field.type, inspect.LiteralType):
        kind, choices = "choice", tuple(str(value) for value in field.type.values)
    elif place in _LINES:
        kind = "lines"
    elif place in _PATHS:
        kind = "path"
    elif not isinstance(field.type, inspect.StrType):
        kind = "number"
    return Field(key, kind, hint, choices, first, field.required and key not in _MAY_BE_EMPTY)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return "\n".join(str(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def texts_of(table: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in the form of a rule, from its table; a wrong value stands there as it is."""
    return {key.replace("_", "-"): _text(value) for key, value in table.items() if key != "do"}


def judge(name: str, texts: Mapping[str, str], base: Rule | None = None) -> Judged:
    """Read what is typed for an action; `base` is the rule that is changed."""
    faults: dict[str, str] = {}
    given: dict[str, Any] = {"do": name}
    fields = fields_of(name)
    for field in fields:
        typed = texts.get(field.key, field.first)
        if field.required and not typed.strip():
            faults[field.key] = "it is needed"
        elif field.kind == "number":
            _number(field, typed, given, faults)
        elif field.kind == "switch":
            given[field.key] = typed == "yes"
        elif field.key in ("fields", "trailers"):
            given[field.key] = [line for line in typed.split("\n") if line.strip()]
        else:
            given[field.key] = typed.strip() if field.kind == "path" else typed
    when = texts.get("when", "").strip()
    try:
        compile_filter(when)
    except FilterError as error:
        faults["when"] = f"column {error.column + 1}: {error.message}"
    action: Action | None = None
    if set(faults) <= {"when"}:
        action, fault = _action(ACTIONS[name], given)
        if fault:
            key, words = _place(fault, [field.key for field in fields])
            faults = {key: words, **faults}
    if faults or action is None:
        return Judged(None, faults)
    rule = Rule(
        action=action,
        expression=when,
        name=texts.get("name", "").strip(),
        folder=texts.get("folder", "").strip(),
        enabled=base.enabled if base else True,
        id=base.id if base else 0,
    )
    try:
        check(rule)
    except RuleError as error:
        return Judged(None, {"when": str(error)})
    return Judged(rule, {})


def _action(kind: type[Any], given: Mapping[str, Any]) -> tuple[Action | None, str]:
    """Return the action that is typed, and why it cannot work."""
    try:
        action: Action = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        return None, in_words(str(error), kind)
    return action, fault_of(action)


def _number(field: Field, typed: str, given: dict[str, Any], faults: dict[str, str]) -> None:
    text = typed.strip().replace(",", "").replace("_", "")
    if not text:
        return
    whole = field.key != "seconds"
    if not re.fullmatch(r"-?\d{1,15}" if whole else r"-?\d{1,15}(\.\d*)?", text, re.ASCII):
        faults[field.key] = f"{typed.strip()[:20]!r} is no {'whole ' if whole else ''}number"
        return
    given[field.key] = int(text) if whole else float(text)


def _place(fault: str, keys: list[str]) -> tuple[str, str]:
    """Return the field that a fault is about, and what is wrong with it."""
    key, colon, words = fault.partition(": ")
    if colon and key in keys:
        return key, words
    if colon and key == "value" and "replacement" in keys:
        return "replacement", words
    if "exclude each other" in fault:
        return fault.split(" ")[2], fault
    return (keys[0] if keys else "when"), fault


def as_toml(tables: Sequence[Mapping[str, Any]]) -> str:
    """Return tables of rules as they stand in `config.toml`."""
    return "\n".join(f"[[{TABLE}]]\n{to_toml(dict(table))}" for table in tables)


def table_of(rule: Rule) -> dict[str, Any]:
    """Return the table of a rule, with what is plain to a person first."""
    table = to_table(rule)
    first = ("name", "folder", "enabled", "when", "do")
    return {key: table[key] for key in first if key in table} | {
        key: _plain(value) for key, value in table.items() if key not in first
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
