"""Messages over HTTP/2 are told while they pass: gRPC with its trailers, server-sent events."""

from __future__ import annotations

import gzip
import struct

from soth_mitm.model.events import Direction, MessageForm, MessageSeen, MessagesStarted, ResponseEnd
from tests.helpers.h2peer import get, h2_link, post
from tests.helpers.net import Lab

GRPC = (b"content-type", b"application/grpc+proto")


def frame(payload: bytes, flag: int = 0) -> bytes:
    return struct.pack(">BI", flag, len(payload)) + payload


async def test_messages_of_a_call_are_told_in_both_directions_before_it_ends(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    head = post(b"/shop.Orders/Watch", GRPC, (b"te", b"trailers"), (b"grpc-encoding", b"gzip"))
    stream, server, number = await link.request(head, end=False)
    link.client.data(stream, frame(b"first") + frame(gzip.compress(b"second" * 50), 1))
    await lab.told(MessageSeen, 2)
    server.head_out(number, [(b":status", b"200"), GRPC])
    server.data(number, frame(b"answer")[:4])
    server.data(number, frame(b"answer")[4:])
    await lab.told(MessageSeen, 3)
    assert not lab.all(ResponseEnd)
    link.client.data(stream, b"", end=True)
    server.head_out(number, [(b"grpc-status", b"5"), (b"grpc-message", b"no such order")], end=True)
    assert (b"grpc-status", b"5") in ((await link.client.message(stream)).trailers or [])
    await lab.settled()
    assert [(each.direction, each.form) for each in lab.all(MessagesStarted)] == [
        (Direction.REQUEST, MessageForm.GRPC),
        (Direction.RESPONSE, MessageForm.GRPC),
    ]
    assert [(seen.direction, seen.size, seen.compressed) for seen in lab.all(MessageSeen)] == [
        (Direction.REQUEST, 5, False),
        (Direction.REQUEST, 300, True),
        (Direction.RESPONSE, 6, False),
    ]
    assert (await lab.one(ResponseEnd)).trailers == b"grpc-status: 5\r\ngrpc-message: no such order\r\n"


async def test_events_of_a_stream_are_told_one_by_one(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/events"))
    server.head_out(number, [(b":status", b"200"), (b"content-type", b"text/event-stream")])
    for count in range(1, 4):
        server.data(number, b"id: %d\ndata: hello\n\n" % count)
        await lab.told(MessageSeen, count)
    link.client.reset(stream, 0x8)
    await lab.settled()
    assert [seen.note for seen in lab.all(MessageSeen)] == ["1", "2", "3"]
