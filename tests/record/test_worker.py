"""The process for heavy reads: started ahead, off the loop, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from soth_mitm.record.worker import Worker

_T = TypeVar("_T")


async def test_a_warm_worker_serves_the_first_request_with_the_process_it_has() -> None:
    worker = Worker(here_limit=0)
    try:
        await worker.warm()
        pool = worker._pool
        assert pool is not None
        body = await worker.render(
            b'{"a": 1}', content_type=b"application/json", content_encoding=b"", mode="auto", complete=True
        )
        assert (body.kind, list(body.lines)) == ("json", ["{", '  "a": 1', "}"])
        assert worker._pool is pool
    finally:
        worker.close()


async def test_two_requests_at_once_start_one_process() -> None:
    worker = Worker(here_limit=0)
    try:
        await asyncio.gather(*(worker.warm() for _ in range(4)))
        assert worker._pool is not None
        assert len(worker._pool._processes or ()) == 1
    finally:
        worker.close()


class Watched(Worker):
    """Remembers which threads handed requests over."""

    def __init__(self) -> None:
        super().__init__(here_limit=0)
        self.threads: set[int] = set()

    def _submit(self, call: Callable[[], _T]) -> Future[_T]:
        self.threads.add(threading.get_ident())
        return super()._submit(call)


async def test_the_process_is_not_started_on_the_loop() -> None:
    worker = Watched()
    try:
        await worker.warm()
        assert worker.threads
        assert threading.get_ident() not in worker.threads
    finally:
        worker.close()
