"""Every budget: what it is, how often it was used up, and what has been dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.model.limits import LIMITS, Limit
from soth_mitm.text import human_size, printable
from soth_mitm_tui.lines import BLANK, heading, line
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.config import Config
    from soth_mitm.record.session import SessionFacts
    from soth_mitm_tui.lines import Span


class Kept(NamedTuple):
    """How much of the run is kept."""

    flows: int
    dropped: int
    """Rows that are no longer in the list."""
    bytes: int
    segments: int


def limit_entries(facts: SessionFacts, config: Config, kept: Kept, width: int) -> Iterator[Entry]:
    """Yield what is kept, what was dropped, and every budget: first those that were used up."""
    yield Entry(BLANK)
    yield Entry(heading("Kept"))
    yield from _facts(facts, kept)
    yield Entry(BLANK)
    hit = [limit for limit in LIMITS if facts.limits.get(limit.name)]
    yield Entry(heading("Used up", "" if hit else "none so far"))
    for limit in hit:
        yield from _limit(limit, config, facts.limits[limit.name], width)
    yield Entry(BLANK)
    yield Entry(heading("Limits", "set in config.toml under [limits]; docs/limits.md"))
    for limit in LIMITS:
        if not facts.limits.get(limit.name):
            yield from _limit(limit, config, 0, width)


def _facts(facts: SessionFacts, kept: Kept) -> Iterator[Entry]:
    def fact(name: str, value: str, note: str = "", tone: str = "muted") -> Entry:
        return Entry(line((f"  {name:<12} ", "muted"), (f"{value:>12}", "strong"), (f"  {note}", tone)))

    yield fact(
        "flows", f"{kept.flows:,}", f"{kept.dropped:,} older ones dropped" if kept.dropped else "", "warn"
    )
    yield fact(
        "recorded",
        f"{human_size(kept.bytes)}",
        "in 1 segment" if kept.segments == 1 else f"in {kept.segments:,} segments",
    )
    gaps = f"{human_size(facts.gap_bytes)} bytes and {facts.gap_events:,} events were not recorded"
    yield fact("gaps", f"{facts.gaps:,}", gaps if facts.gaps else "", "bad")
    yield fact("connections", f"{facts.connections:,}", f"{facts.open_connections:,} open now")


def _limit(limit: Limit, config: Config, hits: int, width: int) -> Iterator[Entry]:
    value = getattr(config.limits, limit.name, limit.default)
    times = (f"{hits:>6,}×" if hits else " " * 7, "warn")  # noqa: RUF001 - the sign is meant
    amount = human_size(int(value)) if limit.unit == "bytes" else f"{value:,.10g}"
    unit = {"seconds": "s", "bytes": "B"}.get(limit.unit, limit.unit)
    shown = f"{amount} {unit}" if value else "off"
    spans: tuple[Span, ...] = (
        (f"  {limit.name:<20} ", "warn" if hits else "text"),
        (f"{shown:>18}", "strong"),
        times,
        ("  ", "text"),
    )
    room = max(width - 50, 10)
    text = printable(limit.action)
    yield Entry(line(*spans, (text if len(text) <= room else text[: room - 1] + "…", "muted")))
