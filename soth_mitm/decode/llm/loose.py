"""Values of JSON that may be anything: each is asked for as what it should be, and is empty otherwise."""

from __future__ import annotations

import json
from typing import Final

import msgspec

LONGEST_FALLBACK: Final = 1024 * 1024
"""Bytes that are read by the slower reader, which takes lone surrogates as streams cut them."""

_MOST_NUMBER: Final = 2**53


def value_of(data: bytes) -> object:
    """Return the value that JSON holds; None where it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    if len(data) > LONGEST_FALLBACK:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def fields(value: object) -> dict[str, object]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def inner(value: object, *names: str) -> dict[str, object]:
    """Return the object that lies at names within names, or an empty one."""
    found = fields(value)
    for name in names:
        found = fields(found.get(name))
    return found


def items(value: object) -> list[object]:
    """Return an array, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a string, or an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int | None:
    """Return a count; None where it is none."""
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_NUMBER
        else None
    )


def place(value: object) -> int:
    """Return an index; 0 where it is none."""
    return number(value) or 0


def as_json(value: object) -> str:
    """Return a value as JSON on one line; a string that holds JSON already stands for itself."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return msgspec.json.encode(value).decode("utf-8")
    except (ValueError, TypeError, RecursionError, UnicodeEncodeError):
        pass
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):
        return ""


def error_of(value: object) -> str:
    """Return what an error says: its type and its message."""
    if isinstance(value, str):
        return value
    error = fields(value)
    name = text(error.get("type")) or text(error.get("status")) or text(error.get("code"))
    said = text(error.get("message"))
    return f"{name}: {said}" if name and said else name or said
