"""The recorder: a subscriber of the bus that writes every event as `.soth`.

On the loop it encodes an event into the open block and no more; a thread of its own adds the
checksums and writes. A block is handed over every `FLUSH_BYTES` or `FLUSH_SECONDS`, so that is what
a crash can cost. Where the disk cannot keep up or fails, traffic is held for `HOLD_SECONDS`, and then
goes on without its bodies being recorded, visibly; with `strict` it is held until the disk can.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from soth_mitm._version import __version__
from soth_mitm.errors import DumpError
from soth_mitm.model.events import Event, LimitReached, Notice
from soth_mitm.record.checkpoint import OpenState
from soth_mitm.record.format import (
    BLOCK_BYTES,
    BLOCK_CHECKPOINT,
    BLOCK_HEADER_SIZE,
    FLUSH_BYTES,
    SEGMENT_BYTES,
    LayoutError,
    block_payload,
    compressed_block,
)
from soth_mitm.record.frames import FRAME_CHECKPOINT, append_frame, with_safe_text
from soth_mitm.record.layout import BlockInfo, Layout
from soth_mitm.record.pieces import BlockPlace
from soth_mitm.record.pressure import Pressure
from soth_mitm.record.rotation import Amounts, Wheel
from soth_mitm.record.rowindexer import RowIndexer
from soth_mitm.record.writing import Job, WriteQueue

if TYPE_CHECKING:
    from soth_mitm.config import Limits
    from soth_mitm.record.bus import Bus
    from soth_mitm.record.target import Bytes, Target
    from soth_mitm.record.writefilter import WriteFilter

FLUSH_SECONDS = 0.1
RETRY_SECONDS = 1.0
CLOSE_SECONDS = 5.0

OnBlock = Callable[[BlockInfo, list[Event]], None]
"""Told of each block with its events, once it is closed; it can be read from then on."""

OnDrop = Callable[[int], None]
"""Told, when retention removed a segment, which block is the oldest that is left."""

_ROOM = bytes(BLOCK_HEADER_SIZE)
_FULL = BLOCK_HEADER_SIZE + FLUSH_BYTES
_UNENCODABLE = (ValueError, TypeError, OverflowError, struct.error, msgspec.MsgspecError)


class Recorder:
    """Write the events of a bus to a target, from now until `close`. Make it on the running loop.

    Without `row_index`, a reader has to go through the flows to list them, and writing costs less.
    `keep_bytes` above 0 bounds the whole recording: the oldest segments are then removed, which
    `keep_name` names in the event that says so. All methods but `read_block` belong to the loop.
    """

    def __init__(
        self,
        bus: Bus,
        target: Target,
        *,
        run_id: str,
        limits: Limits,
        strict: bool = False,
        filter: str | None = None,  # noqa: A002
        segment_bytes: int = SEGMENT_BYTES,
        keep_bytes: int = 0,
        keep_name: str = "spill_bytes",
        rotation: Amounts | None = None,
        keep: Amounts | None = None,
        compress: bool = False,
        chosen: WriteFilter | None = None,
        row_index: bool = True,
        on_block: OnBlock | None = None,
        on_drop: OnDrop | None = None,
    ) -> None:
        self.pending: list[Event] = []
        """Events of the open block, which is still growing."""
        self.open_block = 0
        """Number of the open block."""
        self.last_block = -1
        """Number of the block that holds the event seen last; -1 where it was left out."""
        self.failed = ""
        """Why recording has ended before its time; empty while it goes on."""
        self._bus = bus
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._keep = (keep_bytes, keep_name)
        self._wheel = Wheel(rotation or Amounts(), keep or Amounts(), bus.clock)
        self._compress = compress
        self._chosen = chosen
        self._on_block = on_block
        self._on_drop = on_drop
        self._open_state = OpenState()
        self._indexer = RowIndexer() if row_index else None
        self._segment_bytes = segment_bytes
        self._layout = Layout(
            run_id=run_id,
            segment_bytes=segment_bytes,
            filter_text=filter or "",
            writer=f"soth-mitm {__version__}",
        )
        self._queue = WriteQueue(target, self._written)
        self.pressure = Pressure(
            bus,
            limit=limits.recorder_queue_bytes,
            strict=strict,
            level=lambda: self._queue.bytes,
            name=target.name,
        )
        self._buffer = bytearray(_ROOM)
        self._open = (0, self._buffer)
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._error: OSError | None = None
        self._closing = False
        self._begin_segment()
        self._queue.start()
        if chosen is not None:
            chosen.sink = self._record
        self._detach = bus.attach(self._record if chosen is None else chosen)

    # --- the sink -------------------------------------------------------------------------------

    def _record(self, event: Event) -> None:
        """Encode one event. This runs for each event of the proxy: it must stay cheap."""
        if self.pressure.losing:
            self.last_block = -1
            admitted = self.pressure.admit(event)
            if admitted is None or self.failed:
                return
            event = admitted
        try:
            size = append_frame(self._buffer, event)
        except _UNENCODABLE:
            size = self._record_repaired(event)
            if not size:
                return
        self.pending.append(event)
        self.last_block = self.open_block
        if size >= _FULL:
            self._close_full(size)
        elif self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._tick)

    def _record_repaired(self, event: Event) -> int:
        """Encode an event whose texts are not Unicode, made printable; 0 where that fails too."""
        try:
            return append_frame(self._buffer, with_safe_text(event))
        except _UNENCODABLE:
            self.last_block = -1
            self.pressure.miss(event)
            return 0

    def _tick(self) -> None:
        self._timer = None
        self._close_block()

    def _close_full(self, size: int) -> None:
        """Close the open block; its last event goes to the next one if it made it too long."""
        last = self.pending[-1]
        if size - BLOCK_HEADER_SIZE > BLOCK_BYTES and len(self.pending) > 1:
            frame = bytearray()
            append_frame(frame, last)
            del self._buffer[size - len(frame) :]
            self.pending.pop()
            self._close_block()
            self._buffer += frame
            self.pending.append(last)
            self.last_block = self.open_block
        self._close_block()

    # --- blocks and segments --------------------------------------------------------------------

    def _close_block(self) -> None:
        """Hand the open block over to the writer and begin the next one."""
        if not self.pending:
            return
        events = self.pending
        self._put_block(self._buffer, events)
        self._open_state.note(events)
        self._wheel.count(events)
        if self._layout.full or self._wheel.due:
            self._end_segment()
            self._drop_old()
            self._begin_segment()
        self.pending = []
        self._buffer = bytearray(_ROOM)
        self.open_block = self._layout.next_block
        self._open = (self.open_block, self._buffer)
        self._start_writing()
        self.pressure.rise()

    def _end_segment(self) -> None:
        if self._indexer is not None:
            self._put_index(self._indexer.end_segment())
        self._queue.put(Job(self._layout.segment, self._layout.end_segment()))

    def _put_index(self, blocks: list[bytes]) -> None:
        for block in blocks:
            self._layout.place_index(len(block))
            self._queue.put(Job(self._layout.segment, block))

    def _put_block(self, buffer: bytearray, events: list[Event], flags: int = 0) -> None:
        first, last, frames = events[0].seq, events[-1].seq, len(events)
        data: Bytes = buffer
        if self._compress:
            data = compressed_block(buffer, flags=flags, frames=frames, first_seq=first, last_seq=last)
        info = self._layout.place(len(data), frames=frames, first_seq=first, last_seq=last, flags=flags)
        self._queue.put(Job(info.segment, data, info))
        if self._on_block is not None:
            self._on_block(info, events)
        if self._indexer is not None:
            if flags & BLOCK_CHECKPOINT:
                self._indexer.pass_by()
            else:
                self._put_index(self._indexer.take(events))
            self._layout.reserve = self._indexer.size

    def _begin_segment(self) -> None:
        clock = self._bus.clock
        self._wheel.begin(self._layout.segment + 1)
        header = self._layout.begin_segment(wall_ns=clock.wall_ns(), mono_ns=clock.monotonic_ns())
        self._queue.put(Job(self._layout.segment, header, begins=True))
        buffer, events = bytearray(_ROOM), list[Event]()
        for event in self._open_state.events():
            frame = bytearray()
            try:
                append_frame(frame, event, FRAME_CHECKPOINT)
            except _UNENCODABLE:  # rare, and looking for it in every event would double the cost
                append_frame(frame, with_safe_text(event), FRAME_CHECKPOINT)
            if events and len(buffer) + len(frame) > _FULL:
                self._put_block(buffer, events, BLOCK_CHECKPOINT)
                buffer, events = bytearray(_ROOM), []
            buffer += frame
            events.append(event)
        if events:
            self._put_block(buffer, events, BLOCK_CHECKPOINT)

    def _drop_old(self) -> None:
        """Remove the oldest segments until a further whole one fits into what may be kept."""
        most, name = self._keep
        while most and self._layout.size + self._segment_bytes > most:
            segment = self._layout.drop_oldest()
            if not segment:
                return
            self._queue.put(Job(segment, drops=True))
            if self._on_drop is not None:
                self._on_drop(self._layout.first_block)
            self._bus.counters.hit(name)
            # This runs inside a delivery of the bus; what it publishes comes after that.
            self._loop.call_soon(self._bus.publish, LimitReached(name, most, "drop the oldest segment"))

        while self._wheel.too_much(self._layout.ended, self._layout.size):
            segment = self._layout.drop_oldest()
            self._queue.put(Job(segment, drops=True))
            text = f"the oldest file of the recording was removed, as --keep says (number {segment})"
            self._loop.call_soon(self._bus.publish, Notice("info", text))

    # --- writing --------------------------------------------------------------------------------

    def _start_writing(self) -> None:
        if self._retry is None:
            self._queue.start()

    def _written(self, error: OSError | None) -> None:
        self._error = error
        if error is None:
            self._queue.start()
            self.pressure.fall()
            return
        final = not self._target.can_retry
        self.pressure.fail(error, final=final)
        if final:
            self.failed = error.strerror or str(error)
            self.last_block = -1
            self._detach()
            self.pending = []
            self._queue.clear()
        elif not self._closing:
            self._retry = self._loop.call_later(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._queue.start()

    async def flush(self, *, seconds: float = CLOSE_SECONDS) -> bool:
        """Have written what was recorded so far; False where that fails or takes longer."""
        self._close_block()
        last = self._layout.next_block - 1
        until = self._loop.time() + seconds
        while not self.failed and (self._closing or last in self._queue.waiting):
            batch = self._queue.start()
            if batch is None:
                break
            done, _ = await asyncio.wait((batch,), timeout=max(until - self._loop.time(), 0))
            if not done or self._error is not None:
                return False
        return not self.failed

    async def close(self, *, seconds: float = CLOSE_SECONDS) -> None:
        """Write the rest and the footer, and have it on the disk.

        Raises:
            DumpError: not all could be written within `seconds`; what was written stays readable.
        """
        if self._closing:
            return
        self._closing = True
        self._detach()
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        self._retry = None
        self.pressure.stop()
        if self._chosen is not None:
            self._chosen.finish()
        self._record_last_gap()
        self._close_block()
        if not self.failed:
            self._end_segment()
        complete = await self.flush(seconds=seconds)
        await self._let_go(complete)

    def _record_last_gap(self) -> None:
        """Say in the file what was left out at its end; the bus has no subscribers any more."""
        gap = self.pressure.take_gap()
        if gap is None or self.failed:
            return
        clock = self._bus.clock
        event = Event(self._bus.seq + 1, 0, 0, 0, clock.monotonic_ns(), clock.wall_ns(), gap)
        append_frame(self._buffer, event)
        self.pending.append(event)

    async def _let_go(self, complete: bool) -> None:
        left = self._queue.bytes
        why = (
            self.failed or (self._error and (self._error.strerror or str(self._error))) or "it takes too long"
        )
        self._target.abort()
        try:
            await self._queue.call(self._target.sync)
        except OSError as error:
            complete, why = False, error.strerror or str(error)
        finally:
            self._queue.stop()
            self._target.close()
        if not complete:
            missing = f"its last {left:,} bytes are" if left else "its end is"
            raise DumpError(
                f"{self._target.name} is not complete, {missing} missing: {why}; "
                "what was written before can be read"
            )

    # --- reading --------------------------------------------------------------------------------

    def place_of(self, number: int) -> BlockPlace | None:
        """Return where a block stands on the disk; None where it does not. May be called from any thread."""
        # Asked in this order, a block that is written meanwhile is at worst taken for one that is not.
        place = self._layout.where(number)
        if place is None or number == self._open[0] or number in self._queue.waiting:
            return None
        segment, offset, length = place
        found = self._target.file_at(segment, offset)
        return None if found is None else BlockPlace(str(found[0]), found[1], length)

    def read_block(self, number: int) -> bytes:
        """Return the payload of a block, written or not; may be called from any thread.

        Raises:
            DumpError: retention has removed it, or it cannot be read back.
        """
        open_block, buffer = self._open
        if number == open_block:
            return bytes(buffer)[BLOCK_HEADER_SIZE:]
        waiting = self._queue.waiting.get(number)
        if waiting is not None:
            return block_payload(waiting) if self._compress else bytes(waiting)[BLOCK_HEADER_SIZE:]
        place = self._layout.where(number)
        if place is None:
            raise DumpError(f"block {number} of {self._target.name} is not kept any more")
        try:
            return block_payload(self._target.read(*place))
        except (OSError, KeyError, LayoutError) as error:
            raise DumpError(
                f"cannot read block {number} of {self._target.name} at offset {place[1]:,}: {error}"
            ) from error
