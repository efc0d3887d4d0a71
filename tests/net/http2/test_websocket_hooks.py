"""A WebSocket on a stream of HTTP/2: what a handler and a person may do with it, and who is granted what."""

from __future__ import annotations

import asyncio

import pytest

from soth_mitm.errors import InjectionError
from soth_mitm.hooks.decisions import Block, Change, Decision, Drop, Inject, MessageDecision, NewMessage
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Response
from soth_mitm.model.events import Direction, HandlerActed, MessageSeen, Noted
from tests.helpers.deciding import Deciding
from tests.helpers.h2peer import get
from tests.helpers.net import Lab
from tests.helpers.upgrade import StreamSocket, agreed, asked
from tests.helpers.wire import eventually
from tests.proto.websocket.framing import BINARY, CLOSE, PING, TEXT, Sender, frame, said, story
from tests.proto.websocket.framing import DEFLATE as AGREED

UP, DOWN = Direction.REQUEST, Direction.RESPONSE


async def opened(lab: Lab, handler: Handler, *, deflate: bool = False, **limits: float) -> StreamSocket:
    await lab.start(handler=handler, limits=limits)
    return await agreed(lab, deflate=deflate)


def origins(lab: Lab) -> list[tuple[bytes, str]]:
    return [(body.data, body.origin) for body in sorted(lab.all(MessageSeen), key=lambda body: body.number)]


async def poured(ws: StreamSocket, wire: bytes) -> int:
    """Send as much as the client is granted until it is granted no more for a while; return how much went."""
    client, at, quiet = ws.client.peer, 0, 0
    while at < len(wire) and quiet < 20:
        client.pump()
        ws.server.peer.pump()
        size = min(client.room(ws.client.stream), len(wire) - at)
        quiet = 0 if size else quiet + 1
        if size:
            client.data(ws.client.stream, wire[at : at + size])
            at += size
        await asyncio.sleep(0.001)
    return at


async def test_messages_are_changed_dropped_and_injected_as_over_http_1(lab: Lab) -> None:
    decisions: dict[bytes, MessageDecision] = {
        b"one " * 30: Change(b"1"),
        b"two " * 30: Drop(),
        b"four": Inject(before=(NewMessage(b"3.5", "text"),), back=(NewMessage(b"ack", "text"),)),
    }
    handler = Deciding(lambda message: decisions.get(message.data) if message.direction is UP else None)
    ws = await opened(lab, handler, deflate=True)
    sender = Sender()
    for word in (b"one " * 30, b"two " * 30, b"two " * 29):
        ws.client.send(sender.text(word))
    ws.client.send(frame(TEXT, b"four") + frame(CLOSE, b"\x03\xe8"))

    def arrived() -> list[bytes]:
        return [bytes(entry[1]) for entry in story(said(ws.server.unread, AGREED))]  # type: ignore[call-overload]

    await eventually(lambda: len(arrived()) == 5, "five messages")
    assert arrived() == [b"1", b"two " * 29, b"3.5", b"four", b"\x03\xe8"]
    await ws.client.same(frame(TEXT, b"ack", mask=False))
    assert {body.action for body in lab.all(HandlerActed)} == {"change", "drop", "inject"}
    assert sorted(origins(lab)) == sorted(
        [
            (b"1", "changed"),
            (b"two " * 30, "dropped"),
            (b"two " * 29, ""),
            (b"3.5", "injected"),
            (b"four", ""),
            (b"ack", "injected"),
            (b"\x03\xe8", ""),
        ]
    )


async def test_a_held_message_holds_its_direction_alone(lab: Lab) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler)
    ws.client.send(frame(TEXT, b"held") + frame(PING, b"?"))
    await ws.server.same(frame(PING, b"?"))
    ws.server.send(frame(PING, b"!", mask=False))
    await ws.client.same(frame(PING, b"!", mask=False))
    other = ws.client.peer.ask(get())
    await ws.server.peer.until(lambda: ws.server.peer.messages[3].ended, "another stream")
    ws.server.peer.answer(3)
    assert (await ws.client.peer.message(other)).body == b"ok"
    assert ws.server.unread == b""
    handler.go.set()
    await ws.server.same(frame(TEXT, b"held"))


async def test_a_sender_is_granted_no_more_than_may_wait_behind_a_held_message(lab: Lab) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler, message_bytes=10_000)
    wire = frame(TEXT, b"first") + frame(BINARY, b"x" * 5000) * 200
    went = await poured(ws, wire)
    assert went < 300_000
    handler.go.set()
    await ws.client.peer.pour(ws.client.stream, wire[went:], to=ws.server.peer, end=False)
    await ws.server.same(wire)


async def test_what_is_dropped_is_granted_again(lab: Lab) -> None:
    ws = await opened(lab, Deciding(lambda message: Drop() if message.label == "binary" else None))
    for _ in range(8):
        assert await poured(ws, frame(BINARY, b"x" * 40_000)) == 40_008
    await ws.up(frame(TEXT, b"through"))


async def test_messages_of_ones_own_wait_for_the_receivers_window_and_are_bounded(lab: Lab) -> None:
    ws = await opened(lab, Handler())
    inject = lab.running.control.inject
    ws.client.peer.slow.add(ws.client.stream)
    most = 65_535 // 10_000 + 65_536 // 10_000 + 2  # the window, and what may wait
    for _ in range(most):
        await inject(1, DOWN, b"x" * 10_000, label="binary")
    with pytest.raises(InjectionError, match="the client takes no more"):
        await inject(1, DOWN, b"x" * 10_000, label="binary")
    ws.server.send(frame(TEXT, b"after", mask=False))
    ws.client.peer.slow.clear()
    count = len(ws.client.message.body)
    ws.client.peer.conn.acknowledge_received_data(count, ws.client.stream)
    ws.client.peer.flush()
    wire = frame(BINARY, b"x" * 10_000, mask=False) * most + frame(TEXT, b"after", mask=False)
    await ws.client.same(wire)
    with pytest.raises(InjectionError, match="at most"):
        await inject(1, UP, bytes(9 * 1024 * 1024), label="binary")


@pytest.mark.parametrize("handler", [Handler(), Deciding()], ids=["looking", "holding"])
async def test_a_message_can_be_injected_in_both_directions(lab: Lab, handler: Handler) -> None:
    ws = await opened(lab, handler, deflate=True)
    control = lab.running.control
    await control.inject(1, DOWN, b"to the client")
    await ws.client.same(frame(TEXT, b"to the client", mask=False))
    await control.inject(1, UP, b"\x00", label="binary")
    await eventually(lambda: story(said(ws.server.unread, AGREED)), "a message")
    assert await lab.told(MessageSeen, 2)
    assert origins(lab) == [(b"to the client", "injected"), (b"\x00", "injected")]


# --- ends while something is held


@pytest.mark.parametrize("how", ["end", "reset", "gone"])
async def test_a_server_that_leaves_is_waited_for_until_its_last_message_is_decided(
    lab: Lab, how: str
) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler)
    last = frame(TEXT, b"last", mask=False) + frame(CLOSE, b"\x03\xe8", mask=False)
    ws.server.send(last)
    await eventually(lambda: handler.asked)
    if how == "end":
        ws.server.close()
    elif how == "reset":
        ws.server.peer.reset(1, 8)
    else:
        ws.server.peer.wire.close()
    await ws.client.peer.until(lambda: True)
    assert ws.client.unread == b""
    handler.go.set()
    assert await ws.client.rest() == last
    if how == "end":
        ws.client.close()
    assert (await ws.ended()).detail == "1000"


async def test_what_a_client_said_last_passes_undecided_where_it_resets_its_stream(lab: Lab) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler)
    wire = frame(TEXT, b"one") + frame(TEXT, b"two")
    ws.client.send(wire)
    await eventually(lambda: handler.asked)
    ws.client.peer.reset(ws.client.stream, 8)
    assert await ws.server.rest() == wire
    assert ws.server.message.reset == 8
    await ws.ended()
    assert [noted.code for noted in lab.all(Noted)] == ["message_unasked"] * 2


async def test_a_kill_ends_it_while_a_message_is_held_and_it_is_forgotten(lab: Lab) -> None:
    ws = await opened(lab, Deciding(waits=True))
    ws.client.send(frame(TEXT, b"held"))
    assert await lab.running.control.kill(1)
    await ws.client.rest()
    await ws.server.rest()
    assert (await ws.ended()).reason == "killed"
    assert not lab.running._shared.conversations


# --- the start


class Starting(Handler):
    def __init__(self, decision: Decision | None) -> None:
        self.decision = decision
        self.seen: list[Response] = []
        self.go = asyncio.Event()

    async def on_websocket_start(self, response: Response) -> Decision | None:
        self.seen.append(response)
        await self.go.wait()
        return self.decision


async def test_a_handler_sees_a_websocket_start_and_nothing_is_lost_meanwhile(lab: Lab) -> None:
    handler = Starting(None)
    await lab.start(handler=handler)
    ws = await asked(lab)
    hasty, welcome = frame(TEXT, b"hasty"), frame(TEXT, b"welcome", mask=False)
    ws.client.send(hasty)
    ws.server.peer.head_out(1, [(b":status", b"200")])
    ws.server.send(welcome)
    await eventually(lambda: handler.seen)
    assert (ws.server.unread, ws.client.message.head) == (b"", [])
    assert handler.seen[0].request.method == b"CONNECT"
    handler.go.set()
    await ws.client.same(welcome)
    await ws.server.same(hasty)
    assert {body.data for body in await lab.told(MessageSeen, 2)} == {b"welcome", b"hasty"}


async def test_a_handler_can_refuse_a_websocket(lab: Lab) -> None:
    handler = Starting(Block(403, "no chat"))
    handler.go.set()
    await lab.start(handler=handler)
    ws = await asked(lab)
    ws.server.peer.head_out(1, [(b":status", b"200")])
    await ws.client.rest()
    assert dict(ws.client.message.head)[b":status"] == b"403"
    await ws.server.rest()
    assert (await lab.one(HandlerActed)).action == "block"


async def test_what_a_client_said_before_a_refusal_is_no_message(lab: Lab) -> None:
    await lab.start()
    ws = await asked(lab)
    ws.client.send(frame(TEXT, b"hasty"))
    ws.server.peer.answer(1, b"no", fields=[(b":status", b"404")])
    ws.client.close()
    assert await ws.client.rest() == b"no"
    assert (await ws.ended()).reason == "completed"
    assert not lab.all(MessageSeen)
