"""Streams of one client through the proxy to an upstream that speaks HTTP/2."""

from __future__ import annotations

from soth_mitm.model.events import (
    BodyChunk,
    ConnOpened,
    Direction,
    FlowBound,
    FlowClosed,
    FlowOpened,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
    ResponseInfo,
    Side,
    StreamReset,
)
from soth_mitm.model.reasons import CloseReason
from tests.helpers.h2peer import GET, Peer, get, h2_link, post
from tests.helpers.net import Lab


async def test_fields_arrive_in_the_order_sent_with_crumbs_of_cookies_and_each_stream_is_a_flow(
    lab: Lab,
) -> None:
    await lab.start()
    link = await h2_link(lab)
    fields = get(b"/a", (b"cookie", b"a=1"), (b"x-b", b"2"), (b"cookie", b"b=2"), (b"x-a", b"\xff"))
    stream, server, number = await link.request(fields)
    assert server.messages[number].head == fields
    answer = [(b":status", b"200"), (b"set-cookie", b"c=3"), (b"x-z", b""), (b"set-cookie", b"d=4")]
    server.answer(number, b"hello", fields=answer)
    message = await link.client.message(stream)
    assert (message.head, message.body) == (answer, b"hello")
    await lab.settled()
    flow = (await lab.told(FlowClosed))[0]
    assert flow.reason == CloseReason.COMPLETED
    head, response = await lab.one(RequestHead), await lab.one(ResponseHead)
    assert (head.version, head.stream, head.path) == ("HTTP/2.0", stream, b"/a")
    assert head.raw.startswith(b":method: GET\r\n:scheme: https\r\n")
    assert head.raw.endswith(b"cookie: a=1\r\nx-b: 2\r\ncookie: b=2\r\nx-a: \xff\r\n\r\n")
    assert response.raw == b":status: 200\r\nset-cookie: c=3\r\nx-z: \r\nset-cookie: d=4\r\n\r\n"
    bound = await lab.one(FlowBound)
    assert (bound.stream, bound.reused) == (number, False)
    assert (await lab.one(FlowOpened)).intercepted
    assert (await lab.one(RequestEnd)).body_bytes == 0
    assert (await lab.one(ResponseEnd)).body_bytes == 5


async def test_a_hundred_streams_share_one_upstream_connection(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    streams = [link.client.ask(get(b"/%d" % number)) for number in range(100)]
    server = await link.server()
    await server.until(lambda: len(server.messages) == 100, "all requests")
    for number, message in sorted(server.messages.items(), reverse=True):
        server.answer(number, dict(message.head)[b":path"])
    for position, stream in enumerate(streams):
        assert (await link.client.message(stream)).body == b"/%d" % position
    await lab.settled()
    upstreams = [conn for conn in lab.all(ConnOpened) if conn.side is Side.UPSTREAM]
    assert len(upstreams) == 1
    assert [bound.reused for bound in lab.all(FlowBound)] == [False] + [True] * 99


async def test_each_client_has_an_upstream_connection_of_its_own(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True, context=lab.world.server_context("site.test", alpn=("h2",)))
    for _ in range(2):
        wire = await lab.inside(await lab.connect(origin.port), context=lab.client_context(alpn=("h2",)))
        client, server = Peer(wire, client=True), Peer(await origin.accept(), client=False)
        for number in (1, 3):
            stream = client.ask(get())
            await server.message(number)
            server.answer(number)
            assert (await client.message(stream)).body == b"ok"
    assert len(origin.wires) == 2


async def test_an_upload_and_its_trailers_arrive_and_so_do_those_of_the_response(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(post(), end=False)
    body = bytes(range(256)) * 2000
    await link.client.pour(stream, body, to=server, end=False)
    link.client.head_out(stream, [(b"x-sum", b"1"), (b"x-more", b"2")], end=True)
    await server.until(lambda: server.messages[number].ended, "the upload")
    assert server.messages[number].body == body
    assert server.messages[number].trailers == [(b"x-sum", b"1"), (b"x-more", b"2")]
    server.head_out(number, [(b":status", b"200")])
    server.data(number, b"done")
    server.head_out(number, [(b"grpc-status", b"0")], end=True)
    message = await link.client.message(stream)
    assert (message.body, message.trailers) == (b"done", [(b"grpc-status", b"0")])
    await lab.settled()
    end = await lab.one(RequestEnd)
    assert (end.body_bytes, end.trailers) == (len(body), b"x-sum: 1\r\nx-more: 2\r\n")
    assert (await lab.one(ResponseEnd)).trailers == b"grpc-status: 0\r\n"
    told = b"".join(chunk.data for chunk in lab.all(BodyChunk) if chunk.direction is Direction.REQUEST)
    assert told == body


async def test_interim_responses_go_on(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request(post(b"/", (b"expect", b"100-continue")), end=False)
    server.head_out(number, [(b":status", b"100")])
    server.head_out(number, [(b":status", b"103"), (b"link", b"</x>; rel=preload")])
    await link.client.until(lambda: len(link.client.messages[stream].interim) == 2, "both")
    link.client.data(stream, b"body", end=True)
    await server.until(lambda: server.messages[number].ended, "the body")
    server.answer(number)
    assert (await link.client.message(stream)).body == b"ok"
    await lab.settled()
    assert [info.status for info in lab.all(ResponseInfo)] == [100, 103]


async def test_a_reset_of_the_client_goes_on_with_its_code_and_leaves_the_others(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request()
    other = link.client.ask(GET)
    link.client.reset(stream, 0x8)
    await server.until(lambda: server.messages[number].reset is not None, "the reset")
    assert server.messages[number].reset == 0x8
    await server.until(lambda: len(server.messages) == 2, "the other one")
    server.answer(max(server.messages))
    assert (await link.client.message(other)).body == b"ok"
    await lab.settled()
    assert (await lab.one(StreamReset)) == StreamReset(Side.CLIENT, "CANCEL")
    ends = {closed.reason: closed.detail for closed in lab.all(FlowClosed)}
    assert ends == {CloseReason.CLIENT_CLOSED: "RST_STREAM CANCEL", CloseReason.COMPLETED: ""}


async def test_a_reset_of_the_upstream_goes_on_with_its_code(lab: Lab) -> None:
    await lab.start()
    link = await h2_link(lab)
    stream, server, number = await link.request()
    server.reset(number, 0x7)
    assert (await link.client.message(stream)).reset == 0x7
    stream, server, number = await link.request()
    server.head_out(number, [(b":status", b"200")])
    server.data(number, b"part")
    await link.client.until(lambda: link.client.messages[stream].body == b"part", "the beginning")
    server.reset(number, 0x2)
    assert (await link.client.message(stream)).reset == 0x2
    await lab.settled()
    assert [reset.code for reset in lab.all(StreamReset)] == ["REFUSED_STREAM", "INTERNAL_ERROR"]
    assert {closed.reason for closed in lab.all(FlowClosed)} == {CloseReason.UPSTREAM_CLOSED}
