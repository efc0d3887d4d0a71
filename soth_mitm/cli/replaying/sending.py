"""Sending what was chosen, a few at once, and comparing each answer with the one that was recorded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from soth_mitm.errors import ReplayError
from soth_mitm.net.tasks import start
from soth_mitm.policy.diff import DiffReport, Sample, compare
from soth_mitm.policy.retargeting import Site, parse_site, redirected
from soth_mitm.record.comparing import answer_of
from soth_mitm.record.resending import Resend, resend_of
from soth_mitm.record.threads import in_thread

if TYPE_CHECKING:
    import argparse

    from soth_mitm.cli.replaying.printing import Results
    from soth_mitm.control import Control
    from soth_mitm.net.replay.replay import Attempt
    from soth_mitm.policy.diff import Ignore
    from soth_mitm.record.store import Store
    from soth_mitm.record.view import FlowView

_AT_ONCE: Final = 64 * 1024
"""Bytes of a body up to which it is compared on the loop."""


class Result(msgspec.Struct):
    """One request that was sent again, or could not be."""

    flow: int
    """In the dump."""
    method: str
    url: str
    time: int
    """Which of `--times` it is, from 1."""
    status: int = 0
    """Of the answer that was recorded."""
    again: int = 0
    """Of the answer now."""
    duration_ns: int = 0
    recorded_ns: int = 0
    error: str = ""
    """Why there is no answer; empty where there is one."""
    failed_before: bool = False
    """There was no answer when it was recorded either."""
    skipped: str = ""
    """Why it was not sent."""
    report: DiffReport = DiffReport()

    @property
    def outcome(self) -> str:
        """`same`, `different`, `failed` or `skipped`."""
        if self.skipped:
            return "skipped"
        if self.error:
            return "same" if self.failed_before else "failed"
        return "same" if self.report.equal else "different"


class Sender:
    """Sends requests of a dump through a proxy, and reads its answers from what that records."""

    def __init__(self, control: Control, *, dump: Store, answers: Store, ignore: Ignore) -> None:
        self._control = control
        self._dump, self._answers = dump, answers
        self._ignore = ignore
        self._site: Site | None = None
        self._keep_host = self._gaps = False
        self._times = self._concurrency = 1
        self._timeout: float | None = None

    def configure(self, arguments: argparse.Namespace) -> None:
        """Take what was asked for on the command line."""
        self._site = parse_site(arguments.to) if arguments.to else None
        self._keep_host, self._gaps = arguments.keep_host, arguments.gaps
        self._times, self._concurrency = arguments.times, arguments.concurrency
        self._timeout = arguments.timeout

    async def send_all(self, flows: Sequence[int], results: Results, stopping: asyncio.Future[Any]) -> None:
        """Send all, and tell the results in order; end early once `stopping` is done."""
        waiting: deque[asyncio.Task[Result]] = deque()
        jobs = ((flow, time) for flow in flows for time in range(1, self._times + 1))
        try:
            for flow, time in jobs:
                if len(waiting) >= self._concurrency and not await self._tell(waiting, results, stopping):
                    return
                waiting.append(start(self._send(flow, time), f"replay of flow {flow}"))
            while waiting and await self._tell(waiting, results, stopping):
                pass
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _tell(
        self, waiting: deque[asyncio.Task[Result]], results: Results, stopping: asyncio.Future[Any]
    ) -> bool:
        await asyncio.wait((waiting[0], stopping), return_when=asyncio.FIRST_COMPLETED)
        if not waiting[0].done():
            return False
        results.add(waiting.popleft().result())
        return True

    async def _send(self, flow: int, time: int) -> Result:
        view = await self._dump.view(flow)
        number = self._dump.index.number_of(flow)
        assert view is not None, "the row of a flow was found"
        assert number is not None, "the row of a flow was found"
        row = self._dump.index.row(number)
        result = Result(flow, row.method, _url(view), time, row.status)
        result.recorded_ns, result.failed_before = row.duration_ns, row.error
        try:
            resend = await resend_of(self._dump, flow)
            if self._site is not None:
                draft = redirected(resend.draft, self._site, keep_host=self._keep_host)
                resend = msgspec.structs.replace(resend, draft=draft)
            attempt = await self._attempt(resend)
        except ReplayError as error:
            result.skipped = str(error)
            return result
        result.again, result.duration_ns, result.error = attempt.status, attempt.duration_ns, attempt.error
        if not result.error and attempt.flow:
            again = await self._answers.view(attempt.flow)
            result.report = await self._compare(view, again)
        return result

    async def _attempt(self, resend: Resend) -> Attempt:
        # It is linked to no flow of this run: the original is in another recording.
        resend = msgspec.structs.replace(resend, of=0)
        replay = await self._control.replay(resend, timeout=self._timeout, gaps=self._gaps)
        try:
            (attempt,) = await replay.wait()
        finally:
            await replay.cancel()
        if not attempt.flow and not attempt.error:
            attempt.error = "it was not sent: the proxy is stopping"
        return attempt

    async def _compare(self, before: FlowView, after: FlowView | None) -> DiffReport:
        left = await answer_of(self._dump, before)
        right = await answer_of(self._answers, after) if after is not None else Sample()
        if max(len(left.body), len(right.body)) <= _AT_ONCE:
            return compare(left, right, ignore=self._ignore)
        return await in_thread(lambda: compare(left, right, ignore=self._ignore))


def _url(view: FlowView) -> str:
    assert view.opened is not None, "the first event of a flow that has a row is known"
    site = Site(view.opened.scheme or "http", view.opened.host, view.opened.port)
    path = view.request.path if view.request is not None else b""
    return f"{site}{path.decode('utf-8', 'backslashreplace')}"
