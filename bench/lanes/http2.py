"""HTTP/2: throughput of many streams, and memory while nobody takes what a fast origin sends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from bench.clients import stalled
from bench.clients.start import OWN, h2load, h2load_version
from bench.lane import OURS, PEER, Goal, Lane, Relation, Sample, Unavailable
from bench.lanes.memory import Watch

if TYPE_CHECKING:
    from bench.clients.route import Route
    from bench.setting import Bench, Target

CLIENTS = 8
STREAMS = 10
STALLED_STREAMS = 100
STALL_SECONDS = 3.0


def _route(bench: Bench, target: Target, path: str) -> Route:
    if not bench.origin.http2_port:
        raise Unavailable("no origin here speaks HTTP/2 (nginx is not installed, or was left out)")
    return msgspec.structs.replace(bench.route(target, path), port=bench.origin.http2_port)


def _load(bench: Bench, side: str, path: str) -> Sample:
    client = h2load_version()
    if not client:
        raise Unavailable("h2load and proxychains4 are not both installed")
    with bench.running(side) as target:
        route = _route(bench, target, path)
        h2load(route, bench.folder, clients=CLIENTS, streams=STREAMS, seconds=1.0)
        before = target.cpu
        report = h2load(route, bench.folder, clients=CLIENTS, streams=STREAMS, seconds=bench.seconds)
        spent = target.cpu - before
    figures = {"req/s": report.requests / report.seconds}
    if spent and report.requests:
        figures["CPU us/req"] = spent / report.requests * 1e6
    return Sample(figures, report.tails_ms, client, f"{report.errors} errors" if report.errors else "")


def _small(bench: Bench, side: str) -> Sample:
    return _load(bench, side, "/1k")


def _large(bench: Bench, side: str) -> Sample:
    return _load(bench, side, "/64k")


def _stalled(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        with stalled.Reader(_route(bench, target, "/1k"), streams=10) as warm:
            warm.finish()
        route = _route(bench, target, "/100m")
        with Watch(target) as watch, stalled.Reader(route, streams=STALLED_STREAMS) as reader:
            end = time.monotonic() + STALL_SECONDS
            while time.monotonic() < end:
                reader.look()
    return Sample({"growth MB": (watch.peak - watch.before) / 1e6}, {}, OWN)


LANES = (
    Lane(
        "h2-1k",
        "Intercepted HTTP/2, 1 KiB",
        f"h2load through CONNECT, {CLIENTS} connections with {STREAMS} streams each, TLS and HTTP/2 on both "
        "sides, origin nginx; a second unmeasured before it. Both proxies as in the lanes of HTTP/1.1.",
        _small,
        (Goal("req/s", Relation.TIMES_PEER, 5, 12),),
    ),
    Lane("h2-64k", "Intercepted HTTP/2, 64 KiB", "The same with 64 KiB.", _large),
    Lane(
        "h2-stalled",
        "Memory while the reader of HTTP/2 streams stalls",
        f"{STALLED_STREAMS} streams of one intercepted connection ask for 100 MB each; the client grants "
        f"nothing beyond the first windows for {STALL_SECONDS:g} s. Growth is the peak of the proxy's "
        "resident memory minus what it was after ten small streams.",
        _stalled,
        (Goal("growth MB", Relation.ALONE, 16, 4, less=True),),
        sides=(OURS, PEER),
    ),
)
