"""Where the payload of one message lies, which may be in an event, in chunks of its own, or in the body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.errors import DumpError
from soth_mitm.record.bodies import NO_BLOCK, BodyRefs
from soth_mitm.record.frames import FRAME_SIZE, chunk_data

if TYPE_CHECKING:
    from soth_mitm.record.messages import Place

WHOLE: Final = 2**62
"""The end of a slice that goes to the end of what its frame has."""


class Slice(NamedTuple):
    """A part of the data that one frame holds."""

    block: int
    frame: int
    """Offset of the frame within the block's payload."""
    start: int = 0
    stop: int = WHOLE


def slices_of(place: Place, size: int, body: BodyRefs | None) -> list[Slice]:
    """Return where the recorded payload of a message lies, up to its first gap; `body` is its direction's."""
    if place.parts is not None:
        return list(_from_start(place.parts))
    if place.body_offset >= 0:
        start = place.body_offset
        return list(_within(body, start, start + size)) if body is not None else []
    return [Slice(place.block, place.frame)] if size else []


def _from_start(parts: BodyRefs) -> Iterator[Slice]:
    at = 0
    for ref in parts:
        if ref.body_offset != at or ref.block == NO_BLOCK:
            return
        yield Slice(ref.block, ref.offset, 0, ref.length)
        at += ref.length


def _within(body: BodyRefs, start: int, stop: int) -> Iterator[Slice]:
    for ref in body.within(start, stop):
        if ref.body_offset > start or ref.block == NO_BLOCK:
            return
        end = min(ref.length, stop - ref.body_offset)
        yield Slice(ref.block, ref.offset, start - ref.body_offset, end)
        start = ref.body_offset + end


class PayloadRefs:
    """The slices of one payload, as a document takes them."""

    __slots__ = ("captured", "slices")

    def __init__(self, slices: list[Slice], captured: int) -> None:
        self.slices = slices
        self.captured = captured
        """Bytes that can be read back."""

    def __len__(self) -> int:
        return len(self.slices)


def read_slices(slices: Sequence[Slice], read_block: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the bytes of slices in order; each block in a row is read once. Not on a loop.

    Raises:
        DumpError: a block is gone or damaged, or a frame is not what it should be.
    """
    number, payload = NO_BLOCK, b""
    for block, frame, start, stop in slices:
        if block != number:
            number, payload = block, read_block(block)
        if frame + FRAME_SIZE > len(payload):
            raise DumpError(f"block {block} is shorter than it was")
        yield chunk_data(payload, frame)[start:stop]
