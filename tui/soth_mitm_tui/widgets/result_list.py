"""The results of a run of replays: its figures above, and a row for each time, drawn on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from soth_mitm.text import human_duration, human_size
from soth_mitm_tui.columns import NOTHING, TIMES, fit, status_tone
from soth_mitm_tui.replaying import CANCELLED, DONE, SENDING
from soth_mitm_tui.widgets.line_scroll import LineScroll, Toned

if TYPE_CHECKING:
    from textual import events
    from textual.strip import Strip

    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.runs import Entry, Run, Summary

HEADS: Final = (("#", 5), ("flow", 7), ("st", 4), ("ttfb", 6), ("time", 6), ("size", 5))
_NAMES: Final = ("min", "median", "p90", "p99", "max")


class Figures(Toned):
    """What came of it all: two lines, and the heads of the table."""

    title = "The figures"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[list[Span]] = []

    def show_run(self, run: Run) -> None:
        """Show the figures of a run."""
        lines = [*figure_lines(run.summary(), run), [], [("  ", "text"), *_heads(several=len(run.flows) > 1)]]
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw one line."""
        spans = self._lines[y] if y < len(self._lines) else []
        return self.strip_of(spans, self.size.width, self.base_style)


def figure_lines(facts: Summary, run: Run) -> list[list[Span]]:
    """Return the figures as two lines."""
    dot: Span = (" · ", "muted")
    parts: list[Span] = [(f"{facts.done:,} of {facts.total:,} answered", "strong")]
    if facts.failed:
        parts[0] = (f"{facts.done - facts.failed:,} of {facts.total:,} answered", "strong")
        parts.append((f"✕ {facts.failed:,} failed", "bad"))
    if facts.sending:
        parts.append((f"◌ {facts.sending:,} under way", "accent"))
    if facts.cancelled:
        parts.append((f"{facts.cancelled:,} not sent", "warn"))
    if facts.different:
        parts.append((f"≠ {facts.different:,} differ{'s' if facts.different == 1 else ''}", "warn"))
    if facts.same:
        parts.append((f"= {facts.same:,} the same", "good"))
    first: list[Span] = [("  ", "text")]
    for number, part in enumerate(parts):
        first += [dot, part] if number else [part]
    for code, count in facts.statuses[:4]:
        first += [dot, (f"{code}", status_tone(code)), (f" {TIMES}{count:,}", "muted")]
    second: list[Span] = [("  time", "muted")]
    for name, value in zip(_NAMES, facts.times, strict=False):
        second += [(f"  {name} ", "muted"), (human_duration(value), "text")]
    if not facts.times:
        second.append((f"  {NOTHING}", "muted"))
    if run.plan.to is not None:
        second.append((f"   to {run.plan.to}", "accent"))
    return [first, second]


def _heads(*, several: bool) -> list[Span]:
    spans: list[Span] = []
    for name, width in HEADS:
        spans.append((f"{name:>{width}} ", "muted"))
    return [*spans, (f" {'of':>6} " if several else " ", "muted"), ("answer", "muted")]


class ResultList(LineScroll):
    """A row for each time that something is sent."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"result-list--cursor"}

    title = "The results"

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self.cursor = 0

    def on_mount(self) -> None:
        """Know how many there are."""
        self.update()

    def show_run(self, run: Run) -> None:
        """Show another run."""
        self.run, self.cursor = run, 0
        self.update()
        self.go_to(0)

    def update(self) -> None:
        """Show how it stands."""
        self.set_line_count(len(self.run.entries))
        self.refresh()

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor."""
        entries = self.run.entries
        return entries[min(self.cursor, len(entries) - 1)] if entries else None

    def go(self, position: int) -> None:
        """Put the cursor on an entry."""
        self.cursor = max(0, min(position, len(self.run.entries) - 1))
        self.bring(self.cursor)
        self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw one row."""
        number, width, base = y + self.top, self.size.width, self.base_style
        if number >= len(self.run.entries):
            words = (
                (("  reading what is to be sent…", "muted"),) if not number and not self.run.finished else ()
            )
            return self.strip_of(words, width, base)
        current = number == self.cursor
        if current:
            base = base + self.get_component_rich_style("result-list--cursor", partial=True)
        entry = self.run.entries[number]
        lead: Span = ("▸ " if current else "  ", "accent")
        spans = [lead, *row_spans(number + 1, entry, several=len(self.run.flows) > 1)]
        return self.strip_of(fit(tuple(spans), width - 1), width, base)  # the scrollbar has its place

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer."""
        if event.y + self.top < len(self.run.entries):
            self.go(event.y + self.top)


def row_spans(number: int, entry: Entry, *, several: bool) -> list[Span]:
    """Return one row of the table."""
    attempt = entry.attempt
    cells: list[Span] = [(f"{number:,}", "muted"), (f"#{entry.flow}" if entry.flow else NOTHING, "text")]
    if attempt is None or not attempt.status:
        cells += [("err" if entry.error else "···" if entry.state == SENDING else "", "bad")]
        cells += [("", "text")] * 3
    else:
        cells += [
            (str(attempt.status), status_tone(attempt.status)),
            (human_duration(attempt.ttfb_ns), "muted"),
            (human_duration(attempt.duration_ns), "text"),
            (human_size(attempt.size), "text"),
        ]
    spans: list[Span] = []
    for (text, tone), (_, width) in zip(cells, HEADS, strict=True):
        spans.append((f"{text:>{width}} ", tone))
    spans.append((f" {f'#{entry.of}':>6} " if several else " ", "muted"))
    return [*spans, *_verdict(entry)]


def _verdict(entry: Entry) -> list[Span]:
    if entry.error:
        return [("✕ ", "bad"), (entry.error, "text")]
    if entry.state == CANCELLED:
        return [("not sent", "warn")]
    if entry.state != DONE:
        return [("◌ under way" if entry.state == SENDING else "waits", "muted")]
    verdict = entry.verdict
    if verdict is None:
        return [("compared with nothing" if entry.judged else "comparing…", "muted")]
    if not verdict.differences:
        return [("= ", "good"), ("the same", "text")]
    names = ", ".join(verdict.names)
    more = ", …" if verdict.differences > len(verdict.names) else ""
    count = f"{verdict.differences:,} differ{'s' if verdict.differences == 1 else ''}: "
    return [("≠ ", "warn"), (count, "text"), (f"{names}{more}", "key")]
