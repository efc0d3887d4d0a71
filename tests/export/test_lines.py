"""The lines of `--dump`."""

from __future__ import annotations

import gzip
import json
import re

import msgspec
import pytest

from soth_mitm.export.lines import TextPrinter
from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.rows import RowFold
from tests.export.printing import text_of
from tests.helpers import streams
from tests.helpers.streams import Stream


def test_an_exchange_is_one_line_when_it_ends() -> None:
    stream = Stream()
    streams.https_exchange(stream)
    assert text_of(stream) == "00:00:05  200  GET      https://api.shop.test/v1/items?page=2  20  20ms\n"


def test_the_program_is_named_where_more_is_asked_for() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    stream.add(e.ProcessKnown(7, "curl"), conn=pair.conn)
    streams.exchange(pair)
    assert "by curl" not in text_of(stream)
    assert text_of(stream, detail=1).splitlines()[0].endswith("  by curl")


def test_a_stream_shows_while_it_runs_and_again_at_its_end() -> None:
    running, ended = Stream(), Stream()
    streams.sse(running, finished=False)
    streams.sse(ended)
    first = "00:00:05  200  POST     https://api.llm.test/v1/messages  …  612ms  streaming\n"
    assert text_of(running) == first
    assert text_of(ended) == first + "00:00:06  200  POST     https://api.llm.test/v1/messages  290  1.6s\n"


def test_a_tunnel_shows_when_it_opens_with_its_cause() -> None:
    stream = Stream()
    streams.tunnel(stream)
    opened, closed = text_of(stream).splitlines()
    assert opened == "00:00:05  tun  CONNECT  pinned.test:443  …  0.1ms  tunnel: tunnel option"
    assert closed == "00:00:06  tun  CONNECT  pinned.test:443  1.2k up 90k down  1.5s  tunnel: tunnel option"


def test_an_upgrade_shows_when_it_begins() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, path=b"/socket")
    streams.response(pair, flow, status=101, content_type=b"")
    stream.add(e.Upgraded("websocket"), conn=pair.conn, flow=flow)
    (line,) = text_of(stream).splitlines()
    assert line.endswith("https://api.shop.test/socket  …  20ms  upgrade: websocket")


def test_what_is_long_lived_in_two_ways_begins_once() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, path=b"/socket")
    streams.response(pair, flow, status=101, content_type=b"text/event-stream")
    stream.add(e.Upgraded("websocket"), conn=pair.conn, flow=flow)
    assert text_of(stream).count("\n") == 1


def test_a_failure_has_a_word_for_a_status_the_cause_and_what_to_do() -> None:
    stream = Stream()
    streams.tls_refused(stream)
    streams.dial_failed(stream)
    tls, dial = text_of(stream).splitlines()
    assert "  tls  CONNECT  pin.bank.test:443  " in tls
    assert "client refused CA · The client does not trust this proxy's CA for pin.bank.test" in tls
    assert "  net  CONNECT  down.test:443  " in dial
    assert "upstream refused · Nothing listens at down.test:443" in dial


def test_a_refusal_that_named_no_host_says_where_it_came_from() -> None:
    stream = Stream()
    stream.add(e.FlowOpened(e.FlowKind.FAILED, "tcp", "", 0, "127.0.0.1:4000"), conn=1, flow=1)
    stream.add(e.ConnectRefused("not_http", "binary"), conn=1, flow=1)
    stream.add(e.FlowClosed("connect_parse_failed", "not_http"), conn=1, flow=1)
    assert "  400  -        from 127.0.0.1:4000  0  " in text_of(stream)


def test_an_answer_of_our_own_and_a_change_are_noted() -> None:
    stream = Stream()
    streams.guarded(stream)
    pair = streams.connect(stream)
    flow = streams.request(pair)
    stream.add(e.HandlerActed("on_request", "modify"), conn=pair.conn, flow=flow)
    streams.response(pair, flow)
    streams.close(pair, flow)
    guarded, changed = text_of(stream).splitlines()
    assert guarded.endswith("te and cl · Fix the sender. · answered here")
    assert changed.endswith("  changed")


def test_a_long_url_is_whole_up_to_2000_characters() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    streams.exchange(pair, path=b"/" + b"a" * 1500)
    streams.exchange(pair, path=b"/" + b"b" * 5000)
    whole, cut = (line.split()[3] for line in text_of(stream).splitlines())
    assert whole == "https://api.shop.test/" + "a" * 1500
    assert cut == "https://api.shop.test/" + "b" * 1998 + "…"


def test_a_secret_in_the_url_is_masked_unless_asked() -> None:
    stream = Stream()
    streams.https_exchange(stream, path=b"/a?access_token=s3cret&x=1")
    assert "/a?access_token=***&x=1  " in text_of(stream)
    assert "s3cret" in text_of(stream, redact=False)


def test_detail_1_adds_heads_as_they_came_and_masks_them() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, path=b"/x?key=abc", fields=b"x-ODD:  v \r\nAuthorization: Bearer t0p\r\n")
    streams.response(pair, flow, fields=b"Set-Cookie: sid=t0p; Path=/\r\n")
    stream.add(e.ResponseEnd(0, 0, b"X-Sum: 12\r\n"), conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    assert text_of(stream, detail=1).splitlines()[1:] == [
        "    > GET /x?key=*** HTTP/1.1",
        "    > Host: api.shop.test",
        "    > x-ODD: v",
        "    > Authorization: Bearer ***",
        "    < HTTP/1.1 200 Fine",
        "    < Content-Type: application/json",
        "    < Set-Cookie: sid=***; Path=/",
        "    < X-Sum: 12",
    ]
    assert text_of(stream, detail=1, redact=False).count("t0p") == 2


def test_the_heads_of_a_stream_come_once_with_its_first_line() -> None:
    stream = Stream()
    streams.sse(stream)
    text = text_of(stream, detail=1)
    assert text.count("> POST /v1/messages HTTP/1.1") == 1
    assert text.index("> POST") < text.index("1.6s")


def test_detail_2_adds_decoded_bodies_with_their_secrets_masked() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.response(pair, flow, fields=b"Content-Encoding: gzip\r\n", encoding=b"gzip")
    packed = gzip.compress(b'{"password": "t0p", "n": 12345678901234567890}', mtime=0)
    size = streams.body(pair, flow, packed)
    stream.add(e.ResponseEnd(size, size), conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    text = text_of(stream, detail=2)
    assert '    < {\n    <   "password": "***",\n    <   "n": 12345678901234567890\n    < }\n' in text
    assert f"(gzip {size} → 46)" in text
    assert "t0p" in text_of(stream, detail=2, redact=False)


def test_no_more_than_64_kib_of_a_body_are_kept() -> None:
    stream = Stream()
    streams.upload(stream, size=1_000_000)
    text = text_of(stream, detail=2)
    assert text.count("|................|") == 4096
    assert "(only the beginning of 1.0M bytes)" in text


def test_a_body_that_was_not_recorded_is_said_to_be_missing() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.response(pair, flow)
    stream.add(e.BodyChunk(e.Direction.RESPONSE, 0, 500), conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    assert "(500 bytes, not kept)" in text_of(stream, detail=2)


def test_only_flows_that_match_are_printed_and_counted() -> None:
    stream = Stream()
    streams.everything(stream)
    out: list[str] = []
    printer = TextPrinter(out.append, fold=RowFold(), matcher=compile_filter("plain.test"))
    for event in stream.events:
        printer(event)
    assert printer.flows == 1
    assert ["http://plain.test/index.html" in line for line in out] == [True]


def test_a_flow_counts_once_though_it_has_two_lines() -> None:
    stream = Stream()
    flows = streams.everything(stream)
    out: list[str] = []
    printer = TextPrinter(out.append, fold=RowFold())
    for event in stream.events:
        printer(event)
    assert printer.flows == len(flows)
    assert len(out) == len(flows) + 2


def test_what_the_end_of_a_file_cuts_off_is_printed_when_asked() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    streams.request(pair)
    assert text_of(stream) == ""
    assert text_of(stream, finish=True).rstrip().endswith("cut off")


@pytest.mark.parametrize("detail", [0, 1, 2])
def test_colours_add_nothing_but_sgr(detail: int) -> None:
    stream = Stream()
    streams.everything(stream)
    plain, colored = text_of(stream, detail=detail), text_of(stream, detail=detail, color=True)
    assert "\x1b" not in plain
    assert colored != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


@pytest.mark.parametrize("detail", [0, 1, 2])
def test_a_printer_keeps_nothing_of_flows_that_ended(detail: int) -> None:
    stream = Stream()
    streams.everything(stream)
    printer = TextPrinter(lambda text: None, fold=RowFold(), detail=detail)
    for event in stream.events:
        printer(event)
    assert not printer._begun
    assert not printer._causes
    assert not printer._long_paths
    if printer._collector is not None:
        assert not printer._collector._open
        assert printer._collector._kept == 0


def test_a_time_that_no_calendar_has_does_not_stop_the_printer() -> None:
    stream = Stream()
    streams.https_exchange(stream)
    out: list[str] = []
    printer = TextPrinter(out.append, fold=RowFold())
    for event in stream.events:
        printer(
            e.Event(event.seq, event.conn, event.flow, event.flow_seq, event.mono_ns, 2**63 - 1, event.body)
        )
    assert len(out) == 1


# --- messages -------------------------------------------------------------------------------------


def test_the_line_of_a_stream_counts_its_messages() -> None:
    stream = Stream()
    streams.told_sse(stream)
    streams.grpc(stream, trailers=b"grpc-status: 5\r\ngrpc-message: no%20such%20order\r\n")
    _, sse, grpc = text_of(stream).splitlines()
    assert sse.endswith("  2 events")
    assert grpc.endswith("  2 messages · gRPC NOT_FOUND: no such order")


def test_a_call_that_is_answered_once_has_one_line_and_one_that_goes_on_has_a_live_one() -> None:
    stream = Stream()
    streams.grpc(stream)
    (line,) = text_of(stream).splitlines()
    assert "  …  " not in line
    longer, more = Stream(), e.MessageSeen(e.Direction.RESPONSE, 3, "message", 1, b"x")
    streams.grpc(longer)
    at = next(i for i, event in enumerate(longer.events) if isinstance(event.body, e.ResponseEnd))
    longer.events.insert(at, msgspec.structs.replace(longer.events[at - 1], body=more))
    live, end = text_of(longer).splitlines()
    assert "  …  " in live
    assert end.endswith("  3 messages")


def test_detail_1_prints_each_message_as_it_comes() -> None:
    stream = Stream()
    streams.told_sse(stream, finished=False)
    first, second = text_of(stream, detail=1).splitlines()[-2:]
    assert re.fullmatch(r'    < 1  \d+ms  delta  8  \(7\)  \{"n":1\}', first)
    assert re.fullmatch(r"    < 2  \d+ms  message  3  a⏎b", second)


def test_messages_of_the_request_wait_for_the_head_of_the_response() -> None:
    stream = Stream()
    streams.grpc(stream)
    lines = text_of(stream, detail=1).splitlines()
    at = lines.index("    < Content-Type: application/grpc")
    ask, answer, end = lines[at + 1 : at + 4]
    assert ask.startswith("    > 1  ")
    assert ask.endswith("  message  3  ask")
    assert answer.endswith("  message  6  answer")
    assert end.endswith("  2 messages")


def test_a_long_upload_of_messages_shows_before_its_response() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, method="POST", content_type=b"application/x-ndjson")
    started = e.MessagesStarted(e.Direction.REQUEST, e.MessageForm.NDJSON)
    stream.add(started, conn=pair.conn, flow=flow)
    for number in range(40):
        seen = e.MessageSeen(e.Direction.REQUEST, number + 1, "line", 2, b"{}")
        stream.add(seen, conn=pair.conn, flow=flow)
    assert text_of(stream, detail=1).count("  line  2  {}\n") == 40


def test_a_message_told_in_chunks_shows_how_it_begins() -> None:
    stream = Stream()
    flow = streams.told_sse(stream, finished=False)
    for offset in (0, 65_536):
        chunk = e.MessageChunk(e.Direction.RESPONSE, 3, offset, b"x%d " % offset * 10_000)
        stream.add(chunk, conn=1, flow=flow)
    stream.add(e.MessageSeen(e.Direction.RESPONSE, 3, "message", 130_000), conn=1, flow=flow)
    last = text_of(stream, detail=1).splitlines()[-1]
    assert "  message  130k  x0 x0 " in last


def test_secrets_in_messages_are_masked_unless_asked() -> None:
    stream = Stream()
    flow = streams.told_sse(stream, finished=False)
    seen = e.MessageSeen(e.Direction.RESPONSE, 3, "message", 24, b'{"access_token": "abc"}')
    stream.add(seen, conn=1, flow=flow)
    assert "abc" not in text_of(stream, detail=1)
    assert "abc" in text_of(stream, detail=1, redact=False)


def test_detail_2_prints_what_a_websocket_says_as_the_conversation_that_it_is() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, path=b"/v1/realtime?model=m-1")
    streams.response(pair, flow, status=101)
    up, down = e.Direction.REQUEST, e.Direction.RESPONSE
    stream.add(e.MessagesStarted(down, e.MessageForm.WEBSOCKET), conn=pair.conn, flow=flow)
    item = {"type": "message", "role": "user", "content": "Hello?"}
    where = {"output_index": 0, "content_index": 0}
    said = [
        (down, {"type": "session.created", "session": {"client_secret": {"value": "ek_12345678"}}}),
        (up, {"type": "conversation.item.create", "item": item}),
        (up, {"type": "response.create"}),
        (down, {"type": "response.created", "response": {"id": "r1"}}),
        (down, {"type": "response.output_audio.delta", "delta": "A" * 300_000}),
        (down, {"type": "response.output_text.delta", **where, "delta": "Good "}),
        (down, {"type": "response.output_text.delta", **where, "delta": "day."}),
        (down, {"type": "response.done", "response": {"status": "completed", "usage": {"output_tokens": 3}}}),
    ]
    for number, (direction, value) in enumerate(said, 1):
        data = json.dumps(value).encode()
        long = len(data) > e.CHUNK_LIMIT
        for at in range(0, len(data) if long else 0, e.CHUNK_LIMIT):
            chunk = e.MessageChunk(direction, number, at, data[at : at + e.CHUNK_LIMIT])
            stream.add(chunk, conn=pair.conn, flow=flow)
        seen = e.MessageSeen(direction, number, "text", len(data), b"" if long else data)
        stream.add(seen, conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    lines = text_of(stream, detail=2).splitlines()
    assert [line for line in lines if line.startswith("    =")] == [
        "    =", "    = # OpenAI Realtime · m-1", "    = ● user", "    =   Hello?", "    = ● assistant",
        "    =   Good day.", "    = # answer 1 · stopped: completed · 3 tokens out",
    ]  # fmt: skip
    assert not any("    =" in line for line in text_of(stream, detail=1).splitlines())


def test_results_of_the_older_mcp_are_printed_with_their_calls_in_other_flows() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair, path=b"/sse")
    streams.response(pair, flow, content_type=b"text/event-stream")
    place = b"/messages?session_id=7"
    at = streams.body(pair, flow, b"event: endpoint\ndata: %b\n\n" % place)
    called = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "weather"}}
    body = gzip.compress(json.dumps(called).encode())
    coded = b"Content-Encoding: gzip\r\n"
    sent = streams.request(pair, method="POST", path=place, fields=coded, content_type=b"application/json")
    streams.body(pair, sent, body, direction=e.Direction.REQUEST)
    stream.add(e.RequestEnd(len(body), len(body)), conn=pair.conn, flow=sent)
    streams.response(pair, sent, status=202, content_type=b"")
    streams.close(pair, sent)
    result = {"jsonrpc": "2.0", "id": 3, "result": {"content": [{"type": "text", "text": "sunny"}]}}
    streams.body(pair, flow, b"event: message\ndata: %b\n\n" % json.dumps(result).encode(), offset=at)
    streams.close(pair, flow)
    text = text_of(stream, detail=2)
    assert "    < ● result · tools/call · weather · id 3\n" in text
    assert "session_id=***" in text
