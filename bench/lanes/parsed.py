"""Throughput of HTTP/1.1 with parsers on: bodies of JSON are printed decoded, events are told one by one.

The lane of gRPC is `grpc-unary`, where every message is told too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lane import Goal, Lane, Relation, Sample

if TYPE_CHECKING:
    from bench.setting import Bench

HOW = "24 kept connections, closed loop, CONNECT, TLS on both sides. "


def _json(bench: Bench, side: str) -> Sample:
    with bench.running(side, ours=["-vv"], peer=["--flow-detail", "3"]) as target:
        return bench.hammer(target, bench.route(target, "/json"))


def _events(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        return bench.hammer(target, bench.route(target, "/events"))


LANES = (
    Lane(
        "mitm-1k-json",
        "Intercepted HTTP/1.1, 1 KiB of JSON, heads and decoded bodies printed",
        HOW + "soth-mitm --dump -vv and mitmdump --flow-detail 3, written to the null device.",
        _json,
        (Goal("req/s", Relation.TIMES_PEER, 6, 12),),
    ),
    Lane(
        "mitm-1k-sse",
        "Intercepted HTTP/1.1, 1 KiB of server-sent events, each of them told",
        HOW + "A response of 16 events with a length; mitmproxy takes it for any other body.",
        _events,
        (Goal("req/s", Relation.TIMES_PEER, 6, 12),),
    ),
)
