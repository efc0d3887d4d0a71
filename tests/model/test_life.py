"""The tables that say which event may follow which, and the drivers' objects that obey them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model import events as e
from soth_mitm.model.life import CONN, CONN_NEXT, FLOW, FLOW_NEXT, ConnState, FlowState
from soth_mitm.net.life import ConnLife, FlowLife, IllegalEvent
from soth_mitm.record.bus import Bus
from tests.helpers.invariants import Checker, check

SESSION = {body for kind, body in e.BODIES.items() if kind < 0x0200}


def test_every_event_belongs_to_the_session_a_conn_or_a_flow() -> None:
    assert set(e.BODIES.values()) == SESSION | set(CONN) | set(FLOW)
    assert not SESSION & (set(CONN) | set(FLOW))


def test_nothing_but_what_a_person_says_may_follow_a_terminal_event() -> None:
    assert not [body for state, body in CONN_NEXT if state == ConnState.CLOSED]
    assert [body for state, body in FLOW_NEXT if state == FlowState.CLOSED] == [e.Annotated]


def test_the_terminal_event_may_come_in_every_other_state() -> None:
    for conn_state in set(ConnState) - {ConnState.CLOSED}:
        assert CONN_NEXT[conn_state, e.ConnClosed] == ConnState.CLOSED
    for flow_state in set(FlowState) - {FlowState.CLOSED, FlowState.NEW}:
        assert FLOW_NEXT[flow_state, e.FlowClosed] == FlowState.CLOSED


def reachable(table: dict[tuple[int, type[e.Body]], int]) -> set[int]:
    seen = {0}
    while True:
        more = {after for (before, _), after in table.items() if before in seen} - seen
        if not more:
            return seen
        seen |= more


def test_every_state_can_be_reached() -> None:
    assert reachable(CONN_NEXT) == set(ConnState)
    assert reachable(FLOW_NEXT) == set(FlowState)


def test_an_event_that_its_state_does_not_allow_is_refused_and_not_published() -> None:
    bus = Bus()
    seen: list[e.Event] = []
    bus.attach(seen.append)
    conn = ConnLife(bus, 1)
    with pytest.raises(IllegalEvent, match="conn 1: TlsStarted in state NEW"):
        conn.emit(e.TlsStarted(e.Side.CLIENT))
    flow = FlowLife(bus, 1, 1)
    with pytest.raises(IllegalEvent, match="flow 1: RequestEnd in state NEW"):
        flow.emit(e.RequestEnd(0, 0))
    assert seen == []
    flow.emit(e.FlowOpened(e.FlowKind.HTTP, "http", "a", 80))
    assert [event.flow_seq for event in seen] == [1]


def test_a_second_end_is_no_event_and_is_told_to_nobody() -> None:
    bus = Bus()
    seen: list[e.Event] = []
    ended: list[int] = []
    bus.attach(seen.append)
    flow = FlowLife(bus, 7, 1, on_end=ended.append)
    flow.emit(e.FlowOpened(e.FlowKind.HTTP, "http", "a", 80))
    flow.from_client, flow.from_upstream = 3, 4
    flow.close("completed")
    flow.close("killed")
    assert ended == [7]
    assert seen[-1].body == e.FlowClosed("completed", "", 3, 4)
    conn = ConnLife(bus, 1)
    conn.close("completed", received=1, sent=2)
    conn.close("killed")
    assert [event.body for event in seen[2:]] == [e.ConnClosed("completed", "", 1, 2)]
    assert (flow.closed, conn.closed) == (True, True)


SAMPLES: list[e.Body] = [
    e.FlowOpened(e.FlowKind.HTTP, "http", "a", 80),
    e.RequestHead(b"GET", b"/", "HTTP/1.1", b""),
    e.ResponseInfo(103, b""),
    e.ResponseHead(200, b"OK", "HTTP/1.1", b""),
    e.Upgraded("x"),
    e.Noted("x"),
    e.FlowClosed("completed"),
]


@given(st.lists(st.sampled_from(SAMPLES), max_size=12))
def test_whatever_is_tried_only_a_legal_stream_comes_out(tried: list[e.Body]) -> None:
    bus = Bus()
    seen: list[e.Event] = []
    bus.attach(seen.append)
    bus.publish(e.SessionStarted("run", "0"))
    conn = ConnLife(bus, 1)
    conn.emit(e.ConnOpened(e.Side.CLIENT, "a"))
    flow = FlowLife(bus, 1, 1)
    for body in tried:
        try:
            flow.emit(body)
        except IllegalEvent:
            continue
    if flow.seq:
        flow.close("completed")
    conn.close("completed")
    bus.publish(e.SessionEnded("stopped"))
    check(seen)


@pytest.mark.parametrize(
    "bodies",
    [
        [e.ConnOpened(e.Side.CLIENT, "a")],
        [e.ConnOpened(e.Side.CLIENT, "a"), e.ConnClosed("completed"), e.ConnClosed("completed")],
        [e.ConnClosed("no such reason")],
        [e.TlsStarted(e.Side.CLIENT)],
    ],
    ids=["no end", "two ends", "unknown reason", "too early"],
)
def test_the_checker_of_streams_finds_what_is_wrong(bodies: list[e.Body]) -> None:
    bus = Bus()
    seen: list[e.Event] = []
    bus.attach(seen.append)
    bus.publish(e.SessionStarted("run", "0"))
    for body in bodies:
        bus.publish(body, 1)
    bus.publish(e.SessionEnded("stopped"))
    with pytest.raises(AssertionError):
        check(seen)


def test_the_checker_of_streams_wants_every_number() -> None:
    checker = Checker()
    checker.see(e.Event(1, 0, 0, 0, 5, 5, e.SessionStarted("run", "0")))
    with pytest.raises(AssertionError, match="seq goes from 1 to 3"):
        checker.see(e.Event(3, 0, 0, 0, 5, 5, e.Notice("info", "x")))
    with pytest.raises(AssertionError, match="time goes back"):
        checker.see(e.Event(2, 0, 0, 0, 4, 5, e.Notice("info", "x")))
