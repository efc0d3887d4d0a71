"""A file instead of a proxy: whole, growing, damaged."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from soth_mitm.clock import SystemClock
from soth_mitm.config import Config
from soth_mitm.errors import DumpError
from soth_mitm.net.tasks import start
from soth_mitm.record.filestore import DumpStore
from soth_mitm.record.store import Store
from soth_mitm_tui.app import SothApp
from soth_mitm_tui.reading import Reading
from tests.tui.script import Script
from tests.tui.stage import Control, Stage

OLD = (1_700_000_000, 1_700_000_000)


async def recorded(path: Path) -> None:
    """Write what the everyday script plays, closed properly."""
    script = Script()
    store = Store.live(script.bus, run_id="run-1", limits=Config().limits)
    script.session()
    script.everyday()
    await store.save(path)
    await store.close()


@asynccontextmanager
async def opened(path: Path, *told: str) -> AsyncIterator[Stage]:
    """Open the app over a file that is read and followed."""
    store = DumpStore(path)
    reading = Reading(store, interval=0.01, told=told)
    script, control = Script(), Control()
    app = SothApp(store, control, config=Config(), clock=script.clock, local_clipboard=False, reading=reading)
    task = start(reading.run(), "reading")
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            staged = Stage(script, store, control, app, pilot)
            await staged.until(lambda: app.main.is_mounted)
            yield staged
    finally:
        task.cancel()
        await asyncio.wait([task])
        await store.close()


async def test_a_closed_file_is_shown_and_no_proxy_is_spoken_of(tmp_path: Path) -> None:
    path = tmp_path / "run.soth"
    await recorded(path)
    os.utime(path, OLD)
    async with opened(path) as staged:
        await staged.until(lambda: "read from the file" in staged.shown())
        await staged.settle()
        text = staged.shown()
        assert "api.shop.test" in text
        assert "listening" not in text
        await staged.press("S")
        assert "This is a file: no proxy runs here to be set up" in [
            notice.message for notice in staged.app._notifications
        ]
        await staged.press("g", "X")
        assert "no flow of it can be ended" in list(staged.app._notifications)[-1].message
        assert staged.control.killed == []
        await staged.pilot.press("q")
        await staged.until(lambda: not staged.app.is_running)
        assert staged.control.drains == []


async def test_a_file_that_is_being_written_is_followed_to_its_end(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.soth", tmp_path / "run.soth"
    await recorded(whole)
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    async with opened(path) as staged:
        await staged.until(lambda: "following the file" in staged.shown())
        before = staged.main.model.total
        with path.open("ab") as file:
            file.write(data[len(data) // 3 :])
        await staged.until(lambda: "read from the file" in staged.shown())
        await staged.settle()
        assert staged.main.model.total > before


async def test_a_file_that_nobody_closed_says_so_and_ends_its_open_flows(tmp_path: Path) -> None:
    path = tmp_path / "run.soth"
    await recorded(path)
    path.write_bytes(path.read_bytes()[:-40])
    os.utime(path, OLD)
    async with opened(path) as staged:
        await staged.until(lambda: "▲ not closed properly" in staged.shown())
        await staged.until(lambda: staged.app._notifications)
        (notice,) = staged.app._notifications
        assert "run.soth: " in notice.message
        assert "cut off at the end" in notice.message


async def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.soth"
    await recorded(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    os.utime(path, OLD)
    async with opened(path) as staged:
        await staged.until(lambda: "▲ damaged, the rest is here" in staged.shown())
        await staged.until(lambda: staged.app._notifications)
        assert "damaged place passed over" in next(iter(staged.app._notifications)).message
        await staged.press("E")
        assert "the file ▲ run.soth: " in staged.shown()
        assert ", at byte " in " ".join(staged.shown().split())


async def test_what_was_left_out_of_a_file_of_another_format_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.soth"
    await recorded(path)
    os.utime(path, OLD)
    async with opened(path, "2 flows of type DNS were passed over") as staged:
        await staged.until(lambda: "▲ read in part" in staged.shown())
        await staged.until(lambda: staged.app._notifications)
        assert next(iter(staged.app._notifications)).message == "2 flows of type DNS were passed over"
        await staged.press("E")
        assert "the file ▲ 2 flows of type DNS were passed over" in staged.shown()


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"x" * 500, "is not a .soth file")])
@pytest.mark.parametrize("fresh", [True, False])
async def test_what_is_no_recording_is_told_at_once(
    tmp_path: Path, content: bytes, words: str, fresh: bool
) -> None:
    path = tmp_path / "run.soth"
    path.write_bytes(content)
    if not fresh:
        os.utime(path, OLD)
    store = DumpStore(path)
    reading = Reading(store, clock=SystemClock())
    with pytest.raises(DumpError, match=words):
        await reading.run()
    assert reading.failure is not None
    assert reading.state == ("✕ cannot be read further", "bad")
    await store.close()


async def test_a_file_that_is_replaced_stops_the_reading_and_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "run.soth"
    await recorded(path)
    os.utime(path, OLD)
    async with opened(path) as staged:
        await staged.until(lambda: "read from the file" in staged.shown())
        path.write_bytes(b"")
        await staged.until(lambda: "✕ cannot be read further" in staged.shown())
        assert "api.shop.test" in staged.shown()
