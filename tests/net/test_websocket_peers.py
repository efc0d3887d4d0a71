"""Client and server of the `websockets` package through the proxy: what they say is what is told."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from soth_mitm.hooks.decisions import Change, MessageDecision
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Message
from soth_mitm.model.events import Direction, FlowClosed, MessageSeen, MessagesStarted
from tests.helpers.net import HOST, SITE, Lab

WORDS = "a word of a message that comes again and again, and so compresses well"


async def echo(socket: ServerConnection) -> None:
    """Send back what comes, in two pieces (and a third frame to end them) where it is text."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in socket:
            if isinstance(message, str):
                await socket.send([message[:5], message[5:]])
            else:
                await socket.send(message)


@contextlib.asynccontextmanager
async def talking(lab: Lab, route: str, *, deflate: bool = True) -> AsyncIterator[ClientConnection]:
    """Yield a client whose connection goes through the started proxy, inside a CONNECT."""
    server_context = lab.world.server_context(SITE) if route == "tls" else None
    async with serve(
        echo,
        HOST,
        0,
        ssl=server_context,
        compression="deflate" if deflate else None,
        subprotocols=["chat"],  # type: ignore[list-item]
    ) as server:
        port = server.sockets[0].getsockname()[1]
        scheme = "wss" if route == "tls" else "ws"
        context: ssl.SSLContext | None = lab.client_context() if route == "tls" else None
        async with connect(
            f"{scheme}://{SITE}:{port}/chat",
            proxy=f"http://{HOST}:{lab.port}",
            ssl=context,
            subprotocols=["chat"],  # type: ignore[list-item]
            compression="deflate" if deflate else None,
        ) as client:
            yield client


@pytest.mark.parametrize("deflate", [True, False])
async def test_what_peers_say_is_told_and_arrives(lab: Lab, route: str, deflate: bool) -> None:
    await lab.start()
    said: list[str | bytes] = [WORDS, WORDS, b"\x00\xff" * 50, "", "ä" * 40_000, WORDS]
    async with talking(lab, route, deflate=deflate) as client:
        for message in said:
            await client.send(message)
            assert await client.recv() == message
        await (await client.ping(b"are you there"))
    closed = (await lab.told(FlowClosed))[0]
    assert (closed.reason, closed.detail) == ("websocket_completed", "1000")
    told = [body for body in lab.all(MessageSeen) if body.label in ("text", "binary")]
    sizes = [len(message.encode() if isinstance(message, str) else message) for message in said]
    assert [body.size for body in told if body.direction is Direction.REQUEST] == sizes
    assert [body.size for body in told if body.direction is Direction.RESPONSE] == sizes
    assert [body.fragments for body in told if body.direction is Direction.RESPONSE] == [3, 3, 1, 3, 3, 3]
    assert {body.compressed for body in told} == {deflate}
    labels = [body.label for body in lab.all(MessageSeen)]
    assert labels.count("ping") == labels.count("pong") == 1
    assert labels.count("close") == 2
    detail = lab.all(MessagesStarted)[0].detail
    assert detail == ("permessage-deflate, subprotocol chat" if deflate else "subprotocol chat")


class Shouting(Handler):
    async def on_message(self, message: Message) -> MessageDecision | None:
        return Change(message.data.upper()) if message.number % 3 else None


@pytest.mark.parametrize(
    "factory",
    [
        ClientPerMessageDeflateFactory(client_max_window_bits=True),
        ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9),
        ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True),
    ],
    ids=["takeover", "small-window", "no-takeover"],
)
async def test_peers_can_read_what_a_handler_changed(
    lab: Lab, route: str, factory: ClientPerMessageDeflateFactory
) -> None:
    await lab.start(handler=Shouting())
    server_context = lab.world.server_context(SITE) if route == "tls" else None
    async with serve(echo, HOST, 0, ssl=server_context) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(
            f"{'wss' if route == 'tls' else 'ws'}://{SITE}:{port}/",
            proxy=f"http://{HOST}:{lab.port}",
            ssl=lab.client_context() if route == "tls" else None,
            extensions=[factory],
        ) as client:
            for number in range(12):
                await client.send(f"{WORDS} {number}")
                answer = await client.recv()
                assert isinstance(answer, str)
                assert answer.lower() == f"{WORDS} {number}"
    assert {body.origin for body in lab.all(MessageSeen)} >= {"changed", ""}
