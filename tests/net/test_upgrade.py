"""After a 101 the bytes of both directions pass as they are, with half-close where the transport has it."""

from __future__ import annotations

from soth_mitm.model.events import BodyChunk, Direction, FlowClosed, Upgraded
from tests.helpers.net import Lab, Link

REQUEST = b"GET /chat HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade\r\nUpgrade: custom\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: custom\r\n\r\n"


async def switched(lab: Lab, route: str) -> Link:
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(REQUEST)
    await link.pass_response(SWITCH)
    return link


async def test_bytes_flow_both_ways_after_a_101(lab: Lab, route: str) -> None:
    link = await switched(lab, route)
    server = await link.server()
    for number in range(3):
        link.client.send(b"up %d\x00\xff" % number)
        await server.same(b"up %d\x00\xff" % number)
        server.send(b"GET / HTTP/1.1 down %d" % number)
        await link.client.same(b"GET / HTTP/1.1 down %d" % number)
    assert (await lab.one(Upgraded)).protocol == "custom"
    link.client.close()
    assert await server.rest() == b""
    server.close()
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "relay_eof"
    up = b"".join(chunk.data for chunk in lab.all(BodyChunk) if chunk.direction is Direction.REQUEST)
    assert up == b"".join(b"up %d\x00\xff" % number for number in range(3))


async def test_bytes_behind_the_101_in_the_same_packet_are_not_lost(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(REQUEST)
    await link.pass_response(SWITCH + b"first words")
    link.client.send(b"answer")
    await (await link.server()).same(b"answer")


async def test_bytes_that_the_client_sent_before_the_101_are_not_lost(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    link.ask(REQUEST + b"too early")
    server = await link.server()
    await server.same(REQUEST)
    server.send(SWITCH)
    await link.client.same(SWITCH)
    await server.same(b"too early")
    link.client.send(b" and more")
    await server.same(b" and more")


async def test_the_clients_half_close_reaches_the_server_and_the_rest_comes_back(lab: Lab) -> None:
    link = await switched(lab, "plain")
    server = await link.server()
    link.client.send(b"last")
    link.client.finish()
    assert await server.rest() == b"last"
    server.send(b"still here")
    await link.client.same(b"still here")
    server.close()
    assert await link.client.rest() == b""
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "relay_eof"


async def test_the_servers_half_close_reaches_the_client_and_the_rest_goes_up(lab: Lab) -> None:
    link = await switched(lab, "plain")
    server = await link.server()
    server.send(b"last")
    server.finish()
    assert await link.client.rest() == b"last"
    link.client.send(b"still here")
    await server.same(b"still here")
    link.client.close()
    await server.closed()
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "relay_eof"


async def test_a_server_that_closes_ends_the_client(lab: Lab, route: str) -> None:
    link = await switched(lab, route)
    server = await link.server()
    server.send(b"bye")
    server.close()
    assert await link.client.rest() == b"bye"
    link.client.close()
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "relay_eof"


async def test_a_reset_ends_the_other_side_with_an_error(lab: Lab) -> None:
    link = await switched(lab, "plain")
    server = await link.server()
    server.reset()
    await link.client.closed()
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == "relay_error"
