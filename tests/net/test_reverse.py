"""Reverse mode: plain and TLS clients of one server, its Host, its pool, and what cannot be served."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from soth_mitm.hooks.handler import Handler
from soth_mitm.model.events import (
    CertificateIssued,
    ConnClosed,
    ConnectReceived,
    ConnOpened,
    DialFailed,
    FlowBound,
    FlowClosed,
    FlowKind,
    FlowOpened,
    GuardTripped,
    HelloReceived,
    PolicyDecided,
    RequestHead,
    Side,
    TargetGiven,
    TlsEstablished,
)
from tests.helpers.net import HOST, OK, SITE, Lab, Origin
from tests.helpers.wire import Wire

GET = b"GET /a HTTP/1.1\r\nX-Case: Kept\r\nhOsT:  me.test \r\nAccept: */*\r\n\r\n"


async def start(lab: Lab, *, tls: bool = False, options: str = "", **settings: Any) -> Origin:  # noqa: ANN401
    """Open an origin, and a proxy that stands for it."""
    origin = await lab.origin(tls=tls)
    scheme = "https" if tls else "http"
    await lab.start(mode=(f"reverse:{scheme}://{SITE}:{origin.port}{options}",), **settings)
    return origin


async def client(lab: Lab, *, tls: bool = False, name: str = SITE) -> Wire:
    """Connect to the proxy as to a server."""
    if not tls:
        return await lab.client()
    return await lab.inside(await lab.raw(), host=name, context=lab.client_context())


@pytest.mark.parametrize("client_tls", [False, True])
@pytest.mark.parametrize("origin_tls", [False, True])
async def test_a_request_goes_to_the_server_and_names_it(
    lab: Lab, client_tls: bool, origin_tls: bool
) -> None:
    origin = await start(lab, tls=origin_tls)
    wire = await client(lab, tls=client_tls)
    wire.send(GET)
    server = await origin.accept()
    named = b"%s:%d" % (SITE.encode(), origin.port)
    await server.same(GET.replace(b"me.test", named))
    server.send(OK)
    await wire.same(OK)
    await lab.settled()
    opened, head = await lab.one(FlowOpened), await lab.one(RequestHead)
    scheme = "https" if origin_tls else "http"
    assert (opened.flow_kind, opened.scheme, opened.host, opened.port) == (
        FlowKind.HTTP,
        scheme,
        SITE,
        origin.port,
    )
    assert opened.intercepted == client_tls
    assert (head.raw, head.forwarded) == (GET, GET.replace(b"me.test", named))
    given = await lab.one(TargetGiven)
    assert (given.how, given.host, given.port) == ("reverse", SITE, origin.port)
    assert not lab.all(ConnectReceived)
    assert (await lab.one(FlowClosed)).reason == "completed"


async def test_the_host_is_kept_where_that_is_asked_for(lab: Lab) -> None:
    origin = await start(lab, options="@0,keep-host")
    wire = await client(lab)
    wire.send(GET)
    server = await origin.accept()
    await server.same(GET)
    assert (await lab.one(RequestHead)).forwarded == b""


async def test_the_usual_port_is_left_out_of_the_host(lab: Lab) -> None:
    origin = await lab.origin()
    resolver = lambda host, port: [(HOST, origin.port)]  # noqa: E731
    await lab.start(mode=("reverse:http://site.test",), resolver=resolver)
    wire = await client(lab)
    wire.send(GET)
    server = await origin.accept()
    await server.same(GET.replace(b"me.test", b"site.test"))


async def test_a_certificate_names_what_the_client_calls_us(lab: Lab) -> None:
    origin = await start(lab)
    await client(lab, tls=True, name="other.test")
    assert (await lab.one(HelloReceived)).sni == "other.test"
    assert (await lab.one(CertificateIssued)).sans == (SITE, "other.test")
    await client(lab, tls=True, name=HOST)
    assert (await lab.told(CertificateIssued, 2))[1].sans == (SITE, HOST)
    assert not origin.wires


async def test_connections_to_the_server_are_shared_by_the_clients(lab: Lab) -> None:
    origin = await start(lab, tls=True)
    for tls in (False, True):
        wire = await client(lab, tls=tls)
        wire.send(GET)
        await (await origin.accept() if not tls else origin.wires[0]).head()
        origin.wires[0].send(OK)
        await wire.same(OK)
        await lab.settled()
    assert [bound.reused for bound in lab.all(FlowBound)] == [False, True]
    assert len(origin.wires) == 1


async def test_an_absolute_form_target_becomes_a_path(lab: Lab) -> None:
    origin = await start(lab)
    wire = await client(lab)
    wire.send(b"GET http://else.test/x?y HTTP/1.1\r\nHost: else.test\r\nProxy-Connection: close\r\n\r\n")
    server = await origin.accept()
    await server.same(b"GET /x?y HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (SITE.encode(), origin.port))


async def test_a_connect_is_refused_with_what_this_address_is(lab: Lab) -> None:
    origin = await start(lab)
    wire = await client(lab)
    wire.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
    answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"reason code: connect_to_reverse" in answer
    assert (await lab.one(FlowOpened)).host == SITE
    assert not origin.wires


async def test_a_malformed_request_is_refused_and_its_row_names_the_server(lab: Lab) -> None:
    origin = await start(lab)
    wire = await client(lab, tls=True)
    wire.send(b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n")
    assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")
    opened = await lab.one(FlowOpened)
    assert (opened.host, opened.port) == (SITE, origin.port)
    assert (await lab.one(GuardTripped)).code == "invalid_field_name"


async def test_a_server_that_is_down_is_a_502(lab: Lab) -> None:
    origin = await start(lab)
    origin.close()
    wire = await client(lab)
    wire.send(GET)
    answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"connect_refused" in answer
    flow_failed = [told.body for told in lab.bodies(DialFailed) if told.event.flow]
    assert [failed.code for failed in flow_failed] == ["connect_refused"]


async def test_a_server_with_a_bad_certificate_is_a_502(lab: Lab) -> None:
    origin = await lab.origin(tls=True, names=("other.test",))
    await lab.start(mode=(f"reverse:https://{SITE}:{origin.port}",))
    wire = await client(lab, tls=True)
    wire.send(GET)
    answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"hostname mismatch" in answer


async def test_a_blocked_server_is_a_403_and_never_dialled(lab: Lab) -> None:
    origin = await start(lab, block=(SITE,))
    wire = await client(lab)
    wire.send(GET)
    assert (await wire.rest()).startswith(b"HTTP/1.1 403 ")
    assert (await lab.one(FlowClosed)).reason == "blocked"
    assert not origin.wires


async def test_a_server_that_is_this_proxy_is_a_508(lab: Lab) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    await lab.start(mode=(f"reverse:http://site.test:{port}@{port}",))
    wire = await client(lab)
    wire.send(GET)
    assert (await wire.rest()).startswith(b"HTTP/1.1 508 ")
    assert (await lab.told(FlowClosed))[0].reason == "self_loop"


async def test_a_tunnelled_server_gets_the_bytes_as_they_are(lab: Lab) -> None:
    origin = await start(lab, tls=True, tunnel=(SITE,))
    context = lab.client_context()
    context.load_verify_locations(lab.world.roots)
    wire = await lab.inside(await lab.raw(), host=SITE, context=context)
    wire.send(GET)
    server = await origin.accept()
    await server.same(GET)
    server.send(OK)
    await wire.same(OK)
    wire.close()
    assert (await lab.told(FlowClosed))[0].reason == "relay_eof"
    assert (await lab.one(FlowOpened)).flow_kind is FlowKind.TUNNEL
    assert (await lab.one(PolicyDecided)).reason == "tunnel_option"
    assert not lab.all(TlsEstablished)


async def test_a_tunnelled_server_that_is_down_is_a_row(lab: Lab) -> None:
    origin = await start(lab, tunnel=(SITE,))
    origin.close()
    wire = await client(lab)
    assert await wire.rest() == b""
    assert (await lab.one(FlowClosed)).reason == "upstream_connect_failed"


async def test_decrypted_bytes_that_are_no_http_pass_as_a_stream(lab: Lab) -> None:
    origin = await start(lab, tls=True)
    wire = await client(lab, tls=True)
    wire.send(b"\x00\x01binary")
    server = await origin.accept()
    await server.same(b"\x00\x01binary")
    server.send(b"\xff\xfe")
    await wire.same(b"\xff\xfe")
    opened = await lab.one(FlowOpened)
    assert (opened.flow_kind, opened.host, opened.port) == (FlowKind.BYTES, SITE, origin.port)


async def test_a_connection_upgrades_through_it(lab: Lab) -> None:
    origin = await start(lab)
    wire = await client(lab)
    wire.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    server = await origin.accept()
    await server.head()
    switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    server.send(switched)
    await wire.same(switched)
    wire.send(b"there")
    await server.same(b"there")
    server.send(b"back")
    await wire.same(b"back")


async def test_a_client_that_sends_nothing_leaves_no_row(lab: Lab) -> None:
    await start(lab)
    wire = await client(lab)
    await lab.told(ConnOpened)
    wire.close()
    await lab.told(ConnClosed)
    assert not lab.all(FlowOpened)
    assert [opened.side for opened in lab.all(ConnOpened)] == [Side.CLIENT]


class Veto(Handler):
    """Sees what a handler is told of a request."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []

    async def on_request(self, request: object) -> None:
        self.told.append((request.scheme, request.host, request.port))  # type: ignore[attr-defined]


async def test_a_handler_is_told_the_server(lab: Lab) -> None:
    origin = await lab.origin(tls=True)
    handler = Veto()
    await lab.start(handler=handler, mode=(f"reverse:https://{SITE}:{origin.port}",))
    wire = await client(lab)
    wire.send(GET)
    server = await origin.accept()
    await server.head()
    server.send(OK)
    await wire.same(OK)
    assert handler.told == [("https", SITE, origin.port)]
