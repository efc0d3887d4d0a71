"""The scanner: turns the bytes of a `.soth`, in pieces of any size, into segments, blocks and damage.

It is sans-I/O and survives any input. A block whose header is sound but whose payload is not costs
that block; after worse damage it goes on at the next magic that a sound header follows.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from soth_mitm.record.format import (
    BLOCK_HEADER_SIZE,
    MAGIC_PREFIX,
    MAGIC_SIZE,
    SEGMENT_MAGIC,
    BlockHeader,
    LayoutError,
    NewerVersion,
    SegmentInfo,
    decode_block_header,
    decode_segment_header,
)


class SegmentFound(NamedTuple):
    """A sound segment header."""

    offset: int
    length: int
    info: SegmentInfo


class BlockFound(NamedTuple):
    """A sound block: offset of its header in the input, and its payload as stored."""

    offset: int
    header: BlockHeader
    payload: bytes


class Damage(NamedTuple):
    """Bytes in a row that hold nothing readable."""

    offset: int
    length: int
    events: int = 0
    """How many events were in them, where a header says so."""


Found = SegmentFound | BlockFound | Damage


class Scanner:
    """Feed it bytes, take what they hold. It keeps no more than one block besides what was fed last."""

    def __init__(self, base: int = 0) -> None:
        """`base` is where in the input it begins."""
        self._data = bytearray()
        self._base = base
        self._at = 0
        self._bad_from = -1
        self._held: Found | None = None

    @property
    def rest(self) -> int:
        """Bytes fed and not judged yet: at the end of the input, those of an unfinished block."""
        return len(self._data) - self._at

    @property
    def offset(self) -> int:
        """Where in the input the scanner stands."""
        return self._base + self._at

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the input."""
        if self._at:
            del self._data[: self._at]
            self._base += self._at
            self._at = 0
        self._data += data

    def take(self, *, final: bool = False) -> Found | None:
        """Return the next thing found; None when more input is needed.

        `final` says that no input follows for now: a block that was promised and did not come is
        then passed over if another magic stands behind it, and is the torn rest if none does.

        Raises:
            NewerVersion: a sound segment header of a version that this reader does not know.
        """
        if self._held is not None:
            held, self._held = self._held, None
            return held
        while self._find_magic():
            try:
                found = self._read_one(final)
            except NewerVersion:
                raise
            except LayoutError:
                self._skip_to(self._at + 1)
                continue
            if found is not None:
                damage = self._close_damage(found.offset)
                if damage is None:
                    return found
                self._held = found
                return damage
            if not (final and self._pass_over()):
                break
        return self._close_damage(self.offset) if final else None

    def _find_magic(self) -> bool:
        """Move to the next magic; False when none is whole yet."""
        data = self._data
        at = data.find(MAGIC_PREFIX, self._at)
        if at < 0:
            keep = len(MAGIC_PREFIX) - 1
            while keep and not data.endswith(MAGIC_PREFIX[:keep], self._at):
                keep -= 1
            self._skip_to(len(data) - keep)
            return False
        self._skip_to(at)
        return len(data) - at >= MAGIC_SIZE

    def _read_one(self, final: bool) -> Found | None:
        """Read what the magic here announces; None when it is not all there."""
        data, at, offset = self._data, self._at, self.offset
        if data.startswith(SEGMENT_MAGIC, at):
            segment = decode_segment_header(data, at)
            if segment is None:
                return None
            info, self._at = segment
            return SegmentFound(offset, self._at - at, info)
        header = decode_block_header(data, at)
        if header is None or self.rest < BLOCK_HEADER_SIZE + header.stored:
            return None
        end = at + BLOCK_HEADER_SIZE + header.stored
        payload = bytes(data[at + BLOCK_HEADER_SIZE : end])
        if zlib.crc32(payload) == header.crc:
            self._at = end
            return BlockFound(offset, header, payload)
        return self._damaged_block(header, end, final)

    def _damaged_block(self, header: BlockHeader, end: int, final: bool) -> Damage | None:
        """Pass over a block whose payload is damaged, if its length leads to a magic or to the end."""
        behind = self._data[end : end + len(MAGIC_PREFIX)]
        if not MAGIC_PREFIX.startswith(behind):
            raise LayoutError("block_crc")
        if len(behind) < len(MAGIC_PREFIX) and not final:
            return None
        damage = Damage(self.offset, end - self._at, header.frames)
        self._at = end
        return damage

    def _pass_over(self) -> bool:
        at = self._data.find(MAGIC_PREFIX, self._at + 1)
        if at < 0:
            return False
        self._skip_to(at)
        return True

    def _skip_to(self, at: int) -> None:
        if at > self._at:
            if self._bad_from < 0:
                self._bad_from = self.offset
            self._at = at

    def _close_damage(self, end: int) -> Damage | None:
        start, self._bad_from = self._bad_from, -1
        return None if start < 0 else Damage(start, end - start)
