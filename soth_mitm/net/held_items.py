"""A held body on its way through an exchange of HTTP/1.1: items in, items out, framed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import url_of
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.gate import Why
from soth_mitm.proto.http1 import Body, End, Framing, Item, ResponseHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.net.held import HeldBody
    from soth_mitm.net.shaping import ShapedBody

LAST_CHUNK = b"0\r\n\r\n"


def of_request(exchange: Exchange, tap: BodyTap, raw: bytes) -> tuple[bytes, HeldItems | None]:
    """Return the head to send, and what the body goes through where its messages are decided about."""

    def relay(items: Sequence[Item]) -> None:
        exchange.session.touched = True
        exchange.request_items(items)
        exchange.flush()

    gate = exchange.session.gate
    framing = exchange.head.framing
    return _joined(exchange, tap, framing, raw, relay=relay, hold=lambda hold: gate.set(Why.HOLDING, hold))


def of_response(
    exchange: Exchange, tap: BodyTap, head: ResponseHead, raw: bytes
) -> tuple[bytes, HeldItems | None]:
    """Do so for a response."""
    gate, relay = exchange.gate, exchange.response_items
    return _joined(
        exchange, tap, head.framing, raw, relay=relay, hold=lambda hold: gate.set(Why.HOLDING, hold)
    )


def own_request(exchange: Exchange, tap: BodyTap, raw: bytes, ended: Callable[[], None]) -> HeldItems | None:
    """Send the head of a request whose body goes in place of another's, and return what that goes through.

    `ended` is called when the body has gone.
    """

    def relay(items: Sequence[Item]) -> None:
        exchange.session.touched = True
        exchange.request_items(_bodies(items))
        exchange.flush()
        if isinstance(items[-1], End):
            ended()

    raw, held = _joined(exchange, tap, Framing.LENGTH, raw, relay=relay, hold=_no_sender)
    exchange.put_request(raw, b"")
    return held


def own_response(exchange: Exchange, tap: BodyTap, raw: bytes, ended: Callable[[], None]) -> HeldItems | None:
    """Do so for a response."""

    def relay(items: Sequence[Item]) -> None:
        exchange.response_items(_bodies(items))
        if isinstance(items[-1], End):
            ended()

    raw, held = _joined(exchange, tap, Framing.LENGTH, raw, relay=relay, hold=_no_sender)
    exchange.put_response(raw, None)
    return held


def _joined(
    exchange: Exchange,
    tap: BodyTap,
    framing: Framing,
    raw: bytes,
    *,
    relay: Callable[[Sequence[Item]], None],
    hold: Callable[[bool], None],
) -> tuple[bytes, HeldItems | None]:
    held, place = tap.through, exchange.place
    if held is None:
        return raw, None
    keeps = framing is Framing.LENGTH and not held.resizes
    if framing is Framing.LENGTH and not keeps:
        raw = rewrite.drop_fields(raw, (b"content-length",))
        raw = rewrite.replace_fields(raw, [(b"Transfer-Encoding", b"chunked")])
        exchange.flow.emit(held.resized(raw, "in chunks: its length may change"))

    def broken(code: str, detail: str) -> None:
        exchange.finish(CloseReason.HTTP_ERROR, f"{code}: {detail}")
        exchange.session.abort()

    way = HeldItems(
        held,
        framing,
        keeps=keeps,
        relay=relay,
        hold=hold,
        broken=broken,
        failed=exchange.session.internal_error,
        cut=exchange.session.cut,
    )
    held.connect(way, url=url_of(place.scheme, place.host, place.port, target=place.path))
    return raw, way


def _no_sender(hold: bool) -> None:
    """Hold nobody back: all of the body is here."""


def _bodies(items: Sequence[Item]) -> Sequence[Item]:
    """Return items; the end of a body of our own is not that of the message it goes in place of."""
    return [Body(item.wire, b"") if isinstance(item, End) else item for item in items]


class HeldItems:
    """One direction. What it is given back it hands to `relay`, which it does not take a second time."""

    def __init__(
        self,
        held: HeldBody | ShapedBody,
        framing: Framing,
        *,
        keeps: bool,
        relay: Callable[[Sequence[Item]], None],
        hold: Callable[[bool], None],
        broken: Callable[[str, str], None],
        failed: Callable[[Exception], None],
        cut: Callable[[str], None],
    ) -> None:
        self._held = held
        self._bare = keeps or framing is Framing.CLOSE
        """Payload goes as it is, not in chunks."""
        self._chunked_now = framing is Framing.LENGTH and not keeps
        self._relay = relay
        self.relaying = False
        """What is relayed now comes from here."""
        self._end = End(b"", b"")
        self.hold = hold
        self.broken = broken
        self.failed = failed
        self.cut = cut

    def takes(self, items: Sequence[Item]) -> bool:
        """Take items of the body; False leaves them to the exchange."""
        if self.relaying:
            return False
        for item in items:
            if isinstance(item, Body):
                if item.data:
                    self._held.feed(item.data)
            elif isinstance(item, End):
                self._end = item
                self._held.end()
        return True

    def send(self, data: bytes) -> None:
        """Pass payload on."""
        wire = data if self._bare else b"%x\r\n%b\r\n" % (len(data), data)
        self._pass(Body(wire, data))

    def finish(self) -> None:
        """Pass the end of the body on, with its trailers."""
        self._pass(End(LAST_CHUNK, b"") if self._chunked_now else self._end)

    def _pass(self, item: Item) -> None:
        self.relaying = True
        try:
            self._relay((item,))
        finally:
            self.relaying = False
