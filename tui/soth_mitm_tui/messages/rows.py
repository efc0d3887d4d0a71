"""One message on one line: direction, number, time, gap, size, label, and how its payload begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.model.events import Direction
from soth_mitm.text import human_duration, human_size, printable
from soth_mitm_tui.columns import TIMES, clock_text, fit
from soth_mitm_tui.tint import json_tint

if TYPE_CHECKING:
    from soth_mitm.record.messagetable import Entry, MessageTable
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.messages.previews import Glance

UP: Final[tuple[Span, ...]] = (("↑ client", "accent"),)
DOWN: Final[tuple[Span, ...]] = (("↓ server", "good"),)
_SIDE: Final = 8
_TIME: Final = 12
_GAP: Final = 6
_SIZE: Final = 4
WITH_TIME: Final = 90
"""Cells from which on the time of day has a column."""

WIDE_LABELS: Final = 110
_LABEL, _WIDE_LABEL = 14, 22

ORIGINS: Final[dict[str, Span]] = {
    "changed": ("✎ changed ", "accent"),
    "dropped": ("✕ dropped ", "bad"),
    "injected": ("+ injected ", "accent"),
}
_CONTROL: Final = frozenset(("ping", "pong"))


class Shape(NamedTuple):
    """The widths of the columns that differ from flow to flow; 0 for a column that is left out."""

    width: int
    side: int
    number: int
    time: int
    label: int


def shape_of(table: MessageTable, width: int, *, one_way: bool) -> Shape:
    """Return the widths for what is in a table by now: they only ever grow.

    Where all messages go `one_way`, and there is little room, its arrow says it.
    """
    number = max(3, len(str(max(table.end, 1))))
    most = _WIDE_LABEL if width >= WIDE_LABELS else _LABEL
    # One label for all says nothing on each line; the summary says what they are.
    label = min(max(table.widest_label, 4), most) if len(table.labels) > 1 else 0
    side = 1 if one_way and width < WITH_TIME else _SIDE
    return Shape(width, side, number, _TIME if width >= WITH_TIME else 0, label)


def head_spans(shape: Shape) -> list[Span]:
    """Return the names of the columns."""
    spans: list[Span] = [
        ("  ", "muted"),
        *_cell("from" if shape.side > 1 else "", shape.side),
        *_cell("#", shape.number, right=True),
    ]
    if shape.time:
        spans += _cell("time", shape.time)
    spans += [*_cell("gap", _GAP, right=True), *_cell("size", _SIZE, right=True)]
    if shape.label:
        spans += _cell("label", shape.label)
    return [*spans, ("payload", "muted")]


def _cell(text: str, width: int, *, right: bool = False) -> list[Span]:
    return [*fit(((text, "muted"),), width, right=right), (" ", "text")]


def row_spans(
    entry: Entry, glance: Glance | None, shape: Shape, *, wall_ns: int, above: Glance | None = None
) -> list[Span]:
    """Return a message as spans of `shape.width` cells; `wall_ns` is its time of day.

    Where the payload has no room and begins as that of the row `above`, what both say is left out.
    """
    client = entry.direction == Direction.REQUEST
    spans: list[Span] = [*fit(UP if client else DOWN, shape.side, cut=""), (" ", "text")]
    spans += [*fit(((f"{entry.number}", "muted"),), shape.number, right=True), (" ", "text")]
    if shape.time:
        spans += [(f"{clock_text(wall_ns)}.{wall_ns // 1_000_000 % 1000:03}", "muted"), (" ", "text")]
    gap = f"+{human_duration(entry.gap_ns)}" if entry.gap_ns or entry.position else ""
    spans += [*fit(((gap, "muted" if entry.gap_ns < SLOW_NS else "warn"),), _GAP, right=True), (" ", "text")]
    size = (human_size(entry.size), "text" if entry.size else "muted")
    spans += [*fit((size,), _SIZE, right=True), (" ", "text")]
    if shape.label:
        tone = "muted" if entry.label in _CONTROL else "warn" if entry.label == "close" else "text"
        spans += [*fit(((_short(entry.label, shape.label), tone),), shape.label), (" ", "text")]
    used = shape.side + shape.number + _GAP + _SIZE + 4
    used += (shape.time + 1 if shape.time else 0) + (shape.label + 1 if shape.label else 0)
    room = max(shape.width - used, 0)
    return [*spans, *fit(tuple(payload_spans(entry, glance, room=room, above=above)), room)]


SLOW_NS: Final = 2_000_000_000
"""A gap from which on it catches the eye."""


def _short(label: str, width: int) -> str:
    """Shorten a label in its middle: what tells two apart is mostly at the end."""
    if len(label) <= width or not label.isascii():
        return label
    tail = width // 2
    return f"{label[: width - 1 - tail]}…{label[-tail:]}"


def _without_label(text: str, label: str) -> str:
    """Leave out the member that says what the label does, so that what differs is in sight."""
    said = f'{{"type":"{label}",'
    return "{…," + text[len(said) :] if text.startswith(said) else text


def _without_common(text: str, above: str) -> str:
    """Leave out the members that the line above has as well; empty where that is not worth it."""
    both = zip(text, above, strict=False)
    common = next((at for at, (here, there) in enumerate(both) if here != there), min(len(text), len(above)))
    cut = text.rfind(",", 0, common)
    return f"{{…{text[cut:]}" if cut > _WORTH_CUTTING else ""


_WORTH_CUTTING: Final = 16


def payload_spans(
    entry: Entry, glance: Glance | None, *, room: int = 0, above: Glance | None = None
) -> list[Span]:
    """Return what stands under “payload”: what was done to the message, and how it begins."""
    spans: list[Span] = [ORIGINS[entry.origin]] if entry.origin else []
    if glance is None:
        return [*spans, ("…", "muted")]
    head, shown = glance.detail.head, glance.preview
    marks = "z " if entry.compressed else ""
    marks += f"{TIMES}{head.fragments} " if head.fragments > 1 else ""
    if marks:
        spans.append((marks, "muted"))
    if shown.kind == "json":
        text = _without_label(shown.text, entry.label)
        if above is not None and len(text) > room:
            text = _without_common(shown.text, above.preview.text) or text
        spans += json_tint(text)
    elif shown.kind != "empty":
        spans.append((shown.text, "muted" if shown.kind == "bytes" else "text"))
    elif entry.size and not glance.detail.captured:
        spans.append(("not recorded", "muted"))
    if head.note and (entry.label == "close" or not shown.text):
        spans.append((printable(head.note, 200), "text"))
    return spans
