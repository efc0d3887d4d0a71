"""What is printed where heads and bodies are asked."""

from __future__ import annotations

import gzip
import json

import pytest

from soth_mitm.export.choosing import LOOKED_AT
from soth_mitm.export.collect import BODY_BYTES
from soth_mitm.export.jsonl import JsonPrinter
from soth_mitm.export.lines import TextPrinter
from soth_mitm.model import events as e
from soth_mitm.policy.filters import compile_filter
from soth_mitm.record.rows import RowFold
from tests.helpers import streams
from tests.helpers.streams import Stream


def two_flows() -> Stream:
    """One answer with a needle in its compressed body, one without."""
    stream = Stream()
    for text in (b"hay and a needle", b"hay alone"):
        pair = streams.connect(stream)
        flow = streams.request(pair)
        streams.response(pair, flow, fields=b"Content-Encoding: gzip\r\nX-Kind: hay\r\n", encoding=b"gzip")
        size = streams.body(pair, flow, gzip.compress(text, mtime=0))
        stream.add(e.ResponseEnd(size, size), conn=pair.conn, flow=flow)
        streams.close(pair, flow)
    return stream


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("body:needle", 1),
        ("!body:needle", 1),
        ("resbody:/need.e/", 1),
        ("reqbody:needle", 0),
        ("header:x-kind", 2),
        ("reqheader:x-kind", 0),
        ("header:x-kind body:alone", 1),
        ("~bs needle", 1),
        ("body:needle or is:error", 1),
    ],
)
@pytest.mark.parametrize("detail", [0, 2])
def test_a_flow_is_printed_where_its_messages_hold_what_is_asked(text: str, count: int, detail: int) -> None:
    lines: list[str] = []
    records: list[str] = []
    wanted = compile_filter(text)
    as_text = TextPrinter(lines.append, fold=RowFold(), detail=detail, matcher=wanted)
    as_json = JsonPrinter(records.append, fold=RowFold(), detail=detail, matcher=wanted)
    for event in two_flows().events:
        as_text(event)
        as_json(event)
    assert as_text.flows == as_json.flows == len(records) == count
    if not detail:
        assert all(" < " not in line for line in lines), "what was kept to be judged is not printed"
        assert all("response" not in json.loads(record) for record in records)


@pytest.mark.parametrize("text", ["body:data", "header:event-stream", "!reqheader:nothing !is:error"])
def test_a_stream_is_printed_as_soon_as_what_came_of_it_decides(text: str) -> None:
    stream = Stream()
    streams.sse(stream, finished=False)
    lines: list[str] = []
    printer = TextPrinter(lines.append, fold=RowFold(), matcher=compile_filter(text))
    for event in stream.events:
        printer(event)
    assert len(lines) == 1
    assert "streaming" in lines[0]


def test_a_body_is_looked_at_as_far_as_the_limit_and_printed_as_far_as_any_other() -> None:
    stream = Stream()
    pair = streams.connect(stream)
    flow = streams.request(pair)
    streams.response(pair, flow)
    body = bytearray(b"." * (LOOKED_AT + 100))
    body[BODY_BYTES + 10 : BODY_BYTES + 16] = b"needle"
    body[LOOKED_AT - 2 : LOOKED_AT + 2] = b"late"
    size = streams.body(pair, flow, bytes(body))
    stream.add(e.ResponseEnd(size, size), conn=pair.conn, flow=flow)
    streams.close(pair, flow)
    for text, count in (("body:needle", 1), ("body:late", 0), ("!body:late", 1)):
        records: list[str] = []
        printer = JsonPrinter(records.append, fold=RowFold(), detail=2, matcher=compile_filter(text))
        for event in stream.events:
            printer(event)
        assert len(records) == count
        assert all(len(record) < 2 * BODY_BYTES for record in records)


def test_a_stream_that_only_its_end_decides_is_printed_then() -> None:
    stream = Stream()
    streams.sse(stream, finished=False)
    lines: list[str] = []
    printer = TextPrinter(lines.append, fold=RowFold(), matcher=compile_filter("!resbody:nothing"))
    for event in stream.events:
        printer(event)
    assert lines == []
    printer.finish()
    assert len(lines) == 1


def test_a_stream_that_its_row_decides_is_printed_when_it_begins() -> None:
    stream = Stream()
    streams.sse(stream, finished=False)
    lines: list[str] = []
    printer = TextPrinter(lines.append, fold=RowFold(), matcher=compile_filter("status:200 or body:x"))
    for event in stream.events:
        printer(event)
    assert len(lines) == 1
