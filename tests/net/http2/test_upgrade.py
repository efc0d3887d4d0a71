"""A client of HTTP/1.1 that asks for HTTP/2 by `Upgrade: h2c`."""

from __future__ import annotations

import pytest

from soth_mitm.model.events import FlowClosed, Noted, PeerSettings, RequestHead, ResponseHead, ResponseInfo
from soth_mitm.model.reasons import CloseReason
from tests.helpers.h2peer import Peer, get
from tests.helpers.net import OK, SITE, Lab
from tests.proto.http2.test_upgrade import OFFER

ASKS = b"GET /a HTTP/1.1\r\nHost: site.test\r\nX-One: 1\r\n" + OFFER + b"\r\n"
PLAIN = b"GET /a HTTP/1.1\r\nHost: site.test\r\nX-One: 1\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@pytest.mark.parametrize("where", ["connect", "reverse"])
async def test_the_answer_is_stream_1_and_more_streams_follow(lab: Lab, where: str) -> None:
    origin = await lab.origin()
    if where == "connect":
        await lab.start()
        wire = await lab.inside(await lab.connect(origin.port))
    else:
        await lab.start(mode=(f"reverse:http://{SITE}:{origin.port},keep-host",))
        wire = await lab.client()
    wire.send(ASKS)
    assert await wire.head() == SWITCHED
    client = Peer(wire, client=True, upgraded=True)
    server = await origin.accept()
    assert (await server.head()).startswith(b"GET /a HTTP/1.1\r\nhost: site.test\r\nx-one: 1\r\n\r\n")
    server.send(OK)
    assert (await client.message(1)).body == b"ok"
    stream = client.ask(get(b"/b", scheme=b"http"))
    assert (await server.head()).startswith(b"GET /b HTTP/1.1\r\n")
    server.send(OK)
    assert (await client.message(stream)).body == b"ok"
    client.wire.close()
    await lab.settled()
    first, second = lab.all(RequestHead)
    assert (first.version, first.raw, first.stream) == ("HTTP/1.1", ASKS, 1)
    assert first.forwarded.startswith(b":method: GET\r\n")
    assert (second.version, second.stream) == ("HTTP/2.0", 3)
    interim = await lab.one(ResponseInfo)
    assert (interim.status, interim.generated) == (101, True)
    assert "MAX_CONCURRENT_STREAMS=100" in lab.all(PeerSettings)[0].values
    assert [closed.reason for closed in lab.all(FlowClosed)] == [CloseReason.COMPLETED] * 2
    assert len(lab.all(ResponseHead)) == 2


async def test_a_proxy_that_is_asked_stays_with_http_1_and_does_not_pass_the_offer_on(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    client = await lab.client()
    named = b"GET http://site.test:%d/a " % origin.port
    client.send(ASKS.replace(b"GET /a ", named))
    server = await origin.accept()
    await server.same(PLAIN)
    server.send(OK)
    await client.same(OK)
    head = await lab.one(RequestHead)
    assert head.forwarded == PLAIN
    assert (await lab.one(Noted)).code == "h2c_not_taken"


@pytest.mark.parametrize("reason", ["body", "off", "tls"])
async def test_an_offer_that_is_not_taken_never_makes_opaque_bytes(lab: Lab, reason: str) -> None:
    await lab.start(http2=reason != "off")
    tls = reason == "tls"
    origin = await lab.origin(tls=tls)
    sock = await lab.connect(origin.port)
    client = await lab.inside(sock, context=lab.client_context() if tls else None)
    body = b"Content-Length: 3\r\n\r\nabc" if reason == "body" else b"\r\n"
    client.send(ASKS[:-2] + body)
    server = await origin.accept()
    await server.same(PLAIN[:-2] + body)
    server.send(OK)
    await client.same(OK)
    client.send(PLAIN)
    await server.same(PLAIN)
    assert (await lab.one(Noted)).code == "h2c_not_taken"


async def test_a_client_that_does_not_go_on_with_its_preface_is_told_so(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    wire = await lab.inside(await lab.connect(origin.port))
    wire.send(ASKS + PLAIN)
    assert await wire.head() == SWITCHED
    await wire.closed()
    reasons = {closed.reason for closed in await lab.told(FlowClosed, 2)}
    assert reasons == {CloseReason.HTTP_ERROR}
