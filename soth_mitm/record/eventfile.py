"""Writing events as `.soth` one after the other, without a bus or a loop: for converting and importing.

What a `Recorder` does while traffic passes, this does as fast as the disk takes it. Events are numbered
anew in the order in which they come; conns and flows keep their numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from soth_mitm._version import __version__
from soth_mitm.record.format import BLOCK_HEADER_SIZE, FLUSH_BYTES, SEGMENT_BYTES, finish_block
from soth_mitm.record.frames import append_frame, with_safe_text
from soth_mitm.record.layout import Layout
from soth_mitm.record.rowindexer import RowIndexer

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.record.target import Bytes, Target

_ROOM = bytes(BLOCK_HEADER_SIZE)
_FULL = BLOCK_HEADER_SIZE + FLUSH_BYTES
_UNENCODABLE = (ValueError, TypeError, OverflowError, struct.error, msgspec.MsgspecError)


class EventFile:
    """Write events to a target; `close` ends the last segment, and leaves the target open."""

    def __init__(self, target: Target, *, run_id: str, filter_text: str = "") -> None:
        self.size = 0
        """Bytes written."""
        self.events = 0
        self.unwritable = 0
        """Events that could not be encoded, and are missing."""
        self._target = target
        self._layout = Layout(
            run_id=run_id,
            segment_bytes=SEGMENT_BYTES,
            filter_text=filter_text,
            writer=f"soth-mitm {__version__}",
        )
        self._indexer = RowIndexer()
        self._events: list[Event] = []
        self._buffer = bytearray(_ROOM)
        self._first = 1
        self._begun = False

    def write(self, event: Event) -> None:
        """Append one event.

        Raises:
            OSError: the disk does not take it.
        """
        if not self._begun:
            self._begin(event)
        if event.seq != self.events + 1:
            event = msgspec.structs.replace(event, seq=self.events + 1)
        try:
            size = append_frame(self._buffer, event)
        except _UNENCODABLE:
            try:
                size = append_frame(self._buffer, with_safe_text(event))
            except _UNENCODABLE:
                self.unwritable += 1
                return
        self.events += 1
        self._events.append(event)
        if size >= _FULL:
            self._end_block()
            if self._layout.full:
                self._end_segment()
                self._begin(event)

    def flush(self) -> None:
        """Write the block that has begun, so that readers see what is in it."""
        if self._begun:
            self._end_block()

    def close(self) -> None:
        """Write the rest, and what ends the segment."""
        if self._begun:
            self._end_block()
            self._end_segment()

    def _begin(self, event: Event) -> None:
        self._begun = True
        header = self._layout.begin_segment(wall_ns=event.wall_ns, mono_ns=event.mono_ns)
        self._target.begin(self._layout.segment)
        self._put(header)

    def _end_block(self) -> None:
        buffer, first, last = self._buffer, self._first, self.events
        if last < first:
            return
        self._layout.place(len(buffer), frames=last - first + 1, first_seq=first, last_seq=last)
        finish_block(buffer, flags=0, frames=last - first + 1, first_seq=first, last_seq=last)
        self._buffer, self._first = bytearray(_ROOM), last + 1
        self._put(buffer)
        events, self._events = self._events, []
        self._put_index(self._indexer.take(events))
        self._layout.reserve = self._indexer.size

    def _end_segment(self) -> None:
        self._put_index(self._indexer.end_segment())
        self._put(self._layout.end_segment())

    def _put_index(self, blocks: list[bytes]) -> None:
        for block in blocks:
            self._layout.place_index(len(block))
            self._put(block)

    def _put(self, data: Bytes) -> None:
        self._target.write(data)
        self.size += len(data)
