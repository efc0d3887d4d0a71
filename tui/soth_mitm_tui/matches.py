"""Row numbers that match a filter, in ascending order, grown at both ends in constant time."""

from __future__ import annotations

from array import array
from bisect import bisect_left


class Matches:
    """A sorted list of row numbers. A scan adds older ones at the front, traffic newer ones at the end."""

    def __init__(self) -> None:
        self._older = array("q")  # descending, so that the front grows at an end of the array
        self._newer = array("q")  # ascending
        self._cut = 0  # how many of `_newer` were dropped at its front

    def __len__(self) -> int:
        return len(self._older) + len(self._newer) - self._cut

    def __getitem__(self, position: int) -> int:
        older = len(self._older)
        if position < older:
            return self._older[older - 1 - position]
        return self._newer[position - older + self._cut]

    def numbers(self) -> array[int]:
        """Return all numbers, ascending."""
        return self._older[::-1] + self._newer[self._cut :]

    def find(self, number: int) -> tuple[int, bool]:
        """Return the position of `number`, or where it would stand, and whether it is there."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < number:
                low = middle + 1
            else:
                high = middle
        return low, low < len(self) and self[low] == number

    def prepend(self, number: int) -> None:
        """Add a number that is smaller than all others."""
        self._older.append(number)

    def append(self, number: int) -> None:
        """Add a number that is greater than all others."""
        self._newer.append(number)

    def add(self, number: int) -> bool:
        """Add a number anywhere; return False where it was there."""
        position, present = self.find(number)
        if present:
            return False
        older = len(self._older)
        if position < older:
            self._older.insert(older - position, number)
        else:
            self._newer.insert(position - older + self._cut, number)
        return True

    def remove(self, number: int) -> bool:
        """Take a number out; return False where it was not there."""
        position, present = self.find(number)
        if not present:
            return False
        older = len(self._older)
        if position < older:
            del self._older[older - 1 - position]
        else:
            del self._newer[position - older + self._cut]
        return True

    def drop_below(self, number: int) -> int:
        """Forget the numbers below `number`; return how many there were."""
        gone = 0
        while self._older and self._older[-1] < number:
            self._older.pop()
            gone += 1
        if not self._older:
            cut = bisect_left(self._newer, number, self._cut)
            gone += cut - self._cut
            self._cut = cut
            if self._cut > 4096:
                del self._newer[: self._cut]
                self._cut = 0
        return gone
