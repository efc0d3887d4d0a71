"""Ways in which a connection got stuck, leaked or went wrong: each one is kept from coming back."""

from __future__ import annotations

import asyncio
import contextlib

from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Request
from tests.helpers.net import OK, Lab
from tests.helpers.wire import Wire, eventually

MIB = 1024 * 1024
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


class Waits(Handler):
    """Decide about a request once the test says so."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def on_request(self, request: Request) -> None:
        self.asked.set()
        await self.go.wait()


async def pour_until_held(sender: Wire, *, most: int) -> None:
    """Send up to `most` bytes, or until the other end takes no more."""
    piece = b"x" * 262_144
    with contextlib.suppress(TimeoutError):
        for _ in range(most // len(piece)):
            await sender.pour(piece)
            await eventually(lambda: not sender.full)


async def test_what_a_client_sends_ahead_of_a_101_does_not_stop_what_follows(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    link.ask(link.get(b"/", b"Connection: Upgrade", b"Upgrade: echo"))
    server = await link.server()
    await server.head()
    session = next(iter(lab.running._shared.sessions))
    before = session._received  # type: ignore[attr-defined]
    link.client.send(b"early ")
    await eventually(lambda: session._received > before)  # type: ignore[attr-defined]
    server.send(SWITCH)
    await link.client.same(SWITCH)
    link.client.send(b"later")
    await server.same(b"early later")


async def test_requests_sent_ahead_while_a_hook_decides_are_left_in_the_socket(lab: Lab) -> None:
    handler = Waits()
    await lab.start(handler=handler, limits={"drain_timeout": 0.1})
    link = await lab.link("plain")
    link.ask(link.get())
    await handler.asked.wait()
    session = next(iter(lab.running._shared.sessions))
    for _ in range(200):
        link.client.send(b"GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n" * 2000)
    await eventually(lambda: session.reader.buffered)  # type: ignore[attr-defined]
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert session.reader.buffered < MIB  # type: ignore[attr-defined]


async def test_a_client_that_half_closes_while_a_hook_decides_gets_its_answer(lab: Lab) -> None:
    handler = Waits()
    await lab.start(handler=handler)
    link = await lab.link("plain")
    link.ask(link.get())
    link.client.finish()
    await handler.asked.wait()
    session = next(iter(lab.running._shared.sessions))
    await eventually(lambda: session._ended)  # type: ignore[attr-defined]
    handler.go.set()
    server = await link.server()
    await server.same(link.get())
    server.send(OK)
    assert await link.client.rest() == OK


async def test_bytes_behind_an_early_response_are_left_in_the_socket(lab: Lab, route: str) -> None:
    await lab.start(limits={"drain_timeout": 0.1})
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\nHost: " + link.site + b"\r\nContent-Length: 10\r\n\r\nabc")
    server = await link.server()
    await server.until(b"abc")
    server.send(OK)
    await link.client.same(OK)
    conn = next(iter(lab.running._shared.upstreams))
    for _ in range(200):
        server.send(b"x" * 100_000)
    await eventually(lambda: conn.reader.buffered)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert conn.reader.buffered < MIB
