"""What follows an extended CONNECT that was accepted: opaque bytes, or a WebSocket (RFC 8441)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.events import Direction, Noted
from soth_mitm.model.fields import Fields
from soth_mitm.model.reasons import CloseReason

if TYPE_CHECKING:
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.net.http2.relaying import Relaying

_WEBSOCKET = b"websocket"


class Follower(Protocol):
    """Tells what passes on a switched stream. The stream itself sends it on."""

    def start(self) -> None:
        """Begin; nothing has passed yet."""
        ...

    def passed(self, direction: Direction, data: bytes) -> None:
        """Tell bytes that go on."""
        ...

    def ended(self, direction: Direction) -> None:
        """The sender of a direction has ended."""
        ...

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end, which the sender of a direction has brought about."""
        ...


def follow(exchange: Relaying, answer: Answer, *, up: BodyTap, down: BodyTap) -> Follower:
    """Return who tells what follows: a WebSocket where the handshake is one, opaque bytes else."""
    head = exchange.head
    opaque = Opaque(up, down)
    if head.protocol.lower() != _WEBSOCKET:
        return opaque
    from soth_mitm.net.http2.websocket import StreamWebSocket
    from soth_mitm.proto.websocket.handshake import HandshakeError, check_extended

    try:
        handshake = check_extended(
            head.protocol, Fields(head.fields), status=answer.status, response=Fields(answer.fields)
        )
    except HandshakeError as error:
        exchange.flow.emit(Noted(error.code, f"no WebSocket, so only bytes: {error.detail}"))
        return opaque
    return StreamWebSocket(exchange, handshake, up=up, down=down)


class Opaque:
    """Tells the two directions as body chunks."""

    def __init__(self, up: BodyTap, down: BodyTap) -> None:
        self._taps = {Direction.REQUEST: up, Direction.RESPONSE: down}

    def start(self) -> None:
        """Begin; nothing has passed yet."""

    def passed(self, direction: Direction, data: bytes) -> None:
        """Tell bytes that go on."""
        self._taps[direction].passed(data)

    def ended(self, direction: Direction) -> None:
        """The sender of a direction has ended."""

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end."""
        who = "client" if whose is Direction.REQUEST else "upstream"
        return CloseReason.RELAY_EOF, error or f"the {who} closed"
