"""Ask the handler about an exchange, hold the message meanwhile, and do what it decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Block, Continue, Decision, Modify, Respond
from soth_mitm.hooks.messages import Request, Response
from soth_mitm.model.events import HandlerActed, ResponseInfo
from soth_mitm.net import amend
from soth_mitm.net.asking import Asking
from soth_mitm.net.gate import Why
from soth_mitm.net.hold import Hold
from soth_mitm.proto.http1 import End, Item, ResponseHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from soth_mitm.net.exchange import Exchange
    from soth_mitm.proto.websocket.handshake import Handshake

CONTINUE_100 = b"HTTP/1.1 100 Continue\r\n\r\n"


class Deciding(Asking):
    """The handler's part in one exchange over HTTP/1.1."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._exchange = exchange
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
        return self._takes(items, self._request_hold, self._discard_request, self._exchange.end_request)

    def takes_response(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the response likewise."""
        return self._takes(items, self._response_hold, self._discard_response, self._exchange.end_response)

    @staticmethod
    def _takes(items: Sequence[Item], hold: Hold | None, discard: bool, end: Callable[[], None]) -> bool:
        if hold is not None:
            hold.add(items)
            return True
        if discard and any(isinstance(item, End) for item in items):
            end()
        return discard

    # --- the request ------------------------------------------------------------------------------

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
        self._exchange.send_head(raw)
        self._exchange.request_items(items)
        self._exchange.flush()

    # --- the response -----------------------------------------------------------------------------

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
                exchange.put_response(head.raw, None)
                if self._handshake is not None:
                    exchange.switch(head, self._handshake)
                exchange.response_items(items)
            case Modify() if self._handshake is not None:
                raise ValueError("the answer to a WebSocket's handshake cannot be modified")
            case Modify():
                changed = amend.response(head, decision)
                exchange.flow.emit(HandlerActed("on_response", "modify", forwarded=changed))
                self._discard_response = decision.body is not None
                exchange.put_response(changed, b"" if exchange.head.method == b"HEAD" else decision.body)
                exchange.response_items(items)
            case Respond():
                self._respond(hook, decision)
            case Block():
                self._block(hook, decision)
