"""A filter with `header:` or `body:` terms over rows: what is not known is asked, and not shown till then."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.rows import Row


_WANTED: Final = 1
_FINAL: Final = 2
"""The flow had ended when its bytes were asked. A verdict is a small number: there is one for each flow."""


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
        self._verdicts: dict[int, int] = {}
        self._waiting: dict[int, bool] = {}  # whether the flow was open then
        self._flying: dict[int, bool] = {}
        self._turns: deque[int] = deque()

    def __call__(self, row: Row) -> bool:
        """Say whether a row is wanted; where only its bytes can tell, note that it is to be asked."""
        certain = self.filter.judge(row)
        if certain is not None:
            return certain
        known = self._verdicts.get(row.flow)
        if known is None or not (known & _FINAL or row.open):
            self._ask(row.flow, row.open)
        return known is not None and bool(known & _WANTED)

    def _ask(self, flow: int, is_open: bool) -> None:
        if self.stopped or self._flying.get(flow) == is_open:
            return
        if flow not in self._waiting:
            self._turns.append(flow)
            self.asked += flow not in self._verdicts and flow not in self._flying
        self._waiting[flow] = is_open

    @property
    def pending(self) -> int:
        """How many flows wait to be asked."""
        return len(self._turns)

    def take(self, most: int) -> list[int]:
        """Return the flows to ask next."""
        flows = [self._turns.popleft() for _ in range(min(most, len(self._turns)))]
        self._flying.update((flow, self._waiting.pop(flow)) for flow in flows)
        return flows

    def learn(
        self, found: Iterable[tuple[int, Sequence[bool]]], row_of: Callable[[int], Row | None]
    ) -> list[int]:
        """Take answers; return the flows whose verdict is another one now."""
        changed: list[int] = []
        for flow, answers in found:
            was_open, row = self._flying.pop(flow, None), row_of(flow)
            if was_open is None:
                continue
            before = self._verdicts.get(flow)
            wanted = row is not None and self.filter.judge_deep(row, answers)
            self._verdicts[flow] = _WANTED * wanted | _FINAL * (not was_open)
            self.answered += before is None
            was = bool(before and before & _WANTED)
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
