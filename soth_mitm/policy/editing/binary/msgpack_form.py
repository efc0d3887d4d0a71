"""How single items of MessagePack are made: the shortest form, and every other one by its name."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

from soth_mitm.decode.msgpack_view import moment

TIMESTAMP: Final = -1

INTS: Final = {
    "uint8": (0xCC, ">B"), "uint16": (0xCD, ">H"), "uint32": (0xCE, ">I"), "uint64": (0xCF, ">Q"),
    "int8": (0xD0, ">b"), "int16": (0xD1, ">h"), "int32": (0xD2, ">i"), "int64": (0xD3, ">q"),
}  # fmt: skip
FLOATS: Final = {"float32": (0xCA, ">f"), "float64": (0xCB, ">d")}
SIZES: Final = {
    "str8": (0xD9, ">B"), "str16": (0xDA, ">H"), "str32": (0xDB, ">I"),
    "bin8": (0xC4, ">B"), "bin16": (0xC5, ">H"), "bin32": (0xC6, ">I"),
    "ext8": (0xC7, ">B"), "ext16": (0xC8, ">H"), "ext32": (0xC9, ">I"),
    "array16": (0xDC, ">H"), "array32": (0xDD, ">I"), "map16": (0xDE, ">H"), "map32": (0xDF, ">I"),
}  # fmt: skip
NAMES: Final = {first: name for table in (INTS, FLOATS, SIZES) for name, (first, _) in table.items()}
FIXED: Final = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}
_FIX: Final = {"str": (0xA0, 32), "array": (0x90, 16), "map": (0x80, 16)}
_WHEN: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def packed_int(value: int) -> bytes:
    """Return the shortest form of a whole number; raises OverflowError where there is none."""
    if -32 <= value <= 127:
        return struct.pack(">B", value & 0xFF)
    bits = value.bit_length() if value >= 0 else (~value).bit_length() + 1
    width = next((each for each in (8, 16, 32, 64) if bits <= each), 0)
    if not width:
        raise OverflowError
    first, form = INTS[f"{'' if value < 0 else 'u'}int{width}"]
    return bytes((first,)) + struct.pack(form, value)


def head(kind: str, size: int) -> bytes:
    """Return the beginning of a `str`, `bin`, `array` or `map`, or of one of a named width, as `str16`.

    Raises:
        OverflowError: it is too large for that width.
    """
    named = SIZES.get(kind)
    if named is None:
        base, most = _FIX.get(kind, (0, 0))
        if size < most:
            return bytes((base | size,))
        widths = ("16", "32") if kind in ("array", "map") else ("8", "16", "32")
        fitting = (each for each in widths if size < 1 << int(each))
        named = SIZES.get(kind + next(fitting, "0"))
    try:
        if named is not None:
            return bytes((named[0],)) + struct.pack(named[1], size)
    except struct.error:
        pass
    raise OverflowError


def packed_ext(kind: str, code: int, data: bytes) -> bytes:
    """Return an extension: the shortest form for the kind `ext`, or of a named width, as `ext16`.

    Raises:
        OverflowError: it is too large for that width, or there is no such type.
    """
    try:
        tail = struct.pack(">b", code) + data
    except struct.error:
        raise OverflowError from None
    if kind == "ext" and len(data) in FIXED:
        return bytes((FIXED[len(data)],)) + tail
    return head(kind, len(data)) + tail


def when_of(data: bytes) -> str:
    """Return a timestamp as text, where that text alone gives these bytes again; else nothing."""
    read = moment(data)
    if read is None:
        return ""
    seconds, nanos = read
    try:
        when = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return ""
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    text = f"{when.year:04}-{when:%m-%dT%H:%M:%S}{fraction}Z"
    return text if nanos < 1_000_000_000 and packed_when(text) == data else ""


def packed_when(text: str) -> bytes | None:
    """Return the shortest form of a moment; None where a text is none, as RFC 3339 writes it in UTC."""
    match = _WHEN.fullmatch(text)
    try:
        moment = datetime.fromisoformat(f"{match[1]}+00:00") if match else None
    except ValueError:
        return None
    if match is None or moment is None:
        return None
    passed = moment - _EPOCH
    seconds, nanos = passed.days * 86_400 + passed.seconds, int((match[2] or "0").ljust(9, "0"))
    if 0 <= seconds < 1 << 34:
        return (
            struct.pack(">Q", nanos << 34 | seconds) if nanos or seconds >> 32 else struct.pack(">I", seconds)
        )
    return struct.pack(">Iq", nanos, seconds)
