"""One message on one line: `1: "c_77", 2: {1: "p_0017", 3: 2}`."""

from __future__ import annotations

from typing import Final

from soth_mitm.decode.binary_tree import read_all
from soth_mitm.decode.outline import quoted
from soth_mitm.decode.protobuf.guess import fixed_reading, is_text, reading_of
from soth_mitm.decode.protobuf.wire import FIXED32, FIXED64, LEN, VARINT, Cut, WireError, head_at

_DEEPEST: Final = 4
"""Messages in messages; what is deeper is left out."""


def one_line(data: bytes, limit: int, *, whole: bool) -> str:
    """Return a message as its fields by number, without a schema; '' where the bytes are none.

    `whole` says that `data` is all of it. Stops once there are `limit` characters; the text may be longer,
    and hold characters that a terminal must not get.
    """
    fields = _fields(data, limit, whole=whole, depth=0) or ""
    return fields if whole or not fields else f"{fields}…"


def _fields(data: bytes, limit: int, *, whole: bool, depth: int) -> str | None:
    parts: list[str] = []
    at = 0
    while at < len(data) and limit > 0:
        try:
            number, kind, value, end = head_at(data, at)
        except Cut:
            if whole:
                return None
            break
        except WireError:
            return None
        at = end
        if kind == VARINT:
            shown: str | None = str(value)
        elif kind in (FIXED32, FIXED64):
            shown = fixed_reading(value, kind)[0]
        elif kind == LEN:
            at = end + value
            if whole and at > len(data):
                return None
            shown = _bytes(data[end:at], value, limit, depth=depth)
        else:
            return None  # a group, which nobody writes any more
        parts.append(f"{number}: {shown}")
        limit -= len(parts[-1]) + 2
    return ", ".join(parts)


def _bytes(data: bytes, size: int, limit: int, *, depth: int) -> str:
    """Return a field of `size` bytes, of which `data` is there."""
    if len(data) < size:
        text = data.decode("utf-8", "ignore")
        if data[:1] >= b" " and is_text(text.encode()):
            return quoted(text)
        inner = _fields(data, limit, whole=False, depth=depth + 1) if depth < _DEEPEST else None
        return f"{{{inner}" if inner else f"<{size:,} bytes>"
    reading = read_all(reading_of(data))
    if reading == "text":
        return quoted(data.decode())
    if reading == "message":
        inner = _fields(data, limit, whole=True, depth=depth + 1) if depth < _DEEPEST else "…"
        if inner is not None:
            return f"{{{inner}}}"
    return f"<{size:,} bytes>"
