"""The reader: whatever happened to the bytes, it gives what is sound and says what is not."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.errors import DumpError
from soth_mitm.model.events import BodyChunk, Direction, Event, RequestHead
from soth_mitm.record.format import (
    BLOCK_CHECKPOINT,
    BLOCK_HEADER_SIZE,
    BLOCK_MAGIC,
    SEGMENT_MAGIC,
    BlockHeader,
    finish_block,
    pack_block_header,
)
from soth_mitm.record.frames import (
    FRAME,
    FRAME_CHECKPOINT,
    append_frame,
    decode_frame,
    decode_some,
    frames_in,
)
from soth_mitm.record.reader import FOREIGN_BYTES, DumpReader, ReadReport, read_payload
from tests.record.streams import dump_of, events, session

EVENTS = session(20)
DUMP, SPANS = dump_of(EVENTS, per_block=9, per_segment=60)


class Pipe(io.RawIOBase):
    """A stream that gives its bytes in pieces of one size, and cannot be sought."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece, self._data = self._data[: self._size], self._data[self._size :]
        return piece


def read(data: bytes) -> tuple[list[Event], ReadReport]:
    reader = DumpReader(io.BytesIO(data))
    return list(reader), reader.report


def block(*events: Event, flags: int = 0, frame_flags: int = 0) -> bytes:
    buffer = bytearray(BLOCK_HEADER_SIZE)
    for event in events:
        append_frame(buffer, event, frame_flags)
    finish_block(buffer, flags=flags, frames=len(events), first_seq=events[0].seq, last_seq=events[-1].seq)
    return bytes(buffer)


def test_a_dump_reads_back_as_it_was() -> None:
    events, report = read(DUMP)
    assert events == EVENTS
    assert report == ReadReport(blocks=len(SPANS), events=len(EVENTS), segments=3, complete=True)
    assert report.text() == "164 events in 19 blocks, 3 segments; complete"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_stream_reads_the_same_in_pieces_of_any_size(size: int) -> None:
    reader = DumpReader(Pipe(DUMP, size))  # type: ignore[arg-type]
    assert list(reader) == EVENTS
    assert reader.report.complete


def test_a_file_reads_the_same_and_tells_its_headers(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(DUMP)
    with DumpReader(path) as reader:
        assert list(reader) == EVENTS
        assert [(info.run_id, info.number) for info in reader.segments] == [
            ("run", 1),
            ("run", 2),
            ("run", 3),
        ]


def test_a_directory_reads_as_its_files_in_order(tmp_path: Path) -> None:
    for number in range(12):
        data, _ = dump_of(EVENTS[number * 10 : number * 10 + 10])
        (tmp_path / f"{number + 1:06d}.soth").write_bytes(data)
    with DumpReader(tmp_path) as reader:
        assert list(reader) == EVENTS[:120]
        assert reader.report.complete
        assert reader.report.segments == 12


def test_blocks_say_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(DUMP)
    with DumpReader(path) as reader:
        blocks = list(reader.blocks())
    assert [(each.offset, each.offset + each.length) for each in blocks] == SPANS
    for each in blocks:
        assert read_payload(path, each.offset, each.length) == each.payload


@pytest.mark.parametrize("number", range(len(SPANS)))
def test_a_byte_flipped_in_a_block_costs_that_block(number: int) -> None:
    start, end = SPANS[number]
    lost = EVENTS[number * 9 :][:9] if number < 6 else None
    for position in (start, start + 9, start + 20, start + 47, start + 48, (start + end) // 2, end - 1):
        bad = bytearray(DUMP)
        bad[position] ^= 0x40
        events, report = read(bytes(bad))
        assert report.damaged_blocks == 1
        assert report.skipped_bytes == end - start
        assert not report.complete
        assert report.blocks == len(SPANS) - 1
        assert [event for event in EVENTS if event in events] == events
        if lost is not None:
            assert [event for event in EVENTS if event not in events] == lost
        assert f"1 damaged place passed over ({end - start:,} bytes" in report.text()
        assert f", at byte {start:,})" in report.text()
        if position > start + BLOCK_HEADER_SIZE and number < 6:
            assert f"({end - start:,} bytes with 9 events, at byte {start:,})" in report.text()


def test_a_damaged_segment_header_costs_no_event() -> None:
    for position in (0, 7, 8, 12, 20):
        bad = bytearray(DUMP)
        bad[position] ^= 1
        events, report = read(bytes(bad))
        assert events == EVENTS
        assert report.damaged_blocks == 1


def test_a_file_cut_anywhere_gives_all_whole_blocks_and_reports_the_torn_tail() -> None:
    data, spans = dump_of(EVENTS[:30], per_block=10)
    for cut in range(1, len(data)):
        events, report = read(data[:cut])
        whole = sum(end <= cut for _, end in spans)
        assert events == EVENTS[: whole * 10]
        assert report.damaged_blocks == report.skipped_bytes == 0
        assert not report.complete
        last = max([end for _, end in spans if end <= cut], default=0)
        header_end = spans[0][0] if cut >= spans[0][0] else 0
        assert report.torn_bytes == cut - max(last, header_end)
        if report.torn_bytes:
            assert "cut off at the end" in report.text()
        else:
            assert "not closed properly" in report.text()


def test_what_was_appended_after_a_torn_tail_is_read() -> None:
    data, spans = dump_of(EVENTS, per_block=10)
    for cut in (spans[3][0] + 5, spans[3][0] + 60, spans[3][1] - 1):
        events, report = read(data[:cut] + DUMP)
        assert events == EVENTS[:30] + EVENTS
        assert (report.damaged_blocks, report.skipped_bytes, report.torn_bytes) == (1, cut - spans[3][0], 0)


def test_a_body_that_holds_a_dump_is_not_taken_for_one_even_when_its_block_is_damaged() -> None:
    inner, _ = dump_of(session(3), per_block=2)
    chunk = Event(2, 1, 1, 2, 0, 0, BodyChunk(Direction.RESPONSE, 0, len(inner), inner))
    outer, spans = dump_of([EVENTS[0], chunk, EVENTS[2]], per_block=1)
    assert read(outer)[0] == [EVENTS[0], chunk, EVENTS[2]]
    bad = bytearray(outer)
    bad[spans[1][0] + BLOCK_HEADER_SIZE] ^= 1
    events, report = read(bytes(bad))
    assert events == [EVENTS[0], EVENTS[2]]
    assert report.damaged_blocks == 1


edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "zero", "copy"]), st.integers(0), st.binary(max_size=40)
    ),
    min_size=1,
    max_size=4,
)


def edited(data: bytes, edits: list[tuple[str, int, bytes]]) -> tuple[bytes, int]:
    """Return damaged bytes, and how many places were damaged."""
    for kind, place, extra in edits:
        at = place % (len(data) + 1)
        if kind == "flip":
            data = data[:at] + bytes(each ^ 0x5A for each in data[at : at + 1]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at] + data[at + 1 + len(extra) :]
        elif kind == "insert":
            data = data[:at] + extra + data[at:]
        elif kind == "zero":
            data = data[:at] + bytes(len(data[at : at + 600])) + data[at + 600 :]
        else:
            data = data[:at] + data[at // 2 : at // 2 + 700] + data[at:]
    return data, len(edits)


@settings(max_examples=300, deadline=None)
@given(edits=edits, piece=st.sampled_from([100, 1 << 20]))
def test_damage_anywhere_costs_only_the_blocks_it_touches(
    edits: list[tuple[str, int, bytes]], piece: int
) -> None:
    data, places = edited(DUMP, edits)
    reader = DumpReader(Pipe(data, piece))  # type: ignore[arg-type]
    events = list(reader)
    known = {event.seq: event for event in EVENTS}
    assert all(known[event.seq] == event for event in events)
    # An edit touches at most two neighbours, or a run of 700 bytes of them.
    touched = places * (2 + 700 // min(end - start for start, end in SPANS))
    assert len({event.seq for event in events}) >= len(EVENTS) - touched * 9
    assert reader.report.events == len(events)


@settings(max_examples=300, deadline=None)
@given(
    junk=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.just(BLOCK_MAGIC),
            st.just(SEGMENT_MAGIC),
            st.just(DUMP[: SPANS[0][0]]),
            st.sampled_from([DUMP[start : start + 30] for start, _ in SPANS]),
            st.sampled_from([DUMP[start : start + BLOCK_HEADER_SIZE] for start, _ in SPANS]),
        ),
        max_size=30,
    )
)
def test_any_bytes_are_read_or_refused_and_every_one_accounted_for(junk: list[bytes]) -> None:
    data = b"".join(junk)
    reader = DumpReader(io.BytesIO(data))
    with contextlib.suppress(DumpError):
        assert list(reader) == []
    report = reader.report
    assert report.skipped_bytes + report.torn_bytes <= len(data)
    assert report.blocks == 0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty"),
        (b"GET / HTTP/1.1\r\n", "not a .soth file"),
        (b"\x00" * 5000, "not a .soth file"),
        (b"junk" + SEGMENT_MAGIC, "not a .soth file"),
    ],
)
def test_what_is_no_dump_is_refused_by_name(data: bytes, text: str) -> None:
    with pytest.raises(DumpError, match=rf"odd\.bin.*{text}|odd\.bin {text}"):
        list(DumpReader(io.BytesIO(data), name="odd.bin"))


def test_an_endless_foreign_stream_is_refused_in_time() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"y" * size

    source = Endless()
    with pytest.raises(DumpError, match=r"not a \.soth"):
        list(DumpReader(source))  # type: ignore[arg-type]
    assert source.given <= FOREIGN_BYTES + (2 << 20)


def test_a_newer_version_is_refused_and_says_so() -> None:
    head = SEGMENT_MAGIC + struct.pack("<HHI", 2, 0, 0)
    data = head + struct.pack("<I", zlib.crc32(head))
    with pytest.raises(DumpError, match=r"new\.soth .*offset 0.*version 2.*up to 1: update"):
        list(DumpReader(io.BytesIO(data), name="new.soth"))


def test_a_missing_file_and_an_empty_directory_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match=r"cannot open .*none\.soth: No such file"):
        DumpReader(tmp_path / "none.soth")
    with pytest.raises(DumpError, match="is empty"):
        list(DumpReader(tmp_path))


def test_kinds_codecs_and_frames_that_cannot_be_read_are_counted_and_passed_over() -> None:
    unknown = bytearray(block(EVENTS[2]))
    struct.pack_into("<H", unknown, BLOCK_HEADER_SIZE + 4, 0x7777)
    finish_block(unknown, flags=0, frames=1, first_seq=3, last_seq=3)
    broken = bytearray(block(EVENTS[3]))
    broken[BLOCK_HEADER_SIZE + 52] = 0xC1
    finish_block(broken, flags=0, frames=1, first_seq=4, last_seq=4)
    coded = bytearray(BLOCK_HEADER_SIZE)
    pack_block_header(coded, BlockHeader(5, 0, 0, 99, 1, 5, 5, 0))
    events, report = read(block(EVENTS[0]) + unknown + broken + coded + block(EVENTS[4]))
    assert events == [EVENTS[0], EVENTS[4]]
    assert (report.unknown_kinds, report.bad_frames, report.unknown_blocks) == (1, 1, 1)
    assert report.damaged_blocks == 0
    assert report.text() == (
        "2 events in 4 blocks, 0 segments; 1 event and 1 block of a newer version passed over; "
        "1 event could not be decoded"
    )


def test_a_checkpoint_is_passed_over_by_who_has_read_what_it_repeats() -> None:
    repeated = block(*EVENTS[2:5], flags=BLOCK_CHECKPOINT, frame_flags=FRAME_CHECKPOINT)
    events, _ = read(block(*EVENTS[:10]) + repeated + block(*EVENTS[10:12]))
    assert events == EVENTS[:12]


def test_a_checkpoint_stands_in_for_earlier_segments_that_are_gone() -> None:
    repeated = block(*EVENTS[2:5], flags=BLOCK_CHECKPOINT, frame_flags=FRAME_CHECKPOINT)
    assert read(repeated + block(*EVENTS[10:12]))[0] == [*EVENTS[2:5], *EVENTS[10:12]]


def test_a_checkpoint_stands_in_once_for_a_block_that_was_damaged() -> None:
    repeated = block(*EVENTS[2:5], flags=BLOCK_CHECKPOINT, frame_flags=FRAME_CHECKPOINT)
    damaged = bytearray(block(*EVENTS[2:4]))
    damaged[-1] ^= 1
    events, _ = read(
        block(*EVENTS[:2]) + damaged + block(*EVENTS[4:8]) + repeated + block(EVENTS[8]) + repeated
    )
    assert [event.seq for event in events] == [1, 2, 5, 6, 7, 8, 3, 4, 9]


def test_another_run_in_the_same_file_counts_for_itself() -> None:
    first, _ = dump_of(EVENTS, run="one")
    second, _ = dump_of(EVENTS[10:12], run="two")
    repeated = block(*EVENTS[2:5], flags=BLOCK_CHECKPOINT, frame_flags=FRAME_CHECKPOINT)
    header = second[: second.index(BLOCK_MAGIC)]
    events, _ = read(first + header + repeated + second[len(header) :])
    assert events == [*EVENTS, *EVENTS[2:5], *EVENTS[10:12]]


def test_a_growing_file_is_followed_without_taking_its_end_for_torn(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(b"")
    got: list[Event] = []
    with DumpReader(path) as reader, path.open("ab", buffering=0) as file:
        for start in range(0, len(DUMP), 500):
            file.write(DUMP[start : start + 500])
            got += reader.read_more()
            done = sum(end <= start + 500 for _, end in SPANS)
            assert reader.report.blocks == done
            assert reader.report.damaged_blocks == 0
        assert got == EVENTS
        assert reader.report.complete


def test_a_growing_directory_is_followed_from_file_to_file(tmp_path: Path) -> None:
    reader: DumpReader | None = None
    got: list[Event] = []
    for number in range(4):
        data, _ = dump_of(EVENTS[number * 10 : number * 10 + 10], footer=number != 1)
        file = tmp_path / f"{number + 1:06d}.soth"
        file.write_bytes(data[:50])
        reader = reader or DumpReader(tmp_path)
        got += reader.read_more()
        with file.open("ab") as more:
            more.write(data[50:])
        got += reader.read_more()
        assert got == EVENTS[: number * 10 + 10]
    assert reader is not None
    assert reader.report.complete
    reader.close()


def test_following_after_the_end_was_reached_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    cut = SPANS[5][0] + 70
    path.write_bytes(DUMP[:cut])
    with DumpReader(path) as reader:
        first = list(reader)
        assert reader.report.torn_bytes == 70
        with path.open("ab") as file:
            file.write(DUMP[cut:])
        assert first + list(reader) == EVENTS
        assert reader.report.torn_bytes == 0


def test_a_segment_that_retention_removed_meanwhile_is_passed_over(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        data, _ = dump_of(EVENTS[number * 10 : number * 10 + 10])
        (tmp_path / f"{number:06d}.soth").write_bytes(data)
    with DumpReader(tmp_path) as reader:
        (tmp_path / "000002.soth").unlink()
        assert list(reader) == EVENTS[10:20] + EVENTS[30:40]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(DUMP)
    path.chmod(0)
    with pytest.raises(DumpError, match=r"cannot open .*a\.soth: Permission denied"):
        DumpReader(path)


def test_a_block_that_is_not_where_it_was_is_an_error_with_file_offset_and_cause(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(DUMP)
    start, end = SPANS[1]
    with pytest.raises(DumpError, match=rf"a\.soth is damaged at offset {start + 1:,} \(block_magic\)"):
        read_payload(path, start + 1, end - start)
    path.unlink()
    with pytest.raises(DumpError, match=rf"a\.soth at offset {start:,}: No such file"):
        read_payload(path, start, end - start)


def test_heads_come_back_byte_for_byte() -> None:
    raw = bytes(range(256)) * 20
    event = Event(1, 1, 1, 1, 0, 0, RequestHead(b"\xff", b"\x00\x80", "HTTP/1.1", raw))
    assert read(dump_of([event])[0])[0] == [event]


@given(st.lists(events(), max_size=20), st.integers(1, 8), st.integers(0, 3))
def test_events_in_lists_are_the_events_of_the_frames(told: list[Event], most: int, cut: int) -> None:
    payload = bytearray()
    for number, event in enumerate(told):
        append_frame(payload, event)
        if number % 5 == 3:
            payload += FRAME.pack(1, 0x7000 if number % 2 else 0x0301, 0, 1, 1, 1, 1, 1, 1) + b"\xc1"
    data = bytes(payload[: len(payload) - cut])
    expected = [decode_frame(data, frame) for frame in frames_in(data)]
    found, at, bad = list[Event](), 0, 0
    while at < len(data):
        some = decode_some(data, at, most)
        assert len(some.events) <= most
        found += some.events
        at, bad = some.end, bad + some.unknown + some.unreadable
    assert found == [event for event in expected if event is not None]
    assert bad == expected.count(None)
