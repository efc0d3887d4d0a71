"""Streams of an HTTP/2 client whose upstream speaks HTTP/1.1."""

from __future__ import annotations

from h2.errors import ErrorCodes

from soth_mitm.model.events import (
    Anomaly,
    ConnOpened,
    FlowBound,
    FlowClosed,
    GuardTripped,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
    ResponseInfo,
    Retried,
    Side,
)
from soth_mitm.model.reasons import CloseReason
from tests.helpers.h2peer import GET, H2Link, get, h2_link, post
from tests.helpers.net import OK, Lab
from tests.helpers.wire import eventually


async def link_of(lab: Lab) -> H2Link:
    """Return a client that speaks nothing but HTTP/2, and an origin that speaks nothing but HTTP/1.1."""
    return await h2_link(lab, upstream=("http/1.1",), client=("h2",))


async def test_a_request_is_written_as_http1_and_its_response_as_http2(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    stream = link.client.ask(
        get(b"/a?b", (b"cookie", b"a=1"), (b"x-one", b"1"), (b"cookie", b"b=2"), (b"te", b"trailers"))
    )
    server = await link.origin.accept()
    assert await server.head() == (
        b"GET /a?b HTTP/1.1\r\nhost: site.test\r\ncookie: a=1; b=2\r\nx-one: 1\r\n"
        b"te: trailers\r\nconnection: te\r\n\r\n"
    )
    server.send(
        b"HTTP/1.1 200 Fine\r\nX-Case: Kept\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n"
        b"Keep-Alive: timeout=5\r\nContent-Length: 5\r\n\r\nhello"
    )
    message = await link.client.message(stream)
    assert message.head == [(b":status", b"200"), (b"x-case", b"Kept"), (b"content-length", b"5")]
    assert message.body == b"hello"
    await lab.settled()
    head, answer = await lab.one(RequestHead), await lab.one(ResponseHead)
    assert (head.version, answer.version, answer.reason) == ("HTTP/2.0", "HTTP/1.1", b"Fine")
    assert answer.raw.startswith(b"HTTP/1.1 200 Fine\r\nX-Case: Kept\r\n")
    assert answer.forwarded == b":status: 200\r\nx-case: Kept\r\ncontent-length: 5\r\n\r\n"
    assert (await lab.one(FlowBound)).stream == 0


async def test_an_upload_without_a_length_is_chunked_as_it_comes_with_its_trailers(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    stream = link.client.ask(post(b"/up"), end=False)
    server = await link.origin.accept()
    assert (await server.head()).endswith(b"host: site.test\r\ntransfer-encoding: chunked\r\n\r\n")
    link.client.data(stream, b"hello")
    await server.same(b"5\r\nhello\r\n")
    link.client.head_out(stream, [(b"x-sum", b"1")], end=True)
    await server.same(b"0\r\nx-sum: 1\r\n\r\n")
    server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n0\r\nX-End: 2\r\n\r\n")
    message = await link.client.message(stream)
    assert (message.body, message.trailers) == (b"done", [(b"x-end", b"2")])
    await lab.settled()
    assert (await lab.one(RequestEnd)).trailers == b"x-sum: 1\r\n"
    end = await lab.one(ResponseEnd)
    assert (end.body_bytes, end.trailers) == (4, b"X-End: 2\r\n")


async def test_an_upload_with_a_length_keeps_it_and_interim_responses_pass(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    fields = post(b"/up", (b"content-length", b"4"), (b"expect", b"100-continue"))
    stream = link.client.ask(fields, end=False)
    server = await link.origin.accept()
    assert (await server.head()).endswith(b"content-length: 4\r\nexpect: 100-continue\r\n\r\n")
    server.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    await link.client.until(lambda: len(link.client.messages[stream].interim) == 2, "both")
    link.client.data(stream, b"body", end=True)
    await server.same(b"body")
    server.send(OK)
    assert (await link.client.message(stream)).body == b"ok"
    await lab.settled()
    assert [info.status for info in lab.all(ResponseInfo)] == [100, 103]


async def test_a_hundred_streams_take_turns_on_a_few_connections(lab: Lab) -> None:
    await lab.start(limits={"h2_to_h1_connections": 4})
    link = await link_of(lab)
    streams = [link.client.ask(get(b"/%d" % number)) for number in range(100)]
    answered = 0

    def serve() -> bool:
        nonlocal answered
        for wire in link.origin.wires:
            while (end := wire.unread.find(b"\r\n\r\n")) >= 0:
                path = wire._take(end + 4).split(b" ")[1]
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))
                answered += 1
        return answered == 100

    await link.client.until(serve, "all requests")
    for number, stream in enumerate(streams):
        assert (await link.client.message(stream)).body == b"/%d" % number
    await lab.settled()
    assert len([conn for conn in lab.all(ConnOpened) if conn.side is Side.UPSTREAM]) <= 5


async def test_streams_that_stay_open_do_not_starve_the_others(lab: Lab) -> None:
    await lab.start(limits={"h2_to_h1_connections": 2})
    link = await link_of(lab)
    for number in range(4):
        link.client.ask(get(b"/%d" % number))
    await eventually(lambda: len(link.origin.wires) == 4, "a connection for each stream after a moment")


async def test_a_slow_client_stops_its_upstream_and_no_other(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    slow = link.client.ask(get(b"/slow"))
    link.client.slow.add(slow)
    server = await link.origin.accept()
    await server.head()
    body = b"x" * 20_000_000
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
    server.send(body)
    await link.client.until(lambda: len(link.client.messages[slow].body) == 65_535, "its window")
    fast = link.client.ask(get(b"/fast"))
    other = await link.origin.accept()
    await other.head()
    other.send(OK)
    assert (await link.client.message(fast)).body == b"ok"
    assert 0 < lab.running._shared.in_flight < 1_000_000
    link.client.reset(slow, ErrorCodes.CANCEL)
    await server.closed()
    await lab.settled()
    assert lab.running._shared.in_flight == 0
    reasons = sorted(closed.reason for closed in lab.all(FlowClosed))
    assert reasons == [CloseReason.CLIENT_CLOSED, CloseReason.COMPLETED]


async def test_a_body_that_ends_with_its_connection_arrives_whole(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    stream = link.client.ask(GET)
    server = await link.origin.accept()
    await server.head()
    server.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
    server.close()
    assert (await link.client.message(stream)).body == b"until the end"


async def test_head_and_bodiless_answers_end_with_their_head(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    first = link.client.ask([(b":method", b"HEAD"), *get()[1:]])
    server = await link.origin.accept()
    assert (await server.head()).startswith(b"HEAD / HTTP/1.1\r\n")
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    message = await link.client.message(first)
    assert (message.body, message.ended) == (b"", True)
    assert (b"content-length", b"1234") in message.head
    second = link.client.ask(GET)
    await server.head()
    server.send(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n")
    assert dict((await link.client.message(second)).head)[b":status"] == b"304"


async def test_a_connection_that_had_gone_stale_is_tried_once_more(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    first = link.client.ask(GET)
    server = await link.origin.accept()
    await server.head()
    server.send(OK)
    await link.client.message(first)
    await lab.settled()
    second = link.client.ask(get(b"/again"))
    await server.head()
    server.abort()
    fresh = await link.origin.accept()
    assert (await fresh.head()).startswith(b"GET /again ")
    fresh.send(OK)
    assert (await link.client.message(second)).body == b"ok"
    assert len(lab.all(Retried)) == 1


async def test_an_upstream_that_breaks_off_is_a_502_or_a_reset(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    first = link.client.ask(GET)
    server = await link.origin.accept()
    await server.head()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
    await link.client.until(lambda: link.client.messages[first].body == b"part", "the beginning")
    server.abort()
    assert (await link.client.message(first)).reset == ErrorCodes.INTERNAL_ERROR
    second = link.client.ask(GET)
    server = await link.origin.accept()
    await server.head()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
    assert dict((await link.client.message(second)).head)[b":status"] == b"502"
    assert (await lab.one(GuardTripped)).code == "cl_conflict"


async def test_an_upgrade_that_nobody_asked_for_is_a_502(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    stream = link.client.ask(GET)
    server = await link.origin.accept()
    await server.head()
    server.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert dict((await link.client.message(stream)).head)[b":status"] == b"502"
    assert (await lab.one(GuardTripped)).code == "unasked_upgrade"


async def test_a_host_that_differs_from_the_authority_is_noted_and_left_out(lab: Lab) -> None:
    await lab.start()
    link = await link_of(lab)
    link.client.ask(get(b"/", (b"host", b"other.test")))
    server = await link.origin.accept()
    assert await server.head() == b"GET / HTTP/1.1\r\nhost: site.test\r\n\r\n"
    assert (await lab.one(Anomaly)).code == "host_differs_from_authority"
