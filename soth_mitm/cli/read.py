"""`soth-mitm --dump -r FILE`: print the flows of a dump."""

from __future__ import annotations

import sys
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import settings
from soth_mitm.cli.dump import Printer, printer
from soth_mitm.cli.foreign import as_soth, named_file
from soth_mitm.cli.output import say
from soth_mitm.cli.tallying import Tally
from soth_mitm.errors import DumpError
from soth_mitm.record.kinds import format_of_start
from soth_mitm.record.reader import DumpReader

if TYPE_CHECKING:
    import argparse


def command(arguments: argparse.Namespace) -> int:
    """Print a dump; damage is survived, and told on standard error."""
    config = settings.of(arguments)
    tally = Tally(settings.fail_on(arguments))
    lines = printer(arguments, config, _write, tally)
    name = arguments.read
    if name == "-" and _is_soth():
        _print(DumpReader(sys.stdin.buffer, name="standard input"), arguments, lines, tally)
        return tally.code(0)
    if Path(name).is_dir():
        raise DumpError(f"{name} is a directory; name a .soth file, a HAR or a mitmproxy dump")
    with named_file(name) as path, as_soth(path, name) as dump:
        _print(DumpReader(dump), arguments, lines, tally)
    return tally.code(0)


def _is_soth() -> bool:
    """Return whether standard input can be read as it comes: a HAR or a mitmproxy dump has to be whole."""
    source = sys.stdin.buffer
    return not isinstance(source, BufferedReader) or format_of_start(source.peek(64)[:64]) in ("soth", None)


def _print(reader: DumpReader, arguments: argparse.Namespace, lines: Printer, tally: Tally) -> None:
    with reader:
        for event in reader:
            if not arguments.quiet:
                lines(event)
            elif tally.failing is not None:
                tally(event)
            if arguments.count and lines.flows >= arguments.count:
                break
        else:
            tally.finish()
            if not arguments.quiet:
                lines.finish()
            if not reader.report.complete:
                say(f"{arguments.read}: {reader.report.text()}")
    sys.stdout.flush()


def _write(text: str) -> None:
    sys.stdout.write(text)
