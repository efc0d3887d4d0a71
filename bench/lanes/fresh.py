"""New TLS connections a second through CONNECT."""

from __future__ import annotations

from bench.clients import kept
from bench.clients.start import OWN, own_client
from bench.lane import Goal, Lane, Relation, Sample
from bench.setting import Bench, throughput

CLIENTS = 8


def _measure(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        task = bench.task(bench.route(target, "/1k"), connections=CLIENTS)
        report = own_client("fresh", task, kept.Report, seconds=task.warm + task.seconds)
        return throughput(report, OWN, "conn/s")


LANES = (
    Lane(
        "new-tls",
        "New TLS connections, one request each",
        "8 clients in one process: connect, CONNECT, full TLS handshake (no resumption), one GET of 1 KiB "
        "with Connection: close; all hosts are one, so the leaf certificate is minted once. Direct is the "
        "same without the proxy, and shows what client and origin alone can do.",
        _measure,
        (Goal("conn/s", Relation.TIMES_PEER, 3, 5),),
    ),
)
