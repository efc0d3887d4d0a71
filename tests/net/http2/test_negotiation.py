"""Who speaks HTTP/2 with whom: ALPN, prior knowledge, the settings that switch it off."""

from __future__ import annotations

import asyncio

import pytest
from h2.settings import SettingCodes

from soth_mitm.config import HostRule
from soth_mitm.model.events import (
    FlowClosed,
    FlowOpened,
    MessageSeen,
    Noted,
    PeerSettings,
    RequestHead,
    ResponseHead,
    TlsEstablished,
    Upgraded,
)
from soth_mitm.model.reasons import CloseReason
from tests.helpers.h2peer import GET, H2Link, Peer, get, h2_link
from tests.helpers.net import OK, Lab
from tests.helpers.wire import Wire

BOTH = ("h2", "http/1.1")


async def spoken(lab: Lab, upstream: tuple[str, ...], client: tuple[str, ...]) -> tuple[str, str]:
    """Return what is agreed on, with the client and with the upstream."""
    context = lab.world.server_context("site.test", alpn=upstream)
    origin = await lab.origin(tls=True, context=context)
    sock = await lab.connect(origin.port)
    wire = await lab.inside(sock, context=lab.client_context(alpn=client))
    chosen = wire.transport.get_extra_info("ssl_object").selected_alpn_protocol()
    server = (await origin.accept()).transport.get_extra_info("ssl_object").selected_alpn_protocol()
    return chosen or "", server or ""


@pytest.mark.parametrize(
    ("upstream", "client", "agreed"),
    [
        (BOTH, BOTH, ("h2", "h2")),
        (("http/1.1",), BOTH, ("http/1.1", "http/1.1")),
        (BOTH, ("http/1.1",), ("http/1.1", "http/1.1")),
        (("http/1.1",), ("h2",), ("h2", "http/1.1")),
        (("h2",), ("h2",), ("h2", "h2")),
        ((), BOTH, ("http/1.1", "")),
    ],
)
async def test_the_client_is_answered_by_what_the_upstream_speaks(
    lab: Lab, upstream: tuple[str, ...], client: tuple[str, ...], agreed: tuple[str, str]
) -> None:
    await lab.start()
    assert await spoken(lab, upstream, client) == agreed
    assert {event.alpn for event in await lab.told(TlsEstablished, 2)} == set(agreed)


async def test_http2_can_be_switched_off_for_all_hosts_and_for_one(lab: Lab) -> None:
    await lab.start(http2=False)
    assert await spoken(lab, BOTH, BOTH) == ("http/1.1", "http/1.1")


async def test_a_rule_switches_http2_off_for_one_host(lab: Lab) -> None:
    await lab.start(rules=(HostRule(match="site.test", no_h2=True),))
    assert await spoken(lab, BOTH, BOTH) == ("http/1.1", "http/1.1")


async def test_settings_of_both_sides_are_told(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    _, server, number = await link.request()
    server.answer(number)
    await lab.settled()
    assert {
        (str(each.side), "MAX_CONCURRENT_STREAMS=1000" in each.values) for each in lab.all(PeerSettings)
    } == {
        ("client", True),
        ("upstream", True),
    }


async def test_prior_knowledge_inside_a_connect_goes_on_as_such(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    client = Peer(await lab.inside(await lab.connect(origin.port)), client=True)
    link = H2Link(lab, client, origin)
    stream, server, number = await link.request(get(scheme=b"http"))
    server.answer(number)
    assert (await client.message(stream)).body == b"ok"
    await lab.settled()
    opened = await lab.one(FlowOpened)
    assert (opened.scheme, opened.intercepted) == ("http", True)


async def test_a_server_that_sends_its_settings_at_once_does_not_speak_first(lab: Lab) -> None:
    await lab.start(limits={"server_first_wait": 5.0})
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    server = Peer(await origin.accept(), client=False)
    for _ in range(20):  # the proxy runs on this loop, and sees them meanwhile
        await asyncio.sleep(0)
    client = Peer(await lab.inside(sock), client=True)
    stream = client.ask(get(scheme=b"http"))
    await client.until(lambda: server.messages[1].ended, "the request", beside=server)
    server.answer(1)
    assert (await client.message(stream)).body == b"ok"
    assert not lab.all(Noted)


async def test_prior_knowledge_to_the_proxy_itself_names_its_targets(lab: Lab) -> None:
    await lab.start()
    client = Peer(await lab.client(), client=True)
    first, second = await lab.origin(), await lab.origin()
    for origin in (first, second):
        fields = [(b":method", b"GET"), (b":scheme", b"http")]
        fields += [(b":authority", b"site.test:%d" % origin.port), (b":path", b"/x")]
        stream = client.ask(fields)
        server = await origin.accept()
        assert await server.head() == b"GET /x HTTP/1.1\r\nhost: site.test:%d\r\n\r\n" % origin.port
        server.send(OK)
        assert (await client.message(stream)).body == b"ok"
    await lab.settled()
    assert [head.version for head in lab.all(RequestHead)] == ["HTTP/2.0"] * 2


async def test_the_proxys_own_page_and_what_it_refuses_are_answered_in_http2(lab: Lab) -> None:
    await lab.start()
    client = Peer(await lab.client(), client=True)
    plain = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")]
    page = await client.message(client.ask([*plain, (b":authority", b"soth.mitm")]))
    assert b"soth-mitm" in page.body
    assert lab.all(ResponseHead)[-1].content_type == b"text/html; charset=utf-8"
    loop = await client.message(client.ask([*plain, (b":authority", b"127.0.0.1:%d" % lab.port)]))
    assert dict(loop.head)[b":status"] == b"508"
    secure = await client.message(client.ask(get(scheme=b"https")))
    assert dict(secure.head)[b":status"] == b"400"
    tunnel = await client.message(
        client.ask([(b":method", b"CONNECT"), (b":authority", b"site.test:443")], end=False)
    )
    assert dict(tunnel.head)[b":status"] == b"501"
    assert b"CONNECT inside an HTTP/2 connection is not served" in tunnel.body


async def _websocket(lab: Lab) -> tuple[H2Link, int, Peer, int]:
    """Open a WebSocket by extended CONNECT; the upstream has said that it takes that."""
    link = await h2_link(lab)
    server = Peer(
        await link.origin.accept(), client=False, settings={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    )
    link._server = server
    await link.client.until(lambda: link.client.peer_settings.get(8), "the offer")
    stream = link.client.conn.get_next_available_stream_id()
    fields = [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", b"site.test"),
        (b":path", b"/chat"),
        (b"sec-websocket-version", b"13"),
    ]
    link.client.head_out(stream, fields)
    await server.until(lambda: server.messages[1].head, "the request")
    assert server.messages[1].head == fields
    server.head_out(1, [(b":status", b"200")])
    await link.client.head(stream)
    return link, stream, server, 1


async def test_extended_connect_is_offered_as_the_upstream_does_and_carries_a_websocket(lab: Lab) -> None:
    await lab.start()
    link, stream, server, number = await _websocket(lab)
    masked = b"\x81\x85\x00\x00\x00\x00hello"
    link.client.data(stream, masked)
    await server.until(lambda: server.messages[number].body == masked, "the message")
    server.data(number, b"\x81\x05world")
    await link.client.until(lambda: link.client.messages[stream].body == b"\x81\x05world", "the answer")
    link.client.data(stream, b"\x88\x82\x00\x00\x00\x00\x03\xe8", end=True)
    server.data(number, b"\x88\x02\x03\xe8", end=True)
    await link.client.message(stream)
    await lab.settled()
    assert (await lab.one(Upgraded)).protocol == "websocket"
    seen = [(str(message.direction), message.label) for message in lab.all(MessageSeen)]
    assert seen[:2] == [("request", "text"), ("response", "text")]
    assert (await lab.one(FlowClosed)).reason == CloseReason.WEBSOCKET_COMPLETED


async def test_extended_connect_is_not_offered_where_the_upstream_does_not(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request()
    server.answer(number)
    await link.client.message(stream)
    assert 8 not in link.client.peer_settings


async def test_a_client_that_says_nothing_after_its_handshake_has_probably_refused_us(lab: Lab) -> None:
    await lab.start()
    context = lab.world.server_context("site.test", alpn=BOTH)
    origin = await lab.origin(tls=True, context=context)
    wire: Wire = await lab.inside(await lab.connect(origin.port), context=lab.client_context(alpn=("h2",)))
    wire.abort()
    assert (await lab.one(FlowClosed)).reason == CloseReason.TLS_HANDSHAKE_FAILED
    assert not lab.all(Noted)
    assert GET
