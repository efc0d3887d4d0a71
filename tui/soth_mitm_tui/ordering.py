"""Row numbers in the order of a key, kept so while rows come, change and go.

A list of blocks of bounded length, so that no step takes longer the more rows there are: adding,
removing and finding one among 100,000 take some microseconds each, and nothing is ever sorted whole.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = int | str
"""What rows are ordered by; all keys of one order are of one type."""

Rank = tuple[Key, int]
"""What decides about two rows: the key, and among equal keys which came first."""

_BLOCK: Final = 512
_SHED: Final = 4096


class Keys:
    """The key of each row that has a place, by the row's number; numbers below `base` are gone."""

    __slots__ = ("_keys", "base", "descending")

    def __init__(self, base: int, *, descending: bool = False) -> None:
        self.base = base
        self.descending = descending
        """Whether the greatest key comes first, and of equal keys the last number."""
        self._keys: list[Key | None] = []

    def get(self, number: int) -> Key | None:
        """Return the key of a row, None where it has no place."""
        at = number - self.base
        return self._keys[at] if 0 <= at < len(self._keys) else None

    def put(self, number: int, key: Key | None) -> None:
        """Keep the key of a row, or forget it."""
        at = number - self.base
        if at >= len(self._keys):
            self._keys.extend([None] * (at + 1 - len(self._keys)))
        self._keys[at] = key

    def rank(self, number: int) -> Rank:
        """Return the rank of a row that has a place."""
        key = self._keys[number - self.base]
        assert key is not None, "the row has no place"
        return key, number

    def placed_below(self, number: int) -> list[int]:
        """Return the numbers below `number` that have a place."""
        stop = number - self.base
        return [at + self.base for at, key in enumerate(self._keys[: max(0, stop)]) if key is not None]

    def shed(self) -> bool:
        """Give back some memory, when no key is asked for any more; return False where none is left."""
        del self._keys[-_SHED:]
        return bool(self._keys)

    def drop_below(self, number: int) -> None:
        """Forget the keys below `number`."""
        if number > self.base:
            del self._keys[: number - self.base]
            self.base = number


class Ordering:
    """Some numbers by their key; equal keys in the order of the numbers.

    The caller keeps the keys: one is put before its number is added, and changed or forgotten only
    after it is removed.
    """

    __slots__ = ("_blocks", "_ends", "_keys", "_length", "_starts")

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._blocks: list[list[Rank]] = []
        self._ends: list[Rank] = []  # the last one of each block
        self._starts: list[int] | None = []  # positions of the blocks' first numbers; None: to be counted
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> int:
        if not 0 <= position < self._length:
            raise IndexError(position)
        if self._keys.descending:
            position = self._length - 1 - position
        starts = self._counted()
        low, high = 0, len(starts)
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= position:
                low = middle
            else:
                high = middle
        return self._blocks[low][position - starts[low]][1]

    def __iter__(self) -> Iterator[int]:
        blocks = reversed(self._blocks) if self._keys.descending else self._blocks
        for block in blocks:
            for _, number in reversed(block) if self._keys.descending else block:
                yield number

    def shed(self) -> bool:
        """Give back some memory, when nothing is asked for any more; return False where none is left."""
        if self._blocks:
            self._blocks.pop()
        return bool(self._blocks)

    def _counted(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *accumulate(map(len, self._blocks[:-1]))]
        return self._starts

    def _place(self, rank: Rank) -> tuple[int, int]:
        block = min(bisect_left(self._ends, rank), len(self._blocks) - 1)
        return block, bisect_left(self._blocks[block], rank)

    def position(self, number: int) -> int:
        """Return the position of a number that is there."""
        block, slot = self._place(self._keys.rank(number))
        position = self._counted()[block] + slot
        return self._length - 1 - position if self._keys.descending else position

    def add(self, number: int) -> None:
        """Add a number that is not there."""
        self._length += 1
        self._starts = None
        rank = self._keys.rank(number)
        if not self._blocks:
            self._blocks.append([rank])
            self._ends.append(rank)
            return
        at, slot = self._place(rank)
        block = self._blocks[at]
        block.insert(slot, rank)
        if len(block) > _BLOCK:
            half = len(block) // 2
            self._blocks.insert(at + 1, block[half:])
            del block[half:]
            self._ends.insert(at, block[-1])
            at += 1
        self._ends[at] = self._blocks[at][-1]

    def remove(self, number: int) -> None:
        """Take out a number that is there."""
        rank = self._keys.rank(number)
        at, slot = self._place(rank)
        block = self._blocks[at]
        assert block[slot] == rank
        self._length -= 1
        self._starts = None
        del block[slot]
        if block:
            self._ends[at] = block[-1]
        else:
            del self._blocks[at], self._ends[at]
