"""`soth-mitm --dump -r FILE`: print the flows of a dump."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli import settings
from soth_mitm.cli.dump import printer
from soth_mitm.cli.output import say
from soth_mitm.errors import DumpError
from soth_mitm.record.reader import DumpReader

if TYPE_CHECKING:
    import argparse


def command(arguments: argparse.Namespace) -> int:
    """Print a dump; damage is survived, and told on standard error."""
    config = settings.of(arguments)
    lines = printer(arguments, config, _write)
    name = arguments.read
    if name == "-":
        reader = DumpReader(sys.stdin.buffer, name="standard input")
    else:
        path = Path(name)
        if path.is_dir():
            raise DumpError(f"{path} is a directory; name a .soth file")
        reader = DumpReader(path)
    with reader:
        for event in reader:
            if not arguments.quiet:
                lines(event)
            if arguments.count and lines.flows >= arguments.count:
                break
        else:
            if not arguments.quiet:
                lines.finish()
            if not reader.report.complete:
                say(f"{name}: {reader.report.text()}")
    sys.stdout.flush()
    return 0


def _write(text: str) -> None:
    sys.stdout.write(text)
