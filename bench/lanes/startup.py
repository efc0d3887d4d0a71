"""How long `--version` and `--help` take."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bench.lane import DIRECT, OURS, Goal, Lane, Relation, Sample, Unavailable
from bench.processes import ROOT, BenchError
from bench.setting import Bench, our_program
from bench.stats import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 9


def _times(argv: Sequence[str], runs: int) -> list[float]:
    """Return the wall times of `runs` runs, in milliseconds, after one that fills the caches."""
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, cwd=ROOT, check=False)
        times.append((time.perf_counter() - begin) * 1e3)
        # mitmdump --help prints its help and exits with 1.
        if done.returncode and not done.stdout:
            raise BenchError(f"{argv[-1]} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return times[1:]


def _measure(bench: Bench, side: str) -> Sample:
    runs = RUNS // 3 if bench.quick else RUNS
    if side == DIRECT:
        bare = percentile(_times([sys.executable, "-c", "pass"], runs), 0.5)
        return Sample({"--version ms": bare, "--help ms": bare}, note="python -c pass")
    if side == OURS:
        program = our_program()
    elif bench.peer is None:
        raise Unavailable(bench.why_no_peer)
    else:
        program = bench.peer.program("mitmdump")
    figures: dict[str, float] = {}
    for option in ("--version", "--help"):
        times = _times([program, option], runs)
        figures |= {f"{option} ms": percentile(times, 0.5), f"{option} best ms": min(times)}
    return Sample(figures)


LANES = (
    Lane(
        "start-up",
        "Start-up",
        f"Wall time of a whole run of the console script, median and best of {RUNS} after one that fills the "
        "caches. Direct is an empty run of this Python.",
        _measure,
        (
            Goal("--version ms", Relation.ALONE, 150, less=True),
            Goal("--help ms", Relation.ALONE, 200, less=True),
        ),
    ),
)
