"""The run at a glance: how much, how fast, how it ended, and which hosts and endpoints stand out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from soth_mitm.policy.filters import quoted, term_for
from soth_mitm.record.statistics import OTHERS, SECONDS, Second, Statistics, Tally
from soth_mitm.text import human_duration, human_size
from soth_mitm_tui import plots
from soth_mitm_tui.calls import model_entries
from soth_mitm_tui.lines import BLANK, Line, Span, heading, line
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from soth_mitm.record.session import SessionFacts

ROWS: Final = 8
"""Entries of each table."""
SLOW_LEAST: Final = 3
"""An endpoint counts as slow only after so many answers."""
_TONES: Final = {
    "1xx": "accent",
    "2xx": "good",
    "3xx": "muted",
    "4xx": "warn",
    "5xx": "bad",
    "tls": "bad",
    "failed": "bad",
}
_FILTERS: Final = {"tls": "is:tls-failed", "tunnel": "is:tunnel", "failed": "is:error", "none": "status:0"}
ORDERS: Final[Mapping[str, tuple[str, Callable[[Tally], int]]]] = {
    "flows": ("most flows first", lambda tally: tally.flows),
    "failed": ("most failures first", lambda tally: tally.errors),
    "bytes": ("most bytes first", lambda tally: tally.request_bytes + tally.response_bytes),
    "p50": ("slowest by p50 first", lambda tally: tally.percentile(0.5)),
    "p95": ("slowest by p95 first", lambda tally: tally.percentile(0.95)),
}
"""What the tables can be sorted by: in words, and the figure, the largest of which comes first."""
_REACHES: Final = (1, 2, SECONDS // 60)
"""Minutes that the plots may cover; the fewest that have all there is."""
_FIGURES: Final = 37
_NAME: Final = 64
"""Cells of a name, where there is room; beyond them the eye loses the line."""


def overview_entries(
    statistics: Statistics,
    facts: SessionFacts,
    width: int,
    *,
    now_second: int,
    part: float,
    opened: int,
    order: str = "flows",
) -> Iterator[Entry]:
    """Yield the page; `opened` is how many flows are open, `part` how much of the list was counted.

    `order` is one of `ORDERS`; slow endpoints are always sorted by their p95.
    """
    total = statistics.total
    if not total.flows and not opened:
        yield Entry(BLANK)
        yield Entry(line(("  Nothing has passed yet; this page counts what does.", "muted")))
        return
    yield Entry(BLANK)
    yield Entry(_totals(statistics, facts, opened, part))
    yield Entry(BLANK)
    yield from _rate(statistics, width, now_second)
    yield from _outcomes(statistics, width)
    yield from model_entries(statistics.calls, width)
    said, figure = ORDERS[order]
    hosts = _sorted(statistics.hosts, figure)
    yield from _table("Hosts", said, hosts, width, field="host", sorted_by=order)
    yield from _table(
        "Slow endpoints", "by p95; * stands for what varies", _slow(statistics), width, field="endpoint"
    )
    for title, note, table, field in (
        ("Media types", "of responses", statistics.types, "type"),
        ("Protocols", "by version, or what passed instead", statistics.protocols, "proto"),
        ("Clients", "by address", statistics.clients, "client"),
    ):
        yield from _table(title, note, _sorted(table, figure), width, field=field, sorted_by=order)
    if statistics.refused:
        yield from _table(
            "TLS refused",
            "clients that do not trust the CA",
            _sorted(statistics.refused, ORDERS["flows"][1]),
            width,
            field="refused",
        )


def _sorted(table: Mapping[str, Tally], figure: Callable[[Tally], int]) -> dict[str, Tally]:
    """Return the table with the entries that are shown, the largest first, before the rest as it is."""
    first = nlargest(ROWS, table.items(), key=lambda pair: figure(pair[1]))
    return {**dict(first), **table}


def _totals(statistics: Statistics, facts: SessionFacts, opened: int, part: float) -> Line:
    total = statistics.total
    spans: list[Span] = [
        ("  ", "text"),
        (f"{total.flows:,}", "strong"),
        (" flows   ", "muted") if part >= 1 else (f" flows, counting: {part:.0%}   ", "accent"),
        (f"{opened:,}", "strong"),
        (" open   ", "muted"),
        (f"{total.errors:,}", "bad" if total.errors else "strong"),
        (" failed   ", "muted"),
        (human_size(total.request_bytes), "strong"),
        (" up   ", "muted"),
        (human_size(total.response_bytes), "strong"),
        (" down   ", "muted"),
        (human_duration(total.percentile(0.5)), "strong"),
        (" p50   ", "muted"),
        (human_duration(total.percentile(0.95)), "strong"),
        (" p95", "muted"),
    ]
    if facts.gaps:
        spans.append((f"   {facts.gaps:,} capture gap{'' if facts.gaps == 1 else 's'}", "bad"))
    return line(*spans)


def _rate(statistics: Statistics, width: int, now: int) -> Iterator[Entry]:
    seconds = list(statistics.history(now))
    peak = float(max((each.flows for each in seconds), default=0))
    minutes = _reach(seconds)
    seconds = seconds[-minutes * 60 :]
    room = max(width - 14, 10)
    flows = [float(each.flows) for each in seconds]
    last = sum(flows[-10:]) / 10
    title = "Last minute" if minutes == 1 else f"Last {minutes} minutes"
    yield Entry(heading(title, f"{last:.1f} flows/s now · peak {peak:,.0f}/s"))
    rows = plots.columns(plots.stretched(flows, room), room, 4)
    for number, text in enumerate(rows):
        label = f"{peak:>8,.0f}/s" if number == 0 else f"{0:>8}/s" if number == len(rows) - 1 else " " * 10
        yield Entry(line((f" {label} ", "muted"), (text, "accent")))
    amounts = [float(each.bytes) for each in seconds]
    top = f"{human_size(int(max(amounts, default=0)))}B/s"
    (lowest,) = plots.columns(plots.stretched(amounts, room), room, 1)
    yield Entry(line((f" {top:>10} ", "muted"), (lowest, "good")))
    errors = [float(each.errors) for each in seconds]
    if any(errors):
        (lowest,) = plots.columns(plots.stretched(errors, room), room, 1)
        yield Entry(line((f" {'failed':>10} ", "muted"), (lowest, "bad")))
    yield Entry(line((" " * 12, "text"), (f"{-minutes} min" + " " * max(0, room - 9) + "now", "muted")))
    yield Entry(BLANK)


def _reach(seconds: Sequence[Second]) -> int:
    """Return how many minutes are worth drawing: a run that has just begun would be lost in five."""
    quiet = next((at for at, each in enumerate(seconds) if each.flows or each.bytes), len(seconds))
    return next(minutes for minutes in _REACHES if len(seconds) - quiet <= minutes * 60)


def _outcomes(statistics: Statistics, width: int) -> Iterator[Entry]:
    outcomes = sorted(statistics.outcomes.items())
    total = sum(statistics.outcomes.values()) or 1
    yield Entry(heading("Outcomes"))
    parts = [(float(count), _TONES.get(name, "rule")) for name, count in outcomes]
    yield Entry(line(("  ", "text"), *plots.stacked(parts, max(width - 4, 10))))
    for name, count in outcomes:
        leads = _FILTERS.get(name) or (f"status:{name}" if name.endswith("xx") else f"proto:{name}")
        yield Entry(
            line(
                ("  █ ", _TONES.get(name, "rule")),
                (f"{name:<8}", "text"),
                (f"{count:>10,}", "strong"),
                (f"{count / total:>7.1%}", "muted"),
            ),
            leads,
        )
    yield Entry(BLANK)


def _slow(statistics: Statistics) -> dict[str, Tally]:
    often = [(name, tally) for name, tally in statistics.endpoints.items() if tally.answers >= SLOW_LEAST]
    return dict(nlargest(ROWS, often, key=lambda pair: pair[1].percentile(0.95)))


def _table(
    title: str, note: str, table: Mapping[str, Tally], width: int, *, field: str, sorted_by: str = ""
) -> Iterator[Entry]:
    if not table:
        return
    entries = list(table.items())
    yield Entry(heading(title, note))
    room = min(max(width - _FIGURES - 2, 12), _NAME)
    heads: list[Span] = [
        (f"{name:>{cells}}", "accent" if name == sorted_by else "muted")
        for name, cells in (("flows", 7), ("failed", 7), ("bytes", 7), ("p50", 8), ("p95", 8))
    ]
    yield Entry(line((" " * (room + 2), "text"), *heads))
    for name, tally in entries[:ROWS]:
        shown = name if cell_len(name) <= room else set_cell_size(name, room - 1) + "…"
        yield Entry(
            line(
                ("  " + set_cell_size(shown, room), "text"),
                (f"{tally.flows:>7,}", "strong"),
                (f" {tally.errors:>6,}", "bad" if tally.errors else "muted"),
                (f" {human_size(tally.request_bytes + tally.response_bytes):>6}", "text"),
                (f" {_within(tally, 0.5):>7}", "text"),
                (f" {_within(tally, 0.95):>7}", "text"),
            ),
            _leads(field, name),
        )
    if len(entries) > ROWS:
        yield Entry(line((f"  and {len(entries) - ROWS:,} more", "muted")))
    yield Entry(BLANK)


def _within(tally: Tally, part: float) -> str:
    return human_duration(tally.percentile(part)) if tally.times else "–"  # noqa: RUF001 - nothing was answered


def _leads(field: str, name: str) -> str:
    """Return the filter that shows the flows of an entry."""
    if name in (OTHERS, "?"):
        return ""
    if field == "refused":
        return f"is:tls-failed {term_for('host', name)}"
    if field == "client":
        return f"client:{quoted(name)}"
    if field != "endpoint":
        return term_for(field, name)
    method, _, place = name.partition(" ")
    host, slash, path = place.partition("/")
    longest = max((slash + path).split("*"), key=len)
    return f"{term_for('method', method)} {term_for('host', host)} {term_for('path', longest)}"
