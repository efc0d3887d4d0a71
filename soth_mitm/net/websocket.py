"""A WebSocket on a switched HTTP/1.1 connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import url_of
from soth_mitm.model.events import Direction
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.conversation import conversation_of
from soth_mitm.net.gate import Why
from soth_mitm.net.switched import Switched

if TYPE_CHECKING:
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.proto.websocket.handshake import Handshake


class WebSocket(Switched):
    """Carries a conversation; only what cannot be read of it is told as body chunks."""

    def __init__(self, exchange: Exchange, handshake: Handshake, *, up: BodyTap, down: BodyTap) -> None:
        super().__init__(exchange, up=up, down=down)
        for tap in (up, down):
            tap.keep_from_handler()  # which the conversation shows all bytes to
        place = exchange.place
        url = url_of(place.scheme, place.host, place.port, target=exchange.head.target)
        path = exchange.head.target
        self._conversation = conversation_of(self, exchange, handshake=handshake, url=url, path=path)
        self._late_ends: list[BaseException | None] = []
        """Ends of the upstream that wait for what is held of it."""

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

    def waiting(self, direction: Direction) -> int:
        """Return how many bytes the receiver's transport has no room for yet."""
        exchange = self._exchange
        conn = exchange.conn
        if direction is Direction.RESPONSE:
            return exchange.session.transport.get_write_buffer_size()
        return conn.transport.get_write_buffer_size() if conn is not None else 0

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes as body chunks."""
        (self._up if direction is Direction.REQUEST else self._down).passed(data)

    def hold(self, direction: Direction, on: bool) -> None:
        """Stop, or start again, to read from the sender of a direction."""
        exchange = self._exchange
        gate = exchange.session.gate if direction is Direction.REQUEST else exchange.gate
        gate.set(Why.HOLDING, on)

    # --- ends -----------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Take note that the flow is over."""
        self._conversation.stop()

    def client_ended(self) -> bool:
        """The client will send no more; return whether its connection is kept for the other direction."""
        if self._ended_paused():
            super().client_lost(None)
            return False
        if self._conversation.end(Direction.REQUEST):
            return super().client_ended()
        return not self._exchange.session.tls  # which is lost next

    def upstream_ended(self, error: BaseException | None) -> None:
        """The upstream will send no more, or is lost."""
        if self._late_ends or not self._conversation.end(Direction.RESPONSE):
            self._late_ends.append(error)
        else:
            super().upstream_ended(error)

    def client_lost(self, error: BaseException | None) -> None:
        """The client's connection is gone: nothing of it can wait any longer."""
        if not self._ended_paused():
            self._conversation.let_go(Direction.REQUEST)
        super().client_lost(error)

    def _ended_paused(self) -> bool:
        """End the pauses, where there are any: what nobody has let go does not go on without its client."""
        flow = self._exchange.flow
        if not flow.pauses:
            return False
        self._exchange.shared.pauses.flow_ends(flow, CloseReason.CLIENT_CLOSED)
        return True

    def drained(self, direction: Direction) -> None:
        """Do what the end of a direction's sender would have done, had nothing been held."""
        if direction is Direction.REQUEST:
            if not super().client_ended():
                self._exchange.session.close_when_sent()
            return
        ends, self._late_ends = self._late_ends, []
        for error in ends:
            if not self._exchange.finished:
                super().upstream_ended(error)

    def failed(self, error: Exception) -> None:
        """End the flow for a fault of the proxy's own."""
        self._exchange.session.internal_error(error)

    def _finish(self, whose: Direction, error: BaseException | None) -> None:
        if not self._exchange.finished:
            self._exchange.finish(*self._conversation.outcome(self._first(whose), error))
