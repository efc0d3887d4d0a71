"""How single fields of Protocol Buffers are made, and how a scalar of a schema is spelled."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.numbers import float_text
from soth_mitm.decode.protobuf.schema import Kind
from soth_mitm.decode.protobuf.wire import FIXED32, FIXED64, LEN, VARINT, signed, varint, zigzag

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import FieldType, Schema

WIRES: Final = {
    Kind.DOUBLE: FIXED64, Kind.FIXED64: FIXED64, Kind.SFIXED64: FIXED64, Kind.FLOAT: FIXED32,
    Kind.FIXED32: FIXED32, Kind.SFIXED32: FIXED32, Kind.STRING: LEN, Kind.BYTES: LEN, Kind.MESSAGE: LEN,
}  # fmt: skip
"""How a type is written; what is not here is a varint, or a group."""

KINDS: Final = frozenset(map(int, Kind))

WORDS: Final = {
    "double": Kind.DOUBLE, "float": Kind.FLOAT, "fixed32": Kind.FIXED32, "fixed64": Kind.FIXED64,
    "sfixed32": Kind.SFIXED32, "sfixed64": Kind.SFIXED64, "sint": Kind.SINT64,
}  # fmt: skip
"""Words for numbers whose field is not known; a number without one is a varint."""

FLOATS: Final = {Kind.DOUBLE: "<d", Kind.FLOAT: "<f"}
_BITS: Final = {
    Kind.INT32: (32, True), Kind.SINT32: (32, True), Kind.SFIXED32: (32, True), Kind.ENUM: (32, True),
    Kind.INT64: (64, True), Kind.SINT64: (64, True), Kind.SFIXED64: (64, True),
    Kind.UINT32: (32, False), Kind.FIXED32: (32, False), Kind.UINT64: (64, False), Kind.FIXED64: (64, False),
}  # fmt: skip
_LONGEST: Final = 10


def packed_key(number: int, wire: int) -> bytes:
    """Return what a field begins with."""
    return varint(number << 3 | wire)


def packed_scalar(value: int, kind: int, wide: int = 0) -> bytes:
    """Return a number as it is on the wire, given as the bits that are there."""
    wire = WIRES.get(Kind(kind), VARINT)
    if wire == VARINT:
        return varint(value, wide)
    return value.to_bytes(8 if wire == FIXED64 else 4, "little")


def bits_of(value: int, kind: int) -> int:
    """Return the bits on the wire that mean a whole number.

    Raises:
        OverflowError: the type has no such value.
    """
    bits, has_sign = _BITS.get(Kind(kind), (64, True))
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if has_sign else (0, (1 << bits) - 1)
    if not least <= value <= most:
        raise OverflowError
    if kind in (Kind.SINT32, Kind.SINT64):
        return value << 1 if value >= 0 else (~value << 1) | 1
    if kind in (Kind.SFIXED32, Kind.FIXED32):
        return value & 0xFFFFFFFF
    return value & 0xFFFFFFFFFFFFFFFF


def float_bits(value: float, kind: int) -> int:
    """Return the bits of a `double` or `float`; raises OverflowError where it is too large."""
    return int.from_bytes(struct.pack(FLOATS[Kind(kind)], value), "little")


def spelled(value: int, field: FieldType, schema: Schema) -> str:
    """Return the bits of a field's number as its schema spells them; empty where that would lose some."""
    kind = Kind(field.kind)
    if kind in FLOATS:
        return spelled_float(value, kind)
    if kind == Kind.BOOL:
        return ("false", "true")[value] if value < 2 else ""
    if kind in (Kind.SINT32, Kind.SINT64):
        number = zigzag(value)
    else:
        bits, has_sign = _BITS.get(kind, (64, True))
        width = 64 if kind == Kind.ENUM or WIRES.get(kind, VARINT) == VARINT else bits
        number = signed(value, width) if has_sign else value
    try:
        if bits_of(number, kind) != value:
            return ""
    except OverflowError:
        return ""
    names = schema.enums.get(field.type_name, {}) if kind == Kind.ENUM else {}
    return names.get(number, "") or str(number)


def spelled_float(value: int, kind: int) -> str:
    """Return the bits of a `double` or `float` as a number; empty where that would lose some."""
    size = 8 if kind == Kind.DOUBLE else 4
    number: float = struct.unpack(FLOATS[Kind(kind)], value.to_bytes(size, "little"))[0]
    text = float_text(number, single=size == 4)
    return text if float_bits(float(text), kind) == value else ""


def wide_of(value: int, size: int) -> int:
    """Return in how many bytes a varint was written, where it needs fewer; else 0."""
    return size if len(varint(value)) < size <= _LONGEST else 0
