"""A WebSocket on a stream of HTTP/2 (RFC 8441)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import url_of
from soth_mitm.model.events import Direction
from soth_mitm.net.conversation import conversation_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.http2.relaying import Relaying
    from soth_mitm.net.http2.switched import Trailers
    from soth_mitm.proto.websocket.handshake import Handshake


class _Way:
    """One direction: what its sender may be granted, and how it ends.

    A sender is granted what it sent, less what still waits for the receiver, be that its own or not: so
    messages of somebody's own make it wait as its own do. While `held`, it is granted nothing.
    """

    __slots__ = ("after", "held", "owed", "trailers", "waiting")

    def __init__(self) -> None:
        self.owed = 0
        """Came, and was not granted again."""
        self.waiting = 0
        """Given to the receiver's stream, which has no room for it yet."""
        self.held = False
        self.trailers: Trailers | None = None
        self.after: list[Callable[[], None]] = []
        """What is done once all that is held has gone on."""

    def grantable(self) -> int:
        """Return how much to grant now, and take it as granted."""
        count = 0 if self.held else max(0, self.owed - self.waiting)
        self.owed -= count
        return count


class StreamWebSocket:
    """Carries a conversation; only what cannot be read of it is told as body chunks."""

    def __init__(self, exchange: Relaying, handshake: Handshake, *, up: BodyTap, down: BodyTap) -> None:
        self._exchange = exchange
        self._taps = {Direction.REQUEST: up, Direction.RESPONSE: down}
        self._ways = {direction: _Way() for direction in Direction}
        for tap in (up, down):
            tap.keep_from_handler()  # which the conversation shows all bytes to
        place = exchange.place
        url = url_of(place.scheme, place.host, place.port, target=place.path)
        self._conversation = conversation_of(self, exchange, handshake=handshake, url=url, path=place.path)

    def start(self) -> None:
        """Say what was agreed on."""
        self._conversation.start()

    def stop(self) -> None:
        """Take note that the flow is over."""
        self._conversation.stop()

    # --- the stream's side ----------------------------------------------------------------------

    def take(
        self, direction: Direction, data: bytes, *, overhead: int, end: bool, trailers: Trailers | None = None
    ) -> None:
        """Take bytes that a side has sent, and with `end` that it sends no more."""
        way = self._ways[direction]
        way.owed += len(data) + overhead
        if data:
            self._conversation.feed(direction, data)
        if end:
            way.trailers = trailers
            self.gone(direction, lambda: self._exchange.put_end(direction, way.trailers))
        self._grant(direction)

    def went(self, direction: Direction, count: int) -> None:
        """Take note that bytes which waited for their receiver have gone."""
        self._ways[direction].waiting -= count
        self._grant(direction, late=True)

    def gone(self, direction: Direction, then: Callable[[], None]) -> None:
        """Call `then` once all that the lost sender of a direction has sent has gone on."""
        after = self._ways[direction].after
        after.append(then)
        if len(after) == 1 and self._conversation.end(direction):
            self.drained(direction)

    def let_go(self, direction: Direction) -> None:
        """Send on at once what is held of a sender that is lost: nobody waits any longer."""
        self._conversation.let_go(direction)

    def outcome(self, whose: Direction, error: str) -> tuple[str, str]:
        """Return reason and detail of the end."""
        return self._conversation.outcome(whose, ConnectionError(error) if error else None)

    def _grant(self, direction: Direction, *, late: bool = False) -> None:
        count = self._ways[direction].grantable()
        if count:
            self._exchange.grant(direction, count, late=late)

    # --- the conversation's side ----------------------------------------------------------------

    def forward(self, direction: Direction, data: bytes) -> None:
        """Send bytes on, as the receiver's windows allow."""
        self._ways[direction].waiting += self._exchange.put(direction, data)

    def waiting(self, direction: Direction) -> int:
        """Return how many bytes the receiver has no room for yet."""
        return self._ways[direction].waiting

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes as body chunks."""
        self._taps[direction].passed(data)

    def hold(self, direction: Direction, on: bool) -> None:
        """Grant nothing to the sender of a direction, or go on granting."""
        way = self._ways[direction]
        late, way.held = way.held, on
        self._grant(direction, late=late)

    def drained(self, direction: Direction) -> None:
        """Do what the end of a direction's sender would have done, had nothing been held."""
        after, self._ways[direction].after = self._ways[direction].after, []
        for then in after:
            if not self._exchange.finished:
                then()

    def failed(self, error: Exception) -> None:
        """End the flow for a fault of the proxy's own."""
        self._exchange.internal_error(error)
