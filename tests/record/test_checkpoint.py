"""What a checkpoint repeats: all that is open, within its budget."""

from __future__ import annotations

from soth_mitm.model.events import (
    ConnClosed,
    ConnOpened,
    Direction,
    Event,
    FlowClosed,
    FlowKind,
    FlowOpened,
    ListenerClosed,
    ListenerOpened,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesStarted,
    Noted,
    SessionStarted,
    Side,
    TlsEstablished,
    TunnelProgress,
)
from soth_mitm.record.checkpoint import OpenState
from tests.record.streams import of


def events_from(*bodies: tuple[object, int, int]) -> list[Event]:
    return [Event(seq, conn, flow, seq, 0, 0, body) for seq, (body, conn, flow) in enumerate(bodies, 1)]  # type: ignore[arg-type]


def test_a_checkpoint_holds_what_is_open_and_nothing_that_ended() -> None:
    state = OpenState()
    state.note(
        events_from(
            (SessionStarted("run", "1"), 0, 0),
            (ListenerOpened("a", 1), 0, 0),
            (ListenerOpened("b", 2), 0, 0),
            (ListenerClosed("a", 1), 0, 0),
            (ConnOpened(Side.CLIENT, "c:1"), 1, 0),
            (ConnOpened(Side.CLIENT, "c:2"), 2, 0),
            (FlowOpened(FlowKind.HTTP, "http", "a", 80), 1, 1),
            (FlowOpened(FlowKind.TUNNEL, "https", "b", 443), 2, 2),
            (FlowClosed("completed"), 1, 1),
            (ConnClosed("client_closed"), 1, 0),
            (TunnelProgress(1, 2), 2, 2),
            (TunnelProgress(3, 4), 2, 2),
            (Noted("late"), 9, 9),
        )
    )
    assert [event.seq for event in state.events()] == [1, 3, 6, 8, 12]
    state.note([Event(14, 2, 2, 9, 0, 0, FlowClosed("relay_eof")), Event(15, 2, 0, 0, 0, 0, ConnClosed("x"))])
    assert [event.seq for event in state.events()] == [1, 3]


def test_of_messages_a_checkpoint_holds_the_last_of_each_direction_without_payload() -> None:
    state = OpenState()
    opened = Event(1, 1, 1, 1, 0, 0, FlowOpened(FlowKind.HTTP, "http", "a", 80))
    started = Event(2, 1, 1, 2, 0, 0, MessagesStarted(Direction.RESPONSE, MessageForm.SSE))
    seen = [
        Event(seq, 1, 1, seq, 0, 0, MessageSeen(Direction.RESPONSE, seq, "message", 5, b"hello"))
        for seq in range(3, 200)
    ]
    state.note(
        [opened, started, Event(200, 1, 1, 9, 0, 0, MessageChunk(Direction.RESPONSE, 9, 0, b"x")), *seen]
    )
    assert [event.seq for event in state.events()] == [1, 2, 199]
    assert state.events()[-1].body == MessageSeen(Direction.RESPONSE, 199, "message", 5)
    assert state.left_out == 0


def test_a_checkpoint_stays_within_its_budget() -> None:
    state = OpenState(budget=20_000)
    for conn in range(1, 11):
        state.note(
            [
                Event(conn * 10, conn, 0, 0, 0, 0, ConnOpened(Side.UPSTREAM, "u")),
                Event(conn * 10 + 1, conn, 0, 0, 0, 0, tls(3000)),
            ]
        )
    kept = state.events()
    assert len(of(ConnOpened, kept)) == 10
    assert len(of(TlsEstablished, kept)) == 6
    assert state.left_out == 4
    state.note([Event(200 + conn, conn, 0, 0, 0, 0, ConnClosed("x")) for conn in range(1, 11)])
    state.note(
        [
            Event(300, 20, 0, 0, 0, 0, ConnOpened(Side.UPSTREAM, "u")),
            Event(301, 20, 0, 0, 0, 0, tls(19_000)),
        ]
    )
    assert [event.seq for event in state.events()] == [300, 301]


def tls(size: int) -> TlsEstablished:
    return TlsEstablished(Side.UPSTREAM, "TLSv1.3", "AES", chain=(bytes(size),))


def test_a_flow_with_endless_notes_keeps_only_so_many() -> None:
    state = OpenState()
    opened = Event(1, 1, 1, 1, 0, 0, FlowOpened(FlowKind.HTTP, "http", "a", 80))
    state.note([opened, *(Event(seq, 1, 1, seq, 0, 0, Noted("n")) for seq in range(2, 1000))])
    assert len(state.events()) == 32
    assert state.events()[0] == opened
