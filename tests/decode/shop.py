"""A schema of Protocol Buffers, as a descriptor set and as its source, for the tests."""

from __future__ import annotations

from soth_mitm.decode.protobuf.schema import Kind
from tests.decode.wire import length, number

SOURCE = """
syntax = "proto3";
package shop;
message Thing {
  string name = 1;
  sint32 count = 2;
}
service Shop {
  rpc Get(Thing) returns (Thing);
}
"""


def field_of(name: str, field: int, kind: Kind, *, repeated: bool = False, type_name: str = "") -> bytes:
    """Return a FieldDescriptorProto."""
    out = length(1, name) + number(3, field) + number(4, 3 if repeated else 1) + number(5, kind)
    return out + (length(6, type_name) if type_name else b"")


def message_of(name: str, *fields: bytes, enums: bytes = b"") -> bytes:
    """Return a DescriptorProto."""
    return length(1, name) + b"".join(length(2, each) for each in fields) + enums


_STAMP = message_of("Timestamp", field_of("seconds", 1, Kind.INT64), field_of("nanos", 2, Kind.INT32))
_ANY = message_of("Any", field_of("type_url", 1, Kind.STRING), field_of("value", 2, Kind.BYTES))
_RED = length(2, length(1, "RED") + number(2, 1))
_ODD = length(2, length(1, "ODD") + number(2, -1))
_THING = message_of(
    "Thing",
    field_of("name", 1, Kind.STRING),
    field_of("count", 2, Kind.SINT32),
    field_of("big", 3, Kind.INT64),
    field_of("ratio", 4, Kind.DOUBLE),
    field_of("part", 5, Kind.FLOAT),
    field_of("on", 6, Kind.BOOL),
    field_of("colour", 7, Kind.ENUM, type_name=".shop.Thing.Colour"),
    field_of("inner", 8, Kind.MESSAGE, repeated=True, type_name=".shop.Thing"),
    field_of("packed", 9, Kind.INT32, repeated=True),
    field_of("made", 10, Kind.MESSAGE, type_name=".google.protobuf.Timestamp"),
    field_of("any", 11, Kind.MESSAGE, type_name=".google.protobuf.Any"),
    field_of("raw", 12, Kind.BYTES),
    field_of("small", 13, Kind.SFIXED32),
    field_of("ratios", 14, Kind.DOUBLE, repeated=True),
    field_of("password", 15, Kind.STRING),
    enums=length(4, length(1, "Colour") + _RED + _ODD),
)
_GET = length(1, "Get") + length(2, ".shop.Thing") + length(3, ".shop.Thing")
_GOOGLE = length(1, "google.proto") + length(2, "google.protobuf") + length(4, _STAMP) + length(4, _ANY)
_SHOP = length(2, "shop") + length(4, _THING) + length(6, length(1, "Shop") + length(2, _GET))

SET = length(1, _GOOGLE) + length(1, _SHOP)
"""The descriptor set."""
