"""Take an exchange of HTTP/1.1 through the chain: hold the message meanwhile, and send what was decided."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Modify
from soth_mitm.hooks.messages import BodySource, Request, Response
from soth_mitm.model.events import Direction, ResponseInfo
from soth_mitm.net import amend, held_items
from soth_mitm.net.asking import Asking
from soth_mitm.net.gate import Why
from soth_mitm.net.hold import Hold
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.proto.http1 import Body, End, Framing, Item, ResponseHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.net.held_items import HeldItems
    from soth_mitm.net.origin import Supply
    from soth_mitm.proto.websocket.handshake import Handshake

Own = Callable[["Exchange", "BodyTap", bytes, Callable[[], None]], "HeldItems | None"]
"""Sends a head, and returns what a body of our own goes through."""
CONTINUE_100 = b"HTTP/1.1 100 Continue\r\n\r\n"


class Deciding(Asking):
    """The chain's part in one exchange over HTTP/1.1."""

    def __init__(self, exchange: Exchange, *, up: BodyTap, down: BodyTap) -> None:
        super().__init__(exchange, up=up, down=down)
        self._exchange = exchange
        self._held_request: HeldItems | None = None
        self._held_response: HeldItems | None = None
        """What has messages decided one by one, once the head has gone on."""
        self._discarding: set[Direction] = set()
        """Whose original body is thrown away as it comes."""
        self._discarded: set[Direction] = set()
        """Whose original body has ended since; one that breaks off may do so more than once."""
        self._answered_100 = False
        self._opened: dict[Direction, tuple[int, int]] = {}
        """What is missing of the chunk that has gone on last, of a body whose messages wait for theirs."""
        self._response_head: ResponseHead | None = None
        self._response_raw = b""
        """The response's head as it will go on."""

    # --- what the exchange asks -------------------------------------------------------------------

    def takes_request(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the request; False leaves them to the exchange."""
        if Direction.REQUEST in self._joining and not self.holds(Direction.REQUEST):
            items = self._before_joined(Direction.REQUEST, items, self._exchange.request_items)
        taken = self._takes(Direction.REQUEST, items, self._exchange.end_request)
        return taken or (self._held_request is not None and self._held_request.takes(items))

    def takes_response(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the response likewise."""
        if Direction.RESPONSE in self._joining and not self.holds(Direction.RESPONSE):
            items = self._before_joined(Direction.RESPONSE, items, self._exchange.response_items)
        taken = self._takes(Direction.RESPONSE, items, self._exchange.end_response)
        return taken or (self._held_response is not None and self._held_response.takes(items))

    def replaces(self, direction: Direction) -> bool:
        """Whether another body goes in place of the one that comes."""
        return direction in self._discarding

    def _takes(self, direction: Direction, items: Sequence[Item], end: Callable[[], None]) -> bool:
        hold = self._holds.get(direction)
        if hold is not None:
            hold.add(items)
            return True
        request = direction is Direction.REQUEST
        own = self._held_request if request else self._held_response
        if direction not in self._discarding or (own is not None and own.relaying):
            return False
        for item in items:
            if isinstance(item, Body):
                self._original(direction, item.data)
            elif isinstance(item, End) and direction not in self._discarded:
                self._discarded.add(direction)
                self._one_ended(direction, end)
        return True

    def _before_joined(
        self, direction: Direction, items: Sequence[Item], relay: Callable[[Sequence[Item]], None]
    ) -> Sequence[Item]:
        """Pass what comes before the first message that is decided about; return what is left of items.

        That is all of them where none begins here.
        """
        left, missing = self._opened.pop(direction)
        body = next((item for item in items if isinstance(item, Body)), None)
        place = -1
        if body is not None and len(body.wire) >= missing:
            place = self._border_in(direction, body.data, left)
        if body is None or place < 0:
            if direction in self._joining:
                self._opened[direction] = self._open_chunk(direction)
            return items
        self._joining.discard(direction)
        if place or missing:
            wire = body.wire[:missing]
            if place > left:
                piece = body.data[left:place]
                wire += piece if len(body.wire) == len(body.data) else b"%x\r\n%b\r\n" % (len(piece), piece)
            relay((Body(wire, body.data[:place]),))
        self._take_over(direction)
        return [Body(b"", body.data[place:]), *items[items.index(body) + 1 :]]

    def join(self, direction: Direction) -> None:
        """See `Asking`."""
        super().join(direction)
        self._opened[direction] = self._open_chunk(direction)

    def _open_chunk(self, direction: Direction) -> tuple[int, int]:
        """See `Asking`: what follows is framed anew, so that no chunk may be open in what has gone on."""
        exchange = self._exchange
        conn = exchange.conn
        request = direction is Direction.REQUEST
        return (exchange.session.reader if request or conn is None else conn.reader).open_chunk

    def _joined(self, direction: Direction) -> None:
        """See `Asking`."""
        exchange, tap = self._exchange, self._taps[direction]
        if direction is Direction.REQUEST:
            _, self._held_request = held_items.of_request(exchange, tap, b"")
        elif exchange.response_head is not None:
            _, self._held_response = held_items.of_response(exchange, tap, exchange.response_head, b"")

    # --- the request ------------------------------------------------------------------------------

    def begin(self, *, ask: bool) -> None:
        """Send the request on, once it is decided about where somebody wants to."""
        if ask:
            self.ask_request()
        else:
            self._pass_request(())

    def ask_request(self) -> None:
        """Hold the request, and ask about it."""
        gate = self._exchange.session.gate
        self._holds[Direction.REQUEST] = Hold(
            limit=self._exchange.session.config.limits.hook_body_bytes,
            more=lambda: gate.open(Why.HOLDING),
            enough=lambda: gate.shut(Why.HOLDING),
        )
        self._spawn(self._decide_request(), "on_request")

    async def _whole_request(self, hold: Hold, patience: float) -> bytes:
        """See `Asking`."""
        exchange = self._exchange
        if exchange.head.expect_continue and not hold.items and not self._answered_100:
            self._answered_100 = True
            exchange.session.write(CONTINUE_100)
            exchange.flow.emit(ResponseInfo(100, CONTINUE_100, generated=True))
        return await hold.collect(patience)

    async def _decide_request(self) -> None:
        if not await self._decided(Direction.REQUEST, "on_request"):
            return
        exchange = self._exchange
        hold = self._holds.pop(Direction.REQUEST, None)
        items = hold.items if hold is not None else []
        exchange.session.gate.open(Why.HOLDING)
        if self._answered_100:
            exchange.place = exchange.place._replace(
                raw=rewrite.drop_fields(exchange.place.raw, (b"expect",))
            )
        body = self._bodies.get(Direction.REQUEST)
        if body is None:
            self._pass_request(items)
            return
        self._discarding.add(Direction.REQUEST)
        if body and self._own_goes_through(Direction.REQUEST):
            self._pass_own(Direction.REQUEST, held_items.own_request, exchange.place.raw, body)
        else:
            exchange.put_request(exchange.place.raw, body)
        exchange.flush()
        self.takes_request(items)

    def _pass_own(self, direction: Direction, own: Own, raw: bytes, body: bytes) -> None:
        """Send a head, and let the body that goes in place of another go through what there is for it."""
        exchange, request = self._exchange, direction is Direction.REQUEST
        end = exchange.end_request if request else exchange.end_response
        self._ends[direction] = 2
        held = own(exchange, self._taps[direction], raw, partial(self._one_ended, direction, end))
        assert held is not None, "there is something for it"
        if request:
            self._held_request = held
        else:
            self._held_response = held
        held.takes((Body(b"", body), End(b"", b"")))

    def _ended_before(self) -> None:
        hold = self._holds.get(Direction.REQUEST)
        if hold is not None:
            self._exchange.request_done = hold.ended  # so the answer need not linger for the rest

    def _pass_request(self, items: Sequence[Item]) -> None:
        raw, held = held_items.of_request(
            self._exchange, self._taps[Direction.REQUEST], self._exchange.place.raw
        )
        self._exchange.send_head(raw)
        self._held_request = held
        self._exchange.request_items(items)
        self._exchange.flush()

    # --- the response -----------------------------------------------------------------------------

    def answered(self, head: ResponseHead, *, ask: bool) -> None:
        """Send the response on, once it is decided about where somebody wants to."""
        self._response_head, self._response_raw = head, head.raw
        if ask:
            self._ask_response("on_response")
        else:
            self._pass_response(head, ())

    def ask_websocket(self, head: ResponseHead, handshake: Handshake) -> None:
        """Hold a 101 and what follows, and ask `on_websocket_start` about it."""
        self._handshake = handshake
        self._response_head, self._response_raw = head, head.raw
        self._ask_response("on_websocket_start")

    def _ask_response(self, hook: str) -> None:
        gate = self._exchange.gate
        self._holds[Direction.RESPONSE] = Hold(
            limit=self._exchange.session.config.limits.hook_body_bytes,
            more=lambda: gate.open(Why.HOLDING),
            enough=lambda: gate.shut(Why.HOLDING),
        )
        self._spawn(self._decide_response(hook), hook)

    async def _decide_response(self, hook: str) -> None:
        if not await self._decided(Direction.RESPONSE, hook):
            return
        exchange, head = self._exchange, self._response_head
        assert head is not None
        hold = self._holds.pop(Direction.RESPONSE, None)
        items = hold.items if hold is not None else []
        exchange.gate.open(Why.HOLDING)
        body = self._bodies.get(Direction.RESPONSE)
        if body is None:
            self._pass_response(head, items)
            return
        self._discarding.add(Direction.RESPONSE)
        if exchange.head.method == b"HEAD":
            body = b""
        if body and self._own_goes_through(Direction.RESPONSE):
            self._pass_own(Direction.RESPONSE, held_items.own_response, self._response_raw, body)
        else:
            exchange.put_response(self._response_raw, body)
        exchange.response_items(items)

    def _pass_response(self, head: ResponseHead, items: Sequence[Item]) -> None:
        exchange = self._exchange
        raw, held = held_items.of_response(exchange, self._taps[Direction.RESPONSE], head, self._response_raw)
        exchange.put_response(raw, None)
        self._held_response = held
        if self._handshake is not None:
            exchange.switch(head, self._handshake)
        exchange.response_items(items)

    # --- what the chain asks ------------------------------------------------------------------------

    def _resizable(self, direction: Direction) -> bool:
        """See `Asking`: HTTP/1.0 has no chunks."""
        request, answer = self._exchange.head, self._response_head
        if direction is Direction.REQUEST or answer is None:
            return request.minor > 0
        return min(request.minor, answer.minor) > 0 or answer.framing is not Framing.LENGTH

    def _serve(self, supply: Supply) -> None:
        """See `Asking`."""
        self._exchange.origin = supply

    def _watch(self, direction: Direction) -> None:
        """See `Asking`: nothing is read from a client whose request is held, so a little is now."""
        hold = self._holds.get(direction)
        if direction is Direction.REQUEST and hold is not None:
            hold.watch()

    def _request_view(self, body: BodySource) -> Request:
        exchange, head, place = self._exchange, self._exchange.head, self._exchange.place
        changed = exchange.request_changed
        return Request(
            exchange.flow.number,
            place.raw if changed else head.raw,
            body=body,
            method=amend.method_of(place.raw) if changed else head.method,
            target=place.path if changed else head.target,
            version=f"HTTP/1.{head.minor}",
            scheme=place.scheme,
            host=place.host,
            port=place.port,
        )

    def _response_view(self, body: BodySource) -> Response:
        head = self._response_head
        assert head is not None
        status, reason = amend.status_of(self._response_raw, head)
        return Response(
            self._exchange.flow.number,
            self._response_raw,
            body=body,
            status=status,
            reason=reason,
            request=self._request_view(partial(self._body, Direction.REQUEST)),
        )

    def _request_draft(self, body: bytes | None) -> RequestDraft:
        place = self._exchange.place
        return RequestDraft(
            scheme=place.scheme,
            host=place.host,
            port=place.port,
            method=amend.method_of(place.raw),
            target=rewrite.target_of(place.raw),
            fields=tuple(rewrite.fields(place.raw)),
            body=body,
            version=f"HTTP/1.{self._exchange.head.minor}",
        )

    def _response_draft(self, body: bytes | None) -> ResponseDraft:
        head = self._response_head
        assert head is not None
        status, reason = amend.status_of(self._response_raw, head)
        return ResponseDraft(
            status=status,
            reason=reason,
            fields=tuple(rewrite.fields(self._response_raw)),
            body=body,
            version=f"HTTP/1.{head.minor}",
        )

    def _change_request(self, change: Modify | RequestDraft) -> tuple[bytes, bytes | None]:
        """See `Asking`."""
        exchange, raw = self._exchange, self._exchange.place.raw
        if isinstance(change, Modify):
            raw, body = amend.request(raw, change), change.body
        else:
            raw, body = amend.replaced_request(raw, self._request_draft(None), change)
            exchange.as_typed = exchange.as_typed or change.as_typed
        exchange.changed(raw, amend.site(exchange.place, change))
        return raw, body

    def _change_response(self, change: Modify | ResponseDraft) -> tuple[bytes, bytes | None]:
        """See `Asking`."""
        head, raw = self._response_head, self._response_raw
        assert head is not None
        if isinstance(change, Modify):
            raw, body = amend.response(head, raw, change), change.body
        else:
            raw, body = amend.replaced_response(head, raw, self._response_draft(None), change)
            self._exchange.as_typed = self._exchange.as_typed or change.as_typed
        self._response_raw = raw
        return raw, body
