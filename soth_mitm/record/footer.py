"""The footer of a segment: where its blocks are, and the marks that let a file be read from its end.

The footer is the payload of the segment's last block. Its own last bytes are the tail: they say how
long the segment is, so a reader can walk a file backwards from segment to segment. A segment that was
cut off has none; the block headers say the same (`walking`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import msgspec

from soth_mitm.record.format import (
    BLOCK_FOOTER,
    BLOCK_HEADER_SIZE,
    LayoutError,
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
