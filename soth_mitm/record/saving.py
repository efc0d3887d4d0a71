"""Copying flows into a file of their own, frame by frame, without decoding what is copied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from soth_mitm.errors import DumpError
from soth_mitm.model.events import Annotated, Event, FlowBound
from soth_mitm.record.format import BLOCK_HEADER_SIZE, FLUSH_BYTES, SEGMENT_BYTES, finish_block
from soth_mitm.record.frames import (
    FRAME,
    FRAME_CHECKPOINT,
    Frame,
    append_frame,
    decode_frame,
    decode_some,
    frames_in,
)
from soth_mitm.record.layout import Layout
from soth_mitm.record.rowindex import EVENTS_AT_ONCE
from soth_mitm.record.rowindexer import RowIndexer
from soth_mitm.record.threads import in_thread
from soth_mitm.record.wholefile import whole_file

if TYPE_CHECKING:
    from soth_mitm.record.index import Index
    from soth_mitm.record.runs import Runs
    from soth_mitm.record.target import Bytes, Target

SLICE_SECONDS = 0.002
"""How long the loop is kept at a time."""

_ROOM = bytes(BLOCK_HEADER_SIZE)
_FULL = BLOCK_HEADER_SIZE + FLUSH_BYTES
_BOUND = FlowBound.KIND


Progress = Callable[[int, int], None]
"""Told now and then how much is done, and how much there is."""


class Blocks(Protocol):
    """The blocks of a store."""

    def block_numbers(self) -> range:
        """Return the numbers of the blocks that are there."""
        ...

    def read_block(self, number: int) -> bytes:
        """Return the payload of a block; safe from any thread.

        Raises:
            DumpError: it is gone or damaged.
        """
        ...

    def run_of(self, number: int) -> str:
        """Return the run that a block belongs to."""
        ...

    @property
    def size_bytes(self) -> int:
        """Bytes of everything that is recorded."""
        ...


async def save(
    path: Path,
    flows: Collection[int] | None,
    *,
    blocks: Blocks,
    index: Index,
    runs: Runs,
    overwrite: bool,
    progress: Progress | None = None,
) -> int:
    """Write a `.soth` of `flows` and their conns, of everything for None; return its size in bytes.

    Everything is what is in the list: hidden flows are left out. Of flows that are open, what is there
    by now is written. `progress` is told how many steps are done, and of how many; it may raise.
    The file appears when it is whole; when this fails or is cancelled, nothing stays behind.

    Raises:
        DumpError: it exists and is not to be overwritten, or cannot be written.
    """
    needed = blocks.size_bytes if flows is None else 0
    async with whole_file(path, overwrite=overwrite, needed=needed) as target:
        return await _Copy(target, blocks, index, runs, progress).run(flows)


class _Stamp(NamedTuple):
    """Where in its run an event stands."""

    seq: int
    mono_ns: int
    wall_ns: int


class _Copy:
    """One save under way."""

    def __init__(
        self, target: Target, blocks: Blocks, index: Index, runs: Runs, progress: Progress | None
    ) -> None:
        self._progress = progress
        self._done = 0
        self._target = target
        self._blocks = blocks
        self._index = index
        self._runs = runs
        self._flows: Collection[int] | None = None
        self._conns: set[int] = set()
        self._layout: Layout | None = None
        self._run = ""
        self._indexer = RowIndexer()
        self._buffer = bytearray(_ROOM)
        self._seqs: list[int] = []
        self._last = _Stamp(0, 0, 0)
        self._hidden = index.hidden
        self._unstored: dict[str, dict[int, Annotated]] = {}
        self._size = 0

    async def run(self, flows: Collection[int] | None) -> int:
        self._flows = flows
        leading = await self._leading()
        numbers: Collection[int] = (
            self._blocks.block_numbers() if flows is None else await self._chosen(flows)
        )
        self._unstored = self._annotations(flows)
        copied = sorted({*numbers, *leading})
        async for number, frame, payload in self._frames(copied, self._done + len(copied)):
            if self._wanted(number, frame, number in leading):
                await self._copy(number, frame, payload)
        await self._say_unstored()
        await self._end_segment()
        return self._size

    def _annotations(self, flows: Collection[int] | None) -> dict[str, dict[int, Annotated]]:
        """Return, by run, what is said about the wanted flows without standing in a block."""
        found: dict[str, dict[int, Annotated]] = {}
        for flow, annotation in self._index.unstored_annotations().items():
            blocks = self._index.blocks_of(flow)
            if blocks and (flow not in self._hidden if flows is None else flow in flows):
                own = flow - self._runs.shift_of(blocks[0]).flow
                found.setdefault(self._blocks.run_of(blocks[0]), {})[own] = annotation.event
        return found

    async def _say_unstored(self) -> None:
        """Append what is said about flows of the run that was copied last."""
        for flow, body in self._unstored.pop(self._run, {}).items():
            seq, mono_ns, wall_ns = self._last
            self._last = last = _Stamp(seq + 1, mono_ns, wall_ns)
            append_frame(self._buffer, Event(seq + 1, 0, flow, 0, mono_ns, wall_ns, body))
            await self._appended(last)

    async def _leading(self) -> set[int]:
        """Return the first blocks of each run: its checkpoint, where its beginning is gone, and one more."""
        numbers = self._blocks.block_numbers()
        found: set[int] = set()
        run, leading = "", False
        for number in numbers:
            new = self._blocks.run_of(number)
            if new != run:
                run, leading = new, True
            if leading:
                found.add(number)
                payload = await self._read(number)
                first = next(frames_in(payload), None)
                leading = first is None or bool(first.flags & FRAME_CHECKPOINT)
        return found

    async def _chosen(self, flows: Collection[int]) -> set[int]:
        """Return the blocks of some flows and of their conns, which are noted."""
        numbers: set[int] = set()
        started = perf_counter()
        for flow in flows:
            numbers.update(self._index.blocks_of(flow))
            if perf_counter() - started > SLICE_SECONDS:
                await asyncio.sleep(0)
                started = perf_counter()
        async for number, frame, payload in self._frames(sorted(numbers), 2 * len(numbers)):
            shift = self._runs.shift_of(number)
            if not frame.flow or frame.flow + shift.flow not in flows:
                continue
            if frame.conn:
                self._conns.add(frame.conn + shift.conn)
            bound = decode_frame(payload, frame) if frame.kind == _BOUND else None
            if bound is not None and isinstance(bound.body, FlowBound) and bound.body.upstream_conn:
                self._conns.add(bound.body.upstream_conn + shift.conn)
        for conn in self._conns:
            numbers.update(self._index.blocks_of_conn(conn))
        return numbers

    def _wanted(self, number: int, frame: Frame, leading: bool) -> bool:
        if frame.flags & FRAME_CHECKPOINT and not leading:
            return False
        if not (frame.flow or frame.conn):
            return True
        shift = self._runs.shift_of(number)
        if frame.flow:
            flow = frame.flow + shift.flow
            return flow in self._flows if self._flows is not None else flow not in self._hidden
        if self._flows is None:
            return True
        return frame.conn + shift.conn in self._conns

    async def _frames(self, numbers: Collection[int], steps: int) -> AsyncIterator[tuple[int, Frame, bytes]]:
        """Yield the frames of blocks, a step each; blocks that cannot be read are passed over."""
        started = perf_counter()
        for number in numbers:
            payload = await self._read(number)
            for count, frame in enumerate(frames_in(payload)):
                if not count % 64 and perf_counter() - started > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    started = perf_counter()
                yield number, frame, payload
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, steps)

    async def _read(self, number: int) -> bytes:
        try:
            return await in_thread(lambda: self._blocks.read_block(number))
        except DumpError:
            return b""

    async def _copy(self, number: int, frame: Frame, payload: bytes) -> None:
        """Append a frame; it is no repetition in the new file, wherever it was found."""
        run = self._blocks.run_of(number)
        if self._layout is None or run != self._run:
            await self._say_unstored()
            await self._end_segment()
            self._run, self._last = run, _Stamp(0, 0, 0)
            self._layout = Layout(run_id=run, segment_bytes=SEGMENT_BYTES)
            self._indexer = RowIndexer()
            await self._write(self._layout.begin_segment(wall_ns=frame.wall_ns, mono_ns=frame.mono_ns))
        start = len(self._buffer)
        self._buffer += payload[frame.offset : frame.end]
        if frame.flags & FRAME_CHECKPOINT:
            flags = frame.flags & ~FRAME_CHECKPOINT
            length = frame.end - frame.start
            FRAME.pack_into(self._buffer, start, length, frame.kind, flags, *frame[3:9])
        stamp = _Stamp(frame.seq, frame.mono_ns, frame.wall_ns)
        self._last = max(self._last, stamp)
        await self._appended(stamp)

    async def _appended(self, stamp: _Stamp) -> None:
        self._seqs.append(stamp.seq)
        if self._layout is not None and len(self._buffer) >= _FULL:
            await self._end_block()
            if self._layout.full:
                await self._end_segment()
                await self._write(self._layout.begin_segment(wall_ns=stamp.wall_ns, mono_ns=stamp.mono_ns))

    async def _end_block(self) -> None:
        if not self._seqs or self._layout is None:
            return
        buffer, seqs = self._buffer, self._seqs
        first, last = min(seqs), max(seqs)
        self._layout.place(len(buffer), frames=len(seqs), first_seq=first, last_seq=last)
        finish_block(buffer, flags=0, frames=len(seqs), first_seq=first, last_seq=last)
        self._buffer, self._seqs = bytearray(_ROOM), []
        await self._write(buffer)
        await self._list(bytes(memoryview(buffer)[BLOCK_HEADER_SIZE:]))
        self._layout.reserve = self._indexer.size

    async def _list(self, payload: bytes) -> None:
        """Add what was written to the row index."""
        indexer, at, started = self._indexer, 0, perf_counter()
        while at < len(payload):
            events, at, unknown, unreadable = decode_some(payload, at, EVENTS_AT_ONCE)
            indexer.add(events)
            if unknown or unreadable:
                indexer.give_up()
            if perf_counter() - started > SLICE_SECONDS:
                await asyncio.sleep(0)
                started = perf_counter()
        await self._write_index(indexer.end_block())

    async def _end_segment(self) -> None:
        await self._end_block()
        if self._layout is not None:
            await self._write_index(self._indexer.end_segment())
            await self._write(self._layout.end_segment())

    async def _write_index(self, blocks: list[bytes]) -> None:
        for block in blocks:
            assert self._layout is not None, "a block was written"
            self._layout.place_index(len(block))
            await self._write(block)

    async def _write(self, data: Bytes) -> None:
        await in_thread(lambda: self._target.write(data))
        self._size += len(data)
