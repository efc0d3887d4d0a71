"""Lines to standard output that never hold the proxy up, and the log on standard error."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from typing import TYPE_CHECKING

from soth_mitm.model.events import CaptureGap, Event, LimitReached, Notice
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH_SECONDS = 0.05
MOST_WAITING = 8 * 1024 * 1024
"""Characters that may wait for a reader of standard output; lines beyond that are dropped, counted."""


class Output:
    """Writes to a file descriptor from a thread, a batch at a time, within a bound."""

    def __init__(self, descriptor: int, on_closed: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[str] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._closed = False
        self.dropped = 0
        """Lines that nobody read in time."""

    def write(self, text: str) -> None:
        """Take text to write soon."""
        if self._closed:
            return
        if self._size + len(text) > MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(text)
        self._size += len(text)
        if self._timer is None and self._writing is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._start)

    def _start(self) -> None:
        self._timer = None
        if self._waiting and self._writing is None:
            data = "".join(self._waiting).encode("utf-8", "replace")
            self._waiting.clear()
            self._size = 0
            self._writing = self._loop.run_in_executor(None, self._write_all, data)
            self._writing.add_done_callback(self._written)

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _written(self, done: asyncio.Future[None]) -> None:
        self._writing = None
        if done.cancelled() or done.exception() is not None:
            self._closed = True
            self._waiting.clear()
            self._on_closed()
            return
        self._start()

    async def close(self, timeout: float = 5.0) -> None:
        """Write what waits, for at most `timeout` seconds: a reader that stopped must not keep us."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            async with asyncio.timeout(timeout):
                self._start()
                while self._writing is not None:
                    await asyncio.wait([self._writing])
        except TimeoutError:
            self.dropped += 1
        self._closed = True


class Log:
    """A sink that tells notices, used-up limits and capture gaps on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def __call__(self, event: Event) -> None:
        """Print what concerns the person."""
        match event.body:
            case Notice(level=level, text=text):
                if level == "error" or not self._quiet:
                    say(text)
            case LimitReached(name=name, value=value, action=action):
                say(f"limit {name} reached ({value}): {action}")
            case CaptureGap(events=events, bytes=size, cause=cause):
                say(f"capture gap: {events} events, {size} bytes not recorded ({cause})")


def say(text: str) -> None:
    """Print one line about the proxy itself on standard error."""
    sys.stderr.write(f"soth-mitm: {printable(text)}\n")
    sys.stderr.flush()
