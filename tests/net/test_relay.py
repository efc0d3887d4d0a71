"""What no rule touches leaves the proxy exactly as it came, in both directions."""

from __future__ import annotations

import gc
import gzip
import weakref
from typing import NamedTuple

import pytest

from soth_mitm.model.events import (
    Anomaly,
    BodyChunk,
    Direction,
    FlowBound,
    FlowClosed,
    FlowOpened,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
    ResponseInfo,
)
from soth_mitm.net.session import ClientSession
from tests.helpers.net import OK, Lab

HOST = b"Host: site.test\r\n"
PACKED = gzip.compress(b"squeezed " * 500, mtime=0)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Case(NamedTuple):
    """An exchange, and what its events must say."""

    name: str
    request: bytes
    response: bytes
    sent: bytes = b""
    answered: bytes = b""
    request_trailers: bytes = b""
    response_trailers: bytes = b""
    anomalies: tuple[str, ...] = ()


CASES = [
    Case("get", b"GET /a?b=c HTTP/1.1\r\n" + HOST + b"\r\n", OK, answered=b"ok"),
    Case(
        "head",
        b"HEAD /big HTTP/1.1\r\n" + HOST + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    ),
    Case(
        "post",
        b"POST /form HTTP/1.1\r\n" + HOST + b"Content-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 201 Created\r\nLocation: /form/1\r\nContent-Length: 0\r\n\r\n",
        sent=b"hello world",
    ),
    Case(
        "chunked both ways",
        b"POST /up HTTP/1.1\r\n" + HOST + CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
        sent=b"hello world",
        answered=b"abcd",
    ),
    Case(
        "chunk sizes, extensions and trailers of an unusual shape",
        b"POST /up HTTP/1.1\r\n"
        + HOST
        + b"Trailer: X-Sum\r\n"
        + CHUNKED
        + b'000a;name=value;q="a;b"\r\n0123456789\r\n1;x\r\n!\r\n00000;last\r\n'
        + b"X-Sum:  9F\r\nx-more: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n"
        + CHUNKED
        + b'A;ext\r\n0123456789\r\n0b ;y = "1"\r\nabcdefghijk\r\n0\r\nX-CheckSum:ok\r\n\r\n',
        sent=b"0123456789!",
        answered=b"0123456789abcdefghijk",
        request_trailers=b"X-Sum:  9F\r\nx-more: 1\r\n",
        response_trailers=b"X-CheckSum:ok\r\n",
    ),
    Case("204", b"DELETE /x HTTP/1.1\r\n" + HOST + b"\r\n", b"HTTP/1.1 204 No Content\r\nX-Left: 3\r\n\r\n"),
    Case(
        "304 with the length of what is not sent",
        b'GET /x HTTP/1.1\r\nIf-None-Match: "1"\r\n' + HOST + b"\r\n",
        b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 4000\r\n\r\n',
    ),
    Case(
        "case, order and spacing of fields",
        b"GET /x HTTP/1.1\r\nx-LoWeR:a\r\nhOST:\tsite.test  \r\nX-Twice: 1\r\nAccept:   */*\r\nX-Twice: 2\r\n"
        b"X-Empty:\r\n\r\n",
        b"HTTP/1.1 200 Very  Fine \r\nserver:x\r\nSET-cookie: a=b\r\nContent-length:   2\r\n"
        b"Set-Cookie:c=d\t\r\n\r\nok",
        answered=b"ok",
    ),
    Case(
        "values that are not UTF-8",
        b"GET /x HTTP/1.1\r\n" + HOST + b"X-Name: caf\xe9 \xff\xfe\r\n\r\n",
        b"HTTP/1.1 200 d\xe9j\xe0 vu\r\nX-Name: \x80\x81\r\nContent-Length: 2\r\n\r\nok",
        answered=b"ok",
    ),
    Case(
        "a compressed body",
        b"GET /z HTTP/1.1\r\n" + HOST + b"Accept-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        % len(PACKED)
        + PACKED,
        answered=PACKED,
    ),
    Case(
        "a body of every byte",
        b"PUT /b HTTP/1.1\r\n" + HOST + b"Content-Length: 256\r\n\r\n" + bytes(range(256)),
        b"HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n" + bytes(reversed(range(256))),
        sent=bytes(range(256)),
        answered=bytes(reversed(range(256))),
    ),
    Case(
        "an unknown method",
        b"M-SEARCH /x HTTP/1.1\r\n" + HOST + b"\r\n",
        b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n",
    ),
    Case(
        "odd answers, flagged",
        b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 02\r\nContent-Length: 02\r\n\r\nok",
        answered=b"ok",
        anomalies=("missing_reason", "cl_repeated", "cl_leading_zero"),
    ),
    Case(
        "a body that looks like a response",
        b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OK) + OK,
        answered=OK,
    ),
]


def body_of(lab: Lab, direction: Direction, flow: int = 1) -> bytes:
    chunks = [chunk for chunk in lab.all(BodyChunk, flow=flow) if chunk.direction is direction]
    return b"".join(chunk.data for chunk in chunks)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_an_exchange_passes_byte_for_byte(lab: Lab, route: str, case: Case) -> None:
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(case.request)
    await link.pass_response(case.response)
    await lab.settled()
    sent_head = case.request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    request = await lab.one(RequestHead)
    assert request.raw == link.wrote(sent_head)
    assert request.forwarded == (sent_head if route == "plain" else b"")
    response = await lab.one(ResponseHead)
    assert response.raw == case.response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert not response.generated
    assert body_of(lab, Direction.REQUEST) == case.sent
    assert body_of(lab, Direction.RESPONSE) == case.answered
    assert (await lab.one(RequestEnd)).trailers == case.request_trailers
    assert (await lab.one(ResponseEnd)).trailers == case.response_trailers
    # The absolute-form has the origin's port, the Host field of these cases has none.
    odd = {"host_differs"} if route == "plain" and b"ost:" in case.request.lower() else set()
    assert {anomaly.code for anomaly in lab.all(Anomaly)} == {*case.anomalies, *odd}
    closed = await lab.one(FlowClosed)
    assert closed.reason == "completed"
    assert closed.from_client == len(case.request)
    assert closed.from_upstream == len(case.response)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_an_exchange_in_single_bytes_passes_byte_for_byte(lab: Lab, route: str, case: Case) -> None:
    if len(case.request) + len(case.response) > 700:
        case = case._replace(response=OK, answered=b"ok", response_trailers=b"", anomalies=())
    await lab.start()
    link = await lab.link(route)
    for byte in link.wrote(case.request):
        link.client.send(bytes((byte,)))
    server = await link.server()
    await server.same(case.request)
    for byte in case.response:
        server.send(bytes((byte,)))
    await link.client.same(case.response)
    await lab.settled()
    assert body_of(lab, Direction.REQUEST) == case.sent
    assert (await lab.one(FlowClosed)).reason == "completed"


async def test_a_connection_serves_one_request_after_another(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    for case in CASES:
        await link.pass_request(case.request)
        await link.pass_response(case.response)
        await lab.settled()
    assert len(link.origin.wires) == 1
    assert [bound.reused for bound in lab.all(FlowBound)] == [False] + [True] * (len(CASES) - 1)
    assert {closed.reason for closed in lab.all(FlowClosed)} == {"completed"}


EVENTS = b"data: a\n\nevent: b\ndata: b\n\n"
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(EVENTS) + EVENTS
)


@pytest.mark.parametrize("answer", [OK, STREAM], ids=["a body", "an event stream"])
async def test_an_exchange_leaves_nothing_to_the_collector_of_cycles(
    lab: Lab, route: str, answer: bytes
) -> None:
    proxy = await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(answer)
    await lab.settled()
    gc.disable()
    try:
        await link.pass_request(link.get())
        (session,) = proxy._shared.flows.values()
        assert isinstance(session, ClientSession)
        left = [weakref.ref(session.exchange)] if session.exchange else []
        await link.pass_response(answer)
        await lab.settled()
        assert [each() for each in left] == [None]
    finally:
        gc.enable()


async def test_pipelined_requests_are_answered_in_order(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    requests = [
        b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST /2 HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc",
        b"POST /3 HTTP/1.1\r\n" + HOST + CHUNKED + b"1\r\nx\r\n0\r\n\r\n",
        b"GET /4 HTTP/1.1\r\n" + HOST + b"\r\n",
    ]
    link.client.send(b"".join(link.wrote(request) for request in requests))
    server = await link.server()
    for number, request in enumerate(requests):
        await server.same(request)
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number
        server.send(answer)
        await link.client.same(answer)
    await lab.settled()
    assert [head.path for head in lab.all(RequestHead)] == [b"/1", b"/2", b"/3", b"/4"]


async def test_a_pipelined_request_waits_until_the_one_before_is_answered(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    first, second = link.get(b"/1"), link.get(b"/2")
    link.client.send(link.wrote(first) + link.wrote(second))
    server = await link.server()
    await server.same(first)
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
    await link.client.until(b"ha")
    assert server.unread == b""
    server.send(b"lf")
    await server.same(second)
    server.send(OK)
    await link.client.same(b"lf" + OK)


async def test_a_close_delimited_response_ends_with_its_connection(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    response = b"HTTP/1.1 200 OK\r\nX-Length: none\r\n\r\n" + b"until the end"
    server.send(response)
    await link.client.same(response)
    server.close()
    assert await link.client.rest() == b""
    await lab.settled()
    assert body_of(lab, Direction.RESPONSE) == b"until the end"
    assert (await lab.one(FlowClosed)).reason == "completed"


@pytest.mark.parametrize("keep", [True, False])
async def test_http_1_0_passes_with_its_version(lab: Lab, route: str, keep: bool) -> None:
    await lab.start()
    link = await lab.link(route)
    option = b"Connection: keep-alive\r\n" if keep else b""
    request = b"GET /old HTTP/1.0\r\nX: y\r\n" + option + b"\r\n"
    response = b"HTTP/1.0 200 OK\r\n" + option + b"Content-Length: 3\r\n\r\nold"
    server = await link.pass_request(request)
    await link.pass_response(response)
    if keep:
        await link.pass_request(request)
        await link.pass_response(response)
    else:
        server.close()
        assert await link.client.rest() == b""
    await lab.settled()
    assert {head.version for head in lab.all(RequestHead)} == {"HTTP/1.0"}
    assert {head.version for head in lab.all(ResponseHead)} == {"HTTP/1.0"}


@pytest.mark.parametrize("who", ["request", "response"])
async def test_connection_close_of_either_side_is_kept_and_obeyed(lab: Lab, route: str, who: str) -> None:
    await lab.start()
    link = await lab.link(route)
    close = b"Connection: close"
    await link.pass_request(link.get(b"/", *([close] if who == "request" else [])))
    extra = close + b"\r\n" if who == "response" else b""
    await link.pass_response(b"HTTP/1.1 200 OK\r\n" + extra + b"Content-Length: 2\r\n\r\nok")
    assert await link.client.rest() == b""
    assert (await lab.one(FlowClosed)).reason == "completed"


@pytest.mark.parametrize("status", [100, 102, 103])
async def test_interim_responses_pass_before_the_final_one(lab: Lab, route: str, status: int) -> None:
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get())
    interim = b"HTTP/1.1 %d  Wait\r\nLink: </a.css>; rel=preload\r\n\r\n" % status
    await link.pass_response(interim)
    await link.pass_response(interim)
    assert [info.raw for info in await lab.told(ResponseInfo, 2)] == [interim, interim]
    await link.pass_response(OK)
    await lab.settled()
    assert (await lab.one(ResponseHead)).status == 200


async def test_expect_continue_is_left_to_the_origin(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    head = b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    server = await link.pass_request(head)
    await link.pass_response(b"HTTP/1.1 100 Continue\r\n\r\n")
    link.client.send(b"body")
    await server.same(b"body")
    await link.pass_response(OK)
    await lab.settled()
    assert (await lab.one(ResponseInfo)).generated is False
    assert body_of(lab, Direction.REQUEST) == b"body"


async def test_an_expectation_that_is_refused_ends_without_the_body(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    head = b"POST /x HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    server = await link.pass_request(head)
    refusal = b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    await link.pass_response(refusal)
    server.close()
    assert await link.client.rest() == b""
    await lab.settled()
    assert (await lab.one(ResponseHead)).status == 417


async def test_a_response_streams_while_its_body_is_open(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + CHUNKED)
    for number in range(5):
        piece = b"data: %d\n\n" % number
        await link.pass_response(b"%x\r\n" % len(piece) + piece + b"\r\n")
        assert len(await lab.told(BodyChunk, number + 1)) == number + 1
    assert not lab.all(FlowClosed)
    await link.pass_response(b"0\r\n\r\n")
    await lab.settled()


async def test_a_request_streams_while_its_body_is_open(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\n")
    for piece in (b"ab", b"cd", b"ef"):
        link.client.send(piece)
        await server.same(piece)
    await link.pass_response(OK)


async def test_a_response_may_stream_beside_its_request(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(b"POST /echo HTTP/1.1\r\n" + HOST + CHUNKED)
    await link.pass_response(b"HTTP/1.1 200 OK\r\n" + CHUNKED)
    for number in range(4):
        chunk = b"1\r\n%d\r\n" % number
        link.client.send(chunk)
        await server.same(chunk)
        await link.pass_response(chunk)
    await link.pass_response(b"0\r\n\r\n")
    link.client.send(b"0\r\n\r\n")
    await server.same(b"0\r\n\r\n")
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "completed"
    await link.pass_request(link.get(b"/next"))
    await link.pass_response(OK)


async def test_a_client_that_half_closes_still_gets_its_answer(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    await link.pass_request(link.get())
    link.client.finish()
    await link.pass_response(OK)
    assert await link.client.rest() == b""
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "completed"


async def test_a_large_body_passes_both_ways(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    body = bytes(range(256)) * 16_384
    head = b"POST /big HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    link.ask(head + body)
    server = await link.server()
    await server.same(head + body)
    await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await lab.settled()
    assert body_of(lab, Direction.REQUEST) == body
    assert body_of(lab, Direction.RESPONSE) == body


async def test_the_flow_names_scheme_host_port_and_client(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get())
    opened = await lab.one(FlowOpened)
    assert (opened.scheme, opened.host, opened.port) == (
        "https" if route == "tls" else "http",
        "site.test",
        link.origin.port,
    )
    assert opened.intercepted == (route == "tls")
    local = link.client.transport.get_extra_info("sockname")
    assert opened.client == f"{local[0]}:{local[1]}"
