"""Added latency in an open loop at half of our own maximum, from the time at which a request was due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.clients import kept
from bench.clients.start import OWN, own_client
from bench.lane import DIRECT, OURS, Goal, Lane, Relation, Sample

if TYPE_CHECKING:
    from bench.setting import Bench

FALLBACK_RATE = 1000.0
"""Requests a second of the direct path in a run without us."""
SHORT_LOAD = 2.0


def _measure(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        task = bench.task(bench.route(target, "/1k"))
        if side != DIRECT:
            brief = msgspec.structs.replace(task, seconds=min(task.seconds, SHORT_LOAD))
            most = own_client("kept", brief, kept.Report, seconds=brief.warm + brief.seconds)
            bench.rates[side] = most.requests / most.seconds / 2
        rate = bench.rates.get(OURS if side == DIRECT else side, FALLBACK_RATE)
        loop = msgspec.structs.replace(task, rate=rate)
        report = own_client("kept", loop, kept.Report, seconds=loop.warm + loop.seconds)
    tails = report.tails_ms
    note = f"{report.errors} errors, {report.unfinished} unanswered"
    figures = {"p50 ms": tails["p50"], "p99 ms": tails["p99"], "p99.9 ms": tails["p99.9"], "rate req/s": rate}
    return Sample(figures, tails, OWN, note if report.errors or report.unfinished else "")


LANES = (
    Lane(
        "added-latency",
        "Added latency, open loop, intercepted, 1 KiB",
        "24 kept connections. First a short closed loop finds the maximum with the same client; then "
        "requests fall due at half of it at equal distances, and count from when they were due, also "
        "where no connection was free. Direct gets our rate; mitmproxy half of its own maximum.",
        _measure,
        (
            Goal("p50 ms", Relation.ADDED, 1, 0.3, less=True),
            Goal("p99 ms", Relation.ADDED, 15, 3, less=True),
        ),
    ),
)
