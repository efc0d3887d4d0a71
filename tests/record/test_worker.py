"""The process for heavy work: started ahead, off the loop, once; ended where it must be."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator
from functools import partial
from time import perf_counter

import pytest

from soth_mitm.decode import render
from soth_mitm.record import lane
from soth_mitm.record.worker import Worker, WorkerError

ENDLESS = partial(re.search, "(a+)+b", "a" * 5000)


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    found = Worker(deadline=2)
    yield found
    found.close()


async def test_a_call_is_made_in_the_other_process(worker: Worker) -> None:
    await worker.warm()
    pid = await worker.run(os.getpid)
    assert pid not in (0, os.getpid())
    assert pid == await worker.run(os.getpid)
    assert (await worker.run(partial(render, b'{"a": 1}'))).kind == "json"


async def test_two_calls_at_once_start_one_process(worker: Worker) -> None:
    assert len(set(await asyncio.gather(*(worker.run(os.getpid) for _ in range(4))))) == 1


async def test_what_fails_is_told_in_words(worker: Worker) -> None:
    with pytest.raises(WorkerError, match=r"ValueError: invalid literal for int\(\)"):
        await worker.run(partial(int, "x"))


async def test_a_call_that_is_cancelled_does_not_hold_up_the_next(worker: Worker) -> None:
    await worker.warm()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await worker.run(ENDLESS)
    assert await worker.run(partial(max, 1, 2)) == 2


async def test_a_call_without_an_end_is_given_up_at_the_deadline() -> None:
    worker = Worker(deadline=0.2)
    try:
        await worker.warm()
        started = perf_counter()
        with pytest.raises(WorkerError, match="no answer within 0 s: given up; try it with less"):
            await worker.run(ENDLESS)
        assert perf_counter() - started < 2
    finally:
        worker.close()


async def test_a_process_that_dies_is_told_and_replaced(worker: Worker) -> None:
    with pytest.raises(WorkerError, match="the process for this ended before it was done; try again"):
        await worker.run(partial(os._exit, 3))
    assert await worker.run(partial(max, 1, 2)) == 2


async def test_the_process_is_not_started_on_the_loop(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    original = lane._Process.__init__

    def watched(self: lane._Process, *args: object) -> None:
        threads.append(threading.get_ident())
        original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(lane._Process, "__init__", watched)
    await worker.warm()
    assert threads
    assert threading.get_ident() not in threads
