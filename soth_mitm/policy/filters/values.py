"""Numbers as people write them: `5xx`, `>1m`, `10k..2m`, `>=500ms`."""

from __future__ import annotations

import math
import re
from typing import Final

from soth_mitm.policy.filters.errors import FilterError

_SIZES: Final = {
    "": 1,
    "b": 1,
    "k": 1024,
    "kb": 1024,
    "m": 1024**2,
    "mb": 1024**2,
    "g": 1024**3,
    "gb": 1024**3,
}
_TIMES: Final = {
    "": 10**6, "ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9,
    "h": 3600 * 10**9,
}  # fmt: skip
_UNITS: Final = {
    "size": _SIZES, "time": _TIMES, "number": {"": 1}, "status": {"": 1}, "decimal": {"": 1},
    "count": {"": 1, "k": 1000, "m": 1000**2},
}  # fmt: skip
_HOW: Final = {
    "size": "a size is written 200, 10k, 1.5m, >1m or 10k..2m",
    "time": "a time is written 500ms, 2s, 1.5m, >500ms or 1s..5s",
    "number": "a number is written 8080, >1024 or 8000..8999",
    "count": "a count is written 200, 10k, >1000 or 1k..5k",
    "decimal": "a number is written 0.5, >0.05 or 1..2.5",
    "status": "a status is written 404, 5xx, 400-499, >=400 or 0 for none",
}
_NUMBER: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([a-zµ]*)", re.IGNORECASE)
_CLASS: Final = re.compile(r"([1-5])xx", re.IGNORECASE)


def bounds(kind: str, text: str, column: int) -> tuple[float, float]:
    """Return the lowest and the highest number that is meant, both included.

    Times are nanoseconds (a bare number is milliseconds), sizes bytes (k is 1024).

    Raises:
        FilterError: it is no number of this kind.
    """
    class_of = _CLASS.fullmatch(text) if kind == "status" else None
    if class_of is not None:
        first = int(class_of[1]) * 100
        return first, first + 99
    for sign, low_is in ((">=", True), ("<=", False), (">", True), ("<", False)):
        if text.startswith(sign):
            value = _one(kind, text[len(sign) :].strip(), column + len(sign))
            if len(sign) == 1:
                value = math.nextafter(value, math.inf if low_is else -math.inf)
            return (value, math.inf) if low_is else (-math.inf, value)
    for dots in ("..", "-"):
        low, found, high = text.partition(dots)
        if found and low and high:
            start = _one(kind, low, column)
            stop = _one(kind, high, column + len(low) + len(dots))
            if start > stop:
                raise FilterError(column, f"{text} is empty: the smaller number comes first")
            return start, stop
    value = _one(kind, text.removeprefix("="), column)
    return value, value


def _one(kind: str, text: str, column: int) -> float:
    match = _NUMBER.fullmatch(text)
    unit = _UNITS[kind].get(match[2].lower()) if match is not None else None
    if match is None or unit is None:
        said = f"{text!r} is none" if text else "nothing follows"
        raise FilterError(column, f"{said}; {_HOW[kind]}")
    return float(match[1]) * unit
