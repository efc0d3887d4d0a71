"""What changed in a list since somebody last looked, at a cost that does not grow with the list."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MARKS = 1024
"""Most points in time that are remembered; who looked before them is told to look at everything."""

TOUCHED = 16_384
"""Most rows that are remembered one by one between two looks."""


class Changes(NamedTuple):
    """What happened to a list since a revision."""

    revision: int
    """The list is now at this revision; hand it in the next time."""
    appended: int
    """Rows added at the end. They are not in `changed`."""
    changed: frozenset[int] | None
    """Numbers of older rows that look different now; None: too many, look at all of them."""
    dropped: int
    """Rows taken away at the head."""


class _Mark(NamedTuple):
    revision: int
    end: int
    first: int
    touched: frozenset[int] | None


class ChangeLog:
    """Counts revisions of a list whose valid numbers are `first` up to `end`."""

    __slots__ = ("_dirty", "_marks", "_overflow", "_touched")

    def __init__(self) -> None:
        self._marks: deque[_Mark] = deque([_Mark(0, 0, 0, frozenset())], maxlen=MARKS)
        self._touched: set[int] = set()
        self._overflow = False
        self._dirty = False

    def note(self, numbers: set[int]) -> None:
        """Rows changed, or the list grew or shrank."""
        self._dirty = True
        if not self._overflow:
            self._touched |= numbers
            if len(self._touched) > TOUCHED:
                self._touched = set()
                self._overflow = True

    def note_all(self) -> None:
        """Any row may have changed."""
        self._dirty = self._overflow = True
        self._touched = set()

    @property
    def revision(self) -> int:
        """A number that is another one whenever anything has changed."""
        return self._marks[-1].revision + self._dirty

    def since(self, revision: int, *, first: int, end: int) -> Changes:
        """Return what changed after `revision`; the list now goes from `first` to `end`."""
        if self._dirty:
            touched = None if self._overflow else frozenset(self._touched)
            self._marks.append(_Mark(self.revision, end, first, touched))
            self._touched = set()
            self._overflow = self._dirty = False
        return self._between(revision, self._marks[-1])

    def _between(self, revision: int, now: _Mark) -> Changes:
        numbers: set[int] | None = set()
        base: _Mark | None = None
        for mark in reversed(self._marks):
            if mark.revision <= revision:
                base = mark
                break
            if mark.touched is None:
                numbers = None
            elif numbers is not None:
                numbers |= mark.touched
        if base is None:
            return Changes(now.revision, now.end, None, now.first)
        changed = (
            None
            if numbers is None
            else frozenset(number for number in numbers if now.first <= number < base.end)
        )
        return Changes(now.revision, now.end - base.end, changed, now.first - base.first)
