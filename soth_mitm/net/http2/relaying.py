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
from soth_mitm.net.http2 import switched
from soth_mitm.policy.decision import Action
from soth_mitm.policy.subject import Subject
from soth_mitm.proto.http2 import VERSION
from soth_mitm.proto.http2.heads import lines

if TYPE_CHECKING:
    from soth_mitm.net.chain import Addressed
    from soth_mitm.net.http2.deciding import StreamDeciding
    from soth_mitm.net.http2.leg import Answer, Leg
    from soth_mitm.net.http2.session import StreamSession
    from soth_mitm.net.http2.switched import Follower, Trailers
    from soth_mitm.net.origin import Place
    from soth_mitm.proto.http2 import Stream, heads
    from soth_mitm.proto.http2.hpack import Fields
    from soth_mitm.proto.websocket.handshake import Handshake


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
        self.request_changed = False
        """The request goes on otherwise than it came."""
        self.as_typed = False
        """See `LegUser`."""
        self._subject: Subject | None = None
        self.place = place
        self.flow = session.shared.new_flow(session.life.number)
        self.leg: Leg | None = None
        self.response_head: Answer | None = None
        self.request_done = False
        self.response_done = False
        self.follower: Follower | None = None
        """Extended CONNECT was answered with 2xx: who carries the other protocol's bytes."""
        self.finished = False
        self.deciding: StreamDeciding | None = None
        self.touched = True
        self.last_move = 0.0
        self._engine = session.engine
        self._early: list[bytes] = []
        """What came of the body before there was a leg."""
        self._early_trailers: tuple[Fields, tuple[int, ...]] | None = None
        self._hasty: list[tuple[bytes, int, bool]] | None = [] if head.protocol else None
        """What came of another protocol before the upstream agreed to it; the client is not granted more."""
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
        return BodyTap(
            self.shared, self.flow, direction=direction, capture=self.capture, limit=limit, asked=self.asked
        )

    def _look_for_messages(
        self, tap: BodyTap, content_type: bytes, *, coding: bytes, raw: bytes, fields: Fields
    ) -> None:
        streamed = all(name != b"content-length" for name, _ in fields)
        messages.attach(tap, content_type, coding=coding, path=self.place.path, raw=raw, streamed=streamed)

    @property
    def subject(self) -> Subject:
        """The exchange as expressions see it, as far as it has come and as it was changed."""
        made = self._subject
        if made is None:
            place, session = self.place, self.session
            head = self.sent_head if self.request_changed else self.head
            made = self._subject = Subject(
                scheme=place.scheme,
                host=place.host,
                port=place.port,
                method=head.method,
                target=place.path,
                version=VERSION,
                raw=head.raw,
                client=session.client,
                conn=session.life,
                intercepted=session.decrypted,
                flow=self.flow.number,
            )
            if self.response_head is not None:
                self._tell_subject(made, self.response_head)
        return made

    @property
    def addressed(self) -> Addressed:
        """Where the request goes, as it is now."""
        place, head = self.place, self.sent_head if self.request_changed else self.head
        return place.scheme, place.host, place.port, self.session.life.sni, head.method

    def asked(self) -> Subject:
        """Return `subject`, for whoever may not need it."""
        return self.subject

    def _tell_subject(self, subject: Subject, answer: Answer) -> None:
        switches = bool(self.head.protocol) and 200 <= answer.status < 300
        subject.answered(answer.status, answer.raw, switches=switches)

    # --- the request ----------------------------------------------------------------------------

    def request_data(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Relay a piece of the request's body."""
        self.touched = True
        if self.follower is not None:
            self.follower.take(Direction.REQUEST, data, overhead=overhead, end=end)
        elif self._hasty is not None:
            self._hasty.append((data, overhead, end))
        elif self.deciding is None or not self.deciding.takes_request_data(data, overhead=overhead, end=end):
            self.relay_request(data, overhead=overhead, end=end)

    def relay_request(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Send a piece of the body on, or keep it until there is an upstream, without granting more."""
        self.touched = True
        if data:
            self.flow.from_client += len(data)
            self._request.passed(data)
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
        if self.follower is not None:
            trailers = fields, never
            self.follower.take(Direction.REQUEST, b"", overhead=0, end=True, trailers=trailers)
            return
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
        self._maybe_complete()

    def went(self, count: int) -> None:
        """Grant the client as much as the upstream has taken."""
        if count:
            self.touched = True
            if self.follower is not None:
                self.follower.went(Direction.REQUEST, count)
            else:
                self.grant(Direction.REQUEST, count, late=True)

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
        if self._subject is not None:
            self._tell_subject(self._subject, answer)
        self._response.wire = answer.wire
        emit = self.flow.emit
        translated = b"" if answer.version == VERSION else lines(answer.fields) + b"\r\n"
        emit(
            ResponseHead(
                answer.came or answer.status,
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
            self._switch(answer)
            return
        if answer.content_type and not end:
            self._look_for_messages(
                self._response,
                answer.content_type,
                coding=answer.content_encoding,
                raw=answer.raw,
                fields=answer.fields,
            )
        self._release_hasty()
        ask = self.shared.chain.wants_response(self)
        if ask or self._response.held is not None:
            self.ask_response(answer, end=end, ask=ask)
        else:
            self.put_response(answer.fields, never=answer.never, end=end)

    # --- another protocol -----------------------------------------------------------------------

    def _switch(self, answer: Answer) -> None:
        """Go on with another protocol, once a hook has agreed to a WebSocket."""
        handshake = switched.handshake_of(self, answer)
        if handshake is not None and self.shared.chain.wants_response(self):
            self.ask_websocket(answer, handshake)
        else:
            self.put_response(answer.fields, never=answer.never, end=False)
            self.switch(handshake)

    def switch(self, handshake: Handshake | None) -> None:
        """Go on with another protocol: the head that agrees to it has been sent."""
        self.flow.emit(Upgraded(self.head.protocol.decode("ascii", "backslashreplace")))
        self.follower = switched.follow(self, handshake, up=self._request, down=self._response)
        self.follower.start()
        self._release_hasty()

    def _release_hasty(self) -> None:
        """Go on with what the client sent before it knew whether the upstream agrees."""
        hasty, self._hasty = self._hasty, None
        for data, overhead, end in hasty or ():
            self.request_data(data, overhead=overhead, end=end)

    def put(self, direction: Direction, data: bytes) -> int:
        """Send bytes of another protocol on; return how many wait for room."""
        if direction is Direction.REQUEST:
            self.flow.from_client += len(data)
            return len(data) - (self.leg.send(data, end=False) if self.leg is not None else len(data))
        self.flow.from_upstream += len(data)
        waits = len(data) - self._engine.send(self.stream, data)
        self.session.pump.soon()
        if waits:
            self._wait_for_reader(waits)
        return waits

    def put_end(self, direction: Direction, trailers: Trailers | None) -> None:
        """Send on that one side sends no more."""
        if direction is Direction.REQUEST:
            if self.leg is not None and trailers is not None:
                self.leg.send_trailers(*trailers)
            elif self.leg is not None:
                self.leg.send(b"", end=True)
            self.end_request()
            return
        if trailers is not None:
            self._engine.send_trailers(self.stream, trailers[0], never=trailers[1])
        else:
            self._engine.send(self.stream, b"", end=True)
        self.session.pump.soon()
        self.end_response()

    def grant(self, direction: Direction, count: int, *, late: bool = False) -> None:
        """Let the sender of a direction send as much more; `late` where that had to wait."""
        if not count:
            return
        if direction is Direction.REQUEST:
            self._engine.took(self.stream, count, late=late)
            self.session.pump.soon()
        elif self.leg is not None:
            self.leg.took(count, late=late)

    # --- the response goes on -------------------------------------------------------------------

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
        if self.follower is not None:
            self.follower.take(Direction.RESPONSE, data, overhead=overhead, end=end)
            return
        if self.deciding is not None and self.deciding.takes_response_data(data, overhead=overhead, end=end):
            return
        self.relay_response(data, overhead=overhead, end=end)

    def relay_response(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Send a piece of the body on, and grant the upstream as much as went."""
        if data:
            self.flow.from_upstream += len(data)
            self._response.passed(data)
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
        if self.follower is not None:
            trailers = fields, never
            self.follower.take(Direction.RESPONSE, b"", overhead=0, end=True, trailers=trailers)
            return
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
        self.response_done = True
        self._maybe_complete()

    def sent(self, count: int) -> None:
        """Bytes that waited for the client have gone out."""
        self.touched = True
        if count:
            self._wait_for_reader(-count)
            if self.follower is not None:
                self.follower.went(Direction.RESPONSE, count)
            else:
                self.grant(Direction.RESPONSE, count, late=True)
        if self.stream.local_done:
            self._all_sent()

    # --- what the ends do -------------------------------------------------------------------------

    def ask_response(self, answer: Answer, *, end: bool, ask: bool) -> None:
        """Have the handler decide about a response."""
        raise NotImplementedError

    def ask_websocket(self, answer: Answer, handshake: Handshake) -> None:
        """Have the handler decide about a WebSocket."""
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
