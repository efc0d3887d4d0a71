"""A process that does heavy work for this one: requests and bounded answers over a pipe.

A process, because a thread that decodes or searches holds the interpreter, and with it the loop that
moves bytes. It starts on first need. Where it dies, or does not leave off in time what was cancelled
(a regular expression that never ends), it is ended, and the next request starts another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import pickle
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, Final

from soth_mitm.errors import SothError
from soth_mitm.record.serving import CANCEL, DONE, FAILED, PART, PING, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from soth_mitm.record.serving import Service

DEADLINE: Final = 20.0
"""Seconds after which a request without any answer is given up and the process ended."""

GRACE: Final = 0.08
"""Seconds a process has to leave off what was cancelled before it is ended."""


class WorkerError(SothError):
    """A process for heavy work took too long, died, or met something that it could not do."""


class LaneDied(WorkerError):
    """The process ended; asked again, another one starts."""


class _Waiting:
    """What somebody waits for: answers come in on the reader's thread, and are taken on his loop."""

    __slots__ = ("answers", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.answers: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()

    def put(self, kind: int, value: object) -> None:
        """Hand an answer over; may be called from any thread."""
        with contextlib.suppress(RuntimeError):  # his loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self.answers.put_nowait, (kind, value))


class _Process:
    """One process, its pipe, the thread that reads from it, and who waits for what."""

    def __init__(self, service: Callable[[], Service], name: str) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        # A screen may have put something without a file descriptor in the place of stderr, and a
        # child process can inherit no such thing.
        with contextlib.redirect_stderr(sys.__stderr__):
            process = context.Process(target=serve, args=(theirs, service), name=name, daemon=True)
            process.start()
        theirs.close()
        self.process: SpawnProcess = process
        self.alive = True
        self._pipe: Connection[Any, Any] = ours
        self._sending = threading.Lock()
        self.waiting: dict[int, _Waiting] = {}
        self.leaving: dict[int, threading.Event] = {}
        """What was cancelled and not left off yet."""
        threading.Thread(target=self._read, name=f"{name}-reader", daemon=True).start()

    def send(self, message: tuple[int, str, tuple[Any, ...]]) -> None:
        """Send one request; blocks while the process is busy and the pipe is full.

        Raises:
            LaneDied: the process has ended.
        """
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        try:
            with self._sending:
                self._pipe.send_bytes(data)
        except (OSError, ValueError) as error:
            raise LaneDied("the process for this ended before it was done; try again") from error

    def _read(self) -> None:
        try:
            while True:
                # Our own child wrote it.
                number, kind, value = pickle.loads(self._pipe.recv_bytes())  # noqa: S301
                waiting = self.waiting.get(number) if kind == PART else self.waiting.pop(number, None)
                if kind != PART and number in self.leaving:
                    self.leaving.pop(number).set()
                if waiting is not None:
                    waiting.put(kind, value)
        except (OSError, EOFError, ValueError):
            pass
        self.alive = False
        self._pipe.close()
        self.process.join()
        for left in list(self.leaving.values()):
            left.set()
        for number in list(self.waiting):
            waiting = self.waiting.pop(number, None)
            if waiting is not None:
                waiting.put(FAILED, None)

    def kill(self) -> None:
        """End it; whoever waits hears of it."""
        self.alive = False
        with contextlib.suppress(OSError, ValueError):
            self.process.kill()


class Lane:
    """One process for one kind of work. Its coroutines may be used on any loop, `post` on any thread."""

    def __init__(
        self,
        service: Callable[[], Service],
        *,
        name: str,
        deadline: float = DEADLINE,
        advice: str = "look at it raw or in hex",
    ) -> None:
        """`advice` says what a person does about what was given up."""
        self._service = service
        self._name = name
        self._deadline = deadline
        self._advice = advice
        self._numbers = itertools.count(1)
        self._starting = threading.Lock()
        self._process: _Process | None = None
        self.generation = 0
        """How many processes were started; what one was told, the next one does not know."""

    @property
    def pid(self) -> int:
        """Process id; 0 while there is no process."""
        process = self._process
        return (process.process.pid or 0) if process is not None and process.alive else 0

    def _running(self) -> _Process:
        """Return the process, started if there is none. Takes long: never on a loop."""
        with self._starting:
            process = self._process
            if process is None or not process.alive:
                try:
                    process = _Process(self._service, self._name)
                except OSError as error:
                    raise WorkerError(
                        f"cannot start a process that reads what was recorded: {error}"
                    ) from error
                self._process = process
                self.generation += 1
            return process

    async def warm(self) -> None:
        """Start the process now; where that fails, the first request says so."""
        with contextlib.suppress(WorkerError):
            await self.start()

    async def start(self) -> int:
        """Have a process that serves; return its generation.

        Raises:
            WorkerError: it cannot be started.
        """
        await self.call(PING)
        return self.generation

    async def call(self, method: str, *args: object, generation: int = 0) -> Any:  # noqa: ANN401 - it is what the method answers
        """Ask for one thing and return the answer; with `generation`, only the process of that one is asked.

        Raises:
            WorkerError: it failed, took longer than the deadline, or the process died (`LaneDied`).
        """
        stream = self.stream(method, *args, generation=generation)
        answer = None
        async with contextlib.aclosing(stream):
            async for part in stream:
                answer = part
        return answer

    async def stream(self, method: str, *args: object, generation: int = 0) -> AsyncGenerator[Any, None]:
        """Ask for one thing; yield its parts, and the answer last. To close it is to cancel it.

        Raises:
            WorkerError: as for `call`.
        """
        number = next(self._numbers)
        waiting = _Waiting()
        asking = waiting.loop.run_in_executor(None, self._ask, number, waiting, (method, args), generation)
        try:
            process = await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(lambda asked: self._leave(asked, number, waiting.loop))
            raise
        try:
            while True:
                try:
                    kind, value = await asyncio.wait_for(waiting.answers.get(), self._deadline)
                except TimeoutError:
                    process.kill()
                    raise WorkerError(
                        f"no answer within {self._deadline:.0f} s: given up; {self._advice}"
                    ) from None
                if kind == FAILED:
                    if value is None:
                        raise LaneDied("the process for this ended before it was done; try again")
                    raise WorkerError(value)
                yield value
                if kind == DONE:
                    return
        finally:
            if number in process.waiting:
                self._cancel(process, number, waiting.loop)

    def _ask(
        self, number: int, waiting: _Waiting, what: tuple[str, tuple[Any, ...]], generation: int
    ) -> _Process:
        process = self._of(generation) if generation else self._settled()
        process.waiting[number] = waiting
        try:
            process.send((number, *what))
        except LaneDied:
            process.waiting.pop(number, None)
            raise
        return process

    def _settled(self) -> _Process:
        """Return the process, once it has left off what was cancelled; another one where it did not."""
        process = self._running()
        for left in list(process.leaving.values()):
            left.wait(2 * GRACE)
        return self._running()

    def _of(self, generation: int) -> _Process:
        """Return the process of a generation, once it has left off what was cancelled."""
        process = self._process
        for left in list(process.leaving.values()) if process is not None else ():
            left.wait(2 * GRACE)
        if process is None or not process.alive or self.generation != generation:
            raise LaneDied("the process for this ended before it was done; try again")
        return process

    def _leave(self, asked: asyncio.Future[_Process], number: int, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what was asked while nobody waited for it any more."""
        if not asked.cancelled() and asked.exception() is None:
            self._cancel(asked.result(), number, loop)

    def _cancel(self, process: _Process, number: int, loop: asyncio.AbstractEventLoop) -> None:
        """Have a request left off; end the process where it does not do so."""

        left = process.leaving[number] = threading.Event()

        def give_up() -> None:
            if not left.is_set():
                process.kill()

        with contextlib.suppress(RuntimeError):
            loop.call_later(GRACE, give_up)
            loop.run_in_executor(None, self._send_cancel, process, number)

    @staticmethod
    def _send_cancel(process: _Process, number: int) -> None:
        with contextlib.suppress(LaneDied):
            process.send((number, CANCEL, ()))

    def post(self, method: str, *args: object, generation: int) -> None:
        """Tell the process something, from a thread; nothing is told to one of another generation.

        Raises:
            LaneDied: it is not the process of that generation any more.
        """
        self._of(generation).send((0, method, args))

    def close(self) -> None:
        """End the process; a later request starts another one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
