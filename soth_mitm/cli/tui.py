"""`soth-mitm tui`: the app, over a running proxy or over a dump."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import options, settings
from soth_mitm.cli.foreign import Growing, growing_soth
from soth_mitm.cli.output import say
from soth_mitm.cli.running import Around, Prepared, nothing_around
from soth_mitm.core import run
from soth_mitm.errors import ConfigError, ReplayError
from soth_mitm.model.events import Notice
from soth_mitm.net.tasks import start
from soth_mitm.record.spill import find_crashed, open_spill
from soth_mitm.record.store import Store
from soth_mitm.text import human_size, printable

if TYPE_CHECKING:
    import argparse

    from soth_mitm.config import Config
    from soth_mitm.model.limits import Usage
    from soth_mitm.net.dial import Override
    from soth_mitm.net.replay.replay import Replay
    from soth_mitm.policy.editing import RequestDraft
    from soth_mitm.policy.learning import Learned
    from soth_mitm.record.bus import Bus
    from soth_mitm.record.filestore import DumpStore
    from soth_mitm.record.resending import Resend

BEGINNING = 0.3
"""Seconds of reading a dump before the screen opens."""


def command(arguments: argparse.Namespace) -> int:
    """Open the app; return the exit code."""
    config = settings.of(arguments)
    if not options.is_terminal():
        raise ConfigError(
            "the app needs a terminal on standard input and standard error; use --dump without one"
        )
    if arguments.read is not None:
        if arguments.read == "-":
            raise ConfigError("-r - reads standard input, which the app needs for its keys; use --dump -r -")
        return run(_file(Path(arguments.read), config, remember=not arguments.forget))
    return run(serve(arguments, config))


async def serve(
    arguments: argparse.Namespace,
    config: Config,
    *,
    resolver: Override | None = None,
    around: Around = nothing_around,
) -> int:
    """Run a proxy under the app, inside what `around` makes of it; the port is bound before the screen."""
    from soth_mitm.cli.checkup.checkup import checkup
    from soth_mitm.cli.checkup.probing import probing
    from soth_mitm_tui.running import run_app

    prepared = Prepared(arguments, config, log=False)
    spill = open_spill(prepared.run_id, limits=config.limits) if config.spill else None
    store = Store.live(
        prepared.bus,
        run_id=prepared.run_id,
        limits=config.limits,
        spill=spill,
        strict=config.strict_capture,
    )
    failure: Exception | None = None
    try:
        async with prepared.run(resolver) as running, around(running):
            _offer_crashed(prepared.bus)
            remember, proxy = not getattr(arguments, "forget", False), running.proxy
            opened = run_app(
                store,
                proxy.control,
                config=proxy.config,
                doctor=checkup,
                probe=probing,
                remember=remember,
                settings=settings.file_of(arguments),
            )
            app = start(opened, "app")
            stop = start(running.stop.wait(), "stop")
            await asyncio.wait([app, stop], return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if app.done():
                outcome = app.result()
                failure = outcome.failure
                if failure is None and not outcome.drained:
                    await running.proxy.drain(0)  # the person would not wait
            else:
                app.cancel()
                await asyncio.wait([app])
    finally:
        await store.close(delete=failure is None)
    if failure is None:
        return running.code
    where = f"the recording is in {spill.path}" if spill is not None else "it was kept in memory only"
    if arguments.write not in (None, "-"):
        where = f"the recording is in {arguments.write}"
    say(f"the app failed ({type(failure).__name__}: {failure}); the proxy was drained, {where}")
    return 1


def _offer_crashed(bus: Bus) -> None:
    """Tell once about the recordings of runs that did not end by themselves."""
    for crashed in find_crashed():
        size = human_size(crashed.bytes)
        how = f"soth-mitm tui {crashed.path} opens it, until the next start"
        text = f"a run that crashed left its recording ({size}): {how}"
        bus.publish(Notice("warning", text))


async def _file(path: Path, config: Config, *, remember: bool) -> int:
    async with growing_soth(path) as dump:
        return await _look(dump, path, config, remember=remember)


async def _look(dump: Growing, path: Path, config: Config, *, remember: bool) -> int:
    """Open the app over `dump`, which is, or is made of, what the person has named."""
    from soth_mitm_tui.reading import Reading
    from soth_mitm_tui.running import run_app

    store = Store.open_dump(dump.path)
    reading = Reading(store, told=dump.remarks)
    loading = start(reading.run(), "load")
    try:
        # What is no recording shows at its beginning, and is said in plain text then.
        await asyncio.wait([loading], timeout=BEGINNING)
        if reading.failure is not None:
            raise reading.failure
        outcome = await run_app(
            store,
            NoProxy(store),
            config=config,
            title=f"soth-mitm {printable(path.name)}",
            reading=reading,
            remember=remember,
        )
    finally:
        loading.cancel()
        await asyncio.wait([loading])
        await store.close()
    if outcome.failure is not None:
        say(f"the app failed ({type(outcome.failure).__name__}: {outcome.failure}); {path} was only read")
        return 1
    return 0


class NoProxy:
    """The control of a dump that is only looked at. What is said about flows is kept with the store."""

    debugger = None

    def __init__(self, store: DumpStore) -> None:
        self._store = store

    async def replay(self, what: Resend | RequestDraft, **how: object) -> Replay:
        """Nothing runs that could send anything."""
        raise ReplayError("this is a file: no proxy runs that could send it; soth-mitm replay FILE does")

    async def drain(self, deadline: float, *, paused: str = "resume") -> int:
        """Nothing runs: nothing is cut."""
        return 0

    async def kill(self, flow: int) -> bool:
        """Nothing is open."""
        return False

    async def forget_passthrough(self, host: str) -> bool:
        """Nothing passes through."""
        return False

    async def passed_through(self) -> tuple[tuple[Learned, float], ...]:
        """Nothing passes through."""
        return ()

    async def usage(self) -> Usage:
        """Nothing is used."""
        from soth_mitm.model.limits import Usage

        return Usage({}, {})

    async def capture(self, on: bool) -> None:
        """Nothing is captured."""

    async def annotate(
        self, flow: int, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
    ) -> None:
        """See `DumpStore.annotate`."""
        self._store.annotate(flow, mark=mark, comment=comment, colour=colour)
