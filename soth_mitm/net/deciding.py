"""Ask the handler about an exchange, hold the message meanwhile, and do what it decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Block, Continue, Decision, Modify, Respond
from soth_mitm.hooks.messages import Request, Response
from soth_mitm.model.events import HandlerActed, ResponseInfo
from soth_mitm.net import amend, held_items
from soth_mitm.net.asking import Asking
from soth_mitm.net.gate import Why
from soth_mitm.net.hold import Hold
from soth_mitm.proto.http1 import End, Item, ResponseHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.exchange import Exchange
    from soth_mitm.net.held_items import HeldItems
    from soth_mitm.proto.websocket.handshake import Handshake

CONTINUE_100 = b"HTTP/1.1 100 Continue\r\n\r\n"


class Deciding(Asking):
    """The handler's part in one exchange over HTTP/1.1."""

    def __init__(self, exchange: Exchange, *, up: BodyTap, down: BodyTap) -> None:
        super().__init__(exchange)
        self._exchange = exchange
        self._up, self._down = up, down
        self._held_request: HeldItems | None = None
        self._held_response: HeldItems | None = None
        """What has messages decided one by one, once the head has gone on."""
        self._discard_request = False
        self._discard_response = False
        self._answered_100 = False
        self._whole = False
        """The request was there to its end when the hook decided."""
        self._handshake: Handshake | None = None
        """Of the WebSocket that is being decided about."""
        self.request = self._request_view()

    def _request_view(self) -> Request:
        exchange, head, place = self._exchange, self._exchange.head, self._exchange.place
        return Request(
            exchange.flow.number,
            head.raw,
            body=self._request_body,
            method=head.method,
            target=head.target,
            version=f"HTTP/1.{head.minor}",
            scheme=place.scheme,
            host=place.host,
            port=place.port,
        )

    # --- what the exchange asks -------------------------------------------------------------------

    def takes_request(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the request; False leaves them to the exchange."""
        taken = self._takes(items, self._request_hold, self._discard_request, self._exchange.end_request)
        return taken or (self._held_request is not None and self._held_request.takes(items))

    def takes_response(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the response likewise."""
        taken = self._takes(items, self._response_hold, self._discard_response, self._exchange.end_response)
        return taken or (self._held_response is not None and self._held_response.takes(items))

    @staticmethod
    def _takes(items: Sequence[Item], hold: Hold | None, discard: bool, end: Callable[[], None]) -> bool:
        if hold is not None:
            hold.add(items)
            return True
        if discard and any(isinstance(item, End) for item in items):
            end()
        return discard

    def cancel(self) -> None:
        """See `Asking`."""
        super().cancel()
        for tap in (self._up, self._down):
            if tap.held is not None:
                tap.held.stop()

    # --- the request ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the request on once it is decided about."""
        if self._shared.hooks.request:
            self.ask_request()
        else:
            self._pass_request(self._exchange.place.raw, ())

    def ask_request(self) -> None:
        """Hold the request, and ask `on_request` about it."""
        session = self._exchange.session
        self._request_hold = Hold(
            limit=session.config.limits.hook_body_bytes,
            more=lambda: session.gate.open(Why.HOLDING),
            enough=lambda: session.gate.shut(Why.HOLDING),
        )
        self._spawn(self._decide_request(), "on_request")

    async def _request_body(self) -> bytes:
        hold, exchange = self._request_hold, self._exchange
        if hold is None:
            raise RuntimeError("request.body() can only be awaited inside on_request")
        if exchange.head.expect_continue and not hold.items and not self._answered_100:
            self._answered_100 = True
            exchange.session.write(CONTINUE_100)
            exchange.flow.emit(ResponseInfo(100, CONTINUE_100, generated=True))
        return await self._untimed(hold.collect())

    async def _decide_request(self) -> None:
        exchange, session = self._exchange, self._exchange.session
        decision = await self._decision("on_request", self._shared.hooks.handler.on_request(self.request))
        if exchange.finished:
            return
        hold, self._request_hold = self._request_hold, None
        items = hold.items if hold is not None else []
        session.gate.open(Why.HOLDING)
        self._whole = hold is not None and hold.ended
        raw = exchange.place.raw
        if self._answered_100:
            raw = rewrite.drop_fields(raw, (b"expect",))
        try:
            self._apply_request(decision, raw, items)
        except ValueError as error:
            self._apply_request(self._instead("on_request", error), raw, items)

    def _apply_request(self, decision: Decision | None, raw: bytes, items: Sequence[Item]) -> None:
        exchange = self._exchange
        match decision:
            case None | Continue():
                self._pass_request(raw, items)
            case Modify():
                changed = amend.request(exchange.head, raw, decision)
                exchange.flow.emit(HandlerActed("on_request", "modify", forwarded=changed))
                if decision.body is None:
                    self._pass_request(changed, items)
                    return
                self._discard_request = True
                exchange.put_request(changed, decision.body)
                exchange.flush()
                self.takes_request(items)
            case Respond():
                exchange.request_done = self._whole  # so the answer need not linger for the rest
                self._respond("on_request", decision)
            case Block():
                exchange.request_done = self._whole
                self._block("on_request", decision)

    def _pass_request(self, raw: bytes, items: Sequence[Item]) -> None:
        raw, held = held_items.of_request(self._exchange, self._up, raw)
        self._exchange.send_head(raw)
        self._held_request = held
        self._exchange.request_items(items)
        self._exchange.flush()

    # --- the response -----------------------------------------------------------------------------

    def answered(self, head: ResponseHead) -> None:
        """Send the response on once it is decided about."""
        if self._shared.hooks.response:
            self.ask_response(head)
        else:
            self._pass_response(head, head.raw, ())

    def ask_response(self, head: ResponseHead) -> None:
        """Hold the response, and ask `on_response` about it."""
        self._hold_response(self._decide_response(head, "on_response"), "on_response")

    def ask_websocket(self, head: ResponseHead, handshake: Handshake) -> None:
        """Hold a 101 and what follows, and ask `on_websocket_start` about it."""
        self._handshake = handshake
        self._hold_response(self._decide_response(head, "on_websocket_start"), "on_websocket_start")

    def _hold_response(self, work: Awaitable[None], hook: str) -> None:
        exchange = self._exchange
        self._response_hold = Hold(
            limit=exchange.session.config.limits.hook_body_bytes,
            more=lambda: exchange.gate.open(Why.HOLDING),
            enough=lambda: exchange.gate.shut(Why.HOLDING),
        )
        self._spawn(work, hook)

    async def _response_body(self) -> bytes:
        hold = self._response_hold
        if hold is None:
            raise RuntimeError("response.body() can only be awaited inside on_response")
        return await self._untimed(hold.collect())

    async def _decide_response(self, head: ResponseHead, hook: str) -> None:
        exchange = self._exchange
        view = Response(
            exchange.flow.number,
            head.raw,
            body=self._response_body,
            status=head.status,
            reason=head.reason,
            request=self.request,
        )
        decision = await self._decision(hook, getattr(self._shared.hooks.handler, hook)(view))
        if exchange.finished:
            return
        hold, self._response_hold = self._response_hold, None
        items = hold.items if hold is not None else []
        exchange.gate.open(Why.HOLDING)
        try:
            self._apply_response(decision, head, items, hook=hook)
        except ValueError as error:
            self._apply_response(self._instead(hook, error), head, items, hook=hook)

    def _apply_response(
        self, decision: Decision | None, head: ResponseHead, items: Sequence[Item], *, hook: str
    ) -> None:
        exchange = self._exchange
        match decision:
            case None | Continue():
                self._pass_response(head, head.raw, items)
            case Modify() if self._handshake is not None:
                raise ValueError("the answer to a WebSocket's handshake cannot be modified")
            case Modify():
                changed = amend.response(head, decision)
                exchange.flow.emit(HandlerActed("on_response", "modify", forwarded=changed))
                if decision.body is None:
                    self._pass_response(head, changed, items)
                    return
                self._discard_response = True
                exchange.put_response(changed, b"" if exchange.head.method == b"HEAD" else decision.body)
                exchange.response_items(items)
            case Respond():
                self._respond(hook, decision)
            case Block():
                self._block(hook, decision)

    def _pass_response(self, head: ResponseHead, raw: bytes, items: Sequence[Item]) -> None:
        exchange = self._exchange
        raw, held = held_items.of_response(exchange, self._down, head, raw)
        exchange.put_response(raw, None)
        self._held_response = held
        if self._handshake is not None:
            exchange.switch(head, self._handshake)
        exchange.response_items(items)
