"""One stream of a client as a flow: how it goes on being relayed, and every way in which it can end.

Resets go on with their codes in both directions. What can still be explained to the client is, with a
response of our own; after a final head has gone out, only a reset is left.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from soth_mitm.model.events import (
    Anomaly,
    Direction,
    Noted,
    RequestHead,
    ResponseEnd,
    ResponseInfo,
    Retried,
    Side,
    StreamReset,
)
from soth_mitm.model.outcomes import DEADLINE
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import answers, joining, replies
from soth_mitm.net.dial import DialError
from soth_mitm.net.heads import bound, opened, own
from soth_mitm.net.http2.deciding import StreamDeciding
from soth_mitm.net.http2.reach import Group
from soth_mitm.net.http2.replacing import Replacing
from soth_mitm.net.tls import failure as tls_failure
from soth_mitm.net.upstream import UpstreamTlsError
from soth_mitm.proto import grpc_status
from soth_mitm.proto.http1 import Http1Error
from soth_mitm.proto.http2 import VERSION, ErrorCode, error_name, heads, translate
from soth_mitm.proto.http2.heads import lines
from soth_mitm.proto.http2.upgrade import SWITCHING

if TYPE_CHECKING:
    from soth_mitm.net.http2.leg import Answer, Leg
    from soth_mitm.net.http2.session import StreamSession
    from soth_mitm.net.origin import Place, Supply
    from soth_mitm.proto.http2 import Stream
    from soth_mitm.proto.websocket.handshake import Handshake

_SAFE_TO_REPEAT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class StreamExchange(Replacing):
    """A flow of kind `http` that is one stream of an HTTP/2 connection."""

    def __init__(
        self, session: StreamSession, stream: Stream, head: heads.RequestHead, *, place: Place, wire: int
    ) -> None:
        super().__init__(session, stream, head, place=place, wire=wire)
        # A client of a reverse mode does not know what the server is called, or that it speaks TLS.
        scheme = head.scheme if session.intercepted or not head.scheme else place.scheme.encode()
        authority = place.authority or head.authority
        if authority != head.authority or scheme != head.scheme:
            self.sent_head = heads.addressed(head, scheme=scheme, authority=authority or head.host)
        self._group: Group | None = None
        self.came = b""
        """The head as it came, where that was a request of HTTP/1.1 that asked for HTTP/2."""
        self._reset_when_sent = -1
        self._served: Supply | None = None
        """What answers in its upstream's place."""
        self._began = 0
        """The flow's first moment, in nanoseconds of the monotonic clock."""

    # --- the request ----------------------------------------------------------------------------

    def open(self) -> None:
        """Publish the flow and its request head."""
        place, head, session = self.place, self.head, self.session
        self.shared.flows[self.flow.number] = self
        emit = self.flow.emit
        self._began = emit(opened(session, place, capture=self.capture))
        emit(
            RequestHead(
                head.method,
                head.path or head.authority,
                "HTTP/1.1" if self.came else VERSION,
                self.came or head.raw,
                place.path,
                head.content_type,
                b"" if self.sent_head is head and not self.came else self.sent_head.raw,
                self.stream.number,
            )
        )
        if self.came:
            emit(ResponseInfo(101, SWITCHING, generated=True))
        if head.content_type:
            coding = next((value for name, value in head.fields if name == b"content-encoding"), b"")
            self._look_for_messages(
                self._request, head.content_type, coding=coding, raw=head.raw, fields=head.fields
            )
        if head.host and head.authority and head.host.lower() != head.authority.lower():
            emit(Anomaly("host_differs_from_authority", Direction.REQUEST))

    def start(self) -> None:
        """Send the request on, unless the handler has to decide about it or its messages."""
        ask = self.shared.chain.wants_request(self)
        if ask or (self._request.held is not None and not self.request_done):
            self.decider().begin(ask=ask)
        else:
            self.begin()

    def begin(self) -> None:
        """Send the request on, over a connection that is ready or is made now."""
        self._group = group = self._reached()
        leg = group.leg(self)
        if leg is not None:
            self._bind(leg)
        else:
            self.shared.tasks.spawn(self._wait(group), f"upstream of flow {self.flow.number}")

    async def _wait(self, group: Group, *, fresh: bool = False) -> None:
        try:
            leg = await group.wait(self, fresh=fresh)
        except DialError as error:
            if not self.finished:
                answers.unreachable(self, error)
            return
        except UpstreamTlsError as error:
            if not self.finished:
                answers.upstream_tls_failed(self, error.failure)
            return
        except Exception as error:
            if self.finished:
                raise
            self.internal_error(error)
            return
        if self.finished:
            leg.cancel(ErrorCode.CANCEL, CloseReason.CLIENT_CLOSED)
            return
        self._bind(leg)

    def _bind(self, leg: Leg) -> None:
        self.leg = leg
        conn = leg.conn
        client = self.session.life.number
        self.flow.emit(bound(client, conn, reused=conn.exchanges > 1, stream=leg.stream))
        if self.head.protocol and not leg.stream:
            self.flow.emit(Noted("upgrade_translated", "extended CONNECT went on as an upgrade of HTTP/1.1"))
        early, self._early = self._early, []
        done = (self.request_done or self._replaced) and not self._own_open
        trailers = self._early_trailers
        leg.send_head(self.sent_head, end=done and not early and trailers is None)
        for position, data in enumerate(early):
            last = done and trailers is None and position == len(early) - 1
            self.went(leg.send(data, end=last))
        if trailers is not None:
            leg.send_trailers(*trailers)

    def served(self, supply: Supply) -> None:
        """Have another supply answer, in place of what the client asked for."""
        self._served = supply

    def _reached(self) -> Group:
        if self._served is not None:
            return Group(self.session, self.place, self._served, keeps=False)
        return self.session.reach.group(self.place, self._origin)

    # --- resets and losses ------------------------------------------------------------------------

    def client_reset(self, code: int) -> None:
        """The client wants no more: neither does the upstream have to go on."""
        name = error_name(code)
        now = self.flow.emit(StreamReset(Side.CLIENT, name))
        if code == ErrorCode.CANCEL and grpc_status.family(self.head.content_type):
            self._cancelled((now - self._began) / 1e9)
        if self.response_done and code == ErrorCode.NO_ERROR:
            self.finish(CloseReason.COMPLETED, code=code)
        else:
            end = self._end_of(Direction.REQUEST, CloseReason.CLIENT_CLOSED, f"RST_STREAM {name}")
            self.finish(*end, code=code)

    def _cancelled(self, taken: float) -> None:
        """Say of a gRPC call whether its own deadline explains that it was cancelled."""
        allowed = grpc_status.timeout_in(self.head.fields)
        if allowed is not None and grpc_status.at_deadline(allowed, taken):
            text = f"cancelled after {taken:.3g} s by its client, whose grpc-timeout was {allowed:.3g} s"
            self.flow.emit(Noted(DEADLINE, f"{text}: probably its deadline"))

    def client_lost(self, detail: str) -> None:
        """The client's connection is gone."""
        self.finish(*self._end_of(Direction.REQUEST, CloseReason.CLIENT_CLOSED, detail))

    def _end_of(self, whose: Direction, reason: str, detail: str) -> tuple[str, str]:
        """Return how the flow ends: a switched stream has its own words for it."""
        if self.follower is None:
            return reason, detail
        if whose is Direction.REQUEST and self.flow.pauses:
            # What a person has not let go does not go on without its client.
            self.shared.pauses.flow_ends(self.flow, CloseReason.CLIENT_CLOSED)
        elif whose is Direction.REQUEST:
            self.follower.let_go(whose)
        return self.follower.outcome(whose, detail)

    def upstream_reset(self, code: int) -> None:
        """Pass the upstream's reset on. After a whole response it only means that the rest is not wanted."""
        if self.finished or self._not_wanted():
            return
        self.flow.emit(StreamReset(Side.UPSTREAM, error_name(code)))
        if self.follower is not None:
            self.follower.gone(Direction.RESPONSE, lambda: self._pass_reset(code))
        else:
            self._pass_reset(code)

    def _not_wanted(self) -> bool:
        """Whether nobody waits for the upstream, which is lost or breaks the rules; it is let go of then."""
        leg = self.leg
        if self._replacing and leg is not None:
            self.leg = None
            leg.cancel(ErrorCode.CANCEL, CloseReason.UPSTREAM_CLOSED)
        return self._replacing

    def _pass_reset(self, code: int) -> None:
        if self.response_done and code == ErrorCode.NO_ERROR:
            self.flow.emit(Noted("early_response", "answered before the request was complete"))
            self._reset_client(code)
            self.finish(CloseReason.COMPLETED)
            return
        self._engine.reset(self.stream, code)
        self.session.pump.soon()
        detail = f"RST_STREAM {error_name(code)}"
        self.finish(*self._end_of(Direction.RESPONSE, CloseReason.UPSTREAM_CLOSED, detail))

    def upstream_broke(self, code: str, detail: str) -> None:
        """The response breaks the rules."""
        if not (self.finished or self._not_wanted()):
            answers.response_refused(self, Http1Error(code, detail, status=502))

    def upstream_lost(self, code: str, detail: str, *, unseen: bool = False) -> None:
        """The upstream connection ended before the response did."""
        if self.finished or self._not_wanted():
            return
        if self.response_done:
            self.flow.emit(Noted("early_response", "answered before the request was complete"))
            self._reset_client(ErrorCode.NO_ERROR)
            self.finish(CloseReason.COMPLETED)
        elif self.follower is not None:
            self.follower.gone(Direction.RESPONSE, lambda: self._cut_short(detail))
        elif unseen or self._may_retry():
            self._retry("the upstream had not looked at it" if unseen else "the connection had gone stale")
        else:
            error = self.leg.conn.lost_by if self.leg is not None else None
            if isinstance(error, ssl.SSLError):
                place = self.place
                why = tls_failure.classify_upstream(error, host=place.host, port=place.port)
                answers.upstream_tls_failed(self, why)
            else:
                answers.response_missing(self, code, detail)

    def _cut_short(self, detail: str) -> None:
        """End a switched stream, whose upstream is lost."""
        self._engine.reset(self.stream, ErrorCode.CANCEL)
        self.session.pump.soon()
        self.finish(*self._end_of(Direction.RESPONSE, CloseReason.UPSTREAM_CLOSED, detail))

    def _may_retry(self) -> bool:
        leg = self.leg
        return (
            leg is not None
            and getattr(leg, "reused", False)
            and not getattr(leg, "heard", True)
            and self.head.method in _SAFE_TO_REPEAT
        )

    def _retry(self, cause: str) -> None:
        """Ask once more on another connection, where nothing of the request has been lost."""
        leg, self.leg = self.leg, None
        group = self._group
        if leg is not None:
            leg.cancel(ErrorCode.CANCEL, CloseReason.UPSTREAM_CLOSED)
        if group is None or not self.request_done or self._request.data or self._early_trailers:
            self._reset_client(ErrorCode.REFUSED_STREAM)
            self.finish(CloseReason.UPSTREAM_CLOSED, "refused by the upstream, which is going away")
            return
        self.flow.emit(Retried(cause))
        self.shared.tasks.spawn(self._wait(group, fresh=True), f"retry of flow {self.flow.number}")

    def _reset_client(self, code: int) -> None:
        """Reset the client's stream, once what it is owed has gone out."""
        if self._answered and self.response_done and not self.stream.local_done:
            self._reset_when_sent = code
            return
        self._engine.reset(self.stream, code)
        self.session.pump.soon()

    # --- ends -----------------------------------------------------------------------------------

    def ask_response(self, answer: Answer, *, end: bool, ask: bool) -> None:
        """Have a response, or its messages, decided about."""
        self.decider().answered(answer, end=end, ask=ask)

    def ask_websocket(self, answer: Answer, handshake: Handshake) -> None:
        """Have the handler decide about a WebSocket."""
        self.decider().ask_websocket(answer, handshake)

    def decide_anew(self) -> None:
        """Have bodies that are passing decided about, where that is possible yet."""
        if self.finished or self.follower is not None or self._hasty is not None:
            return
        up, down = not self.request_done, self._answered and not self.response_done
        taps = (tap for tap, passes in ((self._request, up), (self._response, down)) if passes)
        joining.decide_anew(self, *taps)

    def decider(self) -> StreamDeciding:
        """Return the chain's part in it."""
        if self.deciding is None:
            self.deciding = StreamDeciding(self, up=self._request, down=self._response)
        return self.deciding

    def _all_sent(self) -> None:
        """The last byte for the client has gone out."""
        if self._reset_when_sent >= 0:
            self._engine.reset(self.stream, self._reset_when_sent)
        self._maybe_complete()

    def _maybe_complete(self) -> None:
        """End the flow where both messages are complete, and the client has got all of its own."""
        if not (self.request_done and self.response_done) or self.finished:
            return
        # The driver still tells what has just gone out.
        if self._own_open or not self.stream.local_done or self._queued:
            return
        self.finished = True
        self.shared.flows.pop(self.flow.number, None)
        leg, self.leg = self.leg, None
        if leg is not None:
            leg.finish()
        if self.follower is None:
            self.flow.close(CloseReason.COMPLETED)
        else:
            self.follower.stop()
            self.flow.close(*self.follower.outcome(self._first_done, ""))
        self.session.exchange_done(self)

    def finish(self, reason: str, detail: str = "", *, code: int = ErrorCode.CANCEL) -> None:
        """End the flow now, and cancel what the upstream is doing; the client's stream is the caller's."""
        if self.finished:
            return
        self._wait_for_reader(-self._queued)
        self.finished = True
        self.shared.flows.pop(self.flow.number, None)
        if self.deciding is not None:
            self.deciding.cancel()
        if self.follower is not None:
            self.follower.stop()
        leg, self.leg = self.leg, None
        if leg is not None:
            leg.cancel(code, reason)
        self.flow.close(reason, detail)
        self.session.exchange_done(self)

    def kill(self, reason: str) -> None:
        """Reset the stream on both sides now; no other is touched."""
        self._reset_now(reason)

    def cut(self, detail: str) -> None:
        """Reset the stream behind what was sent."""
        self._reset_now(CloseReason.KILLED, detail)

    def _reset_now(self, reason: str, detail: str = "") -> None:
        self._engine.reset(self.stream, ErrorCode.CANCEL)
        self.session.pump.soon()
        self.finish(reason, detail)

    @property
    def method(self) -> bytes:
        """The request's method."""
        return self.head.method

    def internal_error(self, error: Exception) -> None:
        """Fail the flow at once for a fault of ours."""
        self.session.stream_failed(self, error)

    def reply(
        self,
        status: int,
        code: str,
        *,
        text: str,
        hint: str = "",
        reason: str = CloseReason.RESPONDED,
    ) -> None:
        """Answer the client with an explanation, and end the flow with `reason`."""
        head, body = replies.error(status, code, text=text, hint=hint, head_only=self.head.method == b"HEAD")
        self.answer(head, body, status=status, reason=reason, detail=code)

    def answer(self, head: bytes, body: bytes, *, status: int, reason: str, detail: str = "") -> None:
        """Answer the client with a response of our own (`head` in HTTP/1), and end the flow."""
        if self._answered or self.flow.closed:
            self._engine.reset(self.stream, ErrorCode.INTERNAL_ERROR)
            self.session.pump.soon()
            self.finish(reason, detail)
            return
        self._answered = True
        fields = translate.response_to_h2(status, head)
        if self.response_head is None:
            raw = lines(fields) + b"\r\n"
            emit = self.flow.emit
            emit(own(status, raw))
            if body:
                self._response.passed(body)
            emit(ResponseEnd(len(body), len(raw) + len(body)))
        self.response_done = True
        self._engine.send_head(self.stream, fields, end=not body)
        if body:
            self._engine.send(self.stream, body, end=True)
        if not self.request_done:
            self._reset_client(ErrorCode.NO_ERROR)
        self.session.pump.soon()
        self.finish(reason, detail)

    # --- deadlines --------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Look at the deadlines: of silence, and of an answer."""
        limits = self.session.config.limits
        if self.touched or self.flow.pauses:
            self.touched = False
            self.last_move = now
        quiet = now - self.last_move
        if quiet > limits.idle_timeout:
            self.shared.counters.hit("idle_timeout")
            self._engine.reset(self.stream, ErrorCode.CANCEL)
            self.session.pump.soon()
            self.finish(CloseReason.IDLE_TIMEOUT, f"nothing moved for {limits.idle_timeout:g} s")
        elif (
            limits.response_timeout
            and self.request_done
            and self.response_head is None
            and quiet > limits.response_timeout
        ):
            self.shared.counters.hit("response_timeout")
            text = f"{self.place.host} did not answer within {limits.response_timeout:g} s"
            self.reply(504, "response_timeout", text=text, reason=CloseReason.STAGE_TIMEOUT)
