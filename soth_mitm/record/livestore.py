"""A store that records a bus, and indexes what it records as it goes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from soth_mitm.record.bodies import NO_BLOCK
from soth_mitm.record.format import BLOCK_CHECKPOINT, SEGMENT_BYTES
from soth_mitm.record.index import Index
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.runs import Runs
from soth_mitm.record.store import Store
from soth_mitm.record.target import MemoryTarget

if TYPE_CHECKING:
    from pathlib import Path

    from soth_mitm.config import Limits
    from soth_mitm.model.events import Event
    from soth_mitm.record.bus import Bus
    from soth_mitm.record.layout import BlockInfo
    from soth_mitm.record.pieces import BlockPlace
    from soth_mitm.record.spill import Spill

FOLD_SECONDS = 0.05
"""How long an event waits at most before the index knows it."""

FOLD_EVENTS = 512
"""How many events wait at most."""

MEMORY_SEGMENTS = 16
"""A recording in memory is cut into so many parts, of which the oldest is dropped when it is full."""


class LiveStore(Store):
    """Records and indexes a bus from now on. Make it on the loop of the bus; `close` ends it.

    `failed` of its `recorder` says why recording ended before its time; the index goes on then.
    """

    def __init__(
        self, bus: Bus, *, run_id: str, limits: Limits, spill: Spill | None = None, strict: bool = False
    ) -> None:
        self._run_id = run_id
        self._spill = spill
        self._thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[Event] = []
        self._waiting_block = NO_BLOCK
        self._checkpoints: list[tuple[int, list[Event]]] = []
        self._first_block = 0
        self._segments: dict[int, tuple[int, int]] = {}
        super().__init__(Index(max_rows=limits.list_rows), Runs(), message_rows=limits.message_rows)
        memory = limits.memory_spill_bytes
        self.recorder = Recorder(
            bus,
            spill.target if spill is not None else MemoryTarget(),
            run_id=run_id,
            limits=limits,
            strict=strict,
            segment_bytes=spill.segment_bytes if spill else min(SEGMENT_BYTES, memory // MEMORY_SEGMENTS),
            keep_bytes=spill.keep_bytes if spill else memory,
            keep_name="spill_bytes" if spill else "memory_spill_bytes",
            row_index=False,
            on_block=self._block_closed,
            on_drop=self._segment_dropped,
        )
        self._detach = bus.attach(self._take)

    # --- indexing, on the loop of the bus ---------------------------------------------------------

    def _take(self, event: Event) -> None:
        block = self.recorder.last_block
        if block != self._waiting_block:
            self._index_waiting()
            self._waiting_block = block
        self._waiting.append(event)
        if len(self._waiting) >= FOLD_EVENTS:
            self._index_waiting()
        elif self._timer is None:
            self._timer = self._loop.call_later(FOLD_SECONDS, self._index_waiting)

    def catch_up(self) -> None:
        """Have the index know every event so far; it does so by itself when asked on another thread."""
        if threading.get_ident() == self._thread:
            self._index_waiting()

    def _index_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            events, self._waiting = self._waiting, []
            self.index.apply(events, self._waiting_block)
        if self._checkpoints:
            checkpoints, self._checkpoints = self._checkpoints, []
            for block, events in checkpoints:
                self.index.note_checkpoint(events, block)
            self.index.drop_before(self._first_block)

    def _block_closed(self, info: BlockInfo, events: list[Event]) -> None:
        last, size = self._segments.get(info.segment, (0, 0))
        self._segments[info.segment] = max(last, info.number), size + info.length
        if info.flags & BLOCK_CHECKPOINT:
            # The event that filled the block before is still on its way to us.
            self._checkpoints.append((info.number, events))

    def _segment_dropped(self, first_block: int) -> None:
        self._first_block = first_block
        self._segments = {
            n: (last, size) for n, (last, size) in self._segments.items() if last >= first_block
        }

    # --- reading ----------------------------------------------------------------------------------

    def block_numbers(self) -> range:
        """See `Store.block_numbers`."""
        return range(self._first_block, self.recorder.open_block + 1)

    def read_block(self, number: int) -> bytes:
        """See `Store.read_block`."""
        return self.recorder.read_block(number)

    def place_of(self, number: int) -> BlockPlace | None:
        """See `Store.place_of`."""
        return self.recorder.place_of(number)

    def run_of(self, number: int) -> str:
        """See `Store.run_of`."""
        return self._run_id

    def holds(self, path: Path) -> bool:
        """See `Store.holds`."""
        return self._spill is not None and path.resolve().parent == self._spill.path.resolve()

    @property
    def place(self) -> str:
        """See `Store.place`."""
        return str(self._spill.path) if self._spill is not None else ""

    @property
    def size_bytes(self) -> int:
        """See `Store.size_bytes`."""
        return sum(size for _, size in self._segments.values())

    @property
    def segments(self) -> int:
        """See `Store.segments`."""
        return len(self._segments)

    async def close(self, *, delete: bool = True) -> None:
        """Record the rest and stop; remove the spill with `delete`. What is in memory stays readable.

        Raises:
            DumpError: not everything could be written; the spill is kept then.
        """
        self._detach()
        self._index_waiting()
        await self.recorder.close()
        if self._spill is not None:
            self._spill.close(delete=delete)
