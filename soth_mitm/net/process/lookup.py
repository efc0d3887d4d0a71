"""Ask for the program behind each connection, in a thread of its own, and tell the connection.

Nothing waits for an answer. Questions that come while one batch is answered go together in the next,
so that a thousand connections cost a few looks at the processes. Over time the thread takes at most a
twentieth of a processor: what it may use grows while it rests, and is used up by its work.
"""

from __future__ import annotations

import sys
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.model.events import Notice
from soth_mitm.net.process.credit import Credit
from soth_mitm.net.process.ends import Ends, ends_of
from soth_mitm.net.process.programs import Programs, Tally

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

    from soth_mitm.config import Limits
    from soth_mitm.model.events import Body, ProcessKnown
    from soth_mitm.model.limits import Counters
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.process.source import Source

SHARE: Final = 0.05
"""How much of a processor the thread may take over time."""
SAVED: Final = 0.25
"""Most seconds of work that it may have saved up: a short-lived program is asked for at once or never."""
_LINUX: bool = sys.platform == "linux"


class Asked(NamedTuple):
    """A connection whose program is being looked for."""

    life: ConnLife
    ends: Ends
    since: float


class Answer(NamedTuple):
    """What came of a batch."""

    found: dict[int, ProcessKnown]
    tally: Tally
    seconds: float
    """How long the thread worked."""
    error: str = ""


def system_source() -> Source:
    """Return what this system's processes are read by."""
    if _LINUX:
        from soth_mitm.net.process.linux import LinuxProcesses

        return LinuxProcesses()
    from soth_mitm.net.process.elsewhere import PsutilProcesses

    return PsutilProcesses()


class ProcessLookup:
    """The look-ups of one proxy. All methods belong to its loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        *,
        counters: Counters,
        publish: Callable[[Body], object],
        source: Callable[[], Source] = system_source,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._counters = counters
        self._publish = publish
        self._source = source
        self._waiting: dict[int, Asked] = {}
        self._batches: SimpleQueue[dict[int, Ends] | None] = SimpleQueue()
        self._started = False
        self._scheduled = False
        """A batch is on its way to the thread, or will be after its rest."""
        self._sent: dict[int, Ends] = {}
        """What the thread is at."""
        self._sent_at = 0.0
        self._credit = Credit(loop.time(), share=SHARE, saved=SAVED)
        self._told = False
        self._closed = False

    def ask(self, life: ConnLife, sock: socket.socket) -> None:
        """Look for the program behind a connection that was just accepted, if it is of this machine.

        Raises:
            OSError: the client has left.
        """
        ends = ends_of(sock)
        if ends is None or self._closed:
            return
        if len(self._waiting) >= self._limits.process_queue:
            self._counters.hit("process_queue")
            return
        now = self._loop.time()
        self._waiting[life.number] = Asked(life, ends, now)
        self._counters.level("process_queue", len(self._waiting))
        if not self._scheduled:
            self._schedule(now)

    def _schedule(self, now: float) -> None:
        self._scheduled = True
        wait = self._credit.wait(now)
        if wait:
            self._loop.call_later(wait, self._send)
        else:
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        """Hand everything that waits to the thread, but for connections that have ended meanwhile."""
        if self._closed:
            return
        for number in [number for number, asked in self._waiting.items() if asked.life.closed]:
            del self._waiting[number]
            self._counters.hit("process_unknown")
        if not self._waiting:
            self._scheduled = False
            return
        if not self._started:
            self._started = True
            # A daemon, because /proc of a process that hangs in the kernel may never answer.
            threading.Thread(target=self._work, name="process lookup", daemon=True).start()
        self._sent = {number: asked.ends for number, asked in self._waiting.items()}
        self._sent_at = self._loop.time()
        self._batches.put(self._sent)

    def _work(self) -> None:
        """Answer batches: the thread's own part."""
        programs: Programs | None = None
        while (batch := self._batches.get()) is not None:
            began = time.thread_time()
            found: dict[int, ProcessKnown] = {}
            tally, error = Tally(), ""
            try:
                if programs is None:
                    source = self._source()
                    programs = Programs(source, capacity=self._limits.process_cache)
                found = programs.find(batch, tally)
            except Exception as failure:
                error = f"{type(failure).__name__}: {failure}"
            answer = Answer(found, tally, time.thread_time() - began, error)
            try:
                self._loop.call_soon_threadsafe(self._answered, answer)
            except RuntimeError:
                return  # the loop has ended

    def _answered(self, answer: Answer) -> None:
        if self._closed:
            return
        self._count(answer)
        for number in self._sent:
            asked = self._waiting.pop(number, None)
            if asked is None:
                continue  # it took too long, and was given up
            program = answer.found.get(number)
            if program is None or asked.life.closed:
                self._counters.hit("process_unknown")
                continue
            asked.life.process = program
            asked.life.emit(program)
        self._sent = {}
        self._scheduled = False
        self._credit.spend(answer.seconds)
        if self._waiting:
            self._schedule(self._loop.time())

    def _count(self, answer: Answer) -> None:
        hit = self._counters.hit
        tally = answer.tally
        for name, count in (
            ("process_cache_hits", tally.hits),
            ("process_cache_misses", tally.misses),
            ("process_cache", tally.evicted),
            ("process_pid_reused", tally.reused),
        ):
            if count:
                hit(name, count)
        if answer.error:
            hit("process_failures")
            self._tell(f"which programs connect cannot be looked up: {answer.error}")

    def tick(self, now: float) -> None:
        """Give up what has waited for too long; called about once a second."""
        limit = self._limits.process_timeout
        late = [number for number, asked in self._waiting.items() if now - asked.since > limit]
        for number in late:
            del self._waiting[number]
            self._counters.hit("process_timeout")
        if self._sent and now - self._sent_at > limit:
            self._tell(f"the system has not said for {limit:g} s which program connects; traffic goes on")

    def _tell(self, text: str) -> None:
        if not self._told:
            self._told = True
            self._publish(Notice("warning", text))

    def close(self) -> None:
        """End; what is still asked stays without an answer."""
        self._closed = True
        self._waiting.clear()
        self._batches.put(None)
