"""The writer's queue: blocks that wait to be written, and the one thread that writes them.

Everything but `_write_batch` runs on the loop. A write that fails stays at the head of the queue,
so that it can be tried again and nothing is written twice or out of order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.record.format import finish_block

if TYPE_CHECKING:
    from soth_mitm.record.layout import BlockInfo
    from soth_mitm.record.target import Target


class Job(NamedTuple):
    """One step for the writer thread."""

    segment: int
    data: bytes | bytearray = b""
    block: BlockInfo | None = None
    """Set for a block of frames whose header is still to be filled in."""
    begins: bool = False
    """`data` opens the segment."""
    drops: bool = False
    """The segment is to be removed."""


class WriteQueue:
    """Writes jobs in order, in a thread of its own, as many at a time as have come together."""

    def __init__(self, target: Target, on_done: Callable[[OSError | None], None]) -> None:
        self.target = target
        self.bytes = 0
        """Bytes that wait or are being written."""
        self.waiting: dict[int, bytearray | bytes] = {}
        """Blocks by number that cannot be read from the target yet."""
        self._jobs: deque[Job] = deque()
        self._on_done = on_done
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "soth-recorder")
        self._batch: asyncio.Future[tuple[int, OSError | None]] | None = None

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: Job) -> None:
        """Add a job; `start` gets it under way."""
        self._jobs.append(job)
        self.bytes += len(job.data)
        if job.block is not None:
            self.waiting[job.block.number] = job.data

    def start(self) -> asyncio.Future[tuple[int, OSError | None]] | None:
        """Have the thread write what waits, unless it is writing; return what it is busy with."""
        if self._batch is None and self._jobs:
            batch = self._loop.run_in_executor(self._thread, _write_batch, self.target, list(self._jobs))
            self._batch = batch
            batch.add_done_callback(self._finished)
        return self._batch

    def clear(self) -> None:
        """Give up what waits."""
        self._jobs.clear()
        self.waiting.clear()
        self.bytes = 0

    async def call(self, step: Callable[[], None]) -> None:
        """Run a blocking step in the writer thread, after what it is busy with."""
        await self._loop.run_in_executor(self._thread, step)

    def stop(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)

    def _finished(self, batch: asyncio.Future[tuple[int, OSError | None]]) -> None:
        self._batch = None
        done, error = batch.result()
        for _ in range(min(done, len(self._jobs))):
            job = self._jobs.popleft()
            self.bytes -= len(job.data)
            if job.block is not None:
                self.waiting.pop(job.block.number, None)
        self._on_done(error)


def _write_batch(target: Target, jobs: list[Job]) -> tuple[int, OSError | None]:
    """Do jobs in order; return how many were done, and the error that stopped them."""
    for done, job in enumerate(jobs):
        try:
            write_job(target, job)
        except OSError as error:
            return done, error
    return len(jobs), None


def write_job(target: Target, job: Job) -> None:
    """Do one job, all of it or nothing; raises OSError where it cannot be done."""
    if job.drops:
        target.drop(job.segment)
        return
    if job.begins:
        target.begin(job.segment)
    data, block = job.data, job.block
    if block is not None and isinstance(data, bytearray):
        finish_block(
            data,
            flags=block.flags,
            frames=block.frames,
            first_seq=block.first_seq,
            last_seq=block.last_seq,
        )
    target.write(data)
