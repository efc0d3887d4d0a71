"""Look at a connection's first bytes without consuming them.

What is peeked stays in the kernel, so the untouched socket can still be handed to TLS or spliced.
Every wait has a deadline. Three traps are handled here: a peer that leaves halfway (the same bytes
would be peeked for ever), a mark that is set too high (the wait would hang), and a wake-up without
progress (the wait would spin).
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from soth_mitm.net.sockets import HAS_LOW_WATER_MARK, peer_left, set_low_water_mark

if TYPE_CHECKING:
    from collections.abc import Callable

_NO_PROGRESS_WAIT = 0.02


class PeerLeft(Exception):
    """The peer closed before the wanted bytes came; `data` is what had come."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"closed after {len(data)} bytes")
        self.data = data


class PeekTimeout(Exception):
    """The deadline passed; `data` is what had come."""

    def __init__(self, data: bytes) -> None:
        super().__init__(f"timed out after {len(data)} bytes")
        self.data = data


async def readable(sock: socket.socket, timeout: float) -> bool:
    """Wait until a read would not block; return False when `timeout` seconds passed first."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake(value: bool) -> None:
        if not ready.done():
            ready.set_result(value)

    handle = loop.call_later(timeout, wake, False)
    loop.add_reader(sock, wake, True)
    try:
        return bool(await ready)
    finally:
        loop.remove_reader(sock)
        handle.cancel()


def peek_now(sock: socket.socket, size: int) -> bytes | None:
    """Return what waits, up to `size` bytes; None when nothing does, b"" after the peer's FIN."""
    try:
        return sock.recv(size, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return None


async def peek_until(
    sock: socket.socket, wanted: Callable[[bytes], int], *, timeout: float, most: int
) -> bytes:
    """Peek until `wanted(data)` is no more than what is there; return what is there then.

    `wanted` gets the bytes so far and returns how many it needs to see (its answer may grow); at
    most `most` bytes are looked at. The socket's low-water mark is 1 again afterwards.

    Raises:
        PeerLeft: the peer closed first.
        PeekTimeout: `timeout` seconds passed first.
        ConnectionError: the connection was reset.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    seen = b""
    marked = False
    try:
        while True:
            data = peek_now(sock, most)
            if data == b"":
                raise PeerLeft(seen)
            grown = data is not None and len(data) > len(seen)
            if data is not None:
                seen = data
                need = wanted(seen)
                if len(seen) >= min(need, most):
                    return seen
                if peer_left(sock):
                    raise PeerLeft(seen)
                set_low_water_mark(sock, min(need, most))
                marked = True
            remaining = deadline - loop.time()
            if remaining <= 0:
                raise PeekTimeout(seen)
            if data is not None and not (grown and HAS_LOW_WATER_MARK):
                await _pause(min(_NO_PROGRESS_WAIT, remaining))
            await readable(sock, deadline - loop.time())
    finally:
        if marked:
            set_low_water_mark(sock, 1)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds)


def consume(sock: socket.socket, count: int) -> bytes:
    """Take exactly `count` bytes that were peeked before."""
    parts: list[bytes] = []
    while count:
        part = sock.recv(count)
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
