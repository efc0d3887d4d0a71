"""Lines to standard output that never hold the proxy up, and the log on standard error."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

from soth_mitm.model.events import Body, CaptureGap, Event, LimitReached, Notice
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH_SECONDS = 0.05
"""How long a line may wait for others to be written with it: each batch costs a change of threads."""
BATCH = 256 * 1024
"""Characters that do not wait for more."""
MOST_WAITING = 8 * 1024 * 1024
"""Characters that may wait for a reader of standard output; lines beyond that are dropped, counted."""


class Output:
    """Writes to a file descriptor from a thread, a batch at a time, within a bound.

    The thread is a daemon: a reader that takes nothing more cannot keep the program alive.
    """

    def __init__(self, descriptor: int, on_closed: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[str] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._batches: SimpleQueue[bytes] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self.left = False
        """Whoever read has gone."""
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
        if self._timer is None and self._idle.is_set():
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._start)
        elif self._size >= BATCH and self._idle.is_set():
            self._start()

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting or not self._idle.is_set():
            return
        data = "".join(self._waiting).encode("utf-8", "replace")
        self._waiting.clear()
        self._size = 0
        self._idle.clear()
        self._batches.put(data)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_batches, name="output", daemon=True)
            self._thread.start()

    def _write_batches(self) -> None:
        while data := self._batches.get():
            failed = False
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                failed = True
            try:
                self._loop.call_soon_threadsafe(self._written, failed)
            except RuntimeError:  # the loop has closed: nobody waits for us any more
                return

    def _written(self, failed: bool) -> None:
        self._idle.set()
        if failed:
            self._closed = self.left = True
            self._waiting.clear()
            self._on_closed()
        elif self._size >= BATCH:
            self._start()
        elif self._waiting:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._start)

    async def close(self, timeout: float = 5.0) -> None:
        """Write what waits, for at most `timeout` seconds: a reader that stopped must not keep us."""
        try:
            async with asyncio.timeout(timeout):
                while self._waiting or not self._idle.is_set():
                    self._start()
                    await self._idle.wait()
        except TimeoutError:
            self.dropped += len(self._waiting) + 1
        self._closed = True
        self._batches.put(b"")


class Log:
    """A sink that tells notices, used-up limits and capture gaps, on standard error by default."""

    kinds: frozenset[type[Body]] = frozenset({Notice, LimitReached, CaptureGap})
    """All that it is to be given."""

    def __init__(self, *, quiet: bool = False, tell: Callable[[str], None] | None = None) -> None:
        self._quiet = quiet
        self._tell = tell or say

    def __call__(self, event: Event) -> None:
        """Tell what concerns the person."""
        match event.body:
            case Notice(level=level, text=text):
                if level == "error" or not self._quiet:
                    self._tell(text)
            case LimitReached(name=name, value=value, action=action):
                self._tell(f"limit {name} reached ({value}): {action}")
            case CaptureGap(events=events, bytes=size, cause=cause):
                self._tell(f"capture gap: {events} events, {size} bytes not recorded ({cause})")


def say(text: str) -> None:
    """Print one line about the proxy itself on standard error."""
    sys.stderr.write(f"soth-mitm: {printable(text)}\n")
    sys.stderr.flush()
