"""One WebSocket, whatever carries it: its bytes go on as they come, its messages are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.model.events import Anomaly, Direction, MessageForm
from soth_mitm.model.reasons import CloseReason
from soth_mitm.model.websocket import ABNORMAL
from soth_mitm.net.telling import MessageTeller, Numbers
from soth_mitm.proto.websocket.observer import Observer
from soth_mitm.proto.websocket.reading import Control, Ended, Item, Odd, Part
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.proto.websocket.handshake import Handshake

_DETAIL = 200


class Carrier(Protocol):
    """What a WebSocket lies on: a switched HTTP/1.1 connection, or a stream of HTTP/2."""

    def forward(self, direction: Direction, data: bytes) -> None:
        """Send bytes on."""
        ...

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes that have gone on, and that no message tells, as they are."""
        ...


class Conversation:
    """Relays and tells the messages of both directions.

    Call `start` once, `feed` with all bytes after the handshake as they come, `end` when a direction's
    sender has ended, and `outcome` for the flow's end. Nothing is held back, and nothing is changed.
    """

    def __init__(
        self, carrier: Carrier, shared: Shared, flow: FlowLife, *, handshake: Handshake, capture: bool
    ) -> None:
        self._carrier = carrier
        self._flow = flow
        self._handshake = handshake
        self._observer = Observer(handshake.agreed, inflate_bytes=shared.config.limits.message_inflate_bytes)
        numbers = Numbers()
        self._tellers = {
            direction: MessageTeller(shared, flow, numbers, direction=direction, capture=capture)
            for direction in Direction
        }

    def start(self) -> None:
        """Say what was agreed on."""
        handshake = self._handshake
        for teller in self._tellers.values():
            teller.start(MessageForm.WEBSOCKET, handshake.detail)
        for name in handshake.not_offered:
            self._odd(Direction.RESPONSE, "not_offered", f"the client had not offered {name}")
        if handshake.agreed.problem:
            self._odd(Direction.RESPONSE, "extension_unreadable", handshake.agreed.problem)

    def feed(self, direction: Direction, data: bytes) -> None:
        """Pass on what a side has sent."""
        self._carrier.forward(direction, data)
        teller = self._tellers[direction]
        if teller.stopped:
            self._carrier.record(direction, data)
            return
        for item in self._observer.feed(direction, data):
            self._tell(teller, direction, item)
        reader = self._observer.side(direction).reader
        if reader.error is not None:
            teller.stop(reader.error.code, reader.error.detail)
            self._carrier.record(direction, data[max(0, len(data) - reader.unread) :])

    def _tell(self, teller: MessageTeller, direction: Direction, item: Item) -> None:
        kind = type(item)
        if kind is Ended:
            assert isinstance(item, Ended)
            if item.fragments == 1 and item.size == len(item.data):
                teller.whole(item.label, item.data, wire=item.wire, compressed=item.compressed)
                return
            teller.part(item.data)
            teller.end(item.label, wire=item.wire, fragments=item.fragments, compressed=item.compressed)
        elif kind is Part:
            assert isinstance(item, Part)
            teller.part(item.data)
        elif kind is Control:
            assert isinstance(item, Control)
            teller.whole(item.label, item.data, wire=item.wire, note=item.note)
        else:
            assert isinstance(item, Odd)
            self._odd(direction, item.code, item.detail)

    def _odd(self, direction: Direction, code: str, detail: str) -> None:
        self._flow.emit(Anomaly(code, direction, printable(detail, _DETAIL)))

    def end(self, direction: Direction) -> None:
        """Take note that the sender of a direction has ended."""
        for item in self._observer.side(direction).end():
            self._tell(self._tellers[direction], direction, item)

    def outcome(self, whose: Direction, error: BaseException | None) -> tuple[CloseReason, str]:
        """Return reason and detail of the flow's end, which the sender of a direction has brought about."""
        known = self._observer.outcome()
        if known is not None:
            return known
        if whose is Direction.REQUEST:
            return CloseReason.WEBSOCKET_COMPLETED, f"{ABNORMAL} the client left without a close frame"
        how = f"{error}" if error is not None else "the upstream left without a close frame"
        return CloseReason.WEBSOCKET_ERROR, f"{ABNORMAL} {how}"
