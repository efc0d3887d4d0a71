"""Heads compared field by field: values, order, the case of names, duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.diff.lines import spans_of
from soth_mitm.policy.diff.report import DiffLine, DiffSection, Kind, bounded
from soth_mitm.policy.diff.sequences import match
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.policy.diff.ignoring import Ignore

FieldLine = tuple[bytes, bytes]
MOST_LINES: Final = 500
MOST_VALUE: Final = 2000


def start_lines(title: str, left: bytes, right: bytes) -> DiffSection:
    """Compare two start lines."""
    shown = printable(left, MOST_VALUE), printable(right, MOST_VALUE)
    if left == right:
        return DiffSection(title, "start", (DiffLine(Kind.SAME, *shown),))
    spans = spans_of(*shown)
    return DiffSection(
        title, "start", (DiffLine(Kind.CHANGED, *shown, left_spans=spans[0], right_spans=spans[1]),)
    )


def fields(title: str, left: Sequence[FieldLine], right: Sequence[FieldLine], ignore: Ignore) -> DiffSection:
    """Compare two lists of fields.

    The first of a name is compared with the first, the second with the second. Names are the same
    whatever their case. Fields that stand in another order are told as moved, once each.
    """
    return bounded(title, "fields", _lines(left, right, ignore), MOST_LINES)


def _lines(left: Sequence[FieldLine], right: Sequence[FieldLine], ignore: Ignore) -> Iterator[DiffLine]:
    keys = _numbered(left), _numbered(right)
    places = {key: at for at, key in enumerate(keys[1])}
    kept = {run.left + step for run in match(*keys).runs for step in range(run.size)}
    partners = {places[key]: at for at, key in enumerate(keys[0]) if key in places}
    waiting = iter(range(len(right)))
    told = 0
    for at, key in enumerate(keys[0]):
        to = places.get(key)
        if to is None:
            yield _one(left[at], None, ignore)
            continue
        if at in kept:
            for other in range(told, to):
                if other not in partners:
                    yield _one(None, right[other], ignore)
            told = max(told, to + 1)
        yield _pair(left[at], right[to], ignore, moved=at not in kept)
    for other in waiting:
        if other >= told and other not in partners:
            yield _one(None, right[other], ignore)


def _numbered(fields: Sequence[FieldLine]) -> list[tuple[bytes, int]]:
    """Return the name of each field in lower case, and which of that name it is."""
    seen: dict[bytes, int] = defaultdict(int)
    keys = []
    for name, _ in fields:
        lowered = name.lower()
        keys.append((lowered, seen[lowered]))
        seen[lowered] += 1
    return keys


def _one(left: FieldLine | None, right: FieldLine | None, ignore: Ignore) -> DiffLine:
    name, _ = left or right or (b"", b"")
    kind = Kind.REMOVED if right is None else Kind.ADDED
    if ignore.field(name):
        kind = Kind.IGNORED
    return DiffLine(kind, _shown(left), _shown(right), printable(name, 200))


def _pair(left: FieldLine, right: FieldLine, ignore: Ignore, *, moved: bool) -> DiffLine:
    shown, label = (_shown(left), _shown(right)), printable(left[0], 200)
    if left[1] == right[1]:
        spelled = Kind.SPELLED if left[0] != right[0] else Kind.SAME
        return DiffLine(Kind.MOVED if moved else spelled, *shown, label)
    values = left[1].decode("latin-1"), right[1].decode("latin-1")
    if ignore.field(left[0]) or (ignore.masks and ignore.masked(values[0]) == ignore.masked(values[1])):
        return DiffLine(Kind.IGNORED, *shown, label)
    spans = spans_of(shown[0] or "", shown[1] or "")
    return DiffLine(Kind.CHANGED, *shown, label, left_spans=spans[0], right_spans=spans[1])


def _shown(field: FieldLine | None) -> str | None:
    return None if field is None else printable(b"%b: %b" % field, MOST_VALUE)
