"""The waterfall column: when each flow of a screenful ran, how long it waited and how long it received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span

_STEPS: Final = (1, 2, 5)
_SHORTEST: Final = 1_000_000
"""Nanoseconds; a scale is at least so long."""


class Scale(NamedTuple):
    """The stretch of time that fills the column, in nanoseconds of the monotonic clock.

    It moves in steps, not with every flow, so that what is drawn can be kept for a while.
    """

    start: int
    length: int


NO_SCALE: Final = Scale(0, 1)


def scale_of(rows: Iterable[Row]) -> Scale:
    """Return the scale that has room for all these rows."""
    start, end = -1, 0
    for row in rows:
        if start < 0 or row.started_mono_ns < start:
            start = row.started_mono_ns
        end = max(end, row.started_mono_ns + row.duration_ns)
    if start < 0:
        return NO_SCALE
    unit = _SHORTEST
    while True:
        for step in _STEPS:
            length = unit * step
            begin = start - start % max(1, length // 10)
            if end <= begin + length:
                return Scale(begin, length)
        unit *= 10


def bar(row: Row, scale: Scale, width: int) -> tuple[Span, ...]:
    """Draw a row: a thin line while it waited, a thick one while the answer came; `width` cells."""
    first = _cell(row.started_mono_ns, scale, width)
    last = _cell(row.started_mono_ns + row.duration_ns, scale, width)
    waited = row.ttfb_ns or (row.duration_ns if not row.status else 0)
    head = min(_cell(row.started_mono_ns + waited, scale, width), last) - first if waited else 0
    tail = last - first + 1 - head
    if waited == row.duration_ns and waited:
        head, tail = head + tail, 0
    tone = "bad" if row.error else "accent" if row.open else "good"
    after = max(0, width - first - head - tail)
    spans = ((" " * first, "text"), ("─" * head, "muted"), ("━" * tail, tone), (" " * after, "text"))
    return tuple(span for span in spans if span[0])


def _cell(moment: int, scale: Scale, width: int) -> int:
    return max(0, min(width - 1, (moment - scale.start) * width // scale.length))
