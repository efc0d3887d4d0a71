"""The row index: rows that are taken from it are those that the events make."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.errors import DumpError
from soth_mitm.model import events as e
from soth_mitm.model.events import BODIES
from soth_mitm.record import format as dump_format
from soth_mitm.record import frames, rowindex, rowindexer
from soth_mitm.record.adopting import AdoptingIndex
from soth_mitm.record.bus import Bus
from soth_mitm.record.filestore import DumpStore
from soth_mitm.record.footer import TAIL, decode_footer
from soth_mitm.record.format import BLOCK_CHECKPOINT, BLOCK_INDEX, LayoutError, block_payload
from soth_mitm.record.packed import Packed, Result, Site, result_of
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rowindex import Digest, IndexPart, SegmentEnd, decode_part
from soth_mitm.record.rows import Row
from soth_mitm.record.runs import NO_SHIFT
from soth_mitm.record.scan import BlockFound, Scanner
from soth_mitm.record.tables import Tables
from soth_mitm.record.target import DirectoryTarget, FileTarget, Target
from soth_mitm.record.walking import IndexedSegment
from tests.helpers import streams
from tests.record.streams import bodies

TEXTS = (
    "",
    "GET",
    "status:>=400",
    "mark:★",
    "process:curl",
    "size:>1k",
    "is:error",
    "host:shop",
    "comment:odd",
)


async def write(
    path: Path,
    events: Sequence[e.Event],
    *,
    run: str = "run-1",
    append: bool = False,
    blocks: Sequence[int] = (),
    segment_bytes: int = 1 << 26,
) -> None:
    """Write events as -w does.

    A block ends before each event of `blocks`; with few `segment_bytes`, so does a segment.
    """
    bus = Bus(ManualClock())
    target: Target
    if path.suffix == ".soth":
        target = FileTarget(path, append=append)
    else:
        target = DirectoryTarget.given(path, append=append, overwrite=False)
    recorder = Recorder(bus, target, run_id=run, limits=Limits(), segment_bytes=segment_bytes)
    for number, event in enumerate(events):
        if number in blocks:
            await recorder.flush()
        bus.publish(event.body, event.conn, event.flow, event.flow_seq)
    await recorder.close()


async def loaded(path: Path, *, by_events: bool = False) -> DumpStore:
    store = DumpStore(path)
    await store.load(observe=(lambda _: None) if by_events else None)
    await store.close()  # flows can still be read
    return store


def rows_of(store: DumpStore) -> list[Row]:
    return [store.index.row(number) for number in range(store.index.dropped, store.index.end)]


def facts(store: DumpStore, flows: Sequence[int] = (), conns: Sequence[int] = ()) -> list[object]:
    """Return everything that a list and what is beside it read of an index."""
    index = store.index
    rows = rows_of(store)
    return [
        rows,
        index.session,
        [
            (flow, index.number_of(flow), index.blocks_of(flow))
            for flow in flows or [row.flow for row in rows]
        ],
        [(conn, index.blocks_of_conn(conn)) for conn in conns or {row.conn for row in rows}],
        [(flow, index.annotation(flow)) for flow in index.annotated()],
        [index.search(text, 0, index.end) for text in TEXTS],
        index.unstored_annotations(),
    ]


async def same_in_both_ways(path: Path, flows: Sequence[int] = (), conns: Sequence[int] = ()) -> DumpStore:
    by_rows, by_events = await loaded(path), await loaded(path, by_events=True)
    assert facts(by_rows, flows, conns) == facts(by_events, flows, conns)
    assert by_rows.report == by_events.report
    return by_rows


def segments_of(path: Path) -> list[IndexedSegment]:
    with DumpReader(path) as reader:
        return [each for each in reader.sections() if isinstance(each, IndexedSegment)]


def index_blocks(path: Path) -> list[BlockFound]:
    scanner = Scanner()
    scanner.feed(path.read_bytes())
    found = []
    while (each := scanner.take(final=True)) is not None:
        if isinstance(each, BlockFound) and each.header.flags == BLOCK_INDEX:
            found.append(each)
    return found


def everything() -> list[e.Event]:
    """Return a run with every kind of flow, some left open, with annotations and failures that came again."""
    stream = streams.Stream()
    flows = streams.everything(stream)
    for _ in range(3):
        streams.dial_failed(stream, host="again.test")
    for number, flow in enumerate(flows.values()):
        stream.add(e.Annotated("★" if number % 2 else "", "odd\none", "red"), flow=flow)
    stream.add(e.Annotated(), flow=min(flows.values()))
    late = streams.sse(stream, finished=False)
    stream.add(e.Annotated("open", "", ""), flow=late)
    streams.many(stream, 40)
    stream.add(e.ProcessKnown(7, "curl", "/usr/bin/curl"), conn=stream.events[-2].conn)
    return stream.events


async def test_rows_of_an_index_are_those_that_the_events_make(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    await write(path, everything(), blocks=range(0, 3000, 23))
    assert len(segments_of(path)) == 1
    store = await same_in_both_ways(path)
    assert store.report.complete
    assert len(store.index) > 50


async def test_the_table_of_a_footer_names_the_blocks_of_the_index_too(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    await write(path, everything(), blocks=range(0, 3000, 90))
    (segment,) = segments_of(path)
    blocks = [(each.offset, each.header) for each in segment.blocks]
    blocks += [(each.offset, each.header) for each in index_blocks(path)]
    tail = TAIL.unpack(path.read_bytes()[-TAIL.size :])
    footer = path.read_bytes()[-tail[1] :]
    assert tail[0] == path.stat().st_size
    assert [(each.offset, each.frames, each.flags) for each in decode_footer(block_payload(footer))] == [
        (offset, header.frames, header.flags) for offset, header in sorted(blocks)
    ]


async def test_what_is_open_goes_on_from_segment_to_segment(tmp_path: Path) -> None:
    for name in ("a.soth", "directory"):
        path = tmp_path / name
        await write(path, everything(), blocks=range(0, 3000, 31), segment_bytes=1)
        assert len(segments_of(path)) > 10
        await same_in_both_ways(path)


NUMBERED = st.tuples(
    st.integers(0, 3),
    st.integers(0, 6),
    st.one_of(
        st.builds(
            e.FlowOpened,
            st.sampled_from(e.FlowKind),
            st.sampled_from(("http", "https")),
            st.sampled_from(("a.test", "b.test")),
            st.integers(0, 65_535),
            st.just("127.0.0.1:5000"),
            st.booleans(),
        ),
        st.builds(e.FlowClosed, st.sampled_from(("completed", "dial_failed", "client_closed"))),
        st.builds(e.Annotated, st.sampled_from(("★", "", "m\x1b")), st.text(max_size=5), st.just("red")),
        bodies(),
    ),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(NUMBERED, max_size=80),
    st.sets(st.integers(1, 80), max_size=8),
    st.sampled_from((1, 1 << 26)),
    st.booleans(),
)
def test_any_events_in_any_order_make_the_same_rows_both_ways(
    told: list[tuple[int, int, e.Body]], blocks: set[int], segment_bytes: int, twice: bool
) -> None:
    events = [e.Event(0, conn, flow, 1, 0, 0, body) for conn, flow, body in told]

    async def check(path: Path) -> None:
        for run in ("run-1", "run-2")[: 1 + twice]:
            await write(
                path,
                events,
                run=run,
                append=run == "run-2",
                blocks=sorted(blocks),
                segment_bytes=segment_bytes,
            )
        await same_in_both_ways(path, range(1, 14), range(1, 8))

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(check(Path(directory, "a.soth")))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


async def test_a_damaged_index_costs_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    await write(path, everything())
    whole = await loaded(path)
    flip(path, index_blocks(path)[0].offset + 60)
    assert segments_of(path) == []
    store = await same_in_both_ways(path)
    assert facts(store) == facts(whole)
    assert store.report.damaged_blocks == 1
    assert not store.report.complete
    assert "1 damaged place passed over" in store.report.text()


async def test_what_stands_before_the_segment_of_a_newer_version_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.soth"
    await write(path, everything())
    whole = await loaded(path)
    flip(path, index_blocks(path)[0].offset + 60)
    monkeypatch.setattr(dump_format, "VERSION", dump_format.VERSION + 1)
    await write(path, everything(), run="run-2", append=True)
    monkeypatch.undo()
    store = DumpStore(path)
    with pytest.raises(DumpError, match="update it"):
        await store.load()
    await store.close()
    assert len(store.index) == len(whole.index)


async def test_a_damaged_block_keeps_its_rows_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    await write(path, everything(), blocks=range(0, 3000, 50))
    whole, (segment,) = await loaded(path), segments_of(path)
    place = segment.blocks[4]
    flip(path, place.offset + 200)
    store = await loaded(path)
    assert facts(store) == facts(whole)
    assert (store.report.damaged_blocks, store.report.skipped_bytes) == (1, place.length)
    assert store.report.events == whole.report.events - place.header.frames
    assert not store.report.complete
    missing = 0
    for number in range(store.index.end):
        view = await store.view(store.index.row(number).flow)
        assert view is not None
        missing += view.missing_blocks
    assert missing


async def test_a_file_that_was_cut_off_shows_the_same_rows_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    await write(path, everything(), blocks=range(0, 3000, 100), segment_bytes=1)
    last = segments_of(path)[-2]
    os.truncate(path, last.blocks[-1].offset + 100)
    store = await same_in_both_ways(path)
    assert store.report.torn_bytes == 100
    assert any(row.outcome == "recording ends here" for row in map(store.index.row, range(store.index.end)))


async def test_what_is_left_after_retention_shows_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    await write(path, everything(), blocks=range(0, 3000, 40), segment_bytes=1)
    whole = await loaded(path)
    for file in sorted(path.glob("*.soth"))[:4]:
        file.unlink()
    by_rows, by_events = await loaded(path), await loaded(path, by_events=True)
    flows = [[row.flow for row in rows_of(s)] for s in (by_rows, by_events)]
    assert flows[0] == flows[1]
    for row in map(by_rows.index.row, range(by_rows.index.end)):
        number = whole.index.number_of(row.flow)
        assert number is not None
        row.number = number
        assert row == whole.index.row(number)


async def test_a_file_that_grows_is_gone_on_with(tmp_path: Path) -> None:
    path, grown = tmp_path / "a.soth", tmp_path / "grown.soth"
    await write(path, everything(), blocks=range(0, 3000, 60), segment_bytes=1)
    data, segments = path.read_bytes(), segments_of(path)
    ends = [0, *(each.end for each in segments)]
    cuts = sorted({each for end in ends for each in (end, min(end + 3000, len(data)))})
    grown.touch()
    store = DumpStore(grown)
    for before, after in zip([0, *cuts], cuts, strict=False):
        with grown.open("ab") as file:
            file.write(data[before:after])
        await store.read_more()
    await store.close()
    store.index.end_of_recording()
    assert facts(store) == facts(await loaded(path, by_events=True))
    assert store.report.complete


SITE = ("127.0.0.1", "http", "a.test", 80, "", "", False, False, 0, "")
RESULT = result_of(Row(1, 1, "http", 1, 1, "127.0.0.1:1", "http", "a.test", 80, state="closed"))


def row_of(**changes: object) -> Row:
    row = Row(1, 1, "http", 1, 1, "127.0.0.1:1", "http", "a.test", 80, state="closed")
    return msgspec.structs.replace(row, **changes)


def packed(**changes: object) -> Packed:
    return msgspec.structs.replace(Packed(1, 1, 1, 1, 1, 1, 0, 0, 0, "/", 0, 0, 1, 0, 0), **changes)


def part_of(row: Row | Packed, site: Site = SITE, result: Result = RESULT, version: int = 1) -> bytes:
    digests = [Digest(0, [row], [], []) if isinstance(row, Packed) else Digest(0, [row.flow], [row], [])]
    return msgspec.msgpack.encode(IndexPart(version, [site], [result], digests, SegmentEnd([], 1, 1)))


ODD = "a\x1b]52;c;x\x07"


@pytest.mark.parametrize(
    "odd",
    [
        part_of(row_of(host=ODD)),
        part_of(row_of(comment="\u202e")),
        part_of(row_of(state="odd")),
        part_of(row_of(kind="odd")),
        part_of(row_of(form="odd")),
        part_of(row_of(path="/" * 200)),
        part_of(row_of(hint="a" * 9000)),
        part_of(row_of(flow=0)),
        part_of(packed(path=ODD)),
        part_of(packed(path="/" * 200)),
        part_of(packed(site=1)),
        part_of(packed(result=-1)),
        part_of(packed(flow=0)),
        part_of(packed(), (*SITE[:2], ODD, *SITE[3:])),
        part_of(packed(), (*SITE[:2], "a" * 9000, *SITE[3:])),
        part_of(packed(), SITE, ("failed", *RESULT[1:])),
        part_of(packed(), SITE, (*RESULT[:16], "odd", *RESULT[17:])),
        part_of(row_of(), version=2),
        msgspec.msgpack.encode(IndexPart(1, [], [], [], SegmentEnd([row_of()], 1, 1))),
        msgspec.msgpack.encode(IndexPart(1, [SITE], [RESULT], [Digest(0, [1, packed()], [], [])])),
        msgspec.msgpack.encode(IndexPart(1, [], [], [Digest(0, [*range(1, 66)], [], [])])),
        msgspec.msgpack.encode(IndexPart(1, [], [], [Digest(0, [], [], [*range(1, 66)])])),
        b"",
        b"\xc1",
        b"\x95\x01",
        part_of(row_of())[:-3],
    ],
)
def test_what_no_events_could_make_is_refused(odd: bytes) -> None:
    with pytest.raises(LayoutError):
        decode_part(odd)


def test_a_sound_part_is_read() -> None:
    assert decode_part(part_of(packed())).digests[0].rows == [packed()]
    assert decode_part(part_of(row_of())).digests[0].whole == [row_of()]


def test_a_flow_that_is_told_as_new_once_more_keeps_its_row() -> None:
    index = AdoptingIndex()
    again = row_of(state="open", host="b.test")
    for row in (row_of(state="open"), again, packed()):
        digest = Digest(0, [row], [], []) if isinstance(row, Packed) else Digest(0, [row.flow], [row], [])
        index.adopt(digest, (), 0, Tables([SITE], [RESULT]))
        assert (len(index), index.number_of(1)) == (1, 0)
        if row is again:
            assert index.row(0) is again
    assert index.row(0).state == "closed"


async def test_events_of_a_kind_that_is_not_known_are_read_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, saved = tmp_path / "a.soth", tmp_path / "saved.soth"
    await write(path, everything())
    assert len(segments_of(path)) == 1
    monkeypatch.delitem(BODIES, e.ProcessKnown.KIND)
    monkeypatch.delitem(frames._DECODERS, e.ProcessKnown.KIND)
    store = await same_in_both_ways(path)
    assert store.report.unknown_kinds
    assert "of a newer version passed over" in store.report.text()
    await store.save(saved)
    monkeypatch.undo()
    assert segments_of(saved) == []
    assert (await same_in_both_ways(saved)).report.complete


async def test_where_too_many_rows_are_open_a_segment_has_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.soth"
    monkeypatch.setattr(rowindexer, "MOST_OPEN", 0)
    await write(path, everything(), blocks=range(0, 3000, 31), segment_bytes=1)
    store = await same_in_both_ways(path)
    assert 0 < len(segments_of(path)) < store.report.segments
    assert store.report.complete


async def test_a_part_that_would_be_longer_than_a_block_may_be_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.soth"
    monkeypatch.setattr(rowindexer, "PART_BYTES", 1000)
    monkeypatch.setattr(rowindex, "FRAME_BYTES", 2000)
    await write(path, everything(), blocks=range(0, 3000, 60))
    assert segments_of(path) == []
    assert (await same_in_both_ways(path)).report.complete


async def test_where_a_part_cannot_be_understood_the_flows_behind_it_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rowindexer, "PART_BYTES", 3000)
    path = tmp_path / "a.soth"
    await write(path, everything(), blocks=range(0, 3000, 40))
    (segment,) = segments_of(path)
    assert len(segment.parts) > 4
    part = IndexedSegment.part
    monkeypatch.setattr(
        IndexedSegment,
        "part",
        lambda self, number, shift=NO_SHIFT: None if number == 2 else part(self, number, shift),
    )
    store, by_events = await loaded(path), await loaded(path, by_events=True)
    flows = [[row.flow for row in rows_of(s)] for s in (store, by_events)]
    assert flows[0] == flows[1]
    assert store.report == by_events.report


async def test_what_is_saved_has_an_index_too(tmp_path: Path) -> None:
    path, saved = tmp_path / "a.soth", tmp_path / "saved.soth"
    for run in ("run-1", "run-2"):
        await write(path, everything(), run=run, append=run == "run-2", blocks=range(0, 3000, 60))
    store = await loaded(path)
    store.annotate(3, mark="new")
    store.index.hide([5])
    await store.save(saved)
    assert len(segments_of(saved)) == 2
    assert len((await same_in_both_ways(saved)).index) == len(store.index) - 1


async def test_a_program_that_is_known_late_is_named_on_rows_that_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    opened = e.FlowOpened(e.FlowKind.HTTP, "http", "a.test", 80, "127.0.0.1:5000")
    told = [(1, opened), (1, e.FlowClosed("completed")), (0, e.ProcessKnown(7, "curl", "/bin/curl"))]
    await write(path, [e.Event(0, 1, flow, 1, 0, 0, body) for flow, body in told], blocks=(2,))
    store = await same_in_both_ways(path)
    assert store.index.row(0).process == "curl"


async def test_a_flow_whose_beginning_is_gone_and_not_repeated_has_no_row(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    opened = e.FlowOpened(e.FlowKind.HTTP, "http", "a.test", 80, "127.0.0.1:5000")
    ended = e.FlowClosed("completed")
    told = [(1, opened), (1, ended), (2, opened), (2, ended), (3, opened), (3, ended)]
    told.insert(2, told.pop(1))
    await write(
        path, [e.Event(0, 1, flow, 1, 0, 0, body) for flow, body in told], blocks=(2,), segment_bytes=1
    )
    first, second, *_ = sorted(path.glob("*.soth"))
    with DumpReader(second) as reader:
        checkpoint = next(reader.blocks())
    assert checkpoint.header.flags == BLOCK_CHECKPOINT
    first.unlink()
    flip(second, checkpoint.offset + 60)
    store = await same_in_both_ways(path)
    assert [row.flow for row in rows_of(store)] == [3]
