"""WebSockets whose client speaks one version of HTTP and whose upstream the other."""

from __future__ import annotations

import re

import pytest
from h2.settings import SettingCodes

from soth_mitm.hooks.decisions import Change
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message
from soth_mitm.model.events import (
    Direction,
    GuardTripped,
    MessageSeen,
    MessagesStarted,
    Noted,
    ResponseHead,
    StreamReset,
    Upgraded,
)
from soth_mitm.net.upstream import Peer as Upstream
from soth_mitm.policy.decision import Action, Decision
from soth_mitm.proto.websocket.handshake import accept_of
from tests.helpers.h2peer import Peer, get, h2_link
from tests.helpers.net import OK, Lab, Origin
from tests.helpers.upgrade import DEFLATE, END, EXTENDED, KEY, REQUEST, StreamEnd
from tests.helpers.wire import Wire, eventually
from tests.proto.websocket.framing import BINARY, CLOSE, TEXT, Sender, frame

OFFER = (b"sec-websocket-extensions", b"permessage-deflate")
MORE = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"origin", b"https://site.test")]
BYE = b"\x03\xe8"


async def asked_downwards(lab: Lab, *, tls: bool = True) -> tuple[StreamEnd, Wire, bytes, Origin]:
    """Have a client of HTTP/2 ask an upstream of HTTP/1.1; return what it has to do with."""
    if tls:
        link = await h2_link(lab, upstream=("http/1.1",), client=("h2",))
        client, origin, authority = link.client, link.origin, b"site.test"
    else:
        client, origin = Peer(await lab.client(), client=True), await lab.origin()
        authority = b"127.0.0.1:%d" % origin.port
    await client.until(lambda: client.peer_settings.get(8), "the offer")
    fields = [
        (name, {b":scheme": b"https" if tls else b"http", b":authority": authority}.get(name, value))
        for name, value in EXTENDED
    ]
    stream = client.ask([*fields, OFFER, *MORE], end=False)
    server = await origin.accept()
    head = await server.head()
    key = re.search(rb"\r\nsec-websocket-key: (\S+)\r\n", head)
    assert key is not None
    assert head.replace(key[1], b"KEY") == (
        b"GET /chat HTTP/1.1\r\nhost: " + authority + b"\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-key: KEY\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\ncookie: a=1; b=2\r\norigin: https://site.test\r\n\r\n"
    )
    return StreamEnd(client, stream), server, key[1], origin


def switch(key: bytes, fields: bytes = DEFLATE) -> bytes:
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n" + fields + END
    )


@pytest.mark.parametrize("tls", [True, False])
async def test_an_extended_connect_becomes_an_upgrade_and_its_frames_pass_as_they_are(
    lab: Lab, tls: bool
) -> None:
    await lab.start()
    client, server, key, _ = await asked_downwards(lab, tls=tls)
    up, down = Sender(), Sender(mask=False)
    welcome, hasty = down.text(b"welcome " * 9), up.text(b"hasty " * 9)
    client.send(hasty)
    server.send(switch(key) + welcome)
    await client.same(welcome)
    assert client.message.head == [(b":status", b"200"), OFFER]
    await server.same(hasty)
    bye = frame(CLOSE, BYE)
    client.send(bye)
    client.close()
    await server.same(bye)
    server.send(frame(CLOSE, BYE, mask=False))
    server.close()
    assert await client.rest() == frame(CLOSE, BYE, mask=False)
    await server.closed()
    await eventually(lambda: not lab.running._shared.flows, "the end of the flow")
    head = await lab.one(ResponseHead)
    assert (head.status, head.version) == (101, "HTTP/1.1")
    assert head.raw.startswith(b"HTTP/1.1 101 ")
    assert head.forwarded == b":status: 200\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n"
    assert (await lab.one(Upgraded)).protocol == "websocket"
    assert {body.detail for body in lab.all(MessagesStarted)} == {"permessage-deflate"}
    assert {body.data for body in lab.all(MessageSeen)} == {b"welcome " * 9, b"hasty " * 9, BYE}
    assert (await lab.one(Noted)).code == "upgrade_translated"


async def test_it_takes_no_turn_of_the_connections_that_other_streams_share(lab: Lab) -> None:
    await lab.start(limits={"h2_to_h1_connections": 1})
    client, server, key, origin = await asked_downwards(lab)
    server.send(switch(key))
    await client.peer.head(client.stream)
    stream = client.peer.ask(get())
    other = await origin.accept()
    await other.head()
    other.send(OK)
    assert (await client.peer.message(stream)).head[0] == (b":status", b"200")
    client.send(frame(TEXT, b"still there"))
    await server.same(frame(TEXT, b"still there"))


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (switch(KEY), b"502", "websocket_accept"),
        (OK, b"502", "upgrade_ignored"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", b"403", ""),
    ],
)
async def test_an_upstream_that_does_not_switch_is_refused_or_heard(
    lab: Lab, answer: bytes, status: bytes, code: str
) -> None:
    await lab.start()
    client, server, _, _ = await asked_downwards(lab)
    client.send(frame(TEXT, b"hasty"))
    server.send(answer)
    await client.peer.head(client.stream)
    assert dict(client.message.head)[b":status"] == status
    if code:
        assert (await lab.one(GuardTripped)).code == code
    else:
        client.close()
    await client.rest()
    assert not lab.all(Upgraded)
    assert server.unread == b""


@pytest.mark.parametrize("how", ["leaves", "breaks"])
async def test_an_upstream_that_is_lost_ends_the_stream(lab: Lab, how: str) -> None:
    await lab.start()
    client, server, key, _ = await asked_downwards(lab, tls=False)
    server.send(switch(key))
    await client.peer.head(client.stream)
    if how == "leaves":
        server.send(frame(TEXT, b"last", mask=False))
        server.close()
        assert await client.rest() == frame(TEXT, b"last", mask=False)
        client.close()
    else:
        server.reset()
        await client.rest()
        assert client.message.reset is not None
    await eventually(lambda: not lab.running._shared.flows, "the end of the flow")
    assert not lab.running._shared.conversations


# --- and back


async def asked_upwards(lab: Lab, *, offered: bool = True, fields: bytes = DEFLATE) -> tuple[Wire, Peer]:
    """Have a client of HTTP/1.1 ask an upstream of HTTP/2 alone; return both ends."""
    origin = await lab.origin(tls=True, context=lab.world.server_context("site.test", alpn=("h2",)))
    known = Upstream.of("https", "site.test", origin.port, decision=Decision(Action.INTERCEPT, ""))
    lab.running._shared.h2_only.learn(known)
    sock = await lab.connect(origin.port)
    client = await lab.inside(sock, context=lab.client_context())
    wire = await origin.accept()
    client.send(REQUEST + fields + END)  # the settings of the upstream have not come yet
    settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1} if offered else None
    return client, Peer(wire, client=False, settings=settings)


async def switched_upwards(lab: Lab) -> tuple[Wire, StreamEnd]:
    client, peer = await asked_upwards(lab)
    await peer.until(lambda: peer.messages[1].head, "the request")
    assert peer.messages[1].head == [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", b"site.test"),
        (b":path", b"/chat"),
        (b"sec-websocket-version", b"13"),
        OFFER,
    ]
    peer.head_out(1, [(b":status", b"200"), OFFER])
    assert await client.head() == (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: " + accept_of(KEY) + b"\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\n\r\n"
    )
    return client, StreamEnd(peer, 1)


async def test_an_upgrade_becomes_an_extended_connect_and_its_frames_pass_as_they_are(lab: Lab) -> None:
    await lab.start()
    client, server = await switched_upwards(lab)
    up, down = Sender(), Sender(mask=False)
    for word in (b"one " * 9, b"two " * 9):
        wire = up.text(word)
        client.send(wire)
        await server.same(wire)
        wire = down.text(word)
        server.send(wire)
        await client.same(wire)
    client.send(frame(CLOSE, BYE))
    await server.same(frame(CLOSE, BYE))
    server.send(frame(CLOSE, BYE, mask=False))
    server.close()
    assert await client.rest() == frame(CLOSE, BYE, mask=False)
    client.close()
    await lab.settled()
    head = await lab.one(ResponseHead)
    assert (head.status, head.version) == (200, "HTTP/2.0")
    assert head.forwarded.startswith(b"HTTP/1.1 101 ")
    assert len(lab.all(MessageSeen)) == 6
    assert (await lab.one(Noted)).code == "upgrade_translated"


async def test_a_slow_client_holds_the_stream_and_nothing_is_lost(lab: Lab) -> None:
    await lab.start(limits={"write_buffer_bytes": 10_000})
    client, server = await switched_upwards(lab)
    client.transport.pause_reading()
    wire = frame(BINARY, bytes(60_000), mask=False)
    sent = 0
    while sent < 200 and server.peer.room(1) >= len(wire):
        server.send(wire)
        sent += 1
        server.peer.pump()
    client.transport.resume_reading()
    await client.same(wire * sent)
    assert len(await lab.told(MessageSeen, sent)) == sent


async def test_a_client_that_leaves_ends_the_stream_after_its_last_message(lab: Lab) -> None:
    await lab.start()
    client, server = await switched_upwards(lab)
    client.send(frame(TEXT, b"last"))
    client.close()
    assert await server.rest() == frame(TEXT, b"last")
    assert server.message.ended or server.peer.goaway is not None
    await lab.settled()


async def test_a_reset_of_the_upstream_ends_both_sides(lab: Lab) -> None:
    await lab.start()
    client, server = await switched_upwards(lab)
    server.peer.reset(1, 8)
    await client.closed()
    assert (await lab.one(StreamReset)).code == "CANCEL"
    await lab.settled()


async def test_an_upstream_without_websockets_is_said_to_have_none(lab: Lab) -> None:
    await lab.start()
    client, _ = await asked_upwards(lab, offered=False)
    assert b" 502 " in await client.head()
    assert b"speaks HTTP/2 alone, and offers no WebSockets" in await client.rest()


async def test_an_upstream_that_leaves_before_its_settings_is_answered_for(lab: Lab) -> None:
    await lab.start()
    client, peer = await asked_upwards(lab, offered=False)
    peer.wire.abort()
    assert b" 502 " in await client.head()


async def test_a_handler_decides_about_messages_whatever_the_versions_are(lab: Lab) -> None:
    class Changing(Handler):
        async def on_message(self, message: Message) -> Change:
            return Change(message.data.upper())

    await lab.start(handler=Changing())
    client, server = await switched_upwards(lab)
    client.send(frame(TEXT, b"up"))
    assert len(await server.exactly(8)) == 8
    server.send(frame(TEXT, b"down", mask=False))
    await client.same(frame(TEXT, b"DOWN", mask=False))
    assert {(body.direction, body.data) for body in await lab.told(MessageSeen, 2)} == {
        (Direction.REQUEST, b"UP"),
        (Direction.RESPONSE, b"DOWN"),
    }
