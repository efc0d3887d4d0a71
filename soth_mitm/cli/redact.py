"""`soth-mitm redact IN OUT`: a dump with its secrets masked, and an account of what was masked."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from soth_mitm.cli.convert import kind_of_output, progress_bars
from soth_mitm.cli.foreign import as_soth, named_file
from soth_mitm.cli.output import say
from soth_mitm.errors import ConfigError
from soth_mitm.export.masking import Masks, rules_of
from soth_mitm.export.redacting import Redactor
from soth_mitm.model.events import Event, Notice, SessionEnded
from soth_mitm.record.converting import Conversion
from soth_mitm.record.eventfile import EventFile
from soth_mitm.record.kinds import packing_of_name
from soth_mitm.record.picking import Numbered
from soth_mitm.record.target import FileTarget
from soth_mitm.record.wholefile import whole_file_here

if TYPE_CHECKING:
    import argparse

    from soth_mitm.record.importing import Progress
    from soth_mitm.record.target import Target


def command(arguments: argparse.Namespace) -> int:
    """Mask a dump; return 0 where it was written."""
    rules = rules_of(
        fields=arguments.field or (),
        cookies=arguments.cookie or (),
        queries=arguments.query or (),
        paths=arguments.json_path or (),
        patterns=arguments.match or (),
        kept=arguments.keep or (),
        defaults=arguments.default_rules,
    )
    masks = Masks(rules)
    redactor = Redactor(masks)
    output = Path(arguments.output)
    kind = kind_of_output(arguments.output, None)
    with named_file(arguments.input) as path, as_soth(path, arguments.input) as source:
        if output.resolve() == path.resolve():
            raise ConfigError(f"{output} is the input; give the output another name")
        with progress_bars() as steps, whole_file_here(output, overwrite=arguments.overwrite) as target:
            if kind == "soth":
                remarks = redact_file(source, target, redactor, masks, steps("masking"))
            else:
                with tempfile.TemporaryDirectory(prefix="soth-mitm-") as directory:
                    masked = Path(directory, "masked.soth")
                    between = FileTarget(masked)
                    remarks = redact_file(source, between, redactor, masks, steps("masking"))
                    between.close()
                    conversion = Conversion(masks=False, steps=steps)
                    conversion.run(masked, target, kind, given="soth", packing=packing_of_name(output))
    for remark in remarks:
        say(f"{arguments.input}: {remark}")
    if not arguments.quiet:
        say(f"{output}: {account(redactor, masks)}")
    return 0


def account(redactor: Redactor, masks: Masks) -> str:
    """Return what was masked, in words."""
    found = masks.account()
    parts = [f"masked {found}" if found else "nothing was found that had to be masked"]
    if redactor.left_out:
        what = "1 body or message" if redactor.left_out == 1 else f"{redactor.left_out:,} bodies or messages"
        parts.append(f"{what} left out, too large or damaged to be looked through")
    return "; ".join(parts)


def redact_file(
    source: Path, target: Target, redactor: Redactor, masks: Masks, progress: Progress | None = None
) -> list[str]:
    """Write a `.soth` with its secrets masked, which says so at its end; return remarks about the input.

    Raises:
        DumpError: the input cannot be read.
        OSError: the output cannot be written.
    """
    events = Numbered(source, progress)
    writer = EventFile(target, run_id=uuid.uuid4().hex)
    last: Event | None = None
    ends: list[Event] = []
    for event in events:
        last = event
        if isinstance(event.body, SessionEnded):
            ends = [event]
            continue
        for ready in redactor(event):
            writer.write(ready)
    for ready in redactor.finish():
        writer.write(ready)
    if last is not None:
        notice = Notice("info", f"redacted: {account(redactor, masks)}")
        writer.write(Event(0, 0, 0, 0, last.mono_ns, last.wall_ns, notice))
    for event in ends:
        writer.write(event)
    writer.close()
    return [] if events.report.complete else [events.report.text()]
