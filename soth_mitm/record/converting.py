"""One file of flows into another: `.soth`, HAR, mitmproxy dumps and JSON lines, flow by flow.

Whatever comes in is a `.soth` first, of its own or in a temporary file, so that everything that goes out
is made in the same way. Memory is bounded by the flows that are open at once, not by the file.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm._version import __version__
from soth_mitm.export.har.writer import HarWriter
from soth_mitm.export.jsonl import JsonPrinter
from soth_mitm.export.mitm.writer import MitmWriter
from soth_mitm.record.assembling import Assembler
from soth_mitm.record.eventfile import EventFile
from soth_mitm.record.importing import import_file
from soth_mitm.record.kinds import format_of_file
from soth_mitm.record.picking import Numbered, pick, size_of
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.rows import RowFold
from soth_mitm.record.target import FileTarget

if TYPE_CHECKING:
    from soth_mitm.policy.filters import Filter
    from soth_mitm.record.importing import Progress
    from soth_mitm.record.kinds import Format
    from soth_mitm.record.picking import Picked
    from soth_mitm.record.target import Target

WRITE_BYTES: Final = 256 * 1024
"""Bytes that are written at once."""


class Outcome(msgspec.Struct):
    """What became of a conversion."""

    flows: int = 0
    """Flows that were written."""
    left_out: int = 0
    """Flows for which the format has no place."""
    remarks: list[str] = []
    """What a person should know: damage, entries that were passed over."""


class Conversion:
    """One conversion. Everything raises DumpError where a file cannot be read or written."""

    def __init__(
        self,
        *,
        wanted: Filter | None = None,
        masks: bool = True,
        steps: Callable[[str], Progress | None] = lambda _: None,
    ) -> None:
        """`masks` is about HAR and JSON lines; `steps` is told what begins, and gives what to tell of it."""
        self.outcome = Outcome()
        self._wanted = wanted
        self._masks = masks
        self._steps = steps
        self._packing = ""

    def run(
        self, source: Path, target: Target, kind: Format, *, given: Format | None = None, packing: str = ""
    ) -> Outcome:
        """Write `source` to `target` as `kind`; `given` is its format where that is known.

        `packing` is `gzip`, `zlib` or empty, and not for `.soth`.
        """
        self._packing = packing
        given = given or format_of_file(source)
        if given != "soth" and kind == "soth" and self._wanted is None:
            self._import(source, given, target)
            return self.outcome
        with self._as_soth(source, given) as dump:
            picked = None
            if self._wanted is not None and kind != "jsonl":
                picked = pick(dump, self._wanted, self._steps("choosing"))
            if kind == "soth":
                self._soth(dump, target, picked)
            elif kind == "jsonl":
                self._jsonl(dump, target)
            else:
                self._flows(dump, target, kind, picked)
        return self.outcome

    @contextmanager
    def _as_soth(self, source: Path, given: Format) -> Iterator[Path]:
        if given == "soth":
            yield source
            return
        with tempfile.TemporaryDirectory(prefix="soth-mitm-") as directory:
            dump = Path(directory, "converted.soth")
            target = FileTarget(dump)
            try:
                self._import(source, given, target)
            finally:
                target.close()
            yield dump

    def _import(self, source: Path, given: Format, target: Target) -> None:
        self.outcome.flows, remarks = import_file(source, given, target, progress=self._steps("reading"))
        self.outcome.remarks += remarks

    def _soth(self, dump: Path, target: Target, picked: Picked | None) -> None:
        events = Numbered(dump, self._steps("writing"))
        writer: EventFile | None = None
        text = self._wanted.text if self._wanted is not None else ""
        for event in events:
            if picked is not None:
                wanted = (
                    event.flow in picked.flows if event.flow else not event.conn or event.conn in picked.conns
                )
                if not wanted:
                    continue
            if writer is None:
                writer = EventFile(target, run_id=_run_of(dump), filter_text=text)
            writer.write(event)
        if writer is not None:
            writer.close()
        if picked is not None:
            self.outcome.flows = len(picked.flows)
        self._judge(events)

    def _jsonl(self, dump: Path, target: Target) -> None:
        buffered = _Buffered(target, self._packing)
        printer = JsonPrinter(
            lambda text: buffered.write(text.encode()),
            fold=RowFold(),
            detail=2,
            redact=self._masks,
            matcher=self._wanted,
        )
        events = Numbered(dump, self._steps("writing"))
        for event in events:
            printer(event)
        printer.finish()
        buffered.finish()
        self.outcome.flows = printer.flows
        self._judge(events)

    def _flows(self, dump: Path, target: Target, kind: Format, picked: Picked | None) -> None:
        buffered = _Buffered(target, self._packing)
        writer: HarWriter | MitmWriter
        if kind == "mitm":
            writer = MitmWriter(buffered.write, run=_run_of(dump))
        else:
            writer = HarWriter(buffered.write, version=__version__, masks=self._masks)
        progress, total, count = self._steps("writing"), size_of(dump), 0
        with Assembler(dump, flows=picked.flows if picked is not None else None) as flows:
            for flow in flows:
                writer.add(flow)
                count += 1
                if progress is not None and not count % 64:
                    progress(min(flows.done_bytes, total), total)
            writer.finish()
            buffered.finish()
            if not flows.report.complete:
                self.outcome.remarks.append(flows.report.text())
        if progress is not None:
            progress(total, total)
        self.outcome.flows, self.outcome.left_out = writer.entries, writer.left_out

    def _judge(self, events: Numbered) -> None:
        if not events.report.complete:
            self.outcome.remarks.append(events.report.text())


def _run_of(dump: Path) -> str:
    with DumpReader(dump) as reader:
        next(reader.blocks(), None)
        return reader.segments[0].run_id if reader.segments else "unknown"


class _Buffered:
    """Joins what is written into larger pieces, and compresses them."""

    def __init__(self, target: Target, packing: str) -> None:
        self._target = target
        self._data = bytearray()
        wbits = {"gzip": 31, "zlib": 15}.get(packing, 0)
        self._packer = zlib.compressobj(wbits=wbits) if wbits else None

    def write(self, data: bytes) -> None:
        self._data += data if self._packer is None else self._packer.compress(data)
        if len(self._data) >= WRITE_BYTES:
            self._flush()

    def finish(self) -> None:
        """Write the rest."""
        if self._packer is not None:
            self._data += self._packer.flush()
        self._flush()

    def _flush(self) -> None:
        if self._data:
            data, self._data = self._data, bytearray()
            self._target.write(data)
