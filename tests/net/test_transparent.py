"""Transparent mode, with redirections that are made up; `tests/e2e/test_transparent.py` has real ones."""

from __future__ import annotations

import pytest

from soth_mitm.config import ProxyRule
from soth_mitm.model.events import (
    ConnectRefused,
    DialFailed,
    DialStarted,
    FlowClosed,
    FlowKind,
    FlowOpened,
    Noted,
    TargetGiven,
)
from soth_mitm.net import transparent
from tests.helpers.net import HOST, OK, SITE, Lab, Origin

ADDRESS = "192.0.2.1"


@pytest.fixture
def redirected(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, int] | None]:
    """Have every connection be one that was going to `redirected["to"]`."""
    where: dict[str, tuple[str, int] | None] = {"to": (ADDRESS, 80)}
    monkeypatch.setattr(transparent, "original_destination", lambda sock: where["to"])
    return where


async def start(lab: Lab, origin: Origin | None = None, **settings: object) -> None:
    """Start the proxy; all addresses lead to the origin."""
    port = origin.port if origin is not None else 0
    resolver = lambda host, number: [(HOST, port or number)]  # noqa: E731
    await lab.start(mode=("transparent@0",), resolver=resolver, **settings)  # type: ignore[arg-type]


@pytest.mark.usefixtures("redirected")
async def test_a_plain_request_is_named_by_its_host_and_goes_to_the_address(lab: Lab) -> None:
    origin = await lab.origin()
    await start(lab, origin)
    client = await lab.client()
    request = b"GET /a HTTP/1.1\r\nHost: Site.test\r\n\r\n"
    client.send(request)
    server = await origin.accept()
    await server.same(request)
    server.send(OK)
    await client.same(OK)
    await lab.settled()
    given, opened = await lab.one(TargetGiven), await lab.one(FlowOpened)
    assert (given.how, given.host, given.port) == ("transparent", ADDRESS, 80)
    assert (opened.flow_kind, opened.scheme, opened.host, opened.port) == (FlowKind.HTTP, "http", SITE, 80)
    assert (await lab.one(DialStarted)).host == ADDRESS


async def test_tls_is_decrypted_under_the_name_of_its_hello(
    lab: Lab, redirected: dict[str, tuple[str, int] | None]
) -> None:
    redirected["to"] = (ADDRESS, 443)
    origin = await lab.origin(tls=True)
    await start(lab, origin)
    client = await lab.inside(await lab.raw(), context=lab.client_context())
    request = b"GET /a HTTP/1.1\r\nHost: site.test\r\n\r\n"
    client.send(request)
    server = await origin.accept()
    await server.same(request)
    server.send(OK)
    await client.same(OK)
    opened = await lab.one(FlowOpened)
    assert (opened.scheme, opened.host, opened.port) == ("https", SITE, 443)
    assert (await lab.one(DialStarted)).host == ADDRESS


@pytest.mark.usefixtures("redirected")
async def test_a_server_that_speaks_first_is_tunnelled(lab: Lab) -> None:
    origin = await lab.origin()
    await start(lab, origin, limits={"server_first_wait": 0.02})
    client = await lab.client()
    server = await origin.accept()
    server.send(b"220 mail.test\r\n")
    await client.same(b"220 mail.test\r\n")
    assert (await lab.told(Noted))[0].code in ("server_first", "client_silent")
    assert (await lab.one(FlowOpened)).host == ADDRESS


@pytest.mark.usefixtures("redirected")
async def test_a_name_in_the_host_field_can_be_blocked(lab: Lab) -> None:
    await start(lab, block=(SITE,))
    client = await lab.client()
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 403 ")
    assert not lab.all(DialStarted)


@pytest.mark.usefixtures("redirected")
async def test_a_server_that_is_down_is_a_502_for_plain_requests(lab: Lab) -> None:
    origin = await lab.origin()
    origin.close()
    await start(lab, origin)
    client = await lab.client()
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")


async def test_a_server_that_is_down_ends_a_tls_client_without_an_answer(
    lab: Lab, redirected: dict[str, tuple[str, int] | None]
) -> None:
    redirected["to"] = (ADDRESS, 443)
    origin = await lab.origin()
    origin.close()
    await start(lab, origin)
    client = await lab.client()
    client.send(b"\x16\x03\x01\x00\x10")
    await client.closed()
    assert client.received == b""
    assert [told.body.code for told in lab.bodies(DialFailed) if told.event.flow] == ["connect_refused"]


async def test_what_was_not_redirected_is_refused(
    lab: Lab, redirected: dict[str, tuple[str, int] | None]
) -> None:
    await start(lab)
    for number, where in enumerate((None, (HOST, lab.port)), 1):
        redirected["to"] = where
        client = await lab.client()
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.closed()
        assert client.received == b""
        assert {each.code for each in await lab.told(ConnectRefused, 2 * number)} == {"not_redirected"}


@pytest.mark.usefixtures("redirected")
async def test_a_connection_of_our_own_that_came_back_is_a_loop(lab: Lab) -> None:
    """The dial leads to the listener itself, as a redirection that takes in the proxy would."""
    await lab.start(mode=("transparent@0",), resolver=lambda host, port: [(HOST, lab.port)])
    lab.running._shared.is_self = lambda host, port: False  # type: ignore[method-assign]
    client = await lab.client()
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
    assert {each.code for each in lab.all(ConnectRefused)} == {"redirect_loop"}
    assert len(lab.all(DialStarted)) == 1


async def test_a_connection_to_our_own_socks_proxy_that_came_back_is_a_loop(
    lab: Lab, redirected: dict[str, tuple[str, int] | None]
) -> None:
    redirected["to"] = (HOST, 1080)
    rule = ProxyRule(match="*", via="socks5h://next.test:1080")
    await start(lab, upstream=(rule,))
    client = await lab.client()
    client.send(b"\x05\x01\x00")
    await client.closed()
    assert {each.code for each in lab.all(ConnectRefused)} == {"redirect_loop"}


@pytest.mark.usefixtures("redirected")
async def test_a_connect_or_a_host_that_cannot_be_read_is_refused(lab: Lab) -> None:
    await start(lab)
    client = await lab.client()
    client.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n")
    assert b"reason code: connect_to_transparent" in await client.rest()
    assert len(await lab.told(FlowClosed)) == 1
