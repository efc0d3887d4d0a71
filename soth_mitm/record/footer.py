"""The footer of a segment: where its blocks are, and the marks that let a file be read from its end.

The footer is the payload of the segment's last block. Its own last bytes are the tail: they say how
long the segment is, so a reader walks a file backwards from segment to segment. A segment that was
cut off has none; `rebuild` makes the same table from the block headers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

import msgspec

from soth_mitm.record.format import (
    BLOCK_FOOTER,
    BLOCK_HEADER_SIZE,
    LayoutError,
    block_payload,
    decode_block_header,
    finish_block,
)

END_MAGIC = b"SOTHEND\n"
TAIL = struct.Struct("<QI8s")
"""Length of the whole segment, length of the footer's block, `END_MAGIC`: the last bytes of a segment."""

ENTRY_BYTES = 40
"""More than one entry of the table takes."""


class BlockEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of the table: a block, and which events it holds."""

    offset: int
    """Where its header begins, from the start of the segment."""
    length: int
    """Of header and payload."""
    first_seq: int
    last_seq: int
    frames: int
    flags: int


class SegmentTable(NamedTuple):
    """The blocks of one segment, and where the segment stands in its file."""

    start: int
    length: int
    blocks: tuple[BlockEntry, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[BlockEntry, ...])


def encode_footer(blocks: Iterable[BlockEntry], offset: int) -> bytearray:
    """Return the block that ends a segment, to stand at `offset` in it."""
    buffer = bytearray(BLOCK_HEADER_SIZE)
    buffer += _encoder.encode(tuple(blocks))
    length = len(buffer) + TAIL.size
    buffer += TAIL.pack(offset + length, length, END_MAGIC)
    finish_block(buffer, flags=BLOCK_FOOTER, frames=0, first_seq=0, last_seq=0)
    return buffer


def decode_footer(payload: bytes) -> tuple[BlockEntry, ...]:
    """Read the table from a footer's payload.

    Raises:
        LayoutError: the payload is no footer.
    """
    if len(payload) < TAIL.size or payload[-len(END_MAGIC) :] != END_MAGIC:
        raise LayoutError("footer_tail")
    try:
        return _decoder.decode(payload[: -TAIL.size])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LayoutError("footer_map") from error


def read_tables(file: BinaryIO) -> list[SegmentTable] | None:
    """Read the tables of all segments from the end of a file that can be sought, first segment first.

    Returns None where a segment has no sound footer: the file must then be read from its start.
    """
    tables: list[SegmentTable] = []
    end = file.seek(0, 2)
    while end > 0:
        try:
            table = _table_before(file, end)
        except LayoutError:
            return None
        tables.append(table)
        end = table.start
    tables.reverse()
    return tables


def _table_before(file: BinaryIO, end: int) -> SegmentTable:
    if end < TAIL.size:
        raise LayoutError("footer_tail")
    file.seek(end - TAIL.size)
    segment, block, magic = TAIL.unpack(file.read(TAIL.size))
    if magic != END_MAGIC or not BLOCK_HEADER_SIZE + TAIL.size <= block <= segment <= end:
        raise LayoutError("footer_tail")
    file.seek(end - block)
    data = file.read(block)
    header = decode_block_header(data)
    if header is None or not header.flags & BLOCK_FOOTER:
        raise LayoutError("footer_block")
    return SegmentTable(end - segment, segment, decode_footer(block_payload(data)))
