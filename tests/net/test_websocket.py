"""A WebSocket passes byte for byte, and its messages are told while it is open."""

from __future__ import annotations

import pytest

from soth_mitm.config import HostRule
from soth_mitm.model.events import (
    Anomaly,
    BodyChunk,
    Direction,
    FlowClosed,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesStarted,
    MessagesStopped,
    Noted,
    Upgraded,
)
from soth_mitm.record.rows import Row, RowFold
from tests.helpers.net import Lab
from tests.helpers.upgrade import DEFLATE, END, KEY, REQUEST, SWITCH, Socket, upgraded
from tests.helpers.wire import eventually
from tests.proto.websocket.framing import BINARY, CLOSE, CONTINUATION, PING, PONG, RSV2, TEXT, Sender, frame

UP, DOWN = Direction.REQUEST, Direction.RESPONSE


async def opened(lab: Lab, route: str = "plain", **kinds: bytes) -> Socket:
    await lab.start()
    return await upgraded(lab, route, **kinds)


def row(lab: Lab) -> Row:
    fold, last = RowFold(), None
    for event in lab.events:
        last = fold.apply(event) or last
    assert last is not None
    return last


def odd(lab: Lab) -> list[tuple[str, Direction]]:
    """Return what was odd after the handshake."""
    return [(body.code, body.direction) for body in lab.all(Anomaly) if body.code != "host_differs"]


async def test_messages_are_told_in_both_directions_with_what_they_were_on_the_wire(
    lab: Lab, route: str
) -> None:
    ws = await opened(lab, route)
    await ws.up(frame(TEXT, b"question"))
    await ws.down(frame(PING, b"?", mask=False) + frame(BINARY, b"\x00\xff", mask=False))
    await lab.told(MessageSeen, 3)
    assert ws.seen() == [
        MessageSeen(UP, 1, "text", 8, b"question", wire=14),
        MessageSeen(DOWN, 2, "ping", 1, b"?", wire=3),
        MessageSeen(DOWN, 3, "binary", 2, b"\x00\xff", wire=4),
    ]
    assert [(body.direction, body.form, body.detail) for body in lab.all(MessagesStarted)] == [
        (UP, MessageForm.WEBSOCKET, ""),
        (DOWN, MessageForm.WEBSOCKET, ""),
    ]
    assert (await lab.one(Upgraded)).protocol == "websocket"
    assert lab.all(BodyChunk) == []


async def test_compressed_fragments_with_a_ping_between_pass_untouched_and_are_read(
    lab: Lab, route: str
) -> None:
    ws = await opened(lab, route, fields=DEFLATE, answer=DEFLATE)
    up, down = Sender(), Sender(mask=False)
    for text in (b"hello " * 30, b"hello again " * 30):
        await ws.up(up.text(text, cuts=[5, 9], between=frame(PING, b"!")))
        await ws.down(down.text(text, cuts=[3], between=frame(PONG, b"", mask=False)))
    await lab.told(MessageSeen, 10)
    told = [(body.direction, body.data, body.fragments, body.compressed) for body in ws.seen()]
    assert told[2] == (UP, b"hello " * 30, 3, True)
    assert told[-1] == (DOWN, b"hello again " * 30, 2, True)
    assert lab.all(MessagesStarted)[0].detail == "permessage-deflate"


async def test_what_comes_in_the_packet_of_the_101_is_a_message_too(lab: Lab, route: str) -> None:
    ws = await opened(lab, route, early=frame(TEXT, b"welcome", mask=False))
    assert [body.data for body in await lab.told(MessageSeen)] == [b"welcome"]
    await ws.up(frame(TEXT, b"thanks"))


async def test_what_the_client_sent_before_the_101_is_read_after_it(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    hasty = frame(TEXT, b"hasty")
    link.ask(REQUEST + END + hasty)
    server = await link.server()
    await server.same(REQUEST + END)
    server.send(SWITCH + END)
    await server.same(hasty)
    assert [body.data for body in await lab.told(MessageSeen)] == [b"hasty"]


async def test_a_message_that_arrives_byte_by_byte_goes_on_byte_by_byte(lab: Lab) -> None:
    ws = await opened(lab)
    wire = frame(TEXT, b"slow")
    for number in range(len(wire)):
        await ws.up(wire[number : number + 1])
    assert [body.data for body in await lab.told(MessageSeen)] == [b"slow"]


async def test_a_long_message_is_told_in_chunks_before_its_end(lab: Lab) -> None:
    ws = await opened(lab)
    wire = frame(BINARY, b"x" * 100_000, mask=False)
    await ws.down(wire[:90_000])
    assert (await lab.one(MessageChunk)).number == 1
    assert ws.seen() == []
    await ws.down(wire[90_000:])
    (seen,) = await lab.told(MessageSeen)
    assert (seen.number, seen.size, seen.data, seen.wire) == (1, 100_000, b"", len(wire))
    assert b"".join(chunk.data for chunk in lab.all(MessageChunk)) == b"x" * 100_000


async def test_with_metadata_only_sizes_are_told_and_nothing_else(lab: Lab) -> None:
    await lab.start(rules=(HostRule(match="*", action="metadata-only"),))
    ws = await upgraded(lab, "tls")
    await ws.up(frame(TEXT, b"secret"))
    await ws.down(frame(CLOSE, b"\x03\xe8secret", mask=False))
    seen = await lab.told(MessageSeen, 2)
    assert [(body.label, body.size, body.data, body.note) for body in seen] == [
        ("text", 6, b"", ""),
        ("close", 8, b"", ""),
    ]


# --- ends


async def test_a_close_from_the_client_ends_it_with_its_code(lab: Lab, route: str) -> None:
    ws = await opened(lab, route)
    await ws.up(frame(CLOSE, b"\x03\xe8bye"))
    await ws.down(frame(CLOSE, b"\x03\xe8", mask=False))
    ws.server.close()
    assert await ws.client.rest() == b""
    ws.client.close()
    closed = await ws.ended()
    assert (closed.reason, closed.detail) == ("websocket_completed", "1000 bye")
    assert [body.note for body in ws.seen()] == ["1000 bye", "1000"]
    assert (row(lab).outcome, row(lab).error) == ("closed 1000", False)


async def test_a_client_that_leaves_without_a_close_is_no_error(lab: Lab, route: str) -> None:
    ws = await opened(lab, route)
    ws.client.close()
    assert await ws.server.rest() == b""
    ws.server.close()
    closed = await ws.ended()
    assert closed.reason == "websocket_completed"
    assert (row(lab).outcome, row(lab).error) == ("closed 1006: cut", False)


async def test_a_server_that_leaves_without_a_close_is_one(lab: Lab, route: str) -> None:
    ws = await opened(lab, route)
    await ws.down(frame(TEXT, b"and then", fin=False, mask=False))
    ws.server.close()
    assert await ws.client.rest() == b""
    ws.client.close()
    assert (await ws.ended()).reason == "websocket_error"
    assert (row(lab).outcome, row(lab).error) == ("closed 1006: cut", True)
    assert odd(lab) == [("message_cut", DOWN)]


async def test_a_reset_of_the_server_ends_both_sides(lab: Lab) -> None:
    ws = await opened(lab)
    ws.server.reset()
    await ws.client.closed()
    closed = await ws.ended()
    assert closed.reason == "websocket_error"
    assert closed.detail.startswith("1006 ")


async def test_half_closed_the_other_half_is_still_told(lab: Lab) -> None:
    ws = await opened(lab)
    await ws.up(frame(CLOSE, b"\x03\xe9"))
    ws.client.finish()
    assert await ws.server.rest() == b""
    await ws.down(frame(TEXT, b"last words", mask=False))
    ws.server.close()
    assert await ws.client.rest() == b""
    assert (await ws.ended()).detail == "1001"
    assert [body.data for body in ws.seen()] == [b"\x03\xe9", b"last words"]


async def test_what_the_client_sent_last_arrives_although_it_is_gone(lab: Lab, route: str) -> None:
    ws = await opened(lab, route)
    wire = frame(BINARY, b"x" * 50_000) + frame(CLOSE, b"\x03\xe8")
    ws.client.send(wire)
    ws.client.close()
    await ws.server.same(wire)
    ws.server.close()
    assert (await ws.ended()).detail == "1000"


async def test_a_kill_cuts_both_sides(lab: Lab, route: str) -> None:
    ws = await opened(lab, route)
    await ws.up(frame(TEXT, b"x"))
    assert await lab.running.control.kill(1)
    await ws.client.closed()
    await ws.server.closed()
    assert (await ws.ended()).reason == "killed"


async def test_silence_ends_it_at_last(lab: Lab, route: str) -> None:
    ws = await opened(lab, route)
    lab.pass_time(601)
    await ws.client.closed()
    assert (await ws.ended()).reason == "idle_timeout"


# --- what cannot be read


async def test_after_a_broken_frame_the_bytes_of_that_direction_are_recorded_as_they_are(
    lab: Lab, route: str
) -> None:
    ws = await opened(lab, route)
    fine, broken = frame(TEXT, b"fine"), frame(TEXT, b"broken", bits=RSV2)
    await ws.up(fine + broken[:4])
    await ws.up(broken[4:])
    await ws.down(frame(TEXT, b"other way", mask=False))
    stopped = await lab.one(MessagesStopped)
    assert (stopped.direction, stopped.code) == (UP, "reserved_bits")
    assert b"".join(chunk.data for chunk in lab.all(BodyChunk)) == broken
    assert [body.data for body in await lab.told(MessageSeen, 2)] == [b"fine", b"other way"]
    ws.server.close()
    assert await ws.client.rest() == b""
    ws.client.close()
    closed = await ws.ended()
    assert (closed.reason, closed.detail) == ("websocket_error", "reserved_bits")
    assert row(lab).outcome == "reserved bits"


async def test_a_compression_bomb_passes_and_is_not_decompressed(lab: Lab) -> None:
    await lab.start(limits={"message_inflate_bytes": 10_000})
    ws = await upgraded(lab, "plain", fields=DEFLATE, answer=DEFLATE)
    await ws.up(Sender().text(bytes(4_000_000)))
    assert (await lab.one(MessagesStopped)).code == "inflate_limit"


async def test_text_that_is_not_utf_8_is_odd_and_what_follows_is_still_read(lab: Lab) -> None:
    ws = await opened(lab)
    await ws.up(frame(TEXT, b"\xff") + frame(TEXT, b"fine"))
    assert [body.data for body in await lab.told(MessageSeen, 2)] == [b"\xff", b"fine"]
    assert odd(lab) == [("invalid_utf8", UP)]
    ws.client.close()
    ws.server.close()
    closed = await ws.ended()
    assert (closed.reason, closed.detail) == ("websocket_error", "invalid_utf8")


async def test_with_an_unknown_extension_frames_are_told_as_they_are(lab: Lab) -> None:
    field = b"Sec-WebSocket-Extensions: x-shout\r\n"
    ws = await opened(lab, answer=field)
    await ws.up(frame(TEXT, b"\xff", bits=RSV2) + frame(TEXT, b"x", fin=False) + frame(CONTINUATION))
    assert [body.size for body in await lab.told(MessageSeen, 2)] == [1, 1]
    assert odd(lab) == [("not_offered", DOWN)]
    assert lab.all(MessagesStarted)[0].detail == "x-shout"


@pytest.mark.parametrize(
    ("change", "by", "code"),
    [
        (b"Sec-WebSocket-Version: 13\r\n", b"", "websocket_version"),
        (b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Key: " + KEY[2:], "websocket_key"),
        (b"GET", b"POST", "websocket_method"),
        (b"Upgrade: websocket", b"Upgrade: websocket/2", "websocket_upgrade"),
    ],
)
async def test_an_invalid_upgrade_passes_as_bytes_and_says_why(
    lab: Lab, route: str, change: bytes, by: bytes, code: str
) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(REQUEST.replace(change, by) + b"Content-Length: 0\r\n" + END)
    early, later = frame(TEXT, b"early", mask=False), frame(TEXT, b"later")
    await link.pass_response(SWITCH + END + early)
    link.client.send(later)
    await server.same(later)
    assert [(body.code, "only bytes" in body.detail) for body in lab.all(Noted)] == [(code, True)]
    assert [(body.direction, body.data) for body in await lab.told(BodyChunk, 2)] == [
        (DOWN, early),
        (UP, later),
    ]
    assert lab.all(MessageSeen) == []
    server.close()
    link.client.close()
    assert (await lab.told(FlowClosed))[0].reason == "relay_eof"


async def test_a_full_reader_stops_the_sender_and_nothing_is_lost(lab: Lab) -> None:
    ws = await opened(lab)
    ws.client.transport.pause_reading()
    wire = frame(BINARY, bytes(60_000), mask=False) * 200
    ws.server.send(wire)
    flows = lab.running._shared.flows
    await eventually(lambda: flows[1].client_full, "a full client")  # type: ignore[attr-defined]
    told = len(ws.seen())
    assert told < 200
    ws.client.transport.resume_reading()
    await ws.client.same(wire)
    assert len(await lab.told(MessageSeen, 200)) == 200
