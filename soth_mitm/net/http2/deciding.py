"""Ask the handler about one stream: nothing of it goes on before it has decided, and others go their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from soth_mitm.hooks.decisions import Block, Continue, Decision, Modify, Respond
from soth_mitm.hooks.messages import Request, Response, url_of
from soth_mitm.model.events import HandlerActed, ResponseInfo
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.asking import Asking
from soth_mitm.net.asking_message import HOOK
from soth_mitm.net.hold import Hold
from soth_mitm.net.http2 import amend
from soth_mitm.net.http2.held import HeldStream, Section
from soth_mitm.proto.http1 import Body, End
from soth_mitm.proto.http2 import VERSION, ErrorCode, heads
from soth_mitm.proto.http2.heads import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.http2.exchange import StreamExchange
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.proto.http1 import Item
    from soth_mitm.proto.http2.hpack import Fields
    from soth_mitm.proto.websocket.handshake import Handshake

_CONTINUE_100 = ((b":status", b"100"),)
_END = End(b"", b"")


class StreamDeciding(Asking):
    """The handler's part in one stream. What is held is granted only where a hook asks for the body."""

    def __init__(self, exchange: StreamExchange, *, up: BodyTap, down: BodyTap) -> None:
        super().__init__(exchange)
        self._up, self._down = up, down
        self._held_request: HeldStream | None = None
        self._held_response: HeldStream | None = None
        """What has messages decided one by one, once the head has gone on."""
        self._exchange = exchange
        self._engine = exchange.session.engine
        self._discard_request = False
        self._granting_request = False
        self._granting_response = False
        self._request_trailers: Section | None = None
        self._response_trailers: Section | None = None
        self._answered_100 = False
        self._handshake: Handshake | None = None
        """What a WebSocket that is being decided about has agreed on."""
        self.request = Request(
            exchange.flow.number,
            exchange.head.raw,
            body=self._request_body,
            method=exchange.head.method,
            target=exchange.head.path,
            version=VERSION,
            scheme=exchange.place.scheme,
            host=exchange.place.host,
            port=exchange.place.port,
        )

    # --- what the exchange asks -------------------------------------------------------------------

    def takes_request_data(self, data: bytes, *, overhead: int, end: bool) -> bool:
        """Keep or drop a piece of the request's body; False leaves it to the exchange."""
        hold, held = self._request_hold, self._held_request
        if hold is None and not self._discard_request:
            return held is not None and held.takes_data(data, overhead=overhead, end=end)
        grant = overhead
        if hold is None:
            grant += len(data)
            if end:
                self._exchange.end_request()
        else:
            if self._granting_request:
                grant += len(data)
            hold.add(_items(data, end=end))
        self._grant_client(grant)
        return True

    def takes_request_trailers(self, fields: Fields, never: tuple[int, ...], raw: bytes) -> bool:
        """Keep or drop the fields that end the request likewise."""
        if self._request_hold is not None:
            self._request_trailers = (fields, never, raw)
            self._request_hold.add((_END,))
            return True
        if self._discard_request:
            self._exchange.end_request()
            return True
        held = self._held_request
        return held is not None and held.takes_trailers((fields, never, raw))

    def takes_response_data(self, data: bytes, *, overhead: int, end: bool) -> bool:
        """Keep a piece of the response's body; False leaves it to the exchange."""
        hold, held = self._response_hold, self._held_response
        if hold is None:
            return held is not None and held.takes_data(data, overhead=overhead, end=end)
        leg = self._exchange.leg
        if leg is not None:
            leg.took(overhead + len(data) if self._granting_response else overhead)
        hold.add(_items(data, end=end))
        return True

    def takes_response_trailers(self, fields: Fields, never: tuple[int, ...], raw: bytes) -> bool:
        """Keep the fields that end the response likewise."""
        if self._response_hold is None:
            held = self._held_response
            return held is not None and held.takes_trailers((fields, never, raw))
        self._response_trailers = (fields, never, raw)
        self._response_hold.add((_END,))
        return True

    def _grant_client(self, count: int) -> None:
        if count:
            self._engine.took(self._exchange.stream, count)
            self._exchange.session.pump.soon()

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
            self._put_request(self._exchange.sent_head)

    def _put_request(self, head: heads.RequestHead) -> None:
        """Send the head; the body follows, through the handler where its messages are decided about."""
        exchange, held = self._exchange, self._up.held
        if held is not None and not exchange.request_done:
            if head.length is not None:
                head = amend.request_without_length(head)
                self._shortened(head.raw)
            self._held_request = HeldStream(
                held,
                relay=lambda data, end: exchange.relay_request(data, overhead=0, end=end),
                trailers=lambda own: exchange.request_trailers(own[0], never=own[1], raw=own[2]),
                credit=self._grant_client,
                broken=self._broken,
                failed=exchange.internal_error,
            )
            held.connect(self._held_request, url=self._url())
        exchange.put_request(head, None)

    def _shortened(self, raw: bytes) -> None:
        self._exchange.flow.emit(HandlerActed(HOOK, "hold", "without a length: it may change", forwarded=raw))

    def _url(self) -> str:
        place = self._exchange.place
        return url_of(place.scheme, place.host, place.port, target=place.path)

    def _broken(self, code: str, detail: str) -> None:
        exchange = self._exchange
        self._engine.reset(exchange.stream, ErrorCode.INTERNAL_ERROR)
        exchange.session.pump.soon()
        exchange.finish(CloseReason.HTTP_ERROR, f"{code}: {detail}")

    def ask_request(self) -> None:
        """Hold the request, and ask `on_request` about it."""
        self._request_hold = hold = Hold(
            limit=self._exchange.session.config.limits.hook_body_bytes,
            more=self._more_request,
            enough=self._enough_request,
        )
        if self._exchange.request_done:
            hold.add((_END,))
        self._spawn(self._decide_request(), "on_request")

    def _more_request(self) -> None:
        self._granting_request = True
        if self._request_hold is not None:
            self._grant_client(self._request_hold.size)

    def _enough_request(self) -> None:
        self._granting_request = False

    async def _request_body(self) -> bytes:
        hold, exchange = self._request_hold, self._exchange
        if hold is None:
            raise RuntimeError("request.body() can only be awaited inside on_request")
        if exchange.head.expect_continue and not hold.items and not self._answered_100:
            self._answered_100 = True
            self._engine.send_head(exchange.stream, _CONTINUE_100, interim=True)
            exchange.session.pump.soon()
            exchange.flow.emit(ResponseInfo(100, lines(_CONTINUE_100) + b"\r\n", generated=True))
        return await self._untimed(hold.collect())

    async def _decide_request(self) -> None:
        exchange = self._exchange
        decision = await self._decision("on_request", self._shared.hooks.handler.on_request(self.request))
        if exchange.finished:
            return
        hold, self._request_hold = self._request_hold, None
        items = hold.items if hold is not None else []
        try:
            self._apply_request(decision, items)
        except ValueError as error:
            self._apply_request(self._instead("on_request", error), items)

    def _apply_request(self, decision: Decision | None, items: Sequence[Item]) -> None:
        exchange = self._exchange
        change = decision if isinstance(decision, Modify) else Modify()
        if self._answered_100:
            change = _without(change, b"expect")
        match decision:
            case None | Continue() | Modify():
                head = exchange.sent_head
                if change != Modify():
                    head = amend.request(head, change)
                if isinstance(decision, Modify):
                    exchange.flow.emit(HandlerActed("on_request", "modify", forwarded=head.raw))
                self._discard_request = change.body is not None
                if change.body is None:
                    self._put_request(head)
                    self._replay_request(items)
                    return
                exchange.put_request(head, change.body)
                if not exchange.request_done and any(isinstance(item, End) for item in items):
                    exchange.end_request()
            case Respond():
                exchange.request_done = exchange.request_done or any(isinstance(i, End) for i in items)
                self._respond("on_request", decision)
            case Block():
                exchange.request_done = exchange.request_done or any(isinstance(i, End) for i in items)
                self._block("on_request", decision)

    def _replay_request(self, items: Sequence[Item]) -> None:
        exchange, trailers = self._exchange, self._request_trailers
        for position, item in enumerate(items):
            if isinstance(item, Body):
                last = trailers is None and position + 2 == len(items) and isinstance(items[-1], End)
                exchange.request_data(item.data, overhead=0, end=last)
            elif isinstance(item, End) and not exchange.request_done:
                if trailers is not None:
                    exchange.request_trailers(trailers[0], never=trailers[1], raw=trailers[2])
                else:
                    exchange.request_data(b"", overhead=0, end=True)

    # --- the response -----------------------------------------------------------------------------

    def answered(self, answer: Answer, *, end: bool) -> None:
        """Send the response on once it is decided about."""
        if self._shared.hooks.response:
            self.ask_response(answer, end=end)
        else:
            self._put_response(answer.fields, answer.never, end=end)

    def _put_response(self, fields: Fields, never: tuple[int, ...], *, end: bool) -> None:
        exchange, held = self._exchange, self._down.held
        if held is not None and not end:
            if any(name == b"content-length" for name, _ in fields):
                fields, never = amend.without_length(fields, never)
                self._shortened(lines(fields) + b"\r\n")
            self._held_response = HeldStream(
                held,
                relay=lambda data, end: exchange.relay_response(data, overhead=0, end=end),
                trailers=lambda own: exchange.response_trailers(own[0], never=own[1], raw=own[2]),
                credit=self._grant_upstream,
                broken=self._broken,
                failed=exchange.internal_error,
            )
            held.connect(self._held_response, url=self._url())
        exchange.put_response(fields, never=never, end=end)

    def _grant_upstream(self, count: int) -> None:
        if self._exchange.leg is not None:
            self._exchange.leg.took(count)

    def ask_websocket(self, answer: Answer, handshake: Handshake) -> None:
        """Hold the answer that agrees to a WebSocket, and what follows; ask `on_websocket_start` about it."""
        self._handshake = handshake
        self._hold_response(answer, end=False, hook="on_websocket_start")

    def ask_response(self, answer: Answer, *, end: bool) -> None:
        """Hold the response, and ask `on_response` about it."""
        self._hold_response(answer, end=end, hook="on_response")

    def _hold_response(self, answer: Answer, *, end: bool, hook: str) -> None:
        self._response_hold = hold = Hold(
            limit=self._exchange.session.config.limits.hook_body_bytes,
            more=self._more_response,
            enough=self._enough_response,
        )
        if end:
            hold.add((_END,))
        self._spawn(self._decide_response(answer, end=end, hook=hook), hook)

    def _more_response(self) -> None:
        self._granting_response = True
        if self._response_hold is not None and self._exchange.leg is not None:
            self._exchange.leg.took(self._response_hold.size)

    def _enough_response(self) -> None:
        self._granting_response = False

    async def _response_body(self) -> bytes:
        hold = self._response_hold
        if hold is None:
            raise RuntimeError("response.body() can only be awaited inside on_response")
        return await self._untimed(hold.collect())

    async def _decide_response(self, answer: Answer, *, end: bool, hook: str) -> None:
        exchange = self._exchange
        view = Response(
            exchange.flow.number,
            answer.raw,
            body=self._response_body,
            status=answer.status,
            reason=answer.reason,
            request=self.request,
        )
        decision = await self._decision(hook, getattr(self._shared.hooks.handler, hook)(view))
        if exchange.finished:
            return
        hold, self._response_hold = self._response_hold, None
        items = hold.items if hold is not None else []
        try:
            self._apply_response(decision, answer, items, end=end, hook=hook)
        except ValueError as error:
            self._apply_response(self._instead(hook, error), answer, items, end=end, hook=hook)

    def _apply_response(
        self, decision: Decision | None, answer: Answer, items: Sequence[Item], *, end: bool, hook: str
    ) -> None:
        exchange = self._exchange
        match decision:
            case None | Continue():
                self._put_response(answer.fields, answer.never, end=end)
                if self._handshake is not None:
                    exchange.switch(self._handshake)
                if not end:
                    self._replay_response(items)
            case Modify() if self._handshake is not None:
                raise ValueError("the answer to a WebSocket's handshake cannot be modified")
            case Modify():
                fields, never = amend.response(answer, decision)
                forwarded = lines(fields) + b"\r\n"
                exchange.flow.emit(HandlerActed("on_response", "modify", forwarded=forwarded))
                if decision.body is not None:
                    body = b"" if exchange.head.method == b"HEAD" else decision.body
                    exchange.replace_response(fields, never, body)
                    return
                self._put_response(fields, never, end=end)
                if not end:
                    self._replay_response(items)
            case Respond():
                self._respond(hook, decision)
            case Block():
                self._block(hook, decision)

    def _replay_response(self, items: Sequence[Item]) -> None:
        exchange, trailers = self._exchange, self._response_trailers
        for position, item in enumerate(items):
            if isinstance(item, Body):
                last = trailers is None and position + 2 == len(items) and isinstance(items[-1], End)
                exchange.response_data(item.data, overhead=0, end=last)
            elif isinstance(item, End) and not exchange.response_done:
                if trailers is not None:
                    exchange.response_trailers(trailers[0], never=trailers[1], raw=trailers[2])
                else:
                    exchange.response_data(b"", overhead=0, end=True)


def _items(data: bytes, *, end: bool) -> tuple[Item, ...]:
    body = (Body(b"", data),) if data else ()
    return (*body, _END) if end else body


def _without(change: Modify, name: bytes) -> Modify:
    return msgspec.structs.replace(change, drop_fields=(*change.drop_fields, name))
