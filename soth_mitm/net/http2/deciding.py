"""Take one stream through the chain: nothing of it goes on before it is decided about, others do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Modify
from soth_mitm.hooks.messages import BodySource, Request, Response, url_of
from soth_mitm.model.events import Direction, ResponseInfo
from soth_mitm.model.fields import Fields
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.amend import site
from soth_mitm.net.asking import Asking
from soth_mitm.net.http2 import amend
from soth_mitm.net.http2.held import HeldStream
from soth_mitm.net.http2.side import Side
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.proto.http2 import VERSION, ErrorCode, heads
from soth_mitm.proto.http2.heads import lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.held import HeldBody
    from soth_mitm.net.hold import Hold
    from soth_mitm.net.http2.exchange import StreamExchange
    from soth_mitm.net.http2.held import Section
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.net.origin import Supply
    from soth_mitm.net.shaping import ShapedBody
    from soth_mitm.proto.http2.hpack import Fields as FieldList
    from soth_mitm.proto.websocket.handshake import Handshake

_NO_LENGTH = "without a length: it may change"
_CONTINUE_100 = ((b":status", b"100"),)


class StreamDeciding(Asking):
    """The chain's part in one stream. What is held is granted only where somebody asks for the body."""

    def __init__(self, exchange: StreamExchange, *, up: BodyTap, down: BodyTap) -> None:
        super().__init__(exchange, up=up, down=down)
        self._exchange = exchange
        self._engine = exchange.session.engine
        self._up = Side(
            Direction.REQUEST,
            self._holds,
            grant=self._grant_client,
            relay=lambda data, end: exchange.request_data(data, overhead=0, end=end),
            trailers=lambda own: exchange.request_trailers(own[0], never=own[1], raw=own[2]),
            dropped=partial(self._original, Direction.REQUEST),
            ended=partial(self._one_ended, Direction.REQUEST, exchange.end_request),
        )
        self._down = Side(
            Direction.RESPONSE,
            self._holds,
            grant=self._grant_upstream,
            relay=lambda data, end: exchange.response_data(data, overhead=0, end=end),
            trailers=lambda own: exchange.response_trailers(own[0], never=own[1], raw=own[2]),
            dropped=partial(self._original, Direction.RESPONSE),
            ended=lambda: None,  # the one in its place ends the exchange
        )
        self._answered_100 = False
        self._answer: Answer | None = None
        """The response's head as it will go on."""

    # --- what the exchange asks -------------------------------------------------------------------

    def takes_request_data(self, data: bytes, *, overhead: int, end: bool) -> bool:
        """Keep or drop a piece of the request's body; False leaves it to the exchange."""
        if Direction.REQUEST in self._joining and not self.holds(Direction.REQUEST):
            data, overhead = self._before_joined(Direction.REQUEST, data, overhead)
        return self._up.takes_data(data, overhead=overhead, end=end)

    def takes_request_trailers(self, fields: FieldList, never: tuple[int, ...], raw: bytes) -> bool:
        """Keep or drop the fields that end the request likewise."""
        return self._up.takes_trailers((fields, never, raw))

    def takes_response_data(self, data: bytes, *, overhead: int, end: bool) -> bool:
        """Keep a piece of the response's body; False leaves it to the exchange."""
        if Direction.RESPONSE in self._joining and not self.holds(Direction.RESPONSE):
            data, overhead = self._before_joined(Direction.RESPONSE, data, overhead)
        return self._down.takes_data(data, overhead=overhead, end=end)

    def takes_response_trailers(self, fields: FieldList, never: tuple[int, ...], raw: bytes) -> bool:
        """Keep the fields that end the response likewise."""
        return self._down.takes_trailers((fields, never, raw))

    def _before_joined(self, direction: Direction, data: bytes, overhead: int) -> tuple[bytes, int]:
        """Pass what comes before the first message that is decided about; return what is left of a piece."""
        place = self._border_in(direction, data)
        if place < 0:
            return data, overhead
        if place:
            exchange = self._exchange
            request = direction is Direction.REQUEST
            relay = exchange.relay_request if request else exchange.relay_response
            relay(data[:place], overhead=overhead, end=False)
            overhead = 0
        self._take_over(direction)
        return data[place:], overhead

    def _grant_upstream(self, count: int) -> None:
        if count and self._exchange.leg is not None:
            self._exchange.leg.took(count)

    def _grant_client(self, count: int) -> None:
        if count:
            self._engine.took(self._exchange.stream, count)
            self._exchange.session.pump.soon()

    # --- the request ------------------------------------------------------------------------------

    def begin(self, *, ask: bool) -> None:
        """Send the request on, once it is decided about where somebody wants to."""
        if ask:
            self.ask_request()
        else:
            self._put_request(self._exchange.sent_head)

    def _put_request(self, head: heads.RequestHead) -> None:
        """Send the head; the body follows, through the handler where its messages are decided about."""
        exchange, held = self._exchange, self._taps[Direction.REQUEST].through
        if held is not None and not exchange.request_done:
            if head.length is not None and held.resizes:
                head = amend.request_without_length(head)
                exchange.flow.emit(held.resized(head.raw, _NO_LENGTH))
            self._joined(Direction.REQUEST)
        exchange.put_request(head, None)

    def _joined(self, direction: Direction) -> None:
        """See `Asking`."""
        exchange, held = self._exchange, self._taps[direction].through
        assert held is not None, "it has been made"
        request = direction is Direction.REQUEST
        relay = exchange.relay_request if request else exchange.relay_response
        trailers = exchange.request_trailers if request else exchange.response_trailers
        (self._up if request else self._down).way = self._way(
            held,
            lambda data, end: relay(data, overhead=0, end=end),
            trailers=lambda own: trailers(own[0], never=own[1], raw=own[2]),
            credit=self._grant_client if request else self._grant_upstream,
        )

    def _way(
        self,
        held: HeldBody | ShapedBody,
        relay: Callable[[bytes, bool], None],
        *,
        trailers: Callable[[Section], None],
        credit: Callable[[int], None] = lambda count: None,
    ) -> HeldStream:
        """Connect what a body goes through; one of our own has no sender."""
        exchange = self._exchange
        way = HeldStream(
            held,
            relay=relay,
            trailers=trailers,
            credit=credit,
            broken=self._broken,
            failed=exchange.internal_error,
            cut=exchange.cut,
        )
        held.connect(way, url=self._url())
        return way

    def _url(self) -> str:
        place = self._exchange.place
        return url_of(place.scheme, place.host, place.port, target=place.path)

    def _broken(self, code: str, detail: str) -> None:
        exchange = self._exchange
        self._engine.reset(exchange.stream, ErrorCode.INTERNAL_ERROR)
        exchange.session.pump.soon()
        exchange.finish(CloseReason.HTTP_ERROR, f"{code}: {detail}")

    def ask_request(self) -> None:
        """Hold the request, and ask about it."""
        limit = self._exchange.session.config.limits.hook_body_bytes
        self._up.begin(limit=limit, ended=self._exchange.request_done)
        self._spawn(self._decide_request(), "on_request")

    async def _whole_request(self, hold: Hold, patience: float) -> bytes:
        """See `Asking`."""
        exchange = self._exchange
        if exchange.head.protocol:  # what follows an extended CONNECT is no body
            return b""
        if exchange.head.expect_continue and not hold.items and not self._answered_100:
            self._answered_100 = True
            self._engine.send_head(exchange.stream, _CONTINUE_100, interim=True)
            exchange.session.pump.soon()
            exchange.flow.emit(ResponseInfo(100, lines(_CONTINUE_100) + b"\r\n", generated=True))
        return await hold.collect(patience)

    async def _decide_request(self) -> None:
        if not await self._decided(Direction.REQUEST, "on_request"):
            return
        exchange = self._exchange
        items = self._up.let_go()
        head = exchange.sent_head
        if self._answered_100:
            head = amend.request(head, Modify(drop_fields=(b"expect",)))
        body = self._bodies.get(Direction.REQUEST)
        if body is None:
            self._put_request(head)
            if not exchange.request_done:
                self._up.replay(items)
            return
        whole = self._up.discard(items)
        section = self._up.section
        if body and self._own_goes_through(Direction.REQUEST):
            self._pass_own_request(head, body)
        else:
            exchange.put_request(head, body, trailers=section)
        if whole and not exchange.request_done:
            raw = section[2] if section is not None else b""
            self._one_ended(Direction.REQUEST, partial(exchange.end_request, raw))

    def _pass_own_request(self, head: heads.RequestHead, body: bytes) -> None:
        """Send a head, and let the body that goes in place of another go through what there is for it."""
        exchange = self._exchange
        held = self._taps[Direction.REQUEST].through
        assert held is not None, "there is something for it"
        if head.length is not None and held.resizes:
            head = amend.request_without_length(head)
            exchange.flow.emit(held.resized(head.raw, _NO_LENGTH))
        self._ends[Direction.REQUEST] = 1 if exchange.request_done else 2

        def relay(data: bytes, end: bool) -> None:
            exchange.own_request(data, end=end)
            if end and not exchange.request_done:
                self._one_ended(Direction.REQUEST, exchange.end_request)

        def trailers(section: Section) -> None:
            exchange.own_request(b"", end=True, trailers=section)
            if not exchange.request_done:
                self._one_ended(Direction.REQUEST, partial(exchange.end_request, section[2]))

        exchange.put_request(head, b"", whole=False)
        self._take_own(self._way(held, relay, trailers=trailers), body, self._up.section)

    @staticmethod
    def _take_own(way: HeldStream, body: bytes, section: Section | None) -> None:
        """Let a body go through, and the fields that ended the one in whose place it goes."""
        way.takes_data(body, overhead=0, end=section is None)
        if section is not None:
            way.takes_trailers(section)

    def _ended_before(self) -> None:
        hold = self._holds.get(Direction.REQUEST)
        if hold is not None:
            self._exchange.request_done = self._exchange.request_done or hold.ended

    # --- the response -----------------------------------------------------------------------------

    def answered(self, answer: Answer, *, end: bool, ask: bool) -> None:
        """Send the response on, once it is decided about where somebody wants to."""
        self._answer = answer
        if ask:
            self._hold_response(end=end, hook="on_response")
        else:
            self._put_response(answer, end=end)

    def _put_response(self, answer: Answer, *, end: bool) -> None:
        exchange, held = self._exchange, self._taps[Direction.RESPONSE].through
        fields, never = answer.fields, answer.never
        if held is not None and not end:
            if held.resizes and any(name == b"content-length" for name, _ in fields):
                fields, never = amend.without_length(fields, never)
                exchange.flow.emit(held.resized(lines(fields) + b"\r\n", _NO_LENGTH))
            self._joined(Direction.RESPONSE)
        exchange.put_response(fields, never=never, end=end)

    def ask_websocket(self, answer: Answer, handshake: Handshake) -> None:
        """Hold the answer that agrees to a WebSocket, and what follows; ask about it."""
        self._handshake, self._answer = handshake, answer
        self._hold_response(end=False, hook="on_websocket_start")

    def _hold_response(self, *, end: bool, hook: str) -> None:
        self._down.begin(limit=self._exchange.session.config.limits.hook_body_bytes, ended=end)
        self._spawn(self._decide_response(end=end, hook=hook), hook)

    async def _decide_response(self, *, end: bool, hook: str) -> None:
        if not await self._decided(Direction.RESPONSE, hook):
            return
        exchange, answer = self._exchange, self._answer
        assert answer is not None
        items = self._down.let_go()
        body = self._bodies.get(Direction.RESPONSE)
        if body is not None:
            self._down.discard(items)
            if exchange.head.method == b"HEAD":
                exchange.replace_response(answer, b"")
            elif self._own_goes_through(Direction.RESPONSE):
                self._pass_own_response(answer, body)
            else:
                exchange.replace_response(answer, body, trailers=self._down.section)
            return
        self._put_response(answer, end=end)
        if self._handshake is not None:
            exchange.switch(self._handshake)
        if not end:
            self._down.replay(items)

    def _pass_own_response(self, answer: Answer, body: bytes) -> None:
        """Do so for a response."""
        exchange, held = self._exchange, self._taps[Direction.RESPONSE].through
        assert held is not None, "there is something for it"
        if held.resizes:
            fields, never = amend.without_length(answer.fields, answer.never)
            answer = answer._replace(fields=fields, never=never)
            exchange.flow.emit(held.resized(lines(fields) + b"\r\n", _NO_LENGTH))
        exchange.replace_response(answer, None)
        way = self._way(
            held,
            lambda data, end: exchange.own_response(data, end=end),
            trailers=lambda section: exchange.own_response(b"", end=True, trailers=section),
        )
        self._take_own(way, body, self._down.section)

    # --- what the chain asks ------------------------------------------------------------------------

    def _resizable(self, direction: Direction) -> bool:
        """See `Asking`: a stream needs no length."""
        return True

    def _serve(self, supply: Supply) -> None:
        """See `Asking`."""
        self._exchange.served(supply)

    def _watch(self, direction: Direction) -> None:
        """See `Asking`: the connection is read from all the time."""

    def _request_view(self, body: BodySource) -> Request:
        exchange, place = self._exchange, self._exchange.place
        head = exchange.sent_head if exchange.request_changed else exchange.head
        return Request(
            exchange.flow.number,
            head.raw,
            body=body,
            method=head.method,
            target=head.path,
            version=VERSION,
            scheme=place.scheme,
            host=place.host,
            port=place.port,
        )

    def _response_view(self, body: BodySource) -> Response:
        answer, original = self._answer, self._exchange.response_head
        assert answer is not None
        raw = answer.raw if answer is original else lines(answer.fields) + b"\r\n"
        return Response(
            self._exchange.flow.number,
            raw,
            body=body,
            status=answer.status,
            reason=answer.reason,
            request=self._request_view(partial(self._body, Direction.REQUEST)),
        )

    def _request_draft(self, body: bytes | None) -> RequestDraft:
        place, head = self._exchange.place, self._exchange.sent_head
        return RequestDraft(
            scheme=place.scheme,
            host=place.host,
            port=place.port,
            method=head.method,
            target=head.path,
            fields=tuple(Fields.of_head(head.raw).in_http1),
            body=body,
            version=VERSION,
        )

    def _response_draft(self, body: bytes | None) -> ResponseDraft:
        answer = self._answer
        assert answer is not None
        return ResponseDraft(
            status=answer.status,
            fields=tuple(pair for pair in answer.fields if pair[0][:1] != b":"),
            body=body,
            version=VERSION,
        )

    def _change_request(self, change: Modify | RequestDraft) -> tuple[bytes, bytes | None]:
        """See `Asking`."""
        exchange, head = self._exchange, self._exchange.sent_head
        if isinstance(change, Modify):
            head, body = amend.request(head, change), change.body
        else:
            head, body = amend.replaced_request(head, self._request_draft(None), change)
            exchange.as_typed = exchange.as_typed or change.as_typed
        exchange.changed(head, site(exchange.place, change))
        return head.raw, body

    def _change_response(self, change: Modify | ResponseDraft) -> tuple[bytes, bytes | None]:
        """See `Asking`."""
        answer = self._answer
        assert answer is not None
        if isinstance(change, Modify):
            answer, body = amend.response(answer, change), change.body
        else:
            answer, body = amend.replaced_response(answer, self._response_draft(None), change)
        self._answer = answer
        return lines(answer.fields) + b"\r\n", body
