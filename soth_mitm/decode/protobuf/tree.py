"""The fields of a message as a tree, by its schema where that is known, by a guess where it is not."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.binary_tree import PAUSE
from soth_mitm.decode.numbers import float_text, when_text
from soth_mitm.decode.outline import byte_text, quoted
from soth_mitm.decode.protobuf import guess
from soth_mitm.decode.protobuf.schema import Kind
from soth_mitm.decode.protobuf.wire import (
    END_GROUP,
    FIXED32,
    FIXED64,
    GROUP,
    LEN,
    NAMES,
    VARINT,
    Field,
    WireError,
    fields_of,
    signed,
    varints_of,
    zigzag,
)

if TYPE_CHECKING:
    from soth_mitm.decode.outline import Outline
    from soth_mitm.decode.protobuf.schema import FieldType, Message, Schema

MOST_DEPTH: Final = 100
"""Messages in messages, as many as other readers take; what is deeper is shown as bytes."""

_ON_ONE_LINE: Final = 16
"""Packed numbers that are written on one line."""

_WIRE: Final = {
    Kind.DOUBLE: FIXED64, Kind.FIXED64: FIXED64, Kind.SFIXED64: FIXED64, Kind.FLOAT: FIXED32,
    Kind.FIXED32: FIXED32, Kind.SFIXED32: FIXED32, Kind.STRING: LEN, Kind.BYTES: LEN, Kind.MESSAGE: LEN,
    Kind.GROUP: GROUP,
}  # fmt: skip
_TIMESTAMP: Final = "google.protobuf.Timestamp"
_DURATION: Final = "google.protobuf.Duration"
_ANY: Final = "google.protobuf.Any"


class Teller:
    """Writes fields into an outline, in steps."""

    def __init__(self, outline: Outline, schema: Schema | None) -> None:
        self._outline = outline
        self._schema = schema
        self._steps = PAUSE
        # The open groups, with what is known of the message around each.
        self._groups: list[tuple[int, Message | None]] = []

    @property
    def group(self) -> int:
        """The number of the group that is open; 0 for none."""
        return self._groups[-1][0] if self._groups else 0

    def tell(self, field: Field, message: Message | None, size: int = -1) -> Iterator[None]:
        """Write a field of a message; of a `LEN`, `data` may be the beginning of `size` bytes only.

        Raises:
            WireError: a group ends that is not open, or it is nested too deeply.
        """
        self._steps -= 1
        if not self._steps:
            self._steps = PAUSE
            yield
        if self._groups:
            message = self._groups[-1][1]
        known = message.fields.get(field.number) if message is not None else None
        if field.kind in (GROUP, END_GROUP):
            self._group(field, known)
            return
        if known is None:
            unknown = "not in the schema" if message is not None else ""
            yield from self._guess(field, size, unknown)
        elif field.kind == _WIRE.get(Kind(known.kind), VARINT):
            yield from self._known(field, known, size)
        elif field.kind == LEN and known.kind not in (Kind.STRING, Kind.BYTES, Kind.MESSAGE):
            self._packed(field, known, size)
        else:
            yield from self._guess(
                field, size, f"{known.name} in the schema, but on the wire {NAMES[field.kind]}"
            )

    def message(self, data: bytes, message: Message | None, note: str = "") -> Iterator[None]:
        """Write a message that is all there as an object; one that breaks the rules ends in its bytes."""
        outline = self._outline
        if outline.depth >= MOST_DEPTH:
            outline.value(*byte_text(data))
            outline.note(f"nested deeper than {MOST_DEPTH} levels")
            return
        outline.open("{", "}", note)
        groups, self._groups = self._groups, []
        depth = outline.depth
        try:
            for field in fields_of(data):
                yield from self.tell(field, message)
            flaw = f"group {self.group} has no end" if self.group else ""
        except WireError as error:
            flaw = f"byte {error.at:,} of {len(data):,}: {error.why}"
        while outline.depth > depth:
            outline.close()
        if flaw:
            outline.say(f"# {flaw}")
        self._groups = groups
        outline.close()

    def _group(self, field: Field, known: FieldType | None) -> None:
        if field.kind == END_GROUP:
            if self.group != field.number:
                raise WireError(0, f"group {field.number} ends, which is not open")
            self._groups.pop()
            self._outline.close()
            return
        if self._outline.depth >= MOST_DEPTH:
            raise WireError(0, f"nested deeper than {MOST_DEPTH} levels")
        self._name(field, known)
        self._outline.open("{", "}", "group")
        self._groups.append((field.number, self._type(known)))

    def _name(self, field: Field, known: FieldType | None) -> None:
        self._outline.name(known.name if known is not None and known.name else str(field.number))

    def _type(self, known: FieldType | None) -> Message | None:
        if known is None or self._schema is None:
            return None
        return self._schema.messages.get(known.type_name)

    # --- by the schema

    def _known(self, field: Field, known: FieldType, size: int) -> Iterator[None]:
        outline = self._outline
        self._name(field, known)
        if field.kind != LEN:
            outline.value(*self._scalar(field.value, known))
        elif known.kind == Kind.MESSAGE and size < 0:
            yield from self._message(field.data, known)
        elif known.kind == Kind.STRING and (size >= 0 or _is_utf8(field.data)):
            outline.value(*guess.text_reading(field.data, max(size, len(field.data))))
        else:
            outline.value(*byte_text(field.data, size))
            if known.kind == Kind.STRING:
                outline.note("a string that is not UTF-8")

    def _message(self, data: bytes, known: FieldType) -> Iterator[None]:
        note = ""
        if known.type_name in (_TIMESTAMP, _DURATION):
            note = _well_known(data, known.type_name)
        if known.type_name == _ANY and self._schema is not None:
            yield from self._any(data)
            return
        yield from self.message(data, self._type(known), note)

    def _any(self, data: bytes) -> Iterator[None]:
        """Write a `google.protobuf.Any`, its value by the type that it names."""
        assert self._schema is not None
        outline = self._outline
        outline.open("{", "}")
        try:
            fields = list(fields_of(data))
        except WireError as error:
            fields = []
            outline.say(f"# byte {error.at:,} of {len(data):,}: {error.why}")
        name = next((field.data for field in fields if (field.number, field.kind) == (1, LEN)), b"")
        inner = self._schema.of_name(name.decode("utf-8", "replace"))
        for field in fields:
            if (field.number, field.kind) == (1, LEN):
                outline.name("type_url")
                outline.value(*guess.text_reading(field.data, len(field.data)))
            elif (field.number, field.kind) == (2, LEN) and inner is not None:
                outline.name("value")
                yield from self.message(field.data, inner)
            elif field.kind not in (GROUP, END_GROUP):
                yield from self._guess(field, -1, "")
        outline.close()

    def _scalar(self, value: int, known: FieldType) -> tuple[str, str]:
        kind = known.kind
        if kind in (Kind.DOUBLE, Kind.FLOAT):
            single = kind == Kind.FLOAT
            packed = value.to_bytes(4 if single else 8, "little")
            return float_text(struct.unpack("<f" if single else "<d", packed)[0], single=single), ""
        if kind == Kind.BOOL:
            return "true" if value else "false", ""
        if kind == Kind.ENUM:
            number = signed(value)
            names = self._schema.enums.get(known.type_name, {}) if self._schema is not None else {}
            return (names[number], str(number)) if number in names else (str(number), "not in the enum")
        if kind in (Kind.SINT32, Kind.SINT64):
            return str(zigzag(value)), ""
        if kind in (Kind.INT64, Kind.SFIXED64):
            return str(signed(value)), guess.time_reading(value) if kind == Kind.INT64 else ""
        if kind in (Kind.INT32, Kind.SFIXED32):
            return str(signed(value & 0xFFFFFFFF, 32)), ""
        return str(value), guess.time_reading(value) if kind == Kind.UINT64 else ""

    def _packed(self, field: Field, known: FieldType, size: int) -> None:
        """Write packed numbers as an array."""
        outline, data = self._outline, field.data
        wire = _WIRE.get(Kind(known.kind), VARINT)
        width = 8 if wire == FIXED64 else 4
        if wire == VARINT:
            values = varints_of(data)
        elif len(data) % width:
            values = []
        else:
            values = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
        self._name(field, known)
        if size >= 0 or (data and not values):
            outline.value(*byte_text(data, size))
            outline.note("packed numbers, too many to be shown" if size >= 0 else "no packed numbers")
            return
        texts = [self._scalar(value, known)[0] for value in values]
        if len(texts) <= _ON_ONE_LINE:
            outline.value(f"[{', '.join(texts)}]")
            return
        outline.open("[", "]")
        for text in texts:
            outline.value(text)
        outline.close()

    # --- by a guess

    def _guess(self, field: Field, size: int, note: str) -> Iterator[None]:
        outline = self._outline
        outline.name(str(field.number))
        if field.kind == VARINT:
            outline.value(*guess.varint_reading(field.value))
        elif field.kind != LEN:
            outline.value(*guess.fixed_reading(field.value, field.kind))
        else:
            reading: guess.Reading = "bytes"
            if size < 0:
                reading = yield from guess.reading_of(field.data)
            if reading == "message":
                yield from self.message(field.data, None, f"{len(field.data):,} bytes that read as fields")
            elif reading == "text":
                outline.value(quoted(field.data.decode("utf-8")))
            else:
                outline.value(*guess.bytes_reading(field.data, max(size, len(field.data))))
        outline.note(note)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _well_known(data: bytes, name: str) -> str:
    """Say in words when a timestamp is, or how long a duration takes; empty where it is none."""
    try:
        found = {field.number: signed(field.value) for field in fields_of(data) if field.kind == VARINT}
    except WireError:
        return ""
    seconds, nanos = found.get(1, 0), found.get(2, 0)
    if name == _TIMESTAMP:
        return when_text(seconds, nanos)
    return f"{float_text(seconds + nanos / 1e9)} s"
