"""Header compression (RFC 7541) that remembers what it has read and written.

Most blocks of a connection equal one before it. So a block that changed nothing in the table is kept
with its fields until the table changes, and the other way round; what is kept never decides what a
block means. Package `hpack` gives the Huffman code, and is the oracle of the tests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from soth_mitm.proto.http2.codes import DEFAULT_TABLE_SIZE
from soth_mitm.proto.http2.static_table import STATIC, STATIC_NAMES, STATIC_PAIRS

Field = tuple[bytes, bytes]
Fields = tuple[Field, ...]

ENTRY_OVERHEAD = 32
"""What an entry counts besides its name and its value (RFC 7541 section 4.1)."""
_KEPT_BLOCKS = 64
_KEPT_WORDS = 4096
_KEPT_WORD = 128
_LARGEST_INDEXED = 1024
"""A value beyond this would push much out of the table, and is rarely sent twice."""

_VOLATILE = frozenset(
    {
        b":path",
        b"age",
        b"content-length",
        b"etag",
        b"if-modified-since",
        b"if-none-match",
        b"location",
        b"set-cookie",
    }
)
"""Fields whose value is seldom the same twice: they are not put into the table."""

_words: dict[bytes, bytes] = {}


class HpackError(Exception):
    """A header block that cannot be read; the connection cannot go on (RFC 9113 section 4.3)."""


class Decoded:
    """The fields of one block, in the order sent."""

    __slots__ = ("fields", "never", "oversized", "size", "view")

    def __init__(self, fields: Fields, never: tuple[int, ...], *, size: int, oversized: bool) -> None:
        self.fields = fields
        self.never = never
        """Positions of fields that must never be put into a table (RFC 7541 section 6.2.3)."""
        self.size = size
        """The header list size (RFC 9113 section 6.5.2)."""
        self.oversized = oversized
        """The list is over the limit, and `fields` holds only what was within it."""
        self.view: Any = None
        """Kept by whoever reads the fields, so that an equal block need not be read again."""


class Decoder:
    """Reads the blocks that a peer sends, in order. Holds at most `max_table` bytes of entries."""

    def __init__(self, *, max_list: int, max_table: int = DEFAULT_TABLE_SIZE) -> None:
        self._max_list = max_list
        self._max_table = max_table
        self._limit = max_table
        self._table: deque[Field] = deque()
        self._size = 0
        self._known: dict[bytes, Decoded] = {}

    def decode(self, block: bytes) -> Decoded:
        """Return the fields of a block.

        Raises:
            HpackError: it breaks the rules; nothing more can be read of this peer.
        """
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            decoded, changed = self._read(block)
        except IndexError:
            raise HpackError("the block ends inside a field") from None
        if changed:
            self._known.clear()
        else:
            if len(self._known) >= _KEPT_BLOCKS:
                self._known.clear()
            self._known[block] = decoded
        return decoded

    def _read(self, block: bytes) -> tuple[Decoded, bool]:
        fields: list[Field] = []
        never: list[int] = []
        size = pos = 0
        changed = False
        end, limit = len(block), self._max_list
        while pos < end:
            byte = block[pos]
            if byte & 0x80:
                index, pos = (byte & 0x7F, pos + 1) if byte != 0xFF else _integer(block, pos, 0x7F)
                pair = self._entry(index)
            elif byte & 0x60 == 0x20:
                if fields or size:
                    raise HpackError("a table size update after a field")
                pos = self._resize(block, pos)
                changed = True
                continue
            else:
                pair, pos = self._literal(block, pos, 0x3F if byte & 0x40 else 0x0F)
                if byte & 0x40:
                    self._insert(pair)
                    changed = True
                elif byte & 0x10:
                    never.append(len(fields))
            size += len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
            if size <= limit:
                fields.append(pair)
        return Decoded(tuple(fields), tuple(never), size=size, oversized=size > limit), changed

    def _entry(self, index: int) -> Field:
        if index < 62:
            if not index:
                raise HpackError("index 0 names no field")
            return STATIC[index]
        if index - 61 > len(self._table):
            raise HpackError(f"index {index} is beyond the table")
        return self._table[index - 62]

    def _literal(self, block: bytes, pos: int, mask: int) -> tuple[Field, int]:
        index, pos = _integer(block, pos, mask)
        if index:
            name = self._entry(index)[0]
        else:
            name, pos = _string(block, pos)
        value, pos = _string(block, pos)
        return (name, value), pos

    def _resize(self, block: bytes, pos: int) -> int:
        limit, pos = _integer(block, pos, 0x1F)
        if limit > self._max_table:
            raise HpackError(f"a table of {limit} bytes, where {self._max_table} are allowed")
        self._limit = limit
        self._evict(0)
        return pos

    def _insert(self, pair: Field) -> None:
        need = len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
        self._evict(need)
        if need <= self._limit:
            self._table.appendleft(pair)
            self._size += need

    def _evict(self, need: int) -> None:
        table = self._table
        while table and self._size + need > self._limit:
            name, value = table.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


class Encoder:
    """Writes blocks for a peer. Uses at most `DEFAULT_TABLE_SIZE` bytes of a table, less where it asks so."""

    def __init__(self) -> None:
        self._limit = DEFAULT_TABLE_SIZE
        self._announce: list[int] = []
        self._table: deque[Field] = deque()
        self._size = 0
        self._added = 0
        """How many entries were ever added: the newest one's number."""
        self._pairs: dict[Field, int] = {}
        self._names: dict[bytes, int] = {}
        self._known: dict[Fields, bytes] = {}

    def allow(self, max_table: int) -> None:
        """Heed the peer's SETTINGS_HEADER_TABLE_SIZE; the next block tells it (RFC 7541 section 4.2)."""
        limit = min(max_table, DEFAULT_TABLE_SIZE)
        if limit == self._limit:
            return
        self._limit = limit
        self._evict(0)
        self._known.clear()
        least = min(self._announce, default=limit)
        self._announce = [limit] if least >= limit else [least, limit]

    def encode(self, fields: Fields, never: Sequence[int] = ()) -> bytes:
        """Return the block of some fields; those at the positions `never` go into no table."""
        if not never:
            known = self._known.get(fields)
            if known is not None:
                return known
        out = bytearray()
        added = self._added
        announced = bool(self._announce)
        for size in self._announce:
            _put_integer(out, 0x20, 0x1F, size)
        self._announce = []
        for position, pair in enumerate(fields):
            index = STATIC_PAIRS.get(pair)
            if position in never:
                self._put_literal(out, pair, 0x10, 0x0F)
            elif index is not None:
                out.append(0x80 | index)
            elif (number := self._pairs.get(pair)) is not None:
                _put_integer(out, 0x80, 0x7F, 62 + self._added - number)
            elif pair[0] in _VOLATILE or not self._fits(pair):
                self._put_literal(out, pair, 0x00, 0x0F)
            else:
                self._put_literal(out, pair, 0x40, 0x3F)
                self._insert(pair)
        block = bytes(out)
        if self._added != added:
            self._known.clear()
        elif not never and not announced:
            if len(self._known) >= _KEPT_BLOCKS:
                self._known.clear()
            self._known[fields] = block
        return block

    def _put_literal(self, out: bytearray, pair: Field, pattern: int, mask: int) -> None:
        name, value = pair
        index = STATIC_NAMES.get(name, 0)
        if not index and (number := self._names.get(name)) is not None:
            index = 62 + self._added - number
        _put_integer(out, pattern, mask, index)
        if not index:
            _put_integer(out, 0, 0x7F, len(name))
            out += name
        _put_integer(out, 0, 0x7F, len(value))
        out += value

    def _insert(self, pair: Field) -> None:
        need = len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
        self._evict(need)
        self._added += 1
        self._table.appendleft(pair)
        self._size += need
        self._pairs[pair] = self._names[pair[0]] = self._added

    def _fits(self, pair: Field) -> bool:
        value = len(pair[1])
        return value <= _LARGEST_INDEXED and len(pair[0]) + value + ENTRY_OVERHEAD <= self._limit

    def _evict(self, need: int) -> None:
        table = self._table
        while table and self._size + need > self._limit:
            number = self._added - len(table) + 1
            pair = table.pop()
            self._size -= len(pair[0]) + len(pair[1]) + ENTRY_OVERHEAD
            if self._pairs.get(pair) == number:
                del self._pairs[pair]
            if self._names.get(pair[0]) == number:
                del self._names[pair[0]]


def _integer(block: bytes, pos: int, mask: int) -> tuple[int, int]:
    value = block[pos] & mask
    pos += 1
    if value < mask:
        return value, pos
    shift = 0
    while True:
        byte = block[pos]
        pos += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, pos
        shift += 7
        if shift > 28:
            raise HpackError("an integer of more than 32 bits")


def _string(block: bytes, pos: int) -> tuple[bytes, int]:
    coded = block[pos] & 0x80
    length, pos = _integer(block, pos, 0x7F)
    end = pos + length
    if end > len(block):
        raise HpackError("a string ends beyond its block")
    return (_unpack(block[pos:end]) if coded else block[pos:end]), end


def _unpack(coded: bytes) -> bytes:
    """Undo the Huffman code of a string."""
    known = _words.get(coded)
    if known is not None:
        return known
    from hpack.exceptions import HPACKDecodingError
    from hpack.huffman_table import decode_huffman

    try:
        word = decode_huffman(coded)
    except HPACKDecodingError:
        raise HpackError("a string that is no Huffman code") from None
    if len(coded) <= _KEPT_WORD:
        if len(_words) >= _KEPT_WORDS:
            _words.clear()
        _words[coded] = word
    return word


def _put_integer(out: bytearray, pattern: int, mask: int, value: int) -> None:
    if value < mask:
        out.append(pattern | value)
        return
    out.append(pattern | mask)
    value -= mask
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
