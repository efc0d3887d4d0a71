"""`soth-mitm replay FILE [EXPR]`: send the requests of a dump again, and print how the answers differ."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import settings
from soth_mitm.cli.main import EXIT_INTERRUPTED
from soth_mitm.cli.output import say
from soth_mitm.cli.replaying.choosing import chosen
from soth_mitm.cli.replaying.printing import JsonResults, Results, TextResults
from soth_mitm.cli.replaying.sending import Sender
from soth_mitm.cli.running import Prepared
from soth_mitm.core import run
from soth_mitm.errors import ConfigError, DumpError, ReplayError
from soth_mitm.net.tasks import start
from soth_mitm.policy.diff import DEFAULTS, Ignore, IgnoreError
from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.policy.retargeting import parse_site
from soth_mitm.record.store import Store

if TYPE_CHECKING:
    import argparse

    from soth_mitm.config import Config
    from soth_mitm.policy.filters import Filter

EXIT_DIFFERENT = 3
EXIT_NO_ANSWER = 4


def command(arguments: argparse.Namespace) -> int:
    """Replay a dump; return 3 where answers differ, 4 where there was none to a request."""
    config = settings.of(arguments)
    wanted, ignore = _filter(arguments.expression), _ignore(arguments)
    if arguments.to:
        try:
            parse_site(arguments.to)
        except ReplayError as error:
            raise ConfigError(f"--to: {error}") from error
    path = Path(arguments.file)
    if arguments.file == "-":
        raise DumpError("a replay reads the dump more than once: give a file, not standard input")
    if arguments.write == "-":
        raise ConfigError("-w - cannot share standard output with the comparison; name a file")
    if arguments.write is not None and Path(arguments.write).resolve() == path.resolve():
        raise ConfigError(f"-w {arguments.write} is the dump that is replayed; give another name")
    return run(_main(arguments, config, wanted=wanted, ignore=ignore))


async def _main(arguments: argparse.Namespace, config: Config, *, wanted: Filter, ignore: Ignore) -> int:
    dump = Store.open_dump(Path(arguments.file))
    try:
        await dump.load()
        if not dump.report.complete:
            say(f"{arguments.file}: {dump.report.text()}")
        flows, others = await chosen(dump, wanted)
        if not flows:
            raise DumpError(f"{arguments.file} has no request to send{_why(arguments, others)}")
        prepared = Prepared(arguments, config)
        recorded = Store.live(prepared.bus, run_id=prepared.run_id, limits=config.limits)
        results: Results = _results(arguments, config, ignore)
        results.begin(len(flows), others)
        try:
            async with prepared.run(listen=False) as running:
                sender = Sender(running.proxy.control, dump=dump, answers=recorded, ignore=ignore)
                sender.configure(arguments)
                stopping = start(running.stop.wait(), "stop")
                try:
                    await sender.send_all(flows, results, stopping)
                finally:
                    stopping.cancel()
                interrupted = running.stop.is_set()
        finally:
            await recorded.close(delete=True)
    finally:
        await dump.close()
    results.finish()
    sys.stdout.flush()
    if interrupted:
        say("interrupted before every request had its answer")
        return EXIT_INTERRUPTED
    return EXIT_NO_ANSWER if results.failed else EXIT_DIFFERENT if results.different else 0


def _results(arguments: argparse.Namespace, config: Config, ignore: Ignore) -> Results:
    kind = JsonResults if arguments.json else TextResults
    return kind(
        sys.stdout.write,
        quiet=arguments.quiet,
        verbose=arguments.verbose,
        redact=config.redact,
        ignore=ignore,
        to=arguments.to or "",
    )


def _why(arguments: argparse.Namespace, others: int) -> str:
    if arguments.expression:
        return f" that matches {arguments.expression!r}"
    return f": {others} tunnels and failed attempts are none" if others else ""


def _filter(text: str | None) -> Filter:
    try:
        return compile_filter(text or "")
    except FilterError as error:
        raise ConfigError(f"{text!r}: {error}") from error


def _ignore(arguments: argparse.Namespace) -> Ignore:
    rules = [*([] if arguments.no_default_ignores else DEFAULTS), *(arguments.ignore or ())]
    rules += [f"like:{pattern}" for pattern in arguments.ignore_like or ()]
    try:
        return Ignore(rules)
    except IgnoreError as error:
        raise ConfigError(str(error)) from error
