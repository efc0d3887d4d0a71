"""`soth-mitm convert IN OUT [EXPR]`: one file of flows into another format."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli.foreign import named_file
from soth_mitm.cli.output import say
from soth_mitm.errors import ConfigError
from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.record.converting import Conversion, Outcome
from soth_mitm.record.kinds import FORMATS, MASKED, format_of_name, packing_of_name
from soth_mitm.record.target import StreamTarget
from soth_mitm.record.wholefile import whole_file_here

if TYPE_CHECKING:
    import argparse

    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.importing import Progress
    from soth_mitm.record.kinds import Format


def command(arguments: argparse.Namespace) -> int:
    """Convert a file; return 0 where it was written, whatever was damaged in it."""
    wanted = _filter(arguments.expression)
    kind = kind_of_output(arguments.output, arguments.to)
    masks = kind in MASKED and arguments.redact is not False
    with named_file(arguments.input) as source, progress_bars() as steps:
        conversion = Conversion(wanted=wanted, masks=masks, steps=steps)
        if arguments.output == "-":
            target = StreamTarget(sys.stdout.buffer)
            outcome = conversion.run(source, target, kind, given=arguments.source_format)
        else:
            output = Path(arguments.output)
            if output.resolve() == source.resolve():
                raise ConfigError(f"{output} is the input; give the output another name")
            with whole_file_here(output, overwrite=arguments.overwrite) as file:
                outcome = conversion.run(
                    source, file, kind, given=arguments.source_format, packing=packing_of_name(output)
                )
    for remark in outcome.remarks:
        say(f"{arguments.input}: {remark}")
    if not arguments.quiet:
        say(_summary(outcome, arguments.output, kind, masks=masks))
    return 0


def _summary(outcome: Outcome, output: str, kind: Format, *, masks: bool) -> str:
    flows = "1 flow" if outcome.flows == 1 else f"{outcome.flows:,} flows"
    parts = [f"{flows} written to {output}"]
    if outcome.left_out:
        parts.append(f"{outcome.left_out:,} left out, for which a {kind} file has no place")
    if masks:
        parts.append("secrets are masked by their names (--no-redact: as they are)")
    elif kind in MASKED:
        parts.append("secrets are in it as they are")
    return "; ".join(parts)


def kind_of_output(name: str, given: Format | None) -> Format:
    """Return the format of an output by its name, where it is not given.

    Raises:
        ConfigError: the name does not tell.
    """
    if given is not None:
        return given
    found = format_of_name(Path(name)) if name != "-" else None
    if found is None:
        raise ConfigError(
            f"cannot tell the format of {name}: end it in .soth, .har, .zhar, .mitm or .jsonl, "
            f"or give --to {'|'.join(FORMATS)}"
        )
    return found


def _filter(text: str | None) -> Filter | None:
    if not text:
        return None
    try:
        return compile_filter(text)
    except FilterError as error:
        raise ConfigError(f"{text!r}: {error}") from error


@contextlib.contextmanager
def progress_bars() -> Iterator[Callable[[str], Progress | None]]:
    """Give what begins a bar on standard error for each step; none where that is no terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description:9}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )

    def step(words: str) -> Callable[[int, int], None]:
        task = bars.add_task(words, total=None)

        def tell(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        return tell

    with bars:
        yield step
