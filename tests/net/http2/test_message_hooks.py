"""A handler decides about messages over HTTP/2, where bodies grow and shrink under flow control."""

from __future__ import annotations

import asyncio
import gzip
import struct
import zlib

import pytest

from soth_mitm.hooks.decisions import Change, Drop, Inject, MessageDecision, Modify, NewMessage
from soth_mitm.hooks.messages import Request, Response
from soth_mitm.model.events import FlowClosed, HandlerActed, MessageSeen
from tests.helpers.h2peer import get, h2_link, post
from tests.helpers.net import Lab
from tests.hooks.test_messages import OnMessage

GRPC = (b"content-type", b"application/grpc")
LINES = (b"content-type", b"application/x-ndjson")


def frame(payload: bytes) -> bytes:
    return struct.pack(">BI", 0, len(payload)) + payload


async def test_messages_of_a_call_are_changed_both_ways_and_trailers_stay(lab: Lab) -> None:
    def decide(message: object) -> MessageDecision:
        return Change(b"longer than before")

    handler = OnMessage(decide)
    await lab.start(handler=handler)
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/a.B/C", GRPC, (b"content-length", b"13")), end=False)
    assert b"content-length" not in dict((await server.head(number)).head)
    link.client.data(stream, frame(b"as")[:3])
    link.client.data(stream, frame(b"as")[3:])
    link.client.data(stream, frame(b"k"), end=True)
    request = await server.message(number)
    assert request.body == frame(b"longer than before") * 2
    server.head_out(number, [(b":status", b"200"), GRPC])
    server.data(number, frame(b"answer"))
    server.head_out(number, [(b"grpc-status", b"0")], end=True)
    response = await link.client.message(stream)
    assert (response.body, response.trailers) == (frame(b"longer than before"), [(b"grpc-status", b"0")])
    await lab.settled()
    assert [message.data for message in handler.asked] == [b"as", b"k", b"answer"]
    assert [acted.action for acted in lab.all(HandlerActed)] == ["hold", "change", "change", "change"]
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["completed"]


@pytest.mark.parametrize(
    ("decision", "size"),
    [
        (None, 200_005),
        (Drop(), 0),
        (Change(b"x"), 6),
        (Change(bytes(300_000)), 300_005),
        (Inject(before=(NewMessage(bytes(100_000)),)), 300_010),
    ],
    ids=["pass", "drop", "shrink", "grow", "inject"],
)
async def test_messages_larger_than_a_window_flow_however_they_change(
    lab: Lab, decision: MessageDecision | None, size: int
) -> None:
    await lab.start(handler=OnMessage(lambda message: decision))
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/a.B/C", GRPC), end=False)
    await link.client.pour(stream, frame(bytes(200_000)) * 8, to=server)
    await link.client.until(lambda: server.messages[number].ended, "the end", beside=server)
    assert len(server.messages[number].body) == 8 * size
    server.head_out(number, [(b":status", b"200")], end=True)
    await link.client.message(stream)
    await lab.settled()


async def test_events_are_decided_one_by_one_beside_other_streams(lab: Lab) -> None:
    gate = asyncio.Event()

    async def decide(message: object) -> MessageDecision:
        await gate.wait()
        return Change(b"2")

    await lab.start(handler=OnMessage(decide))
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/events"))
    server.head_out(number, [(b":status", b"200"), (b"content-type", b"text/event-stream")])
    server.data(number, b": note\n\ndata: 1\n\n")
    await link.client.until(lambda: link.client.messages[stream].body == b": note\n\n", "what is no event")
    other, _, other_number = await link.request(get(b"/other"))
    server.head_out(other_number, [(b":status", b"204")], end=True)
    await link.client.message(other)
    gate.set()
    server.data(number, b"", end=True)
    assert (await link.client.message(stream)).body == b": note\n\ndata: 2\n\n"
    await lab.settled()


async def test_a_handler_sees_the_events_of_a_coded_stream_without_their_coding(lab: Lab) -> None:
    """Defect 3 of the reference: it was given the bytes of the coding, as they came."""
    handler = OnMessage()
    await lab.start(handler=handler)
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/events"))
    coded = (b"content-encoding", b"gzip")
    server.head_out(number, [(b":status", b"200"), (b"content-type", b"text/event-stream"), coded])
    packer = zlib.compressobj(wbits=31)
    for count in (1, 2):
        server.data(number, packer.compress(b"data: %d\n\n" % count) + packer.flush(zlib.Z_SYNC_FLUSH))
        await lab.told(MessageSeen, count)
    server.data(number, packer.flush(), end=True)
    assert gzip.decompress((await link.client.message(stream)).body) == b"data: 1\n\ndata: 2\n\n"
    assert [message.data for message in handler.asked] == [b"1", b"2"]


async def test_all_hooks_decide_one_after_the_other(lab: Lab) -> None:
    class All(OnMessage):
        async def on_request(self, request: Request) -> Modify:
            return Modify(set_fields=((b"x-request", b"1"),))

        async def on_response(self, response: Response) -> Modify:
            return Modify(set_fields=((b"x-response", b"1"),))

    await lab.start(handler=All(lambda message: Change(b"2")))
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/", LINES), end=False)
    link.client.data(stream, b"1\n", end=True)
    request = await server.message(number)
    assert ((b"x-request", b"1") in request.head, request.body) == (True, b"2\n")
    server.head_out(number, [(b":status", b"200"), LINES, (b"content-length", b"3")])
    server.data(number, b"1\n1", end=True)
    response = await link.client.message(stream)
    assert ((b"x-response", b"1") in response.head, response.body) == (True, b"2\n2\n")
    assert b"content-length" not in dict(response.head)
    await lab.settled()
    assert [seen.origin for seen in lab.all(MessageSeen)] == ["changed"] * 3


async def test_a_coded_stream_that_breaks_resets_its_stream_alone(lab: Lab) -> None:
    await lab.start(handler=OnMessage())
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/events"))
    coded = (b"content-encoding", b"gzip")
    server.head_out(number, [(b":status", b"200"), LINES, coded])
    server.data(number, b"no gzip at all")
    assert (await link.client.message(stream)).reset is not None
    assert [closed.reason for closed in await lab.told(FlowClosed)] == ["http_error"]
    other, _, number = await link.request(get())
    server.head_out(number, [(b":status", b"204")], end=True)
    await link.client.message(other)


async def test_a_request_without_a_body_is_not_waited_for(lab: Lab) -> None:
    await lab.start(handler=OnMessage())
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/", LINES))
    server.head_out(number, [(b":status", b"200"), LINES], end=True)
    assert (await link.client.message(stream)).ended
    await lab.settled()
