"""Recordings in several files, compressed ones, and those of what matches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.errors import ConfigError, DumpError
from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.bus import Bus
from soth_mitm.record.format import CODEC_ZSTD, BlockHeader, LayoutError, compressed_block, plain_payload
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.rotation import Amounts, amounts_of, rotation_of
from soth_mitm.record.store import Store
from soth_mitm.record.target import DirectoryTarget, FileTarget, Target
from soth_mitm.record.viewfold import fold
from soth_mitm.record.writefilter import WriteFilter
from tests.helpers import streams
from tests.helpers.streams import Stream
from tests.record.streams import exchange


def recorder(bus: Bus, target: Target, **options: object) -> Recorder:
    """Return a recorder."""
    return Recorder(bus, target, run_id="run", limits=Limits(), **options)  # type: ignore[arg-type]


def publish(bus: Bus, flow: int) -> None:
    """Publish one exchange."""
    for number, body in enumerate(exchange(), 1):
        bus.publish(body, 1, flow, number)


def read(path: Path) -> list[e.Event]:
    """Return the events of a sound dump."""
    with DumpReader(path) as reader:
        events = list(reader)
        assert reader.report.complete, reader.report.text()
        return events


@pytest.mark.parametrize(
    ("rotation", "keep", "names"),
    [
        (Amounts(count=2), Amounts(), ["000001", "000002", "000003", "000004"]),
        (Amounts(count=2), Amounts(count=2), ["000003", "000004"]),
        (Amounts(seconds=60), Amounts(), ["000001", "000002", "000003", "000004"]),
        (Amounts(seconds=60), Amounts(seconds=61), ["000003", "000004"]),
    ],
)
async def test_a_new_file_begins_when_it_is_time_and_the_oldest_go(
    rotation: Amounts, keep: Amounts, names: list[str], tmp_path: Path
) -> None:
    clock = ManualClock()
    bus = Bus(clock)
    recording = recorder(bus, DirectoryTarget(tmp_path), rotation=rotation, keep=keep)
    publish(bus, 99)
    bus.publish(e.FlowOpened(e.FlowKind.HTTP, "https", "long.test", 443, "1.2.3.4:5"), 1, 50, 1)
    for flow in range(1, 6):
        publish(bus, flow)
        if flow % 2:
            clock.advance(61)
            assert await recording.flush()
    await recording.close()
    files = sorted(tmp_path.glob("*.soth"))
    assert [file.stem for file in files] == names
    last = read(files[-1])
    assert any(event.flow == 50 for event in last), "what is open is repeated in each file"
    events = read(tmp_path)
    assert len({event.seq for event in events}) == len(events)
    assert any(event.flow == 5 for event in events)


async def test_a_directory_is_gone_on_with_replaced_or_refused(tmp_path: Path) -> None:
    place = tmp_path / "new" / "dumps"
    for append in (False, True):
        bus = Bus()
        recording = recorder(bus, DirectoryTarget.given(place, append=append, overwrite=False))
        publish(bus, 1)
        await recording.close()
    assert [file.name for file in sorted(place.glob("*"))] == ["000001.soth", "000002.soth"]
    with pytest.raises(DumpError, match="has 2 recordings in it; give --append"):
        DirectoryTarget.given(place, append=False, overwrite=False)
    DirectoryTarget.given(place, append=False, overwrite=True)
    assert not list(place.glob("*"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DumpError, match="cannot write into"):
        DirectoryTarget.given(tmp_path / "file", append=False, overwrite=False)


async def test_a_compressed_recording_is_smaller_and_the_same(tmp_path: Path) -> None:
    for name, compress in (("plain.soth", False), ("packed.soth", True)):
        bus = Bus(ManualClock())
        recording = recorder(bus, FileTarget(tmp_path / name), compress=compress)
        for flow in range(1, 40):
            publish(bus, flow)
        await recording.close()
    assert read(tmp_path / "plain.soth") == read(tmp_path / "packed.soth")
    assert (tmp_path / "packed.soth").stat().st_size * 5 < (tmp_path / "plain.soth").stat().st_size
    store = Store.open_dump(tmp_path / "packed.soth")
    await store.load()
    assert await store.body(3, e.Direction.RESPONSE) == b"x" * 1024
    await store.save(tmp_path / "saved.soth", [3])
    await store.close()
    assert [event.flow for event in read(tmp_path / "saved.soth")] == [3] * 8


def test_a_block_that_lies_about_its_size_gives_no_payload() -> None:
    block = compressed_block(bytearray(48) + b"x" * 9000, flags=0, frames=1, first_seq=1, last_seq=1)
    header = BlockHeader(CODEC_ZSTD, 0, len(block) - 48, 9000, 1, 1, 1, 0)
    assert plain_payload(header, block[48:]) == b"x" * 9000
    for wrong in (header._replace(plain=8999), header._replace(plain=9001)):
        with pytest.raises(LayoutError):
            plain_payload(wrong, block[48:])
    with pytest.raises(LayoutError):
        plain_payload(header, block[50:])
    noise = os.urandom(500)
    stored = compressed_block(bytearray(48) + noise, flags=0, frames=1, first_seq=1, last_seq=1)
    assert stored[48:] == noise


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["100MB"], Amounts(bytes=100_000_000)),
        (["1GiB"], Amounts(bytes=1024**3)),
        (["10min", "5000"], Amounts(seconds=600, count=5000)),
        (["7d"], Amounts(seconds=604_800)),
    ],
)
def test_amounts_are_sizes_times_and_numbers(texts: list[str], expected: Amounts) -> None:
    assert amounts_of(texts, "--keep", "files") == expected


@pytest.mark.parametrize(
    "texts", [["x"], ["0"], ["10 parsecs"], ["1h", "60min"], [""], ["1GB", "2MB"], ["-3"]]
)
def test_what_is_no_amount_is_refused(texts: list[str]) -> None:
    with pytest.raises(ConfigError, match="--keep"):
        amounts_of(texts, "--keep", "files")


def test_files_are_neither_tiny_nor_huge() -> None:
    for text in ("10kB", "2TB"):
        with pytest.raises(ConfigError, match="a file may have"):
            rotation_of([text])


# --- what matches ---------------------------------------------------------------------------------


def chosen(stream: Stream, expression: str, limit: int = 1 << 26) -> tuple[list[e.Event], WriteFilter]:
    """Return what a filter lets through."""
    out: list[e.Event] = []
    passing = WriteFilter(compile_filter(expression), limit=limit)
    passing.sink = out.append
    for event in stream.events:
        passing(event)
    passing.finish()
    return out, passing


def everything() -> tuple[Stream, dict[str, int]]:
    """Return a stream and its flows."""
    stream = Stream()
    streams.begin(stream)
    flows = streams.everything(stream)
    streams.end(stream)
    return stream, flows


@pytest.mark.parametrize(
    "expression", ["status:200", "host:upload", "body:items", "is:tunnel", "is:error", "dur:>1s"]
)
def test_flows_that_match_are_whole_and_have_their_conns(expression: str) -> None:
    stream, _ = everything()
    events, passing = chosen(stream, expression)
    flows = {event.flow for event in events} - {0}
    assert 0 < len(flows) < 10
    for flow in flows:
        before, after = fold(stream.events, flow), fold(events, flow)
        assert after.opened == before.opened
        assert after.closed == before.closed
        assert (after.client, after.upstream) == (before.client, before.upstream)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert not passing._waiting
    assert isinstance(events[0].body, e.SessionStarted)
    assert isinstance(events[-1].body, e.SessionEnded)


def test_what_is_said_later_of_a_written_flow_is_written_too() -> None:
    stream = Stream()
    kept, other = streams.https_exchange(stream), streams.plain_exchange(stream)
    for flow in (kept, other):
        stream.add(e.Annotated("!"), flow=flow)
    events, _ = chosen(stream, "host:api.shop")
    assert [event.flow for event in events if isinstance(event.body, e.Annotated)] == [kept]


def test_a_stream_that_matches_is_written_as_it_comes() -> None:
    stream = Stream()
    flow = streams.sse(stream, finished=False)
    out: list[e.Event] = []
    passing = WriteFilter(compile_filter("type:event-stream"), limit=1 << 20)
    passing.sink = out.append
    for event in stream.events:
        passing(event)
    assert sum(isinstance(event.body, e.BodyChunk) for event in out if event.flow == flow) > 5


def test_what_waits_is_bounded_and_what_is_given_up_is_told() -> None:
    stream = Stream()
    upload = streams.upload(stream)
    kept = streams.https_exchange(stream)
    events, passing = chosen(stream, "status:2xx", limit=100_000)
    gaps = [event.body for event in events if isinstance(event.body, e.CaptureGap)]
    assert [gap.gap_flow for gap in gaps] == [upload]
    assert gaps[0].cause == "write_filter_full"
    assert passing.given_up == 1
    assert {event.flow for event in events} == {0, kept}


async def test_a_filtered_recording_names_its_filter(tmp_path: Path) -> None:
    bus = Bus()
    passing = WriteFilter(compile_filter("status:404"), limit=1 << 20)
    target = FileTarget(tmp_path / "x.soth")
    recording = recorder(bus, target, chosen=passing, filter=passing.text)
    publish(bus, 1)
    bus.publish(e.FlowOpened(e.FlowKind.HTTP, "https", "a.test", 443), 1, 2, 1)
    bus.publish(e.ResponseHead(404, b"No", "HTTP/1.1", b"HTTP/1.1 404 No\r\n\r\n"), 1, 2, 2)
    await recording.close()
    assert {event.flow for event in read(tmp_path / "x.soth")} == {2}
    with DumpReader(tmp_path / "x.soth") as reader:
        list(reader)
        assert reader.segments[0].filter == "status:404"
