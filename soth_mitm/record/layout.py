"""The layout of what a recorder writes: numbers, segments and offsets of blocks, and when a segment is full.

Everything is known before a byte is written, because blocks are stored as they are. Pure.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from typing import NamedTuple

from soth_mitm.record.footer import ENTRY_BYTES, BlockEntry, encode_footer
from soth_mitm.record.format import (
    BLOCK_BYTES,
    BLOCK_HEADER_SIZE,
    BLOCK_INDEX,
    SegmentInfo,
    encode_segment_header,
)

SEGMENT_BLOCKS = 100_000
"""Most blocks of a segment, so that its footer stays small."""


class BlockInfo(NamedTuple):
    """A block of a recording: its number from 0, where it stands, and which events it holds."""

    number: int
    segment: int
    offset: int
    """From the start of the segment, which is also that of its file in a directory."""
    length: int
    """Of header and payload."""
    frames: int
    first_seq: int
    last_seq: int
    flags: int


class Layout:
    """Hands out places; the caller writes what it is told in that order."""

    def __init__(self, *, run_id: str, segment_bytes: int, filter_text: str = "", writer: str = "") -> None:
        self.segment = 0
        """Number of the segment that is being written."""
        self.first_block = 0
        """Number of the oldest block that is still there."""
        self.reserve = 0
        """Bytes that are to follow before the segment ends, besides the footer."""
        self._run_id = run_id
        self._segment_bytes = segment_bytes
        self._filter = filter_text
        self._writer = writer
        self._offset = 0
        self._entries: list[BlockEntry] = []
        self._sizes: dict[int, int] = {}
        # The three columns are read from other threads.
        self._lock = threading.Lock()
        self._segments = array("I")
        self._offsets = array("Q")
        self._lengths = array("I")

    @property
    def next_block(self) -> int:
        """Number that the next block will have."""
        return self.first_block + len(self._offsets)

    @property
    def size(self) -> int:
        """Bytes of all segments that are still there."""
        return self._offset + sum(self._sizes.values())

    @property
    def ended(self) -> list[int]:
        """Segments that have ended and are still there, the oldest first."""
        return sorted(self._sizes)

    @property
    def full(self) -> bool:
        """Whether the segment has no sure room for another block and its footer."""
        entries = len(self._entries)
        needed = BLOCK_HEADER_SIZE + BLOCK_BYTES + (entries + 6) * ENTRY_BYTES + self.reserve
        return entries >= SEGMENT_BLOCKS or (entries > 0 and self._offset + needed > self._segment_bytes)

    def begin_segment(self, *, wall_ns: int, mono_ns: int) -> bytes:
        """Start the next segment; return the bytes that open it."""
        self.segment += 1
        header = encode_segment_header(
            SegmentInfo(
                run_id=self._run_id,
                number=self.segment,
                wall_ns=wall_ns,
                mono_ns=mono_ns,
                filter=self._filter,
                writer=self._writer,
            )
        )
        self._offset = len(header)
        self._entries = []
        return header

    def place(self, length: int, *, frames: int, first_seq: int, last_seq: int, flags: int = 0) -> BlockInfo:
        """Give a block of `length` bytes its number and its place in the current segment."""
        info = BlockInfo(
            self.next_block, self.segment, self._offset, length, frames, first_seq, last_seq, flags
        )
        self._entries.append(BlockEntry(self._offset, length, first_seq, last_seq, frames, flags))
        with self._lock:
            self._segments.append(self.segment)
            self._offsets.append(self._offset)
            self._lengths.append(length)
        self._offset += length
        return info

    def place_index(self, length: int) -> None:
        """Give a block of the row index its place in the current segment; it has no number."""
        self._entries.append(BlockEntry(self._offset, length, 0, 0, 0, BLOCK_INDEX))
        self._offset += length

    def end_segment(self) -> bytearray:
        """Return the footer that ends the current segment."""
        footer = encode_footer(self._entries, self._offset)
        self._sizes[self.segment] = self._offset + len(footer)
        self._offset = 0
        return footer

    def where(self, number: int) -> tuple[int, int, int] | None:
        """Return segment, offset and length of a block; None where it is not there, or no more."""
        with self._lock:
            at = number - self.first_block
            if not 0 <= at < len(self._offsets):
                return None
            return self._segments[at], self._offsets[at], self._lengths[at]

    def drop_oldest(self) -> int:
        """Forget the oldest segment that has ended; return its number, 0 where there is none."""
        if not self._sizes:
            return 0
        segment = min(self._sizes)
        del self._sizes[segment]
        with self._lock:
            count = bisect_right(self._segments, segment)
            del self._segments[:count], self._offsets[:count], self._lengths[:count]
            self.first_block += count
        return segment
