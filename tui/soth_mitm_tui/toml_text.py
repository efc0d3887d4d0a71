"""Write plain values as TOML: what `tomllib` reads, the other way round."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LINE: Final = 100


def to_toml(tables: dict[str, object]) -> str:
    """Return a document of tables of values; a table within a table is written in one line.

    Raises:
        TypeError: a value is of a kind that TOML does not have, such as None.
    """
    lines = [_pair(key, value) for key, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += ["", f"[{_key(name)}]", *(_pair(key, value) for key, value in table.items())]
    return "\n".join(lines).lstrip("\n") + "\n"


def _pair(key: str, value: object) -> str:
    text = f"{_key(key)} = {_value(value)}"
    if len(text) <= _LINE or not isinstance(value, list):
        return text
    return "\n".join([f"{_key(key)} = [", *(f"  {_value(each)}," for each in value), "]"])


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL and for halves of surrogate pairs, which TOML cannot hold.
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int() | float():
            return repr(value)
        case datetime() | date() | time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(_value(each) for each in value)}]"
        case dict():
            pairs = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
    raise TypeError(f"TOML has no {type(value).__name__}")
