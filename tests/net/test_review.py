"""Ways in which a connection got stuck, leaked or went wrong: each one is kept from coming back."""

from __future__ import annotations

import contextlib

from soth_mitm.model.events import FlowClosed
from tests.helpers.net import OK, Lab
from tests.helpers.wire import Wire, eventually

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


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
