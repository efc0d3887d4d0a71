"""When things happened: the phases of an exchange as bars to scale, and how its bodies came."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from soth_mitm.text import human_duration, human_size
from soth_mitm_tui.columns import NOTHING
from soth_mitm_tui.lines import BLANK, Line, Subject, fact, heading, line

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView, MessageView, Timing

NAME: Final = 10
ROOM_FOR_TEXT: Final = 30
WIDEST: Final = 96

BLOCKS: Final = "·▁▂▃▄▅▆▇█"
"""How much came in a slice of time, from nothing to most."""

WORTH_A_WORD: Final = 100_000_000
"""Nanoseconds from which on a gap in a body is mentioned."""


def bar(start: float, length: float, width: int) -> str:
    """Draw a bar that begins at `start` and is `length` long, both as parts of `width` cells."""
    begin = min(int(start * width), width - 1)
    halves = max(round(length * width * 2), 1)
    drawn = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return (" " * begin + drawn)[:width].ljust(width)


def _phases(timing: Timing) -> list[tuple[str, int, str]]:
    return [
        *([("queue", timing.queue, "warn")] if timing.queue else ()),
        ("dns", timing.dns, "muted"),
        ("connect", timing.connect, "muted"),
        ("tls", timing.tls, "muted"),
        ("send", timing.send, "accent"),
        ("wait", timing.wait, "accent"),
        ("receive", timing.receive, "good"),
    ]


def timing_lines(view: FlowView, width: int) -> list[Line]:
    """Return the section of the timing bars; nothing where no phase is known."""
    timing = view.timing
    phases = _phases(timing)
    before = timing.queue + timing.dns + timing.connect + timing.tls
    total = sum(length for _, length, _ in phases)
    if not total:
        return []
    room = max(10, min(WIDEST, width - ROOM_FOR_TEXT))
    reused = "on a connection that was open already" if timing.reused else ""
    title = f"{human_duration(total)} in all"
    lines = [heading("Time", f"{title}, {reused}" if reused else title)]
    at = 0
    for name, length, tone in phases:
        if before or name not in ("dns", "connect", "tls"):
            drawn = bar(at / total, length / total, room) if length else " " * room
            shown = human_duration(length) if length else NOTHING
            spans = ((f"  {name:<{NAME}}", "muted"), (f"{shown:>6}  ", "text"), (drawn, tone))
            lines.append(Line(spans, 2, Subject(name, f"{length / 1e6:.3f} ms")))
        at += length
    return [*lines, BLANK]


# --- the tab ------------------------------------------------------------------------------------


def timing_page(view: FlowView, row: Row, width: int) -> list[Line]:
    """Return everything that is known of when things happened."""
    lines = [BLANK, *_carried(view, row)]
    bars = timing_lines(view, width)
    lines += bars if bars else [line(("  No phase of this flow has been timed.", "muted")), BLANK]
    for title, message in (("Request body", view.request), ("Response body", view.response)):
        if message is not None and message.refs:
            lines += arrivals(title, message, width)
    return lines + _moments(view)


def _carried(view: FlowView, row: Row) -> list[Line]:
    if not view.upstream_conn:
        return []
    first = "reused connection" if row.reused else "new connection"
    return [line((f"  {first} #{view.upstream_conn}", "muted")), BLANK]


def arrivals(title: str, message: MessageView, width: int) -> list[Line]:
    """Return how a body came: a block for each slice of time, and its longest gap."""
    refs = message.refs
    first, last = refs.time_of(0), refs.time_of(len(refs) - 1)
    length = last - first
    pieces = f"{len(refs):,} piece{'' if len(refs) == 1 else 's'}"
    size = f"{human_size(message.body_bytes)} bytes in {pieces}"
    if length <= 0 or len(refs) < 3:
        return [heading(title, size), BLANK]
    rate = message.body_bytes * 1e9 / length
    lines = [heading(title, f"{size} within {human_duration(length)}")]
    room = max(10, min(WIDEST, width - ROOM_FOR_TEXT))
    edges = [first + length * number // room for number in range(room + 1)]
    counts = [refs.bytes_between(start, stop) for start, stop in pairwise(edges)]
    counts[-1] += refs.bytes_between(last, last + 1)
    most = max(counts) or 1
    drawn = "".join(BLOCKS[-(-count * 8 // most)] for count in counts)
    lines.append(
        line((f"  {'came':<{NAME}}", "muted"), (f"{human_duration(length):>6}  ", "text"), (drawn, "good"))
    )
    lines.append(fact("rate", f"{human_size(round(rate))} bytes a second"))
    gap, at = refs.longest_gap
    if gap >= WORTH_A_WORD:
        after = human_duration(at - first)
        lines.append(fact("longest gap", f"{human_duration(gap)}, {after} after the first byte"))
    elif gap:
        lines.append(fact("longest gap", human_duration(gap)))
    return [*lines, BLANK]


def _moments(view: FlowView) -> list[Line]:
    """Return what happened when, from the start of the flow on."""
    request, response = view.request, view.response
    moments = [
        ("request began", request.head_mono_ns if request else 0),
        ("request ended", request.end_mono_ns if request else 0),
        ("response began", response.head_mono_ns if response else 0),
        ("response ended", response.end_mono_ns if response else 0),
        ("last event", view.last_mono_ns),
    ]
    if any(at == view.last_mono_ns for _, at in moments[:-1]):
        del moments[-1]
    known = sorted((at - view.started_mono_ns, name) for name, at in moments if at)
    if not known:
        return []
    lines = [heading("Moments", "since the flow began")]
    return (
        lines
        + [
            line((f"  {f'+{offset / 1e6:,.3f} ms':>16}", "text"), (f"  {name}", "muted"))._replace(
                subject=Subject(name, f"{offset / 1e6:.3f} ms")
            )
            for offset, name in known
        ]
        + [BLANK]
    )
