"""Reading from a transport, stopped for any of several reasons at once."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Why(IntFlag):
    """A reason to stop reading from a peer."""

    PIPELINED = 1
    """The next request waits for the end of this exchange."""
    DIALLING = 2
    HOLDING = 4
    """A hook decides about the message."""
    FULL = 8
    """The other side can take no more."""
    BUS = 16
    """A recorder can take no more."""
    SETTLING = 32
    """It is being found out what the server can do, so that the client can be told first."""


class ReadGate:
    """Reads while it is shut for no reason. Where nothing is attached, reasons are kept for later."""

    __slots__ = ("_shut", "_transport")

    def __init__(self) -> None:
        self._shut = 0
        self._transport: asyncio.ReadTransport | None = None

    def attach(self, transport: asyncio.ReadTransport) -> None:
        """Begin to govern a transport."""
        self._transport = transport
        if self._shut:
            transport.pause_reading()

    def detach(self) -> None:
        """Let go of the transport, with its reading as it was at first."""
        transport, self._transport = self._transport, None
        if transport is not None and self._shut and not transport.is_closing():
            transport.resume_reading()

    def shut(self, why: Why) -> None:
        """Stop reading for a reason."""
        if not self._shut and self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._shut |= why

    def open(self, why: Why) -> None:
        """Take a reason back; with the last one, reading goes on."""
        before = self._shut
        if before:
            self._shut = before & ~why
            transport = self._transport
            if not self._shut and transport is not None and not transport.is_closing():
                transport.resume_reading()

    def set(self, why: Why, shut: bool) -> None:
        """Shut or open for a reason."""
        if shut:
            self.shut(why)
        else:
            self.open(why)

    def clear(self) -> None:
        """Drop every reason."""
        self.open(Why(63))
