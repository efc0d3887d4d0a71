"""A request sent a number of times, some of them at once, with what came of each time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.errors import ReplayError
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.replay.link import Link
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from soth_mitm.net.replay.session import WatchedFlow
    from soth_mitm.net.shared import Shared
    from soth_mitm.record.resending import Resend
    from soth_mitm.record.rows import Row

WAITING: Final = "waiting"
SENDING: Final = "sending"
DONE: Final = "done"
CANCELLED: Final = "cancelled"
_FAILED: Final = frozenset({CloseReason.BLOCKED.value, CloseReason.SHUTDOWN.value})
"""Ends that are no error of a client's request, and one of ours."""


class Attempt(msgspec.Struct):
    """One time that the request is sent. All text is printable."""

    number: int
    """From 1."""
    state: str = WAITING
    """`waiting`, `sending`, `done` or `cancelled`."""
    flow: int = 0
    """The flow that it is; 0 while it has not begun."""
    status: int = 0
    size: int = 0
    """Bytes of the answer's body so far."""
    ttfb_ns: int = 0
    duration_ns: int = 0
    outcome: str = ""
    """How it ended where the status does not say it, as its row has it."""
    error: str = ""
    """Why there is no answer, in words; empty where there is one."""

    def take(self, row: Row, detail: str = "") -> None:
        """Take what a row says."""
        self.flow, self.status, self.size = row.flow, row.status, row.response_bytes
        self.ttfb_ns, self.duration_ns, self.outcome = row.ttfb_ns, row.duration_ns, row.outcome
        if row.error or row.reason in _FAILED:
            words = detail if " " in detail else ""  # a code says what the outcome says
            parts = (row.outcome or row.reason.replace("_", " "), words, row.hint)
            self.error = ": ".join(part for part in parts if part)


class Replay:
    """A replay that is under way, or over. Reading is plain, from any thread."""

    def __init__(
        self, shared: Shared, resend: Resend, *, times: int, concurrency: int, timeout: float, gaps: bool
    ) -> None:
        self.resend = resend
        self.concurrency = concurrency
        self.revision = 0
        """Rises with each attempt that begins or ends."""
        self._shared = shared
        self._timeout, self._gaps = timeout, gaps
        self._attempts = [Attempt(number) for number in range(1, times + 1)]
        self._next = 0
        self._live: dict[int, WatchedFlow] = {}
        self._begun, self._finished = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- for whoever looks at it --------------------------------------------------------------------

    @property
    def of(self) -> int:
        """The flow whose request it sends; 0 for one made anew."""
        return self.resend.of

    @property
    def times(self) -> int:
        """How often it is to be sent."""
        return len(self._attempts)

    @property
    def attempts(self) -> list[Attempt]:
        """Each time with what has come of it by now; the same objects each time."""
        for number, flow in list(self._live.items()):
            if flow.row is not None:
                self._attempts[number].take(flow.row)
        return self._attempts

    @property
    def done(self) -> int:
        """How many have ended."""
        return sum(attempt.state in (DONE, CANCELLED) for attempt in self._attempts)

    @property
    def finished(self) -> bool:
        """Whether all have ended."""
        return self._finished.is_set()

    async def begun(self) -> int:
        """Wait until the first has begun, or never will; return the flow that it is, 0 for none."""
        await self._on_loop(self._begun.wait())
        return self._attempts[0].flow

    async def wait(self) -> list[Attempt]:
        """Wait until all have ended; return them."""
        await self._on_loop(self._finished.wait())
        return self.attempts

    async def cancel(self) -> None:
        """Send no more, and cut what is under way; return once that is done."""
        await self._on_loop(self._cancel())

    async def _cancel(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await self._finished.wait()

    async def _on_loop(self, work: Coroutine[object, object, object]) -> None:
        loop = self._shared.loop
        if asyncio.get_running_loop() is loop:
            await work
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    # --- sending ------------------------------------------------------------------------------------

    def start(self, places: asyncio.Semaphore) -> None:
        """Begin; `places` bounds what all replays of a proxy do at once."""
        self._task = self._shared.tasks.spawn(self._run(places), f"replay of flow {self.of}")

    async def _run(self, places: asyncio.Semaphore) -> None:
        workers = [
            self._shared.tasks.spawn(self._work(places), f"replay of flow {self.of}, {number}")
            for number in range(min(self.concurrency, self.times))
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            for attempt in self._attempts:
                if attempt.state in (WAITING, SENDING):
                    attempt.state = CANCELLED
            self.revision += 1
            self._begun.set()
            self._finished.set()

    async def _work(self, places: asyncio.Semaphore) -> None:
        link: Link | None = None
        try:
            while self._next < len(self._attempts):
                number, self._next = self._next, self._next + 1
                if places.locked():
                    self._shared.counters.hit("replay_concurrency")
                async with places:
                    if link is None or not link.usable:
                        if link is not None:
                            link.close()
                        link = self._link()
                    await self._attempt(number, link)
        finally:
            if link is not None:
                link.close()

    def _link(self) -> Link:
        if self.resend.script is None:
            return Link(self._shared, self.resend)
        from soth_mitm.net.replay.websocket import WebSocketLink

        return WebSocketLink(self._shared, self.resend, gaps=self._gaps)

    async def _attempt(self, number: int, link: Link) -> None:
        attempt = self._attempts[number]

        def begun(flow: WatchedFlow) -> None:
            self._live[number] = flow
            attempt.flow, attempt.state = flow.number, SENDING
            self.revision += 1
            self._begun.set()

        try:
            flow = await link.ask(begun, timeout=self._timeout)
            attempt.state = DONE
            if flow.row is not None:
                attempt.take(flow.row, printable(flow.detail, 200))
        except ReplayError as error:
            attempt.state, attempt.error = DONE, str(error)
        finally:
            live = self._live.pop(number, None)
            if live is not None and live.row is not None and attempt.state == SENDING:
                attempt.take(live.row)
            self.revision += 1
