"""Tunnels: connections that are passed on without being decrypted."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.clients import stream
from bench.clients.route import Route
from bench.clients.start import OWN, own_client
from bench.lane import Goal, Lane, Relation, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.setting import Bench, Target

HOW = "soth-mitm --dump --tunnel '*' and mitmdump --ignore-hosts '.*'; TLS from the client to the origin. "
BULK_SECONDS = 60.0


@contextmanager
def _tunnelling(bench: Bench, side: str) -> Iterator[Target]:
    with bench.running(side, ours=["--tunnel", "*"], peer=["--ignore-hosts", ".*"]) as target:
        yield target


def _small(bench: Bench, side: str) -> Sample:
    with _tunnelling(bench, side) as target:
        return bench.hammer(target, bench.route(target, "/1k"))


def _large(bench: Bench, side: str) -> Sample:
    with _tunnelling(bench, side) as target:
        return bench.hammer(target, bench.route(target, "/64k"))


def _bulk(bench: Bench, side: str) -> Sample:
    figures: dict[str, float] = {}
    with _tunnelling(bench, side) as target:
        for name, tls in (("MB/s", True), ("MB/s in clear", False)):
            port = bench.origin.own_https_port if tls else bench.origin.own_http_port
            task = stream.Task(Route(port, "/bulk", tls=tls, proxy=target.port))
            report = own_client("stream", task, stream.Report, seconds=BULK_SECONDS)
            figures[name] = report.bytes / report.seconds / 1e6
    return Sample(figures, {}, OWN)


LANES = (
    Lane(
        "tunnel-1k",
        "Tunnel, requests of 1 KiB",
        HOW + "24 kept connections, closed loop.",
        _small,
        (Goal("req/s", Relation.TIMES_PEER, 1.0, 1.3),),
    ),
    Lane(
        "tunnel-64k",
        "Tunnel, requests of 64 KiB",
        HOW + "24 kept connections, closed loop.",
        _large,
        (Goal("req/s", Relation.TIMES_PEER, 1.0, 1.3),),
    ),
    Lane(
        "tunnel-bulk",
        "Tunnel, one stream of 1 GiB",
        HOW + "One response of our own origin, read and forgotten; a second one goes through CONNECT without "
        "TLS, where the relay itself is the limit and not the decryption at the client.",
        _bulk,
        (Goal("MB/s", Relation.OF_DIRECT, 0.6, 0.85),),
    ),
)
