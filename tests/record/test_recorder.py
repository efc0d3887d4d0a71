"""The recorder: everything published is on the disk, and where it cannot be, that is said."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import stat
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from soth_mitm.config import Limits
from soth_mitm.errors import DumpError
from soth_mitm.model.events import (
    BodyChunk,
    CaptureGap,
    ConnOpened,
    Direction,
    Event,
    FlowClosed,
    FlowKind,
    FlowOpened,
    LimitReached,
    Noted,
    Notice,
    RequestHead,
    SessionEnded,
    SessionStarted,
    Side,
)
from soth_mitm.record.bus import Bus
from soth_mitm.record.format import (
    BLOCK_BYTES,
    BLOCK_CHECKPOINT,
    BLOCK_HEADER_SIZE,
    FLUSH_BYTES,
    SEGMENT_MAGIC,
)
from soth_mitm.record.frames import chunk_data, events_of, frames_in
from soth_mitm.record.layout import BlockInfo
from soth_mitm.record.reader import DumpReader
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.target import DirectoryTarget, FileTarget, MemoryTarget, StreamTarget, Target
from tests.record.streams import HEAD, exchange, of

Bytes = bytes | bytearray


class Gated(MemoryTarget):
    """A target whose writes wait for a gate, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.error: OSError | None = None
        self.failures = 0

    def write(self, data: Bytes) -> None:
        assert self.gate.wait(20)
        if self.error is not None:
            self.failures += 1
            raise self.error
        super().write(data)


def record(
    bus: Bus,
    target: Target,
    *,
    queue: int = 1 << 26,
    strict: bool = False,
    segment_bytes: int = 1 << 26,
    keep_bytes: int = 0,
    on_block: Callable[[BlockInfo, list[Event]], None] | None = None,
    on_drop: Callable[[int], None] | None = None,
) -> Recorder:
    return Recorder(
        bus,
        target,
        run_id="run",
        limits=Limits(recorder_queue_bytes=queue),
        strict=strict,
        filter="host:a",
        segment_bytes=segment_bytes,
        keep_bytes=keep_bytes,
        on_block=on_block,
        on_drop=on_drop,
    )


def publish(bus: Bus, flow: int, size: int = 1024) -> None:
    for number, body in enumerate(exchange(bytes([flow % 256]) * size), 1):
        bus.publish(body, 1, flow, number)


def chunk(bus: Bus, offset: int, size: int = 60_000, flow: int = 1) -> None:
    bus.publish(BodyChunk(Direction.RESPONSE, offset, size, bytes(size)), 1, flow, 1)


def read(source: Path | bytes) -> list[Event]:
    with DumpReader(source if isinstance(source, Path) else io.BytesIO(source)) as reader:
        events = list(reader)
        assert reader.report.complete, reader.report.text()
        return events


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until `condition` holds."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.005)


def is_held(bus: Bus) -> bool:
    return bus.congested


async def test_a_file_holds_every_event_in_order(tmp_path: Path) -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.attach(seen.append)
    recorder = record(bus, FileTarget(tmp_path / "a.soth"))
    for flow in range(1, 501):
        publish(bus, flow)
        if flow % 50 == 0:
            await asyncio.sleep(0)
    bus.publish(SessionEnded("done"))
    await recorder.close()
    assert read(tmp_path / "a.soth") == seen
    assert [event.seq for event in seen] == list(range(1, 4002))


async def test_the_segment_header_says_run_filter_and_writer(tmp_path: Path) -> None:
    bus = Bus()
    await record(bus, FileTarget(tmp_path / "a.soth")).close()
    with DumpReader(tmp_path / "a.soth") as reader:
        assert list(reader) == []
        (info,) = reader.segments
    assert (info.run_id, info.number, info.filter) == ("run", 1, "host:a")
    assert info.writer.startswith("soth-mitm ")
    assert reader.report.complete


async def test_an_event_is_readable_in_the_file_within_the_flush_time(tmp_path: Path) -> None:
    bus = Bus()
    recorder = record(bus, FileTarget(tmp_path / "a.soth"))
    with DumpReader(tmp_path / "a.soth") as reader:
        publish(bus, 1)
        start = time.monotonic()
        got: list[Event] = []

        def all_there() -> bool:
            got.extend(reader.read_more())
            return len(got) == 8

        await until(all_there)
        assert time.monotonic() - start < 5
    await recorder.close()


async def test_a_block_closes_at_its_size_and_never_grows_beyond_the_limit() -> None:
    bus = Bus()
    infos: list[BlockInfo] = []
    recorder = record(bus, MemoryTarget(), on_block=lambda info, _: infos.append(info))
    for size in (65_536, 60_000, 200_000, 10, 300_000, 10, FLUSH_BYTES, 255_000, 70_000):
        bus.publish(RequestHead(b"GET", b"/", "HTTP/1.1", bytes(size)), 1, 1, 1)
    await recorder.close()
    for info in infos:
        assert info.frames == 1 or info.length - BLOCK_HEADER_SIZE <= BLOCK_BYTES
    assert [info.frames for info in infos] == [1, 2, 1, 1, 2, 1, 1]


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        bus = Bus()
        first = record(bus, FileTarget(tmp_path / "a.soth"))
        second = record(bus, DirectoryTarget(tmp_path))
        await first.close()
        await second.close()
    finally:
        os.umask(old)
    if sys.platform != "win32":
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes == {0o600}


async def test_a_file_that_exists_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    path.write_bytes(b"precious")
    with pytest.raises(DumpError, match=r"a\.soth exists already; give --append, --overwrite"):
        FileTarget(path)
    with pytest.raises(DumpError, match=r"cannot append to .*a\.soth: at offset 0"):
        FileTarget(path, append=True)
    assert path.read_bytes() == b"precious"
    bus = Bus()
    recorder = record(bus, FileTarget(path, overwrite=True))
    bus.publish(Noted("a"), 1, 1, 1)
    await recorder.close()
    assert len(read(path)) == 1


def test_a_file_of_a_newer_version_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "a.soth"
    head = SEGMENT_MAGIC + struct.pack("<HHI", 2, 0, 0)
    path.write_bytes(head + struct.pack("<I", zlib.crc32(head)))
    with pytest.raises(DumpError, match=r"cannot append to .*a\.soth: at offset 0 it is of format version 2"):
        FileTarget(path, append=True)
    path.write_bytes(head + b"????")
    FileTarget(path, append=True).close()


def test_a_file_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match=r"cannot write .*none.a\.soth: No such file"):
        FileTarget(tmp_path / "none" / "a.soth")


@pytest.mark.parametrize("torn", [0, 30])
async def test_appending_starts_a_segment_and_leaves_a_torn_tail_as_it_is(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "a.soth"
    for _ in range(2):
        bus = Bus()
        recorder = record(bus, FileTarget(path, append=True))
        publish(bus, 1)
        await recorder.close()
        if torn and _ == 0:
            os.truncate(path, path.stat().st_size - torn)
            before = path.read_bytes()
    if torn:
        assert path.read_bytes().startswith(before)
    with DumpReader(path) as reader:
        assert [event.seq for event in reader] == [*range(1, 9), *range(1, 9)]
        assert reader.report.segments == 2
        assert reader.report.damaged_blocks == (1 if torn else 0)


async def test_a_directory_gets_one_file_a_segment_with_checkpoints(tmp_path: Path) -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.attach(seen.append)
    recorder = record(bus, DirectoryTarget(tmp_path), segment_bytes=600_000)
    bus.publish(SessionStarted("run", "1"))
    bus.publish(ConnOpened(Side.CLIENT, "c:1"), 1)
    bus.publish(FlowOpened(FlowKind.HTTP, "http", "slow", 80), 1, 1, 1)
    bus.publish(RequestHead(b"GET", b"/slow", "HTTP/1.1", HEAD), 1, 1, 2)
    for number in range(40):
        chunk(bus, number * 60_000)
        publish(bus, number + 2)
    await recorder.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files[:2]] == ["000001.soth", "000002.soth"]
    assert len(files) > 3
    assert all(file.stat().st_size <= 600_000 for file in files)
    assert read(tmp_path) == seen
    assert read_joined(files) == seen
    last = read(files[-1])
    assert [type(event.body).__name__ for event in last[:5]] == [
        "SessionStarted",
        "ConnOpened",
        "FlowOpened",
        "RequestHead",
        "BodyChunk",
    ]
    summary = last[4].body
    assert isinstance(summary, BodyChunk)
    following = next(event.body for event in last[5:] if event.flow == 1)
    assert isinstance(following, BodyChunk)
    assert (summary.offset, summary.length, summary.data) == (0, following.offset, b"")


def read_joined(files: list[Path]) -> list[Event]:
    return read(b"".join(file.read_bytes() for file in files))


async def test_retention_drops_the_oldest_segments_and_says_so(tmp_path: Path) -> None:
    bus = Bus()
    drops: list[int] = []
    seen: list[Event] = []
    bus.attach(seen.append)
    recorder = record(
        bus, DirectoryTarget(tmp_path), segment_bytes=500_000, keep_bytes=1_600_000, on_drop=drops.append
    )
    for number in range(100):
        chunk(bus, number * 60_000)
        await asyncio.sleep(0)
    assert await recorder.flush()
    total = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert total <= 1_600_000
    assert drops == sorted(drops)
    assert drops
    hits = of(LimitReached, seen)
    assert len(hits) == len(drops)
    assert hits[0].body == LimitReached("spill_bytes", 1_600_000, "drop the oldest segment")
    with pytest.raises(DumpError, match=r"block 0 of .* is not kept any more"):
        recorder.read_block(0)
    assert recorder.read_block(drops[-1])
    await recorder.close()
    with DumpReader(tmp_path) as reader:
        assert list(reader)[-1] == seen[-1]


async def test_memory_holds_the_same_and_drops_the_same() -> None:
    bus = Bus()
    target = MemoryTarget()
    drops: list[int] = []
    recorder = record(bus, target, segment_bytes=500_000, keep_bytes=1_600_000, on_drop=drops.append)
    publish(bus, 1)
    await recorder.flush()
    assert [event.seq for event in read_open(target)] == list(range(1, 9))
    for number in range(100):
        chunk(bus, number * 60_000)
    assert await recorder.flush()
    assert target.size <= 1_600_000
    assert len(drops) >= 9
    with pytest.raises(DumpError, match="not kept any more"):
        recorder.read_block(0)
    assert recorder.read_block(drops[-1])
    await recorder.close()


def read_open(target: MemoryTarget) -> list[Event]:
    return list(DumpReader(io.BytesIO(b"".join(target.blocks()))))


async def test_every_block_can_be_read_whether_written_waiting_or_growing(tmp_path: Path) -> None:
    bus = Bus()
    target = Gated()
    told: dict[int, list[Event]] = {}
    recorder = record(bus, target, on_block=lambda info, events: told.update({info.number: events}))
    for flow in range(1, 101):
        publish(bus, flow)
        assert recorder.last_block == recorder.open_block or not recorder.pending
    await recorder.flush()
    target.gate.clear()
    for flow in range(101, 201):
        publish(bus, flow)
    written = sum(len(events) for events in told.values())
    assert written + len(recorder.pending) == 1600
    for number, events in [*told.items(), (recorder.open_block, list(recorder.pending))]:
        payload = recorder.read_block(number)
        assert [frame.seq for frame in frames_in(payload)] == [event.seq for event in events]
        flow = events[0].flow
        picked = list(events_of(payload, flow=flow))
        assert [event for _, event in picked] == [event for event in events if event.flow == flow]
        for frame, event in picked:
            if isinstance(event.body, BodyChunk):
                assert chunk_data(payload, frame.offset) == event.body.data
    target.gate.set()
    await recorder.close()
    assert sorted(told) == list(range(len(told)))


async def test_blocks_can_be_read_from_another_thread_while_recording() -> None:
    bus = Bus()
    recorder = record(bus, MemoryTarget(), segment_bytes=400_000)
    stop = threading.Event()
    checked: list[int] = []

    def reads() -> None:
        while not stop.is_set():
            number = recorder.open_block
            seqs = [frame.seq for frame in frames_in(recorder.read_block(number))]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True
            checked.append(len(seqs))

    thread = asyncio.to_thread(reads)
    async with asyncio.TaskGroup() as group:
        group.create_task(thread)
        for flow in range(1, 1501):
            publish(bus, flow, 200)
            await asyncio.sleep(0)
        await until(lambda: len(checked) > 20)
        stop.set()
    await recorder.close()
    assert max(checked) > 0


async def test_a_slow_disk_holds_traffic_and_lets_it_go_when_it_catches_up() -> None:
    bus = Bus()
    target = Gated()
    recorder = record(bus, target, queue=200_000)
    target.gate.clear()
    for number in range(4):
        chunk(bus, number * 60_000)
    assert is_held(bus)
    target.gate.set()
    await until(lambda: not is_held(bus))
    assert recorder.pressure.lost_bytes == 0
    bus.publish(SessionEnded("done"))
    await recorder.close()
    events = read(b"".join(target.blocks()))
    assert [event.seq for event in events] == list(range(1, 6))
    assert not of(CaptureGap, events)


async def test_a_stalled_disk_costs_bodies_after_the_hold_and_a_gap_says_which() -> None:
    bus = Bus()
    target = Gated()
    recorder = record(bus, target, queue=200_000)
    target.gate.clear()
    for number in range(4):
        chunk(bus, number * 60_000, flow=7)
    start = time.monotonic()
    await until(lambda: not is_held(bus))
    assert 0.2 <= time.monotonic() - start < 5
    assert recorder.pressure.losing
    chunk(bus, 240_000, flow=7)
    bus.publish(FlowClosed("completed"), 1, 7, 9)
    target.gate.set()
    await until(lambda: not recorder.pressure.losing)
    chunk(bus, 300_000, flow=7)
    await recorder.close()
    events = read(b"".join(target.blocks()))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    (hit,) = of(LimitReached, events)
    assert hit.body == LimitReached("recorder_queue_bytes", 200_000, "record sizes, leave out bodies")
    (gap,) = of(CaptureGap, events)
    assert gap.body == CaptureGap(gap_flow=7, bytes=60_000, events=0, cause="recorder_full")
    sizes = [
        (event.body.length, len(event.body.data)) for event in events if isinstance(event.body, BodyChunk)
    ]
    assert sizes == [(60_000, 60_000)] * 4 + [(60_000, 0), (60_000, 60_000)]
    assert of(FlowClosed, events)


async def test_a_disk_that_stays_stalled_costs_events_but_bounded_memory_and_not_the_end() -> None:
    bus = Bus()
    target = Gated()
    recorder = record(bus, target, queue=200_000)
    target.gate.clear()
    for number in range(4):
        chunk(bus, number * 60_000)
    await until(lambda: recorder.pressure.losing)
    for number in range(40_000):
        bus.publish(Noted("x" * 20), 1, number % 3 + 1, 1)
    assert recorder.pressure.lost_events > 20_000
    assert recorder.last_block == -1
    bus.publish(SessionEnded("done"))
    assert recorder.last_block >= 0
    target.gate.set()
    await recorder.close()
    assert target.size < 600_000
    events = read(b"".join(target.blocks()))
    assert of(SessionEnded, events)
    last = events[-1]
    assert last.body == CaptureGap(
        gap_flow=0, bytes=0, events=recorder.pressure.lost_events, cause="recorder_full"
    )
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert len(events) - 1 + recorder.pressure.lost_events == bus.seq


async def test_strict_capture_holds_until_the_disk_can_and_loses_nothing() -> None:
    bus = Bus()
    target = Gated()
    recorder = record(bus, target, queue=200_000, strict=True)
    target.gate.clear()
    for number in range(6):
        chunk(bus, number * 60_000)
    released = asyncio.Event()
    bus.when_released(released.set)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(released.wait(), 0.5)
    target.gate.set()
    await asyncio.wait_for(released.wait(), 10)
    await recorder.close()
    events = read(b"".join(target.blocks()))
    assert sum(len(event.body.data) for event in events if isinstance(event.body, BodyChunk)) == 360_000


async def test_a_full_disk_pauses_the_recording_visibly_and_it_resumes_with_nothing_corrupt() -> None:
    bus = Bus()
    target = Gated()
    seen: list[Event] = []
    bus.attach(seen.append)
    recorder = record(bus, target)
    publish(bus, 1)
    await recorder.flush()
    target.error = OSError(errno.ENOSPC, "No space left on device")
    chunk(bus, 0)
    chunk(bus, 60_000)
    await until(lambda: of(Notice, seen))
    assert not is_held(bus)
    (notice,) = of(Notice, seen)
    assert notice.body == Notice(
        "error",
        "cannot write memory: No space left on device; recording pauses, traffic goes on; it is tried again",
    )
    assert len(of(LimitReached, seen)) == 1
    chunk(bus, 120_000)
    await until(lambda: target.failures >= 2)
    assert len(of(Notice, seen)) == 1
    target.error = None
    await until(lambda: not recorder.pressure.losing)
    publish(bus, 2)
    await recorder.close()
    events = read(b"".join(target.blocks()))
    assert events == [
        event if event.seq != lost(events) else events[lost(events) - 1] for event in seen[: len(events)]
    ]
    (gap,) = of(CaptureGap, events)
    assert gap.body == CaptureGap(gap_flow=1, bytes=60_000, events=0, cause="write_failed")
    assert of(Notice, events)[-1].body == Notice("info", "recording to memory goes on")


def lost(events: list[Event]) -> int:
    (seq,) = [event.seq for event in events if isinstance(event.body, BodyChunk) and not event.body.data]
    return seq


async def test_a_disk_that_is_full_to_the_end_is_an_error_that_says_what_is_missing() -> None:
    bus = Bus()
    target = Gated()
    recorder = record(bus, target)
    publish(bus, 1)
    await recorder.flush()
    target.error = OSError(errno.ENOSPC, "No space left on device")
    publish(bus, 2)
    with pytest.raises(
        DumpError, match=r"memory is not complete, its last [\d,]+ bytes are missing: No space left on device"
    ):
        await recorder.close()
    assert len(read_open(target)) == 8


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
async def test_a_stream_that_fails_ends_the_recording_and_says_so() -> None:
    bus = Bus()
    seen: list[Event] = []
    bus.attach(seen.append)
    with Path("/dev/full").open("wb", buffering=0) as full:
        recorder = record(bus, StreamTarget(full))
        publish(bus, 1)
        await until(lambda: recorder.failed)
        publish(bus, 2)
        with pytest.raises(
            DumpError, match=r"standard output is not complete, its end is missing: No space left"
        ):
            await recorder.close()
    assert "recording to standard output has ended" in of(Notice, seen)[-1].body.text  # type: ignore[attr-defined]
    assert not recorder.pending


async def test_a_failed_write_leaves_no_part_of_a_block_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FileTarget(tmp_path / "a.soth")
    target.begin(1)
    target.write(b"good")
    real = os.write
    calls = 0

    def short(fd: int, data: Bytes) -> int:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:2])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        target.write(b"broken")
    monkeypatch.undo()
    target.write(b"more")
    target.close()
    assert (tmp_path / "a.soth").read_bytes() == b"goodmore"


async def test_a_pipe_carries_the_same_bytes_as_a_file() -> None:
    reading, writing = os.pipe()
    bus = Bus()
    with os.fdopen(reading, "rb") as source:
        got: list[Event] = []

        def consume() -> None:
            got.extend(DumpReader(source))

        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(consume))
            with os.fdopen(writing, "wb", buffering=0) as stream:
                recorder = record(bus, StreamTarget(stream))
                for flow in range(1, 301):
                    publish(bus, flow)
                await recorder.close()
    assert [event.seq for event in got] == list(range(1, 2401))


async def test_closing_does_not_wait_for_ever_for_a_reader_that_stalled() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0) as stream:
        bus = Bus()
        recorder = record(bus, StreamTarget(stream))
        for number in range(10):
            chunk(bus, number * 60_000)
        start = time.monotonic()
        with pytest.raises(DumpError, match="it takes too long"):
            await recorder.close(seconds=0.3)
        assert time.monotonic() - start < 5


async def test_texts_that_are_not_unicode_are_recorded_readably() -> None:
    bus = Bus()
    target = MemoryTarget()
    recorder = record(bus, target)
    bus.publish(Noted("file", "/home/\udcff"), 1, 1, 1)
    bus.publish(Noted("x" * (9 << 20)), 1, 1, 2)
    await recorder.close()
    events = read(b"".join(target.blocks()))
    assert events[0].body == Noted("file", "/home/\\udcff")
    assert events[1].body == CaptureGap(gap_flow=1, bytes=0, events=1, cause="recorder_full")


async def test_a_segment_repeats_texts_that_are_not_unicode_readably(tmp_path: Path) -> None:
    bus = Bus()
    recorder = record(bus, DirectoryTarget(tmp_path), segment_bytes=1)
    bus.publish(FlowOpened(FlowKind.HTTP, "http", "\udcff.test", 80, "127.0.0.1:5000"), 1, 1, 1)
    await recorder.flush()
    await recorder.close()
    second = sorted(tmp_path.iterdir())[1]
    with DumpReader(second) as reader:
        (host,) = [event.body.host for event in reader if isinstance(event.body, FlowOpened)]
    assert host == "\\udcff.test"


CHILD = """
import asyncio, sys
from pathlib import Path
from soth_mitm.config import Limits
from soth_mitm.record.bus import Bus
from soth_mitm.record.recorder import Recorder
from soth_mitm.record.target import FileTarget
from tests.record.streams import exchange

async def main():
    bus = Bus()
    recorder = Recorder(bus, FileTarget(Path(sys.argv[1])), run_id="run", limits=Limits())
    flow = 0
    while True:
        for _ in range(50):
            flow += 1
            for number, body in enumerate(exchange(bytes(3000)), 1):
                bus.publish(body, 1, flow, number)
        await recorder.flush()
        print(bus.seq, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("rounds", [1, 5, 12])
def test_after_a_kill_all_that_was_flushed_is_there(tmp_path: Path, rounds: int) -> None:
    path = tmp_path / "a.soth"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as child:
        assert child.stdout is not None
        flushed = 0
        for _ in range(rounds):
            flushed = int(child.stdout.readline())
        child.kill()
        child.wait(20)
    with DumpReader(path) as reader:
        events = list(reader)
        report = reader.report
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= flushed
    assert report.damaged_blocks == 0
    assert not report.complete
    assert report.torn_bytes == path.stat().st_size - sound_length(path)
    data = bytearray(path.read_bytes())
    torn = data[: sound_length(path) - 100]
    with DumpReader(io.BytesIO(torn)) as reader:
        assert list(reader) == events[: reader.report.events]
        assert reader.report.torn_bytes > 0
        assert "cut off at the end" in reader.report.text()
    data[len(data) // 2] ^= 0xFF
    with DumpReader(io.BytesIO(bytes(data))) as reader:
        rest = list(reader)
        assert reader.report.damaged_blocks == 1
    missing = sorted({event.seq for event in events} - {event.seq for event in rest})
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert len(missing) <= 200


def sound_length(path: Path) -> int:
    with DumpReader(path) as reader:
        return max(block.offset + block.length for block in reader.blocks())


async def test_checkpoint_blocks_are_told_and_can_be_read() -> None:
    bus = Bus()
    infos: list[BlockInfo] = []
    recorder = record(bus, MemoryTarget(), segment_bytes=400_000, on_block=lambda info, _: infos.append(info))
    bus.publish(FlowOpened(FlowKind.HTTP, "http", "a", 80), 1, 1, 1)
    for number in range(12):
        chunk(bus, number * 60_000)
    await recorder.flush()
    repeated = [info for info in infos if info.flags & BLOCK_CHECKPOINT]
    assert repeated
    assert [info.number for info in infos] == list(range(len(infos)))
    for info in repeated:
        assert next(frames_in(recorder.read_block(info.number))).seq == 1
    await recorder.close()
