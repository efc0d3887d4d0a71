"""Where the bytes of a body lie: references into blocks, never the bytes themselves."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

NO_BLOCK = -1
"""The block of a reference whose bytes were never stored."""


class BodyRef(NamedTuple):
    """One chunk of a body: where its frame lies, and which bytes of the body it holds."""

    block: int
    """Number of the block; `NO_BLOCK` where the bytes were not captured."""
    offset: int
    """Offset of the frame within the block's payload."""
    length: int
    """Bytes captured."""
    body_offset: int
    """Offset of the first of them within the body."""
    mono_ns: int
    """When they passed."""


class BodyRefs:
    """The chunks of one body in the order of their offsets, 40 bytes each.

    A chunk that does not lie behind the ones before it (a damaged or foreign file) is left out.
    """

    __slots__ = ("_blocks", "_lengths", "_offsets", "_starts", "_times", "captured", "longest_gap")

    def __init__(self) -> None:
        self._blocks = array("q")
        self._offsets = array("q")
        self._lengths = array("q")
        self._starts = array("q")
        self._times = array("q")
        self.captured = 0
        """Sum of the lengths."""
        self.longest_gap = (0, 0)
        """The longest time between two chunks, and when it ended; in nanoseconds."""

    def append(self, ref: BodyRef) -> bool:
        """Add a chunk; return False where it was left out."""
        block, offset, length, start, mono_ns = ref
        end = self._starts[-1] + self._lengths[-1] if self._starts else 0
        if start < end or length <= 0 or max(start + length, offset, block) > _LARGEST:
            return False
        mono_ns = min(mono_ns, _LARGEST)
        if self._times and mono_ns - self._times[-1] > self.longest_gap[0]:
            self.longest_gap = mono_ns - self._times[-1], mono_ns
        self._blocks.append(block)
        self._offsets.append(offset)
        self._lengths.append(length)
        self._starts.append(start)
        self._times.append(mono_ns)
        self.captured += length
        return True

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> BodyRef:
        return BodyRef(
            self._blocks[index],
            self._offsets[index],
            self._lengths[index],
            self._starts[index],
            self._times[index],
        )

    def __iter__(self) -> Iterator[BodyRef]:
        for index in range(len(self)):
            yield self[index]

    def time_of(self, index: int) -> int:
        """Return when a chunk passed, in monotonic nanoseconds."""
        return self._times[index]

    def bytes_between(self, start_ns: int, stop_ns: int) -> int:
        """Return how many bytes of the body passed from a moment on, up to another one."""
        low, high = bisect_left(self._times, start_ns), bisect_left(self._times, stop_ns)
        if low >= high:
            return 0
        return self._starts[high - 1] + self._lengths[high - 1] - self._starts[low]

    def within(self, start: int, stop: int) -> Iterator[BodyRef]:
        """Yield the chunks that hold any byte of `start` up to `stop`."""
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._starts) and self._starts[index] < stop:
            ref = self[index]
            if ref.body_offset + ref.length > start:
                yield ref
            index += 1


_LARGEST = 2**63 - 1
