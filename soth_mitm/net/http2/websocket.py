"""A WebSocket on a stream of HTTP/2 (RFC 8441)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction, Noted
from soth_mitm.net.conversation import Conversation

if TYPE_CHECKING:
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.http2.relaying import Relaying
    from soth_mitm.proto.websocket.handshake import Handshake


class StreamWebSocket:
    """Carries a conversation; only what cannot be read of it is told as body chunks."""

    takes_own = False

    def __init__(self, exchange: Relaying, handshake: Handshake, *, up: BodyTap, down: BodyTap) -> None:
        self._exchange = exchange
        self._taps = {Direction.REQUEST: up, Direction.RESPONSE: down}
        for tap in (up, down):
            tap.keep_from_handler()  # which the conversation shows all bytes to
        self._conversation = Conversation(
            self, exchange.shared, exchange.flow, handshake=handshake, capture=exchange.capture
        )

    def start(self) -> None:
        """Say what was agreed on."""
        self._conversation.start()
        if self._exchange.shared.hooks.message:
            self._exchange.flow.emit(Noted("message_unasked", "over HTTP/2 the handler is not asked"))

    def passed(self, direction: Direction, data: bytes) -> None:
        """Tell bytes that go on."""
        self._conversation.feed(direction, data)

    def forward(self, direction: Direction, data: bytes) -> None:
        """Do nothing: the stream itself sends what passes."""

    def hold(self, direction: Direction, on: bool) -> None:
        """Do nothing: nothing is held here."""

    def drained(self, direction: Direction) -> None:
        """Do nothing: nothing was held."""

    def failed(self, error: Exception) -> None:
        """End the flow for a fault of the proxy's own."""
        self._exchange.internal_error(error)

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes as body chunks."""
        self._taps[direction].passed(data)

    def ended(self, direction: Direction) -> None:
        """The sender of a direction has ended."""
        self._conversation.end(direction)

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end."""
        self._conversation.stop()
        return self._conversation.outcome(whose, ConnectionError(error) if error else None)
