"""The app with 100,000 flows in its list: memory, keys under load, filters, and how free its loop stays."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import psutil  # type: ignore[import-untyped]

from bench.clients import kept
from bench.clients.start import OWN, own_client
from bench.lane import OURS, Goal, Lane, Relation, Sample, Unavailable
from bench.processes import BenchError, wait_until
from bench.pulse import read
from bench.stats import tails
from bench.terminal import COLUMNS, LINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.emulator import Emulator
    from bench.setting import Bench, Target
    from bench.terminal import Screen

FLOWS = 100_000
QUICK_FLOWS = 10_000
RARE = 40
"""Flows of another path at each end of the list, which a filter then has to find."""
KEYS = 120
QUICK_KEYS = 30
ROUNDS = 8
"""How often a filter is typed."""
GAP = 0.25
"""Seconds between two keys, give or take a third: so they fall anywhere between two ticks."""
SETTLE_SECONDS = 1.5
WAIT_SECONDS = 5.0
CTRL_D, CTRL_U, ENTER, ESCAPE = "\x04", "\x15", "\r", "\x1b"
MEASURED = ("j", "j", CTRL_D, "k", "j", CTRL_U, "k", "G", "", "k", CTRL_U, "g", ENTER, ESCAPE)
"""The keys in turn; "" stops following after G, and it and escape only lead back and are not measured."""


@dataclass
class Stage:
    """An app whose list is full."""

    target: Target
    screen: Screen
    before: int
    """Resident bytes of the process before the flows."""
    flows: int
    rate: float
    """Requests a second while the list was filled."""

    @property
    def rss(self) -> int:
        """Return the resident memory of the app's own process, in bytes."""
        assert self.target.process is not None
        return int(psutil.Process(self.target.process.pid).memory_info().rss)


@contextlib.contextmanager
def full(bench: Bench, *, launcher: tuple[str, ...] = ()) -> Iterator[Stage]:
    """Run the app and give it its flows: most of one path, a few of another at both ends."""
    flows = QUICK_FLOWS if bench.quick else FLOWS
    with bench.running(OURS, screen=True, keep=True, launcher=launcher) as target:
        screen = target.screen
        assert screen is not None
        wait_until(lambda: "●" in screen.shown().text, "waiting for the first screen")
        stage = Stage(target, screen, 0, flows, 0.0)
        bench.fill(bench.route(target, "/64k"), RARE)
        time.sleep(SETTLE_SECONDS)
        stage.before = stage.rss
        report = bench.fill(bench.route(target, "/1k"), flows - 2 * RARE)
        stage.rate = report.requests / report.seconds
        bench.fill(bench.route(target, "/64k"), RARE)
        wait_until(
            lambda: f" {flows:,} flows" in screen.shown().text, f"waiting for {flows:,} flows in the app"
        )
        time.sleep(SETTLE_SECONDS)
        yield stage


@contextlib.contextmanager
def loaded(bench: Bench, stage: Stage, seconds: float) -> Iterator[None]:
    """Send requests in an open loop, at half the rate at which the list was filled, while the block lasts."""
    task = msgspec.structs.replace(
        bench.task(bench.route(stage.target, "/1k")), rate=stage.rate / 2, seconds=seconds, warm=0.0
    )
    failed: list[BenchError] = []

    def load() -> None:
        try:
            own_client("kept", task, kept.Report, seconds=seconds)
        except BenchError as error:
            failed.append(error)

    thread = threading.Thread(target=load, name="load", daemon=True)
    thread.start()
    try:
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


def rows(screen: Emulator) -> list[str]:
    """Return the lines of the list that show a flow."""
    return [
        line for line in map(screen.line, range(screen.lines)) if " GET " in line and "octet-stream" in line
    ]


def selected(screen: Emulator) -> tuple[int, str, str]:
    """Return what every measured key changes: the row of the cursor, its text, and the keys that work."""
    for y in range(screen.lines):
        if (line := screen.line(y)).startswith("▸"):
            return y, line, screen.line(screen.lines - 1)
    return -1, "", screen.line(screen.lines - 1)


def _pressed(screen: Screen, keys: int) -> list[tuple[str, float]]:
    """Press keys and return them with their moments; nothing is looked at meanwhile."""
    chance, sent = random.Random(7), list[tuple[str, float]]()
    for number in range(keys):
        key = MEASURED[number % len(MEASURED)]
        sent.append((key, screen.press(key or "f")))
        time.sleep(GAP * chance.uniform(2 / 3, 4 / 3))
    return sent


def _repaints(screen: Screen, sent: list[tuple[str, float]]) -> tuple[list[float], int]:
    """Return the milliseconds from each measured key to the screen that shows it.

    A key that nothing shows before the next one counts with the time between the two; the second value
    is how many there were.
    """
    found, lost = list[float](), 0
    for (key, moment), (_, until) in pairwise(sent):
        if key in ("", ESCAPE):
            continue
        before = selected(screen.at(moment))

        def changed(now: Emulator, before: tuple[int, str, str] = before) -> bool:
            return selected(now) != before

        shown = screen.first(moment, until, changed)
        lost += shown is None
        found.append(((shown or until) - moment) * 1e3)
    return found, lost


def _rss(bench: Bench, side: str) -> Sample:
    with full(bench) as stage:
        rss, family = stage.rss, stage.target.rss
    each = (rss - stage.before) / stage.flows
    figures = {
        "RSS MB": rss / 1e6,
        "with its workers MB": family / 1e6,
        "bytes a flow": each,
        "req/s": stage.rate,
    }
    return Sample(figures, {}, OWN, _note(stage))


def _keys(bench: Bench, side: str) -> Sample:
    keys = QUICK_KEYS if bench.quick else KEYS
    with full(bench) as stage:
        stage.screen.press("g")
        with loaded(bench, stage, keys * GAP * 4 / 3 + SETTLE_SECONDS):
            sent = _pressed(stage.screen, keys)
        times, lost = _repaints(stage.screen, sent)
    found = tails(times)
    figures = {"p50 ms": found["p50"], "p99 ms": found["p99"], "load req/s": stage.rate / 2}
    missing = f"{lost} of {len(times)} not shown before the next key" if lost else ""
    return Sample(figures, found, OWN, "; ".join(filter(None, (_note(stage), missing))))


def _typed(screen: Screen, text: str, fits: Callable[[Emulator], bool], what: str) -> float:
    """Type a filter; return the milliseconds until the screen fits, and leave the filter on."""
    screen.press("/")
    time.sleep(0.5)
    moment = screen.press(text)
    time.sleep(SETTLE_SECONDS)
    shown = screen.first(moment, moment + WAIT_SECONDS, fits)
    if shown is None:
        raise BenchError(f"{what} did not come within {SETTLE_SECONDS:g} s of typing {text}")
    return (shown - moment) * 1e3


def _filter(bench: Bench, side: str) -> Sample:
    def only_rare(screen: Emulator) -> bool:
        found = rows(screen)
        return len(found) >= 10 and all("/64k" in row for row in found)

    times = []
    with full(bench) as stage:
        # What is at the end already looks like the result.
        stage.screen.press("g" + CTRL_D * 10)
        for _ in range(3 if bench.quick else ROUNDS):
            time.sleep(SETTLE_SECONDS)
            times.append(_typed(stage.screen, "path:/64k", only_rare, "the first screen of results"))
            stage.screen.press(ESCAPE)
            time.sleep(0.5)
            stage.screen.press("g" + CTRL_D * 10)
    found = tails(times)
    return Sample({"p50 ms": found["p50"], "max ms": found["max"]}, found, OWN, _note(stage))


def _bodies(bench: Bench, side: str) -> Sample:
    with full(bench) as stage:
        screen = stage.screen
        screen.press("/")
        time.sleep(0.5)
        moment = screen.press("body:needle")
        began = screen.first(moment, moment + WAIT_SECONDS, _progresses)
        deadline = moment + WAIT_SECONDS
        while began is None and time.perf_counter() < deadline:
            time.sleep(0.05)
            began = screen.first(moment, deadline, _progresses)
        if began is None:
            raise Unavailable(f"the filter bar says: {' '.join(screen.shown().line(1).split())[:90]}")
        cancelled = screen.press(ESCAPE)
        time.sleep(SETTLE_SECONDS)
        ended = screen.first(cancelled, cancelled + WAIT_SECONDS, lambda now: not _progresses(now))
    if ended is None:
        raise BenchError(f"the search did not end within {SETTLE_SECONDS:g} s of escape")
    figures = {"progress ms": (began - moment) * 1e3, "cancel ms": (ended - cancelled) * 1e3}
    return Sample(figures, {}, OWN, _note(stage))


def _progresses(screen: Emulator) -> bool:
    bar = screen.line(1)
    return "body:needle" in bar and ("%" in bar or "searching" in bar or "searched" in bar)


def _beat(bench: Bench, side: str) -> Sample:
    keys = QUICK_KEYS if bench.quick else KEYS
    beats: Path = bench.file("beats")
    launcher = (sys.executable, "-m", "bench.pulse", str(beats))
    with full(bench, launcher=launcher) as stage:
        stage.screen.press("g")
        with loaded(bench, stage, keys * GAP * 4 / 3 + 2 * SETTLE_SECONDS + 3):
            begin = time.perf_counter()
            _pressed(stage.screen, keys)
            stage.screen.press("/")
            for char in "path:/64k":
                time.sleep(GAP / 2)
                stage.screen.press(char)
            time.sleep(SETTLE_SECONDS)
            end = time.perf_counter()
        stage.screen.press(ESCAPE)
        time.sleep(SETTLE_SECONDS)
        stage.screen.press("q")
        wait_until(beats.exists, "waiting for the app to end and write its heartbeat")
        late = read(beats, begin, end)
    if not late:
        raise BenchError("the heartbeat wrote nothing for the measured time")
    found = tails(late)
    figures = {
        "p99 ms": found["p99"],
        "p50 ms": found["p50"],
        "max ms": found["max"],
        "load req/s": stage.rate / 2,
    }
    return Sample(figures, found, OWN, _note(stage))


def _note(stage: Stage) -> str:
    return "" if stage.flows == FLOWS else f"only {stage.flows:,} flows (short loads)"


_HOW = (
    f"soth-mitm tui -k in a pseudo-terminal of {COLUMNS}x{LINES}, {FLOWS:,} flows of 1 KiB "
    f"(among them {RARE} of 64 KiB at each end), intercepted, over 24 kept connections. "
)
_UNDER = (
    "An open loop at half the rate of the filling goes on "
    f"while {KEYS} keys are pressed, one each {GAP:g} s. "
)

LANES = (
    Lane(
        "app-100k-rss",
        "Memory of the app with 100,000 flows",
        f"{_HOW}Resident memory of the app's process at rest; a flow is its growth, divided.",
        _rss,
        (Goal("RSS MB", Relation.ALONE, 200, 120, less=True),),
        sides=(OURS,),
    ),
    Lane(
        "app-key-repaint",
        "Key to repaint with 100,000 flows, under load",
        f"{_HOW}{_UNDER}From the write of a key to the first output after which the row of the cursor "
        "or the keys of the focused pane have changed; found out afterwards, from the kept output.",
        _keys,
        (Goal("p99 ms", Relation.ALONE, 100, 50, less=True),),
        sides=(OURS,),
    ),
    Lane(
        "app-filter",
        "A filter on row fields over 100,000 flows, first screen",
        f"{_HOW}At rest. path:/64k comes in one write, {ROUNDS} times; until the list shows results, and "
        "nothing else.",
        _filter,
        (Goal("max ms", Relation.ALONE, 300, 50, less=True),),
        sides=(OURS,),
    ),
    Lane(
        "app-body-search",
        "body: over 100,000 flows: progress and cancel",
        f"{_HOW}At rest. body:needle, until the filter bar shows progress; then escape, "
        "until the bar no longer says so.",
        _bodies,
        (
            Goal("progress ms", Relation.ALONE, 100, less=True),
            Goal("cancel ms", Relation.ALONE, 100, less=True),
        ),
        sides=(OURS,),
    ),
    Lane(
        "app-heartbeat",
        "How late the app's loop is while scrolling and filtering under load",
        f"{_HOW}{_UNDER}Then a filter is typed. A timer of 1 ms on the loop of the app, set by a launcher "
        "of the bench's own (bench/pulse.py), tells how late it came each time.",
        _beat,
        (Goal("p99 ms", Relation.ALONE, 15, less=True),),
        sides=(OURS,),
    ),
)
