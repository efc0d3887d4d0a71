"""The other end of a lane: the loop of a process that serves requests, and works in between.

One thread, everything in slices: a request that takes long is a generator, and each step of it ends
within a few milliseconds. So answers about one body come while another is searched.
"""

from __future__ import annotations

import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, Protocol

from soth_mitm.errors import SothError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

DONE: Final = 0
PART: Final = 1
FAILED: Final = 2

CANCEL: Final = "cancel"
PING: Final = "ping"

SLICE_SECONDS: Final = 0.01
"""How long a step should take at most."""

Job = Generator[Any, None, Any]
"""Yields parts of an answer, None where a step ended without one; returns the answer."""


class Refused(SothError):
    """What cannot be done, in words for the person."""


class Service(Protocol):
    """What a process does."""

    def call(self, method: str, args: tuple[Any, ...]) -> object:
        """Answer a request, or return a `Job` that will."""
        ...

    def work(self) -> bool:
        """Do a step of what is to be done anyway; return whether there is more."""
        ...


def serve(pipe: Connection[Any, Any], make: Callable[[], Service]) -> None:
    """Serve until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _Server(pipe, make()).run()
    except (EOFError, OSError):
        return


class _Server:
    def __init__(self, pipe: Connection[Any, Any], service: Service) -> None:
        self._pipe = pipe
        self._service = service
        self._jobs: dict[int, Job] = {}
        self._turns: deque[int] = deque()

    def run(self) -> None:
        """Take requests as they come; between them, step jobs and background work in turn."""
        busy = True
        while True:
            while self._pipe.poll(0 if busy or self._jobs else None):
                self._take()
                busy = True
            if self._turns:
                self._step(self._turns.popleft())
            busy = self._service.work()

    def _take(self) -> None:
        # Our own parent wrote it.
        number, method, args = pickle.loads(self._pipe.recv_bytes())  # noqa: S301
        if method == CANCEL:
            job = self._jobs.pop(number, None)
            if job is not None:
                job.close()
            self._answer(number, DONE, None)
            return
        try:
            answer = None if method == PING else self._service.call(method, args)
        except Exception as error:
            self._fail(number, error)
            return
        if isinstance(answer, Generator):
            self._jobs[number] = answer
            self._turns.append(number)
        elif number:
            self._answer(number, DONE, answer)

    def _step(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is None:
            return
        try:
            part = next(job)
        except StopIteration as end:
            del self._jobs[number]
            self._answer(number, DONE, end.value)
            return
        except Exception as error:
            del self._jobs[number]
            self._fail(number, error)
            return
        if part is not None:
            self._answer(number, PART, part)
        self._turns.append(number)

    def _fail(self, number: int, error: Exception) -> None:
        text = str(error) if isinstance(error, SothError) else f"{type(error).__name__}: {error}"
        self._answer(number, FAILED, text or "it failed")

    def _answer(self, number: int, kind: int, value: object) -> None:
        if number:
            self._pipe.send_bytes(pickle.dumps((number, kind, value), pickle.HIGHEST_PROTOCOL))
