"""MessagePack as a tree: values one after the other, extensions, timestamps, names of any type.

Reads the bytes itself, because a reader that makes values of them loses what is seen here: which of
two equal names came first, how a number was written, and what there is of a value that was cut off.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final

from soth_mitm.decode.binary_tree import HELD, MOST_DEPTH, PAUSE, BinaryTree, Broken, read_all
from soth_mitm.decode.nest import Nest
from soth_mitm.decode.numbers import float_text, when_text
from soth_mitm.decode.outline import as_text, byte_text, quoted

TIMESTAMP: Final = 255
"""The extension type -1."""

LOOK: Final = 4096

_UNUSED: Final = 0xC1
_WORDS: Final = {0xC0: "null", 0xC2: "false", 0xC3: "true"}
# What follows the first byte: a length or a count, and for numbers the value.
_LENGTHS: Final = {
    0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xC7: ">B", 0xC8: ">H", 0xC9: ">I", 0xD9: ">B", 0xDA: ">H",
    0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I",
}  # fmt: skip
_LENGTH_OF: Final = {first: struct.Struct(form) for first, form in _LENGTHS.items()}
_NUMBERS: Final = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h",
    0xD2: ">i", 0xD3: ">q",
}  # fmt: skip
_NUMBER_OF: Final = {first: struct.Struct(form) for first, form in _NUMBERS.items()}


class MsgpackView(BinaryTree):
    """A `View` of MessagePack."""

    format = "MessagePack"

    def __init__(self) -> None:
        super().__init__()
        self.nest = Nest(self.outline)

    def missing(self) -> str:
        """See `BinaryTree`."""
        return self.nest.missing()

    def items(self, data: bytes, *, final: bool) -> Generator[None, None, int]:
        """See `BinaryTree`."""
        at, size, nest = 0, len(data), self.nest
        pause = PAUSE
        while at < size and not self.skip:
            first = data[at]
            if first <= 0x7F:
                nest.scalar(str(first))
                at += 1
            elif first >= 0xE0:
                nest.scalar(str(first - 256))
                at += 1
            elif first in _WORDS:
                nest.scalar(_WORDS[first])
                at += 1
            elif 0xA0 <= first <= 0xBF:
                end = self._string(data, at + 1, first & 0x1F)
                if end < 0:
                    break
                at = end
            elif first <= 0x9F:
                self._open(at, first & 0x0F, is_map=first < 0x90)
                at += 1
            else:
                end = self._long(data, at, first)
                if end < 0:
                    break
                at = end
            pause -= 1
            if not pause:
                pause = PAUSE
                yield
        return at

    def _long(self, data: bytes, at: int, first: int) -> int:
        """Read an item of more than one byte; return where it ends, -1 where that has not come."""
        number = _NUMBER_OF.get(first)
        if number is not None:
            end = at + 1 + number.size
            if end > len(data):
                return -1
            value = number.unpack_from(data, at + 1)[0]
            self.nest.scalar(float_text(value, single=first == 0xCA) if first <= 0xCB else str(value))
            return end
        if 0xD4 <= first <= 0xD8:
            return self._extension(data, at + 1, 1 << (first - 0xD4))
        length = _LENGTH_OF.get(first)
        if length is None:
            raise Broken(at, f"0x{first:02x} is never used")
        begin = at + 1 + length.size
        if begin > len(data):
            return -1
        count: int = length.unpack_from(data, at + 1)[0]
        if first >= 0xDC:
            self._open(at, count, is_map=first >= 0xDE)
            return begin
        if first >= 0xD9:
            return self._string(data, begin, count)
        if first >= 0xC7:
            return self._extension(data, begin, count)
        return self._binary(data, begin, count)

    def _open(self, at: int, count: int, *, is_map: bool) -> None:
        if self.nest.depth >= MOST_DEPTH:
            raise Broken(at, f"nested deeper than {MOST_DEPTH} levels")
        opener, closer = ("{", "}") if is_map else ("[", "]")
        self.nest.open(opener, closer, count, is_map=is_map)

    def _piece(self, data: bytes, begin: int, size: int) -> bytes | None:
        """Return the payload of an item, or the beginning of a long one; None where it has not come."""
        kept = min(size, HELD)
        if begin + kept > len(data):
            return None
        self.skip = size - kept
        return data[begin : begin + kept]

    def _string(self, data: bytes, begin: int, size: int) -> int:
        piece = self._piece(data, begin, size)
        if piece is None:
            return -1
        text = as_text(piece) if self.skip else _strictly(piece)
        if text is None:
            self.nest.scalar(byte_text(piece, size)[0], f"a string of {size:,} bytes that is not UTF-8")
        elif self.skip:
            self.nest.scalar(quoted(text)[:-1] + '…"', f"{size:,} bytes")
        else:
            self.nest.scalar(quoted(text))
        return begin + len(piece)

    def _binary(self, data: bytes, begin: int, size: int) -> int:
        piece = self._piece(data, begin, size)
        if piece is None:
            return -1
        self.nest.scalar(*byte_text(piece, size))
        return begin + len(piece)

    def _extension(self, data: bytes, begin: int, size: int) -> int:
        if begin >= len(data):
            return -1
        kind = data[begin]
        piece = self._piece(data, begin + 1, size)
        if piece is None:
            return -1
        when = _timestamp(piece) if kind == TIMESTAMP and not self.skip else ""
        if when:
            self.nest.scalar(when, "timestamp")
        else:
            text, note = byte_text(piece, size)
            self.nest.scalar(f"ext({kind - 256 if kind > 127 else kind}, {text})", note)
        return begin + 1 + len(piece)


def _strictly(piece: bytes) -> str | None:
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return None


def moment(data: bytes) -> tuple[int, int] | None:
    """Return the seconds since 1970 and the nanoseconds of a timestamp; None where it has no size of one."""
    if len(data) == 4:
        return int.from_bytes(data), 0
    if len(data) == 8:
        both = int.from_bytes(data)
        return both & (1 << 34) - 1, both >> 34
    if len(data) == 12:
        return int.from_bytes(data[4:], signed=True), int.from_bytes(data[:4])
    return None


def _timestamp(data: bytes) -> str:
    """Return a timestamp as RFC 3339 writes it; empty where it is none that a calendar has."""
    when = moment(data)
    return when_text(*when) if when is not None else ""


def msgpack_reason(data: bytes, *, whole: bool) -> str:
    """Say why bytes without a type look like MessagePack; empty where they do not.

    They begin with a map or an array that is not empty, and what there is of them breaks no rule; a
    map has a string as its first name.
    """
    first = data[0] if data else 0
    is_map = 0x81 <= first <= 0x8F or first in (0xDE, 0xDF)
    if not (is_map or 0x91 <= first <= 0x9F or first in (0xDC, 0xDD)):
        return ""
    name = data[1 if first <= 0x9F else 3 if first == 0xDE else 5 :][:1]
    if is_map and not (b"\xa0" <= name <= b"\xbf" or name in (b"\xd9", b"\xda")):
        return ""
    view = MsgpackView()
    try:
        at = read_all(view.items(data[:LOOK], final=False))
    except Broken:
        return ""
    cut = len(data) > LOOK or not whole
    if not at or (not cut and (at < len(data) or view.nest.depth)):
        return ""
    return "bytes read as a MessagePack " + ("map" if is_map else "array")
