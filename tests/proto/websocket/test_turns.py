"""Turns of a conversation over a WebSocket."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.events import Direction
from soth_mitm.proto.websocket.turns import IDLE_NS, Turn, TurnEnd, Turns

UP, DOWN = Direction.REQUEST, Direction.RESPONSE
MS = 1_000_000


def played(*messages: tuple[Direction, int, int], end: TurnEnd | None = TurnEnd.EOF) -> list[Turn]:
    """Return the turns of messages, given as direction, size and milliseconds."""
    turns, found = Turns(), []
    for number, (direction, size, at) in enumerate(messages, 1):
        found.append(turns.message(direction, number, size=size, at_ns=at * MS))
    if end is not None:
        found.append(turns.finish(end))
    return [turn for turn in found if turn is not None]


def test_a_question_and_its_answer_are_one_turn() -> None:
    (turn,) = played((UP, 10, 0), (DOWN, 5, 1), (DOWN, 6, 2), end=TurnEnd.CLOSE)
    assert turn == Turn(1, UP, 1, 3, 0, 2 * MS, 1, 2, 10, 11, TurnEnd.CLOSE)
    assert turn.answered


def test_the_next_question_begins_the_next_turn() -> None:
    first, second = played((UP, 1, 0), (DOWN, 2, 1), (UP, 3, 2), (DOWN, 4, 3))
    assert (first.end, first.first, first.last) == (TurnEnd.ROLLOVER, 1, 2)
    assert (second.end, second.number, second.client_bytes, second.server_bytes) == (TurnEnd.EOF, 2, 3, 4)


def test_who_began_may_go_on_until_the_other_answers() -> None:
    (turn,) = played((UP, 1, 0), (UP, 1, 1), (DOWN, 1, 2), (DOWN, 1, 3))
    assert (turn.client_messages, turn.server_messages) == (2, 2)


def test_the_server_may_begin() -> None:
    first, second = played((DOWN, 1, 0), (UP, 2, 1), (DOWN, 3, 2), end=TurnEnd.ERROR)
    assert (first.initiator, first.end) == (DOWN, TurnEnd.ROLLOVER)
    assert (second.initiator, second.end, second.answered) == (DOWN, TurnEnd.ERROR, False)


def test_silence_ends_a_turn() -> None:
    ended = played((UP, 1, 0), (DOWN, 1, 750), end=None)
    assert [(turn.end, turn.last) for turn in ended] == [(TurnEnd.IDLE, 1)]
    assert played((UP, 1, 0), (DOWN, 1, 749), end=None) == []
    turns = Turns()
    turns.message(UP, 1, size=1, at_ns=0)
    assert turns.idle(IDLE_NS - 1) is None
    done = turns.idle(IDLE_NS)
    assert done is not None
    assert done.end is TurnEnd.IDLE
    assert turns.open is None


def test_nothing_said_is_no_turn() -> None:
    assert played() == []


@given(st.lists(st.tuples(st.sampled_from([UP, DOWN]), st.integers(0, 9), st.integers(0, 900)), max_size=30))
def test_each_message_is_in_exactly_one_turn(steps: list[tuple[Direction, int, int]]) -> None:
    at, messages = 0, []
    for direction, size, pause in steps:
        at += pause
        messages.append((direction, size, at))
    turns = played(*messages)
    assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))
    assert sum(turn.client_messages + turn.server_messages for turn in turns) == len(messages)
    assert sum(turn.client_bytes + turn.server_bytes for turn in turns) == sum(
        size for _, size, _ in messages
    )
    numbers = [(turn.first, turn.last) for turn in turns]
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(numbers))
