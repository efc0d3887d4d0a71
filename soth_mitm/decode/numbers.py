"""Numbers and moments as text."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def float_text(value: float, *, single: bool = False) -> str:
    """Return a number as JavaScript would write it; one of 32 bits with no more digits than it has."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if single:
        for digits in range(6, 10):
            text = f"{value:.{digits}g}"
            if struct.pack(">f", float(text)) == struct.pack(">f", value):
                return repr(float(text))
    return repr(value)


def when_text(seconds: int, nanos: int = 0) -> str:
    """Return a moment as RFC 3339 writes it; empty where no calendar has it."""
    try:
        when = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    if not 0 <= nanos < 1_000_000_000:
        return ""
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{when:%Y-%m-%dT%H:%M:%S}{fraction}Z"
