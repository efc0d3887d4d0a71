"""What a comparison found, as lines that can be shown side by side or one below the other."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

Spans = tuple[tuple[int, int], ...]
"""Parts of a text, each from a character up to another."""


class Kind(StrEnum):
    """What a line says."""

    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    """On the left alone."""
    ADDED = "added"
    """On the right alone."""
    MOVED = "moved"
    """The same, at another place."""
    SPELLED = "spelled"
    """The same, written in another way: the case of a name, a number as 1.0 and as 1."""
    IGNORED = "ignored"
    """It differs, and a rule says that this does not matter."""
    PAIRED = "paired"
    """Both belong together, and were never meant to be the same."""
    SKIPPED = "skipped"
    """Stands for lines that are the same and left out; `label` says how many."""
    NOTE = "note"
    """A remark, in `label`."""


DIFFERENT: Final = frozenset({Kind.CHANGED, Kind.REMOVED, Kind.ADDED})
FORMAL: Final = frozenset({Kind.MOVED, Kind.SPELLED})
"""Differences of form: both mean the same."""


class DiffLine(msgspec.Struct, frozen=True):
    """One line; all text is printable. None stands for no line on that side."""

    kind: Kind
    left: str | None = None
    right: str | None = None
    label: str = ""
    """What it is about: the name of a field, the path of a value, an offset; or a remark."""
    left_number: int = 0
    """Number of the line on its side, from 1; 0 where lines are not counted."""
    right_number: int = 0
    left_spans: Spans = ()
    """What differs within a changed line; empty for all of it."""
    right_spans: Spans = ()


class DiffSection(msgspec.Struct, frozen=True):
    """One part of a message."""

    title: str
    """Such as `Response fields`."""
    form: str
    """`start`, `fields`, `json`, `text`, `bytes` or `size`."""
    lines: tuple[DiffLine, ...] = ()
    omitted: int = 0
    """Differences beyond those in `lines`."""

    @property
    def differences(self) -> int:
        """How many lines differ, those left out included."""
        return sum(line.kind in DIFFERENT for line in self.lines) + self.omitted

    @property
    def formal(self) -> int:
        """How many differ in form alone."""
        return sum(line.kind in FORMAL for line in self.lines)

    @property
    def ignored(self) -> int:
        """How many differences a rule says to ignore."""
        return sum(line.kind is Kind.IGNORED for line in self.lines)


class DiffReport(msgspec.Struct, frozen=True):
    """Two messages, or two exchanges, compared."""

    sections: tuple[DiffSection, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs but in form, or in what is ignored."""
        return not self.differences

    @property
    def differences(self) -> int:
        """How many lines differ."""
        return sum(section.differences for section in self.sections)

    @property
    def formal(self) -> int:
        """How many differ in form alone."""
        return sum(section.formal for section in self.sections)

    @property
    def ignored(self) -> int:
        """How many differences are ignored."""
        return sum(section.ignored for section in self.sections)

    def __add__(self, other: DiffReport) -> DiffReport:
        """Return both, one after the other."""
        return DiffReport((*self.sections, *other.sections))


def bounded(title: str, form: str, lines: Iterable[DiffLine], most: int) -> DiffSection:
    """Return a section of up to `most` lines; differences beyond are counted."""
    kept: list[DiffLine] = []
    omitted = 0
    for line in lines:
        if len(kept) < most:
            kept.append(line)
        elif line.kind in DIFFERENT:
            omitted += 1
    if omitted:
        kept.append(DiffLine(Kind.NOTE, label=f"{omitted:,} more differences are not shown"))
    return DiffSection(title, form, tuple(kept), omitted)
