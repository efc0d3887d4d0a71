"""Going through a segment by the headers of its blocks, and taking its row index instead of its flows.

A segment of 64 MiB costs some thousand small reads. What is not as it should be at any place, or is not all
there, has no such short way: it is then read from its start, which survives everything.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from soth_mitm.model.events import BODIES
from soth_mitm.record.footer import decode_footer
from soth_mitm.record.format import (
    BLOCK_CHECKPOINT,
    BLOCK_HEADER_SIZE,
    CODEC_STORED,
    CODEC_ZSTD,
    SEGMENT_HEADER_SIZE,
    SEGMENT_MAP_BYTES,
    BlockHeader,
    LayoutError,
    SegmentInfo,
    block_payload,
    check_block,
    decode_block_header,
    decode_segment_header,
)
from soth_mitm.record.layout import SEGMENT_BLOCKS
from soth_mitm.record.rowindex import IndexPart, decode_part
from soth_mitm.record.runs import NO_SHIFT, Shift
from soth_mitm.record.scan import Damage

_HEAD_BYTES = 4096


class BlockAt(NamedTuple):
    """A block, and where its header begins in the file."""

    offset: int
    header: BlockHeader

    @property
    def length(self) -> int:
        """Bytes of header and payload."""
        return BLOCK_HEADER_SIZE + self.header.stored


class IndexedSegment(NamedTuple):
    """A segment that was closed properly and has a row index."""

    path: Path
    info: SegmentInfo
    start: int
    """Where the first block stands that is none of its checkpoint."""
    end: int
    checkpoints: int
    """How many blocks of the checkpoint there are."""
    blocks: list[BlockAt]
    """The other blocks of frames."""
    parts: list[bytes]
    """The blocks of its index; their checksums are right."""
    last_part: int
    """Where the last of them stands."""
    highest: tuple[int, int]
    """The highest conn and flow of its events."""

    def part(self, number: int, shift: Shift = NO_SHIFT) -> IndexPart | None:
        """Return a part of the index, with its numbers shifted; None where it is not about these blocks, or
        cannot be read."""
        try:
            part = decode_part(block_payload(self.parts[number]))
        except LayoutError:
            return None
        blocks = range(self.checkpoints, self.checkpoints + len(self.blocks))
        if not all(digest.block in blocks for digest in part.digests):
            return None
        part.shift(shift)
        return part


class Verified(NamedTuple):
    """What the checksums of some blocks say."""

    events: int
    """In those that are sound."""
    damage: list[Damage]


def indexed_segment(file: int, path: Path, offset: int) -> IndexedSegment | None:
    """Return the segment that begins at an offset of an open file, by its row index; None without one."""
    try:
        return _walk(file, path, offset)
    except (LayoutError, OSError):
        return None


def _walk(file: int, path: Path, offset: int) -> IndexedSegment | None:
    head = os.pread(file, _HEAD_BYTES, offset)
    found = decode_segment_header(head) or decode_segment_header(
        os.pread(file, SEGMENT_HEADER_SIZE + SEGMENT_MAP_BYTES + 4, offset)
    )
    if found is None:
        return None
    info, length = found
    at = first = offset + length
    blocks: list[BlockAt] = []
    parts: list[bytes] = []
    checkpoints = part_at = 0
    for _ in range(2 * SEGMENT_BLOCKS):
        header = decode_block_header(os.pread(file, BLOCK_HEADER_SIZE, at))
        if header is None or header.codec not in (CODEC_STORED, CODEC_ZSTD):
            return None
        block = BlockAt(at, header)
        at += block.length
        if header.ends_segment:
            decode_footer(block_payload(os.pread(file, block.length, block.offset)))
            segment = IndexedSegment(path, info, first, at, checkpoints, blocks, parts, part_at, (0, 0))
            last = segment.part(-1) if parts else None
            if last is None or last.end is None or not BODIES.keys() >= set(last.end.kinds):
                return None
            return segment._replace(highest=(last.end.conn, last.end.flow))
        if not header.has_frames:
            parts.append(os.pread(file, block.length, block.offset))
            check_block(parts[-1])
            part_at = block.offset
        elif header.flags & BLOCK_CHECKPOINT:
            checkpoints += 1
            first = at
        else:
            blocks.append(block)
    return None


def verify(file: int, blocks: list[BlockAt]) -> Verified:
    """Read blocks and compare their checksums, which takes the time of reading them."""
    events = 0
    damage: list[Damage] = []
    for block in blocks:
        header = block.header
        try:
            payload = os.pread(file, header.stored, block.offset + BLOCK_HEADER_SIZE)
        except OSError:
            payload = b""
        if len(payload) == header.stored and zlib.crc32(payload) == header.crc:
            events += header.frames
        else:
            damage.append(Damage(block.offset, block.length, header.frames))
    return Verified(events, damage)
