"""`soth-mitm --dump`: the proxy without a screen, one line a flow on standard output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from soth_mitm.cli import settings
from soth_mitm.cli.output import Output, say
from soth_mitm.cli.running import Around, Prepared, announce, nothing_around
from soth_mitm.cli.tallying import Tally
from soth_mitm.core import run
from soth_mitm.errors import ConfigError
from soth_mitm.export.jsonl import JsonPrinter
from soth_mitm.export.lines import TextPrinter
from soth_mitm.export.template import Template, TemplateError, TemplatePrinter
from soth_mitm.record.schemas import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from soth_mitm.config import Config
    from soth_mitm.export.rows import Fold
    from soth_mitm.model.events import Event
    from soth_mitm.net.dial import Override

Printer = TextPrinter | JsonPrinter | TemplatePrinter


def command(arguments: argparse.Namespace) -> int:
    """Run until a signal, `--count` or `--exit-after`; return the exit code."""
    return run(_main(arguments, settings.of(arguments)))


def printer(
    arguments: argparse.Namespace, config: Config, write: Callable[[str], None], fold: Fold
) -> Printer:
    """Return the sink that prints flows as the options ask; `fold` is for its use alone."""
    matcher = settings.matcher(arguments)
    detail = min(arguments.verbose, 2)
    if arguments.line is not None:
        return TemplatePrinter(
            write,
            template=_template(arguments),
            fold=fold,
            redact=config.redact,
            matcher=matcher,
        )
    if arguments.format == "jsonl":
        return JsonPrinter(write, fold=fold, detail=detail, redact=config.redact, matcher=matcher)
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return TextPrinter(
        write,
        fold=fold,
        detail=detail,
        color=color,
        redact=config.redact,
        matcher=matcher,
        schema=load(config.proto),
    )


def _template(arguments: argparse.Namespace) -> Template:
    for given, option in ((arguments.format, "--format"), (arguments.verbose, "-v")):
        if given:
            raise ConfigError(f"{option} and --line exclude each other: a line is all that --line prints")
    try:
        return Template(arguments.line)
    except TemplateError as error:
        raise ConfigError(f"--line: {error}") from error


async def _main(arguments: argparse.Namespace, config: Config) -> int:
    return await serve(arguments, config)


async def serve(
    arguments: argparse.Namespace,
    config: Config,
    *,
    resolver: Override | None = None,
    around: Around = nothing_around,
) -> int:
    """Run a proxy that prints its flows, inside what `around` makes of it."""
    if arguments.write == "-" and not arguments.quiet:
        raise ConfigError("-w - needs -q: lines and the recording cannot share standard output")
    prepared = Prepared(arguments, config)
    stop = asyncio.Event()
    output = Output(sys.stdout.fileno(), stop.set)
    tally = Tally(settings.fail_on(arguments))
    lines = printer(arguments, config, output.write, tally)
    if arguments.quiet and not arguments.count:
        if tally.failing is not None:
            prepared.bus.attach(tally)
    else:
        prepared.bus.attach(_counting(lines, output, arguments, stop))
    async with prepared.run(resolver, last=output.close) as running:
        running.stop = stop
        announce(running)
        async with around(running):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), arguments.exit_after)
    if output.dropped:
        lost = "1 batch of lines is" if output.dropped == 1 else f"{output.dropped} lines or batches are"
        say(f"standard output was not read fast enough: {lost} lost")
    if not (arguments.quiet or output.left):
        for text in tally.lines():
            say(text)
    return tally.code(running.code)


def _counting(
    lines: Printer, output: Output, arguments: argparse.Namespace, stop: asyncio.Event
) -> Callable[[Event], None]:
    most = arguments.count
    if not most:
        return lines

    def counted(event: Event) -> None:
        if lines.flows < most:
            lines(event)
            if lines.flows >= most:
                stop.set()

    return counted
