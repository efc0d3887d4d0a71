"""CBOR (RFC 8949) as a tree, in the diagnostic notation of its section 8 where JSON has no words.

Items one after the other, strings in pieces, containers without a count, tags, names of any type.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final
from uuid import UUID

from soth_mitm.decode.binary_tree import HELD, MOST_DEPTH, PAUSE, BinaryTree, Broken, read_all
from soth_mitm.decode.nest import ENDLESS, Nest
from soth_mitm.decode.numbers import float_text, when_text
from soth_mitm.decode.outline import as_text, byte_text, quoted

LOOK: Final = 4096
SELF_DESCRIBED: Final = b"\xd9\xd9\xf7"

_BREAK: Final = 0xFF
_SIMPLE: Final = {20: "false", 21: "true", 22: "null", 23: "undefined"}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_MOST_TAGS: Final = 16
_MOST_DIGITS: Final = 512
_TAG_NAMES: Final = {
    0: "date and time", 2: "bignum", 3: "negative bignum", 4: "decimal fraction", 5: "bigfloat",
    21: "to be base64url", 22: "to be base64", 23: "to be base16", 24: "CBOR within", 32: "URI",
    33: "base64url", 34: "base64", 36: "MIME message", 37: "UUID", 258: "set", 55799: "self-described",
}  # fmt: skip


class CborView(BinaryTree):
    """A `View` of CBOR."""

    format = "CBOR"

    def __init__(self) -> None:
        super().__init__()
        self.nest = Nest(self.outline)
        self._tags: list[int] = []
        # A string in pieces: its major type, what is kept of it, its size, its pieces.
        self._major = 0
        self._kept = bytearray()
        self._size = self._pieces = 0

    def missing(self) -> str:
        """See `BinaryTree`."""
        if self._major:
            return "inside a string in pieces"
        return self.nest.missing() or ("behind a tag" if self._tags else "")

    def items(self, data: bytes, *, final: bool) -> Generator[None, None, int]:
        """See `BinaryTree`."""
        at, size, pause = 0, len(data), PAUSE
        while at < size and not self.skip:
            first = data[at]
            major, info = first >> 5, first & 0x1F
            if first == _BREAK:
                self._end(at)
                at += 1
                continue
            end = at + 1 + (0 if info < 24 else 1 << (info - 24) if info < 28 else 0)
            if end > size:
                break
            argument = info if info < 24 else int.from_bytes(data[at + 1 : end])
            if 28 <= info <= 30:
                raise Broken(at, f"0x{first:02x} is reserved")
            if info == 31 and major in (0, 1, 6):
                raise Broken(at, f"0x{first:02x} is no item without a length")
            end = self._item(data, at, end, major, info, argument)
            if end < 0:
                break
            at = end
            pause -= 1
            if not pause:
                pause = PAUSE
                yield
        return at

    def _item(self, data: bytes, at: int, end: int, major: int, info: int, argument: int) -> int:
        """Take an item whose head ends at `end`; return where it ends, -1 where that has not come."""
        if self._major and (major != self._major or info == 31):
            raise Broken(at, "a string in pieces holds something else")
        if major in (2, 3):
            return self._string(data, end, major, info, argument)
        if major == 0:
            self._scalar(str(argument))
        elif major == 1:
            self._scalar(str(-1 - argument))
        elif major in (4, 5):
            self._open(at, major, ENDLESS if info == 31 else argument)
        elif major == 6:
            if len(self._tags) >= _MOST_TAGS:
                raise Broken(at, f"more than {_MOST_TAGS} tags on one item")
            self._tags.append(argument)
        elif info in _FLOATS:
            value = struct.unpack(_FLOATS[info], data[at + 1 : end])[0]
            self._scalar(float_text(value, single=info == 26))
        else:
            self._scalar(_SIMPLE.get(argument, f"simple({argument})"))
        return end

    def _end(self, at: int) -> None:
        if self._major:
            major, self._major = self._major, 0
            self._tell_string(major, bytes(self._kept), self._size, f"in {self._pieces:,} pieces")
            self._kept.clear()
            return
        flaw = "a tag without an item" if self._tags else self.nest.end()
        if flaw:
            raise Broken(at, flaw)

    def _string(self, data: bytes, begin: int, major: int, info: int, size: int) -> int:
        if info == 31:
            self._major, self._size, self._pieces = major, 0, 0
            return begin
        kept = min(size, HELD)
        if begin + kept > len(data):
            return -1
        piece = data[begin : begin + kept]
        self.skip = size - kept
        if self._major:
            self._kept += piece[: HELD - len(self._kept)]
            self._size += size
            self._pieces += 1
        else:
            self._tell_string(major, piece, size, "")
        return begin + kept

    def _tell_string(self, major: int, data: bytes, size: int, note: str) -> None:
        if major == 2:
            text, about = byte_text(data, size)
            self._scalar(text, ", ".join(filter(None, (about, _meaning(self._tags, data), note))))
            return
        found = as_text(data) if size > len(data) else _strictly(data)
        if found is None:
            self._scalar(byte_text(data, size)[0], f"text of {size:,} bytes that is not UTF-8")
        elif size > len(data):
            self._scalar(quoted(found)[:-1] + '…"', ", ".join(filter(None, (f"{size:,} bytes", note))))
        else:
            self._scalar(quoted(found), note)

    def _scalar(self, text: str, note: str = "") -> None:
        if self._tags:
            if not note and self._tags[-1] == 1:
                note = _epoch(text)
            names = [_TAG_NAMES[tag] for tag in self._tags if tag in _TAG_NAMES]
            note = ", ".join(filter(None, (*names, note)))
            text = "".join(f"{tag}(" for tag in self._tags) + text + ")" * len(self._tags)
            self._tags.clear()
        self.nest.scalar(text, note)

    def _open(self, at: int, major: int, count: int) -> None:
        if self.nest.depth >= MOST_DEPTH:
            raise Broken(at, f"nested deeper than {MOST_DEPTH} levels")
        opener, closer = ("[", "]") if major == 4 else ("{", "}")
        notes = [_TAG_NAMES[tag] for tag in self._tags if tag in _TAG_NAMES]
        if self._tags:
            opener = "".join(f"{tag}(" for tag in self._tags) + opener
            closer += ")" * len(self._tags)
            self._tags.clear()
        self.nest.open(opener, closer, count, is_map=major == 5, note=", ".join(notes))


def _strictly(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _meaning(tags: list[int], data: bytes) -> str:
    """Say what tagged bytes mean: a large number, a UUID."""
    tag = tags[-1] if tags else -1
    if tag in (2, 3) and len(data) <= _MOST_DIGITS:
        value = int.from_bytes(data)
        return str(value if tag == 2 else -1 - value)
    return str(UUID(bytes=data)) if tag == 37 and len(data) == 16 else ""


def _epoch(text: str) -> str:
    """Return the moment that a number of seconds is; empty where no calendar has it."""
    try:
        value = float(text)
        seconds = int(value // 1)
    except (ValueError, OverflowError):
        return ""
    return when_text(seconds, min(int((value - seconds) * 1_000_000) * 1000, 999_999_000))


def cbor_reason(data: bytes, *, whole: bool) -> str:
    """Say why bytes without a type look like CBOR; empty where they do not.

    They say so themselves, or are a map that is not empty, whose first name is text, and what there is of
    them breaks no rule.
    """
    if data.startswith(SELF_DESCRIBED):
        return "begins with the tag that says CBOR"
    first = data[0] if data else 0
    if not (0xA1 <= first <= 0xB8 or first == 0xBF):
        return ""
    name = data[2 if first == 0xB8 else 1 :][:1]
    if not b"\x61" <= name <= b"\x79":
        return ""
    view = CborView()
    try:
        at = read_all(view.items(data[:LOOK], final=False))
    except Broken:
        return ""
    cut = len(data) > LOOK or not whole
    if at < 2 or (not cut and (at < len(data) or view.missing())):
        return ""
    return "bytes read as a CBOR map"
