"""Fuzz the readers of network bytes: `python -m tests.fuzz [--seconds N] [--seed N] [--grow] [TARGET...]`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.growing import grow
from tests.fuzz.running import ALL, Failure, fuzz


def main() -> int:
    """Fuzz each target for a while; return 1 where one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(ALL)}; default all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="to repeat a run")
    parser.add_argument("--grow", action="store_true", help="keep inputs that reach new lines (much slower)")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.targets) - set(ALL))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    failed = 0
    for name in chosen.targets or ALL:
        try:
            if chosen.grow:
                added = grow(name, seed=chosen.seed, seconds=chosen.seconds)
                print(f"{name}: {', '.join(added) or 'nothing new'}", flush=True)  # noqa: T201
                continue
            rounds = fuzz(name, seed=chosen.seed, seconds=chosen.seconds)
        except Failure as failure:
            failed += 1
            print(f"FAILED (seed {chosen.seed}) {failure}", flush=True)  # noqa: T201
        else:
            print(f"{name}: {rounds:,} inputs in {chosen.seconds:g} s, seed {chosen.seed}", flush=True)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
