"""Keys come from a real terminal: a lone escape at once, and sequences whole, however they are cut."""

from __future__ import annotations

import asyncio
import os
import pty
import threading
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual import events
from textual.app import App

from soth_mitm_tui.driver import KeyDriver


class Keys(KeyDriver):
    """The driver on a terminal of the test's own; what it hands on is kept."""

    def __init__(self, app: App[None], fileno: int) -> None:
        super().__init__(app)
        self.fileno = fileno
        self.keys: list[str] = []
        self.came = threading.Event()

    def process_message(self, message: object) -> None:
        """Keep a key."""
        if isinstance(message, events.Key):
            self.keys.append(message.key)
            self.came.set()


@asynccontextmanager
async def typing() -> AsyncIterator[tuple[Keys, Callable[[bytes], object]]]:
    """Run the driver's thread; what is written is typed."""
    person, terminal = pty.openpty()
    tty.setraw(terminal)
    driver = Keys(App(), terminal)
    thread = threading.Thread(target=driver.run_input_thread)
    thread.start()
    try:
        yield driver, lambda data: os.write(person, data)
    finally:
        driver.exit_event.set()
        await asyncio.to_thread(thread.join)
        os.close(person)
        os.close(terminal)


async def test_a_lone_escape_is_handed_on_before_the_driver_looks_for_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("soth_mitm_tui.driver.IDLE_SECONDS", 5.0)
    async with typing() as (driver, write):
        write(b"j")
        await asyncio.to_thread(driver.came.wait, 10)
        driver.came.clear()
        write(b"\x1b")
        assert await asyncio.to_thread(driver.came.wait, 3), "escape waited for the idle look"
        monkeypatch.setattr("soth_mitm_tui.driver.IDLE_SECONDS", 0.01)
        write(b"k")
        driver.came.clear()
    assert driver.keys[:2] == ["j", "escape"]


async def test_a_sequence_that_comes_in_pieces_is_one_key() -> None:
    async with typing() as (driver, write):
        write("é".encode())
        write(b"\x1b[")
        write(b"A")
        write(b"\x1b[5~")
        while len(driver.keys) < 3:
            await asyncio.to_thread(driver.came.wait, 10)
            driver.came.clear()
    assert driver.keys == ["é", "up", "pageup"]
