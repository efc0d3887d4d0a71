"""A WebSocket on a stream of HTTP/2 (RFC 8441)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction
from soth_mitm.net.conversation import Conversation

if TYPE_CHECKING:
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.http2.relaying import Relaying
    from soth_mitm.proto.websocket.handshake import Handshake


class StreamWebSocket:
    """Carries a conversation; only what cannot be read of it is told as body chunks."""

    def __init__(self, exchange: Relaying, handshake: Handshake, *, up: BodyTap, down: BodyTap) -> None:
        self._taps = {Direction.REQUEST: up, Direction.RESPONSE: down}
        self._conversation = Conversation(
            self, exchange.shared, exchange.flow, handshake=handshake, capture=exchange.capture
        )

    def start(self) -> None:
        """Say what was agreed on."""
        self._conversation.start()

    def passed(self, direction: Direction, data: bytes) -> None:
        """Tell bytes that go on."""
        self._conversation.feed(direction, data)

    def forward(self, direction: Direction, data: bytes) -> None:
        """Do nothing: the stream itself sends what passes."""

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes as body chunks."""
        self._taps[direction].passed(data)

    def ended(self, direction: Direction) -> None:
        """The sender of a direction has ended."""
        self._conversation.end(direction)

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end."""
        return self._conversation.outcome(whose, ConnectionError(error) if error else None)
