"""What a lane is: a method, the figures it gives, and the goals they are held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bench.stats import Spread, differences, ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setting import Bench

OURS = "soth-mitm"
PEER = "mitmproxy"
DIRECT = "direct"
SIDES = (OURS, PEER, DIRECT)


class Unavailable(Exception):
    """A side of a lane cannot run on this machine; the text says why."""


class Relation(StrEnum):
    """How a figure of ours becomes the number that a goal is about."""

    TIMES_PEER = "x mitmproxy"
    OF_DIRECT = "of direct"
    ADDED = "added to direct"
    ALONE = "alone"


@dataclass(frozen=True)
class Sample:
    """What one side gave in one round."""

    figures: dict[str, float]
    """By name with its unit, such as `req/s`."""
    tails: dict[str, float] = field(default_factory=dict)
    """p50, p99, p99.9 and max of the latency, in milliseconds."""
    client: str = ""
    """What made the load."""
    note: str = ""
    """What a reader should know of this sample, errors of the load for one."""


Rounds = dict[str, list[Sample | None]]
"""The samples of a lane by side, one a round; None where that side could not run."""


class Verdict(StrEnum):
    """How a figure stands to its goal."""

    AIM = "aim"
    """As good as the aim, or better."""
    MUST = "must"
    """Good enough."""
    SHORT = "SHORT"
    """Not good enough."""
    OPEN = "not compared"
    """Nothing to compare with in this run."""


@dataclass(frozen=True)
class Goal:
    """A bound on one figure: `must` is binding, `aim` is what we want."""

    figure: str
    relation: Relation
    must: float
    aim: float | None = None
    less: bool = False
    """Whether lower is better."""

    def __str__(self) -> str:
        """Return the goal in words."""
        return f"{self.figure}, {self.relation}, {'<=' if self.less else '>='} {self.must:g}"

    def values(self, rounds: Rounds) -> list[float]:
        """Return the compared number of each round that has both sides."""
        ours = column(rounds, OURS, self.figure)
        if self.relation is Relation.TIMES_PEER:
            return ratios(ours, column(rounds, PEER, self.figure))
        if self.relation is Relation.OF_DIRECT:
            return ratios(ours, column(rounds, DIRECT, self.figure))
        if self.relation is Relation.ADDED:
            return differences(ours, column(rounds, DIRECT, self.figure))
        return [value for value in ours if value is not None]

    def judge(self, found: Spread | None) -> Verdict:
        """Judge the median of the rounds."""
        if found is None:
            return Verdict.OPEN
        if self.aim is not None and self._holds(found.median, self.aim):
            return Verdict.AIM
        return Verdict.MUST if self._holds(found.median, self.must) else Verdict.SHORT

    def _holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.less else value >= bound

    def result(self, rounds: Rounds) -> tuple[Spread | None, Verdict]:
        """Return the spread of the compared number and the verdict."""
        found = spread(self.values(rounds))
        return found, self.judge(found)


def column(rounds: Rounds, side: str, figure: str) -> list[float | None]:
    """Return one figure of one side, round by round."""
    return [sample.figures.get(figure) if sample else None for sample in rounds.get(side, ())]


@dataclass(frozen=True)
class Lane:
    """One thing that is measured."""

    name: str
    title: str
    method: str
    """How it is measured, for someone who wants to judge the numbers."""
    measure: Callable[[Bench, str], Sample]
    """Measure one side once. Raises Unavailable, or BenchError where the side failed."""
    goals: tuple[Goal, ...] = ()
    sides: tuple[str, ...] = SIDES
