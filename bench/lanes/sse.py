"""How much later each event of an event stream arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.clients import stream, streams
from bench.clients.route import Route
from bench.clients.start import OWN, own_client
from bench.lane import DIRECT, OURS, Goal, Lane, Relation, Sample
from bench.lanes.memory import Watch
from bench.origin.server import EVENTS, INTERVAL
from bench.processes import BenchError

if TYPE_CHECKING:
    from bench.setting import Bench


OPEN = 1000
OPENING = 90.0
"""Seconds that opening them may take."""


def _measure(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        route = Route(bench.origin.own_https_port, "/sse", proxy=target.port)
        report = own_client("stream", stream.Task(route, events=True), stream.Report, seconds=30.0)
    if report.events != EVENTS:
        raise BenchError(f"{report.events} of {EVENTS} events arrived")
    tails = report.tails_ms
    figures = {"p50 ms": tails["p50"], "p99 ms": tails["p99"], "first byte ms": report.first_byte_ms}
    return Sample(figures, tails, OWN)


def _many(bench: Bench, side: str) -> Sample:
    seconds = max(bench.seconds, 3.0)
    with bench.running(side) as target:
        route = Route(bench.origin.own_https_port, "/sse-slow", proxy=target.port)
        warm = streams.Task(route, 20, 1.0)
        own_client("streams", warm, streams.Report, seconds=warm.seconds)
        with Watch(target) as watch:
            task = streams.Task(route, OPEN, seconds)
            report = own_client("streams", task, streams.Report, seconds=seconds + OPENING)
    figures = {"p50 ms": report.tails_ms.get("p50", 0.0), "p99 ms": report.tails_ms.get("p99", 0.0)}
    if target.port:
        figures["KiB a stream"] = (watch.peak - watch.before) / OPEN / 1024
    if report.lost or report.events < OPEN:
        note = f"{report.lost} of {OPEN} streams ended, {report.events} events came"
        raise BenchError(note)
    return Sample(figures, report.tails_ms, OWN)


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
    Lane(
        "sse-1000",
        f"Server-sent events on {OPEN:,} open streams",
        f"{OPEN:,} intercepted event streams, each with an event a second, written and stamped as above; the "
        "delay of those that come once all streams are open. A stream costs the growth of the proxy's "
        "resident memory, at its peak and after 20 streams, divided. mitmproxy passes no event on before its "
        "stream ends, so it is left out.",
        _many,
        (Goal("KiB a stream", Relation.ALONE, 100, less=True),),
        sides=(OURS, DIRECT),
    ),
)
