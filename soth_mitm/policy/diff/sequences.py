"""Which parts of two sequences are the same: Myers' algorithm, in long ones between what occurs once.

Never quadratic: steps are counted over the whole comparison, and where they are used up, or two parts
differ in more than `MOST_EDITS`, the parts are taken to differ as wholes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

MOST_EDITS: Final = 400
STEPS: Final = 2_000_000


class Run(NamedTuple):
    """Elements that are the same on both sides."""

    left: int
    right: int
    size: int


class Matching(NamedTuple):
    """What is the same, in order, and whether a bound was met."""

    runs: list[Run]
    coarse: bool


class _Matcher:
    def __init__(self, left: Sequence[Hashable], right: Sequence[Hashable], steps: int) -> None:
        numbers: dict[Hashable, int] = {}
        self.left = [numbers.setdefault(each, len(numbers)) for each in left]
        self.right = [numbers.setdefault(each, len(numbers)) for each in right]
        self.steps = steps
        self.coarse = False
        self.runs: list[Run] = []

    def match(self) -> None:
        """Match all; parts that wait are kept in a list, so that nothing recurses."""
        parts = [(0, len(self.left), 0, len(self.right))]
        while parts:
            low, high, first, last = self._trim(*parts.pop())
            if low == high or first == last:
                continue
            small = high - low + last - first <= MOST_EDITS
            anchors = [] if small else self._anchors(low, high, first, last)
            if not anchors:
                self._myers(low, high, first, last)
                continue
            for at, to in anchors:
                parts.append((low, at, first, to))
                self.runs.append(Run(at, to, 1))
                low, first = at + 1, to + 1
            parts.append((low, high, first, last))

    def _trim(self, low: int, high: int, first: int, last: int) -> tuple[int, int, int, int]:
        left, right = self.left, self.right
        start = low
        while low < high and first < last and left[low] == right[first]:
            low += 1
            first += 1
        if low > start:
            self.runs.append(Run(start, first - (low - start), low - start))
        stop = high
        while low < high and first < last and left[high - 1] == right[last - 1]:
            high -= 1
            last -= 1
        if stop > high:
            self.runs.append(Run(high, last, stop - high))
        self.steps -= low - start + stop - high
        return low, high, first, last

    def _anchors(self, low: int, high: int, first: int, last: int) -> list[tuple[int, int]]:
        """Return what occurs once on each side, as far as it stands in the same order (patience)."""
        self.steps -= high - low + last - first
        if self.steps < 0:
            return []
        once = _once(self.left, low, high)
        pairs = sorted(
            (once[each], at) for each, at in _once(self.right, first, last).items() if each in once
        )
        tails: list[int] = []
        chain: list[int] = []
        before = [-1] * len(pairs)
        for number, (_, to) in enumerate(pairs):
            at = bisect_left(tails, to)
            if at:
                before[number] = chain[at - 1]
            if at == len(tails):
                tails.append(to)
                chain.append(number)
            else:
                tails[at], chain[at] = to, number
        found: list[tuple[int, int]] = []
        number = chain[-1] if chain else -1
        while number >= 0:
            found.append(pairs[number])
            number = before[number]
        return found[::-1]

    def _myers(self, low: int, high: int, first: int, last: int) -> None:
        """Match by the fewest edits (Myers 1986, section 2), where those are few enough."""
        left, right = self.left[low:high], self.right[first:last]
        size, count = len(left), len(right)
        furthest = {1: 0}
        trail: list[dict[int, int]] = []
        for edits in range(min(MOST_EDITS, size + count) + 1):
            self.steps -= 2 * edits + 1
            if self.steps < 0:
                break
            trail.append(dict(furthest))
            for diagonal in range(-edits, edits + 1, 2):
                down = diagonal == -edits or (
                    diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
                )
                x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
                y = x - diagonal
                while x < size and y < count and left[x] == right[y]:
                    x += 1
                    y += 1
                    self.steps -= 1
                furthest[diagonal] = x
                if x >= size and y >= count:
                    self._walk_back(trail, size, count, low, first)
                    return
        self.coarse = True

    def _walk_back(self, trail: list[dict[int, int]], x: int, y: int, low: int, first: int) -> None:
        for edits in range(len(trail) - 1, -1, -1):
            furthest, diagonal = trail[edits], x - y
            down = diagonal == -edits or (
                diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            came = diagonal + 1 if down else diagonal - 1
            before = furthest.get(came, 0) if edits else 0
            start = (before if down else before + 1) if edits else 0
            if x > start:
                self.runs.append(Run(low + start, first + start - diagonal, x - start))
            x, y = before, before - came


def _once(items: list[int], start: int, stop: int) -> dict[int, int]:
    """Return the elements that occur once, with their places."""
    found: dict[int, int] = {}
    for at in range(start, stop):
        each = items[at]
        found[each] = -1 if each in found else at
    return {each: at for each, at in found.items() if at >= 0}


def match(left: Sequence[Hashable], right: Sequence[Hashable], *, steps: int = STEPS) -> Matching:
    """Return the runs of elements that are the same, in order."""
    matcher = _Matcher(left, right, steps)
    matcher.match()
    joined: list[Run] = []
    for run in sorted(matcher.runs):
        if joined and (joined[-1].left + joined[-1].size, joined[-1].right + joined[-1].size) == run[:2]:
            joined[-1] = joined[-1]._replace(size=joined[-1].size + run.size)
        else:
            joined.append(run)
    return Matching(joined, matcher.coarse)
