"""A store over a `.soth` file, or a directory of segments, whole or still growing."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from soth_mitm.errors import DumpError
from soth_mitm.model.annotation import AnnotationError, changed
from soth_mitm.model.limits import DEFAULTS
from soth_mitm.record.adopting import AdoptingIndex
from soth_mitm.record.format import BLOCK_CHECKPOINT
from soth_mitm.record.pieces import BlockPlace
from soth_mitm.record.reader import Block, DumpReader, ReadReport, read_payload
from soth_mitm.record.rowindex import EVENTS_AT_ONCE
from soth_mitm.record.runs import NO_SHIFT, Runs
from soth_mitm.record.store import Store
from soth_mitm.record.tables import Tables
from soth_mitm.record.threads import in_thread
from soth_mitm.record.walking import IndexedSegment

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.record.rowindex import IndexPart

SLICE_SECONDS = 0.003
"""How long the loop is kept at a time."""

_ROWS_AT_ONCE = 64
_BATCH_BYTES = 512 * 1024

Progress = Callable[[int, int], None]
"""Told now and then how many bytes have been read, and how many there are."""


class _Slices:
    """The time that the loop is kept."""

    def __init__(self) -> None:
        self._started = perf_counter()

    @property
    def over(self) -> bool:
        """Whether it is time to let go of it."""
        return perf_counter() - self._started > SLICE_SECONDS

    async def rest(self) -> None:
        """Let others have it."""
        await asyncio.sleep(0)
        self._started = perf_counter()


def _batch(blocks: Iterator[Block | IndexedSegment]) -> list[Block | IndexedSegment | DumpError]:
    """Return the next blocks, none at the end: as many as a hop to a thread is worth.

    What the reader knows of its place is asked for segments and checkpoints, so these come last. So does
    what ends the reading, which is not to cost the blocks before it.
    """
    batch: list[Block | IndexedSegment | DumpError] = []
    size = 0
    try:
        for block in blocks:
            batch.append(block)
            if isinstance(block, IndexedSegment) or block.header.flags & BLOCK_CHECKPOINT:
                break
            size += block.length
            if size >= _BATCH_BYTES:
                break
    except DumpError as error:
        batch.append(error)
    return batch


class DumpStore(Store):
    """Reads a dump; it never writes to it. `load` reads what is there, `read_more` what has come since."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            DumpError: it cannot be opened.
        """
        self._adopting = AdoptingIndex()
        super().__init__(self._adopting, Runs(), message_rows=int(DEFAULTS["message_rows"]))
        self.path = path
        self._reader = DumpReader(path)
        self._paths: list[Path] = []
        self._files = array("I")
        self._offsets = array("Q")
        self._lengths = array("I")
        self._block_runs: list[tuple[int, str]] = []
        self._done_bytes = 0
        self._observe: Callable[[Event], None] | None = None

    @property
    def report(self) -> ReadReport:
        """What was met while reading."""
        return self._reader.report

    async def load(
        self,
        progress: Progress | None = None,
        *,
        growing: bool = False,
        observe: Callable[[Event], None] | None = None,
    ) -> None:
        """Read up to the end, in slices of a few milliseconds; rows can be looked at meanwhile.

        `observe` is called with each event. Flows that are open at the end are shown as cut off, unless
        the file is `growing`. When it is cancelled, what was read stays.

        Raises:
            DumpError: it cannot be read, or is no `.soth`, or of a newer version.
        """
        self._observe = observe
        await self._read(progress, growing=growing)
        if not growing:
            self.index.end_of_recording()

    async def read_more(self) -> int:
        """Read what a writer has added since; return how many events that were.

        Raises:
            DumpError: it cannot be read.
        """
        before = self.report.events
        await self._read(None, growing=True)
        return self.report.events - before

    async def _read(self, progress: Progress | None, *, growing: bool) -> None:
        reader = self._reader
        blocks: Iterator[Block | IndexedSegment]
        # Who wants every event gets them all.
        blocks = reader.blocks(growing=growing) if self._observe else reader.sections(growing=growing)
        total = self.size_bytes

        def tell(length: int) -> None:
            self._done_bytes += length
            if progress is not None:
                progress(min(self._done_bytes, total), total)

        while batch := await in_thread(lambda: _batch(blocks)):
            slices = _Slices()
            for block in batch:
                if isinstance(block, DumpError):
                    raise block
                if isinstance(block, IndexedSegment):
                    await self._adopt(block, tell)
                else:
                    number = self._place(block.path, block.offset, block.length, block.run_id)
                    await self._index_block(block, number, slices)
                    tell(block.length)
        if progress is not None:
            progress(total, total)

    async def _index_block(self, block: Block, number: int, slices: _Slices) -> None:
        runs, index, observe = self._runs, self.index, self._observe
        shift = runs.current
        for events in self._reader.event_lists(block, EVENTS_AT_ONCE):
            if shift != NO_SHIFT:
                events = [shift.apply(event) for event in events]
            if observe is not None:
                for event in events:
                    observe(event)
            runs.note(events)
            index.apply(events, number)
            if slices.over:
                await slices.rest()

    async def _adopt(self, segment: IndexedSegment, tell: Callable[[int], None]) -> None:
        """Take the rows of a segment from its index, while its checksums are compared."""
        first = len(self._offsets) - segment.checkpoints
        slices = _Slices()
        for place in segment.blocks:
            self._place(segment.path, place.offset, place.length, segment.info.run_id)
            if slices.over:
                await slices.rest()
        verifying = asyncio.get_running_loop().run_in_executor(None, self._reader.verify, segment)
        told = at = first + segment.checkpoints
        try:
            for number in range(len(segment.parts)):
                part = await in_thread(partial(segment.part, number, self._runs.current))
                if part is None:
                    await self._index_rest(segment, at - first - segment.checkpoints, at)
                    break
                at = max(at, await self._adopt_part(part, first))
                tell(sum(self._lengths[told:at]))
                told = at
        finally:
            await asyncio.wait([verifying])
        self._reader.note(verifying.result())
        conn, flow = segment.highest
        self._runs.note_numbers(conn=conn, flow=flow)
        tell(sum(self._lengths[told:]))

    async def _adopt_part(self, part: IndexPart, first: int) -> int:
        """Take the rows of a part, whose blocks count from `first`; return the block that follows."""
        shift, index, at, slices = self._runs.current, self._adopting, first, _Slices()
        tables = Tables(part.sites, part.results)
        for digest in part.digests:
            at = first + digest.block + 1
            index.adopt(digest, digest.events(shift), at - 1, tables)
            if slices.over:
                await slices.rest()
        if part.end is not None:
            rows = part.end.open
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                index.adopt_open(rows[start : start + _ROWS_AT_ONCE])
                await asyncio.sleep(0)
        return at

    async def _index_rest(self, segment: IndexedSegment, start: int, number: int) -> None:
        """Go through the blocks from `start` on, whose index cannot be understood."""
        events = self.report.events  # which `verify` counts
        for place in segment.blocks[start:]:
            with suppress(DumpError):  # what is damaged is counted where checksums are compared
                payload = await in_thread(partial(self.read_block, number))
                run_id = segment.info.run_id
                block = Block(segment.path, place.offset, place.header, payload, run_id)
                await self._index_block(block, number, _Slices())
            number += 1
        self.report.events = events

    def _place(self, path: Path | None, offset: int, length: int, run_id: str) -> int:
        """Note where a block stands; return its number."""
        number = len(self._offsets)
        assert path is not None, "a dump is a file or a directory"
        if not self._paths or self._paths[-1] != path:
            self._paths.append(path)
        self._files.append(len(self._paths) - 1)
        self._offsets.append(offset)
        self._lengths.append(length)
        if not self._block_runs or self._block_runs[-1][1] != run_id:
            self._block_runs.append((number, run_id))
            self._runs.begin(run_id, number)
        return number

    def annotate(
        self, flow: int, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
    ) -> None:
        """Say something about a flow, as `Control.annotate` does; the file itself stays as it is.

        What is said shows in the rows and views, and goes into what is saved from here.

        Raises:
            AnnotationError: it cannot be used as it is, or there is no such flow.
        """
        index = self.index
        before = index.annotation(flow)
        annotation = changed(before, mark=mark, comment=comment, colour=colour)
        if annotation == before and index.number_of(flow) is not None:
            return
        index.check_room(flow)
        if not index.annotate(flow, annotation):
            raise AnnotationError(f"cannot annotate flow {flow}: {self.path} has no row of it")

    def catch_up(self) -> None:
        """Do nothing: what has been read has been indexed."""

    def block_numbers(self) -> range:
        """See `Store.block_numbers`."""
        return range(len(self._offsets))

    def read_block(self, number: int) -> bytes:
        """See `Store.read_block`."""
        if not 0 <= number < len(self._offsets):
            raise DumpError(f"{self.path} has no block {number}")
        return read_payload(self._paths[self._files[number]], self._offsets[number], self._lengths[number])

    def place_of(self, number: int) -> BlockPlace | None:
        """See `Store.place_of`."""
        if not 0 <= number < len(self._offsets):
            return None
        path = str(self._paths[self._files[number]])
        return BlockPlace(path, self._offsets[number], self._lengths[number])

    def run_of(self, number: int) -> str:
        """See `Store.run_of`."""
        return next((run for first, run in reversed(self._block_runs) if first <= number), "")

    def holds(self, path: Path) -> bool:
        """See `Store.holds`."""
        own, other = self.path.resolve(), path.resolve()
        return other == own or other.parent == own

    @property
    def place(self) -> str:
        """See `Store.place`."""
        return str(self.path)

    @property
    def size_bytes(self) -> int:
        """See `Store.size_bytes`."""
        files = self.path.glob("*.soth") if self.path.is_dir() else [self.path]
        try:
            return sum(file.stat().st_size for file in files)
        except OSError:
            return self._done_bytes

    @property
    def segments(self) -> int:
        """See `Store.segments`."""
        return self.report.segments

    async def close(self, *, delete: bool = False) -> None:
        """Close the file. A dump is the person's: `delete` is not looked at."""
        self._reader.close()
