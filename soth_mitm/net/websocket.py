"""A WebSocket on a switched HTTP/1.1 connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction
from soth_mitm.net.conversation import Conversation
from soth_mitm.net.switched import Switched

if TYPE_CHECKING:
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.proto.websocket.handshake import Handshake


class WebSocket(Switched):
    """Carries a conversation; only what cannot be read of it is told as body chunks."""

    def __init__(self, exchange: Exchange, handshake: Handshake, *, up: BodyTap, down: BodyTap) -> None:
        super().__init__(exchange, up=up, down=down)
        self._conversation = Conversation(
            self, exchange.shared, exchange.flow, handshake=handshake, capture=exchange.capture
        )

    def start(self) -> None:
        """Say what was agreed on."""
        self._conversation.start()

    def client_bytes(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self._conversation.feed(Direction.REQUEST, data)

    def upstream_bytes(self, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self._conversation.feed(Direction.RESPONSE, data)

    def forward(self, direction: Direction, data: bytes) -> None:
        """Send bytes on."""
        if direction is Direction.REQUEST:
            self._to_upstream(data)
        else:
            self._exchange.send_to_client(data)

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes as body chunks."""
        (self._up if direction is Direction.REQUEST else self._down).passed(data)

    def _ended(self, whose: Direction) -> None:
        self._conversation.end(whose)

    def _finish(self, whose: Direction, error: BaseException | None) -> None:
        if not self._exchange.finished:
            self._ended(whose)
            self._exchange.finish(*self._conversation.outcome(self._first(whose), error))
