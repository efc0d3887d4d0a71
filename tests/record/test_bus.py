"""The bus: order for everyone, holds, and the three kinds of subscriber."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.clock import ManualClock
from soth_mitm.model.events import (
    BodyChunk,
    CaptureGap,
    Direction,
    Event,
    HelloReceived,
    Noted,
    Notice,
    SessionEnded,
)
from soth_mitm.record.bus import Bus, Lossy


def noted(number: int) -> Noted:
    return Noted(code=str(number))


def held(bus: Bus) -> bool:
    return bus.congested


def codes(events: list[Event]) -> list[str]:
    return [event.body.code for event in events if isinstance(event.body, Noted)]


def test_every_event_gets_the_next_seq_and_the_time_of_the_clock() -> None:
    clock = ManualClock(monotonic_ns=5, wall_ns=1_000)
    bus = Bus(clock)
    seen: list[Event] = []
    bus.attach(seen.append)
    assert bus.publish(noted(1), 7, 9, 1) == 5
    clock.advance(0.000_000_010)
    bus.publish(noted(2), conn=7)
    assert seen == [Event(1, 7, 9, 1, 5, 1_000, noted(1)), Event(2, 7, 0, 0, 15, 1_010, noted(2))]


def test_a_detached_sink_hears_no_more_and_the_others_do() -> None:
    bus = Bus()
    first: list[Event] = []
    second: list[Event] = []
    detach = bus.attach(first.append)
    bus.attach(second.append)
    bus.publish(noted(1))
    detach()
    bus.publish(noted(2))
    assert (codes(first), codes(second)) == (["1"], ["1", "2"])


def test_what_a_sink_publishes_comes_after_the_event_it_reacts_to_for_everyone() -> None:
    bus = Bus()
    late: list[Event] = []

    def reacts(event: Event) -> None:
        if event.seq == 1:
            bus.publish(noted(20))
            bus.publish(noted(21))

    bus.attach(reacts)
    bus.attach(late.append)
    bus.publish(noted(1))
    bus.publish(noted(2))
    assert [event.seq for event in late] == [1, 2, 3, 4]
    assert codes(late) == ["1", "20", "21", "2"]


def test_a_sink_that_raises_is_taken_off_and_said_so_and_the_others_miss_nothing() -> None:
    bus = Bus()
    seen: list[Event] = []
    calls = 0

    def breaks(_: Event) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("evil \x1b[2J")

    bus.attach(breaks)
    bus.attach(seen.append)
    bus.publish(noted(1))
    bus.publish(noted(2))
    assert calls == 1
    assert codes(seen) == ["1", "2"]
    (notice,) = [event.body for event in seen if isinstance(event.body, Notice)]
    assert notice.level == "error"
    assert "ValueError: evil \\x1b[2J" in notice.text


def test_a_hold_lasts_until_its_last_holder_lets_go() -> None:
    bus = Bus()
    called: list[str] = []
    bus.when_released(lambda: called.append("free"))
    assert called == ["free"]
    bus.hold("a")
    bus.hold("b")
    bus.hold("b")
    bus.when_released(lambda: called.append("later"))
    bus.release("b")
    assert held(bus)
    assert called == ["free"]
    bus.release("a")
    assert not held(bus)
    assert called == ["free", "later"]
    bus.release("a")
    assert called == ["free", "later"]


def test_those_that_wait_go_on_waiting_when_the_first_of_them_brings_the_next_hold() -> None:
    bus = Bus()
    called: list[int] = []
    bus.hold("a")

    def first() -> None:
        called.append(1)
        bus.hold("b")

    bus.when_released(first)
    bus.when_released(lambda: called.append(2))
    bus.release("a")
    assert called == [1]
    bus.release("b")
    assert called == [1, 2]


def test_a_full_cursor_shows_one_gap_where_events_are_missing() -> None:
    bus = Bus()
    cursor = bus.cursor(capacity=2)
    bus.publish(noted(1))
    bus.publish(noted(2))
    bus.publish(BodyChunk(Direction.REQUEST, 0, 100, b"x" * 100), 1, 1, 3)
    bus.publish(HelloReceived(sni="", alpn=(), versions=(), length=517), 1)
    first = cursor.take(1)
    bus.publish(noted(5))
    events = first + cursor.take()
    assert [type(event.body).__name__ for event in events] == ["Noted", "Noted", "CaptureGap", "Noted"]
    gap = events[2]
    assert gap.body == CaptureGap(gap_flow=0, bytes=100, events=2, cause="cursor_full")
    assert [event.seq for event in events] == [1, 2, 4, 5]
    assert cursor.dropped == 2


def test_a_gap_at_the_end_is_told_without_a_further_event() -> None:
    bus = Bus()
    cursor = bus.cursor(capacity=1)
    bus.publish(noted(1))
    bus.publish(noted(2))
    assert codes(cursor.take()) == ["1"]
    (gap,) = cursor.take()
    assert isinstance(gap.body, CaptureGap)
    assert cursor.take() == []


def test_the_end_of_the_session_reaches_a_full_cursor() -> None:
    bus = Bus()
    cursor = bus.cursor(capacity=1)
    for number in range(5):
        bus.publish(noted(number))
    bus.publish(SessionEnded(reason="done"))
    names = [type(event.body).__name__ for event in cursor.take()]
    assert names == ["Noted", "CaptureGap", "SessionEnded"]


def test_a_blocking_cursor_holds_the_drivers_and_loses_nothing() -> None:
    bus = Bus()
    cursor = bus.cursor(capacity=4, on_full="block")
    for number in range(4):
        bus.publish(noted(number))
    assert not held(bus)
    bus.publish(noted(4))
    assert held(bus)
    assert codes(cursor.take(2)) == ["0", "1"]
    assert held(bus)
    assert codes(cursor.take(1)) == ["2"]
    assert not held(bus)
    assert codes(cursor.take()) == ["3", "4"]
    assert cursor.dropped == 0


def test_a_blocking_cursor_that_closes_lets_the_drivers_go() -> None:
    bus = Bus()
    cursor = bus.cursor(capacity=1, on_full="block")
    bus.publish(noted(1))
    bus.publish(noted(2))
    assert held(bus)
    cursor.close()
    assert not held(bus)
    bus.publish(noted(3))
    assert codes(cursor.take()) == ["1", "2"]


async def test_iterating_a_cursor_waits_for_events_and_ends_with_the_session() -> None:
    bus = Bus()
    cursor = bus.cursor()
    bus.publish(noted(1))
    seen: list[Event] = []
    two = asyncio.Event()

    async def consume() -> None:
        async for event in cursor:
            seen.append(event)
            if event.seq == 2:
                two.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(consume())
        bus.publish(noted(2))
        await two.wait()
        assert codes(seen) == ["1", "2"]
        bus.publish(SessionEnded(reason="done"))
    assert isinstance(seen[-1].body, SessionEnded)
    assert cursor.closed


async def test_iterating_ends_when_the_cursor_is_closed_after_what_was_queued() -> None:
    bus = Bus()
    cursor = bus.cursor()
    for number in range(3000):
        bus.publish(noted(number))
    cursor.close()
    async with asyncio.timeout(5):
        seen = [event async for event in cursor]
    assert codes(seen) == [str(number) for number in range(3000)]


@pytest.mark.parametrize(("every", "expected"), [(1, 10), (3, 3), (100, 0)])
def test_a_lossy_subscriber_sees_one_in_every_and_counts_the_rest(every: int, expected: int) -> None:
    bus = Bus()
    seen: list[Event] = []
    lossy = Lossy(bus, seen.append, every=every)
    for number in range(10):
        bus.publish(noted(number))
    assert len(seen) == expected
    assert (lossy.seen, lossy.dropped) == (10, 10 - expected)
    bus.publish(SessionEnded(reason="done"))
    assert isinstance(seen[-1].body, SessionEnded)


def test_a_lossy_subscriber_that_raises_stays_and_is_counted() -> None:
    bus = Bus()

    def breaks(_: Event) -> None:
        raise ValueError

    lossy = Lossy(bus, breaks)
    bus.publish(noted(1))
    bus.publish(noted(2))
    assert (lossy.seen, lossy.dropped) == (2, 2)
    lossy.detach()
    bus.publish(noted(3))
    assert lossy.seen == 2


steps = st.lists(st.one_of(st.just("publish"), st.integers(1, 5)), max_size=80)


@pytest.mark.parametrize("on_full", ["gap", "block"])
@given(steps=steps, capacity=st.integers(1, 6))
def test_a_cursor_accounts_for_every_event_in_order(
    steps: list[str | int], capacity: int, on_full: Literal["gap", "block"]
) -> None:
    bus = Bus()
    cursor = bus.cursor(capacity=capacity, on_full=on_full)
    got: list[Event] = []
    for step in [*steps, 10_000, 10_000]:
        if isinstance(step, int):
            got += cursor.take(step)
        else:
            bus.publish(noted(0))
    assert [event.seq for event in got] == sorted(event.seq for event in got)
    missed = sum(event.body.events for event in got if isinstance(event.body, CaptureGap))
    assert len(codes(got)) + missed == bus.seq
    assert missed == cursor.dropped
    assert on_full == "gap" or missed == 0
    assert not held(bus)
