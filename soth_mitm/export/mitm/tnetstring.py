"""Typed netstrings as mitmproxy writes them: `length:data` and a letter for the type.

Types: `,` bytes, `;` UTF-8 text, `#` integer, `^` float, `!` boolean, `~` nothing, `]` list, `}` mapping.
"""

from __future__ import annotations

from typing import Any, Final

DEEPEST: Final = 100
"""Lists and mappings in each other."""

_LONGEST_LENGTH: Final = 12


class TnetError(ValueError):
    """Bytes that are no tnetstring; `offset` counts from the beginning of what was read."""

    def __init__(self, offset: int, why: str) -> None:
        super().__init__(why)
        self.offset = offset


def loads(data: bytes) -> Any:  # noqa: ANN401 - any type of the format
    """Return the value of a whole tnetstring.

    Raises:
        TnetError: it is none, or something stands behind it.
    """
    value, end = _value(memoryview(data), 0, len(data), 0)
    if end != len(data):
        raise TnetError(end, "something stands behind the value")
    return value


def length_at(data: bytes | memoryview, start: int, stop: int) -> tuple[int, int]:
    """Return the length that is written at `start`, and where the data begins.

    Raises:
        TnetError: none is written there.
    """
    at, length = start, 0
    while at < stop and at - start <= _LONGEST_LENGTH and 0x30 <= data[at] <= 0x39:
        length = length * 10 + data[at] - 0x30
        at += 1
    if at == start or at >= stop or data[at] != 0x3A:
        raise TnetError(start, "no length stands where one must")
    return length, at + 1


def _value(data: memoryview, start: int, stop: int, depth: int) -> tuple[Any, int]:
    length, begin = length_at(data, start, stop)
    end = begin + length
    if end >= stop:
        raise TnetError(start, f"a value of {length:,} bytes goes beyond what holds it")
    kind = data[end]
    if kind == 0x2C:
        return data[begin:end].tobytes(), end + 1
    if kind in (0x5D, 0x7D):
        if depth >= DEEPEST:
            raise TnetError(start, f"more than {DEEPEST} lists in each other")
        items = []
        at = begin
        while at < end:
            item, at = _value(data, at, end, depth + 1)
            items.append(item)
        if kind == 0x5D:
            return items, end + 1
        if len(items) % 2:
            raise TnetError(start, "a key without a value")
        return {_key(items[at]): items[at + 1] for at in range(0, len(items), 2)}, end + 1
    return _simple(kind, data[begin:end].tobytes(), start), end + 1


def _simple(kind: int, text: bytes, start: int) -> str | int | float | bool | None:
    try:
        match chr(kind):
            case ";":
                return text.decode("utf-8")
            case "#" if len(text) < 100:
                return int(text)
            case "^":
                return float(text)
            case "!":
                return {b"true": True, b"false": False}[text]
            case "~" if not text:
                return None
    except (ValueError, KeyError):
        pass
    raise TnetError(start, f"a value of type {chr(kind)!r} that is none")


def _key(key: object) -> object:
    return (
        key.decode("ascii", "backslashreplace")
        if isinstance(key, bytes)
        else key
        if isinstance(key, str)
        else ""
    )


def dumps(value: object) -> bytes:
    """Return the tnetstring of a value.

    Raises:
        TypeError: the format has no place for its type.
    """
    out: list[bytes] = []
    _dump(value, out)
    return b"".join(out)


def _dump(value: object, out: list[bytes]) -> int:
    """Append the parts of a value; return how long they are."""
    if isinstance(value, dict | list | tuple):
        at, size = len(out), 0
        out.append(b"")
        if isinstance(value, dict):
            for key, item in value.items():
                size += _dump(key, out) + _dump(item, out)
            out.append(b"}")
        else:
            for item in value:
                size += _dump(item, out)
            out.append(b"]")
        out[at] = b"%d:" % size
        return len(out[at]) + size + 1
    match value:
        case None:
            data, kind = b"", b"~"
        case bool():
            data, kind = b"true" if value else b"false", b"!"
        case int():
            data, kind = str(value).encode(), b"#"
        case float():
            data, kind = repr(value).encode(), b"^"
        case bytes():
            data, kind = value, b","
        case str():
            data, kind = value.encode("utf-8", "backslashreplace"), b";"
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a tnetstring")
    prefix = b"%d:" % len(data)
    out += (prefix, data, kind)
    return len(prefix) + len(data) + 1
