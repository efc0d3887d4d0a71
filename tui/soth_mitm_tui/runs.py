"""A run of replays: some requests, each sent a number of times, and what came of each time."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.errors import SothError
from soth_mitm.policy.diff import compare
from soth_mitm.record.comparing import answer_of
from soth_mitm_tui.diffing.layout import DIFFERENT
from soth_mitm_tui.diffing.sources import HERE, weight
from soth_mitm_tui.replaying import CANCELLED, DONE, SENDING, WAITING

if TYPE_CHECKING:
    from soth_mitm.policy.diff import DiffReport, Ignore, Sample
    from soth_mitm.record.resending import Resend
    from soth_mitm.record.store import Store
    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.plans import Plan
    from soth_mitm_tui.replaying import Attempt, Replay

LOOK: Final = 0.1
"""Seconds between two looks at what has ended."""
_AHEAD: Final = 64
"""Entries in a row that wait, behind which none has begun."""
NAMES: Final = 3
"""Differences that are named."""

Begin = Callable[["Resend", "Plan"], Awaitable["Replay"]]
Load = Callable[[int], Awaitable["Resend"]]


class Verdict(NamedTuple):
    """What an answer is like, beside the one that it is compared with."""

    differences: int
    names: tuple[str, ...] = ()
    """Of the first few differences."""


class Entry:
    """One time that a request was, is, or will be sent."""

    def __init__(self, of: int, attempt: Attempt | None, fault: str = "") -> None:
        self.of, self.attempt, self.fault = of, attempt, fault
        self.verdict: Verdict | None = None
        """None while it is not compared, or cannot be."""
        self.judged = bool(fault)

    @property
    def state(self) -> str:
        """As of the attempt; a request that could not be sent is done."""
        return self.attempt.state if self.attempt is not None else DONE

    @property
    def settled(self) -> bool:
        """Whether nothing of it changes any more."""
        return self.judged and self.state in (DONE, CANCELLED)

    @property
    def error(self) -> str:
        """Why there is no answer; empty where there is one, or may be."""
        return self.fault or (self.attempt.error if self.attempt is not None else "")

    @property
    def flow(self) -> int:
        """The row that it is; 0 for none."""
        return self.attempt.flow if self.attempt is not None else 0


class Summary(NamedTuple):
    """What came of it all, so far."""

    total: int
    done: int
    sending: int
    failed: int
    cancelled: int
    different: int
    same: int
    statuses: tuple[tuple[int, int], ...]
    """Status and how often, the most frequent first."""
    times: tuple[int, ...]
    """Least, median, 90th and 99th percentile, and most, in nanoseconds; empty while there is no answer."""


class Run:
    """Sends the requests of flows, one flow after the other, and compares the answers."""

    def __init__(self, title: str, flows: Sequence[int], plan: Plan) -> None:
        self.title, self.flows, self.plan = title, tuple(flows), plan
        self.entries: list[Entry] = []
        self.finished = False
        self.failure = ""
        self._replay: Replay | None = None
        self._stopped = False
        self._settled = 0
        """How many of the first entries can change no more; they are in the tally."""
        self._tally = _Tally()

    @property
    def total(self) -> int:
        """How often something is to be sent."""
        return len(self.flows) * self.plan.times

    async def go(self, load: Load, begin: Begin, judge: Callable[[Run], Awaitable[None]]) -> None:
        """Send everything; return once all has ended and is compared."""
        try:
            for flow in self.flows:
                if self._stopped:
                    break
                try:
                    self._replay = replay = await begin(self.plan.applied_to(await load(flow)), self.plan)
                except SothError as error:
                    self.entries.append(Entry(flow, None, str(error)))
                    continue
                self.entries += [Entry(flow, attempt) for attempt in replay.attempts]
                await self._follow(replay, judge)
            await judge(self)
        finally:
            self.finished = True

    async def _follow(self, replay: Replay, judge: Callable[[Run], Awaitable[None]]) -> None:
        while True:
            over = replay.finished
            _ = replay.attempts  # has them take what their rows say by now
            await judge(self)
            if over:
                return
            await asyncio.sleep(LOOK)

    async def stop(self) -> None:
        """Send no more, and cut what is under way."""
        self._stopped = True
        if self._replay is not None:
            await self._replay.cancel()

    def live(self) -> Iterator[Entry]:
        """Yield what may still change and has begun, so that no number of times makes this slow."""
        entries = self.entries
        while self._settled < len(entries) and entries[self._settled].settled:
            self._tally.add(entries[self._settled])
            self._settled += 1
        waiting = 0
        for at in range(self._settled, len(entries)):
            waiting = waiting + 1 if entries[at].state == WAITING else 0
            if waiting > _AHEAD:
                break
            yield entries[at]

    def summary(self) -> Summary:
        """Return what came of it so far."""
        live = list(self.live())
        tally = self._tally.copy()
        for entry in live:
            tally.add(entry)
        states = tally.states
        return Summary(
            self.total, states[DONE], states[SENDING], tally.failed, states[CANCELLED], tally.different,
            tally.same, tuple(tally.statuses.most_common()), _percentiles(tally.times),
        )  # fmt: skip


class _Tally:
    """Counts of entries."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.times: list[int] = []
        self.failed = self.different = self.same = 0

    def copy(self) -> _Tally:
        """Return another one with the same counts."""
        made = _Tally()
        made.states, made.statuses, made.times = self.states.copy(), self.statuses.copy(), self.times.copy()
        made.failed, made.different, made.same = self.failed, self.different, self.same
        return made

    def add(self, entry: Entry) -> None:
        """Count one more."""
        attempt = entry.attempt
        self.states[entry.state] += 1
        self.failed += bool(entry.error)
        if attempt is not None and attempt.state == DONE and not attempt.error:
            self.statuses[attempt.status] += 1
            insort(self.times, attempt.duration_ns)
        if entry.verdict is not None:
            self.different += bool(entry.verdict.differences)
            self.same += not entry.verdict.differences


def _percentiles(times: list[int]) -> tuple[int, ...]:
    if not times:
        return ()
    return tuple(times[max(0, -(-share * len(times) // 100) - 1)] for share in (0, 50, 90, 99, 100))


class Judge:
    """Compares answers with that of the original; of a request made anew, with the first one that came."""

    def __init__(self, store: Store, worker: Worker, ignore: Ignore) -> None:
        self._store, self._worker, self._ignore = store, worker, ignore
        self._first: dict[int, Sample] = {}

    async def __call__(self, run: Run) -> None:
        """Compare what has ended since."""
        for entry in run.live():
            attempt = entry.attempt
            if entry.judged or attempt is None or attempt.state not in (DONE, CANCELLED):
                continue
            if not attempt.error and attempt.flow and attempt.state == DONE:
                entry.verdict = await self._compare(entry.of, attempt.flow)
            entry.judged = True

    async def _compare(self, of: int, flow: int) -> Verdict | None:
        view = await self._store.view(flow)
        if view is None:
            return None
        answer = await answer_of(self._store, view)
        if of not in self._first:
            before = await self._store.view(of) if of else view
            if before is None or not before.status:
                return None
            self._first[of] = await answer_of(self._store, before)
        left = self._first[of]
        call = partial(compare, left, answer, ignore=self._ignore)
        heavy = weight(left, answer) > HERE
        try:
            report: DiffReport = await self._worker.run(call) if heavy else call()
        except SothError:
            return None
        return Verdict(report.differences, _named(report))


def _named(report: DiffReport) -> tuple[str, ...]:
    """Return what the first differences are about."""
    names = (
        line.label if line.label and section.form != "bytes" else section.title.lower()
        for section in report.sections
        for line in section.lines
        if line.kind in DIFFERENT
    )
    return tuple(list(dict.fromkeys(names))[:NAMES])
