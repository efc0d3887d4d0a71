"""Who is paused since when, until when, and within which budgets; the clock is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given as always
from hypothesis import strategies as st

from soth_mitm.policy.breakpoints import PauseQueue, QueueFullError, Stage
from soth_mitm.policy.breakpoints.queue import SECOND


def queue(most: int = 4, most_bytes: int = 100, seconds: float = 60.0) -> PauseQueue:
    return PauseQueue(most=most, most_bytes=most_bytes, seconds=seconds)


def add(waiting: PauseQueue, *, now: int = 0, size: int = 0) -> int:
    return waiting.add(1, Stage.REQUEST, "orders", now=now, size=size).number


def due(waiting: PauseQueue, now: int) -> list[int]:
    return [pause.number for pause in waiting.due(now)]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 60)),
        st.tuples(st.just("end"), st.integers(1, 8)),
        st.tuples(st.just("open"), st.integers(1, 8)),
        st.tuples(st.just("shut"), st.integers(1, 8)),
        st.tuples(st.just("more"), st.integers(1, 8)),
        st.tuples(st.just("wait"), st.integers(0, 40)),
    ),
    max_size=40,
)


@always(steps, st.sampled_from((0.0, 0.5, 60.0)))
def test_after_any_steps_budgets_and_deadlines_add_up(steps: list[tuple[str, int]], seconds: float) -> None:
    waiting, now = queue(seconds=seconds), 0
    sizes: dict[int, int] = {}
    editing: set[int] = set()
    for what, value in steps:
        match what:
            case "add":
                try:
                    sizes[add(waiting, now=now, size=value)] = value
                except QueueFullError:
                    assert len(sizes) == waiting.most or sum(sizes.values()) + value > waiting.most_bytes
            case "end":
                assert (waiting.end(value) is not None) == (value in sizes)
                sizes.pop(value, None)
                editing.discard(value)
            case "open" | "shut":
                waiting.edit(value, what == "open", now=now)
                (editing.add if what == "open" and value in sizes else editing.discard)(value)
            case "more":
                waiting.more(value, 30.0, now=now)
            case _:
                now += value * SECOND
        assert (len(waiting), waiting.held) == (len(sizes), sum(sizes.values()))
        if not seconds:
            assert waiting.next_due is None
        later = set(due(waiting, now + 10**15))
        assert later == (set(sizes) - editing if seconds else set()), "an open editor suspends, and it alone"
        next_due = waiting.next_due
        if next_due is not None:
            assert due(waiting, next_due)
            assert not due(waiting, next_due - 1)


def test_a_pause_is_over_when_its_time_is_and_not_before() -> None:
    waiting = queue(seconds=60)
    number = add(waiting, now=5 * SECOND)
    assert waiting.next_due == 65 * SECOND
    assert due(waiting, 65 * SECOND - 1) == []
    assert due(waiting, 65 * SECOND) == [number]


def test_an_editor_stops_the_clock_and_leaves_what_was_left() -> None:
    waiting = queue(seconds=60)
    number = add(waiting)
    waiting.edit(number, True, now=20 * SECOND)
    waiting.edit(number, True, now=30 * SECOND)
    assert due(waiting, 10_000 * SECOND) == []
    waiting.edit(number, False, now=1_000 * SECOND)
    assert waiting.next_due == 1_040 * SECOND


def test_whoever_closes_an_editor_has_time_to_decide() -> None:
    waiting = queue(seconds=60)
    number = add(waiting)
    waiting.edit(number, True, now=59 * SECOND)
    waiting.edit(number, False, now=100 * SECOND)
    assert waiting.next_due == 110 * SECOND


def test_more_time_counts_from_the_deadline_and_in_an_editor_from_what_is_left() -> None:
    waiting = queue(seconds=60)
    number = add(waiting)
    waiting.more(number, 60, now=10 * SECOND)
    assert waiting.next_due == 120 * SECOND
    waiting.edit(number, True, now=20 * SECOND)
    waiting.more(number, 60, now=30 * SECOND)
    waiting.edit(number, False, now=30 * SECOND)
    assert waiting.next_due == 190 * SECOND


def test_without_a_deadline_there_is_none_whatever_is_done() -> None:
    waiting = queue(seconds=0)
    number = add(waiting)
    waiting.more(number, 60, now=0)
    waiting.edit(number, True, now=0)
    waiting.more(number, 60, now=0)
    waiting.edit(number, False, now=SECOND)
    assert waiting.next_due is None
    assert waiting.due(10**18) == ()


@pytest.mark.parametrize(
    ("most", "most_bytes", "limit"),
    [(1, 100, "paused_messages"), (9, 10, "paused_bytes"), (1, 10, "paused_messages")],
)
def test_what_is_full_is_named_by_its_limit(most: int, most_bytes: int, limit: str) -> None:
    waiting = queue(most, most_bytes)
    add(waiting, size=10)
    with pytest.raises(QueueFullError, match=f"limits.{limit}") as caught:
        add(waiting, size=1)
    assert caught.value.limit == limit
    assert len(waiting) == 1


def test_a_body_that_streams_costs_no_bytes() -> None:
    waiting = queue(9, 10)
    add(waiting, size=10)
    add(waiting)
    assert len(waiting) == 2
