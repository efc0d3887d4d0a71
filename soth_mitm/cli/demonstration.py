"""`soth-mitm demo`: the app, or `--dump`, over an embedded origin and live sample traffic."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import options
from soth_mitm.cli.demo.stage import Stage
from soth_mitm.core import run
from soth_mitm.errors import ConfigError
from soth_mitm.model.events import ListenerClosed
from soth_mitm.net.tasks import start

if TYPE_CHECKING:
    import argparse
    import asyncio
    from collections.abc import AsyncIterator

    from soth_mitm.cli.running import Running
    from soth_mitm.model.events import Event


def command(arguments: argparse.Namespace) -> int:
    """Play the demonstration; nothing of it is left on the disk."""
    if not arguments.dump and not options.is_terminal():
        raise ConfigError("the app needs a terminal on standard input and standard error; add --dump")
    if not 0 < arguments.rate <= 1000:
        raise ConfigError(f"--rate {arguments.rate:g} is not above 0 and at most 1000 flows a second")
    with tempfile.TemporaryDirectory(prefix="soth-mitm-demo-", ignore_cleanup_errors=True) as directory:
        return run(_main(arguments, Path(directory)))


async def _main(arguments: argparse.Namespace, directory: Path) -> int:
    chosen = {name: getattr(arguments, name) for name in ("listen_port", "listen_host", "redact")}
    given = {name: value for name, value in chosen.items() if value is not None}
    if arguments.confdir is not None:
        directory = Path(arguments.confdir)
    async with Stage(directory) as stage:

        @contextlib.asynccontextmanager
        async def traffic(running: Running) -> AsyncIterator[None]:
            proxy = running.proxy
            await stage.start_traffic(proxy.addresses[0], proxy.ca.certificate_path, rate=arguments.rate)
            stopping: list[asyncio.Task[None]] = []

            def watch(event: Event) -> None:
                """Take the clients away once the proxy drains, so that it need not wait for them."""
                if isinstance(event.body, ListenerClosed):
                    stopping.append(start(stage.stop_traffic(), "stop the sample traffic"))

            detach = proxy.bus.attach(watch)
            try:
                yield
            finally:
                detach()
                for task in stopping:
                    await task
                await stage.stop_traffic()

        name = "dump" if arguments.dump else "tui"
        serve = importlib.import_module(f"soth_mitm.cli.{name}").serve
        code: int = await serve(arguments, stage.config(**given), resolver=stage.resolver, around=traffic)
        return code
