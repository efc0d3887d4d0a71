"""A proxy on the way that is reached through TLS: `upstream:https://`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from soth_mitm.config import HostRule
from soth_mitm.model.events import ConnOpened, DialFailed, DialStarted, FlowClosed, ResponseHead, Side
from soth_mitm.net import securehop
from tests.helpers.net import OK, SITE, Lab, Origin
from tests.helpers.wire import Wire, eventually

PROXY = "next.test"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def through(lab: Lab, *, certificate: str = PROXY, user: str = "", **settings: Any) -> Origin:  # noqa: ANN401
    """Open the next proxy, whose bytes inside TLS the test drives, and a proxy that goes through it."""
    following = await lab.origin(tls=True, context=lab.world.server_context(certificate))
    await lab.start(mode=(f"upstream:https://{user}{PROXY}:{following.port}@0",), **settings)
    return following


async def connecting(lab: Lab) -> Wire:
    client = await lab.client()
    client.send(b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % SITE.encode())
    return client


async def test_a_tunnel_goes_through_tls_and_ends_on_both_sides(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(securehop, "QUIET", 0.02)
    following = await through(lab, user="me:secret@")
    client = await connecting(lab)
    server = await following.accept()
    head = await server.head()
    assert head.startswith(b"CONNECT site.test:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" in head
    server.send(ESTABLISHED)
    await client.head()
    client.send(b"\x00not http")
    await server.same(b"\x00not http")
    big = bytes(1_000_000)
    await server.pour(big)
    await client.same(big)
    client.finish()
    server.send(b"last")
    assert await client.rest() == b"last"
    await server.closed()
    client.close()
    await lab.settled()
    started = await lab.one(DialStarted)
    assert started.via == f"https://{PROXY}:{following.port}"
    opened = next(conn for conn in lab.all(ConnOpened) if conn.side is Side.UPSTREAM)
    assert opened.peer.endswith(f":{following.port}")
    assert opened.local.startswith("127.0.0.1:")


async def test_what_the_target_sends_first_is_kept(lab: Lab) -> None:
    following = await through(lab)
    client = await connecting(lab)
    server = await following.accept()
    await server.head()
    server.send(ESTABLISHED + b"220 mail.test ESMTP\r\n")
    await client.head()
    await client.same(b"220 mail.test ESMTP\r\n")
    server.close()
    assert await client.rest() == b""


async def test_plain_requests_go_in_absolute_form_inside_tls(lab: Lab) -> None:
    following = await through(lab)
    client = await lab.client()
    for _ in range(2):
        client.send(b"GET http://site.test/a HTTP/1.1\r\nHost: site.test\r\n\r\n")
        if not following.wires:
            server = await following.accept()
        await server.same(b"GET http://site.test/a HTTP/1.1\r\nHost: site.test\r\n\r\n")
        server.send(OK)
        await client.same(OK)
    assert len(following.wires) == 1


@asynccontextmanager
async def relaying(lab: Lab) -> AsyncIterator[int]:
    """Run a proxy that speaks TLS, and connects on to wherever the lab's site is."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        port = int(head.split(b" ")[1].rpartition(b":")[2])
        there, out = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ESTABLISHED)
        await asyncio.gather(copy(reader, out), copy(there, writer), return_exceptions=True)

    context = lab.world.server_context(PROXY)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_tls_with_the_target_lies_inside_tls_with_the_proxy(lab: Lab) -> None:
    origin = await lab.origin(tls=True)
    async with relaying(lab) as port:
        await lab.start(mode=(f"upstream:https://{PROXY}:{port}@0",))
        sock = await lab.connect(origin.port)
        client = await lab.inside(sock, context=lab.client_context())
        server = await origin.accept()
        body = bytes(300_000)
        request = b"POST /a HTTP/1.1\r\nHost: site.test\r\nContent-Length: 300000\r\n\r\n" + body
        await client.pour(request)
        await server.same(request)
        response = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body
        await server.pour(response)
        await client.same(response)
        client.close()
        await server.closed()
        await lab.settled()
    assert (await lab.one(ResponseHead)).status == 200


@pytest.mark.parametrize(
    ("certificate", "settings", "said"),
    [
        ("other.test", {}, "hostname mismatch"),
        (PROXY, {"rules": (HostRule(match=PROXY, sni="disabled"),)}, ""),
        ("other.test", {"rules": (HostRule(match=PROXY, insecure=True),)}, ""),
    ],
)
async def test_its_certificate_is_checked_as_the_rules_for_its_host_say(
    lab: Lab, certificate: str, settings: dict[str, Any], said: str
) -> None:
    following = await through(lab, certificate=certificate, **settings)
    client = await connecting(lab)
    if not said:
        assert (await (await following.accept()).head()).startswith(b"CONNECT ")
        return
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"TLS with that proxy failed" in answer
    failed = (await lab.told(DialFailed))[0]
    assert (failed.stage, failed.code) == ("proxy", "proxy_tls_failed")
    assert "mismatch" in failed.detail
    assert (await lab.one(FlowClosed)).reason == "upstream_connect_failed"


async def test_a_proxy_that_speaks_no_tls_is_said_so(lab: Lab) -> None:
    following = await lab.origin()
    await lab.start(mode=(f"upstream:https://{PROXY}:{following.port}@0",))
    client = await connecting(lab)
    server = await following.accept()
    await eventually(lambda: server.unread[:1] == b"\x16", "a hello")
    server.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert b"TLS with that proxy failed" in await client.rest()


async def test_a_proxy_that_leaves_in_the_middle_closes_the_tunnel(lab: Lab) -> None:
    following = await through(lab)
    client = await connecting(lab)
    server = await following.accept()
    await server.head()
    server.send(ESTABLISHED)
    await client.head()
    client.send(b"\x00x")
    await server.same(b"\x00x")
    server.abort()
    await client.closed()
    await lab.settled()
