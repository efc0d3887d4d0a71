"""The row fold: what one line of the list says about a flow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.model import events as e
from soth_mitm.model.outcomes import CLIENT_TLS, DIAL, REFUSED, UPSTREAM_TLS, refused_hint, refused_words
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import dial
from soth_mitm.net.tls import reasons as tls_reasons
from soth_mitm.record.rows import PATH_LIMIT, Row, RowFold
from soth_mitm.text import printable
from tests.helpers import streams


def rows_of(stream: streams.Stream) -> dict[int, Row]:
    fold = RowFold()
    rows = [fold.apply(event) for event in stream.events]
    return {row.flow: row for row in rows if row is not None}


def row_of(stream: streams.Stream, flow: int) -> Row:
    return rows_of(stream)[flow]


def test_an_exchange_becomes_one_row_with_everything_a_list_shows() -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    row = row_of(stream, flow)
    assert (row.kind, row.method, row.status, row.scheme) == ("http", "GET", 200, "https")
    assert (row.host, row.port, row.path) == ("api.shop.test", 443, "/v1/items?page=2")
    assert row.client == "127.0.0.1:40001"
    assert row.content_type == "application/json"
    assert (row.request_bytes, row.response_bytes) == (0, 20)
    assert (row.state, row.open, row.reason, row.outcome) == ("closed", False, "completed", "")
    assert (row.error, row.generated, row.modified, row.rewritten, row.reused) == (False,) * 5
    assert row.intercepted
    assert (row.sni, row.ja4) == ("api.shop.test", "t13d1516h2_8daaf6152771")
    assert row.ttfb_ns == 20_150_000
    assert row.duration_ns == row.last_mono_ns - row.started_mono_ns > row.ttfb_ns


def test_a_second_exchange_on_a_connection_is_marked_as_reused() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    first, second = streams.exchange(pair), streams.exchange(pair)
    rows = rows_of(stream)
    assert (rows[first].reused, rows[second].reused) == (False, True)


def test_a_row_is_open_then_streaming_then_closed() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=2)
    fold = RowFold()
    states = [row.state for event in stream.events if (row := fold.apply(event)) is not None]
    assert list(dict.fromkeys(states)) == ["open", "streaming", "closed"]
    assert not fold.open_rows
    assert row_of(stream, flow).content_type == "text/event-stream"


def test_bytes_are_counted_while_they_stream() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, events=3, finished=False)
    row = row_of(stream, flow)
    assert row.state == "streaming"
    assert row.request_bytes == len(b'{"stream": true}')
    assert row.response_bytes == sum(len(b'event: delta\ndata: {"n": %d}\n\n' % n) for n in range(3))


def test_an_upload_counts_the_bytes_of_the_request() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.upload(stream, size=200_000))
    assert (row.method, row.status, row.request_bytes, row.response_bytes) == ("PUT", 201, 200_000, 0)
    assert row.content_type == ""


def test_a_rewritten_head_and_an_answered_expectation_are_marked() -> None:
    stream = streams.Stream()
    assert row_of(stream, streams.plain_exchange(stream)).rewritten
    pair = streams.connect(stream)
    flow = streams.request(pair)
    stream.add(e.ResponseInfo(100, b"HTTP/1.1 100 Continue\r\n\r\n", generated=True), conn=1, flow=flow)
    assert row_of(stream, flow).rewritten


def test_a_tunnel_shows_its_name_and_all_its_bytes() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.tunnel(stream))
    assert (row.kind, row.sni, row.reason) == ("tunnel", "pinned.test", "relay_eof")
    assert (row.request_bytes, row.response_bytes) == (1200, 90_000)
    assert (row.error, row.outcome, row.status) == (False, "", 0)


def test_an_open_tunnel_shows_its_progress() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.tunnel(stream, finished=False))
    assert (row.request_bytes, row.response_bytes, row.open) == (900, 40_000, True)


def test_the_bytes_after_an_upgrade_count_as_payload() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.response(pair, flow, status=101)
    stream.add(e.Upgraded("websocket"), conn=pair.conn, flow=flow)
    stream.add(e.TunnelProgress(70, 80), conn=pair.conn, flow=flow)
    stream.add(e.FlowClosed("relay_eof", "", 75, 90), conn=pair.conn, flow=flow)
    row = row_of(stream, flow)
    assert (row.request_bytes, row.response_bytes, row.status) == (75, 90, 101)


def test_a_client_that_refuses_the_ca_is_told_what_to_do() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.tls_refused(stream))
    assert (row.kind, row.error, row.outcome) == ("failed", True, "client refused CA")
    assert (row.reason, row.tls_reason) == ("tls_handshake_failed", "client_rejected_ca")
    assert "--tunnel pin.bank.test" in row.hint


def test_an_expired_certificate_is_called_that() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.upstream_expired(stream))
    assert (row.error, row.outcome) == (True, "cert expired")


@pytest.mark.parametrize(
    ("code", "words", "hint"),
    [
        ("connect_refused", "upstream refused", "Nothing listens at down.test:443"),
        ("connect_timeout", "upstream timed out", "down.test:443 did not answer"),
        ("a_code_of_tomorrow", "upstream unreachable", "down.test:443 cannot be reached"),
    ],
)
def test_a_failed_dial_says_what_failed_and_what_to_check(code: str, words: str, hint: str) -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.dial_failed(stream, code=code))
    assert (row.error, row.outcome) == (True, words)
    assert hint in row.hint


def test_every_code_of_a_failed_dial_has_words() -> None:
    assert set(dial._WORDS) == set(DIAL)


def test_a_guard_is_named_with_its_hint() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.guarded(stream))
    assert (row.guard, row.outcome, row.hint) == ("te_and_cl", "te and cl", "Fix the sender.")
    assert (row.status, row.generated, row.error) == (400, True, True)


def test_a_refused_connect_is_a_row_with_its_status() -> None:
    stream = streams.Stream()
    flow = stream.new_flow()
    stream.add(e.FlowOpened(e.FlowKind.FAILED, "", "", 0, "127.0.0.1:5"), conn=1, flow=flow)
    stream.add(e.ConnectRefused("missing_port", "example.com", 400), conn=1, flow=flow)
    stream.add(e.FlowClosed("connect_parse_failed", "missing_port"), conn=1, flow=flow)
    row = row_of(stream, flow)
    assert (row.guard, row.outcome, row.status, row.error) == ("missing_port", "missing port", 400, True)


def test_a_client_that_leaves_while_the_answer_streams_is_no_error() -> None:
    stream = streams.Stream()
    flow = streams.sse(stream, finished=False)
    stream.add(e.FlowClosed("client_closed"), conn=1, flow=flow)
    row = row_of(stream, flow)
    assert (row.error, row.outcome) == (False, "client left")


def test_a_client_that_leaves_before_any_answer_is_an_error() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.close(pair, flow, reason="client_closed")
    row = row_of(stream, flow)
    assert (row.error, row.outcome) == (True, "client left")


def test_a_failed_attempt_that_a_retry_made_good_leaves_no_words() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    stream.add(e.DialFailed("connect", "connect_reset", ""), conn=pair.conn, flow=flow)
    stream.add(e.Retried("stale"), conn=pair.conn, flow=flow)
    streams.response(pair, flow)
    streams.close(pair, flow)
    row = row_of(stream, flow)
    assert (row.outcome, row.hint, row.error) == ("", "", False)


def test_a_handler_that_acts_or_fails_is_marked() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    changed, failed = streams.request(pair), streams.request(pair)
    stream.add(e.HandlerActed("on_request", "modify"), conn=pair.conn, flow=changed)
    stream.add(e.HandlerFailed("on_request", "ValueError", "closed"), conn=pair.conn, flow=failed)
    stream.add(e.FlowClosed("internal_error"), conn=pair.conn, flow=failed)
    assert row_of(stream, changed).modified
    assert row_of(stream, failed).outcome == "handler failed"


@pytest.mark.parametrize("reason", list(CloseReason))
def test_every_close_reason_gives_an_error_words_or_nothing_to_say(reason: CloseReason) -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.close(pair, flow, reason=reason)
    row = row_of(stream, flow)
    silent = {CloseReason.COMPLETED, CloseReason.RESPONDED, CloseReason.RELAY_EOF}
    assert bool(row.outcome) == (reason not in silent)
    assert not row.error or row.outcome


@pytest.mark.parametrize(
    ("reason", "detail", "outcome", "error"),
    [
        (CloseReason.WEBSOCKET_COMPLETED, "1000", "closed 1000", False),
        (CloseReason.WEBSOCKET_COMPLETED, "1001 tab closed", "closed 1001: going away", False),
        (CloseReason.WEBSOCKET_COMPLETED, "1006 the client left", "closed 1006: cut", False),
        (CloseReason.WEBSOCKET_COMPLETED, "4321 \x1b[2J", "closed 4321", False),
        (CloseReason.WEBSOCKET_ERROR, "1006 reset", "closed 1006: cut", True),
        (CloseReason.WEBSOCKET_ERROR, "invalid_utf8", "text not UTF-8", True),
        (CloseReason.WEBSOCKET_ERROR, "of a later version", "broken WebSocket", True),
        (CloseReason.WEBSOCKET_ERROR, "99999 x", "closed 99999", True),
        (CloseReason.WEBSOCKET_ERROR, "\u0665", "broken WebSocket", True),
    ],
)
def test_a_websockets_end_is_told_by_its_code(
    reason: CloseReason, detail: str, outcome: str, error: bool
) -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    stream.add(e.FlowClosed(reason, detail), conn=pair.conn, flow=flow)
    row = row_of(stream, flow)
    assert (row.outcome, row.error) == (outcome, error)


def test_the_bytes_of_an_open_websocket_are_those_of_its_messages() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    said: list[e.Body] = [e.MessagesStarted(e.Direction.REQUEST, e.MessageForm.WEBSOCKET)]
    said += [e.MessageSeen(way, 1, "text", 5, wire=wire) for way, wire in ((_UP, 11), (_DOWN, 7), (_UP, 9))]
    for body in said:
        stream.add(body, conn=pair.conn, flow=flow)
    row = row_of(stream, flow)
    assert (row.request_bytes, row.response_bytes, row.messages) == (20, 7, 3)
    stream.add(e.FlowClosed(CloseReason.WEBSOCKET_COMPLETED, "1000", 26, 7), conn=pair.conn, flow=flow)
    assert row_of(stream, flow).request_bytes == 26


_UP, _DOWN = e.Direction.REQUEST, e.Direction.RESPONSE


def test_every_reason_of_a_failed_handshake_has_words_of_its_own() -> None:
    assert set(tls_reasons.CLIENT) - set(CLIENT_TLS) == {"unclassified"}
    assert set(tls_reasons.UPSTREAM) - set(UPSTREAM_TLS) == {"unclassified"}
    assert max(map(len, [*CLIENT_TLS.values(), *UPSTREAM_TLS.values()])) <= 24


def test_hostile_bytes_become_printable_text() -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.hostile(stream))
    texts = [getattr(row, name) for name in row.__struct_fields__ if isinstance(getattr(row, name), str)]
    for text in texts:
        assert text == printable(text)
    assert "\\x1b]52" in row.path
    assert row.outcome


def test_a_long_path_is_cut_with_an_ellipsis() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    exact, long = b"/" + b"a" * (PATH_LIMIT - 1), b"/" + b"a" * PATH_LIMIT
    flows = [streams.exchange(pair, path=exact), streams.exchange(pair, path=long)]
    rows = rows_of(stream)
    assert rows[flows[0]].path == exact.decode()
    assert rows[flows[1]].path == long.decode()[: PATH_LIMIT - 1] + "…"


def test_events_of_a_flow_that_was_never_opened_are_passed_over() -> None:
    stream = streams.Stream()
    flow = streams.https_exchange(stream)
    fold = RowFold()
    without = [event for event in stream.events if not isinstance(event.body, e.FlowOpened)]
    assert [row for event in without if (row := fold.apply(event)) is not None] == []
    assert flow not in fold.open_rows


@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_no_order_of_events_makes_the_fold_raise(randomness: random.Random, leave_out: int) -> None:
    stream = streams.Stream()
    streams.everything(stream)
    events = [*stream.events]
    randomness.shuffle(events)
    fold = RowFold()
    for event in events[leave_out:]:
        fold.apply(event)


# --- messages -------------------------------------------------------------------------------------


def test_a_stream_of_messages_counts_them_and_keeps_the_time_of_the_latest() -> None:
    stream = streams.Stream()
    flow = streams.told_sse(stream, finished=False)
    row = row_of(stream, flow)
    assert (row.form, row.messages, row.state) == ("sse", 2, "streaming")
    assert 200e6 < row.last_message_ns == row.duration_ns


@pytest.mark.parametrize("reason", ["client_closed", "completed"])
def test_a_client_that_leaves_a_stream_has_not_failed(reason: str) -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.told_sse(stream, reason=reason))
    assert (row.error, row.outcome) == (False, "closed by client" if reason == "client_closed" else "")


@pytest.mark.parametrize(
    ("trailers", "code", "outcome"),
    [
        (b"grpc-status: 0\r\n", 0, ""),
        (b"grpc-status: 5\r\ngrpc-message: no%20such%20order\r\n", 5, "gRPC NOT_FOUND: no such order"),
        (b"Grpc-Status:13\r\n", 13, "gRPC INTERNAL"),
        (b"grpc-status: 99\r\n", 99, "gRPC 99"),
        (b"grpc-status: 2\r\ngrpc-message: %1B]52;c;x%07\r\n", 2, "gRPC UNKNOWN: \\x1b]52;c;x\\x07"),
        (b"", -1, ""),
    ],
)
def test_how_a_grpc_call_ended_is_said(trailers: bytes, code: int, outcome: str) -> None:
    stream = streams.Stream()
    row = row_of(stream, streams.grpc(stream, trailers=trailers))
    assert (row.form, row.messages, row.grpc_status, row.outcome) == ("grpc", 2, code, outcome)
    assert not row.error


def test_a_grpc_call_that_fails_at_once_has_its_status_in_the_head() -> None:
    stream = streams.Stream()
    fields = b"grpc-status: 16\r\ngrpc-message: who are you\r\n"
    row = row_of(stream, streams.grpc(stream, trailers=b"", fields=fields))
    assert (row.grpc_status, row.outcome) == (16, "gRPC UNAUTHENTICATED: who are you")


def test_the_trailers_of_grpc_web_are_a_message_with_the_status() -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, method="POST", path=b"/a.B/C", content_type=b"application/grpc-web")
    streams.response(pair, flow, content_type=b"application/grpc-web")
    started = e.MessagesStarted(e.Direction.RESPONSE, e.MessageForm.GRPC)
    stream.add(started, conn=pair.conn, flow=flow)
    seen = e.MessageSeen(e.Direction.RESPONSE, 1, "trailers", 40, offset=5, note="7 not yours")
    stream.add(seen, conn=pair.conn, flow=flow)
    assert row_of(stream, flow).outcome == "gRPC PERMISSION_DENIED: not yours"


@pytest.mark.parametrize("answered", [False, True])
def test_a_call_that_its_deadline_ended_says_so_and_is_a_failure(answered: bool) -> None:
    stream = streams.Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, method="POST", path=b"/shop.v1.Orders/Get", content_type=b"application/grpc")
    if answered:
        streams.response(pair, flow, content_type=b"application/grpc")
    stream.add(e.StreamReset(e.Side.CLIENT, "CANCEL"), conn=pair.conn, flow=flow)
    stream.add(e.Noted("grpc_deadline", "cancelled after 0.1 s"), conn=pair.conn, flow=flow)
    stream.add(e.FlowClosed("client_closed", "RST_STREAM CANCEL"), conn=pair.conn, flow=flow)
    row = row_of(stream, flow)
    assert (row.outcome, row.error, row.grpc_status) == ("deadline exceeded (inferred)", True, -1)


@pytest.mark.parametrize("code", REFUSED)
def test_a_connection_that_was_refused_at_its_beginning_says_why_and_what_to_do(code: str) -> None:
    words, hint = refused_words(code), refused_hint(code)
    assert len(words) <= 24
    assert hint.endswith(".")
    assert refused_words("a_new_code") == "a new code"
    assert refused_hint("a_new_code") == ""
