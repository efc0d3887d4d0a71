"""Plain forwarding: what is rewritten, what is shared between clients, and what the proxy answers itself."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509

from soth_mitm.model.events import (
    ConnOpened,
    DialStarted,
    FlowBound,
    FlowClosed,
    Noted,
    RequestHead,
    ResponseHead,
    Side,
)
from tests.helpers.net import OK, Lab


async def test_absolute_form_becomes_origin_form_and_proxy_fields_go(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    link.client.send(
        b"GET http://" + link.site + b"/a?b#c HTTP/1.1\r\nhost: " + link.site + b"\r\n"
        b"Proxy-Connection: keep-alive\r\nproxy-AUTHORIZATION: Basic eDp5\r\n"
        b"X-Proxy: stays\r\nVia:1.1 me\r\n\r\n"
    )
    wanted = b"GET /a?b#c HTTP/1.1\r\nhost: " + link.site + b"\r\nX-Proxy: stays\r\nVia:1.1 me\r\n\r\n"
    server = await link.server()
    await server.same(wanted)
    assert (await lab.one(RequestHead)).forwarded == wanted


@pytest.mark.parametrize(
    ("method", "suffix", "target"),
    [(b"GET", b"", b"/"), (b"GET", b"?q", b"/?q"), (b"OPTIONS", b"", b"*"), (b"OPTIONS", b"/p", b"/p")],
)
async def test_a_target_without_a_path_gets_the_right_one(
    lab: Lab, method: bytes, suffix: bytes, target: bytes
) -> None:
    await lab.start()
    link = await lab.link("plain")
    fields = b" HTTP/1.1\r\nHost: " + link.site + b"\r\n\r\n"
    link.client.send(method + b" http://" + link.site + suffix + fields)
    await (await link.server()).same(method + b" " + target + fields)


async def test_an_idle_connection_is_used_again_by_another_client(lab: Lab) -> None:
    await lab.start()
    first = await lab.link("plain")
    await first.pass_request(first.get(b"/1"))
    await first.pass_response(OK)
    await lab.settled()
    second = await lab.link("plain", origin=first.origin)
    request = second.get(b"/2")
    second.ask(request)
    server = await first.server()
    await server.same(request)
    server.send(OK)
    await second.client.same(OK)
    assert len(first.origin.wires) == 1
    assert [bound.reused for bound in lab.all(FlowBound)] == [False, True]


async def test_connections_of_different_hosts_are_never_shared(lab: Lab) -> None:
    await lab.start()
    first = await lab.link("plain")
    await first.pass_request(first.get())
    await first.pass_response(OK)
    other = await lab.link("plain", host="other.test", origin=first.origin)
    other.ask(other.get())
    server = await first.origin.accept()
    await server.same(other.get())


async def test_an_intercepted_upstream_belongs_to_its_client_alone(lab: Lab) -> None:
    await lab.start()
    first = await lab.link("tls")
    await first.pass_request(first.get())
    await first.pass_response(OK)
    second = await lab.link("tls", origin=first.origin)
    await second.pass_request(second.get())
    await second.pass_response(OK)
    assert len(first.origin.wires) == 2
    first.client.close()
    assert await (await first.server()).rest() == b""


async def test_an_intercepted_upstream_that_closed_is_dialled_again(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    server = await link.pass_request(link.get(b"/1"))
    await link.pass_response(OK)
    server.close()
    await server.closed()
    request = link.get(b"/2")
    link.ask(request)
    fresh = await link.origin.accept()
    await fresh.same(request)
    fresh.send(OK)
    await link.client.same(OK)
    await lab.settled()
    assert {closed.reason for closed in lab.all(FlowClosed)} == {"completed"}


async def test_the_pool_keeps_no_more_than_its_budget(lab: Lab) -> None:
    proxy = await lab.start(limits={"pool_idle_per_host": 1})
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
    await b.closed()
    assert not a.ended
    assert proxy.counters.hits["pool_idle_per_host"] == 1


async def test_a_pooled_connection_is_closed_once_idle_for_too_long(lab: Lab) -> None:
    proxy = await lab.start(limits={"pool_idle_timeout": 0.01})
    link = await lab.link("plain")
    server = await link.pass_request(link.get())
    await link.pass_response(OK)
    await lab.settled()
    pool = proxy._shared.pool
    assert len(pool) == 1
    pool.tick(proxy._shared.loop.time() + 1)
    await server.closed()
    assert len(pool) == 0


@pytest.mark.parametrize("route_to_page", ["origin-form", "magic host"])
async def test_the_proxys_own_page_offers_the_certificate(lab: Lab, route_to_page: str) -> None:
    proxy = await lab.start()
    client = await lab.client()
    target = b"/" if route_to_page == "origin-form" else b"http://soth.mitm/"
    client.send(b"GET " + target + b" HTTP/1.1\r\nHost: soth.mitm\r\n\r\n")
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 200 OK\r\n")
    assert proxy.ca.fingerprint_sha256.encode() in page
    assert b"/ca.pem" in page
    head = await lab.one(ResponseHead)
    assert head.generated
    assert head.content_type == b"text/html; charset=utf-8"
    assert (await lab.one(FlowClosed)).reason == "responded"
    assert not lab.all(DialStarted)


@pytest.mark.parametrize("path", [b"/ca.pem", b"/ca.crt", b"/ca.cer"])
async def test_the_certificate_can_be_downloaded(lab: Lab, path: bytes) -> None:
    proxy = await lab.start()
    client = await lab.client()
    client.send(b"GET http://soth.mitm" + path + b" HTTP/1.1\r\nHost: soth.mitm\r\n\r\n")
    head, _, body = (await client.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    der = ssl.PEM_cert_to_DER_cert(body.decode()) if path == b"/ca.pem" else body
    x509.load_der_x509_certificate(der)
    assert ssl.PEM_cert_to_DER_cert(proxy.ca.certificate_path.read_text()) == der


async def test_head_for_the_own_page_has_no_body(lab: Lab) -> None:
    await lab.start()
    client = await lab.client()
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(("line", "status"), [(b"GET /nothing", b"404"), (b"POST /", b"405")])
async def test_what_the_own_page_does_not_have_is_refused(lab: Lab, line: bytes, status: bytes) -> None:
    await lab.start()
    client = await lab.client()
    client.send(line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 " + status)


async def test_a_plain_request_for_the_proxy_itself_is_refused_as_a_loop(lab: Lab) -> None:
    await lab.start()
    client = await lab.client()
    client.send(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % lab.port)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 508 ")
    assert (await lab.one(FlowClosed)).reason == "self_loop"
    assert not lab.all(DialStarted)


async def test_a_blocked_host_gets_a_403_and_is_never_dialled(lab: Lab) -> None:
    await lab.start(block=("site.test",))
    link = await lab.link("plain")
    link.ask(link.get())
    assert (await link.client.rest()).startswith(b"HTTP/1.1 403 ")
    assert (await lab.one(FlowClosed)).reason == "blocked"
    assert not lab.all(DialStarted)


async def test_a_block_in_the_middle_of_a_connection_stops_what_was_pipelined(lab: Lab) -> None:
    await lab.start(block=("bad.test",))
    link = await lab.link("plain")
    second = b"GET http://bad.test/ HTTP/1.1\r\nHost: bad.test\r\n\r\n"
    link.client.send(link.wrote(link.get()) + second)
    server = await link.server()
    await server.same(link.get())
    server.send(OK)
    await link.client.same(OK)
    assert (await link.client.rest()).startswith(b"HTTP/1.1 403 ")
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["completed", "blocked"]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"https://site.test/", b"https_needs_connect"),
        (b"ftp://site.test/", b"unsupported_scheme"),
        (b"site.test/", b"not_absolute"),
        (b"http://user@site.test/", b"invalid_authority"),
        (b"http://site.test:0/", b"invalid_port"),
    ],
)
async def test_a_target_that_cannot_be_forwarded_is_a_400(lab: Lab, target: bytes, code: bytes) -> None:
    await lab.start()
    client = await lab.client()
    client.send(b"GET " + target + b" HTTP/1.1\r\nHost: site.test\r\n\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"reason code: " + code in answer
    assert not lab.all(DialStarted)


async def test_a_connect_after_another_request_is_refused(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    link.client.send(b"CONNECT site.test:443 HTTP/1.1\r\nHost: site.test:443\r\n\r\n")
    assert b"connect_not_first" in await link.client.rest()


@pytest.mark.parametrize("keep", [True, False])
async def test_an_early_answer_reaches_a_client_that_still_uploads(lab: Lab, route: str, keep: bool) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(
        b"POST /up HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10
    )
    option = b"" if keep else b"Connection: close\r\n"
    refusal = b"HTTP/1.1 413 Content Too Large\r\n" + option + b"Content-Length: 3\r\n\r\nbig"
    await link.pass_response(refusal)
    if keep:
        link.client.send(b"y" * 990)
        await server.same(b"y" * 990)
        await lab.settled()
        await link.pass_request(link.get(b"/next"))
        await link.pass_response(OK)
    else:
        await lab.settled()
        assert (await lab.one(Noted)).code == "early_response"
        link.client.send(b"y" * 500)
        link.client.close()
        assert await server.rest() == b""
    await lab.settled()
    assert lab.all(FlowClosed)[0].reason == "completed"


async def test_an_early_answer_before_a_close_reaches_the_client(lab: Lab, route: str) -> None:
    """The origin answers, keeps its connection by the letter, and closes while the upload still runs."""
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(
        b"POST /up HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10
    )
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"
    server.send(refusal)
    server.close()
    await link.client.same(refusal)
    await lab.settled()
    closed = await lab.one(FlowClosed)
    assert closed.reason == "completed"


async def test_every_connection_upstream_has_its_own_events(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    opened = lab.bodies(ConnOpened)
    assert [told.body.side for told in opened] == [Side.CLIENT, Side.UPSTREAM]
    bound = await lab.one(FlowBound)
    assert (bound.client_conn, bound.upstream_conn) == (opened[0].event.conn, opened[1].event.conn)
    assert bound.address == opened[1].body.peer
    assert bound.connect_ns > 0
