"""Send what an engine has written: once per turn of the loop, and no more than the transport takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from soth_mitm.proto.http2 import Engine

AT_ONCE = 64 * 1024
"""Bytes that are moved from waiting streams before the transport is asked whether it is full."""


class Owner(Protocol):
    """Whose bytes waited in a stream."""

    def sent(self, count: int) -> None:
        """Take note that `count` of them have been sent."""
        ...


class Batch:
    """The connections with something to send. While one is being read, all wait for the end of that."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: dict[Pump, None] = {}
        self._reading = 0
        self._scheduled = False

    def add(self, pump: Pump) -> None:
        """Have a connection sent soon."""
        self._dirty[pump] = None
        if not self._reading and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def begin(self) -> None:
        """Reading begins."""
        self._reading += 1

    def end(self) -> None:
        """Reading has ended: send."""
        self._reading -= 1
        if not self._reading and self._dirty:
            self._send()

    def _run(self) -> None:
        self._scheduled = False
        self._send()

    def _send(self) -> None:
        while self._dirty:
            pump, _ = self._dirty.popitem()
            pump.send()


class Pump:
    """Between one engine and its transport."""

    __slots__ = ("_batch", "_engine", "_write")

    def __init__(self, engine: Engine, *, batch: Batch, write: Callable[[bytes], None]) -> None:
        self._engine = engine
        self._batch = batch
        self._write = write

    def soon(self) -> None:
        """Send what is written by the end of this turn."""
        self._batch.add(self)

    def send(self) -> None:
        """Send what is written, and as much of what waits as the windows and the transport take."""
        engine = self._engine
        while True:
            data = engine.output()
            if data:
                self._write(data)
            if not engine.waiting or engine.paused:
                return
            moved = engine.pump(AT_ONCE)
            if not moved:
                return
            for stream, count in moved:
                if stream.owner is not None:
                    stream.owner.sent(count)

    def full(self, full: bool) -> None:
        """Stop data, or go on with it, as the transport is full or has room."""
        self._engine.paused = full
        if not full:
            self.soon()
