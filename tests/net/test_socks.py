"""SOCKS clients: decrypted, tunnelled, refused in their own words."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from soth_mitm.model.events import (
    ConnClosed,
    ConnectRefused,
    FlowBound,
    FlowClosed,
    FlowKind,
    FlowOpened,
    Noted,
    TargetGiven,
)
from soth_mitm.net.dial import DialError
from tests.helpers.net import HOST, OK, SITE, Lab
from tests.helpers.wire import Wire

GREETING = b"\x05\x01\x00"
GRANTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


def asking(port: int, host: str = SITE) -> bytes:
    return b"\x05\x01\x00\x03" + bytes((len(host),)) + host.encode() + port.to_bytes(2, "big")


async def start(lab: Lab, **settings: Any) -> None:  # noqa: ANN401
    await lab.start(mode=("socks5@0",), **settings)


async def exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = await asyncio.get_running_loop().sock_recv(sock, count - len(data))
        assert part, data
        data += part
    return data


async def granted(lab: Lab, port: int) -> socket.socket:
    """Ask for a target, and have it granted."""
    sock = await lab.raw()
    await asyncio.get_running_loop().sock_sendall(sock, GREETING)
    assert await exactly(sock, 2) == b"\x05\x00"
    await asyncio.get_running_loop().sock_sendall(sock, asking(port))
    assert await exactly(sock, 10) == GRANTED
    return sock


async def passes(client: Wire, origin_wire: Wire) -> None:
    request = b"GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n"
    client.send(request)
    await origin_wire.same(request)
    origin_wire.send(OK)
    await client.same(OK)


@pytest.mark.parametrize("tls", [False, True])
async def test_what_a_socks_client_sends_is_seen(lab: Lab, tls: bool) -> None:
    await start(lab)
    origin = await lab.origin(tls=tls)
    sock = await granted(lab, origin.port)
    client = await lab.inside(sock, context=lab.client_context() if tls else None)
    await passes(client, await origin.accept())
    await lab.settled()
    opened = await lab.one(FlowOpened)
    assert (opened.flow_kind, opened.scheme, opened.host) == (FlowKind.HTTP, "https" if tls else "http", SITE)
    given = await lab.one(TargetGiven)
    assert (given.how, given.host, given.port, given.user) == ("socks5", SITE, origin.port, "")
    assert (await lab.one(FlowClosed)).reason == "completed"


async def test_all_at_once_and_what_comes_behind_it_is_kept(lab: Lab) -> None:
    await start(lab)
    origin = await lab.origin()
    client = await lab.client()
    client.send(GREETING + asking(origin.port) + b"\x00not http")
    await client.same(b"\x05\x00" + GRANTED)
    server = await origin.accept()
    await server.same(b"\x00not http")
    server.send(b"answer")
    await client.same(b"answer")
    assert (await lab.one(Noted)).code == "not_http"


async def test_a_server_that_speaks_first_is_tunnelled(lab: Lab) -> None:
    await start(lab)
    origin = await lab.origin()
    client = await lab.inside(await granted(lab, origin.port))
    (await origin.accept()).send(b"220 mail.test\r\n")
    await client.same(b"220 mail.test\r\n")
    assert (await lab.one(Noted)).code == "server_first"


async def test_a_user_and_password_are_asked_for_and_the_user_is_told(lab: Lab) -> None:
    await start(lab, proxy_auth="me:secret")
    origin = await lab.origin()
    client = await lab.client()
    client.send(b"\x05\x02\x00\x02")
    await client.same(b"\x05\x02")
    client.send(b"\x01\x02me\x06secret")
    await client.same(b"\x01\x00")
    client.send(asking(origin.port))
    await client.same(GRANTED)
    await passes(client, await origin.accept())
    assert (await lab.one(TargetGiven)).user == "me"
    assert b"secret" not in b"".join(repr(event).encode() for event in lab.events)


@pytest.mark.parametrize(
    ("sent", "answer", "code", "status"),
    [
        (b"\x05\x02\x00\x01", b"\x05\xff", "proxy_auth_required", 407),
        (b"\x05\x01\x02\x01\x02me\x05wrong", b"\x05\x02\x01\x01", "proxy_auth_wrong", 407),
        (b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", b"\x00\x5b" + bytes(6), "socks4", 400),
    ],
)
async def test_who_may_not_use_it_is_refused_and_a_row(
    lab: Lab, sent: bytes, answer: bytes, code: str, status: int
) -> None:
    await start(lab, proxy_auth="me:secret")
    client = await lab.client()
    client.send(sent)
    assert await client.rest() == answer
    (refused,) = [told.body for told in lab.bodies(ConnectRefused) if told.event.flow]
    assert (refused.code, refused.status) == (code, status)
    assert (await lab.one(FlowClosed)).reason == "connect_parse_failed"


async def test_http_on_the_socks_port_is_told_so_in_http(lab: Lab) -> None:
    await start(lab)
    client = await lab.client()
    client.send(b"GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n")
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 400 ")
    assert b"this port speaks SOCKS 5" in page


async def test_bind_is_not_served(lab: Lab) -> None:
    await start(lab)
    client = await lab.client()
    client.send(GREETING + b"\x05\x02" + asking(80)[2:])
    assert await client.rest() == b"\x05\x00\x05\x07\x00\x01" + bytes(6)


@pytest.mark.parametrize("sent", [b"\x05", GREETING, GREETING + b"\x05\x01"])
async def test_a_client_that_leaves_inside_its_request_is_a_row(lab: Lab, sent: bytes) -> None:
    await start(lab)
    client = await lab.client()
    client.send(sent)
    client.finish()
    await client.closed()
    assert [closed.reason for closed in await lab.told(ConnClosed)] == ["connect_parse_failed"]
    assert (await lab.one(FlowClosed)).detail == "incomplete_socks"


async def test_a_client_that_sends_nothing_is_none(lab: Lab) -> None:
    await start(lab)
    client = await lab.client()
    client.close()
    assert (await lab.told(ConnClosed))[0].reason == "client_closed"
    assert not lab.all(FlowOpened)


@pytest.mark.parametrize(
    ("code", "byte"),
    [
        ("connect_refused", 5),
        ("network_unreachable", 3),
        ("host_unreachable", 4),
        ("dns_not_found", 4),
        ("connect_timeout", 6),
        ("upstream_host_full", 1),
    ],
)
async def test_a_target_that_cannot_be_reached_is_said_in_socks(lab: Lab, code: str, byte: int) -> None:
    await start(lab)

    def fails(host: str, port: int) -> list[tuple[str, int]]:
        raise DialError(host, port, stage="connect", code=code, detail="")

    lab.running._shared.dialer._override = fails
    client = await lab.client()
    client.send(GREETING + asking(80))
    assert await client.rest() == b"\x05\x00\x05" + bytes((byte, 0, 1)) + bytes(6)
    assert (await lab.one(FlowClosed)).detail == code


async def test_a_blocked_target_is_not_allowed_and_never_dialled(lab: Lab) -> None:
    await start(lab, block=(SITE,))
    client = await lab.client()
    client.send(GREETING + asking(80))
    assert (await client.rest())[2:4] == b"\x05\x02"
    assert (await lab.one(FlowClosed)).reason == "blocked"
    assert not lab.all(FlowBound)


async def test_the_proxy_itself_is_not_allowed(lab: Lab) -> None:
    await start(lab)
    client = await lab.client()
    client.send(GREETING + asking(lab.port, HOST))
    assert (await client.rest())[2:4] == b"\x05\x02"
    assert (await lab.one(FlowClosed)).reason == "self_loop"


async def test_the_magic_host_shows_the_own_page(lab: Lab) -> None:
    await start(lab)
    client = await lab.client()
    client.send(GREETING + asking(80, "soth.mitm"))
    await client.same(b"\x05\x00" + GRANTED)
    client.send(b"GET /ca.pem HTTP/1.1\r\nHost: soth.mitm\r\n\r\n")
    page = await client.rest()
    assert page.startswith(b"HTTP/1.1 200 ")
    assert b"BEGIN CERTIFICATE" in page
    assert (await lab.one(FlowClosed)).reason == "responded"
