"""Every budget: what it is, how often it was used up, and what has been dropped."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.model.limits import LIMITS, Limit, OpenBreaker, Usage
from soth_mitm.text import human_duration, human_size, printable
from soth_mitm_tui.lines import BLANK, heading, line
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.config import Config
    from soth_mitm.policy.learning import Learned
    from soth_mitm.record.session import SessionFacts
    from soth_mitm_tui.lines import Span


NOTHING_USED = Usage({}, {})

_NAME: Final = max(len(limit.name) for limit in LIMITS)
_AMOUNT: Final = len("1,000,000")
_LEAD: Final = _NAME + _AMOUNT + 5
"""Cells before what is said of a budget: margin, name and amount, and the gaps behind them."""

COUNTED = {
    "upstream_waits": "dials that waited in line for a place",
    "breaker_open": "times that an upstream was left alone",
    "breaker_closed": "times that one could be reached again",
    "accept_errors": "connections that could not be accepted",
    "handler_failures": "failures of the handler",
    "process_unknown": "connections whose program was not found",
    "internal_errors": "faults of soth-mitm itself; the event log has them",
}
"""What is counted beside the budgets, and worth a line once it has happened."""


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

    def hits(self, facts: SessionFacts, usage: Usage) -> dict[str, int]:
        """Return how often each budget was used up: by the run's counters, and by what its events tell."""
        hits = dict(usage.hits)
        for name, count in facts.limits.items():
            hits[name] = max(hits.get(name, 0), count)
        if self.dropped and self.live:
            hits["list_rows"] = self.dropped
        return hits


def limit_entries(
    facts: SessionFacts,
    config: Config,
    kept: Kept,
    width: int,
    *,
    passed: tuple[tuple[Learned, float], ...] = (),
    usage: Usage = NOTHING_USED,
) -> Iterator[Entry]:
    """Yield what is kept, what was dropped, and every budget: first those that were used up.

    `passed` are the hosts that pass through because of refusals, with the seconds left for each; `usage`
    is what the running proxy has counted.
    """
    hits = kept.hits(facts, usage)
    yield Entry(BLANK)
    yield Entry(heading("Kept"))
    yield from _facts(facts, kept)
    yield Entry(BLANK)
    if passed:
        yield Entry(heading("Passed through", "clients refused the certificate; T on a flow ends it"))
        yield from (_passed(learned, left) for learned, left in passed)
        yield Entry(BLANK)
    if usage.breakers:
        yield Entry(heading("Left alone", "upstreams that only fail; asking for one is answered with 503"))
        yield from (_breaker(each) for each in usage.breakers)
        yield Entry(BLANK)
    hit = [limit for limit in LIMITS if hits.get(limit.name)]
    yield Entry(heading("Used up", "" if hit else "none so far"))
    for limit in hit:
        used = _used(limit, kept, facts, usage)
        yield from _limit(limit, config, width, hits=hits[limit.name], used=used)
    yield Entry(BLANK)
    counted = [(name, words) for name, words in COUNTED.items() if hits.get(name)]
    if counted:
        yield Entry(heading("Counted besides"))
        for name, words in counted:
            yield Entry(
                line(
                    (f"  {name:<{_NAME}} ", "text"),
                    (f"{hits[name]:>{_AMOUNT},}", "strong"),
                    (f"  {words}", "muted"),
                )
            )
        yield Entry(BLANK)
    yield Entry(heading("Limits", "set in config.toml under [limits]; docs/limits.md"))
    for limit in LIMITS:
        if not hits.get(limit.name):
            yield from _limit(limit, config, width, hits=0, used=_used(limit, kept, facts, usage))


def _used(limit: Limit, kept: Kept, facts: SessionFacts, usage: Usage) -> int | None:
    used = kept.used(limit.name, facts)
    return usage.levels.get(limit.name) if used is None else used


def _breaker(breaker: OpenBreaker) -> Entry:
    since = human_duration(round(breaker.since) * 1_000_000_000)
    again = (
        f"tried again in {breaker.remaining:.0f} s"
        if breaker.remaining >= 0.5
        else "tried again when asked for"
    )
    cause = printable(breaker.cause.replace("_", " "), 60)
    said = f"for {since} · {breaker.failures:,} failures in a row, the last: {cause} · {again}"
    return Entry(line((f"  {printable(breaker.site, 60)}  ", "bad"), (said, "muted")))


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
    """Yield a budget: name, amount, and the rest in as many rows as it takes."""
    value = getattr(config.limits, limit.name, limit.default)
    sized = limit.unit.startswith("bytes")
    amount = (human_size(int(value)) if sized else f"{value:,.10g}") if value else "off"
    words = [limit.unit]
    if hits:
        words.append(f"used up {hits:,}×")  # noqa: RUF001 - the sign is meant
    if used is not None:
        words.append(f"{human_size(used) if sized else f'{used:,}'} in use")
    rows = wrap(printable(" · ".join([*words, limit.action])), max(width - _LEAD, 10))
    name = (f"  {limit.name:<{_NAME}} ", "warn" if hits else "text")
    yield Entry(line(name, (f"{amount:>{_AMOUNT}}  ", "strong"), (rows[0], "muted")))
    for row in rows[1:]:
        yield Entry(line((" " * _LEAD, "text"), (row, "muted")))
