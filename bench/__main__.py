"""Run the lanes: `python -m bench --help`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench import machine, report
from bench.clients import start
from bench.lane import DIRECT, OURS, PEER, Lane, Rounds, Unavailable, Verdict
from bench.lanes import LANES
from bench.origin.start import running_origin
from bench.peer import Peer, find_peer
from bench.processes import BenchError, allow_many_files
from bench.setting import Bench

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).with_name("results")
ALIASES = {"ours": OURS, "peer": PEER, DIRECT: DIRECT}
QUICK_SECONDS = 2.0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure soth-mitm beside mitmproxy."
    )
    parser.add_argument("--lanes", metavar="A,B", help="run these only (see --list)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="time of one load (5)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="rounds, the sides in turn (1)")
    parser.add_argument("--quick", action="store_true", help=f"loads of {QUICK_SECONDS:g} s, rough figures")
    parser.add_argument("--no-peer", action="store_true", help="leave mitmproxy out")
    parser.add_argument("--only", choices=ALIASES, help="one side only")
    parser.add_argument("--client", choices=("wrk", "own"), help="load client; wrk where it is installed")
    parser.add_argument("--own-origin", action="store_true", help="use our origin, not nginx")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a must is missed")
    parser.add_argument("--no-json", action="store_true", help="write no file in bench/results")
    parser.add_argument("--list", action="store_true", help="list the lanes and what they must reach")
    options = parser.parse_args(argv)
    if options.quick:
        options.seconds = QUICK_SECONDS
    if not 0.1 <= options.seconds <= 120 or not 1 <= options.repeat <= 50:
        parser.error("--seconds is between 0.1 and 120, --repeat between 1 and 50")
    names = options.lanes.split(",") if options.lanes else [lane.name for lane in LANES]
    if unknown := set(names) - {lane.name for lane in LANES}:
        parser.error(f"no such lane: {', '.join(sorted(unknown))}; --list shows them")
    options.lanes = [lane for lane in LANES if lane.name in names]
    return options


def listing() -> str:
    """Return the lanes with their goals."""
    rows = [
        [
            lane.name,
            lane.title,
            "; ".join(map(str, lane.goals)) or "-",
        ]
        for lane in LANES
    ]
    return report.table(("lane", "what", "must reach"), rows)


def load_client(wanted: str | None) -> tuple[Literal["wrk", "own"], str]:
    """Choose the client for kept connections, and its name.

    Raises:
        BenchError: wrk was asked for and cannot be used.
    """
    version = "" if wanted == "own" else start.wrk_version()
    if wanted == "wrk" and not version:
        raise BenchError("--client wrk needs wrk and proxychains4; install them, or leave the option out")
    return ("wrk", f"{version}, 1 thread, by proxychains4") if version else ("own", start.OWN)


def run_lane(lane: Lane, bench: Bench, options: argparse.Namespace) -> tuple[Rounds, dict[str, str]]:
    """Run the rounds of a lane, the sides in turn; a side that cannot run is left out from then on."""
    only = ALIASES.get(options.only)
    sides = [side for side in lane.sides if only in (None, side) and not (side == PEER and options.no_peer)]
    rounds: Rounds = {side: [] for side in lane.sides}
    missing = {side: report.LEFT_OUT for side in lane.sides if side not in sides}
    for number in range(options.repeat):
        for side in sides:
            if side in missing:
                rounds[side].append(None)
                continue
            print(f"{lane.name}: round {number + 1} of {options.repeat}, {side}", file=sys.stderr, flush=True)
            try:
                rounds[side].append(lane.measure(bench, side))
            except Unavailable as why:
                missing[side] = str(why)
                rounds[side].append(None)
            except (BenchError, OSError) as why:
                print(f"{lane.name}: {side} failed: {why}", file=sys.stderr, flush=True)
                missing[side] = f"failed: {why}"
                rounds[side].append(None)
    return rounds, missing


def measure(options: argparse.Namespace, command: str) -> int:
    """Run the lanes, print the report and write the JSON; return the exit code."""
    client, client_name = load_client(options.client)
    peer: Peer | None = None
    why_no_peer = report.LEFT_OUT
    if not options.no_peer and options.only in (None, "peer"):
        try:
            peer = find_peer()
        except Unavailable as why:
            why_no_peer = str(why)
    with tempfile.TemporaryDirectory(prefix="soth-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with running_origin(folder, own=options.own_origin) as origin:
            facts = machine.facts(peer, why_no_peer, origin=origin.name, client=client_name)
            facts["rounds"] = f"{options.repeat} of {options.seconds:g} s"
            bench = Bench(
                folder, origin, options.seconds, peer=peer, why_no_peer=why_no_peer, client=client,
                client_name=client_name,
            )  # fmt: skip
            done = [(lane, *run_lane(lane, bench, options)) for lane in options.lanes]
    facts["load average after"] = machine.busy()
    print(report.text(done, facts, command))
    if not options.no_json:
        path = report.write(RESULTS, report.document(done, facts, command))
        print(f"\nAll samples: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    failed = any(why.startswith("failed") for _, _, missing in done for why in missing.values())
    missed = any(verdict is Verdict.SHORT for _, _, verdict in report.verdicts(done))
    return 1 if failed or (options.strict and missed) else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench."""
    options = arguments(argv)
    if options.list:
        print(listing())
        return 0
    allow_many_files()
    given = sys.argv[1:] if argv is None else argv
    try:
        return measure(options, shlex.join(["python", "-m", "bench", *given]))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    # SIGTERM must run the same clean-up as Ctrl-C: nothing we started may outlive us.
    if os.name == "posix":
        import signal

        signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
