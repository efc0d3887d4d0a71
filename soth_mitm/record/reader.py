"""The reader of `.soth`: events from a file, a directory of segments, or a stream, whatever their state.

Damage, a torn tail and kinds of a later version never stop it; `report` says what was met. Events
come in the order in which they were recorded, each once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from soth_mitm.errors import DumpError
from soth_mitm.model.events import BODIES, Event
from soth_mitm.record.footer import decode_footer
from soth_mitm.record.format import (
    BLOCK_CHECKPOINT,
    BLOCK_HEADER_SIZE,
    FRAME_BYTES,
    VERSION,
    BlockHeader,
    LayoutError,
    NewerVersion,
    SegmentInfo,
    block_payload,
    plain_payload,
)
from soth_mitm.record.frames import FRAME_CHECKPOINT, Frame, decode_frame, decode_some, frames_in
from soth_mitm.record.scan import Damage, Found, SegmentFound
from soth_mitm.record.source import Source
from soth_mitm.record.walking import IndexedSegment, Verified, indexed_segment, verify

FOREIGN_BYTES = 2 * FRAME_BYTES
"""A source that shows nothing readable within so many bytes is no `.soth`."""


MOST_PLACES: Final = 3
"""Damaged places that are named; all are counted."""


class ReadReport(msgspec.Struct):
    """What a reader has met so far."""

    blocks: int = 0
    events: int = 0
    damaged_blocks: int = 0
    """Places that could not be read; each is one damaged block, or several in a row."""
    skipped_bytes: int = 0
    lost_events: int = 0
    """Events in them, as far as headers that are sound say how many there were."""
    places: list[str] = msgspec.field(default_factory=list)
    """Where the first of them are, in words."""
    unknown_kinds: int = 0
    """Frames of a kind that a later version added."""
    unknown_blocks: int = 0
    """Blocks of a codec that a later version added."""
    bad_frames: int = 0
    """Frames in sound blocks that could not be decoded."""
    torn_bytes: int = 0
    """Bytes of an unfinished block at the end."""
    segments: int = 0
    complete: bool = False
    """Nothing was damaged, torn or passed over, and the last segment was closed properly."""

    def text(self) -> str:
        """Return one line for a person."""
        parts = [
            f"{self.events:,} events in {_count(self.blocks, 'block')}, {_count(self.segments, 'segment')}"
        ]
        if self.damaged_blocks:
            places = _count(self.damaged_blocks, "damaged place")
            lost = f" with {_count(self.lost_events, 'event')}" if self.lost_events else ""
            more = ", …" if self.damaged_blocks > len(self.places) else ""
            where = f", at {', '.join(self.places)}{more}" if self.places else ""
            parts.append(f"{places} passed over ({_count(self.skipped_bytes, 'byte')}{lost}{where})")
        if self.torn_bytes:
            parts.append(f"cut off at the end ({_count(self.torn_bytes, 'byte')} of an unfinished block)")
        if self.unknown_kinds or self.unknown_blocks:
            newer = _count(self.unknown_kinds, "event") + " and " + _count(self.unknown_blocks, "block")
            parts.append(f"{newer} of a newer version passed over")
        if self.bad_frames:
            parts.append(f"{_count(self.bad_frames, 'event')} could not be decoded")
        if self.complete:
            parts.append("complete")
        elif len(parts) == 1:
            parts.append("not closed properly; all that was written is here")
        return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class Block(NamedTuple):
    """One sound block: where it stands, and what is in it."""

    path: Path | None
    """Its file; None when the source is a stream."""
    offset: int
    """Of its header, from the start of the file or stream."""
    header: BlockHeader
    payload: bytes
    run_id: str
    """The run it is of; empty where no segment header was found before it."""

    @property
    def length(self) -> int:
        """Bytes of header and payload."""
        return BLOCK_HEADER_SIZE + self.header.stored


class DumpReader:
    """Read a `.soth` file, a directory of segment files, or a binary stream, from its start.

    Iterate over it for events, or take `blocks()` and `events_in(block)` to know where they stand.
    `read_more()` goes on where the last reading ended, for a source that still grows.

    Raises:
        DumpError: the source cannot be opened or read, is no `.soth`, or is of a newer version.
    """

    def __init__(self, source: Path | BinaryIO, *, name: str = "") -> None:
        self.report = ReadReport()
        self.segments: list[SegmentInfo] = []
        """The headers met so far."""
        self.name = name or (str(source) if isinstance(source, Path) else "standard input")
        self._seen = SeenEvents()
        self._closed_well = False
        self._indexed: IndexedSegment | None = None
        self._torn_before = 0
        self._source = Source(source, self.name)

    def __enter__(self) -> DumpReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a stream is left to its owner."""
        self._source.close()

    def __iter__(self) -> Iterator[Event]:
        """Yield the events up to the end of the source."""
        for block in self.blocks():
            for _, event in self.events_in(block):
                yield event

    def read_more(self) -> Iterator[Event]:
        """Yield the events that are there by now; an unfinished block is left for the next call."""
        for block in self.blocks(growing=True):
            for _, event in self.events_in(block):
                yield event

    def blocks(self, *, growing: bool = False) -> Iterator[Block]:
        """Yield the sound blocks of frames up to the end, checkpoints included.

        With `growing`, the end of the source is taken as a pause, not as the end.
        """
        for found in self._found(growing, indexed=False):
            if isinstance(found, Block):
                yield found

    def sections(self, *, growing: bool = False) -> Iterator[Block | IndexedSegment]:
        """Yield as `blocks` does, but a segment that has a row index as one, behind its checkpoint.

        Its blocks count as read without being looked at; `verify` then looks at them.
        """
        return self._found(growing, indexed=True)

    def verify(self, segment: IndexedSegment) -> Verified:
        """Compare the checksums of the blocks of the segment that was yielded last; from any thread."""
        return verify(self._source.fileno, segment.blocks)

    def note(self, found: Verified) -> None:
        """Report what `verify` has found."""
        report = self.report
        report.events += found.events
        report.blocks -= len(found.damage)
        for damage in found.damage:
            self._damaged(damage)

    def _found(self, growing: bool, *, indexed: bool) -> Iterator[Block | IndexedSegment]:
        source = self._source
        while True:
            found = self._take()
            if found is None:
                if source.feed():
                    self._refuse_foreign()
                    continue
                more = source.next_path() is not None
                found = self._take(final=True) if more or not growing else None
            if found is None:
                if not more:
                    break
                self._torn_before += source.scanner.rest
                source.next_file()
                continue
            segment = self._indexed
            if segment is not None and found.offset >= segment.start:
                yield self._take_indexed(segment)
                continue
            block = self._judge(found)
            if block is not None:
                yield block
            elif indexed and isinstance(found, SegmentFound) and source.path is not None:
                self._indexed = indexed_segment(source.fileno, source.path, found.offset)
        self._settle(growing)

    def _take_indexed(self, segment: IndexedSegment) -> IndexedSegment:
        """Go on behind a segment."""
        self._indexed = None
        self._source.skip_to(segment.end)
        self.report.blocks += len(segment.blocks)
        for _, header in segment.blocks:
            self._seen.block(header.first_seq, header.last_seq)
        self._closed_well = True
        return segment

    def events_in(self, block: Block) -> Iterator[tuple[Frame, Event]]:
        """Yield the events of a block with their frames; take the blocks in the order they came.

        Of a checkpoint only those events are yielded that stood in no block before it.
        """
        report, payload = self.report, block.payload
        for frame in frames_in(payload):
            if frame.flags & FRAME_CHECKPOINT and not self._seen.is_new(frame.seq):
                continue
            event = decode_frame(payload, frame)
            if event is not None:
                report.events += 1
                yield frame, event
            elif frame.kind in BODIES:
                report.bad_frames += 1
            else:
                report.unknown_kinds += 1

    def event_lists(self, block: Block, most: int) -> Iterator[list[Event]]:
        """Yield what `events_in` does, up to `most` at a time and without their frames, in half the time."""
        if block.header.flags & BLOCK_CHECKPOINT:
            known = (event for _, event in self.events_in(block))
            while events := list(islice(known, most)):
                yield events
            return
        report, payload, at = self.report, block.payload, 0
        while at < len(payload):
            events, at, unknown, unreadable = decode_some(payload, at, most)
            report.events += len(events)
            report.unknown_kinds += unknown
            report.bad_frames += unreadable
            yield events

    def _take(self, *, final: bool = False) -> Found | None:
        try:
            return self._source.scanner.take(final=final)
        except NewerVersion as error:
            raise DumpError(
                f"{self._source.name} holds, at offset {self._source.scanner.offset:,}, "
                f"a segment of format version {error.version}, and this soth-mitm reads up to {VERSION}: "
                "update it"
            ) from error

    def _judge(self, found: Found) -> Block | None:
        """Count what was found; return it if it is a block of frames."""
        report = self.report
        if isinstance(found, Damage):
            self._damaged(found)
            return None
        self._closed_well = False
        if isinstance(found, SegmentFound):
            report.segments += 1
            self.segments.append(found.info)
            self._seen.run(found.info.run_id)
            return None
        offset, header, payload = found
        try:
            payload = plain_payload(header, payload)
        except LayoutError as error:
            if error.code == "block_codec":
                report.unknown_blocks += 1
            else:
                self._damaged(Damage(offset, header.stored, header.frames))
            return None
        if not header.has_frames:
            self._closed_well = header.ends_segment and _is_footer(payload)
            return None
        report.blocks += 1
        if not header.flags & BLOCK_CHECKPOINT:
            self._seen.block(header.first_seq, header.last_seq)
        return Block(self._source.path, offset, header, payload, self._run_id)

    @property
    def _run_id(self) -> str:
        return self.segments[-1].run_id if self.segments else ""

    def _damaged(self, damage: Damage) -> None:
        report, path = self.report, self._source.path
        report.damaged_blocks += 1
        report.skipped_bytes += damage.length
        report.lost_events += damage.events
        if len(report.places) < MOST_PLACES:
            name = f" of {path.name}" if path is not None and self._source.is_directory else ""
            report.places.append(f"byte {damage.offset:,}{name}")

    def _refuse_foreign(self) -> None:
        if self._found_nothing() and self._source.scanner.offset > FOREIGN_BYTES:
            raise self._foreign()

    def _found_nothing(self) -> bool:
        return not (self.report.segments or self.report.blocks or self.report.unknown_blocks)

    def _foreign(self) -> DumpError:
        return DumpError(
            f"{self._source.name} is not a .soth file: nothing from offset 0 on is a segment or a block; "
            "give a file that soth-mitm wrote with -w"
        )

    def _settle(self, growing: bool) -> None:
        """Judge the whole, once what is there by now has been read."""
        report, rest = self.report, self._source.scanner.rest
        report.torn_bytes = self._torn_before + rest
        lost = report.damaged_blocks or report.torn_bytes or report.unknown_blocks or report.bad_frames
        report.complete = self._closed_well and not lost and not report.unknown_kinds
        if growing or not self._found_nothing():
            return
        if not self._source.read_bytes:
            raise DumpError(
                f"{self._source.name} is empty: nothing was recorded; check the name, or record again"
            )
        if report.damaged_blocks or not rest:
            raise self._foreign()


def _is_footer(payload: bytes) -> bool:
    try:
        decode_footer(payload)
    except LayoutError:
        return False
    return True


class SeenEvents:
    """Which events of a run were in the blocks so far, as the ranges that were not."""

    def __init__(self) -> None:
        self._run = ""
        self._clear()

    def _clear(self) -> None:
        self._last = 0
        self._gap_starts: list[int] = []
        self._gap_ends: list[int] = []
        self._restored: set[int] = set()

    def run(self, run_id: str) -> None:
        """Note whose events follow; another run counts from 1 again."""
        if run_id != self._run:
            self._run = run_id
            self._clear()

    def block(self, first: int, last: int) -> None:
        """Note the events of a block."""
        if first > self._last + 1:
            self._gap_starts.append(self._last + 1)
            self._gap_ends.append(first - 1)
        self._last = max(self._last, last)

    def is_new(self, seq: int) -> bool:
        """Say whether an event of a checkpoint stood in no block before; true only once for each."""
        at = bisect_right(self._gap_starts, seq) - 1
        missing = seq > self._last or (at >= 0 and seq <= self._gap_ends[at])
        if not missing or seq in self._restored:
            return False
        self._restored.add(seq)
        return True


def read_payload(path: Path, offset: int, length: int) -> bytes:
    """Return the payload of the block that stands at `offset` of a file.

    Raises:
        DumpError: the file is gone or unreadable, or no sound block stands there.
    """
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return block_payload(file.read(length) or b"")
    except OSError as error:
        raise DumpError(f"cannot read {path} at offset {offset:,}: {error.strerror or error}") from error
    except LayoutError as error:
        raise DumpError(
            f"{path} is damaged at offset {offset:,} ({error.code}); the rest of it can still be read"
        ) from error
