"""The messages of one flow: their columns, and reading them back live and from a file."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.clock import ManualClock
from soth_mitm.config import Limits
from soth_mitm.model import events as e
from soth_mitm.policy.filters.messages import MessageFilter
from soth_mitm.record.bus import Bus
from soth_mitm.record.comparing import changes_of, forwarded_message_of, original_message_of
from soth_mitm.record.frames import Frame, append_frame, frames_in
from soth_mitm.record.livestore import LiveStore
from soth_mitm.record.messagelog import BEGINNING, MessageLog
from soth_mitm.record.messages import MessageFold
from soth_mitm.record.messagetable import DROP_AT_ONCE, LABELS, MORE_LABELS
from soth_mitm.record.store import Store
from tests.helpers.streams import HOSTILE, Stream
from tests.helpers.talks import DOWN, UP, Talk

WS, SSE, NDJSON = e.MessageForm.WEBSOCKET, e.MessageForm.SSE, e.MessageForm.NDJSON


def folded(talk: Talk, *, most: int = 1000) -> MessageFold:
    """Return the fold of the events of a talk, all in one block."""
    fold = MessageFold(most=most)
    payload = bytearray()
    for event in talk.stream.events:
        append_frame(payload, event)
    for frame in frames_in(bytes(payload)):
        fold.take(bytes(payload), frame, 7)
    return fold


# --- columns --------------------------------------------------------------------------------------


def test_each_message_has_its_number_direction_label_size_time_and_gap() -> None:
    talk = Talk(Stream(), WS, detail="permessage-deflate")
    talk.say(UP, b"hello", after_ms=5)
    talk.say(DOWN, b"{}", compressed=True, after_ms=20)
    talk.say(DOWN, b"", "ping", origin="injected", after_ms=3)
    table = folded(talk).table
    first, second, third = (table.entry(at) for at in range(3))
    assert (first.number, first.direction, first.label, first.size, first.gap_ns) == (1, UP, "text", 5, 0)
    assert (second.number, second.direction, second.size, second.compressed) == (2, DOWN, 2, True)
    assert second.gap_ns == second.mono_ns - first.mono_ns == 20_000_000
    assert (third.label, third.origin, third.size, third.gap_ns) == ("ping", "injected", 0, 3_000_000)


def test_the_facts_count_both_directions_and_keep_the_last_id_and_who_closed() -> None:
    talk = Talk(Stream(), WS, detail="chat")
    talk.say(UP, b"abc")
    talk.say(DOWN, b"de", note="17")
    talk.say(DOWN, b"x", origin="dropped", note="")
    talk.say(UP, b"", "close", note="1000 bye")
    talk.say(DOWN, b"", "close", note="1000 bye")
    facts = folded(talk).facts
    assert (facts.from_client, facts.from_server, facts.count) == (2, 3, 5)
    assert (facts.client_bytes, facts.server_bytes) == (3, 3)
    assert facts.close == ("request", "1000 bye")
    assert facts.last_note["response"] == "1000 bye"
    assert facts.origins == {"dropped": 1}
    assert (facts.form, facts.started["request"].detail) == ("ws", "chat")


def test_the_turns_of_a_websocket_are_counted() -> None:
    talk = Talk(Stream(), WS)
    for direction, label in ((UP, "text"), (DOWN, "text"), (DOWN, "ping"), (UP, "pong"), (DOWN, "text")):
        talk.say(direction, b"x", label)
    turn = folded(talk).turn
    assert turn is not None
    assert (turn.number, turn.client_messages, turn.server_messages, turn.end) == (1, 1, 2, None)
    talk.say(UP, b"again", "binary")
    talk.say(UP, b"", "close")
    turn = folded(talk).turn
    assert turn is not None
    assert (turn.number, turn.client_messages, turn.client_bytes, turn.end) == (2, 1, 5, "close_frame")


def test_beyond_the_limit_the_oldest_are_dropped_and_counted() -> None:
    talk = Talk(Stream(), SSE)
    for number in range(100 + DROP_AT_ONCE):
        talk.say(DOWN, b"%d" % number)
    fold = folded(talk, most=100)
    table = fold.table
    assert (len(table), table.dropped, table.end) == (100, DROP_AT_ONCE, 100 + DROP_AT_ONCE)
    assert table.entry(table.end - 1).number == fold.facts.count == 100 + DROP_AT_ONCE
    with pytest.raises(IndexError, match="no message at 5"):
        table.entry(5)


def test_a_flow_with_endless_labels_keeps_only_so_many_of_them() -> None:
    talk = Talk(Stream(), SSE)
    for number in range(LABELS + 3):
        talk.say(DOWN, b"", f"label {number}")
    table = folded(talk, most=10_000).table
    assert table.entry(LABELS - 1).label == f"label {LABELS - 1}"
    assert table.entry(LABELS + 2).label == MORE_LABELS
    assert len(table.labels) == LABELS + 1


def test_a_hostile_label_is_made_visible() -> None:
    talk = Talk(Stream(), SSE)
    talk.say(DOWN, b"", HOSTILE.replace("\udcff", "") * 20)
    label = folded(talk).table.entry(0).label
    assert label.isprintable()
    assert len(label) == 80


def test_a_message_on_its_way_is_told_as_far_as_it_has_come() -> None:
    talk = Talk(Stream(), WS)
    talk.add(e.MessageChunk(DOWN, 1, 0, b"x" * 100))
    talk.add(e.MessageChunk(DOWN, 1, 100, b"x" * 50))
    fold = folded(talk)
    assert [(each.number, each.direction, each.size) for each in fold.coming] == [(1, "response", 150)]
    talk.add(e.MessageSeen(DOWN, 1, "binary", 150))
    assert folded(talk).coming == []


def test_a_message_whose_end_is_lost_is_forgotten_with_the_next() -> None:
    talk = Talk(Stream(), WS)
    talk.add(e.MessageChunk(DOWN, 1, 0, b"x"))
    talk.add(e.MessageChunk(DOWN, 2, 0, b"yy"))
    assert [each.number for each in folded(talk).coming] == [2]


def test_frames_that_were_taken_before_are_passed_over() -> None:
    talk = Talk(Stream(), WS)
    talk.say(UP, b"once")
    fold = MessageFold(most=10)
    payload = bytearray()
    for event in talk.stream.events:
        append_frame(payload, event)
    for _ in range(2):
        for frame in frames_in(bytes(payload)):
            fold.take(bytes(payload), frame, 0)
    assert len(fold.table) == 1


def test_columns_are_searched_without_reading_a_payload() -> None:
    talk = Talk(Stream(), WS)
    for data, label in ((b"a", "text"), (b"bb", "text"), (b"cc", "ping"), (b"ddd", "text")):
        talk.say(DOWN, data, label)
    table = folded(talk).table
    assert table.select(0, table.end, MessageFilter("label:text size:>1")) == [1, 3]
    assert table.select(2, 100, MessageFilter("↓")) == [2, 3]
    assert table.select(0, 100, MessageFilter("gap:>2s")) == []


def test_the_rate_counts_the_last_ten_seconds() -> None:
    talk = Talk(Stream(), SSE)
    for _ in range(40):
        talk.say(DOWN, b"x", after_ms=500)
    table = folded(talk).table
    assert table.rate(table.entry(39).mono_ns) == 2.0
    assert table.rate(table.entry(39).mono_ns + 60_000_000_000) == 0.0


def test_the_rate_of_a_stream_that_has_just_begun_counts_from_its_first_message() -> None:
    talk = Talk(Stream(), SSE)
    for _ in range(10):
        talk.say(DOWN, b"x", after_ms=400)
    table = folded(talk).table
    assert table.rate(table.entry(0).mono_ns + 4_000_000_000) == 2.5
    assert table.rate(table.entry(0).mono_ns) == 10.0


@settings(max_examples=40)
@given(
    numbers=st.lists(st.integers(-(2**70), 2**70), max_size=6),
    label=st.text(max_size=5),
    junk=st.binary(max_size=40),
)
def test_nothing_that_a_damaged_file_says_raises(numbers: list[int], label: str, junk: bytes) -> None:
    stream = Stream()
    talk = Talk(stream, WS)
    payload = bytearray()
    for number in numbers:
        fits = max(min(number, 2**64 - 1), -(2**63))
        talk.add(e.MessageChunk(DOWN, fits, fits, junk))
        talk.add(e.MessageSeen(DOWN, fits, label, fits, junk, offset=fits))
    for event in stream.events:
        try:
            append_frame(payload, event)
        except UnicodeEncodeError:
            continue
    fold = MessageFold(most=10)
    for frame in frames_in(bytes(payload)):
        fold.take(bytes(payload), frame, 0)
    for position in range(fold.table.end):
        fold.table.entry(position)


# --- reading back ---------------------------------------------------------------------------------


class Live:
    """A store that records what is said."""

    def __init__(self, *, limits: Limits | None = None) -> None:
        self.bus = Bus(ManualClock())
        self.stream = Stream(self.bus.publish)
        self.store: LiveStore = Store.live(self.bus, run_id="run-1", limits=limits or Limits())


async def beginnings(log: MessageLog) -> list[bytes]:
    """Return how every payload begins."""
    return [each.beginning for each in await log.details(range(log.table.dropped, log.table.end))]


async def test_messages_are_followed_while_they_come() -> None:
    live = Live()
    talk = Talk(live.stream, WS)
    log = live.store.messages(talk.flow)
    assert await log.refresh()
    assert len(log.table) == 0
    for number in range(5):
        talk.say(UP if number % 2 else DOWN, b"message %d" % number)
        assert await log.refresh()
        assert len(log.table) == number + 1
    assert not await log.refresh()
    assert await beginnings(log) == [b"message %d" % number for number in range(5)]
    talk.close()
    await log.refresh()
    assert log.finished
    assert live.store.messages(talk.flow) is log
    await live.store.close()


async def test_what_was_read_is_not_read_again() -> None:
    live = Live()
    talk = Talk(live.stream, SSE)
    for number in range(3000):
        talk.say(DOWN, b"x" * 200 + b"%d" % number)
    log = live.store.messages(talk.flow)
    await log.refresh()
    asked: list[int] = []
    read_block = live.store.read_block

    def noting(number: int) -> bytes:
        asked.append(number)
        return read_block(number)

    live.store.read_block = noting  # type: ignore[method-assign]
    taken = log.fold.take
    frames: list[Frame] = []

    def taking(payload: bytes, frame: Frame, block: int) -> bool:
        frames.append(frame)
        return taken(payload, frame, block)

    log.fold.take = taking  # type: ignore[method-assign]
    talk.say(DOWN, b"one more")
    await log.refresh()
    assert len(asked) <= 2, "the block that was open, and the next where that one has been closed since"
    assert len(frames) == 1
    assert log.table.end == 3001
    await live.store.close()


async def test_long_messages_come_back_from_their_chunks() -> None:
    live = Live()
    talk = Talk(live.stream, WS)
    data = bytes(range(256)) * 800
    talk.say(DOWN, data, "binary")
    log = live.store.messages(talk.flow)
    await log.refresh()
    (detail,) = await log.details((0,))
    assert (detail.captured, detail.beginning, detail.head.size) == (len(data), data[:BEGINNING], len(data))
    assert await log.payload(0, len(data)) == data
    assert await log.payload(0, 70_000) == data[:70_000]
    await live.store.close()


async def test_lines_of_a_body_are_read_out_of_the_body() -> None:
    live = Live()
    talk = Talk(live.stream, NDJSON)
    lines = [b'{"n": %d, "pad": "%s"}' % (number, b"x" * number * 7) for number in range(20)]
    for number, line in enumerate(lines):
        talk.line(line, pieces=1 + number % 4)
    log = live.store.messages(talk.flow)
    await log.refresh()
    assert [await log.payload(at, 10_000) for at in range(20)] == lines
    await live.store.close()


async def test_a_message_that_was_changed_keeps_what_came() -> None:
    live = Live()
    talk = Talk(live.stream, WS)
    came, size = bytes(range(256)) * 300, 256 * 300
    talk.say(DOWN, b"passed")
    for start in (0, 65536):
        talk.add(e.OriginalMessage(DOWN, 2, "binary", size, start, came[start : start + 65536]))
    talk.say(DOWN, b"went on", origin="changed")
    talk.say(DOWN, b"left out", origin="dropped")
    log = live.store.messages(talk.flow)
    await log.refresh()
    assert [await log.original(at, size) for at in range(3)] == [None, came, None]
    before, after = await original_message_of(log, 1), await forwarded_message_of(log, 1)
    assert before is not None
    assert (before.body, before.start, after.body) == (came, b"binary to the client", b"went on")
    before, after = await original_message_of(log, 2), await forwarded_message_of(log, 2)
    assert before is not None
    assert (before.body, after.body) == (b"left out", b"")
    (_, one), (_, other) = await changes_of(live.store, talk.flow)
    assert one is not None
    assert other is not None
    assert (one.body, other.body) == (b"passed\n" + came + b"\nleft out", b"passed\nwent on")
    await live.store.close()


async def test_what_was_not_recorded_is_said_to_be_missing() -> None:
    live = Live()
    talk = Talk(live.stream, NDJSON)
    talk.line(b"lost", recorded=False)
    talk.line(b"kept")
    log = live.store.messages(talk.flow)
    await log.refresh()
    lost, kept = await log.details(range(2))
    assert (lost.captured, lost.head.size) == (0, 4)
    assert (kept.captured, kept.beginning) == (4, b"kept")
    await live.store.close()


async def test_messages_of_a_file_that_was_closed_are_the_same(tmp_path: Path) -> None:
    live = Live()
    talks = [Talk(live.stream, WS), Talk(live.stream, NDJSON)]
    for number in range(50):
        talks[0].say(UP, b"from one %d" % number)
        talks[1].line(b'{"two": %d}' % number)
    talks[0].say(DOWN, b"y" * 200_000)
    for talk in talks:
        talk.close()
    path = tmp_path / "run.soth"
    await live.store.save(path)
    store = Store.open_dump(path)
    await store.load()
    for talk in talks:
        ours, theirs = live.store.messages(talk.flow), store.messages(talk.flow)
        await ours.refresh()
        await theirs.refresh()
        assert theirs.finished
        assert await beginnings(theirs) == await beginnings(ours)
        last = ours.table.end - 1
        assert await theirs.payload(last, 300_000) == await ours.payload(last, 300_000)
        assert [theirs.table.entry(at) for at in range(last)] == [ours.table.entry(at) for at in range(last)]
    await store.close()
    await live.store.close()


async def test_messages_whose_blocks_are_gone_keep_their_columns() -> None:
    live = Live(limits=Limits(memory_spill_bytes=2 * 1024 * 1024))
    talk = Talk(live.stream, WS)
    log = live.store.messages(talk.flow)
    for number in range(300):
        talk.say(DOWN, b"%d" % number + b"x" * 20_000)
        if number == 20:
            await log.refresh()
    await live.store.recorder.flush()
    await log.refresh()
    first, last = await log.details((0, log.table.end - 1))
    assert (first.captured, log.table.entry(0).size) == (0, 20_001)
    assert last.captured == 20_003
    await live.store.close()


async def test_a_checkpoint_repeats_no_payload() -> None:
    live = Live(limits=Limits(memory_spill_bytes=2 * 1024 * 1024))
    talk = Talk(live.stream, WS)
    for number in range(300):
        talk.say(DOWN, b"%d" % number + b"x" * 20_000)
    await live.store.recorder.flush()
    numbers = live.store.block_numbers()
    assert numbers.start > 0
    log = live.store.messages(talk.flow)
    await log.refresh()
    entries = [log.table.entry(at) for at in range(log.table.end)]
    assert [entry.number for entry in entries] == sorted({entry.number for entry in entries})
    assert entries[-1].number == 300
    assert log.facts.form == "ws"
    await live.store.close()


async def test_a_view_takes_no_message_but_knows_how_they_are_framed() -> None:
    live = Live()
    talk = Talk(live.stream, SSE, detail="gzip")
    talk.say(DOWN, b"x")
    view = await live.store.view(talk.flow)
    assert view is not None
    assert view.framing["response"].form == SSE
    before = view.last_mono_ns
    talk.say(DOWN, b"y", after_ms=70)
    assert await live.store.refresh(view)
    assert view.last_mono_ns >= before
    talk.add(e.MessagesStopped(DOWN, "message_too_long", "a line of more than 1 MiB"))
    assert await live.store.refresh(view)
    assert view.framing_stopped["response"].code == "message_too_long"
    await live.store.close()


async def test_reading_many_messages_never_keeps_the_loop() -> None:
    live = Live()
    talk = Talk(live.stream, SSE)
    for number in range(20_000):
        talk.say(DOWN, b'{"type":"text_delta","text":" word %d"}' % number, "content_block_delta")
    live.store.catch_up()
    log = live.store.messages(talk.flow)
    longest, ended = 0.0, False

    async def pulse() -> None:
        nonlocal longest
        while not ended:
            before = thread_time()
            await asyncio.sleep(0)
            longest = max(longest, thread_time() - before)

    async def read() -> None:
        nonlocal ended
        await log.refresh()
        ended = True

    tracemalloc.start()
    await asyncio.gather(pulse(), read())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert log.table.end == 20_000
    assert longest < 0.02, "a slice is two milliseconds; more than that is the collector of cycles"
    assert peak < 8 * 1024 * 1024
    await live.store.close()
