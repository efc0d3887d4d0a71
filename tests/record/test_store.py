"""The store: live and from a file, views, bodies, saving."""

from __future__ import annotations

import asyncio
import shutil
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.errors import DumpError
from soth_mitm.model import events as e
from soth_mitm.record.bus import Bus
from soth_mitm.record.filestore import DumpStore
from soth_mitm.record.livestore import LiveStore
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rows import Row
from soth_mitm.record.spill import Spill, open_spill
from soth_mitm.record.store import Store
from soth_mitm.record.target import FileTarget
from soth_mitm.record.view import FlowView
from soth_mitm.record.viewfold import fold
from tests.helpers import streams

MIB = 1024 * 1024
REQUEST, RESPONSE = e.Direction.REQUEST, e.Direction.RESPONSE


class Live:
    """A bus, a stream that publishes to it, and a store that records it."""

    def __init__(self, *, spill: Spill | None = None, limits: Limits | None = None) -> None:
        self.bus = Bus(ManualClock())
        self.stream = streams.Stream(self.bus.publish)
        self.store: LiveStore = Store.live(self.bus, run_id="run-1", limits=limits or Limits(), spill=spill)


async def recorded(
    path: Path, stream: streams.Stream, *, run_id: str = "run-1", append: bool = False
) -> Path:
    """Write a stream as a file, one event after the other, as a proxy with -w does."""
    bus = Bus(ManualClock())
    recorder = Recorder(bus, FileTarget(path, append=append), run_id=run_id, limits=Limits())
    for event in stream.events:
        bus.publish(event.body, event.conn, event.flow, event.flow_seq)
    await recorder.close()
    return path


async def opened(path: Path, *, growing: bool = False) -> DumpStore:
    store = Store.open_dump(path)
    await store.load(growing=growing)
    return store


def rows(store: Store) -> list[Row]:
    index = store.index
    return [index.row(number) for number in range(index.dropped, index.end)]


def timeless(row: Row) -> Row:
    return msgspec.structs.replace(
        row, started_wall_ns=0, started_mono_ns=0, last_mono_ns=0, duration_ns=0, ttfb_ns=0
    )


def shown(view: FlowView | None) -> tuple[object, ...]:
    """What of a view does not depend on clocks and on where its bytes lie."""
    assert view is not None
    messages = [
        (m.raw, m.body_bytes, m.captured_bytes, m.complete, m.trailers_raw) if m else None
        for m in (view.request, view.response)
    ]
    conns = [
        (c.opened, c.policy, c.hello, c.tls, c.failure, c.closed) if c else None
        for c in (view.client, view.upstream)
    ]
    return (
        view.opened,
        view.bound,
        messages,
        conns,
        view.failure,
        view.notes,
        view.closed,
        view.missing_blocks,
    )


# --- live -----------------------------------------------------------------------------------------


async def test_rows_are_there_before_a_block_is_written() -> None:
    live = Live()
    flow = streams.sse(live.stream, events=3, finished=False)
    live.store.catch_up()
    number = live.store.index.number_of(flow)
    assert number is not None
    assert live.store.index.row(number).state == "streaming"
    await live.store.close()


async def test_the_index_follows_the_stream_by_itself() -> None:
    live = Live()
    flow = streams.https_exchange(live.stream)
    async with asyncio.timeout(5):
        while live.store.index.number_of(flow) is None:
            await asyncio.sleep(0.001)
    await live.store.close()


async def test_a_live_store_shows_what_the_folds_say() -> None:
    live = Live()
    flows = streams.everything(live.stream)
    for flow in flows.values():
        view = await live.store.view(flow)
        assert shown(view) == shown(fold(live.stream.events, flow))
    await live.store.close()


async def test_a_view_grows_with_its_flow_and_stays_the_same_object() -> None:
    live = Live()
    flow = streams.sse(live.stream, events=2, finished=False)
    view = await live.store.view(flow)
    assert view is not None
    assert view.response is not None
    before = view.response.captured_bytes
    assert not await live.store.refresh(view)
    live.stream.add(e.BodyChunk(RESPONSE, before, 4, b"more"), conn=view.conn, flow=flow)
    assert await live.store.refresh(view)
    assert await live.store.view(flow) is view
    assert view.response.captured_bytes == before + 4
    assert await live.store.body(flow, RESPONSE, before) == b"more"
    await live.store.close()


async def test_a_flow_over_many_blocks_is_read_from_its_own_blocks_alone() -> None:
    live = Live()
    pair = streams.connect(live.stream)
    slow = streams.request(pair)
    live.stream.add(e.RequestEnd(0, 0), conn=pair.conn, flow=slow)
    streams.response(pair, slow)
    offset = 0
    for number in range(40):
        for _ in range(3):
            streams.upload(live.stream, size=100_000)
        offset = streams.body(pair, slow, b"%08d" % number, offset=offset)
    live.store.catch_up()
    blocks = live.store.index.blocks_of(slow)
    assert 30 < len(blocks) < len(live.store.block_numbers()) - 30
    assert await live.store.body(slow, RESPONSE, 0, 10_000) == b"".join(
        b"%08d" % number for number in range(40)
    )
    assert await live.store.body(slow, RESPONSE, 9, 6) == b"000000"
    await live.store.close()


async def test_a_flow_that_is_not_known_has_no_view_and_no_body() -> None:
    live = Live()
    assert await live.store.view(99) is None
    assert await live.store.body(99, RESPONSE) == b""
    assert len(await live.store.body_refs(99, REQUEST)) == 0
    assert not await live.store.refresh(FlowView(99))
    await live.store.close()


async def test_a_body_ends_before_a_gap() -> None:
    live = Live()
    pair = streams.connect(live.stream)
    flow = streams.request(pair)
    for chunk in (
        e.BodyChunk(RESPONSE, 0, 3, b"abc"),
        e.BodyChunk(RESPONSE, 3, 5),
        e.BodyChunk(RESPONSE, 8, 2, b"ij"),
    ):
        live.stream.add(chunk, conn=pair.conn, flow=flow)
    store = live.store
    assert await store.body(flow, RESPONSE) == b"abc"
    assert await store.body(flow, RESPONSE, 3) == b""
    assert await store.body(flow, RESPONSE, 8) == b"ij"
    assert [(ref.body_offset, ref.length) for ref in await store.body_refs(flow, RESPONSE)] == [
        (0, 3),
        (8, 2),
    ]
    await store.close()


async def test_a_large_body_is_read_by_range_in_little_memory(tmp_path: Path) -> None:
    live = Live(spill=open_spill("run-1", limits=Limits(), root=tmp_path))
    pair = streams.connect(live.stream)
    flow = streams.request(pair)
    live.stream.events.clear()
    offset = 0
    for number in range(320):
        piece = number.to_bytes(4, "big") * 16_384
        offset = streams.body(pair, flow, piece, offset=offset)
        live.stream.events.clear()
        if number % 64 == 0:
            await live.store.recorder.flush()
    await live.store.recorder.flush()
    assert offset == 20 * MIB
    tracemalloc.start()
    try:
        for number in (0, 1, 150, 319):
            found = await live.store.body(flow, RESPONSE, number * 65_536 - 4 if number else 0, 8)
            before = (number - 1).to_bytes(4, "big") if number else number.to_bytes(4, "big")
            assert found == before + number.to_bytes(4, "big")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MIB
    await live.store.close(delete=True)


async def test_retention_drops_rows_and_says_what_is_missing() -> None:
    live = Live(limits=Limits(memory_spill_bytes=16 * MIB))
    pair = streams.connect(live.stream, host="slow.test")
    slow = streams.request(pair)
    streams.body(pair, slow, b"early")
    gone = streams.upload(live.stream, size=1000)
    for _ in range(200):
        streams.upload(live.stream, size=120_000)
        live.stream.events.clear()
        await live.store.recorder.flush()
    streams.response(pair, slow)
    streams.body(pair, slow, b"late", offset=5)
    live.store.catch_up()
    index = live.store.index
    assert index.dropped > 0
    assert index.number_of(gone) is None
    assert await live.store.view(gone) is None
    assert live.store.size_bytes < 17 * MIB
    view = await live.store.view(slow)
    assert view is not None
    assert view.request is not None
    assert view.request.path == b"/v1/items?page=2"
    assert view.client is not None
    assert view.client.hello is not None
    assert view.upstream is not None
    assert view.upstream.tls is not None
    assert await live.store.body(slow, RESPONSE, 5) == b"late"
    assert await live.store.body(slow, RESPONSE, 0) == b""
    await live.store.close()


async def test_views_can_be_read_on_another_loop_while_events_come() -> None:
    live = Live()
    seen: list[int] = []
    done = threading.Event()

    async def look() -> None:
        while not done.is_set():
            for row in rows(live.store):
                view = await live.store.view(row.flow)
                seen.append(view.status if view is not None else 0)

    reader = threading.Thread(target=asyncio.run, args=(look(),))
    reader.start()
    try:
        for _ in range(50):
            streams.https_exchange(live.stream)
            await asyncio.sleep(0)
        live.store.catch_up()
        async with asyncio.timeout(10):
            while len(seen) < 50:
                await asyncio.sleep(0.001)
    finally:
        done.set()
        await asyncio.to_thread(reader.join)
    assert len(live.store.index) == 50
    assert set(seen) == {200}
    await live.store.close()


async def test_a_spill_is_deleted_when_asked_and_kept_otherwise(tmp_path: Path) -> None:
    for delete in (True, False):
        spill = open_spill(f"run-{delete}", limits=Limits(), root=tmp_path)
        live = Live(spill=spill)
        flow = streams.https_exchange(live.stream)
        assert live.store.segments == 0
        await live.store.recorder.flush()
        assert live.store.segments == 1
        assert live.store.size_bytes > 0
        await live.store.close(delete=delete)
        assert spill.path.exists() is not delete
        if not delete:
            kept = await opened(spill.path)
            assert (await kept.view(flow)) is not None
            await kept.close()


# --- from a file ----------------------------------------------------------------------------------


async def test_a_file_shows_what_was_seen_live(tmp_path: Path) -> None:
    live = Live()
    flows = streams.everything(live.stream)
    live.store.catch_up()
    path = await recorded(tmp_path / "a.soth", live.stream)
    store = await opened(path)
    assert list(map(timeless, rows(store))) == list(map(timeless, rows(live.store)))
    for flow in flows.values():
        assert shown(await store.view(flow)) == shown(await live.store.view(flow))
        for direction in (REQUEST, RESPONSE):
            body = await store.body(flow, direction, 0, MIB)
            assert body == await live.store.body(flow, direction, 0, MIB)
    assert store.report.complete
    assert store.segments == 1
    assert store.size_bytes == path.stat().st_size
    await store.close()
    await live.store.close()


async def test_loading_tells_its_progress_and_never_keeps_the_loop_for_long(tmp_path: Path) -> None:
    stream = streams.Stream()
    streams.many(stream, 4000)
    store = Store.open_dump(await recorded(tmp_path / "a.soth", stream))
    told: list[tuple[int, int]] = []
    gaps: list[float] = []
    loading = asyncio.get_running_loop().create_task(
        store.load(lambda done, total: told.append((done, total)))
    )
    last = perf_counter()
    lengths: set[int] = set()
    while not loading.done():
        await asyncio.sleep(0)
        gaps.append(perf_counter() - last)
        lengths.add(len(store.index))
        last = perf_counter()
    assert told[-1][0] == told[-1][1] == store.size_bytes
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(lengths) > 10
    assert sorted(gaps)[len(gaps) * 9 // 10] < 0.02
    assert len(store.index) == 4000
    await store.close()


async def test_a_load_that_is_cancelled_keeps_what_it_has_read(tmp_path: Path) -> None:
    stream = streams.Stream()
    streams.many(stream, 2000)
    store = Store.open_dump(await recorded(tmp_path / "a.soth", stream))
    loading = asyncio.get_running_loop().create_task(store.load())
    async with asyncio.timeout(10):
        while len(store.index) < 100:
            await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert 100 <= len(store.index) < 2000
    flow = store.index.row(50).flow
    assert await store.body(flow, RESPONSE) == b'{"items": [1, 2, 3]}'
    await store.close()


async def test_a_file_that_grows_is_followed(tmp_path: Path) -> None:
    bus = Bus(ManualClock())
    stream = streams.Stream(bus.publish)
    recorder = Recorder(bus, FileTarget(tmp_path / "a.soth"), run_id="run-1", limits=Limits())
    slow = streams.sse(stream, events=3, finished=False)
    await recorder.flush()
    store = await opened(tmp_path / "a.soth", growing=True)
    number = store.index.number_of(slow)
    assert number is not None
    assert store.index.row(number).open
    view = await store.view(slow)
    assert view is not None
    assert await store.read_more() == 0
    stream.add(e.FlowClosed("completed"), conn=view.conn, flow=slow)
    streams.https_exchange(stream)
    await recorder.flush()
    assert await store.read_more() > 1
    assert await store.refresh(view)
    assert view.closed_reason == "completed"
    assert not store.index.row(number).open
    assert len(store.index) == 2
    await recorder.close()
    assert await store.read_more() == 0
    await store.close()


async def test_what_was_open_at_the_end_of_a_file_is_shown_as_cut_off(tmp_path: Path) -> None:
    stream = streams.Stream()
    streams.sse(stream, finished=False)
    store = await opened(await recorded(tmp_path / "a.soth", stream))
    assert [(row.open, row.outcome) for row in rows(store)] == [(False, "recording ends here")]
    await store.close()


async def test_runs_in_one_file_are_kept_apart(tmp_path: Path) -> None:
    first, second = streams.Stream(), streams.Stream()
    one = streams.https_exchange(first, host="one.test", path=b"/one")
    two = streams.https_exchange(second, host="two.test", path=b"/two")
    assert one == two
    path = await recorded(tmp_path / "a.soth", first, run_id="run-1")
    await recorded(path, second, run_id="run-2", append=True)
    store = await opened(path)
    assert [(row.flow, row.host) for row in rows(store)] == [(1, "one.test"), (2, "two.test")]
    views = [await store.view(flow) for flow in (1, 2)]
    assert [view.request.path if view and view.request else b"" for view in views] == [b"/one", b"/two"]
    assert [view.opened.host if view and view.opened else "" for view in views] == ["one.test", "two.test"]
    assert views[1] is not None
    assert views[1].upstream is not None
    assert views[1].upstream.conn == views[1].upstream_conn == 4
    saved = tmp_path / "saved.soth"
    await store.save(saved)
    again = await opened(saved)
    assert [(row.flow, row.host) for row in rows(again)] == [(1, "one.test"), (2, "two.test")]
    assert len({info.run_id for info in again._reader.segments}) == 2
    await again.close()
    await store.close()


async def test_a_damaged_block_costs_its_events_and_no_more(tmp_path: Path) -> None:
    stream = streams.Stream()
    streams.many(stream, 2000)
    path = await recorded(tmp_path / "a.soth", stream)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    store = await opened(path)
    assert store.report.damaged_blocks == 1
    assert len(store.index) > 1700
    for row in rows(store)[:: len(store.index) // 20]:
        assert await store.view(row.flow) is not None
    await store.close()


async def test_a_file_that_vanishes_leaves_its_rows_and_says_what_is_missing(tmp_path: Path) -> None:
    stream = streams.Stream()
    flow = streams.upload(stream)
    path = await recorded(tmp_path / "a.soth", stream)
    store = await opened(path)
    path.unlink()
    view = await store.view(flow)
    assert view is not None
    assert view.missing_blocks > 0
    assert await store.body(flow, REQUEST) == b""
    assert len(store.index) == 1
    assert store.size_bytes > 0
    await store.close()


@pytest.mark.parametrize("content", [b"", b"GET / HTTP/1.1\r\n" * 50])
async def test_a_file_that_is_no_dump_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(content)
    store = Store.open_dump(path)
    with pytest.raises(DumpError) as caught:
        await store.load()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    await store.close()


async def test_a_file_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="cannot open"):
        Store.open_dump(tmp_path / "none.soth")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_folding_live_equals_folding_what_was_read_back(data: st.DataObject, tmp_path: Path) -> None:
    scenes: list[Callable[[streams.Stream], int]] = [
        streams.https_exchange, streams.plain_exchange, streams.sse, streams.upload, streams.tunnel,
        streams.tls_refused, streams.dial_failed, streams.guarded, streams.hostile,
    ]  # fmt: skip
    chosen = data.draw(st.lists(st.sampled_from(scenes), max_size=12))
    cut = data.draw(st.integers(0, 30))

    async def compare() -> None:
        live, whole = Live(), streams.Stream()
        streams.begin(whole)
        for scene in chosen:
            scene(whole)
        del whole.events[max(len(whole.events) - cut, 1) :]
        for event in whole.events:
            live.bus.publish(event.body, event.conn, event.flow, event.flow_seq)
        live.store.catch_up()
        path = tmp_path / "a.soth"
        path.unlink(missing_ok=True)
        store = await opened(await recorded(path, whole), growing=True)
        assert list(map(timeless, rows(store))) == list(map(timeless, rows(live.store)))
        for row in rows(store):
            assert shown(await store.view(row.flow)) == shown(await live.store.view(row.flow))
        await store.close()
        await live.store.close()

    asyncio.run(compare())


# --- saving ---------------------------------------------------------------------------------------


async def test_chosen_flows_are_saved_with_their_conns_and_the_session(tmp_path: Path) -> None:
    live = Live()
    flows = streams.everything(live.stream)
    chosen = [flows["sse"], flows["tls_refused"]]
    path = tmp_path / "saved.soth"
    size = await live.store.save(path, chosen)
    assert size == path.stat().st_size
    store = await opened(path)
    assert store.report.complete
    assert [row.flow for row in rows(store)] == sorted(chosen)
    for flow in chosen:
        assert shown(await store.view(flow)) == shown(await live.store.view(flow))
    assert await store.body(flows["sse"], RESPONSE) == await live.store.body(flows["sse"], RESPONSE)
    assert store.index.session.run_id == "run-1"
    with DumpReader(path) as reader:
        assert len({event.conn for event in reader} - {0}) == 3
    await store.close()
    await live.store.close()


async def test_saving_everything_keeps_every_event(tmp_path: Path) -> None:
    live = Live()
    streams.everything(live.stream)
    streams.many(live.stream, 300)
    path = tmp_path / "saved.soth"
    await live.store.save(path)
    with DumpReader(path) as reader:
        assert [event.body for event in reader] == [event.body for event in live.stream.events]
    await live.store.close()


async def test_what_retention_left_of_an_open_flow_is_saved_with_its_head(tmp_path: Path) -> None:
    live = Live(limits=Limits(memory_spill_bytes=16 * MIB))
    streams.begin(live.stream)
    pair = streams.connect(live.stream, host="slow.test")
    slow = streams.request(pair)
    for _ in range(200):
        streams.upload(live.stream, size=120_000)
        live.stream.events.clear()
        await live.store.recorder.flush()
    streams.response(pair, slow)
    path = tmp_path / "saved.soth"
    await live.store.save(path, [slow])
    store = await opened(path)
    view = await store.view(slow)
    assert view is not None
    assert view.request is not None
    assert (view.request.path, view.status) == (b"/v1/items?page=2", 200)
    assert store.index.session.run_id == "run-1"
    assert store.report.complete
    await store.close()
    await live.store.close()


async def test_saving_refuses_to_overwrite_unless_told_to(tmp_path: Path) -> None:
    live = Live()
    streams.https_exchange(live.stream)
    path = tmp_path / "saved.soth"
    path.write_bytes(b"precious")
    with pytest.raises(DumpError, match="exists already"):
        await live.store.save(path)
    assert path.read_bytes() == b"precious"
    await live.store.save(path, overwrite=True)
    store = await opened(path)
    assert store.report.complete
    await store.close()
    assert [each.name for each in tmp_path.iterdir()] == ["saved.soth"]
    await live.store.close()


async def test_saving_over_what_is_being_read_is_refused(tmp_path: Path) -> None:
    stream = streams.Stream()
    streams.https_exchange(stream)
    store = await opened(await recorded(tmp_path / "a.soth", stream))
    with pytest.raises(DumpError, match="where the flows come from"):
        await store.save(tmp_path / "a.soth", overwrite=True)
    await store.close()


async def test_saving_where_nothing_can_be_written_is_one_line(tmp_path: Path) -> None:
    live = Live()
    streams.https_exchange(live.stream)
    with pytest.raises(DumpError, match=r"cannot (write|save)"):
        await live.store.save(tmp_path / "no" / "such" / "directory.soth")
    await live.store.close()


async def test_a_save_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    live = Live()
    streams.many(live.stream, 2000)
    await live.store.recorder.flush()
    saving = asyncio.get_running_loop().create_task(live.store.save(tmp_path / "saved.soth"))
    async with asyncio.timeout(10):
        while not list(tmp_path.iterdir()):
            await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(tmp_path)
    await live.store.close()
