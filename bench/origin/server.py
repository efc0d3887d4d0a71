"""The bench's own origin: `python -m bench.origin.server CHAIN KEY HTTP_PORT HTTPS_PORT GRPC_PORT`.

GET only, keep-alive, no pipelining. `/1k`, `/64k`, `/100m` and `/bulk` are bodies of that size, `/json`
and `/events` are 1 KiB of what they are called, `/sse`
is an event stream: `EVENTS` events, one each `INTERVAL` seconds, each holding the monotonic time at
which it was written, in nanoseconds; `/sse-slow` is one of `SLOW_EVENTS`, one each second. `/echo` is a
WebSocket that sends back each message: unfragmented ones, each of less than 64 KiB. On the last port, every
gRPC call gets its messages back (`bench/origin/grpc.py`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import ssl
import sys
import time
from typing import cast

from bench.origin.grpc import Calls
from soth_mitm.net.loops import run

EVENTS = 50
INTERVAL = 0.1
SLOW_EVENTS = 600
BULK = b"/bulk"
SIZES = {b"/1k": 1024, b"/64k": 65_536, b"/100m": 100_000_000, BULK: 1_073_741_824}
TYPED = {
    b"/json": (
        "application/json",
        json.dumps([{"id": n, "name": "a thing", "tags": ["new"], "price": 1.5} for n in range(16)])
        .encode()
        .ljust(1024),
    ),
    b"/events": (
        "text/event-stream",
        b"".join(b"id: %02d\ndata: %s\n\n" % (n, b"x" * 49) for n in range(16)),
    ),
}
"""Bodies that parsers have to do with, with their types: 1 KiB each."""
_PIECE = os.urandom(262_144)
_SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Connection: close\r\n\r\n"
)


def _response(size: int, kind: str = "application/octet-stream", body: bytes = b"") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + (body or (_PIECE[:size] if size <= len(_PIECE) else b""))


_RESPONSES = {path: _response(size) for path, size in SIZES.items()} | {
    path: _response(len(body), kind, body) for path, (kind, body) in TYPED.items()
}
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _switched(head: bytes) -> bytes:
    _, _, rest = head.partition(b"\r\nSec-WebSocket-Key: ")
    key = rest.split(b"\r\n", 1)[0] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


class _Echo(asyncio.Protocol):
    """A WebSocket: each frame goes back without its mask."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""

    def data_received(self, data: bytes) -> None:
        data, out = self._held + data, []
        while len(data) >= 8:
            size = data[1] & 0x7F
            start = 4 if size == 126 else 2
            if size == 126:
                size = int.from_bytes(data[2:4], "big")
            end = start + 4 + size
            if len(data) < end:
                break
            key, masked = data[start : start + 4], data[start + 4 : end]
            mask = (key * (size // 4 + 1))[:size]
            plain = int.from_bytes(masked, "big") ^ int.from_bytes(mask, "big")
            out += [data[:1], bytes([data[1] & 0x7F]), data[2:start], plain.to_bytes(size, "big")]
            data = data[end:]
        self._held = data
        if out:
            self._transport.write(b"".join(out))


class _Connection(asyncio.Protocol):
    """One connection: answers each request head as soon as it is whole."""

    def __init__(self) -> None:
        self._held = b""
        self._left = 0
        self._paused = False
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A transport of uvloop is one in all but name.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._left = 0
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._held = data
            return
        self._held = rest
        path = head.split(b" ", 2)[1]
        if path == b"/echo":
            self._transport.write(_switched(head))
            self._transport.set_protocol(_Echo(self._transport))
            return
        self._closing = b"\r\nconnection: close" in head.lower()
        if path in (b"/sse", b"/sse-slow"):
            self._transport.write(_SSE_HEAD)
            self._event(1, *((EVENTS, INTERVAL) if path == b"/sse" else (SLOW_EVENTS, 1.0)))
            return
        self._transport.write(_RESPONSES.get(path, _NOT_FOUND))
        size = SIZES.get(path, 0)
        self._left = size if size > len(_PIECE) else 0
        self._pump()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def _pump(self) -> None:
        """Write a large body as far as the connection takes it, then close where that was asked."""
        while self._left and not self._paused:
            piece = _PIECE if self._left >= len(_PIECE) else _PIECE[: self._left]
            self._left -= len(piece)
            self._transport.write(piece)
        if self._closing and not self._left:
            self._transport.close()

    def _event(self, number: int, most: int, interval: float) -> None:
        self._transport.write(b"data: %d\n\n" % time.monotonic_ns())
        loop = asyncio.get_running_loop()
        if number == most:
            self._transport.close()
        else:
            self._timer = loop.call_later(interval, self._event, number + 1, most, interval)


async def serve(chain: str, key: str, http_port: int, https_port: int, *, grpc_port: int) -> None:
    """Serve on all ports until the process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with_http2 = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with_http2.load_cert_chain(chain, key)
    with_http2.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(_Connection, "127.0.0.1", http_port, backlog=1024)
    secure = await loop.create_server(_Connection, "127.0.0.1", https_port, ssl=context, backlog=1024)
    calls = await loop.create_server(Calls, "127.0.0.1", grpc_port, ssl=with_http2, backlog=1024)
    await asyncio.gather(plain.serve_forever(), secure.serve_forever(), calls.serve_forever())


if __name__ == "__main__":
    run(serve(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5]), grpc_port=int(sys.argv[5])))
