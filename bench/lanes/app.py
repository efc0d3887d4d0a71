"""Throughput with the app open, of what it is without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lane import OURS, PEER, Goal, Lane, Relation, Sample
from bench.terminal import COLUMNS, LINES

if TYPE_CHECKING:
    from bench.setting import Bench


def _measure(bench: Bench, side: str) -> Sample:
    with bench.running(side) as target:
        without = bench.hammer(target, bench.route(target, "/1k"))
    with bench.running(side, screen=True) as target:
        sample = bench.hammer(target, bench.route(target, "/1k"))
        drawn = target.screen.drawn if target.screen else 0
    figures = {
        "of headless": sample.figures["req/s"] / without.figures["req/s"],
        "req/s with the app": sample.figures["req/s"],
        "req/s headless": without.figures["req/s"],
        "KB drawn": drawn / 1e3,
    }
    return Sample(figures, sample.tails, sample.client, sample.note)


LANES = (
    Lane(
        "app-open",
        "Throughput with the app open, intercepted, 1 KiB",
        f"soth-mitm tui -k and mitmproxy -k in a pseudo-terminal of {COLUMNS}x{LINES} that is read at once, "
        "right after the same load on soth-mitm --dump -k and mitmdump -k. 24 kept connections, closed loop. "
        "App and load share the processors.",
        _measure,
        (Goal("of headless", Relation.ALONE, 0.6, 0.85),),
        sides=(OURS, PEER),
    ),
)
