"""Percentiles, spreads and how numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TAILS = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
"""The percentiles that every lane with a latency reports."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of `values` do not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or `share` is not within 0 and 1.
    """
    if not values:
        raise ValueError("no values to take a percentile of")
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share between 0 and 1")
    # 0.999 * 1000 is a hair above 999: without the rounding it would take the next rank.
    rank = math.ceil(round(share * len(values), 9))
    return sorted(values)[max(rank, 1) - 1]


def tails(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p99, p99.9 and max; empty where there are no values."""
    if not values:
        return {}
    ordered = sorted(values)
    return {name: percentile(ordered, share) for name, share in TAILS} | {"max": ordered[-1]}


@dataclass(frozen=True)
class Spread:
    """What several rounds gave: the median, and the lowest and highest."""

    median: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of `values`, None where there are none.

    The median of an even number of rounds is the mean of the middle two.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Spread(median, ordered[0], ordered[-1])


def ratios(ours: Sequence[float | None], base: Sequence[float | None]) -> list[float]:
    """Divide round by round; rounds in which a side is missing, or the base is 0, give nothing."""
    pairs = zip(ours, base, strict=False)
    return [mine / other for mine, other in pairs if mine is not None and other]


def differences(ours: Sequence[float | None], base: Sequence[float | None]) -> list[float]:
    """Subtract round by round; rounds in which a side is missing give nothing."""
    pairs = zip(ours, base, strict=False)
    return [mine - other for mine, other in pairs if mine is not None and other is not None]


def short(value: float | None) -> str:
    """Write a number with about three digits that matter."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.3f}"
