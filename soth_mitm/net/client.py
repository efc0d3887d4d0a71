"""The transport of a client's connection: reading by reasons, writing within bounds, closing in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.gate import ReadGate
from soth_mitm.net.sockets import half_close

if TYPE_CHECKING:
    from soth_mitm.net.shared import Shared

LINGER_QUIET = 0.3
"""Seconds of silence after which a client that got its answer early is taken to send no more."""
LINGER = 2.0
"""Seconds in which a client may read an answer that came before it had sent everything."""


class ClientTransport(asyncio.BufferedProtocol):
    """The client's side of a session. Reading stops for any reason of `gate`, until none is left."""

    def __init__(self, shared: Shared, *, tls: bool) -> None:
        self.shared = shared
        self.config = shared.config
        self.tls = tls
        self.gate = ReadGate()
        """Reading from the client."""
        self.client_full = False
        self.touched = True
        """Whether bytes moved since the watchdog last looked."""
        self.client = self.host = ""
        """Where the client is, and what it asked for."""
        self.began = 0.0
        """When the connection was ready, by the loop's time."""
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._waiting = 0
        self._closing = False
        self._close_when_drained = False
        self._lingering = False
        self._received = 0
        self._sent = 0
        self._end: tuple[str, str] = (CloseReason.COMPLETED, "")

    def attach(self, transport: asyncio.BaseTransport) -> None:
        """Begin to use a transport."""
        self.transport = cast("asyncio.Transport", transport)
        self.gate.attach(self.transport)
        self.transport.set_write_buffer_limits(high=self.config.limits.write_buffer_bytes)
        limit = getattr(transport, "set_read_buffer_limits", None)
        if limit is not None:  # see UpstreamConn: data must not be lost to an abrupt end
            limit(1)

    def succeed(self, other: ClientTransport) -> None:
        """Go on with the connection of another session, which has let go of it."""
        self._received, self._sent = other._received, other._sent
        transport = other.transport
        transport.set_protocol(self)
        self.attach(transport)

    @property
    def heard(self) -> bool:
        """Whether anything came from the client."""
        return self._received > 0

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the proxy's one read buffer."""
        return self.shared.read_buffer

    def pause_writing(self) -> None:
        """Stop the upstream: the client can take no more."""
        self.client_full = True
        self._waiting = self.transport.get_write_buffer_size()
        self.shared.counters.hit("write_buffer_bytes")
        self.shared.waiting(self._waiting)
        self.client_is_full(True)

    def resume_writing(self) -> None:
        """Let the upstream go on."""
        self.client_full = False
        self._not_waiting()
        if self._close_when_drained:
            self._close_when_drained = False  # closing it twice makes asyncio's TLS forget itself
            self.transport.close()
        else:
            self.client_is_full(False)

    def client_is_full(self, full: bool) -> None:
        """Stop, or start again, whoever writes to the client."""
        raise NotImplementedError

    def _not_waiting(self) -> None:
        self.shared.waiting(-self._waiting)
        self._waiting = 0

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._sent += len(data)
        self.touched = True
        self.transport.write(data)

    def half_close(self) -> bool:
        """Pass the upstream's end on and keep the other direction, where the transport can do that."""
        return not self.tls and not self._closing and half_close(self.transport)

    def close_when_sent(self) -> None:
        """Close after what is written has gone out."""
        if self._closing:
            return
        self._closing = True
        if self.tls and self.transport.get_write_buffer_size():
            # Closing TLS has a deadline, which must not run while a slow client still reads.
            self._close_when_drained = True
            self.transport.set_write_buffer_limits(high=0)
        if not self._close_when_drained or not self.client_full:
            self.transport.close()

    def linger(self, *, request_done: bool = False) -> None:
        """Close once the client had time to read the answer; what it still sends is thrown away."""
        if self._closing:
            return
        if request_done:
            self.close_when_sent()
            return
        self._lingering = True
        self.gate.clear()
        self.half_close()
        self._linger_on(self.shared.loop.time() + LINGER, self._received)

    def _linger_on(self, until: float, seen: int) -> None:
        """Close once nothing has come for a moment: a close on unread bytes would take the answer back."""

        def look() -> None:
            if self._received == seen or self.shared.loop.time() >= until:
                self.close_when_sent()
            else:
                self._linger_on(until, self._received)

        self.shared.loop.call_later(LINGER_QUIET, look)

    def close(self, reason: str, detail: str = "") -> None:
        """Close for a reason of the proxy's own."""
        if self._end[0] == CloseReason.COMPLETED:
            self._end = (reason, detail)
        self.close_when_sent()

    def abort(self) -> None:
        """Cut the connection, so that the client cannot take a part for the whole."""
        self._closing = True
        self.transport.abort()
