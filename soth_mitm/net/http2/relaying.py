"""One stream of a client: a request and its response, relayed frame by frame, and told as events.

Whatever of a body the other side does not take yet waits in its stream, and the sender is granted that
much less: a slow stream holds itself and no other. Resets go on with their codes in both directions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import (
    Anomaly,
    Direction,
    RequestEnd,
    ResponseEnd,
    ResponseHead,
    ResponseInfo,
    Upgraded,
)
from soth_mitm.net import messages
from soth_mitm.net.bodytap import BodyTap
from soth_mitm.net.http2.switched import Follower, follow
from soth_mitm.policy.decision import Action
from soth_mitm.proto.http2 import VERSION
from soth_mitm.proto.http2.heads import lines

if TYPE_CHECKING:
    from soth_mitm.net.http2.deciding import StreamDeciding
    from soth_mitm.net.http2.leg import Answer, Leg
    from soth_mitm.net.http2.session import StreamSession
    from soth_mitm.net.origin import Place
    from soth_mitm.proto.http2 import Stream, heads
    from soth_mitm.proto.http2.hpack import Fields


class Relaying:
    """The request and the response of a flow; `StreamExchange` adds how it may end."""

    def __init__(
        self, session: StreamSession, stream: Stream, head: heads.RequestHead, *, place: Place, wire: int
    ) -> None:
        self.session = session
        self.shared = session.shared
        self.stream = stream
        self.head = head
        self.sent_head = head
        """The head that goes upstream: the client's, unless it was changed."""
        self.place = place
        self.flow = session.shared.new_flow(session.life.number)
        self.leg: Leg | None = None
        self.response_head: Answer | None = None
        self.request_done = False
        self.response_done = False
        self.follower: Follower | None = None
        """Extended CONNECT was answered with 2xx: who tells the other protocol's bytes."""
        self.finished = False
        self.deciding: StreamDeciding | None = None
        self.touched = True
        self.last_move = 0.0
        self._engine = session.engine
        self._early: list[bytes] = []
        """What came of the body before there was a leg."""
        self._early_trailers: tuple[Fields, tuple[int, ...]] | None = None
        self._answered = False
        """The client has got a final head, so no other answer can be given."""
        self._first_done = Direction.RESPONSE
        """Whose sender ended first."""
        self._queued = 0
        self.capture = place.decision.action is not Action.METADATA_ONLY
        self._request = self._tap(Direction.REQUEST)
        self._response = self._tap(Direction.RESPONSE)
        self._request.wire = wire
        stream.owner = self

    def _tap(self, direction: Direction) -> BodyTap:
        limit = self.session.config.limits.capture_body_bytes
        return BodyTap(self.shared, self.flow, direction=direction, capture=self.capture, limit=limit)

    def _look_for_messages(
        self, tap: BodyTap, content_type: bytes, *, coding: bytes, raw: bytes, fields: Fields
    ) -> None:
        streamed = all(name != b"content-length" for name, _ in fields)
        messages.attach(tap, content_type, coding=coding, path=self.place.path, raw=raw, streamed=streamed)

    # --- the request ----------------------------------------------------------------------------

    def request_data(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Relay a piece of the request's body."""
        self.touched = True
        if self.deciding is not None and self.deciding.takes_request_data(data, overhead=overhead, end=end):
            return
        self.relay_request(data, overhead=overhead, end=end)

    def relay_request(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Send a piece of the body on, or keep it until there is an upstream, without granting more."""
        if data:
            self.flow.from_client += len(data)
            if self.follower is None:
                self._request.passed(data)
            else:
                self.follower.passed(Direction.REQUEST, data)
        self._request.wire += len(data) + overhead + 9
        leg = self.leg
        if leg is None:
            if data:
                self._early.append(data)
            sent = 0
        else:
            sent = leg.send(data, end=end)
        if overhead + sent:
            self._engine.took(self.stream, overhead + sent)
        if end:
            self.end_request()

    def request_trailers(self, fields: Fields, *, never: tuple[int, ...], raw: bytes) -> None:
        """Relay the fields that end the request."""
        self.touched = True
        if self.deciding is not None and self.deciding.takes_request_trailers(fields, never, raw):
            return
        if self.leg is None:
            self._early_trailers = (fields, never)
        else:
            self.leg.send_trailers(fields, never)
        self.end_request(raw)

    def end_request(self, trailers: bytes = b"") -> None:
        """Note that the request is complete."""
        if not self.response_done:
            self._first_done = Direction.REQUEST
        self.request_done = True
        if self.flow.closed:
            return
        if self.follower is None:
            self._request.ended()
            self.flow.emit(RequestEnd(self._request.data, self._request.wire, trailers))
        else:
            self.follower.ended(Direction.REQUEST)
        self._maybe_complete()

    def went(self, count: int) -> None:
        """Grant the client as much as the upstream has taken."""
        if count:
            self.touched = True
            self._engine.took(self.stream, count, late=True)
            self.session.pump.soon()

    # --- the response ---------------------------------------------------------------------------

    def answered_interim(self, answer: Answer) -> None:
        """Relay an interim response."""
        self._alive()
        raw = answer.raw
        self.flow.emit(ResponseInfo(answer.status, raw))
        self._engine.send_head(self.stream, answer.fields, never=answer.never, interim=True)
        self.session.pump.soon()

    def answered(self, answer: Answer, *, end: bool) -> None:
        """Relay the final head, unless a hook has to decide about it first."""
        self._alive()
        self.response_head = answer
        self._response.wire = answer.wire
        emit = self.flow.emit
        translated = b"" if answer.version == VERSION else lines(answer.fields) + b"\r\n"
        emit(
            ResponseHead(
                answer.status,
                answer.reason,
                answer.version,
                answer.raw,
                answer.content_type,
                answer.content_encoding,
                False,
                translated,
            )
        )
        for code in answer.anomalies:
            emit(Anomaly(code, Direction.RESPONSE))
        if self.head.protocol and 200 <= answer.status < 300 and not end:
            emit(Upgraded(self.head.protocol.decode("ascii", "backslashreplace")))
            self.follower = follow(self, answer, up=self._request, down=self._response)
            self.follower.start()
        else:
            if answer.content_type and not end:
                self._look_for_messages(
                    self._response,
                    answer.content_type,
                    coding=answer.content_encoding,
                    raw=answer.raw,
                    fields=answer.fields,
                )
            if self.shared.hooks.response or self._response.held is not None:
                self.ask_response(answer, end=end)
                return
        self.put_response(answer.fields, never=answer.never, end=end)

    def put_response(self, fields: Fields, *, never: tuple[int, ...] = (), end: bool) -> None:
        """Send a final head to the client; with `end`, that is all of the response."""
        self._answered = True
        self._engine.send_head(self.stream, fields, never=never, end=end)
        self.session.pump.soon()
        if end:
            self.end_response()

    def response_data(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Relay a piece of the response's body."""
        self._alive()
        if self.deciding is not None and self.deciding.takes_response_data(data, overhead=overhead, end=end):
            return
        self.relay_response(data, overhead=overhead, end=end)

    def relay_response(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Send a piece of the body on, and grant the upstream as much as went."""
        if data:
            self.flow.from_upstream += len(data)
            if self.follower is None:
                self._response.passed(data)
            else:
                self.follower.passed(Direction.RESPONSE, data)
        self._response.wire += len(data) + overhead + 9
        sent = self._engine.send(self.stream, data, end=end)
        self.session.pump.soon()
        if self.leg is not None and overhead + sent:
            self.leg.took(overhead + sent)
        if sent < len(data):
            self._wait_for_reader(len(data) - sent)
        if end:
            self.end_response()

    def response_trailers(self, fields: Fields, *, never: tuple[int, ...], raw: bytes) -> None:
        """Relay the fields that end the response."""
        self._alive()
        if self.deciding is not None and self.deciding.takes_response_trailers(fields, never, raw):
            return
        self._engine.send_trailers(self.stream, fields, never=never)
        self.session.pump.soon()
        self.end_response(raw)

    def end_response(self, trailers: bytes = b"") -> None:
        """Note that the response is complete; the exchange ends once it has gone out, and the request too."""
        if self.flow.closed:
            return
        if self.follower is None:
            self._response.ended()
            self.flow.emit(ResponseEnd(self._response.data, self._response.wire, trailers))
        else:
            self.follower.ended(Direction.RESPONSE)
        self.response_done = True
        self._maybe_complete()

    def sent(self, count: int) -> None:
        """Bytes that waited for the client have gone out."""
        self.touched = True
        if count:
            self._wait_for_reader(-count)
            if self.leg is not None:
                self.leg.took(count, late=True)
        if self.stream.local_done:
            self._all_sent()

    # --- what the ends do -------------------------------------------------------------------------

    def ask_response(self, answer: Answer, *, end: bool) -> None:
        """Have the handler decide about a response."""
        raise NotImplementedError

    def internal_error(self, error: Exception) -> None:
        """Fail the flow at once for a fault of ours."""
        raise NotImplementedError

    def _all_sent(self) -> None:
        """The last byte for the client has gone out."""
        raise NotImplementedError

    def _maybe_complete(self) -> None:
        """End the flow where both messages are complete."""
        raise NotImplementedError

    # --- counting ---------------------------------------------------------------------------------

    def _wait_for_reader(self, change: int) -> None:
        """Count what waits for a client that is slower than its upstream."""
        if not self.finished:
            self._queued += change
            self.shared.waiting(change)

    def _alive(self) -> None:
        self.touched = self.session.touched = True
