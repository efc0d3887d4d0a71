"""Reading single flows back: their views, and ranges of their bodies, out of the blocks they lie in.

Files are read in threads, which costs the loop nothing; folding happens on the caller's loop in
slices of a few milliseconds. Only the blocks of the flow and of its conns are read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from soth_mitm.errors import DumpError
from soth_mitm.model.events import Direction
from soth_mitm.record.bodies import BodyRef, BodyRefs
from soth_mitm.record.frames import FRAME_SIZE, chunk_data, decode_frame, frames_in
from soth_mitm.record.viewfold import PASSED_BY, ViewFold

if TYPE_CHECKING:
    from soth_mitm.record.index import Index
    from soth_mitm.record.runs import Runs
    from soth_mitm.record.view import FlowView

SLICE_SECONDS = 0.002
"""How long the loop is kept at a time."""

VIEWS = 16
"""Views that are kept, so that looking again reads only what is new."""

_BLOCKS_AT_ONCE = 8

ReadBlock = Callable[[int], bytes]


class _Reading:
    """The view of one flow, and how far its blocks have been read."""

    def __init__(self, flow: int) -> None:
        self.fold = ViewFold(flow)
        self.lock = asyncio.Lock()
        self.places: dict[int, tuple[int, int]] = {}
        """For each conn, and 0 for the flow: the block to go on with, and the offset in it."""
        self.finished = False


class Viewer:
    """Views and bodies of the flows of one index. Its coroutines belong to one loop."""

    def __init__(self, index: Index, read_block: ReadBlock, runs: Runs) -> None:
        self._index = index
        self._read_block = read_block
        self._runs = runs
        self._readings: OrderedDict[int, _Reading] = OrderedDict()

    async def view(self, flow: int) -> tuple[FlowView, bool] | None:
        """Return the view of a flow and whether it changed since it was last asked for.

        The view is the same object each time, brought up to date. None for a flow that is not known.
        """
        reading = self._readings.get(flow)
        if reading is None:
            if self._index.number_of(flow) is None:
                return None
            reading = self._readings[flow] = _Reading(flow)
            if len(self._readings) > VIEWS:
                self._readings.popitem(last=False)
        self._readings.move_to_end(flow)
        async with reading.lock:
            changed = await self._read_new(reading)
            view = reading.fold.view
            # The index knows it also where no event says it, and where the blocks are all read.
            said = self._index.annotation(flow)
            changed |= said != view.annotation
            view.annotation = said
            return view, changed

    async def _read_new(self, reading: _Reading) -> bool:
        """Fold what was recorded since; an open block is gone on with, as it may have grown."""
        if reading.finished:
            return False
        index, view = self._index, reading.fold.view
        ended = view.closed is not None
        changed = await self._fold(reading, index.blocks_of(view.flow))
        waiting = False
        for conn in {view.conn, view.upstream_conn} - {0}:
            changed |= await self._fold(reading, index.blocks_of_conn(conn), conn=conn)
            waiting |= not _is_over(view, conn)
        # Only once nothing can follow is there nothing to read any more.
        reading.finished = ended and not waiting
        return changed

    async def _fold(self, reading: _Reading, blocks: list[int], *, conn: int = 0) -> bool:
        """Fold the events of the flow, or of a conn itself, out of the blocks that hold some."""
        changed = False
        last, offset = reading.places.get(conn, (0, 0))
        blocks = [block for block in blocks if block >= last]
        for at in range(0, len(blocks), _BLOCKS_AT_ONCE):
            some = blocks[at : at + _BLOCKS_AT_ONCE]
            payloads = await asyncio.to_thread(self._payloads, some)
            for block, payload in zip(some, payloads, strict=True):
                offset = offset if block == last else 0
                last = block
                if payload is None:
                    reading.fold.view.missing_blocks += 1
                    continue
                more, offset = await self._fold_block(reading, block, payload, offset, conn)
                changed |= more
                reading.places[conn] = last, offset
        return changed

    async def _fold_block(
        self, reading: _Reading, block: int, payload: bytes, offset: int, conn: int
    ) -> tuple[bool, int]:
        """Fold one block from `offset` on; return whether that changed the view, and where it ends."""
        changed, fold = False, reading.fold
        shift = self._runs.shift_of(block)
        own_flow = 0 if conn else fold.view.flow - shift.flow
        own_conn = conn - shift.conn if conn else -1
        started = perf_counter()
        for count, frame in enumerate(frames_in(payload, offset)):
            if not count % 128 and perf_counter() - started > SLICE_SECONDS:
                await asyncio.sleep(0)
                started = perf_counter()
            offset = frame.end
            if frame.flow == own_flow if frame.flow else frame.conn == own_conn:
                if frame.kind in PASSED_BY:
                    changed |= fold.pass_by(frame.seq, frame.mono_ns)
                    continue
                event = decode_frame(payload, frame)
                if event is not None:
                    changed |= fold.apply(shift.apply(event), block, frame.offset)
        return changed, offset

    def _payloads(self, blocks: Iterable[int]) -> list[bytes | None]:
        return [self._payload(block) for block in blocks]

    def _payload(self, block: int) -> bytes | None:
        try:
            return self._read_block(block)
        except DumpError:
            return None

    async def refs(self, flow: int, direction: Direction) -> BodyRefs:
        """Return where the bytes of a body lie that have been recorded so far."""
        found = await self.view(flow)
        message = None
        if found is not None:
            message = found[0].request if direction == Direction.REQUEST else found[0].response
        return message.refs if message is not None else BodyRefs()

    async def body(self, flow: int, direction: Direction, start: int, length: int) -> bytes:
        """Return up to `length` recorded bytes of a body from `start` on, no further than the first gap."""
        refs = await self.refs(flow, direction)
        wanted = list(refs.within(start, start + length))
        return await asyncio.to_thread(self._join, wanted, start, start + length)

    async def original(self, flow: int, direction: Direction, start: int, length: int) -> bytes:
        """Return up to `length` bytes of a body that something else went on in the place of."""
        found = await self.view(flow)
        message = None
        if found is not None:
            message = found[0].request if direction == Direction.REQUEST else found[0].response
        wanted = list(message.original_refs.within(start, start + length)) if message is not None else []
        return await asyncio.to_thread(self._join, wanted, start, start + length)

    def _join(self, refs: list[BodyRef], start: int, stop: int) -> bytes:
        parts: list[bytes] = []
        number, payload = -1, b""
        for ref in refs:
            if ref.body_offset > start:
                break
            if ref.block != number:
                number, payload = ref.block, self._payload(ref.block) or b""
            if ref.offset + FRAME_SIZE > len(payload):
                break
            data = chunk_data(payload, ref.offset)[start - ref.body_offset : stop - ref.body_offset]
            if not data:
                break
            parts.append(data)
            start += len(data)
        return b"".join(parts)


def _is_over(view: FlowView, conn: int) -> bool:
    for each in (view.client, view.upstream):
        if each is not None and each.conn == conn:
            return each.closed is not None
    return False
