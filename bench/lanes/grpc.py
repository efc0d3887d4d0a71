"""gRPC: whole calls a second, and messages a second in calls that stay open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.clients import calls
from bench.clients.kept import Report
from bench.clients.route import Route
from bench.clients.start import OWN, h2load, h2load_version, own_client
from bench.lane import Goal, Lane, Relation, Sample, Unavailable
from bench.origin.grpc import message
from bench.setting import throughput

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.setting import Bench, Target

CLIENTS = 8
STREAMS = 10
SIZE = 100
METHOD = "/bench.Echo/Say"
STREAMING = ("--set", "stream_large_bodies=1")
"""mitmproxy's way not to wait for the end of a body; without it no open call gets anywhere."""


def _measure(
    target: Target, load: Callable[[float], Report], seconds: float, *, client: str, unit: str
) -> Sample:
    load(min(1.0, seconds))
    before = target.cpu
    report = load(seconds)
    spent = target.cpu - before
    sample = throughput(report, client, f"{unit}/s")
    if spent and report.requests:
        sample.figures[f"CPU us/{unit}"] = spent / report.requests * 1e6
    return sample


def _unary(bench: Bench, side: str) -> Sample:
    client = h2load_version()
    if not client:
        raise Unavailable("h2load and proxychains4 are not both installed")
    body = bench.file("grpc-message")
    body.write_bytes(message(b"x" * SIZE))

    def load(seconds: float) -> Report:
        headers = ("content-type: application/grpc", "te: trailers")
        return h2load(
            route, bench.folder, clients=CLIENTS, streams=STREAMS, seconds=seconds, body=body, headers=headers
        )

    with bench.running(side) as target:
        route = Route(bench.origin.own_grpc_port, METHOD, proxy=target.port)
        return _measure(target, load, bench.seconds, client=client, unit="call")


def _stream(bench: Bench, side: str) -> Sample:
    def load(seconds: float) -> Report:
        task = calls.Task(route, SIZE, CLIENTS, STREAMS, seconds, warm=0.0)
        return own_client("calls", task, Report, seconds=seconds)

    with bench.running(side, peer=STREAMING) as target:
        route = Route(bench.origin.own_grpc_port, METHOD, proxy=target.port)
        return _measure(target, load, bench.seconds, client=OWN, unit="echo")


LANES = (
    Lane(
        "grpc-unary",
        f"gRPC calls with a message of {SIZE} bytes, sent back",
        f"h2load through CONNECT, {CLIENTS} connections with {STREAMS} calls each, against our own lean "
        "server (bench/origin/grpc.py; grpcio's would be what is measured). Both proxies read the messages.",
        _unary,
        (Goal("call/s", Relation.TIMES_PEER, 6, 12),),
    ),
    Lane(
        "grpc-stream",
        f"gRPC messages of {SIZE} bytes in open calls, sent back",
        f"{CLIENTS} intercepted connections of {STREAMS} bidirectional calls, closed loop: in each, one "
        "message is under way, there and back. mitmproxy runs with stream_large_bodies=1 and looks at no "
        "message then; soth-mitm reads and tells each one.",
        _stream,
        (Goal("echo/s", Relation.TIMES_PEER, 3, 6),),
    ),
)
