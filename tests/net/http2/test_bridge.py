"""A client of HTTP/1.1 and an upstream that speaks nothing but HTTP/2."""

from __future__ import annotations

from soth_mitm.model.events import (
    ConnOpened,
    FlowBound,
    FlowClosed,
    RequestHead,
    ResponseHead,
    Side,
    StreamReset,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.upstream import Peer as Upstream
from soth_mitm.policy.decision import Action, Decision
from tests.helpers.h2peer import Peer
from tests.helpers.net import Lab
from tests.helpers.wire import Wire


async def link(lab: Lab) -> tuple[Wire, Peer]:
    """Return a client inside a CONNECT, and the origin's end, known to turn HTTP/1.1 away."""
    origin = await lab.origin(tls=True, context=lab.world.server_context("site.test", alpn=("h2",)))
    known = Upstream.of("https", "site.test", origin.port, decision=Decision(Action.INTERCEPT, ""))
    lab.running._shared.h2_only.learn(known)
    sock = await lab.connect(origin.port)
    client = await lab.inside(sock, context=lab.client_context())
    return client, Peer(await origin.accept(), client=False)


async def test_a_request_becomes_a_stream_and_its_response_comes_back(lab: Lab) -> None:
    await lab.start()
    client, server = await link(lab)
    client.send(
        b"GET /a?b HTTP/1.1\r\nHost: site.test\r\nX-Case: Kept Not\r\nCookie: a=1; b=2\r\n"
        b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nTE: trailers\r\n\r\n"
    )
    await server.until(lambda: server.messages[1].ended, "the request")
    assert server.messages[1].head == [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":authority", b"site.test"),
        (b":path", b"/a?b"),
        (b"x-case", b"Kept Not"),
        (b"cookie", b"a=1; b=2"),
        (b"te", b"trailers"),
    ]
    server.answer(1, b"hello", fields=[(b":status", b"200"), (b"content-length", b"5"), (b"x", b"y")])
    assert await client.head() == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\n"
    assert await client.exactly(5) == b"hello"
    await lab.settled()
    head, answer = await lab.one(RequestHead), await lab.one(ResponseHead)
    assert (head.version, answer.version) == ("HTTP/1.1", "HTTP/2.0")
    assert answer.raw == b":status: 200\r\ncontent-length: 5\r\nx: y\r\n\r\n"
    assert answer.forwarded.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_exchanges_share_one_connection_as_streams(lab: Lab) -> None:
    await lab.start()
    client, server = await link(lab)
    for number in (1, 3, 5):
        client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
        await server.message(number)
        server.answer(number, fields=[(b":status", b"200"), (b"content-length", b"2")])
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        assert await client.exactly(2) == b"ok"
    await lab.settled()
    assert [bound.reused for bound in lab.all(FlowBound)] == [False, True, True]
    assert len([conn for conn in lab.all(ConnOpened) if conn.side is Side.UPSTREAM]) == 1


async def test_bodies_without_a_length_and_trailers_pass_both_ways(lab: Lab) -> None:
    await lab.start()
    client, server = await link(lab)
    client.send(b"POST /up HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await server.until(lambda: server.messages[1].body == b"abc", "a piece")
    server.head_out(1, [(b":status", b"200")])
    assert await client.head() == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    server.data(1, b"first")
    await client.same(b"5\r\nfirst\r\n")
    client.send(b"2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n")
    await server.until(lambda: server.messages[1].ended, "the end")
    assert server.messages[1].body == b"abcde"
    assert server.messages[1].trailers == [(b"x-sum", b"1")]
    server.head_out(1, [(b"grpc-status", b"0")], end=True)
    await client.same(b"0\r\ngrpc-status: 0\r\n\r\n")


async def test_a_large_body_passes_as_it_is_granted(lab: Lab) -> None:
    await lab.start()
    client, server = await link(lab)
    body = bytes(range(256)) * 4000
    client.send(b"POST /up HTTP/1.1\r\nHost: site.test\r\nContent-Length: %d\r\n\r\n" % len(body))
    client.send(body)
    await server.until(lambda: server.messages[1].ended, "the upload")
    assert server.messages[1].body == body
    server.head_out(1, [(b":status", b"200"), (b"content-length", b"%d" % len(body))])
    await client.head()
    await server.pour(1, body, to=server)
    assert await client.exactly(len(body)) == body


async def test_a_reset_of_a_response_cuts_the_client_off(lab: Lab) -> None:
    await lab.start()
    client, server = await link(lab)
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    await server.until(lambda: server.messages[1].ended, "the request")
    server.head_out(1, [(b":status", b"200"), (b"content-length", b"9")])
    server.data(1, b"part")
    await client.head()
    server.reset(1, 0x2)
    await client.closed()
    assert (await lab.one(StreamReset)).code == "INTERNAL_ERROR"
    assert (await lab.one(FlowClosed)).reason == CloseReason.UPSTREAM_CLOSED


async def test_a_client_that_leaves_cancels_its_stream(lab: Lab) -> None:
    await lab.start()
    client, server = await link(lab)
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    await server.until(lambda: server.messages[1].ended, "the request")
    client.abort()
    await server.until(lambda: server.messages[1].reset is not None or server.wire.lost, "the reset")
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED
