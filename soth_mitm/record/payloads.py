"""Where the payload of one message lies, which may be in an event, in chunks of its own, or in the body."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from soth_mitm.errors import DumpError
from soth_mitm.record.bodies import NO_BLOCK
from soth_mitm.record.frames import FRAME_SIZE, chunk_data

MOST_CHUNKS: Final = 4096
"""Chunks that are kept until the end of a message comes; of 64 KiB each, they hold 256 MiB."""

WHOLE: Final = 2**62
"""The end of a slice that goes to the end of what its frame has."""


class Slice(NamedTuple):
    """A part of the data that one frame holds."""

    block: int
    frame: int
    """Offset of the frame within the block's payload."""
    start: int = 0
    stop: int = WHOLE


class Chunks:
    """Chunks of one body or one message as they come by, and in which of them a range of bytes lies."""

    __slots__ = ("_chunks", "size")

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, int, int, int]] = deque(maxlen=MOST_CHUNKS)
        self.size = 0
        """Bytes that were recorded so far."""

    def add(self, block: int, frame: int, offset: int, length: int) -> None:
        """Take the next chunk: where its frame lies, and which bytes of the whole it has."""
        if length > 0:
            self._chunks.append((offset, offset + length, block, frame))
            self.size += length

    def slices(self, start: int, size: int) -> list[Slice]:
        """Return where `size` bytes from `start` on lie, up to the first gap."""
        found: list[Slice] = []
        stop = start + size
        for first, behind, block, frame in self._chunks:
            if behind <= start:
                continue
            if first > start or start >= stop:
                break
            end = min(behind, stop)
            found.append(Slice(block, frame, start - first, end - first))
            start = end
        return found

    def forget_before(self, offset: int) -> None:
        """Forget the chunks whose bytes all lie before `offset`."""
        chunks = self._chunks
        while chunks and chunks[0][1] <= offset:
            chunks.popleft()


class PayloadRefs:
    """The slices of one payload, as a document takes them."""

    __slots__ = ("captured", "slices")

    def __init__(self, slices: Sequence[Slice], captured: int) -> None:
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
