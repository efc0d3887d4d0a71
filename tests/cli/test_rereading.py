"""Reading the settings again: beside the loop, one after the other, and what is wrong is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from soth_mitm.cli.rereading import Rereading
from soth_mitm.config import Config
from soth_mitm.errors import ConfigError


class Reader:
    """Reads settings that stand on a server which answers when it is let."""

    def __init__(self) -> None:
        self.answers = threading.Semaphore(0)
        self.reads = 0
        self.fault = ""
        self.used: list[Config] = []
        self.told: list[str] = []
        self.rereading = Rereading(self.read, self.used.append, self.told.append)

    def read(self) -> Config:
        self.reads += 1
        assert self.answers.acquire(timeout=10)
        if self.fault:
            raise ConfigError(self.fault)
        return Config(listen_port=self.reads)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_the_loop_goes_on_and_calls_meanwhile_make_one_more() -> None:
    reader = Reader()
    for _ in range(3):
        reader.rereading.begin()
    await until(lambda: reader.reads == 1)
    assert reader.used == []
    reader.answers.release()
    await until(lambda: reader.reads == 2)
    reader.answers.release()
    await until(lambda: len(reader.used) == 2)
    assert [config.listen_port for config in reader.used] == [1, 2]


async def test_what_is_wrong_is_told_and_the_next_call_reads_again() -> None:
    reader = Reader()
    reader.fault = "no such key"
    reader.answers.release()
    reader.rereading.begin()
    await until(lambda: reader.told)
    assert (reader.told, reader.used) == (["no such key"], [])
    reader.fault = ""
    reader.answers.release()
    reader.rereading.begin()
    await until(lambda: reader.used)


async def test_what_comes_after_the_end_is_not_used() -> None:
    reader = Reader()
    reader.rereading.begin()
    reader.rereading.close()
    reader.answers.release()
    await until(lambda: not reader.rereading._reads)
    assert reader.used == []
