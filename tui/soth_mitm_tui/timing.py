"""The phases of an exchange as bars, to scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.text import human_duration
from soth_mitm_tui.columns import NOTHING
from soth_mitm_tui.lines import BLANK, Line, heading, line

if TYPE_CHECKING:
    from soth_mitm.record.view import FlowView


def bar(start: float, length: float, width: int) -> str:
    """Draw a bar that begins at `start` and is `length` long, both as parts of `width` cells."""
    begin = min(int(start * width), width - 1)
    halves = max(round(length * width * 2), 1)
    drawn = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return (" " * begin + drawn)[:width].ljust(width)


def timing_lines(view: FlowView, width: int) -> list[Line]:
    """Return the section of the timing bars; nothing where no phase is known."""
    timing = view.timing
    before = timing.dns + timing.connect + timing.tls
    phases = [
        ("dns", timing.dns, "muted"),
        ("connect", timing.connect, "muted"),
        ("tls", timing.tls, "muted"),
        ("send", timing.send, "accent"),
        ("wait", timing.wait, "accent"),
        ("receive", timing.receive, "good"),
    ]
    total = sum(length for _, length, _ in phases)
    if not total:
        return []
    room = max(10, min(64, width - 30))
    reused = "on a connection that was open already" if timing.reused else ""
    title = f"{human_duration(total)} in all"
    lines = [heading("Time", f"{title}, {reused}" if reused else title)]
    at = 0
    for name, length, tone in phases:
        if before or name not in ("dns", "connect", "tls"):
            drawn = bar(at / total, length / total, room) if length else " " * room
            shown = human_duration(length) if length else NOTHING
            lines.append(line((f"  {name:<10}", "muted"), (f"{shown:>6}  ", "text"), (drawn, tone)))
        at += length
    return [*lines, BLANK]
