"""An upstream that cannot be reached, or that goes away: what the client gets, and what the row says."""

from __future__ import annotations

import socket

import pytest

from soth_mitm.model.events import (
    ConnClosed,
    DialFailed,
    FlowBound,
    FlowClosed,
    Noted,
    ResponseEnd,
    Retried,
)
from soth_mitm.model.outcomes import OTHER_VERSION
from soth_mitm.record.rows import RowFold
from tests.helpers.net import HOST, OK, Lab
from tests.helpers.wire import eventually


async def test_a_refused_connection_is_a_502_that_names_it(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    link.origin.close()
    link.ask(link.get())
    answer = await link.client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"nothing listens on that port" in answer
    assert b"reason code: connect_refused\n" in answer
    assert b'error=connection_refused; details="connect_refused"' in answer
    failed = lab.all(DialFailed, flow=1)
    assert [(dial.stage, dial.code) for dial in failed] == [("connect", "connect_refused")]
    assert (await lab.one(FlowClosed)).reason == "upstream_connect_failed"


async def test_a_name_that_does_not_resolve_is_a_502_that_names_it(lab: Lab) -> None:
    await lab.start(resolver=lambda host, port: None)
    client = await lab.client()
    name = b"x" * 64  # longer than a label may be: no name server is asked
    client.send(b"GET http://" + name + b".test/ HTTP/1.1\r\nHost: " + name + b".test\r\n\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"the name does not resolve" in answer
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.detail) == ("upstream_connect_failed", "dns_not_found")


async def test_an_address_that_never_answers_is_a_502_after_the_limit(lab: Lab) -> None:
    # Nobody accepts here, and the queue of connections is full: the next SYN gets no answer.
    with socket.socket() as deaf, socket.socket() as filler:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        filler.connect(deaf.getsockname())
        await lab.start(limits={"connect_timeout": 0.1})
        port = deaf.getsockname()[1]
        client = await lab.client()
        client.send(b"GET http://deaf.test:%d/ HTTP/1.1\r\nHost: deaf.test:%d\r\n\r\n" % (port, port))
        answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert (await lab.one(FlowClosed)).detail == "connect_timeout"


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_an_upstream_that_leaves_before_it_answers_is_a_502(lab: Lab, route: str, how: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.reset() if how == "reset" else server.close()
    answer = await link.client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"reason code: upstream_closed\n" in answer
    assert (await lab.one(FlowClosed)).reason == "upstream_closed"
    assert (await lab.one(Noted)).code == "eof_before_head"


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_an_upstream_that_leaves_inside_its_head_is_a_502(lab: Lab, route: str, how: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-")
    await eventually(lambda: server.transport.get_write_buffer_size() == 0)
    server.reset() if how == "reset" else server.close()
    answer = await link.client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert (await lab.one(FlowClosed)).reason == "upstream_closed"


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf",
    ],
)
async def test_a_body_that_is_cut_never_looks_whole(lab: Lab, route: str, start: bytes, how: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(start)
    await link.client.same(start)
    server.reset() if how == "reset" else server.close()
    assert await link.client.rest() == b""
    closed = await lab.one(FlowClosed)
    assert closed.reason == "upstream_closed"
    assert (await lab.one(Noted)).code == "eof_in_body"
    assert not lab.all(ResponseEnd)


async def test_a_client_that_leaves_ends_its_upstream(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await link.client.until(b"half")
    link.client.reset()
    await server.closed()
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "client_closed"


async def test_a_client_that_leaves_inside_its_request_ends_its_upstream(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(b"POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nhalf")
    link.client.close()
    assert await server.rest() == b""
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "client_closed"


async def stale(lab: Lab, request: bytes) -> tuple[bytes, int]:
    """Have a pooled connection close exactly when it gets its second request; return the answer."""
    await lab.start()
    link = await lab.link("plain")
    server = await link.pass_request(link.get(b"/1"))
    await link.pass_response(OK)
    link.ask(request)
    await server.same(request)
    server.close()
    if request.startswith(b"GET"):
        fresh = await link.origin.accept()
        await fresh.same(request)
        fresh.send(OK)
        return await link.client.exactly(len(OK)), len(link.origin.wires)
    return await link.client.rest(), len(link.origin.wires)


async def test_a_get_on_a_stale_connection_is_sent_once_more(lab: Lab) -> None:
    answer, connections = await stale(lab, b"GET /2 HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (answer, connections) == (OK, 2)
    await lab.settled()
    assert len(lab.all(Retried, flow=2)) == 1
    assert [bound.reused for bound in lab.all(FlowBound, flow=2)] == [True, False]
    assert lab.all(FlowClosed)[1].reason == "completed"


async def test_a_post_on_a_stale_connection_is_never_sent_twice(lab: Lab) -> None:
    request = b"POST /2 HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\nx"
    answer, connections = await stale(lab, request)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert connections == 1
    assert not lab.all(Retried)
    assert lab.all(FlowClosed)[1].reason == "upstream_closed"


async def test_a_get_is_retried_only_once(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    server = await link.pass_request(link.get(b"/1"))
    await link.pass_response(OK)
    request = link.get(b"/2")
    link.ask(request)
    await server.same(request)
    server.close()
    fresh = await link.origin.accept()
    await fresh.same(request)
    fresh.close()
    assert (await link.client.rest()).startswith(b"HTTP/1.1 502 ")
    assert len(link.origin.wires) == 2
    assert len(lab.all(Retried)) == 1


async def test_a_request_is_not_retried_after_a_byte_of_the_answer(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    server = await link.pass_request(link.get(b"/1"))
    await link.pass_response(OK)
    request = link.get(b"/2")
    link.ask(request)
    await server.same(request)
    server.send(b"HTTP/1.1 2")
    server.close()
    assert (await link.client.rest()).startswith(b"HTTP/1.1 502 ")
    assert not lab.all(Retried)


async def test_an_idle_upstream_that_closes_is_not_used_again(lab: Lab) -> None:
    proxy = await lab.start()
    link = await lab.link("plain")
    server = await link.pass_request(link.get(b"/1"))
    await link.pass_response(OK)
    await lab.settled()
    server.close()
    await eventually(lambda: len(proxy._shared.pool) == 0)
    request = link.get(b"/2")
    link.ask(request)
    fresh = await link.origin.accept()
    await fresh.same(request)
    fresh.send(OK)
    await link.client.same(OK)
    assert not lab.all(Retried)
    assert "upstream_closed" in {closed.reason for closed in lab.all(ConnClosed)}


async def test_a_retry_goes_over_a_new_connection_and_never_over_another_stale_one(lab: Lab) -> None:
    await lab.start()
    first = await lab.link("plain")
    second = await lab.link("plain", origin=first.origin)
    first.ask(first.get(b"/1"))
    a = await first.origin.accept()
    second.ask(second.get(b"/2"))
    b = await first.origin.accept()
    for server, link in ((a, first), (b, second)):
        await server.head()
        server.send(OK)
        await link.client.same(OK)
    await lab.settled()
    request = first.get(b"/3")
    first.ask(request)
    await eventually(lambda: a.unread or b.unread)
    (a if a.unread else b).close()
    fresh = await first.origin.accept()
    await fresh.same(request)
    fresh.close()
    assert (await first.client.rest()).startswith(b"HTTP/1.1 502 ")
    assert len(lab.all(Retried)) == 1


async def test_a_client_may_end_its_side_right_behind_its_request(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    one, two = link.get(b"/1"), link.get(b"/2")
    link.client.send(link.wrote(one) + link.wrote(two))
    link.client.finish()
    server = await link.server()
    for request in (one, two):
        await server.same(request)
        server.send(OK)
        await link.client.same(OK)
    assert await link.client.rest() == b""
    await lab.settled()
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["completed", "completed"]


async def test_an_upstream_that_answers_and_closes_at_once_is_answered_and_not_reused(
    lab: Lab, route: str
) -> None:
    """A keep-alive response right before a FIN is complete; the next request gets a new connection."""
    await lab.start()
    link = await lab.link(route)
    for number in range(3):
        request = link.get(b"/%d" % number)
        link.ask(request)
        server = await link.origin.accept()
        await server.same(request)
        server.send(OK)
        server.close()
        await link.client.same(OK)
        await server.closed()
        await eventually(lambda: len(lab.running._shared.pool) == 0)
    assert {closed.reason for closed in lab.all(FlowClosed)} == {"completed"}


async def test_a_connect_of_http_1_0_is_understood(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    client = await lab.client()
    client.send(b"CONNECT site.test:%d HTTP/1.0\r\n\r\n" % origin.port)
    await client.same(b"HTTP/1.1 200 Connection Established\r\n\r\n")


VERSIONS = {
    "h2c": (
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "not_http2",
        "use http:// in place of h2c://",
    ),
    "http": (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "answered_in_http2", "by h2c:// in place of http://"),
}


@pytest.mark.parametrize("scheme", VERSIONS)
async def test_a_server_of_another_version_of_http_is_a_502_and_a_row_that_say_which(
    lab: Lab, scheme: str
) -> None:
    sent, code, said = VERSIONS[scheme]
    origin = await lab.origin()
    await lab.start(mode=(f"reverse:{scheme}://{HOST}:{origin.port}@0",))
    client = await lab.client()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server = await origin.accept()
    await server.exactly(16)
    server.send(sent)
    server.finish()
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 502 ")
    assert said in page.decode()
    await lab.settled()
    assert [each.code for each in lab.all(Noted)][-1] == code
    fold = RowFold()
    row = [row for event in lab.events if (row := fold.apply(event)) is not None][-1]
    assert row.outcome == OTHER_VERSION[code][0]
    assert said in row.hint
