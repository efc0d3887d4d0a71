"""A process for what takes long or may never end, and needs nothing but what it is given.

Threads do not help: a large `json.loads` in one holds the interpreter for as long as it takes. What
reads the record is done by processes of its own (`document`, `deep`); this one makes texts that are
copied, and matches expressions that may never come to an end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from soth_mitm.record.lane import DEADLINE, Lane, WorkerError

__all__ = ["HERE_LIMIT", "Worker", "WorkerError"]

_T = TypeVar("_T")

HERE_LIMIT: Final = 8 * 1024
"""Bytes up to which a task is done on the caller's own thread: a keypress takes as long."""


class _Calls:
    """A `Service` that calls what it is given."""

    def call(self, method: str, args: tuple[Any, ...]) -> object:
        """See `Service`."""
        answer: object = args[0]()
        return answer

    def work(self) -> bool:
        """See `Service`."""
        return False


class Worker:
    """One process, started on first need or by `warm`; calls are made one after the other."""

    def __init__(self, *, deadline: float = DEADLINE) -> None:
        self._lane = Lane(_Calls, name="soth-worker", deadline=deadline, advice="try it with less")

    async def warm(self) -> None:
        """Start the process now, so that no call waits for it; where that fails, the call says so."""
        await self._lane.warm()

    async def run(self, call: Callable[[], _T]) -> _T:
        """Call something in the process; it and what it returns must be small, and can be pickled.

        A call that is cancelled is ended within 100 ms, with its process where it must be.

        Raises:
            WorkerError: it failed, took longer than the deadline, or the process died.
        """
        answer: _T = await self._lane.call("run", call)
        return answer

    def close(self) -> None:
        """End the process; a later call starts another one."""
        self._lane.close()
