"""A WebSocket is replayed: the client's messages in order, pings answered, the answers a new flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from h2.settings import SettingCodes

from soth_mitm.model.events import Direction, FlowClosed, FlowOpened, MessageSeen
from soth_mitm.model.reasons import CloseReason
from soth_mitm.record.resending import Script, ScriptedMessage
from tests.helpers.h2peer import Peer
from tests.helpers.net import SITE
from tests.helpers.upgrade import END, REQUEST, SWITCH, agreed, upgraded
from tests.helpers.wire import Wire, eventually
from tests.proto.websocket.framing import BINARY, CLOSE, PING, PONG, TEXT, frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from soth_mitm.record.resending import Resend
    from tests.net.replay.conftest import Recorded

DOWN = Direction.RESPONSE


async def conversation(recorded: Recorded, route: str) -> Resend:
    """Have a conversation pass; return it to be sent again."""
    ws = await upgraded(recorded.lab, route)
    await ws.up(frame(TEXT, b"one") + frame(BINARY, b"\0two"))
    await ws.down(frame(TEXT, b"first", mask=False) + frame(TEXT, b"second", mask=False))
    await ws.up(frame(CLOSE, b"\x03\xe8"))
    await ws.down(frame(CLOSE, b"\x03\xe8", mask=False))
    ws.server.close()
    ws.client.close()
    await ws.ended()
    return await recorded.resend()


def said(recorded: Recorded, flow: int) -> list[tuple[str, str, bytes]]:
    return [(str(m.direction), m.label, m.data) for m in recorded.lab.all(MessageSeen, flow=flow)]


async def shake(server: Wire) -> None:
    assert await server.head() == REQUEST + END
    server.send(SWITCH + END)


async def test_the_clients_messages_are_sent_again_and_the_answers_are_a_new_flow(
    recorded: Recorded, route: str
) -> None:
    await recorded.start()
    resend = await conversation(recorded, route)
    assert resend.script is not None
    assert (resend.script.count, resend.script.answers) == (2, 2)
    replay = await recorded.lab.running.control.replay(resend)
    server = await recorded.lab.origins[0].accept()
    await shake(server)
    await eventually(lambda: len(server.unread) >= 6 + 3 + 6 + 4, "both messages")
    server.send(frame(PING, b"?", mask=False) + frame(TEXT, b"third", mask=False))
    server.send(frame(TEXT, b"fourth", mask=False))
    await eventually(lambda: len(said(recorded, 2)) >= 7, "our close")
    server.send(frame(CLOSE, b"\x03\xe8", mask=False))
    server.close()
    (attempt,) = await replay.wait()
    assert (attempt.status, attempt.error, attempt.flow) == (101, "", 2)
    heard = said(recorded, 2)
    assert [each for each in heard if each[0] == "request"] == [
        ("request", "text", b"one"),
        ("request", "binary", b"\0two"),
        ("request", "pong", b"?"),
        ("request", "close", b"\x03\xe8"),
    ]
    assert [data for _, label, data in heard if label == "text"] == [b"one", b"third", b"fourth"]
    assert recorded.lab.all(FlowOpened)[-1].replay_of == 1
    assert recorded.lab.all(FlowClosed, flow=2)[0].reason == CloseReason.WEBSOCKET_COMPLETED


async def test_one_over_http2_is_replayed_over_http2(recorded: Recorded) -> None:
    await recorded.start()
    ws = await agreed(recorded.lab)
    await ws.up(frame(TEXT, b"one"))
    await ws.down(frame(TEXT, b"first", mask=False))
    await ws.up(frame(CLOSE, b"\x03\xe8"))
    await ws.down(frame(CLOSE, b"\x03\xe8", mask=False))
    ws.server.peer.data(ws.server.stream, b"", end=True)
    ws.client.peer.data(ws.client.stream, b"", end=True)
    await ws.ended()
    replay = await recorded.lab.running.control.replay(await recorded.resend())
    settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    server = Peer(await recorded.lab.origins[0].accept(), client=False, settings=settings)
    asked = await server.head(1)
    assert dict(asked.head)[b":protocol"] == b"websocket"
    assert dict(asked.head)[b":path"] == b"/chat"
    server.head_out(1, [(b":status", b"200")])
    await server.until(lambda: len(asked.body) >= 6 + 3, "the message")
    server.data(1, frame(TEXT, b"second", mask=False))
    await server.until(lambda: ("request", "close", b"\x03\xe8") in said(recorded, 2), "our close")
    server.data(1, frame(CLOSE, b"\x03\xe8", mask=False), end=True)
    (attempt,) = await replay.wait()
    assert (attempt.error, attempt.flow) == ("", 2)
    assert ("request", "text", b"one") in said(recorded, 2)
    assert ("response", "text", b"second") in said(recorded, 2)


async def test_a_server_that_closes_first_ends_it(recorded: Recorded) -> None:
    await recorded.start()
    resend = await conversation(recorded, "plain")
    replay = await recorded.lab.running.control.replay(resend)
    server = await recorded.lab.origins[0].accept()
    await shake(server)
    server.send(frame(CLOSE, b"\x03\xf0busy", mask=False))
    await eventually(lambda: ("request", "close", b"\x03\xf0") in said(recorded, 2), "the answer to it")
    server.close()
    (attempt,) = await replay.wait()
    assert attempt.error == ""
    assert attempt.outcome


async def test_a_handshake_that_is_refused_is_an_answer(recorded: Recorded) -> None:
    await recorded.start()
    resend = await conversation(recorded, "plain")
    replay = await recorded.lab.running.control.replay(resend)
    server = await recorded.lab.origins[0].accept()
    await server.head()
    server.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    (attempt,) = await replay.wait()
    assert (attempt.status, attempt.size) == (403, 2)


async def test_gaps_are_kept_where_asked_for(recorded: Recorded) -> None:
    await recorded.start()
    resend = await conversation(recorded, "plain")

    async def messages() -> AsyncIterator[ScriptedMessage]:
        yield ScriptedMessage("text", b"now", 0)
        yield ScriptedMessage("text", b"later", 60_000_000)

    resend = msgspec.structs.replace(resend, script=Script(messages, 2, 0))
    assert resend.draft.host == SITE
    replay = await recorded.lab.running.control.replay(resend, gaps=True)
    server = await recorded.lab.origins[0].accept()
    await shake(server)
    server.send(frame(PONG, b"", mask=False))
    await eventually(lambda: len(said(recorded, 2)) >= 4, "messages and our close")
    server.close()
    await replay.wait()
    times = [
        told.event.mono_ns
        for told in recorded.lab.bodies(MessageSeen, flow=2)
        if told.body.label == "text" and told.body.direction != DOWN
    ]
    assert times[1] - times[0] >= 55_000_000
