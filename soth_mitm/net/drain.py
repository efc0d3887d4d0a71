"""Watch over the open connections: their deadlines once a second, and their end at a shutdown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.model.reasons import CloseReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.listener import Listener
    from soth_mitm.net.pausing import LeftPaused
    from soth_mitm.net.shared import Shared

TICK = 1.0
_POLL = 0.02
_SETTLE = 1.0


class Watchdog:
    """Lets every session look at its deadlines."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._handle = self._shared.loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        shared = self._shared
        now = shared.loop.time()
        for session in list(shared.sessions):
            try:
                session.tick(now)
            except Exception as error:
                shared.internal_error("watchdog", f"{type(error).__name__}: {error}")
                session.kill(CloseReason.INTERNAL_ERROR)
        shared.pool.tick(now)
        if shared.processes is not None:
            shared.processes.tick(now)
        self.start()

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()


class Drain:
    """Ends a proxy's connections: idle ones at once, busy ones after their flow or at the deadline."""

    def __init__(self, shared: Shared, listener: Listener) -> None:
        self._shared = shared
        self._listener = listener

    async def run(self, deadline: float, *, paused: LeftPaused = "resume") -> int:
        """Drain; return how many flows had to be cut.

        What is paused goes on with its edits, or is dropped; without any time it is cut with its flow.
        """
        shared = self._shared
        self._listener.close()
        shared.draining = True
        shared.pool.close()
        end = shared.loop.time() + deadline
        if paused == "drop":
            shared.pauses.drop_all()
        elif deadline > 0:
            shared.pauses.release_all()
        for session in list(shared.sessions):
            session.shut_when_idle()
        await self._until(lambda: not shared.flows and shared.slices.idle, end)
        cut = len(shared.flows)
        if cut:
            shared.counters.hit("drain_timeout")
        for session in list(shared.sessions):
            session.kill(CloseReason.SHUTDOWN)
        await shared.tasks.cancel()
        for conn in list(shared.upstreams):
            conn.close(CloseReason.SHUTDOWN, abort=True)
        left = (shared.sessions, shared.upstreams)
        await self._until(lambda: not any(left), shared.loop.time() + _SETTLE)
        return cut

    async def _until(self, done: Callable[[], bool], end: float) -> None:
        while not done() and self._shared.loop.time() < end:  # noqa: ASYNC110 - a deadline over many ends
            await asyncio.sleep(_POLL)
