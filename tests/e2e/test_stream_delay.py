"""An event stream through the program: each event is there within milliseconds, and the line says it runs."""

from __future__ import annotations

import asyncio
import math
import re
import ssl
import time

import pytest

from tests.e2e.proxied import Proxied
from tests.helpers.origins import HOST, Authority
from tests.helpers.wire import dial, eventually, read_head

EVENTS = 50
PERIOD = 0.1
MOST_ADDED = 0.005
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"

pytestmark = pytest.mark.slow


class Sender(asyncio.Protocol):
    """The origin's end of a connection: answers a request with a stream that `feed` then fills."""

    def __init__(self, ready: list[Sender]) -> None:
        self._ready = ready
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert data.endswith(b"\r\n\r\n")
        self.feed(HEAD)
        self._ready.append(self)

    def feed(self, data: bytes) -> None:
        """Send a part of the stream."""
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """End the stream."""
        assert self._transport is not None
        self._transport.close()


class Listener(asyncio.Protocol):
    """The client's end: notes how old each event is when it comes, in seconds."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.ended = False
        self.head = b""

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if self.head != HEAD:
            self.head += data
            return
        for event in data.split(b"\n\n")[:-1]:
            self.delays.append((now - int(event.removeprefix(b"data: "))) / 1e9)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True


async def listen(port: int, request: str, *, connect: str = "", context: ssl.SSLContext | None) -> Listener:
    """Ask for the stream, after a CONNECT to a site where there is one."""
    loop = asyncio.get_running_loop()
    sock = await dial(port)
    if connect:
        await loop.sock_sendall(sock, f"CONNECT {connect} HTTP/1.1\r\nHost: {connect}\r\n\r\n".encode())
        assert (await read_head(sock)).startswith(b"HTTP/1.1 200 ")
    transport, listener = await loop.create_connection(
        Listener, sock=sock, ssl=context, server_hostname=HOST if context else None
    )
    transport.write(request.encode())
    return listener


async def measure(
    proxied: Proxied, authority: Authority, *, tls: bool
) -> tuple[list[float], list[float], str]:
    """Send the same events directly and through the proxy; return the delays, and the token of the flow."""
    loop = asyncio.get_running_loop()
    senders: list[Sender] = []
    server = await loop.create_server(
        lambda: Sender(senders), "127.0.0.1", 0, ssl=authority.server_context() if tls else None
    )
    token, port = proxied.token(), server.sockets[0].getsockname()[1]
    site, path = f"{HOST}:{port}", f"/events?{token}"
    trust = [
        ssl.create_default_context(cafile=file) if tls else None for file in (authority.roots, proxied.ca)
    ]
    ask = "GET {} HTTP/1.1\r\nHost: " + site + "\r\nAccept: text/event-stream\r\n\r\n"
    direct = await listen(port, ask.format(path), context=trust[0])
    through = await listen(
        proxied.program.port,
        ask.format(path if tls else f"http://{site}{path}"),
        connect=site if tls else "",
        context=trust[1],
    )
    await eventually(lambda: direct.head == through.head == HEAD, "both heads")
    start = loop.time()
    for number in range(EVENTS):
        # The pace is the subject here, so time does pass.
        await asyncio.sleep(start + number * PERIOD - loop.time())
        for sender in senders:
            sender.feed(b"data: %d\n\n" % time.monotonic_ns())
        if number == EVENTS // 2:
            line = proxied.line(token)
            assert " 200 " in line
            assert line.endswith("streaming\n")
    for sender in senders:
        sender.close()
    await eventually(lambda: direct.ended and through.ended, "the end of both streams")
    server.close()
    return direct.delays, through.delays, token


def p99(values: list[float]) -> float:
    """Return the 99th percentile by the nearest rank."""
    assert len(values) == EVENTS
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_events_are_delayed_by_five_milliseconds_at_most(
    tls: bool, proxied: Proxied, authority: Authority
) -> None:
    for attempt in (1, 2):
        direct, through, token = await measure(proxied, authority, tls=tls)
        added = p99(through) - p99(direct)
        # A busy machine may spoil one run; the bound is the same for the second.
        if added <= MOST_ADDED or attempt == 2:
            break
    assert added <= MOST_ADDED
    ended = proxied.program.wait_for(rf"^.*{token}(?!.*streaming).*\n")[0]
    assert re.search(r" (4\.9|5\.[0-9])s  50 events\n", ended)
    assert proxied.program.out.count(token) == 2
