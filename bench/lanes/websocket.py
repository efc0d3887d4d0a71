"""Messages a second over WebSockets that are intercepted and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.clients import echo
from bench.clients.kept import Report
from bench.clients.route import Route
from bench.clients.start import OWN, own_client
from bench.lane import Goal, Lane, Relation, Sample
from bench.setting import CONNECTIONS, throughput

if TYPE_CHECKING:
    from bench.setting import Bench, Target

SIZE = 100


def _load(bench: Bench, target: Target, seconds: float) -> Report:
    route = Route(bench.origin.own_https_port, "/echo", proxy=target.port)
    return own_client("echo", echo.Task(route, SIZE, CONNECTIONS, seconds, warm=0.0), Report, seconds=seconds)


def _measure(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        _load(bench, target, min(1.0, bench.seconds))
        before = target.cpu
        report = _load(bench, target, bench.seconds)
        spent = target.cpu - before
    sample = throughput(report, OWN, "echo/s")
    if spent and report.requests:
        sample.figures["CPU us/echo"] = spent / report.requests * 1e6
    return sample


LANES = (
    Lane(
        "websocket-echo",
        f"WebSocket messages of {SIZE} bytes, sent back",
        f"{CONNECTIONS} intercepted WebSockets, closed loop: on each, one message is under way, there and "
        "back. No compression. Both proxies read every message and tell it in their own way.",
        _measure,
        (Goal("echo/s", Relation.TIMES_PEER, 3, 6),),
    ),
)
