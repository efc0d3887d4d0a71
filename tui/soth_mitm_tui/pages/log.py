"""The event log: what happened in the run and belongs to no single flow."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from soth_mitm_tui.columns import clock_text
from soth_mitm_tui.lines import line
from soth_mitm_tui.viewers.wrap import break_points
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soth_mitm.record.session import SessionFacts
    from soth_mitm_tui.lines import Span

SIGNS: Final = {"info": ("·", "muted"), "warning": ("▲", "warn"), "error": ("✕", "bad")}
LEVELS: Final = ("info", "warning", "error")


def log_entries(
    facts: SessionFacts, width: int, *, least: str = "info", text: str = "", remarks: Sequence[str] = ()
) -> Iterator[Entry]:
    """Yield the log from a level up, oldest first, where it has a text; long texts go on below.

    `remarks` are about the file that was opened, and stand first whatever is asked for.
    """
    wanted, text = LEVELS[LEVELS.index(least) :], text.casefold()
    for remark in remarks:
        yield from _said((("  the file ", "muted"), ("▲ ", "warn")), remark, width, indent=13, tone="warn")
    gone = facts.logged - len(facts.log)
    if gone:
        yield Entry(line((f"  {gone:,} older lines are no longer kept", "muted")))
    shown = 0
    for each in facts.log:
        if each.level not in wanted or text not in f"{each.source} {each.text}".casefold():
            continue
        shown += 1
        sign, tone = SIGNS.get(each.level, SIGNS["info"])
        lead = (
            (f"  {clock_text(each.wall_ns)} ", "muted"),
            (f"{sign} {each.level:<7} ", tone),
            (f"{each.source:<8} ", "muted"),
        )
        yield from _said(lead, each.text, width, indent=30, tone="text" if each.level == "info" else tone)
    if not shown:
        said = "Nothing of this level has happened" if not text else "Nothing here has the text"
        yield Entry(line((f"  {said}", "muted")))


def _said(lead: tuple[Span, ...], text: str, width: int, *, indent: int, tone: str) -> Iterator[Entry]:
    starts = break_points(text, max(width - indent, 20), 0, words=True)
    pieces = [text[start:stop] for start, stop in pairwise([*starts, len(text)])]
    yield Entry(line(*lead, (pieces[0], tone)))
    for piece in pieces[1:]:
        yield Entry(line((" " * indent, "text"), (piece, tone)))
