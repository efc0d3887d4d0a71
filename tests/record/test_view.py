"""The view fold: everything a detail screen shows of one flow."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model import events as e
from soth_mitm.record.bodies import BodyRef, BodyRefs
from soth_mitm.record.rows import RowFold
from soth_mitm.record.view import LIST_LIMIT, FlowView, MessageView
from soth_mitm.record.viewfold import ViewFold, fold
from tests.helpers import streams


def message(found: MessageView | None) -> MessageView:
    assert found is not None
    return found


def test_an_exchange_shows_both_messages_as_they_were_sent() -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    view = fold(stream.events, flow)
    request, response = message(view.request), message(view.response)
    assert (request.method, request.target, request.path) == (
        b"GET",
        b"/v1/items?page=2",
        b"/v1/items?page=2",
    )
    assert request.raw.startswith(b"GET /v1/items?page=2 HTTP/1.1\r\n")
    assert request.fields.get(b"host") == b"api.shop.test"
    assert (response.status, response.reason, response.version) == (200, b"Fine", "HTTP/1.1")
    assert list(response.fields) == [(b"Content-Type", b"application/json")]
    assert (request.complete, response.complete) == (True, True)
    assert (response.body_bytes, response.captured_bytes, request.body_bytes) == (20, 20, 0)
    assert (view.status, view.closed_reason, view.closed_detail) == (200, "completed", "")
    assert view.opened is not None
    assert view.opened.intercepted


def test_the_conns_on_both_sides_are_there_with_what_was_agreed() -> None:
    stream = streams.Stream()
    streams.https_exchange(stream, host="other.test")
    flow = streams.https_exchange(stream)
    view = fold(stream.events, flow)
    client, upstream = view.client, view.upstream
    assert client is not None
    assert upstream is not None
    assert (client.peer, upstream.peer) == ("127.0.0.1:40002", "192.0.2.7:443")
    assert client.hello is not None
    assert client.hello.sni == "api.shop.test"
    assert client.policy is not None
    assert client.policy.reason == "default_intercept"
    assert client.issued is not None
    assert client.connect is not None
    assert upstream.chain == (b"\x30\x82leaf", b"\x30\x82issuer")
    assert upstream.tls is not None
    assert upstream.tls.verified
    assert upstream.tls_ns == 14_000_000
    assert upstream.resolved is not None
    assert client.closed is not None
    assert client.closed.sent == 5000


def test_the_phases_of_a_first_exchange_and_of_one_on_a_reused_connection() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    first, second = streams.exchange(pair), streams.exchange(pair)
    fresh, reused = fold(stream.events, first).timing, fold(stream.events, second).timing
    assert (fresh.dns, fresh.connect, fresh.tls, fresh.reused) == (2_000_000, 11_000_000, 14_000_000, False)
    assert (reused.dns, reused.connect, reused.tls, reused.reused) == (0, 0, 0, True)
    for timing in (fresh, reused):
        assert (timing.send, timing.wait, timing.receive) == (100_000, 20_000_000, 100_000)
        assert timing.total == 20_300_000


def test_the_wait_in_line_is_a_phase_of_the_exchange_that_the_connection_was_made_for() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    first, second = streams.exchange(pair), streams.exchange(pair)
    late = [
        msgspec.structs.replace(event, body=msgspec.structs.replace(event.body, waited_ns=7_000_000))
        if isinstance(event.body, e.DialStarted)
        else event
        for event in stream.events
    ]
    assert (fold(late, first).timing.queue, fold(late, second).timing.queue) == (7_000_000, 0)


def test_an_early_answer_ends_the_sending_and_the_waiting() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, method="PUT")
    streams.response(pair, flow, status=413, after_ms=5)
    streams.body(pair, flow, b"late", direction=e.Direction.REQUEST, after_ms=50)
    stream.add(e.RequestEnd(4, 4), conn=pair.conn, flow=flow)
    timing = fold(stream.events, flow).timing
    assert (timing.send, timing.wait, timing.receive) == (5_050_000, 0, 0)


def test_an_answer_that_has_not_come_is_no_phase() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    timing = fold(stream.events, flow).timing
    assert (timing.wait, timing.receive) == (0, 0)
    assert fold([], 1).timing.total == 0


def test_an_upload_shows_its_interim_response_and_its_trailers() -> None:
    stream = streams.Stream()
    flow = streams.upload(stream, size=150_000)
    view = fold(stream.events, flow)
    request = message(view.request)
    assert [info.status for info in view.infos] == [100]
    assert list(request.trailers) == [(b"X-Sum", b"12")]
    assert request.trailers_raw == b"X-Sum: 12\r\n"
    assert (request.body_bytes, request.captured_bytes, request.wire_bytes) == (150_000, 150_000, 150_040)
    assert [(ref.body_offset, ref.length) for ref in request.refs] == [
        (0, 65_536), (65_536, 65_536), (131_072, 18_928),
    ]  # fmt: skip


def test_body_bytes_are_referred_to_and_never_kept() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=2, finished=False)
    folding = ViewFold(flow)
    for offset, event in enumerate(stream.events):
        folding.apply(event, 7, offset * 10)
    refs = message(folding.view.response).refs
    chunks = [
        (offset, event)
        for offset, event in enumerate(stream.events)
        if isinstance(event.body, e.BodyChunk) and event.body.direction == e.Direction.RESPONSE
    ]
    assert list(refs) == [
        BodyRef(7, offset * 10, event.body.length, event.body.offset, event.mono_ns)
        for offset, event in chunks
        if isinstance(event.body, e.BodyChunk)
    ]


def test_what_was_not_captured_counts_and_has_no_reference() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    stream.add(e.BodyChunk(e.Direction.RESPONSE, 0, 5000), conn=pair.conn, flow=flow)
    response = message(fold(stream.events, flow).response)
    assert (response.body_bytes, response.captured_bytes, len(response.refs)) == (5000, 0, 0)


def test_a_tunnel_shows_its_cause_its_name_and_its_bytes() -> None:
    stream = streams.Stream()
    view = fold(stream.events, streams.tunnel(stream))
    view = fold(stream.events, 1)
    assert [note.code for note in view.notes] == ["tunnel_option"]
    assert (view.from_client, view.from_upstream) == (1200, 90_000)
    assert (view.request_bytes, view.response_bytes) == (1200, 90_000)
    assert (view.request, view.response) == (None, None)


def test_failures_are_there_with_all_that_is_known_of_them() -> None:
    stream = streams.Stream()
    flows = streams.everything(stream)
    refused = fold(stream.events, flows["tls_refused"])
    assert refused.failure is not None
    assert (refused.failure.alert, refused.failure.peer) == (48, "client")
    down = fold(stream.events, flows["dial_failed"])
    assert down.dial_failed is not None
    assert down.dial_failed.code == "connect_refused"
    guarded = fold(stream.events, flows["guarded"])
    assert guarded.guard is not None
    assert guarded.guard.code == "te_and_cl"
    assert message(guarded.response).generated


def test_what_the_handler_did_and_what_was_odd_is_listed() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    for body in (
        e.HandlerActed("on_request", "modify"),
        e.HandlerFailed("on_response", "ValueError", "open"),
        e.Retried("stale"),
        e.Anomaly("cl_repeated", e.Direction.RESPONSE),
    ):
        stream.add(body, conn=pair.conn, flow=flow)
    view = fold(stream.events, flow)
    assert [len(each) for each in (view.actions, view.handler_failures, view.retries, view.anomalies)] == [
        1
    ] * 4


def test_the_lists_of_a_view_are_bounded() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    for _ in range(LIST_LIMIT + 5):
        stream.add(e.Noted("again"), conn=pair.conn, flow=flow)
    view = fold(stream.events, flow)
    assert (len(view.notes), view.omitted) == (LIST_LIMIT, 5)


def test_an_event_that_comes_twice_is_taken_once() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=5)
    folding = ViewFold(flow)
    wanted = [event for event in stream.events if event.flow == flow or event.conn]
    changed = [folding.apply(event) for event in wanted]
    again = [folding.apply(event) for event in wanted]
    assert all(changed)
    assert not any(again)
    assert (
        message(folding.view.response).captured_bytes
        == message(fold(stream.events, flow).response).captured_bytes
    )


def test_the_events_of_other_flows_change_nothing() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    first = streams.exchange(pair)
    streams.exchange(pair, path=b"/other")
    folding = ViewFold(first)
    for event in stream.events:
        folding.apply(event)
    assert message(folding.view.request).path == b"/v1/items?page=2"
    assert len(message(folding.view.response).refs) == 1


def test_references_find_the_chunks_of_a_range() -> None:
    refs = BodyRefs()
    for number in range(10):
        assert refs.append(BodyRef(number, 0, 10, number * 20, 1))
    assert [ref.block for ref in refs.within(25, 65)] == [1, 2, 3]
    assert [ref.block for ref in refs.within(30, 40)] == []
    assert [ref.block for ref in refs.within(0, 1)] == [0]
    assert [ref.block for ref in refs.within(185, 999)] == [9]
    assert list(BodyRefs().within(0, 10)) == []


@pytest.mark.parametrize(
    "ref", [BodyRef(0, 0, 5, 3, 1), BodyRef(0, 0, 0, 50, 1), BodyRef(0, 0, 2**63, 50, 1)]
)
def test_a_chunk_that_cannot_be_is_left_out(ref: BodyRef) -> None:
    refs = BodyRefs()
    refs.append(BodyRef(0, 0, 10, 0, 1))
    assert not refs.append(ref)
    assert refs.captured == 10


@given(st.randoms(use_true_random=False), st.integers(1, 10))
def test_no_order_of_events_makes_the_fold_raise(randomness: random.Random, flow: int) -> None:
    stream = streams.Stream()
    streams.everything(stream)
    events = [*stream.events]
    randomness.shuffle(events)
    view = fold(events, flow)
    assert view.timing.total >= 0
    assert min(view.timing.send, view.timing.wait, view.timing.receive) >= 0


@given(st.randoms(use_true_random=False), st.integers(1, 10))
def test_row_and_view_agree_on_status_sizes_and_reason(randomness: random.Random, flow: int) -> None:
    stream = streams.Stream()
    streams.everything(stream)
    own = [
        event.body for event in stream.events if event.flow == flow and event.body.KIND != e.FlowClosed.KIND
    ]
    opened, rest = own[0], own[1:]
    randomness.shuffle(rest)
    rest += [
        e.TunnelProgress(randomness.randrange(9), 7),
        e.FlowClosed("relay_eof", "", 3, randomness.randrange(99)),
    ]
    bodies = [opened, *rest[randomness.randrange(3) :]]
    events = [e.Event(n + 1, 1, flow, n + 1, 100 + n, 100 + n, body) for n, body in enumerate(bodies)]
    rows, row = RowFold(), None
    for event in events:
        row = rows.apply(event)
    assert row is not None
    view: FlowView = fold(events, flow)
    assert (row.status, row.request_bytes, row.response_bytes) == (
        view.status, view.request_bytes, view.response_bytes,
    )  # fmt: skip
    assert row.reason == view.closed_reason
    assert row.duration_ns == view.timing.total
