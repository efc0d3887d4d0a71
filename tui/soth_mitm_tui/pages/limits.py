"""Every budget: what it is, how often it was used up, and what has been dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.model.limits import LIMITS, Limit
from soth_mitm.text import human_duration, human_size, printable
from soth_mitm_tui.lines import BLANK, heading, line
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.config import Config
    from soth_mitm.policy.learning import Learned
    from soth_mitm.record.session import SessionFacts
    from soth_mitm_tui.lines import Span


class Kept(NamedTuple):
    """How much of the run is kept."""

    flows: int
    dropped: int
    """Rows that are no longer in the list."""
    bytes: int
    segments: int
    place: str = ""
    """Where the recording is; empty for memory."""
    live: bool = True
    """Whether it is a run that goes on, which uses its budgets, and no file."""

    def used(self, name: str, facts: SessionFacts) -> int | None:
        """Return how much of a budget is in use; None where that is not known."""
        if not self.live:
            return None
        recorded = "spill_bytes" if self.place else "memory_spill_bytes"
        known = {"max_connections": facts.open_connections, "list_rows": self.flows, recorded: self.bytes}
        return known.get(name)


def limit_entries(
    facts: SessionFacts,
    config: Config,
    kept: Kept,
    width: int,
    *,
    passed: tuple[tuple[Learned, float], ...] = (),
) -> Iterator[Entry]:
    """Yield what is kept, what was dropped, and every budget: first those that were used up.

    `passed` are the hosts that pass through because of refusals, with the seconds left for each.
    """
    yield Entry(BLANK)
    yield Entry(heading("Kept"))
    yield from _facts(facts, kept)
    yield Entry(BLANK)
    if passed:
        yield Entry(heading("Passed through", "clients refused the certificate; T on a flow ends it"))
        yield from (_passed(learned, left) for learned, left in passed)
        yield Entry(BLANK)
    hit = [limit for limit in LIMITS if facts.limits.get(limit.name)]
    yield Entry(heading("Used up", "" if hit else "none so far"))
    for limit in hit:
        yield from _limit(
            limit, config, width, hits=facts.limits[limit.name], used=kept.used(limit.name, facts)
        )
    yield Entry(BLANK)
    yield Entry(heading("Limits", "set in config.toml under [limits]; docs/limits.md"))
    for limit in LIMITS:
        if not facts.limits.get(limit.name):
            yield from _limit(limit, config, width, hits=0, used=kept.used(limit.name, facts))


def _passed(learned: Learned, left: float) -> Entry:
    said = f"{learned.refusals} refusals · for another {human_duration(round(left) * 1_000_000_000)}"
    spans: tuple[Span, ...] = ((f"  {printable(learned.host, 60)}  ", "strong"), (said, "muted"))
    return Entry(line(*spans), f"host:={learned.host}")


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
    yield fact(
        "", "", f"in {printable(kept.place, 400)}" if kept.place else "in memory, gone when the proxy ends"
    )
    gaps = f"{human_size(facts.gap_bytes)} bytes and {facts.gap_events:,} events were not recorded"
    yield fact("gaps", f"{facts.gaps:,}", gaps if facts.gaps else "", "bad")
    yield fact("connections", f"{facts.connections:,}", f"{facts.open_connections:,} open now")


def _limit(limit: Limit, config: Config, width: int, *, hits: int, used: int | None) -> Iterator[Entry]:
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
    if used is not None:
        now = human_size(used) if limit.unit == "bytes" else f"{used:,}"
        text = printable(f"{now} in use · {text}")
    yield Entry(line(*spans, (text if len(text) <= room else text[: room - 1] + "…", "muted")))
