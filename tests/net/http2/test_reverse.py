"""Reverse mode over HTTP/2: the server is asked early what it can do, and addressed as what it is."""

from __future__ import annotations

from typing import Any

import pytest
from h2.settings import SettingCodes

from soth_mitm.model.events import DialFailed, FlowClosed, RequestHead
from tests.helpers.h2peer import Peer, get
from tests.helpers.net import OK, SITE, Lab, Origin
from tests.helpers.upgrade import EXTENDED
from tests.helpers.wire import eventually

CONNECTS = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}


async def start(lab: Lab, *, tls: bool = False, **settings: Any) -> Origin:  # noqa: ANN401
    """Open an origin of HTTP/2, and a proxy that stands for it."""
    context = lab.world.server_context(SITE, alpn=("h2",)) if tls else None
    origin = await lab.origin(tls=tls, context=context)
    scheme = "https" if tls else "h2c"
    await lab.start(mode=(f"reverse:{scheme}://{SITE}:{origin.port}",), **settings)
    return origin


async def client(lab: Lab, *, tls: bool = False) -> Peer:
    """Connect to the proxy as to a server."""
    if not tls:
        return Peer(await lab.client(), client=True)
    context = lab.client_context(alpn=("h2",))
    return Peer(await lab.inside(await lab.raw(), context=context), client=True)


async def test_extended_connect_is_offered_before_the_first_request(lab: Lab) -> None:
    origin = await start(lab)
    asking = await client(lab)
    server = Peer(await origin.accept(), client=False, settings=CONNECTS)
    await asking.until(lambda: asking.peer_settings.get(8), "the offer", beside=server)
    stream = asking.ask(get(scheme=b"http"))
    await server.until(lambda: server.messages[1].ended, "the request", beside=asking)
    server.answer(1)
    assert (await asking.message(stream)).body == b"ok"
    assert len(origin.wires) == 1
    asking.wire.close()
    await eventually(lambda: origin.wires[0].lost or origin.wires[0].ended, "the end of the upstream")


@pytest.mark.parametrize("alpn", [("http/1.1",), ()])
async def test_the_first_settings_offer_extended_connect_where_the_server_speaks_http1_alone(
    lab: Lab, alpn: tuple[str, ...]
) -> None:
    origin = await lab.origin(tls=True, context=lab.world.server_context(SITE, alpn=alpn))
    await lab.start(mode=(f"reverse:https://{SITE}:{origin.port}",))
    asking = await client(lab, tls=True)
    await asking.until(lambda: asking.peer_settings, "the first settings")
    assert asking.peer_settings[8] == 1
    fields = [(name, b"me.test" if name == b":authority" else value) for name, value in EXTENDED]
    stream = asking.ask(fields, end=False)
    server = await origin.accept()
    head = await server.head()
    assert head.startswith(
        b"GET /chat HTTP/1.1\r\nhost: site.test:%d\r\nconnection: Upgrade\r\n" % origin.port
    )
    server.send(OK)
    message = await asking.message(stream)
    assert (b":status", b"502") in message.head
    assert b"upgrade_ignored" in message.body
    assert len(origin.wires) == 1


async def test_a_server_that_says_nothing_of_itself_holds_a_client_up_for_a_moment_only(lab: Lab) -> None:
    await start(lab)
    asking = await client(lab)
    await asking.until(lambda: asking.peer_settings, "the first settings")
    assert 8 not in asking.peer_settings


async def test_what_was_dialled_for_a_client_that_asks_nothing_is_closed_with_it(lab: Lab) -> None:
    origin = await start(lab)
    asking = await client(lab)
    wire = await origin.accept()
    asking.wire.close()
    await eventually(lambda: wire.lost or wire.ended, "the end of the upstream")


@pytest.mark.parametrize("tls", [False, True])
async def test_the_server_is_told_the_scheme_that_it_speaks(lab: Lab, tls: bool) -> None:
    origin = await start(lab, tls=tls)
    asking = await client(lab, tls=not tls)
    asking.ask(get(scheme=b"http" if tls else b"https"))
    server = Peer(await origin.accept(), client=False)
    await server.until(lambda: server.messages[1].ended, "the request")
    wanted = b"https" if tls else b"http"
    assert dict(server.messages[1].head)[b":scheme"] == wanted
    assert b":scheme: " + wanted in (await lab.one(RequestHead)).forwarded


async def test_a_server_that_is_down_is_said_to_the_first_request(lab: Lab) -> None:
    origin = await start(lab)
    origin.close()
    asking = await client(lab)
    stream = asking.ask(get(scheme=b"http"))
    message = await asking.message(stream)
    assert (b":status", b"502") in message.head
    assert b"connect_refused" in message.body
    await lab.told(FlowClosed)
    assert [told.body.code for told in lab.bodies(DialFailed) if told.event.flow] == ["connect_refused"]


async def test_a_blocked_server_is_not_dialled(lab: Lab) -> None:
    origin = await start(lab, block=(SITE,))
    asking = await client(lab)
    stream = asking.ask(get(scheme=b"http"))
    assert (b":status", b"403") in (await asking.message(stream)).head
    assert not origin.wires
