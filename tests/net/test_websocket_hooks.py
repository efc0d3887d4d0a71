"""What a handler may do with a WebSocket and its messages, and that nobody waits who need not."""

from __future__ import annotations

import asyncio

import pytest

from soth_mitm.errors import InjectionError
from soth_mitm.hooks.decisions import (
    Block,
    Change,
    Decision,
    Drop,
    Inject,
    MessageDecision,
    Modify,
    NewMessage,
    Respond,
)
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message, Response, StreamChunk
from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    HandlerActed,
    HandlerFailed,
    LimitReached,
    MessageSeen,
    MessagesStopped,
    Noted,
    Upgraded,
)
from tests.helpers.deciding import Deciding
from tests.helpers.net import Lab
from tests.helpers.upgrade import DEFLATE, END, REQUEST, SWITCH, Socket, upgraded
from tests.helpers.wire import Wire, eventually
from tests.proto.websocket.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    RSV2,
    TEXT,
    Sender,
    frame,
    said,
    story,
)
from tests.proto.websocket.framing import DEFLATE as AGREED

UP, DOWN = Direction.REQUEST, Direction.RESPONSE


async def opened(
    lab: Lab, handler: Handler, route: str = "plain", *, deflate: bool = False, **limits: float
) -> Socket:
    await lab.start(handler=handler, limits=limits)
    fields = DEFLATE if deflate else b""
    return await upgraded(lab, route, fields=fields, answer=fields)


def origins(lab: Lab) -> list[tuple[int, bytes, str]]:
    return [(body.number, body.data, body.origin) for body in lab.all(MessageSeen)]


async def arrived(wire: Wire, count: int) -> list[bytes]:
    """Wait for so many messages at the server; return their payload."""

    def payload() -> list[bytes]:
        return [bytes(entry[1]) for entry in story(said(wire.unread, AGREED))]  # type: ignore[call-overload]

    await eventually(lambda: len(payload()) == count, f"{count} messages")
    return payload()


async def test_a_handler_that_only_looks_changes_no_byte(lab: Lab, route: str) -> None:
    handler = Deciding()
    ws = await opened(lab, handler, route, deflate=True)
    up, down = Sender(), Sender(mask=False)
    for _ in range(3):
        await ws.up(up.text(b"hello " * 30, cuts=[4]))
        await ws.up(frame(PING))
        await ws.down(down.text(b"hello " * 30) + frame(BINARY, b"\x00", mask=False))
    asked = handler.asked[:3]
    found = [(message.direction, message.number, message.label, len(message.data)) for message in asked]
    assert found == [(UP, 1, "text", 180), (DOWN, 3, "text", 180), (DOWN, 4, "binary", 1)]
    assert asked[0].url.endswith("/chat")
    assert [body.fragments for body in lab.all(MessageSeen)][:2] == [2, 1]


async def test_a_changed_message_arrives_changed_and_later_ones_can_still_be_read(
    lab: Lab, route: str
) -> None:
    def rule(message: Message) -> MessageDecision | None:
        return Change(b"bye") if message.number == 1 else None

    ws = await opened(lab, Deciding(rule), route, deflate=True)
    sender = Sender()
    ws.client.send(sender.text(b"hello " * 30) + sender.text(b"hello " * 30) + frame(CLOSE, b"\x03\xe8"))
    assert await arrived(ws.server, 3) == [b"bye", b"hello " * 30, b"\x03\xe8"]
    assert origins(lab)[0] == (1, b"bye", "changed")
    assert [(body.action, body.detail) for body in lab.all(HandlerActed)] == [("change", "message 1")]


async def test_a_dropped_message_does_not_arrive_and_is_told(lab: Lab) -> None:
    ws = await opened(lab, Deciding(lambda message: Drop() if message.data == b"no" else None))
    ws.server.send(frame(TEXT, b"no", mask=False) + frame(TEXT, b"yes", mask=False))
    await ws.client.same(frame(TEXT, b"yes", mask=False))
    await lab.told(MessageSeen, 2)
    assert origins(lab) == [(1, b"no", "dropped"), (2, b"yes", "")]


async def test_messages_are_injected_before_after_and_back(lab: Lab) -> None:
    around = Inject(
        before=(NewMessage(b"before", "text"),),
        after=(NewMessage(b"after"),),
        back=(NewMessage(b"ack", "text"),),
    )
    ws = await opened(lab, Deciding(lambda message: around))
    ws.client.send(frame(TEXT, b"it"))
    assert await arrived(ws.server, 3) == [b"before", b"it", b"after"]
    await ws.client.same(frame(TEXT, b"ack", mask=False))
    assert sorted(origins(lab)) == [
        (1, b"it", ""),
        (2, b"before", "injected"),
        (3, b"after", "injected"),
        (4, b"ack", "injected"),
    ]
    assert [body.label for body in lab.all(MessageSeen) if body.origin] == ["text", "binary", "text"]


async def test_while_one_direction_waits_pings_and_the_other_one_go_on(lab: Lab, route: str) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler, route)
    ws.client.send(frame(TEXT, b"held") + frame(PING, b"?"))
    await ws.server.same(frame(PING, b"?"))
    assert [message.data for message in handler.asked] == [b"held"]
    ws.server.send(frame(PING, b"!", mask=False) + frame(TEXT, b"held too", mask=False))
    await ws.client.same(frame(PING, b"!", mask=False))
    handler.go.set()
    await ws.server.same(frame(TEXT, b"held"))
    await ws.client.same(frame(TEXT, b"held too", mask=False))


async def test_a_slow_handler_stops_the_sender_within_the_budget(lab: Lab) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler, message_bytes=10_000)
    wire = frame(TEXT, b"first") + frame(BINARY, b"x" * 5000) * 400
    ws.client.send(wire)
    (session,) = lab.running._shared.sessions
    await eventually(lambda: session.gate._shut, "a closed gate")  # type: ignore[attr-defined]
    assert session._received < len(wire)  # type: ignore[attr-defined]
    handler.go.set()
    await ws.server.same(wire)
    assert len(await lab.told(MessageSeen, 401)) == 401


async def test_a_message_over_the_budget_passes_without_being_asked_about(lab: Lab) -> None:
    handler = Deciding(lambda message: Drop())
    ws = await opened(lab, handler, message_bytes=1000)
    long = frame(BINARY, b"x" * 5000)
    ws.client.send(long + frame(TEXT, b"short"))
    await ws.server.same(long)
    await lab.told(MessageSeen, 2)
    assert [message.data for message in handler.asked] == [b"short"]
    assert (await lab.one(Noted)).code == "message_too_long"
    assert (await lab.told(LimitReached))[0].name == "message_bytes"


@pytest.mark.parametrize(("fails", "passes"), [("open", True), ("closed", False)])
async def test_a_handler_that_raises_lets_pass_or_drops_as_it_is_set(
    lab: Lab, fails: str, passes: bool
) -> None:
    def rule(message: Message) -> MessageDecision | None:
        raise ValueError("no idea")

    lab.faults_expected = True
    await lab.start(handler=Deciding(rule), handler_fails=fails)
    ws = await upgraded(lab, "plain")
    ws.client.send(frame(TEXT, b"x") + frame(PING, b"end"))
    await lab.told(MessageSeen, 2)
    await eventually(lambda: frame(PING, b"end") in ws.server.unread, "the ping")
    await eventually(lambda: (frame(TEXT, b"x") in ws.server.unread) is passes, "the message, or none")
    assert {(body.data, body.origin) for body in lab.all(MessageSeen)} == {
        (b"x", "" if passes else "dropped"),
        (b"end", ""),
    }
    assert (await lab.one(HandlerFailed)).error == "ValueError: no idea"


@pytest.mark.parametrize(
    "decision",
    [Change(b"\xff"), Change(b"x", label="ping"), Inject(after=(NewMessage(b"\xff", "text"),)), Modify()],
)
async def test_a_decision_that_makes_no_message_counts_as_a_failure(lab: Lab, decision: object) -> None:
    lab.faults_expected = True
    ws = await opened(lab, Deciding(lambda message: decision))  # type: ignore[arg-type,return-value]
    await ws.up(frame(TEXT, b"x"))
    assert (await lab.one(HandlerFailed)).hook == "on_message"


async def test_a_handler_that_takes_too_long_lets_the_message_pass(lab: Lab) -> None:
    ws = await opened(lab, Deciding(waits=True), handler_timeout=0.05)
    await ws.up(frame(TEXT, b"x"))
    assert "no decision" in (await lab.one(HandlerFailed)).error


async def test_a_plain_function_will_do_as_a_hook(lab: Lab) -> None:
    class Plain(Handler):
        def on_message(self, message: Message) -> MessageDecision:  # type: ignore[override]
            return Drop()

    ws = await opened(lab, Plain())
    ws.client.send(frame(TEXT, b"x"))
    await lab.told(MessageSeen)
    assert origins(lab) == [(1, b"x", "dropped")]


async def test_broken_frames_pass_behind_what_is_held(lab: Lab) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler)
    fine, broken = frame(TEXT, b"fine"), frame(TEXT, b"broken", bits=RSV2)
    ws.client.send(fine + broken)
    await eventually(lambda: handler.asked)
    assert ws.server.unread == b""
    handler.go.set()
    await ws.server.same(fine + broken)
    assert (await lab.one(MessagesStopped)).code == "reserved_bits"
    assert [body.data for body in lab.all(BodyChunk)] == [broken]
    await ws.up(b"more")
    assert [body.data for body in lab.all(BodyChunk)] == [broken, b"more"]


# --- ends while something is held


async def test_a_server_that_leaves_is_waited_for_until_its_last_message_is_decided(
    lab: Lab, route: str
) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler, route)
    last = frame(TEXT, b"last", mask=False) + frame(CLOSE, b"\x03\xe8", mask=False)
    ws.server.send(last)
    await eventually(lambda: handler.asked)
    ws.server.close()
    handler.go.set()
    assert await ws.client.rest() == last
    ws.client.close()
    assert (await ws.ended()).detail == "1000"


async def test_a_half_close_of_the_client_waits_for_its_last_message(lab: Lab) -> None:
    handler = Deciding(waits=True)
    ws = await opened(lab, handler)
    ws.client.send(frame(TEXT, b"last"))
    ws.client.finish()
    await eventually(lambda: handler.asked)
    assert ws.server.unread == b""
    handler.go.set()
    assert await ws.server.rest() == frame(TEXT, b"last")
    ws.server.close()
    assert await ws.client.rest() == b""


@pytest.mark.parametrize(("fails", "passes"), [("open", True), ("closed", False)])
async def test_what_a_client_said_last_passes_undecided_where_it_leaves(
    lab: Lab, fails: str, passes: bool
) -> None:
    handler = Deciding(waits=True)
    await lab.start(handler=handler, handler_fails=fails)
    ws = await upgraded(lab, "tls")
    wire = frame(TEXT, b"one") + frame(TEXT, b"two")
    ws.client.send(wire)
    await eventually(lambda: handler.asked)
    ws.client.abort()
    assert await ws.server.rest() == (wire if passes else b"")
    ws.server.close()
    await ws.ended()
    assert [body.origin for body in lab.all(MessageSeen)] == ["" if passes else "dropped"] * 2


async def test_a_kill_ends_it_while_a_message_is_held(lab: Lab, route: str) -> None:
    ws = await opened(lab, Deciding(waits=True), route)
    ws.client.send(frame(TEXT, b"held"))
    assert await lab.running.control.kill(1)
    await ws.client.closed()
    await ws.server.closed()
    assert (await ws.ended()).reason == "killed"


# --- a person's own messages


@pytest.mark.parametrize("handler", [Handler(), Deciding()], ids=["looking", "holding"])
async def test_a_message_can_be_injected_in_both_directions(lab: Lab, route: str, handler: Handler) -> None:
    ws = await opened(lab, handler, route, deflate=True)
    control = lab.running.control
    await control.inject(1, DOWN, b"to the client")
    await ws.client.same(frame(TEXT, b"to the client", mask=False))
    await control.inject(1, UP, b"\x00", label="binary")
    assert await arrived(ws.server, 1) == [b"\x00"]
    await lab.told(MessageSeen, 2)
    assert [(body.direction, body.label, body.origin) for body in lab.all(MessageSeen)] == [
        (DOWN, "text", "injected"),
        (UP, "binary", "injected"),
    ]


@pytest.mark.parametrize("handler", [Handler(), Deciding()], ids=["looking", "holding"])
async def test_an_injected_message_never_lands_inside_another(lab: Lab, handler: Handler) -> None:
    ws = await opened(lab, handler, message_bytes=10)
    first, ping, last = (
        frame(TEXT, b"ab" * 40, fin=False, mask=False),
        frame(PING, mask=False),
        frame(CONTINUATION, b"c", mask=False),
    )
    await ws.down(first)
    await lab.running.control.inject(1, DOWN, b"own")
    await ws.down(ping)
    own, next_one = frame(TEXT, b"own", mask=False), frame(TEXT, b"n", mask=False)
    ws.server.send(last + next_one[:1])
    await ws.client.same(last + own)
    ws.server.send(next_one[1:])
    await ws.client.same(next_one)


@pytest.mark.parametrize(
    ("flow", "label", "data"), [(2, "text", b"x"), (1, "ping", b""), (1, "text", b"\xff"), (7, "binary", b"")]
)
async def test_what_cannot_be_injected_is_refused(lab: Lab, flow: int, label: str, data: bytes) -> None:
    await opened(lab, Handler())
    with pytest.raises(InjectionError):
        await lab.running.control.inject(flow, UP, data, label=label)


async def test_after_a_close_or_an_end_nothing_can_be_injected(lab: Lab) -> None:
    ws = await opened(lab, Handler())
    await ws.up(frame(CLOSE))
    with pytest.raises(InjectionError, match="closed"):
        await lab.running.control.inject(1, UP, b"late")
    ws.client.close()
    ws.server.close()
    await ws.ended()
    with pytest.raises(InjectionError, match="no WebSocket"):
        await lab.running.control.inject(1, DOWN, b"late")


# --- the start, and the bytes


class Starting(Handler):
    def __init__(self, decision: Decision | None, *, waits: bool = False) -> None:
        self.decision = decision
        self.seen: list[Response] = []
        self.go = asyncio.Event()
        if not waits:
            self.go.set()

    async def on_websocket_start(self, response: Response) -> Decision | None:
        self.seen.append(response)
        await self.go.wait()
        return self.decision


async def test_a_handler_sees_a_websocket_start_and_nothing_is_lost_meanwhile(lab: Lab, route: str) -> None:
    handler = Starting(None, waits=True)
    await lab.start(handler=handler)
    link = await lab.link(route)
    server = await link.pass_request(REQUEST + END)
    welcome = frame(TEXT, b"welcome", mask=False)
    server.send(SWITCH + END + welcome)
    await eventually(lambda: handler.seen)
    assert link.client.unread == b""
    assert handler.seen[0].request.fields.get(b"upgrade") == b"websocket"
    handler.go.set()
    await link.client.same(SWITCH + END + welcome)
    assert [body.data for body in await lab.told(MessageSeen)] == [b"welcome"]
    link.client.send(frame(TEXT, b"thanks"))
    await server.same(frame(TEXT, b"thanks"))


async def test_an_end_of_the_server_during_the_decision_is_not_forgotten(lab: Lab, route: str) -> None:
    handler = Starting(None, waits=True)
    await lab.start(handler=handler)
    link = await lab.link(route)
    server = await link.pass_request(REQUEST + END)
    server.send(SWITCH + END)
    await eventually(lambda: handler.seen)
    server.close()
    handler.go.set()
    assert await link.client.rest() == SWITCH + END
    link.client.close()
    await lab.settled()


@pytest.mark.parametrize(("decision", "status"), [(Block(403, "no chat"), b"403"), (Respond(418), b"418")])
async def test_a_handler_can_refuse_a_websocket(
    lab: Lab, route: str, decision: Decision, status: bytes
) -> None:
    await lab.start(handler=Starting(decision))
    link = await lab.link(route)
    server = await link.pass_request(REQUEST + END)
    server.send(SWITCH + END)
    assert (await link.client.head()).startswith(b"HTTP/1.1 " + status)
    await server.closed()
    assert lab.all(Upgraded) == []


async def test_a_handshake_cannot_be_modified(lab: Lab) -> None:
    lab.faults_expected = True
    await lab.start(handler=Starting(Modify(drop_fields=(b"upgrade",))))
    ws = await upgraded(lab, "plain")
    await ws.up(frame(TEXT, b"x"))
    assert (await lab.one(HandlerFailed)).hook == "on_websocket_start"


async def test_other_upgrades_start_without_that_hook(lab: Lab) -> None:
    handler = Starting(Block())
    await lab.start(handler=handler)
    link = await lab.link("plain")
    await link.pass_request(REQUEST.replace(b"websocket", b"custom") + END)
    await link.pass_response(SWITCH.replace(b"websocket", b"custom") + END)
    assert handler.seen == []


@pytest.mark.parametrize("holding", [False, True])
async def test_a_handler_sees_the_bytes_of_a_websocket_as_they_go_on(lab: Lab, holding: bool) -> None:
    class Bytes(Handler):
        def __init__(self) -> None:
            self.chunks: list[StreamChunk] = []

        def on_stream_chunk(self, chunk: StreamChunk) -> None:
            self.chunks.append(chunk)

    class Both(Bytes, Deciding):
        def __init__(self) -> None:
            Bytes.__init__(self)
            Deciding.__init__(self, lambda message: Drop())

    handler = Both() if holding else Bytes()
    ws = await opened(lab, handler)
    wires = [frame(PING, b"1"), frame(PING, b"2"), frame(TEXT, b"broken", bits=RSV2)]
    for wire in wires:
        await ws.up(wire)
    assert [(chunk.offset, chunk.data) for chunk in handler.chunks] == [
        (0, wires[0]),
        (7, wires[1]),
        (14, wires[2]),
    ]
