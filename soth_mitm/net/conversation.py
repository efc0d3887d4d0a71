"""One WebSocket, whatever carries it: its bytes go on as they come, its messages are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from soth_mitm.errors import InjectionError
from soth_mitm.hooks.messages import StreamChunk
from soth_mitm.model.events import Anomaly, Direction, MessageForm
from soth_mitm.model.reasons import CloseReason
from soth_mitm.model.websocket import ABNORMAL
from soth_mitm.net.talks import TalkTap
from soth_mitm.net.telling import MessageTeller, Numbers
from soth_mitm.proto.websocket.observer import Observer
from soth_mitm.proto.websocket.opcodes import OPCODES
from soth_mitm.proto.websocket.reading import Control, Ended, Item, Odd, Part
from soth_mitm.proto.websocket.writing import Writer
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.net.http2.relaying import Relaying
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.proto.websocket.handshake import Handshake

_DETAIL = 200


def check(label: str, data: bytes) -> None:
    """Refuse what cannot be a message.

    Raises:
        InjectionError: the label is neither `text` nor `binary`, or a text is not UTF-8.
    """
    if label not in ("text", "binary"):
        raise InjectionError(f"a message of a WebSocket is text or binary, not {printable(label, 40)}")
    if label == "text":
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InjectionError(f"a text has to be UTF-8: {error}") from error


class Carrier(Protocol):
    """What a WebSocket lies on: a switched HTTP/1.1 connection, or a stream of HTTP/2."""

    def forward(self, direction: Direction, data: bytes) -> None:
        """Send bytes on."""
        ...

    def waiting(self, direction: Direction) -> int:
        """Return how many bytes its receiver has no room for yet."""
        ...

    def record(self, direction: Direction, data: bytes) -> None:
        """Tell bytes that have gone on, and that no message tells, as they are."""
        ...

    def hold(self, direction: Direction, on: bool) -> None:
        """Stop, or start again, to read from the sender of a direction."""
        ...

    def drained(self, direction: Direction) -> None:
        """Take note that all has gone on which was held when `end` said that something was."""
        ...

    def failed(self, error: Exception) -> None:
        """End the flow for a fault of the proxy's own."""
        ...


class Conversation:
    """Relays and tells the messages of both directions.

    Call `start` once, `feed` with all bytes after the handshake as they come, `end` when a direction's
    sender has ended, `outcome` for the flow's end, and `stop` after it. Nothing is held back or changed.
    """

    def __init__(
        self,
        carrier: Carrier,
        shared: Shared,
        flow: FlowLife,
        *,
        handshake: Handshake,
        capture: bool,
        path: bytes,
        keep_raw: bool = False,
    ) -> None:
        self._carrier = carrier
        self._shared = shared
        self._flow = flow
        self._handshake = handshake
        inflate_bytes = shared.config.limits.message_inflate_bytes
        self._observer = Observer(handshake.agreed, inflate_bytes=inflate_bytes, keep_raw=keep_raw)
        self._shown = dict.fromkeys(Direction, 0)
        """How many bytes the handler has been shown."""
        self._injected: dict[Direction, list[tuple[str, bytes]]] = {}
        """What waits for the end of a message that is passing."""
        numbers = Numbers()
        self._tellers = {
            direction: MessageTeller(shared, flow, numbers, direction=direction, capture=capture)
            for direction in Direction
        }
        if capture and flow.told:
            talk = TalkTap(shared, flow, path)
            for teller in self._tellers.values():
                teller.talk = talk

    def start(self) -> None:
        """Say what was agreed on."""
        self._shared.conversations[self._flow.number] = self
        handshake = self._handshake
        for teller in self._tellers.values():
            teller.start(MessageForm.WEBSOCKET, handshake.detail)
        for name in handshake.not_offered:
            self._odd(Direction.RESPONSE, "not_offered", f"the client had not offered {name}")
        if handshake.agreed.problem:
            self._odd(Direction.RESPONSE, "extension_unreadable", handshake.agreed.problem)

    def stop(self) -> None:
        """Take note that the flow is over."""
        self._shared.conversations.pop(self._flow.number, None)

    def feed(self, direction: Direction, data: bytes) -> None:
        """Pass on what a side has sent."""
        if direction in self._injected:
            self._feed_around(direction, data)
            return
        self._forward(direction, data)
        self._look(direction, data)

    def _forward(self, direction: Direction, data: bytes) -> None:
        self._carrier.forward(direction, data)
        if self._shared.hooks.chunk:
            offset = self._shown[direction]
            self._shown[direction] = offset + len(data)
            chunk = StreamChunk(self._flow.number, direction, offset, data)
            self._shared.call_hook("on_stream_chunk", chunk, flow=self._flow)

    def _look(self, direction: Direction, data: bytes) -> None:
        teller = self._tellers[direction]
        if teller.stopped:
            self._carrier.record(direction, data)
            return
        for item in self._observer.feed(direction, data):
            self._tell(teller, direction, item)
        reader = self._observer.side(direction).reader
        if reader.error is not None:
            self._stop_telling(direction)
            self._carrier.record(direction, data[max(0, len(data) - reader.unread) :])

    def _stop_telling(self, direction: Direction) -> None:
        error = self._observer.side(direction).reader.error
        if error is not None:
            self._tellers[direction].stop(error.code, error.detail)

    def _tell(self, teller: MessageTeller, direction: Direction, item: Item) -> None:
        kind = type(item)
        if kind is Ended:
            assert isinstance(item, Ended)
            if item.size == len(item.data):
                teller.whole(
                    item.label,
                    item.data,
                    wire=item.wire,
                    fragments=item.fragments,
                    compressed=item.compressed,
                )
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

    def end(self, direction: Direction) -> bool:
        """Take note that the sender of a direction has ended; return whether all it sent has gone on."""
        for item in self._observer.side(direction).end():
            self._tell(self._tellers[direction], direction, item)
        return True

    def let_go(self, direction: Direction) -> None:
        """Take note of the end likewise, and send on at once what is held: nobody waits any longer."""
        self.end(direction)

    # --- messages of somebody's own -------------------------------------------------------------

    def inject(self, direction: Direction, label: str, data: bytes) -> None:
        """Send a message of one's own, after the one that is passing if one is.

        Raises:
            InjectionError: nothing can be sent in that direction any more, or the label is unknown.
        """
        check(label, data)
        side = self._observer.side(direction)
        if side.reader.error is not None or side.close is not None:
            raise InjectionError("that direction is closed, or cannot be read any more")
        self._check_room(direction, len(data))
        self._own(direction, label, data)

    def _check_room(self, direction: Direction, size: int) -> None:
        limits = self._shared.config.limits
        if size > limits.message_bytes:
            raise InjectionError(f"a message of one's own has at most {limits.message_bytes} bytes")
        waiting = self._carrier.waiting(direction) + self._own_waiting(direction)
        if waiting > limits.write_buffer_bytes:
            receiver = "server" if direction is Direction.REQUEST else "client"
            raise InjectionError(f"the {receiver} takes no more at the moment: {waiting} bytes wait for it")

    def _own_waiting(self, direction: Direction) -> int:
        """Return the size of messages of one's own that wait for the end of one that is passing."""
        return sum(len(data) for _, data in self._injected.get(direction, ()))

    def _own(self, direction: Direction, label: str, data: bytes) -> None:
        if self._observer.side(direction).reader.between_messages:
            self._send_own(direction, label, data)
        else:
            self._injected.setdefault(direction, []).append((label, data))

    def _send_own(self, direction: Direction, label: str, data: bytes) -> None:
        writer = Writer(self._handshake.agreed, from_client=direction is Direction.REQUEST)
        wire = writer.frame(OPCODES[label], data)
        self._forward(direction, wire)
        self._tellers[direction].whole(label, data, wire=len(wire), origin="injected")

    def _feed_around(self, direction: Direction, data: bytes) -> None:
        """Pass bytes on with what was injected between two messages, once there is such a place."""
        self._look(direction, data)
        behind = self._observer.side(direction).reader.behind
        if behind is None or behind > len(data):
            self._forward(direction, data)
            return
        place = len(data) - behind
        if place:
            self._forward(direction, data[:place])
        for label, own in self._injected.pop(direction):
            self._send_own(direction, label, own)
        if behind:
            self._forward(direction, data[place:])

    def outcome(self, whose: Direction, error: BaseException | None) -> tuple[CloseReason, str]:
        """Return reason and detail of the flow's end, which the sender of a direction has brought about."""
        known = self._observer.outcome()
        if known is not None:
            return known
        if whose is Direction.REQUEST:
            return CloseReason.WEBSOCKET_COMPLETED, f"{ABNORMAL} the client left without a close frame"
        how = f"{error}" if error is not None else "the upstream left without a close frame"
        return CloseReason.WEBSOCKET_ERROR, f"{ABNORMAL} {how}"


def conversation_of(
    carrier: Carrier, exchange: Exchange | Relaying, *, handshake: Handshake, url: str, path: bytes
) -> Conversation:
    """Return what relays a WebSocket's messages: past those who decide, where somebody may want to.

    A person at the breakpoints may want to later; then each message is asked about as it begins.
    """
    shared, flow, capture, asked = exchange.shared, exchange.flow, exchange.capture, exchange.asked
    wanted = shared.pauses.attached or any(
        shared.chain.wants_messages(asked, direction) for direction in Direction
    )
    if not wanted:
        return Conversation(carrier, shared, flow, handshake=handshake, capture=capture, path=path)
    from soth_mitm.net.interposing import Interposed

    return Interposed(
        carrier, shared, flow, handshake=handshake, capture=capture, url=url, path=path, asked=asked
    )
