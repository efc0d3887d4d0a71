"""Descriptor sets (`google.protobuf.FileDescriptorSet`): messages, enums, and the methods of services.

They are Protocol Buffers themselves, and read by our own reader of the wire format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from soth_mitm.decode.protobuf.wire import LEN, VARINT, Field, WireError, fields_of
from soth_mitm.errors import SothError
from soth_mitm.text import printable

MOST_BYTES: Final = 64 * 1024 * 1024
"""Largest descriptor set that is read."""

MOST_DEPTH: Final = 50
"""Messages declared within messages."""


class Kind(IntEnum):
    """The types of fields, numbered as descriptors do it."""

    DOUBLE = 1
    FLOAT = 2
    INT64 = 3
    UINT64 = 4
    INT32 = 5
    FIXED64 = 6
    FIXED32 = 7
    BOOL = 8
    STRING = 9
    GROUP = 10
    MESSAGE = 11
    BYTES = 12
    UINT32 = 13
    ENUM = 14
    SFIXED32 = 15
    SFIXED64 = 16
    SINT32 = 17
    SINT64 = 18


class SchemaError(SothError):
    """A descriptor set cannot be read."""


class FieldType(NamedTuple):
    """A field of a message."""

    name: str
    number: int
    kind: int
    repeated: bool = False
    type_name: str = ""
    """Of messages, groups and enums, the full name."""


class Message(NamedTuple):
    """A message type."""

    name: str
    fields: dict[int, FieldType]


class Method(NamedTuple):
    """What goes up and comes down in a method, as full names of messages."""

    takes: str
    gives: str


class Schema:
    """What descriptors declare, by full name without a leading dot."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.enums: dict[str, dict[int, str]] = {}
        self.methods: dict[str, Method] = {}
        """By `package.Service/Method`."""

    def of_path(self, path: bytes, *, response: bool) -> Message | None:
        """Return the type of the messages of a gRPC, Connect or Twirp call; None where it is not known."""
        parts = path.partition(b"?")[0].decode("latin-1").split("/")
        method = self.methods.get("/".join(parts[-2:]))
        if method is None:
            return None
        return self.messages.get(method.gives if response else method.takes)

    def of_name(self, name: str) -> Message | None:
        """Return a type by its full name, as a media type or `Any` has it; None where it is not known."""
        return self.messages.get(name.rpartition("/")[2].strip('." '))

    def of_parameters(self, content_type: bytes) -> Message | None:
        """Return the type that the parameters of a media type name; None where they name none we know."""
        for piece in content_type.split(b";")[1:]:
            name, _, value = piece.partition(b"=")
            if name.strip().lower() in (b"messagetype", b"proto", b"message", b"type"):
                found = self.of_name(value.strip().decode("latin-1"))
                if found is not None:
                    return found
        return None

    def add(self, data: bytes) -> None:
        """Add a descriptor set.

        Raises:
            SchemaError: it is none.
        """
        try:
            files = [field.data for field in fields_of(data) if field.number == 1 and field.kind == LEN]
            if not files:
                raise SchemaError("it declares no file")
            for file in files:
                self._file(file)
        except (WireError, UnicodeDecodeError, RecursionError) as error:
            raise SchemaError(f"it is no descriptor set ({error})") from None

    def _file(self, data: bytes) -> None:
        fields = list(fields_of(data))
        package = _text(fields, 2)
        for field in fields:
            if field.number == 4:
                self._message(field.data, package)
            elif field.number == 5:
                self._enum(field.data, package)
            elif field.number == 6:
                self._service(field.data, package)

    def _message(self, data: bytes, scope: str, depth: int = 0) -> None:
        fields = list(fields_of(data))
        name = _joined(scope, _text(fields, 1))
        known = {each.number: each for each in map(_field, _pieces(fields, 2))}
        self.messages[name] = Message(name, known)
        if depth >= MOST_DEPTH:
            return
        for piece in _pieces(fields, 3):
            self._message(piece, name, depth + 1)
        for piece in _pieces(fields, 4):
            self._enum(piece, name)

    def _enum(self, data: bytes, scope: str) -> None:
        fields = list(fields_of(data))
        values: dict[int, str] = {}
        for piece in _pieces(fields, 2):
            value = list(fields_of(piece))
            values.setdefault(_number(value, 2), _text(value, 1))
        self.enums[_joined(scope, _text(fields, 1))] = values

    def _service(self, data: bytes, scope: str) -> None:
        fields = list(fields_of(data))
        name = _joined(scope, _text(fields, 1))
        for piece in _pieces(fields, 2):
            method = list(fields_of(piece))
            takes, gives = _text(method, 2).lstrip("."), _text(method, 3).lstrip(".")
            self.methods[f"{name}/{_text(method, 1)}"] = Method(takes, gives)


def schema_of(sets: Iterable[bytes]) -> Schema:
    """Return what several descriptor sets declare; raises like `Schema.add`."""
    schema = Schema()
    for data in sets:
        schema.add(data)
    return schema


def _field(data: bytes) -> FieldType:
    fields = list(fields_of(data))
    return FieldType(
        _text(fields, 1),
        _number(fields, 3),
        _number(fields, 5),
        _number(fields, 4) == 3,
        _text(fields, 6).lstrip("."),
    )


def _joined(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _pieces(fields: list[Field], number: int) -> Iterator[bytes]:
    return (field.data for field in fields if field.number == number and field.kind == LEN)


def _text(fields: list[Field], number: int) -> str:
    found = [field.data for field in fields if field.number == number and field.kind == LEN]
    return printable(found[-1]) if found else ""


def _number(fields: list[Field], number: int) -> int:
    found = [field.value for field in fields if field.number == number and field.kind == VARINT]
    value = found[-1] if found else 0
    return value - (1 << 64) if value >> 63 else value
