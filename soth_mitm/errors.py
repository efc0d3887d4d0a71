"""The error tree: every failure a person may read derives from `SothError`.

An error's text says what failed, for which host, file or option, why, and what to do next.
Errors raised while judging wire bytes also carry a stable reason code, so that rows, events and
tests never have to look into the text.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, Literal, get_args, get_origin, get_type_hints


class SothError(Exception):
    """Base of all errors whose text is written for the person who reads it."""


class ConfigError(SothError):
    """A setting, option or file of the person's that cannot be used as it is (exit code 2)."""


class StartError(SothError):
    """The proxy cannot start: a taken port, an unusable CA, a full disk (exit code 2)."""


class DumpError(SothError):
    """A dump file that cannot be opened, read or written."""


class InjectionError(SothError):
    """A message of somebody's own cannot be sent into a flow."""


class ReplayError(SothError):
    """A request cannot be sent again as it is."""


class ProtocolError(SothError):
    """A peer broke the protocol.

    `code` is a stable reason code; `detail` says where and how, in printable ASCII.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


_NOUNS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
"""What the types of a file of settings are called."""

_AT: Final = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")
_TYPE: Final = re.compile(r"Expected `(?P<wanted>[^`]+)`(?P<bound>[^,]*)(?:, got `(?P<got>[^`]+)`)?$")
_CHOICE: Final = re.compile(r"Invalid enum value (?P<value>.+)$")
_MISSING: Final = re.compile(r"Object missing required field `(?P<name>[^`]+)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>[^`]+)`$")


def in_words(message: str, kind: type) -> str:
    """Return what msgspec says about a value that is no `kind`, for a person who wrote it in a file.

    What it does not know it returns as it is.
    """
    at = _AT.search(message)
    place = at["place"] if at is not None else ""
    said = message[: at.start()] if at is not None else message
    inside = f" in {place}" if place else ""
    if found := _TYPE.match(said):
        not_this = f", not {_noun(found['got'])}" if found["got"] else ""
        return f"{place or 'this'} must be {_noun(found['wanted'])}{found['bound']}{not_this}"
    if found := _CHOICE.match(said):
        return f"{place or 'this'} cannot be {found['value']}{_choices(kind, place)}"
    if found := _MISSING.match(said):
        return f"{found['name']} is missing{inside}"
    if found := _UNKNOWN.match(said):
        return f"there is no {found['name']}{inside}"
    return message


def _noun(types: str) -> str:
    return " or ".join(_NOUNS.get(each, each) for each in types.split(" | "))


def _choices(kind: object, place: str) -> str:
    """Say what may stand at a place within a `kind`, where that is one of some words."""
    for name in re.findall(r"\w+", re.sub(r"\[[^]]*\]", "", place)):
        kind = _within(kind)
        kind = get_type_hints(kind).get(name, str) if isinstance(kind, type) else str
    kind = _within(kind)
    words: list[str] = []
    if get_origin(kind) is Literal:
        words = [str(each) for each in get_args(kind)]
    elif isinstance(kind, type) and issubclass(kind, Enum):
        words = [str(each.value) for each in kind]
    return f": choose one of {', '.join(words)}" if words else ""


def _within(kind: object) -> object:
    """Return the type of what a list holds, or of what may be left out."""
    while get_origin(kind) is not Literal:
        inner = [each for each in get_args(kind) if each not in (type(None), ...)]
        if not inner:
            break
        kind = inner[-1]
    return kind
