"""Which breakpoint stops the message at hand: the first of those that are on, at its stage."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given as always
from hypothesis import strategies as st

from soth_mitm.model.terms import Direction
from soth_mitm.policy.breakpoints import Breakpoint, BreakpointError, BreakpointSet, Stage
from soth_mitm.policy.breakpoints.chosen import EVERYTHING
from soth_mitm.policy.filters import compile_filter
from soth_mitm.policy.subject import Subject

EXPRESSIONS = (
    "",
    "method:POST",
    "host:api",
    "!host:api",
    "body:needle",
    "header:x-a",
    "method:GET or body:hay",
)


def subject(method: bytes = b"POST", host: str = "api.test", body: bytes | None = None) -> Subject:
    made = Subject(
        scheme="https",
        host=host,
        port=443,
        method=method,
        target=b"/v1",
        version="HTTP/1.1",
        raw=method + b" /v1 HTTP/1.1\r\nX-A: 1\r\n\r\n",
    )
    made.has_body(Direction.REQUEST, body)
    return made


breakpoints = st.lists(
    st.builds(
        Breakpoint,
        expression=st.sampled_from(EXPRESSIONS),
        stages=st.lists(st.sampled_from(Stage), min_size=1, max_size=3, unique=True).map(tuple),
        once=st.booleans(),
        enabled=st.booleans(),
    ),
    max_size=5,
)
subjects = st.builds(
    subject,
    st.sampled_from((b"GET", b"POST")),
    st.sampled_from(("api.test", "www.test")),
    st.sampled_from((b"", b"a needle", b"hay")),
)
heads = st.sampled_from((Stage.REQUEST, Stage.REQUEST_BODY, Stage.RESPONSE))


def wants(each: Breakpoint, at_hand: Subject, stage: Stage) -> bool:
    return each.enabled and stage in each.stages and bool(at_hand.judge(compile_filter(each.expression)))


@always(breakpoints, subjects, heads)
def test_the_first_that_is_on_and_means_the_message_stops_it(
    some: list[Breakpoint], at_hand: Subject, stage: Stage
) -> None:
    chosen = BreakpointSet()
    chosen.set(some)
    named = [state.breakpoint for state in chosen.states]
    assert chosen.match(at_hand, stage) == next((e for e in named if wants(e, at_hand, stage)), None)


@always(breakpoints, subjects, heads)
def test_whoever_is_stopped_with_a_body_may_be_stopped_before_it_is_known(
    some: list[Breakpoint], at_hand: Subject, stage: Stage
) -> None:
    chosen = BreakpointSet()
    chosen.set(some)
    if stage is Stage.REQUEST_BODY and chosen.match(at_hand, stage) is not None:
        at_hand.has_body(Direction.REQUEST, None)
        assert chosen.may_stop(at_hand, stage)
    if not chosen.may_stop(at_hand, stage):
        assert chosen.match(at_hand, stage) is None


@always(breakpoints, st.lists(st.tuples(subjects, heads), max_size=12))
def test_hits_are_counted_and_one_time_is_one_time(
    some: list[Breakpoint], messages: list[tuple[Subject, Stage]]
) -> None:
    chosen = BreakpointSet()
    chosen.set(some)
    counted = {state.breakpoint.id: 0 for state in chosen.states}
    for at_hand, stage in messages:
        stopped = chosen.match(at_hand, stage)
        if stopped is not None:
            before = chosen.revision
            chosen.hit(stopped)
            counted[stopped.id] += 1
            assert chosen.revision > before
    assert {state.breakpoint.id: state.hits for state in chosen.states} == counted
    for state in chosen.states:
        if state.breakpoint.once:
            assert state.hits <= 1
            assert not (state.hits and state.breakpoint.enabled)


@always(breakpoints)
def test_each_has_an_id_of_its_own_that_it_keeps(some: list[Breakpoint]) -> None:
    chosen = BreakpointSet()
    chosen.set(some)
    named = [state.breakpoint for state in chosen.states]
    assert len({each.id for each in named}) == len(some)
    assert all(each.id > 0 for each in named)
    chosen.set(list(reversed(named)))
    assert [state.breakpoint for state in chosen.states] == list(reversed(named))


@pytest.mark.parametrize(("some", "active"), [((), False), ((False,), False), ((False, True), True)])
def test_only_one_that_is_on_makes_it_active(some: tuple[bool, ...], active: bool) -> None:
    chosen = BreakpointSet()
    chosen.set([Breakpoint(enabled=on) for on in some])
    assert chosen.active is active
    chosen.set([])
    assert not chosen.active


def test_a_list_with_one_that_cannot_work_changes_nothing() -> None:
    chosen = BreakpointSet()
    chosen.set([Breakpoint(expression="host:a")])
    before = chosen.states
    with pytest.raises(BreakpointError, match=r"breakpoint '\(b': filter, column 1"):
        chosen.set([Breakpoint(expression="host:c"), Breakpoint(expression="(b")])
    assert chosen.states == before


def test_everything_comes_behind_the_breakpoints_and_goes_away_with_its_switch() -> None:
    chosen = BreakpointSet()
    chosen.set([Breakpoint(expression="method:POST", stages=(Stage.REQUEST_BODY,), name="own")])
    chosen.pause_everything(True)
    stopped = chosen.match(subject(body=b""), Stage.REQUEST_BODY)
    assert stopped is not None
    assert stopped.name == "own"
    assert chosen.match(subject(b"GET", body=b""), Stage.REQUEST_BODY) == EVERYTHING
    chosen.hit(EVERYTHING)
    assert [state.hits for state in chosen.states] == [0], "no breakpoint of the list was hit"
    chosen.pause_everything(False)
    assert chosen.match(subject(b"GET", body=b""), Stage.REQUEST_BODY) is None


@pytest.mark.parametrize(
    ("stage", "messages"), [(Stage.REQUEST_BODY, Stage.MESSAGE_UP), (Stage.RESPONSE_BODY, Stage.MESSAGE_DOWN)]
)
def test_to_be_stopped_at_the_body_is_to_be_stopped_at_each_message_of_a_stream(
    stage: Stage, messages: Stage
) -> None:
    chosen = BreakpointSet()
    chosen.set([Breakpoint(stages=(stage,))])
    assert {each for each in Stage if chosen.asks(each)} == {stage, messages}


def test_settings_that_are_read_again_keep_hits_and_what_is_the_persons_own() -> None:
    chosen = BreakpointSet()
    kept = Breakpoint(expression="host:a", given=True)
    chosen.give([kept, Breakpoint(expression="host:gone", given=True)])
    own = Breakpoint(expression="host:mine")
    chosen.set([*(state.breakpoint for state in chosen.states), own])
    chosen.hit(chosen.states[0].breakpoint)
    chosen.hit(chosen.states[2].breakpoint)
    own_id = chosen.states[2].breakpoint.id
    chosen.give([Breakpoint(expression="host:new", given=True), msgspec.structs.replace(kept, enabled=False)])
    shown = [(state.breakpoint.expression, state.hits, state.breakpoint.enabled) for state in chosen.states]
    assert shown == [("host:new", 0, True), ("host:a", 1, False), ("host:mine", 1, True)]
    assert chosen.states[2].breakpoint.id == own_id
