"""Calls to language models on the screens: in the list, in the overview of one, and added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from soth_mitm.export.calls import stalls
from soth_mitm.model.llm import Call, dollars
from soth_mitm.policy.filters import term_for
from soth_mitm.record.callsums import OTHERS
from soth_mitm.text import human_duration
from soth_mitm_tui.lines import BLANK, Line, Span, fact, heading, line
from soth_mitm_tui.widgets.page import Entry

if TYPE_CHECKING:
    from soth_mitm.record.callsums import CallSum, CallSums
    from soth_mitm.record.rows import Row

NOTHING: Final = "–"  # noqa: RUF001 - a dash is what a table says for nothing
DOT: Final[Span] = (" · ", "muted")
ROWS: Final = 8
_FIGURES: Final = 52
_NAME: Final = 48
_GOOD_ENDS: Final = frozenset(
    ("stop", "end_turn", "completed", "STOP", "stop_sequence", "tool_use", "tool_calls", "function_call")
)


def short(count: int) -> str:
    """Return a number of tokens in at most 5 characters: `950`, `18.2k`, `204k`, `1.3M`."""
    if count < 1000:
        return str(count)
    if count < 99_950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1_000_000:.1f}M"


def note(call: Call) -> tuple[Span, ...]:
    """Return what the list says behind the path: the model, tokens in and out, and the cost."""
    spans: list[Span] = [(f"  {call.model or call.dialect}", "accent" if not call.final else "text")]
    if call.tokens >= 0:
        given = short(call.input) if call.input >= 0 else "?"
        made = short(call.output) if call.output >= 0 else "…" if not call.final else "?"
        spans.append((f" {given}→{made}", "muted"))
    if call.cost >= 0:
        spans.append((f" {dollars(call.cost)}", "muted"))
    if call.stalls:
        spans.append((f" {stalls(call.stalls)}", "warn"))
    if call.final and call.ending and call.ending not in _GOOD_ENDS:
        spans.append((f" {call.ending}", "warn"))
    return tuple(spans)


# --- columns


def figure(name: str) -> Callable[[Row], int]:
    """Return what rows are ordered by: a number of their calls, -1 where there is none."""
    return lambda row: int(getattr(row.llm, name)) if row.llm is not None else -1


def at_least(field: str, name: str, unit: int = 1) -> Callable[[Row], str]:
    """Return the filter for what has at least a row's number; empty where that is not known."""

    def term(row: Row) -> str:
        number: int = getattr(row.llm, name, -1)
        return f"{field}:>={number // unit}" if number >= 0 else ""

    return term


def counted(name: str) -> Callable[[Row], tuple[Span, ...]]:
    """Return what a column shows of a number of tokens."""

    def spans(row: Row) -> tuple[Span, ...]:
        count = getattr(row.llm, name) if row.llm is not None else -1
        return ((short(count), "text"),) if count >= 0 else _none(row)

    return spans


def model(row: Row) -> str:
    """Return the name of the model."""
    return row.llm.model if row.llm is not None else ""


def ending(row: Row) -> str:
    """Return why the model stopped."""
    return row.llm.ending if row.llm is not None else ""


def cost(row: Row) -> tuple[Span, ...]:
    """Return what a call costs."""
    return ((dollars(row.llm.cost), "text"),) if row.llm is not None and row.llm.cost >= 0 else _none(row)


def first_token(row: Row) -> tuple[Span, ...]:
    """Return the time to the first token."""
    if row.llm is None or row.llm.first_token_ns < 0:
        return _none(row)
    return ((human_duration(row.llm.first_token_ns), "muted"),)


def rate(row: Row) -> tuple[Span, ...]:
    """Return tokens a second."""
    return ((f"{row.llm.rate:,.0f}", "muted"),) if row.llm is not None and row.llm.rate > 0 else _none(row)


def stall_count(row: Row) -> tuple[Span, ...]:
    """Return how many stalls there were."""
    return ((f"{row.llm.stalls:,}", "warn" if row.llm.stalls else "muted"),) if row.llm is not None else ()


def stop(row: Row) -> tuple[Span, ...]:
    """Return why the model stopped."""
    said = ending(row)
    return ((said, "muted" if said in _GOOD_ENDS else "warn"),)


def _none(row: Row) -> tuple[Span, ...]:
    return ((NOTHING, "muted"),) if row.llm is not None else ()


# --- the overview of one


def call_lines(call: Call | None) -> list[Line]:
    """Return what is known of a call."""
    if call is None:
        return []
    lines = [
        heading("Model"),
        fact("model", (call.model or "not told", "strong"), DOT, (call.dialect, "text")),
    ]
    if call.turns >= 0:
        lines.append(
            fact("answers", (f"{call.turns:,}", "strong"), DOT, ("numbers are those of all", "muted"))
        )
    lines += _tokens(call)
    if call.cost >= 0:
        by = f"by the maker's list of {call.priced}"
        lines.append(fact("cost", (dollars(call.cost), "strong"), DOT, (by, "muted")))
    elif call.final:
        lines.append(fact("cost", ("not known", "muted")))
    if call.first_token_ns >= 0:
        after = " to the first token" + (" of the latest" if call.turns > 1 else "")
        spans: list[Span] = [(human_duration(call.first_token_ns), "strong"), (after, "text")]
        if call.rate > 0:
            spans += [DOT, (f"{call.rate:,.0f}", "strong"), (" tokens a second", "text")]
        lines.append(fact("pace", *spans))
    if call.longest_gap_ns:
        gap = f"longest {human_duration(call.longest_gap_ns)}"
        said: Span = (stalls(call.stalls), "warn") if call.stalls else ("none of more than 2 s", "text")
        lines.append(fact("stalls", said, DOT, (gap, "muted")))
    if call.ending:
        tone = "text" if call.ending in _GOOD_ENDS else "warn"
        lines.append(fact("stopped", (call.ending, tone)))
    if call.error:
        lines.append(fact("error", (call.error, "bad")))
    return [*lines, BLANK]


def _tokens(call: Call) -> list[Line]:
    lines = []
    if call.input >= 0:
        spans: list[Span] = [(f"{call.input:,}", "strong")]
        if call.cached >= 0:
            share = f" ({call.cached / call.input:.0%})" if call.input else ""
            spans += [DOT, (f"{call.cached:,} from the cache{share}", "good" if call.cached else "muted")]
        if call.written > 0:
            spans += [DOT, (f"{call.written:,} into the cache", "text")]
        lines.append(fact("tokens in", *spans))
    if call.output >= 0:
        spans = [(f"{call.output:,}", "strong")]
        if call.thinking > 0:
            spans += [DOT, (f"{call.thinking:,} of them for thinking", "text")]
        lines.append(fact("tokens out", *spans))
    return lines


# --- all of a run


def model_entries(calls: CallSums, width: int) -> Iterator[Entry]:
    """Yield the table of the models that were called, the dearest first; nothing where none was."""
    total = calls.total
    if not total.calls:
        return
    priced = f"cost by the makers' lists of {calls.priced}" if calls.priced else "no prices known"
    yield Entry(heading("Language models", priced))
    room = min(max(width - _FIGURES - 2, 12), _NAME)
    heads = (("calls", 7), ("in", 7), ("cached", 7), ("out", 7), ("cost", 10), ("first", 7), ("tok/s", 7))
    yield Entry(line((" " * (room + 2), "text"), *((f"{name:>{cells}}", "muted") for name, cells in heads)))
    by_cost = nlargest(
        ROWS, calls.models.items(), key=lambda pair: (pair[1].cost, pair[1].input + pair[1].output)
    )
    for name, sums in by_cost:
        leads = term_for("model", name) if name not in (OTHERS, "?") else ""
        yield Entry(_model(name, sums, room), leads)
    if len(calls.models) > 1:
        yield Entry(_model("all", total, room), "is:llm")
    if len(calls.models) > ROWS:
        yield Entry(line((f"  and {len(calls.models) - ROWS:,} more", "muted")))
    if total.unpriced:
        one = total.unpriced == 1
        said = f"  {total.unpriced:,} call{'' if one else 's'} without a known cost"
        yield Entry(line((said, "muted")))
    yield Entry(BLANK)


def _model(name: str, sums: CallSum, room: int) -> Line:
    shown = name if cell_len(name) <= room else set_cell_size(name, room - 1) + "…"
    money = dollars(sums.cost) if sums.unpriced < sums.calls else NOTHING
    first = human_duration(sums.wait_ns) if sums.wait_ns >= 0 else NOTHING
    pace = f"{sums.rate:,.0f}" if sums.rate > 0 else NOTHING
    return line(
        ("  " + set_cell_size(shown, room), "text"),
        (f"{sums.calls:>7,}", "strong"),
        (f" {short(sums.input):>6}", "text"),
        (f" {short(sums.cached):>6}", "good" if sums.cached else "muted"),
        (f" {short(sums.output):>6}", "text"),
        (f" {money:>9}", "strong"),
        (f" {first:>6}", "text"),
        (f" {pace:>6}", "text"),
    )
