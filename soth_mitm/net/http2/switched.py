"""What follows an extended CONNECT that was accepted: opaque bytes, or a WebSocket (RFC 8441)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.events import Direction, Noted
from soth_mitm.model.fields import Fields
from soth_mitm.model.reasons import CloseReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.net.http2.relaying import Relaying
    from soth_mitm.proto.http2 import hpack
    from soth_mitm.proto.websocket.handshake import Handshake

    Trailers = tuple[hpack.Fields, tuple[int, ...]]
    """Fields, and which of them go into no table."""

WEBSOCKET = b"websocket"


class Follower(Protocol):
    """Carries what passes on a switched stream, in both directions, and tells it."""

    def start(self) -> None:
        """Begin; nothing has passed yet."""
        ...

    def stop(self) -> None:
        """Take note that the flow is over."""
        ...

    def take(
        self, direction: Direction, data: bytes, *, overhead: int, end: bool, trailers: Trailers | None = None
    ) -> None:
        """Take bytes that a side has sent, and with `end` that it sends no more."""
        ...

    def went(self, direction: Direction, count: int) -> None:
        """Take note that bytes which waited for their receiver have gone."""
        ...

    def gone(self, direction: Direction, then: Callable[[], None]) -> None:
        """The sender of a direction is lost; `then` is called once all it sent has gone on."""
        ...

    def let_go(self, direction: Direction) -> None:
        """Send on at once what is held of a sender that is lost."""
        ...

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end, which the sender of a direction has brought about."""
        ...


def handshake_of(exchange: Relaying, answer: Answer) -> Handshake | None:
    """Return what was agreed on, where that makes a WebSocket; why one that claims to does not is told."""
    head = exchange.head
    if head.protocol.lower() != WEBSOCKET:
        return None
    # Here, so that who never meets a WebSocket never loads what reads one.
    from soth_mitm.proto.websocket.handshake import HandshakeError, check_extended

    try:
        return check_extended(
            head.protocol, Fields(head.fields), status=answer.status, response=Fields(answer.fields)
        )
    except HandshakeError as error:
        exchange.flow.emit(Noted(error.code, f"no WebSocket, so only bytes: {error.detail}"))
        return None


def follow(exchange: Relaying, handshake: Handshake | None, *, up: BodyTap, down: BodyTap) -> Follower:
    """Return who carries what follows: a WebSocket, or opaque bytes where there is no handshake."""
    if handshake is None:
        return Opaque(exchange, up=up, down=down)
    from soth_mitm.net.http2.websocket import StreamWebSocket

    return StreamWebSocket(exchange, handshake, up=up, down=down)


class Opaque:
    """Relays the two directions as they are, and tells them as body chunks."""

    def __init__(self, exchange: Relaying, *, up: BodyTap, down: BodyTap) -> None:
        self._exchange = exchange
        self._taps = {Direction.REQUEST: up, Direction.RESPONSE: down}

    def start(self) -> None:
        """Begin; nothing has passed yet."""

    def stop(self) -> None:
        """Take note that the flow is over."""

    def take(
        self, direction: Direction, data: bytes, *, overhead: int, end: bool, trailers: Trailers | None = None
    ) -> None:
        """Send bytes on, and grant their sender as much as went."""
        exchange = self._exchange
        waits = exchange.put(direction, data) if data else 0
        exchange.grant(direction, len(data) - waits + overhead)
        if data:
            self._taps[direction].passed(data)
        if end:
            exchange.put_end(direction, trailers)

    def went(self, direction: Direction, count: int) -> None:
        """Grant as much."""
        self._exchange.grant(direction, count, late=True)

    def gone(self, direction: Direction, then: Callable[[], None]) -> None:
        """Go on at once: nothing is held."""
        then()

    def let_go(self, direction: Direction) -> None:
        """Do nothing: nothing is held."""

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end."""
        who = "client" if whose is Direction.REQUEST else "upstream"
        return CloseReason.RELAY_EOF, error or f"the {who} closed"
