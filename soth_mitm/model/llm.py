"""A call to a language model as rows and views have it, and what follows from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.model.events import LlmFacts

_NAME = 120
_WORDS = 400


class Call(msgspec.Struct, frozen=True, gc=False):
    """What is known of a call; -1 where a number is not. All text is printable."""

    dialect: str
    model: str
    final: bool
    """No more will be known."""
    complete: bool
    """The provider said that this is all."""
    input: int
    """Tokens of input, whatever came from a cache or went into one."""
    output: int
    """Tokens of output, thinking included."""
    cached: int
    written: int
    thinking: int
    first_token_ns: int
    """From the start of the flow to the first text, where the answer was streamed.

    On a WebSocket, from when the latest answer was asked for.
    """
    text_ns: int
    """From the first text to the last."""
    longest_gap_ns: int
    stalls: int
    stop: str
    error: str
    cost: int
    """In billionths of a US dollar."""
    priced: str
    turns: int = -1
    """Answers of a WebSocket, whose numbers are added; -1 of a call over HTTP."""

    @classmethod
    def of(cls, facts: LlmFacts, ttfb_ns: int) -> Call:
        """Return the call of an event; `ttfb_ns` is from the start of the flow to the head of the answer."""
        return cls(
            printable(facts.dialect, _NAME),
            printable(facts.model, _NAME),
            facts.final,
            facts.complete,
            facts.input_tokens,
            facts.output_tokens,
            facts.cached_tokens,
            facts.written_tokens,
            facts.thinking_tokens,
            facts.first_ns + (ttfb_ns if facts.turns < 0 else 0) if facts.first_ns >= 0 else -1,
            facts.text_ns,
            facts.longest_gap_ns,
            facts.stalls,
            printable(facts.stop_reason, _NAME),
            printable(facts.error, _WORDS),
            facts.cost,
            printable(facts.priced, 10),
            facts.turns,
        )

    @property
    def tokens(self) -> int:
        """Tokens of input and output together; -1 where neither is known."""
        return max(self.input, 0) + max(self.output, 0) if max(self.input, self.output) >= 0 else -1

    @property
    def rate(self) -> float:
        """Tokens a second, from the first text to the last; -1.0 where not known."""
        return self.output * 1e9 / self.text_ns if self.output > 1 and self.text_ns > 0 else -1.0

    @property
    def ending(self) -> str:
        """Why it stopped, in a word: the provider's reason, `error`, or `cut off`."""
        if self.error:
            return "error"
        return self.stop or ("" if self.complete or not self.final else "cut off")


def dollars(nano: int) -> str:
    """Return an amount in dollars, with as many places as say something; empty for a negative one."""
    if nano < 0:
        return ""
    if nano >= 10_000_000_000:
        return f"${nano / 1e9:,.2f}"
    if nano >= 1_000_000_000:
        return f"${nano / 1e9:.3f}"
    if nano >= 1_000_000:
        return f"${nano / 1e9:.4f}"
    return f"${nano / 1e9:.5f}" if nano >= 10_000 else ("<$0.00001" if nano else "$0")
