"""Such a text read: a message once more, and frames of gRPC around messages."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.protobuf.schema import FieldType, Kind
from soth_mitm.decode.protobuf.wire import END_GROUP, GROUP, LEN, MOST_NUMBER, VARINT, varint
from soth_mitm.policy.editing.binary import proto_form as form
from soth_mitm.policy.editing.binary.lexing import (
    END,
    HEX,
    MOST_DEPTH,
    PAUSE,
    STRING,
    WORD,
    Misread,
    Token,
    hex_value,
    integer,
    number,
    text_value,
    tokens_of,
)

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import Message, Schema

_UNKNOWN: Final = FieldType("", 0, 0)
_NUMBERS: Final = frozenset(range(1, 19)) - {Kind.STRING, Kind.BYTES, Kind.MESSAGE, Kind.GROUP}


def read_message(text: str, message: Message | None, schema: Schema | None) -> Generator[None, None, bytes]:
    """Return, after pauses, the message that a text means.

    Raises:
        Misread: it means none.
    """
    reader = ProtoReader(text, schema)
    inside = Inside(message, "", 0, 0)
    yield from reader.fields(inside)
    return bytes(inside.out)


class Inside:
    """A message, a group or a list that is being read."""

    def __init__(self, message: Message | None, sign: str, at: int, key: int, wide: int = 0) -> None:
        self.message = message
        self.sign = sign
        """What closes it; empty for what ends with the text."""
        self.at = at
        self.number = key
        self.wide = wide
        self.group = False
        self.field: FieldType = _UNKNOWN
        """Of a list, what its numbers are."""
        self.out = bytearray()
        self.names: dict[str, FieldType] = (
            {}
            if message is None
            else {each.name: each for each in message.fields.values() if each.kind in form.KINDS}
        )

    def ended(self) -> bytes:
        """Return it as a field."""
        if self.group:
            return form.packed_key(self.number, GROUP) + self.out + form.packed_key(self.number, END_GROUP)
        return form.packed_key(self.number, LEN) + varint(len(self.out), self.wide) + bytes(self.out)


class ProtoReader:
    """Reads fields."""

    def __init__(self, text: str, schema: Schema | None) -> None:
        self._schema = schema
        self._tokens: Iterator[Token] = tokens_of(text)
        self.now = next(self._tokens)

    def take(self) -> Token:
        """Return the next word, and go on."""
        token = self.now
        if token.kind != END:
            self.now = next(self._tokens)
        return token

    def want(self, kind: str, reason: str) -> Token:
        """Return the next word, which is of a kind."""
        if self.now.kind != kind:
            raise Misread(self.now.at, reason)
        return self.take()

    def fields(self, outer: Inside) -> Iterator[None]:
        """Read fields into `outer`, up to what closes it, in steps."""
        around = [outer]
        pause = PAUSE
        fresh = True
        while True:
            pause -= 1
            if not pause:
                pause = PAUSE
                yield
            inner, token = around[-1], self.now
            if token.kind == END:
                if inner.sign:
                    raise Misread(token.at, f"the text ends before {inner.sign}")
                return
            if token.kind == inner.sign:
                self.take()
                if len(around) == 1:
                    return
                around.pop()
                around[-1].out.extend(inner.ended())
                fresh = False
            elif token.kind == ",":
                if fresh:
                    raise Misread(token.at, "a field is missing before this comma")
                self.take()
                fresh = True
            elif not (fresh or token.fresh):
                raise Misread(token.at, "a comma, or a new line, is missing before this")
            else:
                opened = self._listed(inner) if inner.sign == "]" else self._field(inner)
                fresh = opened is not None
                if opened is not None:
                    if len(around) > MOST_DEPTH:
                        raise Misread(token.at, f"nested deeper than {MOST_DEPTH} levels")
                    around.append(opened)

    # --- a field

    def _field(self, inner: Inside) -> Inside | None:
        token = self.take()
        if token.kind != WORD:
            raise Misread(token.at, _no_field(token))
        if token.text == "raw" and self.now.kind == HEX:
            inner.out.extend(hex_value(self.take()))
            return None
        field = self._named(inner, token)
        colon = self.take() if self.now.kind == ":" else None
        wide = self._wide()
        group = field.kind == Kind.GROUP
        if self.now.kind == WORD and self.now.text == "group" and not field.kind:
            self.take()
            group = True
            if self.now.kind != "{":
                raise Misread(self.now.at, "after group { is missing")
        if self.now.kind == "{":
            return self._open(field, wide, group=group)
        if self.now.kind == "[":
            return self._list(field, wide)
        if colon is None:
            raise Misread(self.now.at, "after the field a colon, or {, is missing")
        self._value(inner, field, wide)
        return None

    def _named(self, inner: Inside, token: Token) -> FieldType:
        known = inner.names.get(token.text)
        if known is not None:
            return known
        tag = integer(token)
        if tag is None:
            what = (
                f"{inner.message.name} has no field of this name"
                if inner.message
                else "no name is known here"
            )
            raise Misread(token.at, f"{what}: a field can be given by its number")
        if not 0 < tag <= MOST_NUMBER:
            raise Misread(token.at, f"fields have numbers from 1 to {MOST_NUMBER:,}")
        return FieldType("", tag, 0)

    def _wide(self) -> int:
        token = self.now
        size = token.text.removeprefix("wide")
        if token.kind != WORD or not token.text.startswith("wide") or not size.isdecimal():
            return 0
        if not 1 <= int(size[:3]) <= 10:
            raise Misread(token.at, "a number takes from 1 to 10 bytes")
        self.take()
        return int(size)

    def _open(self, field: FieldType, wide: int, *, group: bool) -> Inside:
        token = self.take()
        if field.kind not in (0, Kind.MESSAGE, Kind.GROUP):
            raise Misread(token.at, f"{field.name} is no message")
        message = self._schema.messages.get(field.type_name) if self._schema and field.kind else None
        inside = Inside(message, "}", token.at, field.number, wide)
        inside.group = group
        return inside

    def _list(self, field: FieldType, wide: int) -> Inside:
        token = self.take()
        if field.kind and field.kind not in _NUMBERS:
            raise Misread(token.at, f"only numbers stand in [ ]: {field.name} is written once for each value")
        inside = Inside(None, "]", token.at, field.number, wide)
        inside.field = field
        return inside

    def _listed(self, inner: Inside) -> Inside | None:
        kind, bits = self._number(inner.field)
        inner.out.extend(form.packed_scalar(bits, kind))
        return None

    # --- a value

    def _value(self, inner: Inside, field: FieldType, wide: int) -> None:
        token = self.now
        if token.kind in (STRING, HEX):
            self.take()
            if field.kind in _NUMBERS and token.kind == STRING:
                raise Misread(token.at, f"{field.name} is a number")
            data = text_value(token) if token.kind == STRING else hex_value(token)
            inner.out.extend(form.packed_key(field.number, LEN) + varint(len(data), wide) + data)
            return
        if field.kind and field.kind not in _NUMBERS:
            raise Misread(token.at, f"{field.name} is {_A[Kind(field.kind)]}")
        kind, bits = self._number(field)
        wire = form.WIRES.get(Kind(kind), VARINT)
        inner.out.extend(form.packed_key(field.number, wire) + form.packed_scalar(bits, kind, wide))

    def _number(self, field: FieldType) -> tuple[int, int]:
        """Read a number; return what type it has, and its bits."""
        token = self.want(WORD, "a value is missing here: a number, \"text\", h'...' or { }")
        kind = field.kind
        if not kind:
            kind = form.WORDS.get(token.text, 0)
            token = self.want(WORD, f"after {token.text} a number is missing") if kind else token
        if kind in form.FLOATS:
            value = number(token)
            if value is None:
                raise Misread(token.at, "this is no number")
            try:
                return kind, form.float_bits(value, kind)
            except OverflowError:
                raise Misread(token.at, "too large for float") from None
        if token.text in ("true", "false") and kind in (0, Kind.BOOL):
            return Kind.BOOL, int(token.text == "true")
        whole = self._enum(field, token.text) if kind == Kind.ENUM else None
        whole = integer(token) if whole is None else whole
        if whole is None:
            raise Misread(token.at, self._why_no_number(field, token))
        return self._whole(token, whole, kind)

    def _whole(self, token: Token, value: int, kind: int) -> tuple[int, int]:
        if not kind:
            kind = Kind.INT64 if value < 0 else Kind.UINT64
        if kind == Kind.BOOL and value not in (0, 1):
            raise Misread(token.at, "this is true or false")
        try:
            return kind, form.bits_of(value, kind)
        except OverflowError:
            raise Misread(token.at, f"this does not fit {Kind(kind).name.lower()}") from None

    def _enum(self, field: FieldType, name: str) -> int | None:
        values = self._schema.enums.get(field.type_name, {}) if self._schema else {}
        return next((value for value, each in values.items() if each == name), None)

    def _why_no_number(self, field: FieldType, token: Token) -> str:
        if field.kind == Kind.ENUM:
            return f"{field.type_name.rpartition('.')[2]} has no value of this name"
        if field.kind == Kind.BOOL:
            return "this is true or false"
        if number(token) is not None:
            return "this is no whole number" + ("" if field.kind else ": write double or float before it")
        return 'this is no value: text stands within "double quotes"'


_A: Final = {
    Kind.STRING: 'text: it stands within "double quotes"',
    Kind.BYTES: "bytes: h'...'",
    Kind.MESSAGE: "a message: { }",
    Kind.GROUP: "a group: { }",
}


def _no_field(token: Token) -> str:
    if token.kind in ("}", "]"):
        return f"there is no open {'{' if token.kind == '}' else '['} to this"
    return "a field begins with its name or its number"
