"""Texts compared line by line, and changed lines within."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.diff.report import DiffLine, DiffSection, Kind, Spans, bounded
from soth_mitm.policy.diff.sequences import match
from soth_mitm.text import printable, printable_lines

if TYPE_CHECKING:
    from soth_mitm.policy.diff.ignoring import Ignore

MOST_LINES: Final = 2000
MOST_WIDTH: Final = 2000
CONTEXT: Final = 3
"""Lines that are the same, shown around what differs."""

_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS: Final = 600
MOST_SPANS: Final = 400
"""Changed lines of a section that are looked into; further ones differ as a whole."""
_ALIKE: Final = 0.3
"""Share of a line that has to be the same for it to be shown as changed, not as another line."""


def spans_of(left: str, right: str) -> tuple[Spans, Spans]:
    """Return which parts of two lines differ, by words; nothing where hardly anything is the same."""
    words = _WORDS.findall(left), _WORDS.findall(right)
    if len(words[0]) > _MOST_WORDS or len(words[1]) > _MOST_WORDS:
        return _middle(left, right)
    runs = match(*words, steps=20_000).runs
    same = sum(len(word) for run in runs for word in words[0][run.left : run.left + run.size])
    if same < _ALIKE * max(len(left), len(right)):
        return (), ()
    return (
        _gaps(words[0], [(run.left, run.size) for run in runs]),
        _gaps(words[1], [(run.right, run.size) for run in runs]),
    )


def _middle(left: str, right: str) -> tuple[Spans, Spans]:
    """Return all between the beginning and the end that two lines share."""
    most = min(len(left), len(right))
    start = next((at for at in range(most) if left[at] != right[at]), most)
    end = 0
    while end < most - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return ((start, len(left) - end),), ((start, len(right) - end),)


def _gaps(words: list[str], runs: list[tuple[int, int]]) -> Spans:
    found: list[tuple[int, int]] = []
    at = position = 0
    for start, size in [*runs, (len(words), 0)]:
        length = sum(map(len, words[at:start]))
        if length:
            found.append((position, position + length))
        position += length + sum(map(len, words[start : start + size]))
        at = start + size
    return tuple(found)


def texts(title: str, left: str, right: str, ignore: Ignore, *, context: int = CONTEXT) -> DiffSection:
    """Compare two texts line by line."""
    lines: tuple[list[str], list[str]] = (_split(left), _split(right))
    keys: tuple[list[str], list[str]] = lines
    if ignore.masks:
        keys = [ignore.masked(line) for line in lines[0]], [ignore.masked(line) for line in lines[1]]
    matching = match(*keys)
    told = _folded(_told(lines, matching.runs), context)
    section = bounded(title, "text", told, MOST_LINES)
    if not matching.coarse:
        return section
    note = DiffLine(Kind.NOTE, label="these differ in too much to be compared line by line everywhere")
    return DiffSection(title, "text", (note, *section.lines), section.omitted)


def _split(text: str) -> list[str]:
    return [line[:MOST_WIDTH] for line in printable_lines(text)] if text else []


def _told(lines: tuple[list[str], list[str]], runs: Sequence[tuple[int, int, int]]) -> Iterator[DiffLine]:
    left, right = lines
    at = to = looked = 0
    for start, first, size in [*runs, (len(left), len(right), 0)]:
        yield from _replaced(left[at:start], right[to:first], (at, to), MOST_SPANS - looked)
        looked += min(start - at, first - to)
        for step in range(size):
            pair = left[start + step], right[first + step]
            kind = Kind.SAME if pair[0] == pair[1] else Kind.IGNORED
            yield DiffLine(kind, *pair, left_number=start + step + 1, right_number=first + step + 1)
        at, to = start + size, first + size


def _replaced(left: list[str], right: list[str], begin: tuple[int, int], look: int) -> Iterator[DiffLine]:
    at, to = begin
    both = min(len(left), len(right))
    for step in range(both):
        spans = spans_of(left[step], right[step]) if step < look else ((), ())
        numbers = at + step + 1, to + step + 1
        yield DiffLine(Kind.CHANGED, left[step], right[step], "", *numbers, *spans)
    for step in range(both, len(left)):
        yield DiffLine(Kind.REMOVED, left[step], None, left_number=at + step + 1)
    for step in range(both, len(right)):
        yield DiffLine(Kind.ADDED, None, right[step], right_number=to + step + 1)


def _folded(lines: Iterator[DiffLine], context: int) -> Iterator[DiffLine]:
    """Leave out lines that are the same, but for some around those that differ."""
    same: list[DiffLine] = []
    first = True
    for line in lines:
        if line.kind is Kind.SAME:
            same.append(line)
            continue
        yield from _few(same, 0 if first else context, context)
        same, first = [], False
        yield line
    yield from _few(same, 0 if first else context, 0)


def _few(same: list[DiffLine], after: int, before: int) -> Iterator[DiffLine]:
    skipped = len(same) - after - before
    if skipped <= 1:
        yield from same
        return
    yield from same[:after]
    words = f"{skipped:,} lines are the same"
    yield DiffLine(Kind.SKIPPED, label=printable(words))
    if before:
        yield from same[-before:]
