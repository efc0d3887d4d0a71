"""What passes over messages: it counts as many as are found by who finds each, however the body is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.aws_events import AwsSplitter, event
from soth_mitm.proto.ndjson import LineSplitter
from soth_mitm.proto.skipping import Pace, skipper_of
from soth_mitm.proto.splitting import Found, Splitter
from soth_mitm.proto.sse import SseSplitter

FORMS = [(MessageForm.NDJSON, LineSplitter), (MessageForm.SSE, SseSplitter)]
BODY = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b"\r", b" ", b"{}", b"data: x", b"data", b"dat", b": c", b"event: e", b"x" * 70]
    ),
    max_size=30,
).map(b"".join)
AWS_ONE, AWS_TWO = event("chunk", b"one"), event("chunk", b"two" * 9)
CUTS = st.lists(st.integers(0, 400), max_size=6)


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def found(splitter: Splitter, body: bytes, *, finish: bool = True) -> int:
    items = [*splitter.feed(body), *(splitter.finish() if finish else ())]
    return sum(isinstance(item, Found) for item in items)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    return [body[start:stop] for start, stop in pairwise(places)]


@pytest.mark.parametrize(("form", "make"), FORMS)
@given(BODY, CUTS)
def test_as_many_are_counted_as_there_are(
    form: MessageForm, make: type[Splitter], body: bytes, cuts: list[int]
) -> None:
    skipper = skipper_of(form, inside=False)
    assert skipper is not None
    for piece in pieces(body, cuts):
        skipper.feed(piece)
    skipper.finish()
    assert skipper.count == found(make(), body)


@pytest.mark.parametrize(("form", "make"), FORMS)
@given(BODY, CUTS)
def test_where_it_says_that_one_ends_another_may_be_looked_for(
    form: MessageForm, make: type[Splitter], body: bytes, cuts: list[int]
) -> None:
    skipper = skipper_of(form, inside=False)
    assert skipper is not None
    at, place = 0, 0
    counted = 0
    for piece in pieces(body, cuts):
        end = skipper.feed(piece)
        if end >= 0:
            place, counted = at + end, skipper.count
        at += len(piece)
    assert counted + found(make(), body[place:]) == found(make(), body)


def test_it_may_begin_inside_a_message() -> None:
    for form, body in ((MessageForm.NDJSON, b"rest\nmore\n"), (MessageForm.SSE, b"a\n\ndata: b\n\n")):
        skipper = skipper_of(form, inside=True)
        assert skipper is not None
        assert skipper.feed(body) == len(body)
        assert skipper.count == 2


AWS = st.lists(
    st.sampled_from([AWS_ONE, AWS_TWO, b"x", bytes(30), flipped(AWS_ONE, 3), flipped(AWS_TWO, 50)]),
    max_size=8,
).map(lambda parts: AWS_ONE + b"".join(parts))


@given(AWS, CUTS)
def test_of_aws_event_streams_as_many_are_counted_damaged_ones_among_them(
    body: bytes, cuts: list[int]
) -> None:
    body += AWS_TWO
    skipper = skipper_of(MessageForm.AWS, inside=False)
    assert skipper is not None
    at = place = counted = 0
    for piece in pieces(body, cuts):
        end = skipper.feed(piece)
        if end >= 0:
            place, counted = at + end, skipper.count
        at += len(piece)
    skipper.finish()
    assert skipper.count == found(AwsSplitter(), body)
    assert place == len(body)
    assert counted == skipper.count


def test_from_inside_a_message_the_next_one_is_found() -> None:
    for cut in range(1, len(AWS_ONE)):
        skipper = skipper_of(MessageForm.AWS, inside=True)
        assert skipper is not None
        assert skipper.feed(AWS_ONE[cut:] + AWS_TWO) == len(AWS_ONE) - cut + len(AWS_TWO)
        assert skipper.count == 2


def test_of_other_forms_none_can_be_passed_over() -> None:
    assert skipper_of(MessageForm.GRPC, inside=False) is None


def test_telling_goes_on_once_less_comes() -> None:
    pace = Pace()
    pace.begin(100.0)
    assert not any(pace.allows(100.0 + step / 100, 50_000) for step in range(20))
    assert pace.allows(100.9, 100)


def test_telling_is_tried_again_ever_more_rarely_where_it_does_not() -> None:
    pace, now = Pace(), 100.0
    waits = []
    for _ in range(9):
        pace.begin(began := now)
        while not pace.allows(now, 50_000):
            now += 0.02
        waits.append(round(now - began))
        pace.end(now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    pace.begin(now + 11)
    assert pace.allows(now + 12, 10**9)
