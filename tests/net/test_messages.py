"""The messages of a stream are told while it is open, beside bytes that pass untouched."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    FlowClosed,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesSkipped,
    MessagesStarted,
    MessagesStopped,
    ResponseEnd,
)
from soth_mitm.net import slices
from soth_mitm.proto import skipping
from soth_mitm.proto.aws_events import event
from soth_mitm.record.rows import RowFold
from tests.helpers.net import Lab, Link
from tests.helpers.wire import Wire, eventually

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def frame(payload: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(payload)) + payload


async def opened(lab: Lab, route: str, head: bytes, request: bytes = b"") -> tuple[Link, Wire]:
    """Have a stream begin."""
    link = await lab.link(route)
    server = await link.pass_request(request or link.get(b"/stream"))
    await link.pass_response(head)
    return link, server


def payloads(lab: Lab, direction: Direction = Direction.RESPONSE) -> list[bytes]:
    """Put together what is told of each message, from its event, its chunks or the body."""
    body = b"".join(c.data for c in lab.all(BodyChunk) if c.direction is direction)
    out = []
    for seen in lab.all(MessageSeen):
        if seen.direction is not direction:
            continue
        if seen.offset >= 0:
            assert not seen.data
            out.append(body[seen.offset : seen.offset + seen.size])
        else:
            pieces = [c.data for c in lab.all(MessageChunk) if c.number == seen.number]
            out.append(b"".join(pieces) + seen.data)
        assert len(out[-1]) == seen.size
    return out


async def test_each_event_is_told_while_the_stream_is_open(lab: Lab, route: str) -> None:
    await lab.start()
    link, _ = await opened(lab, route, SSE + b"\r\n")
    assert lab.all(MessagesStarted) == [
        MessagesStarted(Direction.RESPONSE, MessageForm.SSE, "text/event-stream")
    ]
    for number in range(3):
        await link.pass_response(chunk(b"event: tick\nid: %d\ndata: n%d\n\n" % (number, number)))
        seen = (await lab.told(MessageSeen, number + 1))[-1]
        assert (seen.number, seen.label, seen.size, seen.note) == (number + 1, "tick", 2, str(number))
    assert payloads(lab) == [b"n0", b"n1", b"n2"]
    assert not lab.all(FlowClosed)
    await link.pass_response(b"0\r\n\r\n")
    await lab.settled()
    assert not lab.all(MessagesStopped)


async def test_each_message_of_an_aws_event_stream_is_told_while_it_is_open_and_damage_is_passed_over(
    lab: Lab,
) -> None:
    await lab.start()
    media = b"application/vnd.amazon.eventstream"
    link, _ = await opened(lab, "tls", CLOSE % media)
    assert lab.all(MessagesStarted) == [MessagesStarted(Direction.RESPONSE, MessageForm.AWS, media.decode())]
    wires = [event("contentBlockDelta", b'{"n": %d}' % number) for number in range(2)]
    for number, wire in enumerate(wires):
        await link.pass_response(wire[:20])
        await link.pass_response(wire[20:])
        seen = (await lab.told(MessageSeen, number + 1))[-1]
        assert (seen.label, seen.size, seen.wire) == ("contentBlockDelta", 8, len(wire))
    assert payloads(lab) == [b'{"n": 0}', b'{"n": 1}']
    await link.pass_response(wires[0][:-1] + b"?" + b"?" * 100 + wires[1])
    sum_, prelude, last = (await lab.told(MessageSeen, 5))[2:]
    assert (sum_.label, sum_.size, sum_.note) == ("damaged", 8, "the checksum of the message is wrong")
    assert (prelude.label, prelude.size, prelude.offset) == ("damaged", 100, 3 * len(wires[0]))
    assert prelude.note == "the checksum of a prelude is wrong: 100 bytes are passed over"
    assert (last.label, last.number) == ("contentBlockDelta", 5)
    assert not lab.all(MessagesStopped)


Flush = Callable[[bytes], bytes]


def flusher(coding: str) -> Flush:
    if coding == "br":
        packer = brotli.Compressor()
        return lambda data: packer.process(data) + packer.flush()
    if coding == "zstd":
        zpacker = zstandard.ZstdCompressor().compressobj()
        return lambda data: zpacker.compress(data) + zpacker.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    deflater = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
    return lambda data: deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_each_event_of_a_coded_stream_is_told_decoded_as_it_was_flushed(lab: Lab, coding: str) -> None:
    """The reference hands compressed bytes on as events (contract 4.3, 3)."""
    await lab.start()
    link, _ = await opened(lab, "tls", SSE + b"Content-Encoding: %b\r\n\r\n" % coding.encode())
    flush = flusher(coding)
    for number in range(3):
        await link.pass_response(chunk(flush(b"data: n%d\n\n" % number)))
        await lab.told(MessageSeen, number + 1)
        assert payloads(lab)[-1] == b"n%d" % number
    assert lab.all(MessagesStarted)[0].detail == f"text/event-stream, {coding}"
    assert {seen.wire for seen in lab.all(MessageSeen)} == {0}


async def test_after_a_stream_the_connection_carries_the_next_exchange(lab: Lab, route: str) -> None:
    """The reference ends the flow's state with the stream, and fails what follows (contract 4.3, 6)."""
    await lab.start()
    link, _ = await opened(lab, route, SSE + b"\r\n")
    for _ in range(3):
        await link.pass_response(chunk(b"data: x\n\n") + b"0\r\n\r\n")
        await lab.settled()
        await link.pass_request(link.get(b"/next"))
        await link.pass_response(SSE + b"\r\n")
    await link.pass_response(b"0\r\n\r\n")
    await lab.settled()
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["completed"] * 4
    assert [seen.number for seen in lab.all(MessageSeen)] == [1, 1, 1]


async def test_a_line_without_end_and_a_bomb_are_bounded_and_pass(lab: Lab) -> None:
    """The reference keeps any line and inflates anything (contract 4.3, 9)."""
    await lab.start()
    bomb = chunk(gzip.compress(bytes(40_000_000), 9))
    link, _ = await opened(lab, "plain", SSE + b"Content-Encoding: gzip\r\n\r\n")
    await link.pass_response(bomb)
    (stopped,) = await lab.told(MessagesStopped)
    assert stopped.code == "decompression_bomb"
    await link.pass_response(chunk(b"more") + b"0\r\n\r\n")
    await lab.settled()
    link, _ = await opened(lab, "plain", SSE + b"\r\n")
    for _ in range(4):
        await link.pass_response(chunk(b"data: " + bytes(1_000_000)))
    await link.pass_response(chunk(b"\n\n") + b"0\r\n\r\n")
    await lab.told(FlowClosed, 2)
    assert [(seen.size, seen.cut) for seen in lab.all(MessageSeen)] == [(4_000_018, False)]


async def test_lines_of_json_are_told_both_ways_and_numbered_together(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    head = (
        b"POST /bulk HTTP/1.1\r\nHost: %b\r\nContent-Type: application/x-ndjson\r\nContent-Length: 12\r\n\r\n"
        % link.site
    )
    server = await link.pass_request(head + b"{}\n")
    await lab.told(MessageSeen, 1)
    await link.pass_response(CLOSE % b"application/jsonl" + b'{"a":1}\n{"b"')
    await lab.told(MessageSeen, 2)
    link.client.send(b"[1,\n2]\n{}")
    await server.same(b"[1,\n2]\n{}")
    await link.pass_response(b":2}")
    server.close()
    await lab.settled()
    assert [seen.number for seen in lab.all(MessageSeen)] == [1, 2, 3, 4, 5, 6]
    assert payloads(lab, Direction.REQUEST) == [b"{}", b"[1,", b"2]", b"{}"]
    assert payloads(lab) == [b'{"a":1}', b'{"b":2}']


async def test_a_document_is_no_stream_and_values_one_after_the_other_are(lab: Lab) -> None:
    await lab.start()
    for body in (b'{"one": [1, 2]}', b'[{"a": 1}, {"b": 2}]', b"{}{}{}"):
        link, server = await opened(lab, "plain", CLOSE % b"application/json; charset=utf-8")
        await link.pass_response(body[:3])
        await link.pass_response(body[3:])
        server.finish()
        await lab.settled()
    assert [started.form for started in lab.all(MessagesStarted)] == [MessageForm.JSON]
    assert [seen.offset for seen in lab.all(MessageSeen)] == [0, 2, 4]


async def test_an_array_that_is_streamed_element_by_element_is_told_so(lab: Lab) -> None:
    await lab.start()
    link, _ = await opened(lab, "tls", CLOSE % b"application/json")
    await link.pass_response(b'[{"text": "Hel"}\n')
    await lab.told(MessageSeen, 1)
    await link.pass_response(b',\n{"text": "lo"}\n')
    await lab.told(MessageSeen, 2)
    assert payloads(lab) == [b'{"text": "Hel"}', b'{"text": "lo"}']


async def test_messages_of_grpc_are_told_with_their_compression(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    request = b"POST /shop.Orders/Get HTTP/1.1\r\nHost: %b\r\nContent-Type: application/grpc\r\n" % link.site
    request += b"grpc-encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    await link.pass_request(request + chunk(frame(gzip.compress(b"ask"), 1)) + b"0\r\n\r\n")
    await link.pass_response(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunk(frame(b"an") + frame(b"swer"))
        + b"0\r\ngrpc-status: 0\r\n\r\n"
    )
    await lab.settled()
    assert [started.detail for started in lab.all(MessagesStarted)] == [
        "application/grpc, by content type and path, gzip",
        "application/grpc, by content type and path",
    ]
    assert payloads(lab, Direction.REQUEST) == [b"ask"]
    assert payloads(lab) == [b"an", b"swer"]
    assert [seen.compressed for seen in lab.all(MessageSeen)] == [True, False, False]


async def test_frames_that_break_the_rules_are_forwarded_and_said(lab: Lab) -> None:
    await lab.start()
    link, server = await opened(lab, "plain", CLOSE % b"application/grpc")
    await link.pass_response(frame(b"ok") + b"\x07garbage")
    await link.pass_response(b"more")
    server.finish()
    await lab.settled()
    assert [stopped.code for stopped in lab.all(MessagesStopped)] == ["invalid_flag"]
    assert payloads(lab) == [b"ok"]


async def test_a_coding_that_is_not_known_is_said_at_once(lab: Lab) -> None:
    await lab.start()
    link, server = await opened(lab, "plain", SSE + b"Content-Encoding: lz77\r\n\r\n")
    await link.pass_response(chunk(b"data: x\n\n"))
    server.finish()
    (stopped,) = await lab.told(MessagesStopped)
    assert stopped.code == "coding_unknown"
    assert len(lab.all(MessagesStarted)) == 1


async def test_of_metadata_only_flows_sizes_are_told_and_no_word_of_the_sender(lab: Lab) -> None:
    from soth_mitm.config import HostRule

    await lab.start(rules=(HostRule("*", action="metadata-only"),))
    link, _ = await opened(lab, "tls", SSE + b"Content-Encoding: gzip\r\n\r\n")
    await link.pass_response(chunk(flusher("gzip")(b"event: secret\nid: secret\ndata: secret\n\n")))
    (seen,) = await lab.told(MessageSeen)
    assert seen == MessageSeen(Direction.RESPONSE, 1, "event", 6)


async def test_parts_of_a_body_that_replaces_itself_are_told(lab: Lab) -> None:
    await lab.start()
    link, _ = await opened(lab, "plain", CLOSE % b"multipart/x-mixed-replace; boundary=f")
    await link.pass_response(b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\n\r\n\xff\xd8\xff\r\n")
    (seen,) = await lab.told(MessageSeen)
    assert (seen.label, payloads(lab)) == ("image/jpeg", [b"\xff\xd8\xff"])


async def test_many_messages_at_once_are_told_in_slices_and_in_their_order(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "AT_ONCE", 0.0)
    monkeypatch.setattr(slices, "SLICE", 0.0)
    await lab.start()
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    await link.pass_response(b"".join(b'{"n": %d}\n' % number for number in range(500)))
    server.finish()
    await eventually(lambda: bool(lab.all(FlowClosed)), "the end of the flow")
    assert payloads(lab) == [b'{"n": %d}' % number for number in range(500)]
    kinds = [type(event.body) for event in lab.events if event.flow]
    assert kinds[-2:] == [ResponseEnd, FlowClosed]
    assert kinds.index(MessageSeen) < kinds.index(ResponseEnd)


async def test_a_flow_too_far_behind_is_told_no_more_and_its_bytes_pass(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "AT_ONCE", 0.0)
    monkeypatch.setattr(slices, "SLICE", 0.0)
    await lab.start(limits={"message_backlog_bytes": 1000})
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    await link.pass_response(b"1\n" * 5000)
    server.finish()
    await lab.settled()
    assert [stopped.code for stopped in lab.all(MessagesStopped)] == ["messages_behind"]
    assert lab.running.counters.hits["message_backlog_bytes"] == 1
    assert sum(c.length for c in lab.all(BodyChunk)) == 10_000


@pytest.mark.parametrize(("coding", "limit"), [("", 300_000), ("gzip", 60_000)])
async def test_what_is_too_fast_to_be_told_is_counted_and_what_follows_is_told_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, coding: str, limit: int
) -> None:
    monkeypatch.setattr(slices, "AT_ONCE", 0.0)
    monkeypatch.setattr(skipping, "WAIT", 0.0)
    await lab.start(limits={"message_backlog_bytes": limit})
    waits = lab.running._shared.slices
    waits._scheduled = True  # no turn comes while the bytes do
    fields = b"Content-Encoding: gzip\r\n\r\n" if coding else b"\r\n"
    link, server = await opened(lab, "plain", CLOSE[:-2] % b"application/x-ndjson" + fields)
    lines = [b'{"n": %d}\n' % number for number in range(8100)]
    send = flusher("gzip") if coding else bytes
    for start in range(0, 8000, 100):
        await link.pass_response(send(b"".join(lines[start : start + 100])))
    assert limit // 2 < waits.waiting < limit
    waits._scheduled = False
    waits._schedule()
    await eventually(lambda: waits.idle, "the end of the backlog")
    await link.pass_response(send(b"".join(lines[8000:])))
    server.finish()
    await lab.settled()
    (skipped,) = lab.all(MessagesSkipped)
    seen, told = lab.all(MessageSeen), [] if coding else payloads(lab)
    assert 7000 < skipped.count == 8100 - len(seen)
    assert all(data == lines[body.number - 1][:-1] for body, data in zip(seen, told, strict=False))
    assert [body.number for body in seen][-100:] == list(range(8001, 8101))
    if coding:
        assert [body.data for body in seen][-100:] == [line[:-1] for line in lines[8000:]]
    assert not lab.all(MessagesStopped)
    fold = RowFold()
    row = [found for event in lab.events if (found := fold.apply(event)) is not None][-1]
    assert (row.messages, row.messages_skipped) == (8100, skipped.count)


async def test_what_waits_when_the_proxy_stops_is_told_before_the_end(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "AT_ONCE", 0.0)
    await lab.start(limits={"drain_timeout": 0.01})
    monkeypatch.setattr(lab.running._shared.slices, "_schedule", lambda: None)
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    await link.pass_response(b"1\n2\n")
    server.finish()
    await lab.settled()
    assert not lab.all(FlowClosed)
    await lab.stop()
    assert [stopped.code for stopped in lab.all(MessagesStopped)] == ["messages_behind"]
    assert len(lab.all(FlowClosed)) == 1
