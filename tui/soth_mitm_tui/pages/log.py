"""The event log: what happened in the run and belongs to no single flow."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from soth_mitm_tui.columns import clock_text
from soth_mitm_tui.lines import line
from soth_mitm_tui.viewers.wrap import break_points
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.record.session import SessionFacts

SIGNS: Final = {"info": ("·", "muted"), "warning": ("▲", "warn"), "error": ("✕", "bad")}
LEVELS: Final = ("info", "warning", "error")


def log_entries(facts: SessionFacts, width: int, *, least: str = "info", text: str = "") -> Iterator[Entry]:
    """Yield the log from a level up, oldest first, where it has a text; long texts go on below."""
    wanted, text = LEVELS[LEVELS.index(least) :], text.casefold()
    gone = facts.logged - len(facts.log)
    if gone:
        yield Entry(line((f"  {gone:,} older lines are no longer kept", "muted")))
    shown = 0
    for each in facts.log:
        if each.level not in wanted or text not in f"{each.source} {each.text}".casefold():
            continue
        shown += 1
        sign, tone = SIGNS.get(each.level, SIGNS["info"])
        room = max(width - 30, 20)
        starts = break_points(each.text, room, 0, words=True)
        pieces = [each.text[start:stop] for start, stop in pairwise([*starts, len(each.text)])]
        text_tone = "text" if each.level == "info" else tone
        yield Entry(
            line(
                (f"  {clock_text(each.wall_ns)} ", "muted"),
                (f"{sign} {each.level:<7} ", tone),
                (f"{each.source:<8} ", "muted"),
                (pieces[0], text_tone),
            )
        )
        for piece in pieces[1:]:
            yield Entry(line((" " * 30, "text"), (piece, text_tone)))
    if not shown:
        said = "Nothing of this level has happened" if not text else "Nothing here has the text"
        yield Entry(line((f"  {said}", "muted")))
