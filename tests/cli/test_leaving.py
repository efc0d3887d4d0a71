"""How the app's end ends the proxy under it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

import soth_mitm_tui.running
from soth_mitm.cli import options, settings, tui
from soth_mitm.config import Config
from soth_mitm.record.store import Store
from soth_mitm_tui.running import Outcome


async def test_who_leaves_at_once_does_not_wait_for_open_flows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]

    async def leave_at_once(
        store: Store, control: object, *, config: Config, remember: bool, **others: object
    ) -> Outcome:
        assert not remember
        facts = store.index.session
        while not facts.listeners:
            store.catch_up()
            await asyncio.sleep(0)
        _, writer = await asyncio.open_connection("127.0.0.1", facts.listeners[0][1])
        writers.append(writer)
        writer.write(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\n\r\n" % port)
        while not len(store.index) or len(writers) < 2:
            store.catch_up()
            await asyncio.sleep(0)
        return Outcome(None, drained=False)

    monkeypatch.setattr(soth_mitm_tui.running, "run_app", leave_at_once)
    arguments = options.parse(["tui", "-p", "0", "--confdir", str(tmp_path), "--no-spill", "--no-state"])
    config = settings.of(arguments)
    try:
        async with asyncio.timeout(config.limits.drain_timeout / 2):
            assert await tui.serve(arguments, config) == 0
    finally:
        silent.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
