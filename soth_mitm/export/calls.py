"""Calls to language models in words: of one call, and of many."""

from __future__ import annotations

from typing import Protocol

from soth_mitm.model.llm import Call, dollars
from soth_mitm.text import human_duration


class Sum(Protocol):
    """What many calls add up to; the record's own fits."""

    calls: int
    input: int
    output: int
    cached: int
    cost: int
    unpriced: int
    stalls: int


def call_words(call: Call, *, long: bool = False) -> list[str]:
    """Return what is known of a call, in parts for a line; more of it where that is `long`."""
    parts = [call.model or call.dialect]
    if call.turns > 1:
        parts.append(f"{call.turns:,} answers")
    if call.input >= 0:
        cached = f" ({call.cached:,} cached)" if call.cached > 0 else ""
        parts.append(f"{call.input:,} in{cached}")
    if call.output >= 0:
        thought = f" ({call.thinking:,} thinking)" if long and call.thinking > 0 else ""
        parts.append(f"{call.output:,} out{thought}")
    if call.cost >= 0:
        parts.append(dollars(call.cost))
    if call.first_token_ns >= 0:
        parts.append(f"first after {human_duration(call.first_token_ns)}")
    if long and call.rate > 0:
        parts.append(f"{call.rate:,.0f} tok/s")
    if call.stalls and long:
        parts.append(f"{stalls(call.stalls)}, the longest {human_duration(call.longest_gap_ns)}")
    if call.final and call.ending:
        parts.append(call.ending)
    return parts


def stalls(count: int) -> str:
    """Return a number of stalls in words."""
    return f"{count:,} stall{'s' * (count != 1)}"


def sum_words(name: str, sums: Sum) -> str:
    """Return what calls add up to, in a line."""
    calls = "1 call" if sums.calls == 1 else f"{sums.calls:,} calls"
    cached = f" ({sums.cached:,} cached)" if sums.cached else ""
    parts = [f"{name}: {calls}", f"{sums.input:,} tokens in{cached}", f"{sums.output:,} out"]
    if sums.unpriced < sums.calls:
        more = f" and {sums.unpriced:,} without a price" if sums.unpriced else ""
        parts.append(f"{dollars(sums.cost)}{more}")
    if sums.stalls:
        parts.append(stalls(sums.stalls))
    return ", ".join(parts)
