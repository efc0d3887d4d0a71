"""Through another proxy: CONNECT, absolute-form, SOCKS; its refusals; which way is chosen."""

from __future__ import annotations

import base64
import socket
import ssl
from typing import Any

import pytest

from soth_mitm.config import ProxyRule
from soth_mitm.model.events import (
    ConnClosed,
    DialFailed,
    DialResolved,
    DialStarted,
    FlowBound,
    FlowClosed,
    FlowOpened,
    PolicyDecided,
    RequestHead,
    ResponseHead,
)
from soth_mitm.record.rows import RowFold
from tests.helpers.net import HOST, OK, SITE, Lab, Origin
from tests.helpers.wire import Wire

TOKEN = base64.b64encode(b"me:secret")
CREDENTIALS = b"Proxy-Authorization: Basic " + TOKEN + b"\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: next\r\n\r\n"
PROXY = "next.test"


async def through(lab: Lab, scheme: str = "http", *, user: str = "", **settings: Any) -> Origin:  # noqa: ANN401
    """Open the next proxy, whose bytes the test drives, and a proxy that goes through it."""
    following = await lab.origin()
    await lab.start(mode=(f"upstream:{scheme}://{user}{PROXY}:{following.port}@0",), **settings)
    return following


async def asked(following: Origin, *, site: bytes = b"site.test:443", credentials: bytes = b"") -> Wire:
    """Accept a connection at the next proxy, and insist on its CONNECT."""
    wire = await following.accept()
    assert await wire.head() == b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (site, site, credentials)
    return wire


async def connecting(lab: Lab, port: int = 443) -> Wire:
    """Send a CONNECT to the proxy."""
    client = await lab.client()
    client.send(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (SITE.encode(), port))
    return client


@pytest.mark.parametrize("user", ["", "me:secret@"])
async def test_a_connect_goes_through_the_next_proxy(lab: Lab, user: str) -> None:
    following = await through(lab, user=user)
    client = await connecting(lab)
    server = await asked(following, credentials=CREDENTIALS if user else b"")
    server.send(ESTABLISHED)
    assert await client.head() == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    client.send(b"\x00not http")
    await server.same(b"\x00not http")
    server.send(b"answer")
    await client.same(b"answer")
    started = await lab.one(DialStarted)
    assert (started.host, started.port) == (SITE, 443)
    assert started.via == f"http://{PROXY}:{following.port}"
    assert (await lab.one(FlowBound)).address == f"{HOST}:{following.port}"
    assert TOKEN not in b"".join(repr(event).encode() for event in lab.events)


async def test_what_follows_its_answer_in_one_packet_is_kept(lab: Lab) -> None:
    following = await through(lab)
    client = await connecting(lab)
    server = await asked(following)
    server.send(b"HTTP/1.1 100 Continue\r\n\r\n" + ESTABLISHED + b"220 mail.test ESMTP\r\n")
    await client.head()
    await client.same(b"220 mail.test ESMTP\r\n")


async def test_tls_is_decrypted_through_the_next_proxy(lab: Lab) -> None:
    """The test plays the next proxy: it connects the two sockets itself, after its own 200."""
    context = lab.world.server_context(SITE)
    following = await through(lab)
    client = await connecting(lab)
    server = await asked(following)
    server.send(ESTABLISHED)
    await client.head()
    upstream, mine = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(upstream, mine, server_side=True)
    hello = lab.client_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = hello.wrap_bio(incoming, outgoing, server_hostname=SITE)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    client.send(outgoing.read())
    done = False
    while not done:
        upstream.write(await server.exactly(1))
        upstream.write(await server.exactly(len(server.unread)))
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            pass
        server.send(mine.read())
    decided = await lab.one(PolicyDecided)
    assert (decided.host, decided.port, decided.action) == (SITE, 443, "intercept")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (b"HTTP/1.1 407 Auth\r\n\r\n", "proxy_auth_required", "407: the proxy wants a user and password"),
        (b"HTTP/1.1 403 Not by us\r\n\r\n", "proxy_refused", "403 Not by us"),
        (b"HTTP/1.0 502 \x1b[2J\r\n\r\n", "proxy_refused", "502 \\x1b[2J"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "proxy_refused", "302 Found"),
        (b"SSH-2.0-x\r\n\r\n", "proxy_reply_invalid", "its answer is no HTTP/1.x: SSH-2.0-x"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "proxy_reply_invalid", "within 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\n", "proxy_closed", "the proxy closed after 17 bytes of its answer"),
        (b"", "proxy_closed", "the proxy closed after 0 bytes"),
    ],
)
async def test_a_refusal_of_the_next_proxy_is_a_502_that_says_it(
    lab: Lab, answer: bytes, code: str, said: str
) -> None:
    following = await through(lab)
    client = await connecting(lab)
    server = await asked(following)
    server.send(answer)
    if code == "proxy_closed":
        server.finish()
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 502 ")
    assert f"reason code: {code}".encode() in page
    assert f"cannot reach {SITE}:443 through http://{PROXY}:{following.port}".encode() in page
    (failed,) = [told.body for told in lab.bodies(DialFailed) if told.event.flow]
    assert (failed.stage, failed.code) == ("proxy", code)
    assert said in failed.detail
    assert (await lab.one(FlowClosed)).reason == "upstream_connect_failed"
    await server.closed()


async def test_a_next_proxy_that_is_down_is_named(lab: Lab) -> None:
    following = await through(lab)
    following.close()
    client = await connecting(lab)
    page = await client.rest()
    assert b"through http://next.test:" in page
    assert f"Nothing listens at {PROXY}:{following.port}".encode() in page
    assert b"connect_refused" in page
    fold = RowFold()
    rows = [row for event in lab.events if (row := fold.apply(event)) is not None]
    assert rows[-1].hint.startswith(f"Nothing listens at {PROXY}:{following.port}")


async def test_a_next_proxy_that_does_not_answer_is_given_up(lab: Lab) -> None:
    following = await through(lab, limits={"connect_timeout": 0.05})
    client = await connecting(lab)
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 502 ")
    await (await following.accept()).closed()
    assert lab.all(DialFailed)[0].code in ("proxy_timeout", "connect_timeout")


async def test_a_next_proxy_that_is_this_one_is_a_loop(lab: Lab) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    await lab.start(mode=(f"upstream:http://{PROXY}:{port}@{port}",))
    client = await lab.client()
    client.send(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 508 ")


# --- plain requests


@pytest.mark.parametrize("user", ["", "me:secret@"])
async def test_a_plain_request_stays_in_absolute_form(lab: Lab, user: str) -> None:
    following = await through(lab, user=user)
    client = await lab.client()
    head = b"GET http://site.test/a?b HTTP/1.1\r\nHOST: site.test\r\n"
    client.send(head + b"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic bWluZQ==\r\n\r\n")
    server = await following.accept()
    await server.same(head + (CREDENTIALS if user else b"") + b"\r\n")
    server.send(OK)
    await client.same(OK)
    await lab.settled()
    assert (await lab.one(RequestHead)).forwarded == head + b"\r\n"
    assert TOKEN not in b"".join(repr(event).encode() for event in lab.events)
    opened = await lab.one(FlowOpened)
    assert (opened.host, opened.port) == ("site.test", 80)


async def test_connections_to_the_next_proxy_are_pooled_a_target(lab: Lab) -> None:
    following = await through(lab)
    client = await lab.client()
    for host in (b"a.test", b"a.test", b"b.test"):
        client.send(b"GET http://%s/ HTTP/1.1\r\nHost: %s\r\n\r\n" % (host, host))
        await client_answered(following, client)
        await lab.settled()
    assert [bound.reused for bound in lab.all(FlowBound)] == [False, True, False]


async def client_answered(following: Origin, client: Wire) -> None:
    """Answer whichever connection a request has come to."""
    from tests.helpers.wire import eventually

    await eventually(lambda: any(wire.unread for wire in following.wires), "a request")
    (wire,) = [wire for wire in following.wires if wire.unread]
    await wire.head()
    wire.send(OK)
    await client.same(OK)


async def test_its_407_is_a_502_for_the_client_who_is_not_meant(lab: Lab) -> None:
    following = await through(lab, user="me:secret@")
    client = await lab.client()
    client.send(b"GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n")
    server = await following.accept()
    await server.head()
    server.send(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nno!")
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 502 ")
    assert b"the proxy refuses the user and password" in page
    assert b"Proxy-Authenticate" not in page
    assert (await lab.told(FlowClosed))[0].reason == "upstream_connect_failed"
    assert (await lab.one(ResponseHead)).status == 502
    await server.closed()


# --- which way


async def test_a_rule_chooses_the_way_and_policy_sees_the_target_alone(lab: Lab) -> None:
    first, second = await lab.origin(), await lab.origin()
    await lab.start(
        upstream=(
            ProxyRule(match="a.test", via=f"http://x.test:{first.port}"),
            ProxyRule(match="b.test", via="direct"),
            ProxyRule(match="*.test", via=f"http://y.test:{second.port}"),
        ),
        block=("x.test", "y.test", "c.test"),
        no_proxy=("d.test",),
    )
    client = await lab.client()
    client.send(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n")
    await client_answered(first, client)
    direct = await lab.origin()
    for host in (b"b.test", b"d.test"):
        client.send(b"GET http://%s:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % (host, direct.port))
        await client_answered(direct, client)
    client.send(b"GET http://c.test/ HTTP/1.1\r\nHost: c.test\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 403 ")
    vias = [started.via for started in lab.all(DialStarted)]
    assert vias == [f"http://x.test:{first.port}", "", ""]


async def test_a_reverse_mode_goes_through_the_proxy_of_its_server(lab: Lab) -> None:
    following = await lab.origin()
    rule = ProxyRule(match="*", via=f"http://me:secret@{PROXY}:{following.port}")
    await lab.start(mode=("reverse:http://site.test:81",), upstream=(rule,))
    client = await lab.client()
    client.send(b"GET /a HTTP/1.1\r\nHost: me\r\n\r\n")
    server = await following.accept()
    await server.same(b"GET http://site.test:81/a HTTP/1.1\r\nHost: site.test:81\r\n" + CREDENTIALS + b"\r\n")


async def test_a_reload_changes_the_way(lab: Lab) -> None:
    import msgspec

    proxy = await lab.start()
    following = await lab.origin()
    rule = ProxyRule(match="*", via=f"http://{PROXY}:{following.port}")
    assert proxy.reload(msgspec.structs.replace(proxy.config, upstream=(rule,))) == ("upstream",)
    client = await connecting(lab)
    await asked(following)
    client.abort()


# --- SOCKS

GREETING = b"\x05\x01\x00"
NAMED = b"\x05\x01\x00\x03\x09site.test\x01\xbb"
ADDRESSED = b"\x05\x01\x00\x01\x7f\x00\x00\x01\x01\xbb"
GRANTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(("scheme", "request_"), [("socks5h", NAMED), ("socks5", ADDRESSED)])
async def test_a_target_is_reached_through_socks(lab: Lab, scheme: str, request_: bytes) -> None:
    following = await through(lab, scheme)
    client = await connecting(lab)
    server = await following.accept()
    await server.same(GREETING)
    server.send(b"\x05\x00")
    await server.same(request_)
    server.send(GRANTED + b"early")
    await client.head()
    await client.same(b"early")
    client.send(b"\x00bytes")
    await server.same(b"\x00bytes")
    assert (await lab.one(DialStarted)).via == f"{scheme}://{PROXY}:{following.port}"
    assert (await lab.one(DialResolved)).addresses == (HOST,)


async def test_socks_with_a_user_and_password(lab: Lab) -> None:
    following = await through(lab, "socks5h", user="me:secret@")
    client = await connecting(lab)
    server = await following.accept()
    await server.same(b"\x05\x02\x00\x02")
    server.send(b"\x05\x02")
    await server.same(b"\x01\x02me\x06secret")
    server.send(b"\x01\x00")
    await server.same(NAMED)
    server.send(GRANTED)
    await client.head()


async def test_a_plain_request_goes_through_socks_in_origin_form(lab: Lab) -> None:
    following = await through(lab, "socks5h")
    client = await lab.client()
    client.send(b"GET http://site.test:443/a HTTP/1.1\r\nHost: site.test\r\n\r\n")
    server = await following.accept()
    await server.same(GREETING)
    server.send(b"\x05\x00")
    await server.same(NAMED)
    server.send(GRANTED)
    await server.same(b"GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n")
    server.send(OK)
    await client.same(OK)


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ((b"\x05\x00", b"\x05\x02\x00\x01"), "proxy_refused", "ruleset_blocked"),
        ((b"\x05\x00", b"\x05\x05\x00\x01"), "proxy_refused", "connection_refused"),
        ((b"\x05\x00", b"\x05\x99\x00\x01"), "proxy_reply_invalid", "0X99"),
        ((b"\x05\xff",), "proxy_auth_required", "wants a user and password"),
        ((b"HT",), "proxy_reply_invalid", "72"),
        ((b"\x05",), "proxy_closed", "closed before it answered"),
    ],
)
async def test_a_refusal_of_a_socks_proxy_says_why(
    lab: Lab, answers: tuple[bytes, ...], code: str, said: str
) -> None:
    following = await through(lab, "socks5h")
    client = await connecting(lab)
    server = await following.accept()
    for answer, expected in zip(answers, (GREETING, NAMED), strict=False):
        await server.same(expected)
        server.send(answer)
    if code == "proxy_closed":
        server.finish()
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 502 ")
    (failed,) = [told.body for told in lab.bodies(DialFailed) if told.event.flow]
    assert (failed.stage, failed.code) == ("proxy", code)
    assert said in failed.detail
    await server.closed()
    assert len(await lab.told(ConnClosed)) >= 1
