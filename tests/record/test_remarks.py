"""What a person does to rows: annotations and hidden flows, in the index, in views and in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.model import events as e
from soth_mitm.model.annotation import ANNOTATED_FLOWS, NOTHING, Annotation, AnnotationError
from soth_mitm.record.bus import Bus
from soth_mitm.record.filestore import DumpStore
from soth_mitm.record.index import LOOK_UP, Index
from soth_mitm.record.livestore import LiveStore
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rows import Row
from soth_mitm.record.store import Store
from soth_mitm.record.target import FileTarget
from soth_mitm.record.viewfold import fold
from tests.helpers import streams
from tests.record.test_index import all_rows, indexed

SAID = e.Annotated("●", "look here\nand here", "red")
SHOWN = ("●", "look here and here", "red")
MIB = 1024 * 1024


def said(row: Row) -> tuple[str, str, str]:
    return row.mark, row.comment, row.colour


def row_of(index: Index, flow: int) -> Row:
    number = index.number_of(flow)
    assert number is not None
    return index.row(number)


def live() -> tuple[streams.Stream, LiveStore]:
    bus = Bus(ManualClock())
    return streams.Stream(bus.publish), Store.live(bus, run_id="run-1", limits=Limits())


async def opened(path: Path) -> DumpStore:
    store = Store.open_dump(path)
    await store.load()
    return store


async def recorded(path: Path, stream: streams.Stream, *, run_id: str = "run-1") -> Path:
    bus = Bus(ManualClock())
    recorder = Recorder(bus, FileTarget(path, append=path.exists()), run_id=run_id, limits=Limits())
    for event in stream.events:
        bus.publish(event.body, event.conn, event.flow, event.flow_seq)
    await recorder.close()
    return path


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_a_row_shows_what_was_said_before_and_after_its_end(batch: int) -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    early = streams.request(pair)
    stream.add(SAID, flow=early)
    streams.response(pair, early)
    streams.close(pair, early)
    late = streams.https_exchange(stream)
    silent = streams.https_exchange(stream)
    stream.add(SAID, flow=late)
    index = indexed(stream, batch=batch)
    assert [said(row_of(index, flow)) for flow in (early, late, silent)] == [SHOWN, SHOWN, ("", "", "")]
    assert index.annotation(late) == Annotation(*("●", "look here\nand here", "red"))
    assert index.annotation(silent) == NOTHING


def test_the_last_word_counts_and_a_change_is_told() -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    index = indexed(stream)
    seen = index.changes_since(0).revision
    index.apply([stream.add(SAID, flow=flow)], 7)
    changes = index.changes_since(seen)
    assert changes.changed == frozenset({0})
    index.apply([stream.add(e.Annotated(comment="no more"), flow=flow)], 8)
    assert said(index.row(0)) == ("", "no more", "")
    index.apply([stream.add(e.Annotated(), flow=flow)], 9)
    assert said(index.row(0)) == ("", "", "")
    assert index.blocks_of(flow)[-1] == 9, "the block that removes it is part of the flow"


def test_an_annotation_changes_no_time_of_a_flow() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, finished=False)
    before = row_of(indexed(stream), flow).duration_ns
    stream.add(SAID, flow=flow, after_ms=60_000)
    assert row_of(indexed(stream), flow).duration_ns == before


def test_what_is_said_about_an_unknown_flow_is_passed_over() -> None:
    stream = streams.Stream()
    stream.add(SAID, flow=99)
    index = indexed(stream)
    assert len(index) == 0
    assert index.annotation(99) == NOTHING
    assert not index.annotate(99, Annotation("●"))


def test_rows_that_go_take_what_was_said_about_them_along() -> None:
    stream = streams.Stream()
    flows = [streams.https_exchange(stream) for _ in range(4)]
    for flow in flows:
        stream.add(SAID, flow=flow)
    index = indexed(stream)
    index.hide(flows[:2])
    index.drop_rows(3)
    assert [index.annotation(flow).mark for flow in flows] == ["", "", "", "●"]
    assert index.hidden == frozenset()


def test_a_foreign_file_with_too_many_keeps_the_latest() -> None:
    stream = streams.Stream()
    flows = streams.many(stream, ANNOTATED_FLOWS + 5)
    index = indexed(stream, batch=5000)
    for number in range(index.dropped, index.end):
        index.annotate(index.row(number).flow, Annotation("●"))
    marked = [row.flow for row in all_rows(index) if row.mark]
    assert len(marked) == ANNOTATED_FLOWS
    assert flows[-1] in marked


# --- views and files ------------------------------------------------------------------------------


def test_a_view_folds_what_was_said() -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    stream.add(SAID, flow=flow)
    view = fold(stream.events, flow)
    assert (view.mark, view.comment, view.colour) == ("●", "look here\nand here", "red")


async def test_a_view_that_was_read_to_its_end_shows_what_is_said_later() -> None:
    stream, store = live()
    flow = streams.https_exchange(stream)
    view = await store.view(flow)
    assert view is not None
    assert not await store.refresh(view)
    stream.add(SAID, flow=flow)
    assert await store.refresh(view)
    assert view.mark == "●"
    assert not await store.refresh(view)
    await store.close()


async def test_a_recording_and_a_saved_selection_carry_what_was_said_late(tmp_path: Path) -> None:
    stream, store = live()
    flow = streams.https_exchange(stream)
    others = streams.many(stream, 3000)
    await store.recorder.flush()
    stream.add(SAID, flow=flow)
    stream.add(SAID, flow=others[5])
    store.catch_up()
    assert len(store.index.blocks_of(flow)) > 1
    await store.save(tmp_path / "some.soth", [flow])
    await store.save(tmp_path / "all.soth")
    for name in ("some.soth", "all.soth"):
        again = await opened(tmp_path / name)
        assert said(row_of(again.index, flow)) == SHOWN
        await again.close()
    path = await recorded(tmp_path / "w.soth", stream)
    read = await opened(path)
    assert [row.flow for row in all_rows(read.index) if row.mark] == [flow, others[5]]
    await read.close()
    await store.close()


async def test_a_new_segment_repeats_what_was_said_about_an_open_flow() -> None:
    bus = Bus(ManualClock())
    stream = streams.Stream(bus.publish)
    store = Store.live(bus, run_id="run-1", limits=Limits(memory_spill_bytes=16 * MIB))
    pair = streams.connect(stream, host="slow.test")
    slow = streams.request(pair)
    stream.add(e.Annotated("old"), flow=slow)
    stream.add(SAID, flow=slow)
    for _ in range(200):
        streams.upload(stream, size=120_000)
        stream.events.clear()
        await store.recorder.flush()
    streams.response(pair, slow)
    store.catch_up()
    assert store.block_numbers().start > 0, "the first segments are gone"
    bodies = [
        event.body
        for number in store.block_numbers()
        for _, event in e_frames(store.read_block(number), slow)
        if isinstance(event.body, e.Annotated)
    ]
    assert set(bodies) == {SAID}
    assert said(row_of(store.index, slow)) == SHOWN
    await store.close()


def e_frames(payload: bytes, flow: int) -> list[tuple[object, e.Event]]:
    from soth_mitm.record.frames import events_of

    return list(events_of(payload, flow=flow))


async def test_what_is_said_about_a_dump_is_part_of_what_is_saved_and_not_of_the_dump(tmp_path: Path) -> None:
    first, second = streams.Stream(), streams.Stream()
    for stream in (first, second):
        streams.begin(stream)
        streams.https_exchange(stream)
        streams.https_exchange(stream)
        streams.end(stream)
    path = await recorded(tmp_path / "a.soth", first, run_id="run-1")
    await recorded(path, second, run_id="run-2")
    before = path.read_bytes()
    store = await opened(path)
    view = await store.view(3)
    store.annotate(1, mark="one")
    store.annotate(3, mark="three", comment="x")
    store.annotate(3, comment="y", colour="blue")
    assert view is not None
    assert await store.refresh(view)
    assert (view.mark, view.comment, view.colour) == ("three", "y", "blue")
    assert path.read_bytes() == before
    await store.save(tmp_path / "all.soth")
    await store.save(tmp_path / "some.soth", [3, 4])
    whole, some = await opened(tmp_path / "all.soth"), await opened(tmp_path / "some.soth")
    assert [said(row) for row in all_rows(whole.index)] == [
        ("one", "", ""),
        ("", "", ""),
        ("three", "y", "blue"),
        ("", "", ""),
    ]
    assert [said(row) for row in all_rows(some.index)] == [("three", "y", "blue"), ("", "", "")]
    saved = await some.view(1)
    assert saved is not None
    assert saved.mark == "three"
    assert whole.report.complete
    for each in (store, whole, some):
        await each.close()


async def test_a_dump_tells_what_cannot_be_said_and_of_which_flow(tmp_path: Path) -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    store = await opened(await recorded(tmp_path / "a.soth", stream))
    with pytest.raises(AnnotationError, match=r"cannot annotate flow 7: .*a\.soth has no row of it"):
        store.annotate(7, mark="●")
    with pytest.raises(AnnotationError, match="no colour teal"):
        store.annotate(flow, colour="teal")
    await store.close()


# --- hidden flows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["", "shop.test", lambda row: True])
def test_a_search_leaves_out_what_is_hidden_until_it_is_taken_back(wanted: str) -> None:
    stream = streams.Stream()
    flows = [streams.https_exchange(stream) for _ in range(5)]
    still_open = streams.sse(stream, finished=False, host="live.shop.test")
    index = indexed(stream)
    assert index.hide([flows[1], flows[3], still_open, 12345]) == [flows[1], flows[3], still_open]
    assert index.hide([flows[1]]) == []
    assert index.search(wanted, 0, index.end) == [0, 2, 4]
    assert index.is_hidden(flows[1])
    assert index.row(1).flow == flows[1], "the row can be read all the same"
    assert index.unhide([flows[1], flows[0]]) == [flows[1]]
    assert index.search(wanted, 0, index.end) == [0, 1, 2, 4]


def test_hiding_is_a_change_of_those_rows() -> None:
    stream = streams.Stream()
    flows = streams.many(stream, LOOK_UP + 10)
    index = indexed(stream)
    at = index.changes_since(0).revision
    index.hide(flows[2:4])
    changes = index.changes_since(at)
    assert changes.changed == frozenset(row_of(index, flow).number for flow in flows[2:4])
    index.hide(flows)
    assert index.changes_since(changes.revision).changed is None
    at = index.revision
    index.hide(flows)
    assert index.revision == at, "nothing changed"


async def test_saving_everything_leaves_hidden_flows_out(tmp_path: Path) -> None:
    stream, store = live()
    streams.begin(stream)
    kept, gone = streams.https_exchange(stream), streams.plain_exchange(stream)
    store.catch_up()
    store.index.hide([gone])
    await store.save(tmp_path / "all.soth")
    await store.save(tmp_path / "named.soth", [gone])
    with DumpReader(tmp_path / "all.soth") as reader:
        assert {event.flow for event in reader} == {0, kept}
    with DumpReader(tmp_path / "named.soth") as reader:
        assert {event.flow for event in reader} == {0, gone}
    await store.close()
