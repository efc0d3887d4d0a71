"""A filter with `header:` or `body:` terms over rows: what is not known is asked, and not shown till then."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.rows import Row


class _Verdict(NamedTuple):
    wanted: bool
    final: bool
    """Whether the flow had ended when its bytes were asked."""


class DeepFilter:
    """Says whether a row is wanted, as far as that is known, and keeps which flows are to be asked.

    A flow is asked when it is seen first, and once more when it has ended.
    """

    def __init__(self, wanted: Filter) -> None:
        self.filter = wanted
        self.stopped = False
        """Whether nothing more is asked."""
        self.asked = 0
        """Flows that were, or are to be, asked."""
        self.answered = 0
        self.found = 0
        """Answered flows that are wanted."""
        self._verdicts: dict[int, _Verdict] = {}
        self._waiting: dict[int, Row] = {}
        self._flying: dict[int, Row] = {}
        self._turns: deque[int] = deque()

    def __call__(self, row: Row) -> bool:
        """Say whether a row is wanted; where only its bytes can tell, note that it is to be asked."""
        certain = self.filter.judge(row)
        if certain is not None:
            return certain
        known = self._verdicts.get(row.flow)
        if known is None or not (known.final or row.open):
            self._ask(row)
        return known is not None and known.wanted

    def _ask(self, row: Row) -> None:
        flying = self._flying.get(row.flow)
        if self.stopped or (flying is not None and flying.open == row.open):
            return
        if row.flow not in self._waiting:
            self._turns.append(row.flow)
            self.asked += row.flow not in self._verdicts and flying is None
        self._waiting[row.flow] = row

    @property
    def pending(self) -> int:
        """How many flows wait to be asked."""
        return len(self._turns)

    def take(self, most: int) -> list[int]:
        """Return the flows to ask next."""
        flows = [self._turns.popleft() for _ in range(min(most, len(self._turns)))]
        self._flying.update((flow, self._waiting.pop(flow)) for flow in flows)
        return flows

    def learn(self, found: Iterable[tuple[int, Sequence[bool]]]) -> list[int]:
        """Take answers; return the flows whose verdict is another one now."""
        changed: list[int] = []
        for flow, answers in found:
            row = self._flying.pop(flow, None)
            if row is None:
                continue
            before = self._verdicts.get(flow)
            wanted = self.filter.judge_deep(row, answers)
            self._verdicts[flow] = _Verdict(wanted, not row.open)
            self.answered += before is None
            was = before is not None and before.wanted
            self.found += wanted - was
            if wanted != was:
                changed.append(flow)
        return changed

    def forget(self, flows: Iterable[int]) -> None:
        """Give up on flows that nothing was heard about: they are gone."""
        for flow in flows:
            if self._flying.pop(flow, None) is not None:
                self.asked -= flow not in self._verdicts

    def stop(self) -> None:
        """Ask nothing more."""
        self.stopped = True
        self._turns.clear()
        self._waiting.clear()
        self._flying.clear()
