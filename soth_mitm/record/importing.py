"""Files of other formats as `.soth`: read flow by flow, written as events, in bounded memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from soth_mitm.export.building import Builder
from soth_mitm.record.eventfile import EventFile
from soth_mitm.record.kinds import unpacked
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.export.building import Imported
    from soth_mitm.record.kinds import Format
    from soth_mitm.record.target import Target

Progress = Callable[[int, int], None]
"""Told how many bytes of the input have been read, and how many there are."""

FLOWS_A_FLUSH = 256
"""Flows after which what was read is written, so that somebody who follows the file sees it."""


class Reader(Protocol):
    """Reads another format."""

    @property
    def remarks(self) -> list[str]: ...
    def __iter__(self) -> Iterator[Imported]: ...


def import_file(
    path: Path, kind: Format, target: Target, *, progress: Progress | None = None
) -> tuple[int, list[str]]:
    """Write the flows of a HAR or of a mitmproxy dump as `.soth`; return how many, and what to know.

    Raises:
        DumpError: it cannot be read, or is not of that format.
        OSError: the target cannot be written.
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        source = unpacked(file, printable(str(path)))
        reader = reader_of(source, kind, printable(str(path)))
        builder = Builder(run_id=uuid.uuid4().hex, source="a HAR" if kind == "har" else "a mitmproxy dump")
        writer = EventFile(target, run_id=builder.run_id)
        for flow in reader:
            for event in builder.flow(flow):
                writer.write(event)
            if builder.flows in (1, 16) or not builder.flows % FLOWS_A_FLUSH:
                writer.flush()
                if progress is not None:
                    progress(min(file.tell(), total), total)
        if not builder.flows:
            for event in builder.begin(0):
                writer.write(event)
        for event in builder.end():
            writer.write(event)
        writer.close()
        if progress is not None:
            progress(total, total)
        return builder.flows, reader.remarks


def reader_of(source: BinaryIO, kind: Format, name: str) -> Reader:
    """Return what reads a format."""
    from soth_mitm.export.har.reader import HarReader
    from soth_mitm.export.mitm.reader import MitmReader

    return MitmReader(source, name) if kind == "mitm" else HarReader(source, name)
