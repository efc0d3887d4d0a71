"""What follows a 101: the bytes of both directions pass as they are, with half-close where TCP has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction, Noted
from soth_mitm.model.fields import Fields
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.sockets import half_close

if TYPE_CHECKING:
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.proto.http1 import ResponseHead
    from soth_mitm.proto.websocket.handshake import Handshake

GENTLE = frozenset({CloseReason.RELAY_EOF, CloseReason.WEBSOCKET_COMPLETED, CloseReason.WEBSOCKET_ERROR})
"""Ends after which what the client sent last still has to arrive."""
_WEBSOCKET = b"websocket"


def handshake_of(exchange: Exchange, head: ResponseHead) -> Handshake | None:
    """Return what a 101 agreed on, where it makes a WebSocket; why one that claims to does not is told."""
    named = (exchange.head.upgrade or b"").lower(), (head.upgrade or b"").lower()
    if not any(_WEBSOCKET in value for value in named):
        return None
    # Here, so that who never meets a WebSocket never loads what reads one.
    from soth_mitm.proto.websocket.handshake import HandshakeError, check

    request, response = Fields.of_head(exchange.head.raw), Fields.of_head(head.raw)
    try:
        return check(exchange.head.method, request, response)
    except HandshakeError as error:
        exchange.flow.emit(Noted(error.code, f"no WebSocket, so only bytes: {error.detail}"))
        return None


def follow(exchange: Exchange, handshake: Handshake | None, *, up: BodyTap, down: BodyTap) -> Switched:
    """Return what carries on after a 101: a WebSocket, or opaque bytes where there is no handshake."""
    if handshake is None:
        return Switched(exchange, up=up, down=down)
    from soth_mitm.net.websocket import WebSocket

    return WebSocket(exchange, handshake, up=up, down=down)


class Switched:
    """Relays the two directions of a switched connection, and tells them as body chunks."""

    def __init__(self, exchange: Exchange, *, up: BodyTap, down: BodyTap) -> None:
        self._exchange = exchange
        self._up = up
        self._down = down
        self._client_ended = False
        self._upstream_ended = False

    def start(self) -> None:
        """Begin; nothing has passed yet."""

    def cancel(self) -> None:
        """Take note that the flow is over."""

    # --- bytes ----------------------------------------------------------------------------------

    def client_bytes(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self._to_upstream(data)
        self._up.passed(data)

    def upstream_bytes(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self._exchange.send_to_client(data)
        self._down.passed(data)

    def _to_upstream(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange.conn is not None and exchange.conn.alive:
            exchange.flow.from_client += len(data)
            exchange.conn.write(data)

    # --- ends -----------------------------------------------------------------------------------

    def client_ended(self) -> bool:
        """The client will send no more; return whether its connection is kept for the other direction."""
        exchange = self._exchange
        conn = exchange.conn
        plain = conn is not None and conn.alive and not exchange.session.tls
        if plain and not self._upstream_ended and conn is not None and half_close(conn.transport):
            self._client_ended = True
            return True
        self._finish(Direction.REQUEST, None)
        return False

    def upstream_ended(self, error: BaseException | None) -> None:
        """The upstream will send no more, or is lost."""
        session = self._exchange.session
        ended = self._client_ended or self._upstream_ended
        if error is None and not ended and session.half_close():
            self._upstream_ended = True
            return
        self._finish(Direction.RESPONSE, error)
        session.close_when_sent()

    def client_lost(self, error: BaseException | None) -> None:
        """The client's connection is gone."""
        self._finish(Direction.REQUEST, error)

    def _first(self, whose: Direction) -> Direction:
        """Return the direction whose sender ended first, now that `whose` has."""
        if self._client_ended:
            return Direction.REQUEST
        return Direction.RESPONSE if self._upstream_ended else whose

    def _finish(self, whose: Direction, error: BaseException | None) -> None:
        """End the flow, because the sender of a direction has ended."""
        who = "client" if self._first(whose) is Direction.REQUEST else "upstream"
        reason = CloseReason.RELAY_EOF if error is None else CloseReason.RELAY_ERROR
        self._exchange.finish(reason, f"the {who} closed" if error is None else f"{error}")
