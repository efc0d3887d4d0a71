"""Where the bytes of a body or a block lie, as one process tells another: by file and offset.

What lies in no file (the block that still grows, a recording in memory) is handed over itself, in
pieces of at most `PIECE_BYTES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from soth_mitm.errors import DumpError
from soth_mitm.record.bodies import NO_BLOCK, BodyRefs
from soth_mitm.record.frames import FRAME_SIZE, chunk_data
from soth_mitm.record.payloads import PayloadRefs, read_slices
from soth_mitm.record.reader import read_payload

PIECE_BYTES: Final = 256 * 1024
PIECE_PLACES: Final = 1024


class BlockPlace(NamedTuple):
    """Where a block stands."""

    path: str
    offset: int
    length: int
    """Of header and payload."""


class BlockSource(Protocol):
    """What is needed of a store to find its blocks."""

    def place_of(self, number: int) -> BlockPlace | None:
        """Return the file, offset and length of a block; None where it lies in no file yet, or in none."""
        ...

    def read_block(self, number: int) -> bytes:
        """Return the payload of a block; raises `DumpError`."""
        ...


class ChunksAt(NamedTuple):
    """Chunks of a body in one block of a file."""

    place: BlockPlace
    frames: tuple[int, ...]
    """Offsets of their frames within the payload."""


class Gap(NamedTuple):
    """The rest of a body that cannot be had."""

    note: str


Piece = tuple[ChunksAt, ...] | bytes | Gap


def pieces_of(store: BlockSource, refs: BodyRefs | PayloadRefs, start: int, stop: int) -> Iterator[Piece]:
    """Yield where the chunks `start` to `stop` of a body lie, in their order; a gap ends it.

    The payload of one message is handed over itself. It may read files and copies memory: not on a loop.
    """
    if isinstance(refs, PayloadRefs):
        yield from _payload_pieces(store, refs, start, stop)
        return
    places: list[ChunksAt] = []
    held, size = bytearray(), 0
    at = refs[start - 1].body_offset + refs[start - 1].length if start else 0
    for block, frames, gap in _by_block(refs, start, stop, at):
        place = store.place_of(block) if block != NO_BLOCK else None
        if place is not None and not gap:
            if held:
                yield bytes(held)
                held.clear()
            places.append(ChunksAt(place, tuple(frames)))
            size += len(frames)
            if size >= PIECE_PLACES:
                yield tuple(places)
                places, size = [], 0
            continue
        if places:
            yield tuple(places)
            places, size = [], 0
        if gap or block == NO_BLOCK:
            yield from _rest(held)
            yield Gap(gap or "the rest was not recorded")
            return
        try:
            payload = store.read_block(block)
        except DumpError as error:
            yield from _rest(held)
            yield Gap(f"the rest cannot be read: {error}")
            return
        for frame in frames:
            if frame + FRAME_SIZE <= len(payload):
                held += chunk_data(payload, frame)
            if len(held) >= PIECE_BYTES:
                yield bytes(held)
                held.clear()
    if places:
        yield tuple(places)
    yield from _rest(held)


def _payload_pieces(store: BlockSource, refs: PayloadRefs, start: int, stop: int) -> Iterator[Piece]:
    try:
        for data in read_slices(refs.slices[start:stop], store.read_block):
            for at in range(0, len(data), PIECE_BYTES):
                yield data[at : at + PIECE_BYTES]
    except DumpError as error:
        yield Gap(f"the rest cannot be read: {error}")


def _rest(held: bytearray) -> Iterator[bytes]:
    if held:
        yield bytes(held)


def _by_block(refs: BodyRefs, start: int, stop: int, at: int) -> Iterator[tuple[int, list[int], str]]:
    """Yield runs of chunks that lie in one block, and last, where bytes are missing, what is."""
    block, frames = NO_BLOCK, list[int]()
    for index in range(start, stop):
        ref = refs[index]
        if ref.body_offset != at:
            if frames:
                yield block, frames, ""
            missing = ref.body_offset - at
            yield (
                NO_BLOCK,
                [],
                f"{missing:,} bytes from byte {at:,} on were not recorded; the rest is not shown",
            )
            return
        if ref.block != block or len(frames) >= PIECE_PLACES:
            if frames:
                yield block, frames, ""
            block, frames = ref.block, []
        frames.append(ref.offset)
        at += ref.length
    if frames:
        yield block, frames, ""


def bytes_at(piece: tuple[ChunksAt, ...]) -> Iterator[bytes]:
    """Yield the chunks of a piece out of their files, one block at a time.

    Raises:
        DumpError: a file is gone or damaged.
    """
    from pathlib import Path

    for place, frames in piece:
        payload = read_payload(Path(place.path), place.offset, place.length)
        yield b"".join(chunk_data(payload, frame) for frame in frames if frame + FRAME_SIZE <= len(payload))
