"""Pass bytes through undecrypted, both ways, with back-pressure and half-close.

Each direction is a pump: it fills a bounded buffer from one socket and empties it into the other,
and stops reading while the buffer is full. The buffer is a kernel pipe where the system can splice,
and a bytes object of the same limit elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.sockets import reset_on_close

if TYPE_CHECKING:
    from collections.abc import Callable

HAS_SPLICE = hasattr(os, "splice")


class Buffer(Protocol):
    """What a pump keeps between its two sockets."""

    filled: int
    capacity: int

    def fill(self, source: socket.socket) -> int | None:
        """Take what waits on `source`."""
        ...

    def drain(self, target: socket.socket) -> int | None:
        """Give what is held to `target`."""
        ...

    def close(self) -> None:
        """Let go of what it needs."""
        ...


class CopyBuffer:
    """The buffer that works everywhere: bytes copied through this process."""

    __slots__ = ("_data", "capacity", "filled")

    def __init__(self, size: int) -> None:
        self.capacity = size
        self.filled = 0
        self._data = b""

    def fill(self, source: socket.socket) -> int | None:
        """Take what waits on `source`: a count, 0 at its end, None when nothing waits."""
        if self.filled:
            return None
        try:
            self._data = source.recv(self.capacity)
        except (BlockingIOError, InterruptedError):
            return None
        self.filled = len(self._data)
        return self.filled

    def drain(self, target: socket.socket) -> int | None:
        """Give what is held to `target`: a count, or None when it takes nothing now."""
        try:
            count = target.send(self._data)
        except (BlockingIOError, InterruptedError):
            return None
        self._data = self._data[count:]
        self.filled -= count
        return count

    def close(self) -> None:
        """Drop what is held."""
        self._data = b""


def make_buffer(size: int, *, portable: bool = False) -> Buffer:
    """Return the best buffer there is; without descriptors left, the one that needs none."""
    if HAS_SPLICE and not portable:
        from soth_mitm.net.splice import Pipe

        try:
            return Pipe(size)
        except OSError:
            pass  # out of descriptors: copying still works
    return CopyBuffer(min(size, 65_536))


class Pump:
    """One direction of a tunnel."""

    __slots__ = (
        "_blocked",
        "_buffer",
        "_loop",
        "_reading",
        "_source",
        "_target",
        "_tunnel",
        "count",
        "ended",
    )

    def __init__(
        self, tunnel: Tunnel, source: socket.socket, *, target: socket.socket, buffer: Buffer
    ) -> None:
        self._tunnel = tunnel
        self._source = source
        self._target = target
        self._buffer = buffer
        self._loop = tunnel.loop
        self._reading = False
        self._blocked = False
        self.count = 0
        self.ended = False

    def start(self) -> None:
        """Begin to read."""
        self._reading = True
        self._loop.add_reader(self._source, self._readable)

    def _readable(self) -> None:
        try:
            count = self._buffer.fill(self._source)
            if count:
                self._tunnel.moved = True
                self._empty()
                return
            if count == 0:
                self._stop_reading()
                self.ended = True
                if not self._buffer.filled:
                    self._finish()
                return
            if self._buffer.filled:
                self._empty()
        except OSError as error:
            self._tunnel.broke(self, error)

    def _empty(self) -> None:
        buffer = self._buffer
        while buffer.filled:
            count = buffer.drain(self._target)
            if count is None:
                if not self._blocked:
                    self._blocked = True
                    self._stop_reading()
                    self._loop.add_writer(self._target, self._writable)
                return
            self.count += count

    def _writable(self) -> None:
        try:
            self._tunnel.moved = True
            self._loop.remove_writer(self._target)
            self._blocked = False
            self._empty()
            if self._blocked:
                return
            if self.ended:
                self._finish()
            else:
                self.start()
        except OSError as error:
            self._tunnel.broke(self, error)

    def _finish(self) -> None:
        with contextlib.suppress(OSError):  # where the other side is gone, its own pump says so
            self._target.shutdown(socket.SHUT_WR)
        self._tunnel.half_done()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._source)

    def close(self) -> None:
        """Stop at once."""
        self._stop_reading()
        if self._blocked:
            self._loop.remove_writer(self._target)
            self._blocked = False
        self._buffer.close()


class Tunnel:
    """Both directions between a client's and an upstream's plain socket, until both ended."""

    def __init__(
        self, client: socket.socket, upstream: socket.socket, *, size: int, portable: bool = False
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._client = client
        self._upstream = upstream
        self.up = Pump(self, client, target=upstream, buffer=make_buffer(size, portable=portable))
        self.down = Pump(self, upstream, target=client, buffer=make_buffer(size, portable=portable))
        self._halves = 0
        self._done: asyncio.Future[tuple[str, str]] = self.loop.create_future()
        self.moved = False
        """Whether bytes moved since the watcher last looked."""
        self.on_end: Callable[[], None] | None = None

    async def run(self) -> tuple[str, str]:
        """Carry bytes until both directions ended; return the close reason and its detail.

        Both sockets are closed afterwards, with a RST where one side had reset.
        """
        try:
            self.up.start()
            self.down.start()
            return await self._done
        finally:
            self.up.close()
            self.down.close()
            self._client.close()
            self._upstream.close()

    def half_done(self) -> None:
        """Note that one direction ended with its FIN passed on."""
        self._halves += 1
        if self._halves == 2:
            self._end(CloseReason.RELAY_EOF, "")

    def broke(self, pump: Pump, error: OSError) -> None:
        """End with an error, and pass a reset on to the other side."""
        side = "client" if pump is self.up else "upstream"
        reset_on_close(self._client)
        reset_on_close(self._upstream)
        self._end(CloseReason.RELAY_ERROR, f"from the {side}: {error.strerror or error}")

    def stop(self, reason: str, detail: str = "") -> None:
        """End now, for a reason of the proxy's own."""
        self._end(reason, detail)

    def _end(self, reason: str, detail: str) -> None:
        if not self._done.done():
            self._done.set_result((reason, detail))
