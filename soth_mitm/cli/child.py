"""`soth-mitm run -- CMD`: a proxy for one command, which owns the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from soth_mitm.cli import environ, reach, settings
from soth_mitm.cli.output import Log, say
from soth_mitm.cli.running import Prepared, handling
from soth_mitm.cli.tallying import Tally
from soth_mitm.core import run
from soth_mitm.errors import ConfigError
from soth_mitm.policy.modes import endpoints

if TYPE_CHECKING:
    import argparse

    from soth_mitm.config import Config


MOST_TOLD = 20
"""Messages about the proxy that are kept for the end: until then the terminal is the command's."""


def command(arguments: argparse.Namespace) -> int:
    """Run the command; return its exit code, 128 plus the number of the signal that ended it."""
    config = settings.of(arguments, listen_port=0)
    reach.check_usable(endpoints(config), "run")
    if arguments.write == "-":
        raise ConfigError("-w - would mix the recording with the command's own output; name a file")
    return run(_main(arguments, config))


async def _main(arguments: argparse.Namespace, config: Config) -> int:
    prepared = Prepared(arguments, config, log=False)
    tally = Tally(settings.fail_on(arguments))
    told: deque[str] = deque(maxlen=MOST_TOLD)
    prepared.bus.attach(tally)
    prepared.bus.attach(Log(quiet=arguments.quiet, tell=told.append), kinds=Log.kinds)
    async with prepared.run() as running:
        ca = running.proxy.ca
        bundle = environ.write_bundle(config.directory, ca.certificate_pem)
        wanted = environ.variables(running.address, ca=ca.certificate_path, bundle=bundle)
        code = await _child(arguments.child, {**os.environ, **wanted})
    for text in told:
        say(text)
    if not arguments.quiet:
        saved = f", recorded in {arguments.write}" if arguments.write else ""
        first, *others = tally.lines()
        for text in (f"{first}{saved}", *others):
            say(text)
    return tally.code(code)


async def _child(child: list[str], environment: dict[str, str]) -> int:
    try:
        process = await asyncio.create_subprocess_exec(*child, env=environment)
    except FileNotFoundError:
        raise ConfigError(f"cannot run {child[0]!r}: there is no such command") from None
    except OSError as error:
        raise ConfigError(f"cannot run {child[0]!r}: {error.strerror or error}") from error

    def pass_on(number: int) -> None:
        if number != signal.SIGINT or not _has_terminal():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    with handling({name: partial(pass_on, getattr(signal, name)) for name in names}):
        code = await process.wait()
    return 128 - code if code < 0 else code


def _has_terminal() -> bool:
    """Return whether a terminal sends its ctrl+c to us and the command alike, so that it has it already."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
