"""Leaving: the proxy is drained first, with a countdown, unless the person will not wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

from soth_mitm_tui.desks.desk import Desk

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp

DRAIN_DEADLINE: Final = 5.0
"""Seconds that open flows get to end by themselves."""


class Leaving(Desk):
    """Drains the proxy and ends the app; a second time, or where there is no proxy, at once."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._until = 0
        self.deeds = {"app.quit": self.leave}

    def leave(self) -> None:
        """Begin to drain; leave at once where that is under way, or there is nothing to drain."""
        app = self.app
        if self._until or app.read_only:
            app.exit()
            return
        if app.debugging.ask_before_leaving(self._begin):
            return
        self._begin("resume")

    def _begin(self, paused: Literal["resume", "drop"]) -> None:
        app = self.app
        self._until = app.clock.monotonic_ns() + round(DRAIN_DEADLINE * 1e9)
        app.main.draining = self.words
        app.main.refresh_bars()
        app.run_worker(self._drain(paused), group="drain", exit_on_error=False)

    async def _drain(self, paused: Literal["resume", "drop"]) -> None:
        app = self.app
        try:
            await app.control.drain(DRAIN_DEADLINE, paused=paused)
            app.drained = True
        except asyncio.CancelledError:
            raise
        except Exception as error:
            app.failure = error
        app.exit()

    @property
    def words(self) -> str:
        """What the status bar says meanwhile; empty while nobody leaves."""
        if not self._until:
            return ""
        left = max(0, -(-(self._until - self.app.clock.monotonic_ns()) // 1_000_000_000))
        count = self.app.index.session.open_connections
        open_ones = "1 open connection" if count == 1 else f"{count:,} open connections"
        return f"■ stopping: {open_ones}, at most {left} s · q again leaves now"
