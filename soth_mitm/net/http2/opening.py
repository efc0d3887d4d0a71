"""How a client's connection begins: what its fixed upstream can do is found out, and offered.

A client may look at our first settings alone to see whether it can open a WebSocket on a stream. Where a
server is known before any request, in reverse mode, they wait until it is known what that server speaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.net.gate import Why
from soth_mitm.net.origin import PooledOrigin
from soth_mitm.policy.decision import Action
from soth_mitm.proto.connect import ConnectError
from soth_mitm.proto.http2 import codes

if TYPE_CHECKING:
    import asyncio

    from soth_mitm.net.http2.session import StreamSession

SETTLING: Final = 0.5
"""Seconds that our first settings wait at most for what the server can do."""


class Opening:
    """Sends the first settings; nothing is read before that."""

    __slots__ = ("_begun", "_early", "_session", "_timer")

    def __init__(self, session: StreamSession) -> None:
        self._session = session
        self._begun = False
        self._early = b""
        """What came nonetheless: a loop may begin to read after it was told not to."""
        self._timer: asyncio.TimerHandle | None = None

    def warm(self) -> bool:
        """Begin with a fixed upstream; return whether it is being dialled to learn what it can do."""
        session = self._session
        try:
            place = session.origin.whole()
        except ConnectError:
            # Each upstream speaks HTTP/1.1, which has upgrades.
            session.engine.connect_protocol = not session.fixed
            return False
        group = session.reach.group(place)
        group.warm()
        origin = session.origin
        if place.scheme == "http" and isinstance(origin, PooledOrigin) and "h2c" not in origin.alpn:
            self.offer_connect()  # at once: what can be asked of HTTP/1.1 is known without a connection
        if session.fixed and not session.intercepted and session.decision.action is not Action.BLOCK:
            return group.dial_ahead() and not session.engine.connect_protocol
        return False

    def wait(self) -> None:
        """Read nothing until `begin`, which comes in `SETTLING` seconds by itself."""
        self._session.gate.shut(Why.SETTLING)
        self._timer = self._session.shared.loop.call_later(SETTLING, self.begin)

    def keeps(self, data: bytes) -> bool:
        """Keep bytes of the client until our settings have gone; False where they have."""
        if self._begun:
            return False
        self._early += data
        self._session.transport.pause_reading()
        return True

    def begin(self) -> None:
        """Send the first settings, unless that is done."""
        if self._begun:
            return
        self._begun = True
        if self._timer is not None:
            self._timer.cancel()
        session = self._session
        if session.ended:
            return
        session.engine.begin(connect_protocol=session.engine.connect_protocol)
        session.pump.soon()
        session.gate.open(Why.SETTLING)
        early, self._early = self._early, b""
        if early:
            session.receive(early)

    def offer_connect(self) -> None:
        """Offer extended CONNECT: a fixed upstream takes it, or speaks HTTP/1.1, which has upgrades."""
        session = self._session
        if session.fixed and not session.engine.connect_protocol:
            session.engine.connect_protocol = True
            if self._begun:
                session.engine.send_settings((codes.ENABLE_CONNECT_PROTOCOL, 1))
                session.pump.soon()
