"""Flows as JSON lines, and their description."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from soth_mitm.export.jsonl import AnnotationRecord, BodyRecord, FlowRecord, JsonPrinter, MessageRecord
from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.rows import RowFold
from tests.export.printing import json_of, objects_of
from tests.helpers import streams
from tests.helpers.streams import Stream

DOC = Path(__file__).parents[2] / "docs" / "jsonl.md"


def keys(struct: type[msgspec.Struct]) -> list[str]:
    """Return the keys of an object in their order."""
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def documented(section: int) -> list[str]:
    """Return the keys that the first column of a table of the page names."""
    tables = re.findall(r"(?:^\|.*\n)+", DOC.read_text(encoding="utf-8"), re.MULTILINE)
    rows = tables[section].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_the_tables_name_every_key_in_order() -> None:
    optional = [
        "mark",
        "comment",
        "colour",
        "process",
        "form",
        "messages",
        "messages_skipped",
        "grpc_status",
        "replay_of",
        "llm",
        "tls",
        "request",
        "response",
    ]
    assert [*documented(0), *optional] == keys(FlowRecord)
    assert documented(1) == [*optional, "body"]
    assert documented(2) == keys(BodyRecord)
    assert keys(MessageRecord) == ["fields", "trailers", "body"]


def test_every_flow_has_every_key_of_the_first_table() -> None:
    stream = Stream()
    flows = streams.everything(stream)
    found = objects_of(stream)
    assert [each["flow"] for each in found] == sorted(flows.values())
    for each in found:
        assert [key for key in each if key != "tls"] == documented(0)


def test_the_example_is_what_the_printer_writes() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    streams_request(pair)
    (found,) = objects_of(stream, detail=2)
    text = re.findall(r"```json\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert list(found) == list(json.loads(text))
    assert found == json.loads(text)


def streams_request(pair: streams.Pair) -> None:
    """The exchange of the example."""
    stream, flow = pair.stream, pair.stream.new_flow()
    opened = e.FlowOpened(e.FlowKind.HTTP, "https", pair.host, pair.port, pair.client, intercepted=True)
    stream.add(opened, conn=pair.conn, flow=flow)
    path = b"/v1/items?page=2&access_token=abc"
    raw = b"GET %b HTTP/1.1\r\nHost: api.shop.test\r\nAuthorization: Bearer abc\r\n\r\n" % path
    stream.add(e.RequestHead(b"GET", path, "HTTP/1.1", raw, path), conn=pair.conn, flow=flow)
    stream.add(e.FlowBound(pair.conn, pair.upstream, False), conn=pair.conn, flow=flow)
    stream.add(e.RequestEnd(0, 0), conn=pair.conn, flow=flow)
    streams.response(pair, flow)
    streams.body(pair, flow, b'{"items": [1, 2, 3]}')
    stream.add(e.ResponseEnd(20, 20), conn=pair.conn, flow=flow)
    streams.close(pair, flow)


def exchange(body: bytes, *, content_type: bytes, encoding: bytes = b"") -> dict[str, Any]:
    """Return the response of an exchange as detail 2 has it."""
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.response(pair, flow, content_type=content_type, encoding=encoding)
    size = streams.body(pair, flow, body)
    stream.add(e.ResponseEnd(size, size, b"X-T: \xff\r\n"), conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    (found,) = objects_of(stream, detail=2)
    response: dict[str, Any] = found["response"]
    return response


def test_fields_keep_order_case_and_every_byte() -> None:
    response = exchange(b"x", content_type=b"text/plain")
    assert response["fields"] == [["Content-Type", "text/plain"]]
    assert response["trailers"] == [["X-T", "\xff"]]


def test_a_text_body_is_text_with_its_codings_undone() -> None:
    packed = gzip.compress("grüß".encode(), mtime=0)
    body = exchange(packed, content_type=b"text/plain", encoding=b"gzip")["body"]
    assert body == {"encoding": "gzip", "truncated": False, "text": "grüß"}


def test_a_binary_body_is_base64() -> None:
    data = bytes(range(256))
    body = exchange(data, content_type=b"image/png")["body"]
    assert base64.b64decode(body["base64"]) == data
    assert "text" not in body


def test_a_text_that_is_not_in_its_character_set_is_base64() -> None:
    body = exchange(b"abc \xff\xfe\xfd abc", content_type=b"text/plain")["body"]
    assert base64.b64decode(body["base64"]) == b"abc \xff\xfe\xfd abc"


def test_a_large_body_is_cut_and_says_so() -> None:
    body = exchange(b"a" * 200_000, content_type=b"text/plain")["body"]
    assert len(body["text"]) == 65_536
    assert body["truncated"] is True


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    packed = gzip.compress(b"a" * 30_000_000)
    assert len(packed) < 65_536
    body = exchange(packed, content_type=b"text/plain", encoding=b"gzip")["body"]
    assert len(body["text"]) == 4 * 65_536
    assert body["truncated"] is True


def test_a_failure_says_why_and_what_to_do() -> None:
    stream = Stream()
    streams.tls_refused(stream)
    (found,) = objects_of(stream, detail=1)
    assert found["url"] == "pin.bank.test:443"
    assert found["reason"] == "tls_handshake_failed"
    assert found["tls"] == {"sni": "pin.bank.test", "reason": "client_rejected_ca", "ja4": ""}
    assert found["hint"].startswith("The client does not trust")
    assert (found["status"], found["request"], found["response"]) == (None, None, None)


def test_secrets_are_masked_unless_asked() -> None:
    stream = Stream()
    streams_request(streams.connect(stream))
    assert "abc" not in json_of(stream, detail=2)
    assert json_of(stream, detail=2, redact=False).count("abc") == 2


def test_only_flows_that_match_are_written_and_counted() -> None:
    stream = Stream()
    streams.everything(stream)
    out: list[str] = []
    printer = JsonPrinter(out.append, fold=RowFold(), matcher=compile_filter("plain.test"))
    for event in stream.events:
        printer(event)
    assert printer.flows == len(out) == 1


def test_what_the_end_of_a_file_cuts_off_is_written_without_a_reason() -> None:
    stream = Stream()
    streams.sse(stream, finished=False)
    assert objects_of(stream) == []
    (found,) = objects_of(stream, finish=True)
    assert found["reason"] == ""


@pytest.mark.parametrize("wall_ns", [2**63 - 1, -(2**63)])
def test_a_time_that_no_calendar_has_is_left_empty_or_odd_but_written(wall_ns: int) -> None:
    stream = Stream()
    streams.https_exchange(stream)
    out: list[str] = []
    printer = JsonPrinter(out.append, fold=RowFold())
    for event in stream.events:
        printer(
            e.Event(event.seq, event.conn, event.flow, event.flow_seq, event.mono_ns, wall_ns, event.body)
        )
    assert len(out) == 1


def test_what_is_said_before_the_end_of_a_flow_stands_in_its_object() -> None:
    stream = Stream()
    flow = streams.sse(stream, finished=False)
    stream.add(e.Annotated("●", "slow\nvery", "red"), flow=flow)
    (found,) = objects_of(stream, finish=True)
    assert (found["mark"], found["comment"], found["colour"]) == ("●", "slow very", "red")


def test_what_is_said_later_has_an_object_of_its_own_as_documented() -> None:
    stream = Stream()
    flow = streams.https_exchange(stream)
    stream.add(e.Annotated("●", "compare with flow 4", "red"), flow=flow)
    flow_object, said = objects_of(stream)
    assert "mark" not in flow_object
    text = re.findall(r"```json\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)[-1]
    assert said == json.loads(text)
    assert list(said) == keys(AnnotationRecord)


def test_what_is_said_later_about_a_flow_that_the_filter_left_out_is_left_out() -> None:
    stream = Stream()
    for flow in (streams.https_exchange(stream), streams.plain_exchange(stream)):
        stream.add(e.Annotated("●"), flow=flow)
    out: list[str] = []
    printer = JsonPrinter(out.append, fold=RowFold(), matcher=compile_filter("plain.test"))
    for event in stream.events:
        printer(event)
    assert [json.loads(line)["flow"] for line in out] == [2, 2]
