"""A process for heavy reads, so that no decoding ever stops the loop that moves bytes.

Threads do not help: a large `json.loads` in one holds the interpreter for as long as it takes. Small
bodies are rendered where they are: a few milliseconds are what a keypress costs as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import sys
import threading
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Final, Literal, NamedTuple, TypeVar, overload

from soth_mitm import decode
from soth_mitm.errors import SothError
from soth_mitm.text import SafeText

_T = TypeVar("_T")

Mode = Literal["auto", "pretty", "raw", "hex"]

HERE_LIMIT: Final = 8 * 1024
"""Largest body, in bytes as they passed, that is rendered on the caller's own thread."""

PIECE: Final = 4000

DEADLINE: Final = 20.0
"""Seconds after which a rendering is given up and its process ended."""


class WorkerError(SothError):
    """The process for heavy reads took too long or died; the next request starts a new one."""


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _nothing() -> None:
    """What is asked of a process that is only to start."""


class Lines(Sequence[SafeText]):
    """Lines kept as one text, so that another process hands them over at the price of one copy."""

    __slots__ = ("_starts", "_text")

    def __init__(self, lines: Sequence[SafeText]) -> None:
        self._text = "\n".join(lines)
        self._starts = array("Q")
        at = 0
        for each in lines:
            self._starts.append(at)
            at += len(each) + 1

    def __len__(self) -> int:
        return len(self._starts)

    def shared(self, before: Lines) -> int:
        """Return how many lines at the beginning are those of `before`, which this may continue."""
        return max(len(before) - 1, 0) if self._text.startswith(before._text) else 0

    @overload
    def __getitem__(self, index: int) -> SafeText: ...
    @overload
    def __getitem__(self, index: slice) -> list[SafeText]: ...
    def __getitem__(self, index: int | slice) -> SafeText | list[SafeText]:
        """Return a line, or a list of lines."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        start = self._starts[index]
        last = index == -1 or index + 1 == len(self._starts)
        return SafeText(self._text[start:] if last else self._text[start : self._starts[index + 1] - 1])


class Body(NamedTuple):
    """A body to be shown; see `decode.Rendered`."""

    kind: str
    lines: Lines
    """No line is longer than `PIECE` characters: a longer one goes on in the next."""
    notes: tuple[str, ...]
    truncated: bool


def _render(data: bytes, content_type: bytes, content_encoding: bytes, mode: Mode, complete: bool) -> Body:
    made = decode.render(
        data, content_type=content_type, content_encoding=content_encoding, mode=mode, complete=complete
    )
    lines: list[SafeText] = []
    for text in made.lines:
        if len(text) <= PIECE:
            lines.append(text)
        else:
            lines += [SafeText(text[start : start + PIECE]) for start in range(0, len(text), PIECE)]
    return Body(made.kind, Lines(lines), tuple(made.notes), made.truncated)


class Worker:
    """One process, started on first need or by `warm`; requests are served one after the other."""

    def __init__(self, *, here_limit: int = HERE_LIMIT, deadline: float = DEADLINE) -> None:
        self._here_limit = here_limit
        self._deadline = deadline
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    async def warm(self) -> None:
        """Start the process now, so that no request waits for it; where that fails, the request says so."""
        with contextlib.suppress(WorkerError, OSError):
            await self._call(_nothing)

    async def render(
        self, data: bytes, *, content_type: bytes, content_encoding: bytes, mode: Mode, complete: bool
    ) -> Body:
        """Render a body as `decode.render` does.

        A compressed body is small before it is large, so any that claims a content coding goes to
        the process once it is over a quarter of the limit.

        Raises:
            WorkerError: the process took longer than the deadline, or died.
        """
        limit = self._here_limit // 4 if content_encoding else self._here_limit
        if len(data) <= limit:
            return _render(data, content_type, content_encoding, mode, complete)
        return await self._call(partial(_render, data, content_type, content_encoding, mode, complete))

    async def run(self, call: Callable[[], _T]) -> _T:
        """Call something in the process; it and what it returns must be small, and can be pickled.

        Raises:
            WorkerError: the process took longer than the deadline, or died.
        """
        return await self._call(call)

    async def _call(self, call: Callable[[], _T]) -> _T:
        try:
            # In a thread, because to start the process takes long.
            future = await asyncio.to_thread(self._submit, call)
            return await asyncio.wait_for(asyncio.wrap_future(future), self._deadline)
        except TimeoutError:
            self.close()
            raise WorkerError(
                f"the body was not decoded within {self._deadline:.0f} s; look at it raw or in hex"
            ) from None
        except BrokenProcessPool:
            self.close()
            raise WorkerError(
                "the process that decodes large bodies died; look at this one raw or in hex"
            ) from None

    def _submit(self, call: Callable[[], _T]) -> Future[_T]:
        # A screen may have put something without a file descriptor in the place of stderr, and a
        # child process can inherit no such thing.
        with self._lock, contextlib.redirect_stderr(sys.__stderr__):
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start)
            return self._pool.submit(call)

    def close(self) -> None:
        """End the process; a later request starts another one."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # The executor can only wait for what runs, and that may be what never ends.
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
