"""What a field could mean whose schema is not known: one reading is shown, the others are noted."""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from typing import Final, Literal

from soth_mitm.decode.numbers import float_text, when_text
from soth_mitm.decode.outline import byte_text, quoted
from soth_mitm.decode.protobuf.wire import FIXED64, reads_as_message, signed, varints_of, zigzag

Reading = Literal["text", "message", "bytes"]

SHOWN_PACKED: Final = 4096
"""Bytes of which it is tried whether they are packed numbers."""

_PACKED_SHOWN: Final = 16
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SECONDS: Final = range(946_684_800, 4_102_444_800)
"""The years 2000 to 2099."""


def reading_of(data: bytes) -> Generator[None, None, Reading]:
    """Return, after pauses, what the bytes of a field are best read as.

    Text without control characters is text, unless it begins like a message (field 1 to 3) and reads
    as one to its last byte; other bytes are a message where they read as one.
    """
    if not data:
        return "text"
    text = is_text(data)
    if text and data[0] >= 0x20:
        return "text"
    if (yield from reads_as_message(data)):
        return "message"
    return "text" if text else "bytes"


def is_text(data: bytes) -> bool:
    """Return whether bytes are text without control characters."""
    try:
        return _CONTROL.search(data.decode("utf-8")) is None
    except UnicodeDecodeError:
        return False


def bytes_reading(data: bytes, size: int) -> tuple[str, str]:
    """Return bytes as a value, and in its note what they could be as packed numbers."""
    text, note = byte_text(data, size)
    numbers = varints_of(data) if size == len(data) <= SHOWN_PACKED else []
    if len(numbers) > 1:
        listed = ", ".join(map(str, numbers[:_PACKED_SHOWN]))
        more = ", …" if len(numbers) > _PACKED_SHOWN else ""
        note = f"{note}, packed {listed}{more}".removeprefix(", ")
    return text, note


def varint_reading(value: int) -> tuple[str, str]:
    """Return a varint as a value, and its other readings."""
    notes: list[str] = []
    if value >> 63:
        notes.append(f"int64 {signed(value)}")
    if value > 1:
        notes.append(f"sint {zigzag(value)}")
    when = time_reading(value)
    if when:
        notes.append(when)
    return str(value), ", ".join(notes)


def time_reading(value: int) -> str:
    """Return the moment that a number would be in seconds, or a thousandth or millionth of them."""
    for unit in (1, 1000, 1_000_000, 1_000_000_000):
        if value // unit in _SECONDS:
            return when_text(value // unit, value % unit * (1_000_000_000 // unit))
    return ""


def fixed_reading(value: int, kind: int) -> tuple[str, str]:
    """Return a number of 4 or 8 bytes as a value, and its other readings."""
    bits, form, name = (64, "<d", "fixed64") if kind == FIXED64 else (32, "<f", "fixed32")
    number: float = struct.unpack(form, value.to_bytes(bits // 8, "little"))[0]
    as_float = float_text(number, single=bits == 32)
    whole = f"{name} {value}" if not value >> (bits - 1) else f"{name} {value}, s{name} {signed(value, bits)}"
    if not value:
        return "0", name
    if number == number and 1e-7 < abs(number) < 1e15:
        return as_float, whole
    return str(
        value
    ), f"{whole.replace(f' {value}', '', 1)}, {'double' if bits == 64 else 'float'} {as_float}"


def text_reading(data: bytes, size: int) -> tuple[str, str]:
    """Return bytes that are text as a value; `data` may be the beginning of `size` bytes only."""
    text = data.decode("utf-8", "replace")
    if size > len(data):
        return quoted(text)[:-1] + '…"', f"{size:,} bytes"
    return quoted(text), ""
