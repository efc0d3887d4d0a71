"""What is counted while flows pass: the summary at the end, and those that `--fail-on` is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from soth_mitm.cli.output import say
from soth_mitm.export.calls import sum_words
from soth_mitm.export.choosing import Chooser
from soth_mitm.export.collect import Collector, Exchange
from soth_mitm.export.rows import site
from soth_mitm.model.events import FlowClosed
from soth_mitm.record.callsums import CallSums
from soth_mitm.record.rows import RowFold
from soth_mitm.text import human_size

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.rows import Row

EXIT_FAILED_ON = 3
"""Flows matched `--fail-on`."""

_MODELS = 20
"""Models that are named at the end."""


class Tally:
    """A fold of rows that counts what passes through it, so that nothing is folded twice."""

    def __init__(self, failing: FailOn | None = None) -> None:
        self.failing = failing
        self._fold = RowFold(on_closed=self._count)
        self.apply: Callable[[Event], Row | None] = self._fold.apply if failing is None else self._judge
        """See `Fold.apply`; it is called for every event, so that one step less counts."""
        self._flows = self._failed = self._errors = self._bytes = 0
        self._calls = CallSums()

    @property
    def open_rows(self) -> Mapping[int, Row]:
        """See `Fold.open_rows`."""
        return self._fold.open_rows

    def _judge(self, event: Event) -> Row | None:
        row = self._fold.apply(event)
        if row is not None and self.failing is not None:
            self.failing.take(row, event)
        return row

    def _count(self, row: Row) -> None:
        self._flows += 1
        self._failed += row.error
        self._errors += row.status >= 400
        self._bytes += row.response_bytes
        if row.llm is not None:
            self._calls.add(row.llm)

    def __call__(self, event: Event) -> None:
        """Take one event, as a subscriber."""
        self.apply(event)

    def finish(self) -> None:
        """Judge the flows that are open at the end of a file."""
        if self.failing is not None:
            for row in list(self.open_rows.values()):
                self.failing.judge(row)

    def lines(self) -> list[str]:
        """Return what is said at the end: a line in all, and one for each language model that was called."""
        failed = f", {self._failed:,} failed" if self._failed else ""
        errors = f", {self._errors:,} with a status of 400 or above" if self._errors else ""
        flows = "1 flow" if self._flows == 1 else f"{self._flows:,} flows"
        calls = self._calls
        said = [f"{flows}{failed}{errors}, {human_size(self._bytes)} received"]
        said += [sum_words(name, sums) for name, sums in list(calls.models.items())[:_MODELS]]
        if len(calls.models) > 1:
            said.append(sum_words("all models", calls.total))
        return said

    def code(self, code: int) -> int:
        """Say what `--fail-on` has found; return the exit code, `code` where that is a worse one already."""
        if self.failing is None or not self.failing.matching:
            return code
        say(self.failing.verdict())
        return code or EXIT_FAILED_ON


class FailOn:
    """Looks for flows that match, as they end."""

    def __init__(self, wanted: Filter) -> None:
        self.matching = 0
        self.first = ""
        """The first of them, in a few words."""
        self._wanted = wanted
        self._chooser = Chooser(wanted)
        keeps = self._chooser.asks_heads
        body_bytes = self._chooser.body_bytes(printed=False)
        self._collector = Collector(body_bytes=body_bytes) if keeps else None

    def take(self, row: Row, event: Event) -> None:
        """Take one event of a flow, with its row."""
        if self._collector is not None:
            self._collector.apply(event)
        if type(event.body) is FlowClosed:
            self.judge(row)

    def judge(self, row: Row) -> None:
        """Judge a flow that has ended, or does not go on."""
        exchange = self._collector.take(row.flow) if self._collector is not None else Exchange()
        if not self._chooser.late(row, exchange):
            return
        self.matching += 1
        if not self.first:
            path = row.path.partition("?")[0]
            where = (
                f"{row.method} {site(row.host, row.port)}{path}" if row.method else site(row.host, row.port)
            )
            self.first = f"flow {row.flow}: {where} {row.status or row.outcome}".rstrip()

    def verdict(self) -> str:
        """Return what is said at the end; empty where no flow matched."""
        if not self.matching:
            return ""
        flows = "1 flow matches" if self.matching == 1 else f"{self.matching:,} flows match"
        return f"{flows} --fail-on {self._wanted.text!r}, the first is {self.first}"
