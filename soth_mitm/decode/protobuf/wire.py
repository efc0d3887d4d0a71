"""The wire format of Protocol Buffers: numbered fields, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

VARINT: Final = 0
FIXED64: Final = 1
LEN: Final = 2
GROUP: Final = 3
END_GROUP: Final = 4
FIXED32: Final = 5

NAMES: Final = {
    VARINT: "varint", FIXED64: "fixed64", LEN: "bytes", GROUP: "group", END_GROUP: "end of group",
    FIXED32: "fixed32",
}  # fmt: skip

MOST_NUMBER: Final = (1 << 29) - 1
_RESERVED: Final = range(19_000, 20_000)
_LONGEST_VARINT: Final = 10

PAUSE: Final = 256
"""Fields after which a long guess pauses."""


class WireError(Exception):
    """The bytes break the rules of the wire format at `at`."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at = at
        self.why = why


class Cut(Exception):
    """The bytes end inside a field."""


class Head(NamedTuple):
    """The beginning of a field: what it is, and where its value lies."""

    number: int
    kind: int
    value: int
    """A number; of `LEN`, how many bytes follow."""
    end: int
    """Behind the number; of `LEN`, where its bytes begin."""


class Field(NamedTuple):
    """A field whose value is all there."""

    number: int
    kind: int
    value: int
    data: bytes
    """The bytes of a `LEN`."""


def varint(value: int, wide: int = 0) -> bytes:
    """Return a varint, of `wide` bytes where it needs fewer."""
    out = bytearray()
    while value > 0x7F or len(out) + 1 < wide:
        out.append(0x80 | (value & 0x7F))
        value >>= 7
    out.append(value)
    return bytes(out)


def varint_at(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint, of 64 bits at most, and where it ends.

    Raises:
        WireError: it is too long.
        Cut: it has no end.
    """
    value = shift = 0
    start = at
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                raise WireError(start, "a varint of more than 64 bits")
            return value, at
        shift += 7
        if at - start == _LONGEST_VARINT:
            raise WireError(start, f"a varint of more than {_LONGEST_VARINT} bytes")
    raise Cut


def head_at(data: bytes, at: int) -> Head:
    """Return the beginning of the field at `at`; of a `LEN`, its bytes need not be there.

    Raises:
        WireError: there is none.
        Cut: it is not all there.
    """
    key, end = varint_at(data, at)
    number, kind = key >> 3, key & 7
    if not number or number > MOST_NUMBER:
        raise WireError(at, f"no field has the number {number:,}")
    if kind in (VARINT, LEN):
        value, end = varint_at(data, end)
        return Head(number, kind, value, end)
    if kind in (FIXED64, FIXED32):
        size = 8 if kind == FIXED64 else 4
        if end + size > len(data):
            raise Cut
        return Head(number, kind, int.from_bytes(data[end : end + size], "little"), end + size)
    if kind in (GROUP, END_GROUP):
        return Head(number, kind, 0, end)
    raise WireError(at, f"no field has the wire type {kind}")


def fields_of(data: bytes) -> Iterator[Field]:
    """Yield the fields of a message that is all there; groups as their beginnings and ends.

    Raises:
        WireError: it breaks the rules, or ends inside a field.
    """
    at = 0
    try:
        while at < len(data):
            number, kind, value, end = head_at(data, at)
            if kind != LEN:
                yield Field(number, kind, value, b"")
                at = end
                continue
            if end + value > len(data):
                raise Cut
            yield Field(number, kind, value, data[end : end + value])
            at = end + value
    except Cut:
        raise WireError(at, "the bytes end inside a field") from None


def reads_as_message(data: bytes) -> Generator[None, None, bool]:
    """Return, after pauses, whether bytes are nothing but fields that a schema could have."""
    groups: list[int] = []
    pause = PAUSE
    try:
        for number, kind, _, _ in fields_of(data):
            if number in _RESERVED:
                return False
            if kind == GROUP:
                groups.append(number)
            elif kind == END_GROUP and (not groups or groups.pop() != number):
                return False
            pause -= 1
            if not pause:
                pause = PAUSE
                yield
    except WireError:
        return False
    return not groups


def varints_of(data: bytes) -> list[int]:
    """Return the varints that bytes are nothing but; empty where they are not."""
    found: list[int] = []
    at = 0
    try:
        while at < len(data):
            value, at = varint_at(data, at)
            found.append(value)
    except (WireError, Cut):
        return []
    return found


def zigzag(value: int) -> int:
    """Return what a varint means as `sint32` or `sint64`."""
    return value >> 1 ^ -(value & 1)


def signed(value: int, bits: int = 64) -> int:
    """Return what a number means as a signed one."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value
