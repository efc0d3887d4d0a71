"""How much later each event of an event stream arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.clients import stream
from bench.clients.route import Route
from bench.clients.start import OWN, own_client
from bench.lane import Goal, Lane, Relation, Sample
from bench.origin.server import EVENTS, INTERVAL
from bench.processes import BenchError

if TYPE_CHECKING:
    from bench.setting import Bench


def _measure(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        route = Route(bench.origin.own_https_port, "/sse", proxy=target.port)
        report = own_client("stream", stream.Task(route, events=True), stream.Report, seconds=30.0)
    if report.events != EVENTS:
        raise BenchError(f"{report.events} of {EVENTS} events arrived")
    tails = report.tails_ms
    figures = {"p50 ms": tails["p50"], "p99 ms": tails["p99"], "first byte ms": report.first_byte_ms}
    return Sample(figures, tails, OWN)


LANES = (
    Lane(
        "sse-delay",
        "Server-sent events, delay of each event",
        f"One intercepted event stream, {EVENTS} events {INTERVAL:g} s apart. Each event holds the monotonic "
        "time of its writing; the delay is the time of its arrival minus that. Of 50 events p99 is the "
        "worst. Neither proxy is told to stream.",
        _measure,
        (Goal("p99 ms", Relation.ADDED, 5, 1, less=True),),
    ),
)
