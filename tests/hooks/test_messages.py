"""A handler sees, changes, drops and adds messages of streams; what it does not touch stays as it came."""

from __future__ import annotations

import asyncio
import base64
import gzip
import struct
import zlib
from collections.abc import Awaitable, Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from soth_mitm.hooks.decisions import Change, Continue, Drop, Inject, MessageDecision, NewMessage
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message
from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    FlowClosed,
    HandlerActed,
    HandlerFailed,
    LimitReached,
    MessageSeen,
    MessagesStarted,
    MessagesStopped,
    Noted,
)
from soth_mitm.proto.aws_events import event
from tests.helpers.net import Lab, Link
from tests.helpers.wire import Wire

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n\r\n"

Decide = Callable[[Message], MessageDecision | Awaitable[MessageDecision | None] | None]


class OnMessage(Handler):
    """Decides by a function; keeps what it was asked."""

    def __init__(self, decide: Decide = lambda message: None) -> None:
        self._decide = decide
        self.asked: list[Message] = []

    async def on_message(self, message: Message) -> MessageDecision | None:
        self.asked.append(message)
        decision = self._decide(message)
        return await decision if isinstance(decision, Awaitable) else decision


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def frame(payload: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(payload)) + payload


async def dechunked(wire: Wire) -> bytes:
    """Read a chunked body to its end."""
    out = b""
    while True:
        size = int((await wire.until(b"\r\n")).split(b";")[0], 16)
        if not size:
            await wire.until(b"\r\n")
            return out
        out += await wire.exactly(size)
        await wire.same(b"\r\n")


async def opened(lab: Lab, route: str, head: bytes) -> tuple[Link, Wire]:
    """Have a stream begin; what follows the head is the test's matter."""
    link = await lab.link(route)
    server = await link.pass_request(link.get(b"/stream"))
    server.send(head)
    assert (await link.client.head()) == head
    return link, server


def told(lab: Lab) -> list[tuple[int, str, bytes, str]]:
    """Return number, label, payload and origin of each message."""
    body = b"".join(c.data for c in lab.all(BodyChunk) if c.direction is Direction.RESPONSE)
    return [
        (m.number, m.label, m.data if m.offset < 0 else body[m.offset : m.offset + m.size], m.origin)
        for m in lab.all(MessageSeen)
    ]


async def test_what_is_only_seen_passes_byte_for_byte(lab: Lab, route: str) -> None:
    handler = OnMessage()
    await lab.start(handler=handler)
    link, server = await opened(lab, route, SSE + b"\r\n")
    body = b": hi\n\nevent: a\r\nid: 1\r\ndata: x\r\n\r\n\rdata: y\rdata: z\n\ndata: lost"
    server.send(chunk(body[:20]) + chunk(body[20:]) + b"0\r\nX-Sum: 1\r\n\r\n")
    assert await dechunked(link.client) == body
    await lab.settled()
    first, second = handler.asked
    assert (first.label, first.data, first.note, first.number) == ("a", b"x", "1", 1)
    assert (second.data, second.form, second.direction) == (b"y\nz", "sse", "response")
    assert first.url.endswith(f":{link.origin.port}/stream")
    assert told(lab) == [(1, "a", b"x", ""), (2, "message", b"y\nz", "")]
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["completed"]
    assert not lab.all(HandlerActed)


async def test_events_are_changed_dropped_and_added(lab: Lab, route: str) -> None:
    def decide(message: Message) -> MessageDecision | None:
        own = NewMessage(b"own\nlines", label="note", note="9")
        decisions: dict[bytes, MessageDecision] = {
            b"change": Change(b"changed"),
            b"rename": Change(b"renamed", label="other", note=""),
            b"drop": Drop(),
            b"around": Inject(before=(own,), after=(NewMessage(b"tail"),)),
        }
        return decisions.get(message.data, Continue())

    await lab.start(handler=OnMessage(decide))
    link, server = await opened(lab, route, SSE + b"\r\n")
    for data in (b"change", b"rename", b"drop", b"around", b"keep"):
        server.send(chunk(b": note\nevent: e\nretry: 5\nid: 1\ndata: " + data + b"\n\n"))
    server.send(b"0\r\n\r\n")
    assert await dechunked(link.client) == (
        b": note\nevent: e\nretry: 5\nid: 1\ndata: changed\n\n"
        b": note\nretry: 5\nevent: other\ndata: renamed\n\n"
        b": note\n"
        b": note\nevent: note\nid: 9\ndata: own\ndata: lines\n\n"
        b"event: e\nretry: 5\nid: 1\ndata: around\n\ndata: tail\n\n"
        b": note\nevent: e\nretry: 5\nid: 1\ndata: keep\n\n"
    )
    await lab.settled()
    assert [(number, label, data, origin) for number, label, data, origin in told(lab)] == [
        (1, "e", b"changed", "changed"),
        (2, "other", b"renamed", "changed"),
        (3, "e", b"drop", "dropped"),
        (5, "note", b"own\nlines", "injected"),
        (4, "e", b"around", ""),
        (6, "message", b"tail", "injected"),
        (7, "e", b"keep", ""),
    ]
    assert [acted.action for acted in lab.all(HandlerActed)] == ["change", "change", "drop", "inject"]


async def test_one_message_is_held_at_a_time_and_what_is_no_message_is_not(lab: Lab) -> None:
    gate = asyncio.Event()

    async def decide(message: Message) -> None:
        await gate.wait()

    await lab.start(handler=OnMessage(decide))
    link, server = await opened(lab, "plain", SSE + b"\r\n")
    server.send(chunk(b": keep-alive\n"))
    await link.client.same(chunk(b": keep-alive\n"))
    server.send(chunk(b"data: 1\n\n: more\n\n"))
    await asyncio.sleep(0.02)
    assert link.client.unread == b""
    gate.set()
    await link.client.until(b": more\n\n")


FLUSHERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


def undone(coding: str, data: bytes) -> bytes:
    if coding == "br":
        return bytes(brotli.decompress(data))
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return zlib.decompress(data, 31 if coding == "gzip" else 15)


@pytest.mark.parametrize("coding", FLUSHERS)
async def test_a_coded_stream_is_coded_anew(lab: Lab, coding: str) -> None:
    def decide(message: Message) -> MessageDecision | None:
        return Change(b"2!") if message.data == b"2" else None

    await lab.start(handler=OnMessage(decide))
    link, server = await opened(lab, "tls", SSE + b"Content-Encoding: %b\r\n\r\n" % coding.encode())
    server.send(chunk(FLUSHERS[coding](b"data: 1\n\ndata: 2\n\ndata: tail")) + b"0\r\n\r\n")
    assert undone(coding, await dechunked(link.client)) == b"data: 1\n\ndata: 2!\n\ndata: tail"
    await lab.settled()
    assert told(lab) == [(1, "message", b"1", ""), (2, "message", b"2!", "changed")]


async def test_of_a_coding_that_is_not_known_the_handler_is_not_asked(lab: Lab) -> None:
    handler = OnMessage()
    await lab.start(handler=handler)
    link, server = await opened(lab, "plain", SSE + b"Content-Encoding: lz77\r\n\r\n")
    server.send(chunk(b"data: x\n\n") + b"0\r\n\r\n")
    assert await dechunked(link.client) == b"data: x\n\n"
    await lab.settled()
    assert handler.asked == []
    assert [noted.code for noted in lab.all(Noted)] == ["message_unasked"]
    assert [stopped.code for stopped in lab.all(MessagesStopped)] == ["coding_unknown"]


async def test_a_coded_stream_that_breaks_ends_its_flow(lab: Lab) -> None:
    await lab.start(handler=OnMessage())
    link, server = await opened(lab, "plain", SSE + b"Content-Encoding: gzip\r\n\r\n")
    server.send(chunk(b"no gzip at all"))
    await link.client.closed()
    await lab.settled()
    assert [(closed.reason, closed.detail.split(":")[0]) for closed in lab.all(FlowClosed)] == [
        ("http_error", "coding_damaged")
    ]


async def test_a_body_with_a_length_goes_on_in_chunks(lab: Lab, route: str) -> None:
    await lab.start(handler=OnMessage(lambda message: Change(b'{"longer": true}')))
    link = await lab.link(route)
    ask = b"POST /bulk HTTP/1.1\r\nHost: %b\r\nContent-Type: application/jsonl\r\n" % link.site
    link.ask(ask + b"Content-Length: 3\r\nX-A: b\r\n\r\n{}\n")
    server = await link.server()
    assert await server.head() == ask + b"X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert await dechunked(server) == b'{"longer": true}\n'
    server.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: 4\r\n\r\n1\n22")
    assert b"Content-Length" not in await link.client.head()
    assert await dechunked(link.client) == b'{"longer": true}\n' * 2
    await lab.settled()
    acted = [acted.action for acted in lab.all(HandlerActed)]
    assert acted == ["hold", "change", "hold", "change", "change"]
    await link.pass_request(link.get(b"/next"))


async def test_a_client_of_http_1_0_keeps_its_length_and_the_handler_is_not_asked(lab: Lab) -> None:
    handler = OnMessage()
    await lab.start(handler=handler)
    link = await lab.link("plain")
    link.ask(b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n")
    server = await link.server()
    await server.head()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: 4\r\n\r\n1\n22"
    server.send(answer)
    await link.client.same(answer)
    await lab.told(MessageSeen, 2)
    assert handler.asked == []
    assert [noted.code for noted in lab.all(Noted)] == ["message_unasked"]


async def test_lines_are_added_behind_one_without_a_line_end(lab: Lab) -> None:
    await lab.start(handler=OnMessage(lambda message: Inject(after=(NewMessage(b"9"),))))
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    server.send(b"1\n\n2")
    server.finish()
    assert await link.client.rest() == b"1\n9\n\n2\n9\n"
    await lab.settled()


async def test_a_line_that_would_be_two_is_refused(lab: Lab) -> None:
    lab.faults_expected = True
    await lab.start(handler=OnMessage(lambda message: Change(b"a\nb")))
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    server.send(b"1\n")
    server.finish()
    assert await link.client.rest() == b"1\n"
    await lab.settled()
    assert "line end inside" in lab.all(HandlerFailed)[0].error
    assert told(lab) == [(1, "line", b"1", "")]


@pytest.mark.parametrize("fails", ["open", "closed"])
async def test_a_handler_that_fails_lets_the_message_pass_or_stops_it(lab: Lab, fails: str) -> None:
    def decide(message: Message) -> None:
        if message.data == b"2":
            raise RuntimeError("no")

    lab.faults_expected = True
    await lab.start(handler=OnMessage(decide), handler_fails=fails)
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    server.send(b"1\n2\n3\n")
    server.finish()
    assert await link.client.rest() == (b"1\n2\n3\n" if fails == "open" else b"1\n3\n")
    await lab.settled()
    assert [origin for *_, origin in told(lab)] == ["", "" if fails == "open" else "dropped", ""]
    assert len(lab.all(HandlerFailed)) == 1


async def test_a_message_over_the_limit_passes_without_being_asked_about(lab: Lab) -> None:
    handler = OnMessage(lambda message: Drop())
    await lab.start(handler=handler, limits={"message_bytes": 100_000})
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    long = b'"' + b"x" * 300_000 + b'"\n'
    server.send(b"1\n" + long)
    await link.client.same(long)
    server.send(b"2\n" + long + b"3\n")
    server.finish()
    assert await link.client.rest() == long
    await lab.settled()
    assert [message.data for message in handler.asked] == [b"1", b"2", b"3"]
    assert [(data == long[:-1], origin) for _, _, data, origin in told(lab)] == [
        (False, "dropped"), (True, ""), (False, "dropped"), (True, ""), (False, "dropped"),
    ]  # fmt: skip
    assert [noted.code for noted in lab.all(Noted)] == ["message_too_long"]
    assert [limit.name for limit in lab.all(LimitReached)] == ["message_bytes"]


async def test_messages_of_grpc_are_decompressed_for_the_handler_and_framed_again(lab: Lab) -> None:
    def decide(message: Message) -> MessageDecision | None:
        return Change(message.data.upper()) if message.data.startswith(b"c") else None

    handler = OnMessage(decide)
    await lab.start(handler=handler)
    link = await lab.link("tls")
    head = b"POST /a.B/C HTTP/1.1\r\nHost: %b\r\nContent-Type: application/grpc\r\n" % link.site
    head += b"grpc-encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    packed = frame(gzip.compress(b"keep"), 1)
    link.ask(head + chunk(packed + frame(gzip.compress(b"compressed"), 1)[:9]))
    server = await link.server()
    assert await server.head() == head
    await server.same(chunk(packed))
    link.client.send(chunk(frame(gzip.compress(b"compressed"), 1)[9:] + frame(b"changed")) + b"0\r\n\r\n")
    assert await dechunked(server) == frame(b"COMPRESSED") + frame(b"CHANGED")
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.send(answer + chunk(frame(b"c")) + b"0\r\ngrpc-status: 0\r\n\r\n")
    assert await link.client.head() == answer
    await link.client.same(chunk(frame(b"C")) + b"0\r\ngrpc-status: 0\r\n\r\n")
    await lab.settled()
    assert [message.data for message in handler.asked] == [b"keep", b"compressed", b"changed", b"c"]
    assert [seen.compressed for seen in lab.all(MessageSeen)] == [True, False, False, False]


async def test_compression_that_is_not_known_is_passed_unasked(lab: Lab) -> None:
    handler = OnMessage(lambda message: Drop())
    await lab.start(handler=handler)
    head = CLOSE % b"application/grpc\r\ngrpc-encoding: snappy"
    link, server = await opened(lab, "plain", head)
    server.send(frame(b"??", 1) + frame(b"drop"))
    server.finish()
    assert await link.client.rest() == frame(b"??", 1)
    await lab.settled()
    assert [message.data for message in handler.asked] == [b"drop"]
    assert [noted.code for noted in lab.all(Noted)] == ["message_unasked"]


async def test_the_text_of_grpc_web_is_changed_within_its_base64(lab: Lab) -> None:
    await lab.start(handler=OnMessage(lambda m: Change(b"longer") if m.label == "message" else None))
    link, server = await opened(lab, "tls", CLOSE % b"application/grpc-web-text")
    trailers = frame(b"grpc-status:0\r\n", 0x80)
    server.send(base64.b64encode(frame(b"x")) + base64.b64encode(trailers))
    server.close()
    text = await link.client.rest()
    groups = [text[i : i + 4] for i in range(0, len(text), 4)]
    assert b"".join(map(base64.b64decode, groups)) == frame(b"longer") + trailers
    await lab.settled()


async def test_what_breaks_the_framing_passes_untouched(lab: Lab) -> None:
    handler = OnMessage(lambda message: Drop())
    await lab.start(handler=handler)
    link, server = await opened(lab, "plain", CLOSE % b"application/grpc")
    server.send(frame(b"drop") + b"\x07garbage")
    await link.client.same(b"\x07garbage")
    server.send(frame(b"kept"))
    server.finish()
    assert await link.client.rest() == frame(b"kept")
    await lab.settled()
    assert len(handler.asked) == 1
    assert [stopped.code for stopped in lab.all(MessagesStopped)] == ["invalid_flag"]


async def test_a_way_back_is_for_websockets_only(lab: Lab) -> None:
    lab.faults_expected = True
    await lab.start(handler=OnMessage(lambda message: Inject(back=(NewMessage(b"x"),))))
    link, server = await opened(lab, "plain", CLOSE % b"application/x-ndjson")
    server.send(b"1\n")
    server.finish()
    assert await link.client.rest() == b"1\n"
    await lab.settled()
    assert "WebSocket" in lab.all(HandlerFailed)[0].error


async def test_a_client_that_leaves_while_a_message_is_held_ends_the_flow(lab: Lab) -> None:
    async def decide(message: Message) -> None:
        await asyncio.Event().wait()

    await lab.start(handler=OnMessage(decide))
    link, server = await opened(lab, "plain", SSE + b"\r\n")
    server.send(chunk(b"data: 1\n\n"))
    await lab.told(MessagesStarted)
    link.client.reset()
    await lab.settled()
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["client_closed"]


async def test_other_responses_are_not_touched_by_a_handler_of_messages(lab: Lab, route: str) -> None:
    handler = OnMessage()
    await lab.start(handler=handler)
    link = await lab.link(route)
    for body in (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",):
        await link.pass_request(link.get())
        await link.pass_response(body)
    await lab.settled()
    assert handler.asked == []


async def test_both_hooks_decide_one_after_the_other(lab: Lab) -> None:
    from soth_mitm.hooks.decisions import Modify
    from soth_mitm.hooks.messages import Response

    class Both(OnMessage):
        async def on_response(self, response: Response) -> Modify:
            return Modify(set_fields=((b"X-Seen", b"1"),))

    handler = Both(lambda message: Change(b"2"))
    await lab.start(handler=handler)
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 2\r\n\r\n1\n")
    head = await link.client.head()
    assert head.endswith(b"X-Seen: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert await dechunked(link.client) == b"2\n"
    await lab.settled()


async def test_nobody_is_asked_about_what_is_damaged_and_it_passes_as_it_came(lab: Lab, route: str) -> None:
    handler = OnMessage(lambda message: Change(message.data.upper()))
    await lab.start(handler=handler)
    link, server = await opened(lab, route, CLOSE % b"application/vnd.amazon.eventstream")
    first, second = event("chunk", b"one"), event("chunk", b"two")
    damaged = first[:-5] + b"?" + first[-4:] + b"?" * 90
    server.send(first + damaged[:60])
    server.send(damaged[60:] + second)
    server.close()
    assert await link.client.rest() == event("chunk", b"ONE") + damaged + event("chunk", b"TWO")
    await lab.settled()
    assert [(label, data) for _, label, data, _ in told(lab)] == [
        ("chunk", b"ONE"), ("damaged", b"on?"), ("damaged", b"?" * 90), ("chunk", b"TWO"),
    ]  # fmt: skip
    (note,) = lab.all(Noted)
    assert (note.code, len(handler.asked)) == ("message_unasked", 2)
