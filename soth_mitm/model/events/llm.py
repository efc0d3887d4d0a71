"""Events of a call to a language model."""

from __future__ import annotations

from soth_mitm.model.events.base import Body


class LlmFacts(Body, frozen=True):
    """What is known of a call to a language model: once when the first text is there, once at its end.

    Numbers are the provider's own, from its latest record of usage; -1 where it gave none. Of a WebSocket
    it is told when it is recognised, at the first text and at the end of each answer, and when the socket
    ends; tokens, `cost`, `text_ns` and stalls are then those of all answers together, `first_ns`,
    `stop_reason` and `error` those of the latest.
    """

    KIND = 0x0330
    dialect: str
    """How they talk, such as `Anthropic Messages`."""
    model: str = ""
    """The model that answers, as the provider names it."""
    final: bool = False
    """Nothing follows: the answer is complete, or has broken off."""
    complete: bool = False
    """The provider said that this is all."""
    input_tokens: int = -1
    """All of the input, whatever came from a cache or went into one."""
    output_tokens: int = -1
    """All of the output, thinking included."""
    cached_tokens: int = -1
    """Of the input, what came from a cache."""
    written_tokens: int = -1
    """Of the input, what went into a cache."""
    thinking_tokens: int = -1
    """Of the output, what was thought."""
    first_ns: int = -1
    """From the head of the response to the first text; -1 without any, and of answers in one piece.

    Of a WebSocket, from when the latest answer was asked for.
    """
    text_ns: int = -1
    """From the first text to the last; -1 likewise."""
    longest_gap_ns: int = 0
    """The longest time in which nothing came between two pieces of text."""
    stalls: int = 0
    """How many such times were longer than two seconds."""
    stop_reason: str = ""
    """Why the model stopped, as the provider calls it."""
    error: str = ""
    """What went wrong, as the provider says it."""
    cost: int = -1
    """What the tokens cost by the maker's list, in billionths of a US dollar; -1 where that is not known."""
    priced: str = ""
    """The day of that list, as 2026-11-29."""
    turns: int = -1
    """Answers that have begun on a WebSocket, whose numbers are added; -1 of a call over HTTP."""
