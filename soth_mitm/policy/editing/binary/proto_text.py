"""Protocol Buffers as a text: a field a line, by its name where that is known and else by its number."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.protobuf.guess import reading_of
from soth_mitm.decode.protobuf.schema import Kind
from soth_mitm.decode.protobuf.wire import (
    END_GROUP,
    FIXED32,
    GROUP,
    LEN,
    VARINT,
    Cut,
    Head,
    WireError,
    head_at,
    reads_as_message,
    varint_at,
)
from soth_mitm.policy.editing.binary import proto_form as form
from soth_mitm.policy.editing.binary.lexing import MOST_DEPTH, PAUSE, Unwritable, hexed, quoted

if TYPE_CHECKING:
    from soth_mitm.decode.protobuf.schema import FieldType, Message, Schema

_PACKED_ON_A_LINE: Final = 16


def write_message(data: bytes, message: Message | None, schema: Schema | None) -> Generator[None, None, str]:
    """Return, after pauses, the fields of a message as a text.

    Raises:
        Unwritable: the bytes break the rules of the format, or end within a field.
    """
    writer = ProtoWriter(schema)
    try:
        yield from writer.fields(data, message)
    except WireError as error:
        raise Unwritable(f"byte {error.at:,}: {error.why}") from None
    return "\n".join(writer.out)


class ProtoWriter:
    """Writes fields as lines."""

    def __init__(self, schema: Schema | None) -> None:
        self._schema = schema
        self._pause = PAUSE
        self.out: list[str] = []
        self.depth = 0
        """Levels around what is written next."""

    def fields(self, data: bytes, message: Message | None) -> Iterator[None]:
        """Write the fields of a message.

        Raises:
            WireError: the bytes break the rules, or end within a field.
        """
        at, groups = 0, list[tuple[int, "Message | None"]]()
        while at < len(data):
            try:
                head = head_at(data, at)
            except Cut:
                raise WireError(at, "the bytes end inside a field") from None
            end = head.end + (head.value if head.kind == LEN else 0)
            if end > len(data):
                raise WireError(at, "the bytes end inside a field")
            inside = groups[-1][1] if groups else message
            known = inside.fields.get(head.number) if inside is not None and self._schema else None
            known = known if known is not None and known.kind in form.KINDS and known.name else None
            if head.kind in (GROUP, END_GROUP):
                self._group(data, at, head, known, groups)
            else:
                yield from self._field(data, at, head, known)
            at = end
            self._pause -= 1
            if not self._pause:
                self._pause = PAUSE
                yield
        if groups:
            raise WireError(at, f"group {groups[-1][0]} has no end")

    def line(self, text: str) -> None:
        """Write a line."""
        self.out.append("  " * self.depth + text)

    def _group(
        self, data: bytes, at: int, head: Head, known: FieldType | None,
        groups: list[tuple[int, Message | None]],
    ) -> None:  # fmt: skip
        if len(form.packed_key(head.number, head.kind)) != head.end - at:
            raise WireError(at, "the beginning of a group takes more bytes than it needs")
        if head.kind == END_GROUP:
            if not groups or groups.pop()[0] != head.number:
                raise WireError(at, f"group {head.number} ends, which is not open")
            self.depth -= 1
            self.line("}")
            return
        if self.depth >= MOST_DEPTH:
            raise WireError(at, f"nested deeper than {MOST_DEPTH} levels")
        named = known if known is not None and known.kind == Kind.GROUP else None
        self.line(f"{named.name} {{" if named is not None else f"{head.number} group {{")
        self.depth += 1
        groups.append((head.number, self._type(named)))

    def _type(self, known: FieldType | None) -> Message | None:
        if known is None or self._schema is None:
            return None
        return self._schema.messages.get(known.type_name)

    def _field(self, data: bytes, at: int, head: Head, known: FieldType | None) -> Iterator[None]:
        _, begin = varint_at(data, at)
        stop = head.end + (head.value if head.kind == LEN else 0)
        if len(form.packed_key(head.number, head.kind)) != begin - at:
            self.line(f"raw {hexed(data[at:stop])}")
            return
        size = form.wide_of(head.value, head.end - begin) if head.kind in (VARINT, LEN) else 0
        wide = f"wide{size} " if size else ""
        if head.kind == LEN:
            yield from self._bytes(data[head.end : stop], head.number, known, wide)
            return
        text = self._by_schema(head, known) if known is not None else ""
        name = f"{known.name}: " if known is not None and text else f"{head.number}: "
        self.line(name + wide + (text or _by_guess(head)))

    def _by_schema(self, head: Head, known: FieldType) -> str:
        assert self._schema is not None
        fits = known.kind != Kind.GROUP and form.WIRES.get(Kind(known.kind), VARINT) == head.kind
        return form.spelled(head.value, known, self._schema) if fits else ""

    # --- bytes

    def _bytes(self, data: bytes, number: int, known: FieldType | None, wide: str) -> Iterator[None]:
        kind = known.kind if known is not None and known.kind != Kind.GROUP else 0
        name = known.name if known is not None and kind else str(number)
        if kind == Kind.MESSAGE:
            if (yield from reads_as_message(data)) and self.depth < MOST_DEPTH:
                yield from self.block(name, wide, data, self._type(known))
            else:
                self.line(f"{name}: {wide}{hexed(data)}")
        elif kind in (Kind.STRING, Kind.BYTES):
            self.line(f"{name}: {wide}{_text(data) if kind == Kind.STRING else hexed(data)}")
        elif known is not None and kind:
            self._packed(data, known, wide)
        else:
            reading = yield from reading_of(data)
            if reading == "message" and self.depth < MOST_DEPTH:
                yield from self.block(str(number), wide, data, None)
            else:
                self.line(f"{number}: {wide}{_text(data) if reading == 'text' else hexed(data)}")

    def block(self, name: str, wide: str, data: bytes, message: Message | None) -> Iterator[None]:
        """Write a message in braces; as bytes where it breaks the rules further down."""
        if not data:
            self.line(f"{name} {wide}{{}}")
            return
        kept, depth = len(self.out), self.depth
        self.line(f"{name} {wide}{{")
        self.depth += 1
        try:
            yield from self.fields(data, message)
        except WireError:
            del self.out[kept:]
            self.depth = depth
            self.line(f"{name}: {wide}{hexed(data)}")
            return
        self.depth = depth
        self.line("}")

    def _packed(self, data: bytes, known: FieldType, wide: str) -> None:
        texts = self._numbers(data, known)
        if texts is None:
            self.line(f"{known.name}: {wide}{hexed(data)}")
        elif len(texts) <= _PACKED_ON_A_LINE:
            self.line(f"{known.name}: {wide}[{', '.join(texts)}]")
        else:
            self.line(f"{known.name}: {wide}[")
            self.out.extend(f"{'  ' * (self.depth + 1)}{text}," for text in texts)
            self.line("]")

    def _numbers(self, data: bytes, known: FieldType) -> list[str] | None:
        """Return packed numbers as texts; None where they would not give the same bytes again."""
        assert self._schema is not None
        wire = form.WIRES.get(Kind(known.kind), VARINT)
        texts: list[str] = []
        at, width = 0, 4 if wire == FIXED32 else 8
        while at < len(data):
            start = at
            if wire == VARINT:
                try:
                    value, at = varint_at(data, at)
                except (Cut, WireError):
                    return None
            else:
                value, at = int.from_bytes(data[at : at + width], "little"), at + width
            text = form.spelled(value, known, self._schema)
            if not text or form.packed_scalar(value, known.kind) != data[start:at]:
                return None
            texts.append(text)
        return texts


def _text(data: bytes) -> str:
    try:
        return quoted(data.decode("utf-8"))
    except UnicodeDecodeError:
        return hexed(data)


def _by_guess(head: Head) -> str:
    """Return a number whose field is not known; of four and eight bytes what it more likely is."""
    if head.kind == VARINT:
        return str(head.value)
    kind, name, other = (
        (Kind.FLOAT, "float", "fixed32") if head.kind == FIXED32 else (Kind.DOUBLE, "double", "fixed64")
    )
    text = form.spelled_float(head.value, kind)
    if head.value and text and text != "NaN" and 1e-7 < abs(float(text)) < 1e15:
        return f"{name} {text}"
    return f"{other} {head.value}"
