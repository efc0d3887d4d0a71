"""What the debugger costs while it stops nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.lane import OURS, Goal, Lane, Relation, Sample

if TYPE_CHECKING:
    from bench.setting import Bench

BREAKPOINTS = 20


def _run(bench: Bench, side: str, count: int) -> Sample:
    launcher = (sys.executable, "-m", "bench.breaking", str(count))
    with bench.running(side, launcher=launcher) as target:
        return bench.hammer(target, bench.route(target, "/1k"))


def _ratio(armed: Sample, idle: Sample) -> float:
    before = idle.figures.get("CPU us/req", 0.0)
    return armed.figures.get("CPU us/req", 0.0) / before if before else 0.0


def _measure(bench: Bench, side: str) -> Sample:
    idle, armed = _run(bench, side, 0), _run(bench, side, BREAKPOINTS)
    figures = {
        "of idle": armed.figures["req/s"] / idle.figures["req/s"],
        "CPU of idle": _ratio(armed, idle),
        "req/s": armed.figures["req/s"],
        "req/s idle": idle.figures["req/s"],
        "CPU us/req": armed.figures.get("CPU us/req", 0.0),
        "CPU us/req idle": idle.figures.get("CPU us/req", 0.0),
    }
    return Sample(figures, armed.tails, armed.client, armed.note or idle.note)


LANES = (
    Lane(
        "mitm-1k-breakpoints",
        f"Intercepted HTTP/1.1, 1 KiB, with {BREAKPOINTS} breakpoints that match nothing",
        f"As mitm-1k, once without breakpoints and once with {BREAKPOINTS}, for requests and responses: a "
        "quarter each asks for a host, a path, a method with a path, and a field of the head. Processor "
        "time is the figure to trust where the rates vary.",
        _measure,
        (Goal("of idle", Relation.ALONE, 0.9, 0.97),),
        sides=(OURS,),
    ),
)
