"""What the calls to language models of a run add up to, in all and by model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from soth_mitm.model.llm import Call

MODELS: Final = 200
"""Models that are counted one by one; further ones are counted under `OTHERS`."""

OTHERS: Final = "other models"


class CallSum(msgspec.Struct):
    """Some calls; numbers are those that the providers gave."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cost: int = 0
    """Of the calls whose cost is known, in billionths of a US dollar."""
    unpriced: int = 0
    """Calls whose cost is not known."""
    stalls: int = 0
    failed: int = 0
    """Calls that ended with an error or broke off."""
    waited_ns: int = 0
    """Until the first token, the calls together that were streamed."""
    waits: int = 0
    """How many those were."""
    timed_tokens: int = 0
    """Tokens of output whose time is known."""
    timed_ns: int = 0

    def add(self, call: Call) -> None:
        """Count a call."""
        self.calls += 1
        self.input += max(call.input, 0)
        self.output += max(call.output, 0)
        self.cached += max(call.cached, 0)
        self.cost += max(call.cost, 0)
        self.unpriced += call.cost < 0
        self.stalls += call.stalls
        self.failed += bool(call.error) or not call.complete
        if call.first_token_ns >= 0:
            self.waits += 1
            self.waited_ns += call.first_token_ns
        if call.rate > 0:
            self.timed_tokens += call.output
            self.timed_ns += call.text_ns

    @property
    def wait_ns(self) -> int:
        """The mean time to the first token; -1 where there is none."""
        return self.waited_ns // self.waits if self.waits else -1

    @property
    def rate(self) -> float:
        """Tokens a second over all; -1.0 where not known."""
        return self.timed_tokens * 1e9 / self.timed_ns if self.timed_ns else -1.0


class CallSums:
    """Adds up calls; add each once, when its flow has ended."""

    def __init__(self) -> None:
        self.total = CallSum()
        self.models: dict[str, CallSum] = {}
        self.priced = ""
        """The day of the list that costs come from."""

    def add(self, call: Call) -> None:
        """Count a call that has ended."""
        self.total.add(call)
        self.priced = call.priced or self.priced
        name = call.model or "?"
        found = self.models.get(name)
        if found is None:
            name = name if len(self.models) < MODELS else OTHERS
            found = self.models.setdefault(name, CallSum())
        found.add(call)
