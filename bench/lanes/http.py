"""Throughput of HTTP/1.1 on kept connections: intercepted, recorded to a file, plain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lane import Goal, Lane, Relation, Sample

if TYPE_CHECKING:
    from bench.setting import Bench

HOW = (
    "24 kept connections, closed loop. soth-mitm --dump -k and mitmdump -k, both with their ordinary line "
    "for each flow, written to the null device; neither verifies the origin. "
)


def _intercepted(bench: Bench, side: str, path: str) -> Sample:
    with bench.running(side) as target:
        return bench.hammer(target, bench.route(target, path))


def _small(bench: Bench, side: str) -> Sample:
    return _intercepted(bench, side, "/1k")


def _large(bench: Bench, side: str) -> Sample:
    return _intercepted(bench, side, "/64k")


def _recorded(bench: Bench, side: str) -> Sample:
    file = bench.file(f"{side}-flows")
    # Our file names end in .soth; mitmproxy does not mind any name.
    written = ["-w", str(file.with_suffix(".soth"))]
    with bench.running(side, ours=written, peer=written) as target:
        sample = bench.hammer(target, bench.route(target, "/1k"))
    file.with_suffix(".soth").unlink(missing_ok=True)
    return sample


def _plain(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        return bench.hammer(target, bench.route(target, "/1k", tls=False, via="absolute"))


def _goals(must: float, aim: float) -> tuple[Goal, ...]:
    return (Goal("req/s", Relation.TIMES_PEER, must, aim),)


LANES = (
    Lane(
        "mitm-1k", "Intercepted HTTP/1.1, 1 KiB", HOW + "CONNECT, TLS on both sides.", _small, _goals(12, 25)
    ),
    Lane(
        "mitm-1k-record",
        "Intercepted HTTP/1.1, 1 KiB, everything recorded to a file",
        HOW + "CONNECT, TLS on both sides, -w FILE.",
        _recorded,
        _goals(8, 15),
    ),
    Lane(
        "mitm-64k",
        "Intercepted HTTP/1.1, 64 KiB",
        HOW + "CONNECT, TLS on both sides.",
        _large,
        _goals(6, 10),
    ),
    Lane(
        "plain-1k",
        "Plain HTTP, 1 KiB",
        HOW + "Targets in absolute-form, no CONNECT, no TLS.",
        _plain,
        _goals(10, 25),
    ),
)
