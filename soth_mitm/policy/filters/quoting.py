"""Writing terms: a value in the form that means exactly it."""

from __future__ import annotations

import re
from typing import Final

from soth_mitm.policy.filters.fields import BY_NAME

_SAFE: Final = re.compile(r"[\w.:/?=+%@~,;*$#\[\]-]+")
_EXACT: Final = frozenset({"host", "method", "scheme", "client", "sni", "type", "proto", "mark"})


def term_for(field: str, value: str) -> str:
    """Return the term that asks for a value of a field, as from a cell of the list.

    Fields with few values are asked for exactly, the others for what they hold.

    Raises:
        KeyError: there is no such field.
    """
    kind = BY_NAME[field].kind
    if kind not in ("text", "deep"):
        return f"{field}:{value}"
    sign = "=" if field in _EXACT or (kind == "text" and not value) else ""
    return f"{field}:{sign}{quoted(value)}"


def quoted(value: str) -> str:
    """Return a text so that it is read as one value and nothing of it as a sign."""
    bare = _SAFE.fullmatch(value) and not value.startswith(("/", "=", "~"))
    if bare and "~" not in value:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def negated(text: str) -> str:
    """Return the expression that wants what this one does not; twice, it is the first one again."""
    text = text.strip()
    if text.startswith("!(") and text.endswith(")") and _one_group(text[1:]):
        return text[2:-1].strip()
    return f"!({text})" if text else ""


def _one_group(text: str) -> bool:
    """Whether the first parenthesis is closed by the last one."""
    depth = 0
    quote = ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth and at + 1 < len(text):
                return False
    return not depth
