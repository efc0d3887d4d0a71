"""A proxy that wants a user and password: of CONNECT and plain requests, and no recording of them."""

from __future__ import annotations

import asyncio
import base64

import pytest

from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import ConnectionInfo
from soth_mitm.model.events import (
    ClientNamed,
    ConnectReceived,
    ConnectRefused,
    ConnOpened,
    DialStarted,
    FlowClosed,
    FlowOpened,
    RequestHead,
)
from tests.helpers.net import OK, SITE, Lab
from tests.helpers.wire import read_head

TOKEN = base64.b64encode(b"me:secret")
RIGHT = b"Proxy-Authorization: Basic " + TOKEN + b"\r\n"
WRONG = b"Proxy-Authorization: Basic " + base64.b64encode(b"me:other") + b"\r\n"


def recorded(lab: Lab) -> bytes:
    return b"".join(repr(event).encode() for event in lab.events)


@pytest.mark.parametrize(
    ("field", "code"), [(b"", b"proxy_auth_required"), (WRONG, b"proxy_auth_wrong")], ids=["none", "wrong"]
)
@pytest.mark.parametrize("connect", [True, False])
async def test_without_the_right_credentials_there_is_a_407(
    lab: Lab, connect: bool, field: bytes, code: bytes
) -> None:
    await lab.start(proxy_auth="me:secret")
    client = await lab.client()
    line = b"CONNECT site.test:443" if connect else b"GET http://site.test/"
    client.send(line + b" HTTP/1.1\r\nHost: site.test\r\n" + field + b"\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 407 Proxy Authentication Required\r\n")
    assert b'\r\nProxy-Authenticate: Basic realm="soth-mitm"' in answer
    assert b"reason code: " + code in answer
    assert (await lab.one(FlowClosed)).detail == code.decode()
    assert not lab.all(DialStarted)
    assert base64.b64encode(b"me:other") not in recorded(lab)


async def test_a_connect_with_them_goes_on(lab: Lab) -> None:
    await lab.start(proxy_auth="me:secret")
    origin = await lab.origin()
    client = await lab.client()
    client.send(b"CONNECT site.test:%d HTTP/1.1\r\n" % origin.port + RIGHT + b"\r\n")
    assert await client.head() == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    raw = (await lab.one(ConnectReceived)).raw
    assert raw.endswith(b"HTTP/1.1\r\nProxy-Authorization: (hidden)\r\n\r\n")
    assert TOKEN not in recorded(lab)


async def test_each_plain_request_needs_them_and_none_is_passed_on_or_recorded(lab: Lab) -> None:
    await lab.start(proxy_auth="me:secret")
    link = await lab.link("plain")
    link.client.send(link.wrote(link.get(b"/1", RIGHT.rstrip())))
    server = await link.server()
    await server.same(link.get(b"/1"))
    await link.pass_response(OK)
    head = await lab.one(RequestHead)
    assert b"Proxy-Authorization: (hidden)\r\n" in head.raw
    assert head.forwarded == link.get(b"/1")
    link.client.send(link.wrote(link.get(b"/2")))
    assert (await link.client.rest()).startswith(b"HTTP/1.1 407 ")
    assert TOKEN not in recorded(lab)


async def test_a_malformed_request_leaves_none_in_its_row(lab: Lab) -> None:
    await lab.start(proxy_auth="me:secret")
    client = await lab.client()
    client.send(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n" + RIGHT + b"Bad Name: x\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
    assert TOKEN not in recorded(lab)


async def test_inside_a_connect_nothing_is_asked_for_and_nothing_taken_away(lab: Lab) -> None:
    await lab.start(proxy_auth="me:secret")
    origin = await lab.origin(tls=True)
    sock = await lab.raw()
    connect = b"CONNECT site.test:%d HTTP/1.1\r\n" % origin.port + RIGHT + b"\r\n"
    await asyncio.get_running_loop().sock_sendall(sock, connect)
    await read_head(sock)
    client = await lab.inside(sock, context=lab.client_context())
    request = b"GET / HTTP/1.1\r\nHost: site.test\r\n" + WRONG + b"\r\n"
    client.send(request)
    server = await origin.accept()
    await server.same(request)
    server.send(OK)
    await client.same(OK)


async def test_the_own_page_needs_none(lab: Lab) -> None:
    await lab.start(proxy_auth="me:secret")
    client = await lab.client()
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 200 ")


# --- PROXY headers

V1 = b"PROXY TCP4 203.0.113.7 198.51.100.9 50112 443\r\n"
V2 = (
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
    + bytes((203, 0, 113, 7, 198, 51, 100, 9))
    + (50112).to_bytes(2, "big")
    + (443).to_bytes(2, "big")
)


class Watching(Handler):
    """Sees who connects."""

    def __init__(self) -> None:
        self.clients: list[str] = []

    def on_connection_open(self, info: ConnectionInfo) -> None:
        self.clients.append(info.client)


@pytest.mark.parametrize("header", [V1, V2])
async def test_a_proxy_header_names_the_client(lab: Lab, header: bytes) -> None:
    handler = Watching()
    await lab.start(handler=handler, proxy_protocol=True)
    link = await lab.link("plain")
    link.client.send(header + link.wrote(link.get()))
    server = await link.server()
    await server.same(link.get())
    await link.pass_response(OK)
    named = await lab.one(ClientNamed)
    assert (named.client, named.destination) == ("203.0.113.7:50112", "198.51.100.9:443")
    assert named.version == (1 if header is V1 else 2)
    assert (await lab.one(FlowOpened)).client == "203.0.113.7:50112"
    assert lab.all(ConnOpened)[0].peer.startswith("127.0.0.1:")
    assert handler.clients == ["203.0.113.7:50112"]


async def test_a_header_in_pieces_before_a_connect(lab: Lab) -> None:
    await lab.start(mode=("regular@0,proxy-protocol",))
    origin = await lab.origin()
    client = await lab.client()
    for piece in (V2[:5], V2[5:20], V2[20:] + b"CONN"):
        client.send(piece)
        await lab.told(ConnOpened)
    client.send(b"ECT %s:%d HTTP/1.1\r\n\r\n" % (SITE.encode(), origin.port))
    assert await client.head() == b"HTTP/1.1 200 Connection Established\r\n\r\n"


async def test_a_header_that_names_nobody_leaves_the_client_as_it_is(lab: Lab) -> None:
    await lab.start(proxy_protocol=True)
    client = await lab.client()
    client.send(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 200 ")
    assert (await lab.one(FlowOpened)).client.startswith("127.0.0.1:")
    assert not lab.all(ClientNamed)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "proxy_header_missing"),
        (V1[:10], "proxy_header_incomplete"),
    ],
)
async def test_a_connection_without_a_header_is_refused(lab: Lab, sent: bytes, code: str) -> None:
    handler = Watching()
    await lab.start(handler=handler, proxy_protocol=True)
    client = await lab.client()
    client.send(sent)
    client.finish()
    assert await client.rest() == b""
    (refused,) = [told.body for told in lab.bodies(ConnectRefused) if told.event.flow]
    assert refused.code == code
    assert handler.clients == []


async def test_http2_without_asking_cannot_get_round_it(lab: Lab) -> None:
    await lab.start(proxy_auth="me:secret")
    client = await lab.client()
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
    assert await client.rest() == b""
    (refused,) = [told.body for told in lab.bodies(ConnectRefused) if told.event.flow]
    assert (refused.code, refused.status) == ("http2_without_auth", 407)
