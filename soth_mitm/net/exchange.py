"""One request and its response, relayed as they arrive, and told as events.

The bytes of both directions pass through untouched; the readers of `proto.http1` look at them on the
way. Nothing is held back, except what `deciding` holds for a hook that asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.model.events import (
    Anomaly,
    Direction,
    Noted,
    RequestEnd,
    ResponseEnd,
    ResponseInfo,
    Upgraded,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import answers, heads, hops, joining, messages, reaching, replies, switched
from soth_mitm.net.bodytap import BodyTap
from soth_mitm.net.deciding import Deciding
from soth_mitm.net.gate import ReadGate, Why
from soth_mitm.net.origin import elsewhere
from soth_mitm.net.upstream import PERSONAL, UpstreamConn
from soth_mitm.policy.decision import Action
from soth_mitm.proto import http1
from soth_mitm.proto.connect import parse_absolute
from soth_mitm.proto.http1 import Framing, Http1Error, rewrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.net.chain import Addressed
    from soth_mitm.net.origin import Place, Site, Supply
    from soth_mitm.net.session import ClientSession
    from soth_mitm.net.switched import Switched
    from soth_mitm.policy.subject import Subject
    from soth_mitm.proto.websocket.handshake import Handshake


# Each look at a member through its class takes Python 3.11 as long as a call.
_REQUEST: Final = Direction.REQUEST
_RESPONSE: Final = Direction.RESPONSE
_METADATA_ONLY: Final = Action.METADATA_ONLY
_SWITCH: Final = Framing.UPGRADE
_CLOSE: Final = Framing.CLOSE
_COMPLETED: Final = CloseReason.COMPLETED
_FULL: Final = Why.FULL


class Exchange:
    """A flow of kind `http`. Belongs to a session, and to an upstream connection once it is bound."""

    def __init__(self, session: ClientSession, head: http1.RequestHead, place: Place) -> None:
        self.session = session
        self.shared = session.shared
        self.head = head
        self.place = place
        self.origin: Supply = session.origin
        """Where its connection comes from: the session's, unless the request is sent elsewhere."""
        self.request_changed = False
        """The request goes on otherwise than it came."""
        self.as_typed = False
        """A head went on whose framing nobody has checked: its connections carry nothing after it."""
        self._subject: Subject | None = None
        self.flow = session.new_flow()
        self.conn: UpstreamConn | None = None
        self.response_head: http1.ResponseHead | None = None
        self.request_done = False
        self.response_done = False
        self.switched: Switched | None = None
        """What goes on after a 101."""
        self.finished = False
        self.deciding: Deciding | None = None
        self.capture = place.decision.action is not _METADATA_ONLY
        self._to_upstream: list[bytes] = []
        self._request = self._tap(_REQUEST)
        self._response = self._tap(_RESPONSE)
        self.interim_sent = False
        """The client has got an interim response."""
        self._answered = False
        """The client has got the final head, so no other answer can be given."""
        self.reused = False
        """The upstream connection had carried an exchange before."""
        self.gate = ReadGate()
        """Reading from the upstream."""

    def _tap(self, direction: Direction) -> BodyTap:
        limit = self.session.config.limits.capture_body_bytes
        return BodyTap(
            self.shared, self.flow, direction=direction, capture=self.capture, limit=limit, asked=self.asked
        )

    # --- the request ----------------------------------------------------------------------------

    def open(self) -> None:
        """Publish the flow and its request head."""
        place, head, flow = self.place, self.head, self.flow
        self.shared.flows[flow.number] = self.session
        session = self.session
        flow.emit(heads.opened(session, place, capture=self.capture, replay_of=session.replay_of))
        flow.emit(heads.request(head, place))
        for code in head.anomalies:
            flow.emit(Anomaly(code, Direction.REQUEST))
        self._request.wire = len(head.raw)
        if head.content_type:
            messages.attach_http1(self._request, head, path=place.path, minor=head.minor)

    def begin(self) -> None:
        """Send the request on, unless somebody has to decide about it or its messages."""
        ask = self.shared.chain.wants_request(self)
        if ask or self._request.held is not None:
            self.decider().begin(ask=ask)
        else:
            self.send_head(self.place.raw)

    @property
    def subject(self) -> Subject:
        """The exchange as expressions see it, as far as it has come and as it was changed."""
        if self._subject is None:
            self._subject = heads.subject(self)
        return self._subject

    @property
    def addressed(self) -> Addressed:
        """Where the request goes, as it is now."""
        return heads.addressed(self)

    def asked(self) -> Subject:
        """Return `subject`, for whoever may not need it."""
        return self.subject

    def changed(self, raw: bytes, site: Site) -> None:
        """Send this head instead, and where that is another site to that.

        Raises:
            ValueError: that would be this proxy itself.
        """
        place = self.place
        path = rewrite.target_of(raw)
        if place.via is not None and path[:1] != b"/":
            path = parse_absolute(path).path
        self.place = place._replace(raw=raw, path=path)
        if site != place[:3]:
            self.origin, self.place = elsewhere(self.shared, self.place, site)
        self.request_changed = True
        self._subject = None

    def send_head(self, raw: bytes) -> None:
        """Have the request head go first, over a connection that is ready or made now; `flush` sends it."""
        self._to_upstream.insert(0, raw)
        conn = self.origin.ready(self.place)
        if conn is not None:
            self.bind(conn)
        else:
            self.session.gate.shut(Why.DIALLING)
            self.shared.tasks.spawn(reaching.dial(self), f"dial for flow {self.flow.number}")

    def bind(self, conn: UpstreamConn) -> None:
        """Use an upstream connection from now on."""
        self.conn = conn
        conn.user = self
        self.reused = reused = conn.exchanges > 0
        conn.exchanges += 1
        conn.reader.begin(self.head.method)
        if conn.peer.absolute and conn.peer.via is not None:  # its credentials are not for the recording
            self._to_upstream[0] = hops.authorized(self._to_upstream[0], conn.peer.via)
        if not self.session.intercepted and PERSONAL.search(self.head.raw):
            conn.personal = True
        self.flow.emit(heads.bound(self.session.life.number, conn, reused=reused))
        self.gate.set(_FULL, self.session.client_full)
        self.gate.attach(conn.transport)

    def request_items(self, items: Sequence[http1.Item]) -> None:
        """Relay what was read from the client; `flush` sends it."""
        if self.deciding is not None and self.deciding.takes_request(items):
            return
        for item in items:
            if type(item) is http1.Body:
                self._to_upstream.append(item.wire)
                self._request.wire += len(item.wire)
                if item.data:
                    self._request.passed(item.data)
            elif type(item) is http1.End:
                if item.wire:
                    self._to_upstream.append(item.wire)
                    self._request.wire += len(item.wire)
                self.end_request(item.trailers)

    def end_request(self, trailers: bytes = b"") -> None:
        """Note that the request is complete; where the response is too, the exchange ends."""
        self.request_done = True
        if self.flow.closed:
            return
        if self._request.messages is not None:
            self._request.messages.ended()
        self.flow.emit(RequestEnd(self._request.data, self._request.wire, trailers))
        if self.response_done:
            self.flush()
            self._complete()

    def flush(self) -> None:
        """Send upstream what waits for it, once there is an upstream."""
        conn = self.conn
        out = self._to_upstream
        if not out or conn is None:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        self._to_upstream = []
        self.flow.from_client += len(data)
        conn.write(data)

    def put_request(self, head: bytes, body: bytes) -> None:
        """Replace the request: send this head and body, and forget what arrived of the original."""
        self._to_upstream = []
        if body:
            self._to_upstream.append(body)
            self._request.wire += len(body)
            self._request.passed(body)
        self.send_head(head)

    # --- the response ---------------------------------------------------------------------------

    def upstream_data(self, conn: UpstreamConn, data: bytes) -> None:
        """Relay what came from the upstream."""
        self.session.touched = True
        if self.switched is not None:
            try:
                self.switched.upstream_bytes(data)
            except Exception as error:
                self.session.internal_error(error)
            if self.shared.bus.congested:
                self.session.hold_for_bus()
            return
        whole = b"" if conn.reader.held else data
        try:
            try:
                items: Sequence[http1.Item] = conn.reader.receive(data)
            except Http1Error as error:
                self.response_items(error.items)
                if not self.finished and not reaching.without_rest(self):
                    answers.response_refused(self, error)
                return
            self.response_items(items, whole)
            if conn.reader.held and not conn.reader.expecting and not self.finished:
                self.gate.shut(Why.PIPELINED)  # nobody asked for it, so nobody would ever take it
        except Exception as error:
            self.session.internal_error(error)
        if self.shared.bus.congested:
            self.session.hold_for_bus()

    def response_items(self, items: Sequence[http1.Item], whole: bytes = b"") -> None:
        """Relay what was read from the upstream; `whole`, where given, is what the items were read from."""
        if self.deciding is not None and self.deciding.takes_response(items):
            return
        if self.switched is not None:
            data = b"".join(item.wire for item in items if type(item) is http1.Body)
            if data:
                self.switched.upstream_bytes(data)
            if any(type(item) is http1.End for item in items):  # it came while a hook was deciding
                self.switched.upstream_ended(None)
            return
        out: list[bytes] = []
        ended: http1.End | None = None
        for position, item in enumerate(items):
            if type(item) is http1.Body:
                out.append(item.wire)
                self._response.wire += len(item.wire)
                if item.data:
                    self._response.passed(item.data)
            elif type(item) is http1.End:
                if item.wire:
                    out.append(item.wire)
                    self._response.wire += len(item.wire)
                ended = item
            elif type(item) is http1.ResponseHead:
                if item.status < 200 and item.framing is not _SWITCH:
                    self.flow.emit(ResponseInfo(item.status, item.raw))
                    self.interim_sent = True
                elif self._head_arrived(item, out):
                    if not self.finished:
                        self.response_items(items[position + 1 :])
                    return
                out.append(item.raw)
        self._send(out, whole)
        if ended is not None:
            self.end_response(ended.trailers)

    def _head_arrived(self, head: http1.ResponseHead, out: list[bytes]) -> bool:
        """Publish the final head; return True where what follows goes another way, after `out` was sent.

        That is when a hook has to decide before the head goes on, and when it switches protocols; and
        when it is no answer to the client, but one to us.
        """
        if head.status == 407 and self.conn is not None and self.conn.peer.absolute:
            answers.next_proxy_refused(self)
            return True
        self.response_head = head
        if self._subject is not None:
            self._subject.answered(head.status, head.raw, switches=head.framing is Framing.UPGRADE)
        if head.status in (401, 407) and self.conn is not None and PERSONAL.search(head.raw):
            self.conn.personal = True
        self._response.wire = len(head.raw)
        emit = self.flow.emit
        emit(heads.response(head))
        for code in head.anomalies:
            emit(Anomaly(code, Direction.RESPONSE))
        if head.framing is _SWITCH:
            handshake = switched.handshake_of(self, head)
            if handshake is not None and self.shared.chain.wants_response(self):
                self._send(out)
                self.decider().ask_websocket(head, handshake)
            else:
                self._send([*out, head.raw])
                self.switch(head, handshake)
            return True
        if head.content_type:
            minor = min(self.head.minor, head.minor)
            messages.attach_http1(self._response, head, path=self.place.path, minor=minor)
        ask = self.shared.chain.wants_response(self)
        if ask or self._response.held is not None:
            self._send(out)
            self.decider().answered(head, ask=ask)
            return True
        self._answered = True
        return False

    def decide_anew(self) -> None:
        """Have bodies that are passing decided about, where that is possible yet."""
        if self.finished or self.switched is not None:
            return
        up, down = not self.request_done, self._answered and not self.response_done
        taps = (tap for tap, passes in ((self._request, up), (self._response, down)) if passes)
        joining.decide_anew(self, *taps)

    def decider(self) -> Deciding:
        """Return the chain's part in it."""
        if self.deciding is None:
            self.deciding = Deciding(self, up=self._request, down=self._response)
        return self.deciding

    def switch(self, head: http1.ResponseHead, handshake: Handshake | None) -> None:
        """Go on with another protocol: the 101 has been sent."""
        self._answered = True
        self.flow.emit(Upgraded((head.upgrade or b"").decode("ascii", "backslashreplace")))
        self.switched = switched.follow(self, handshake, up=self._request, down=self._response)
        self.switched.start()
        self.session.switch()

    def _send(self, out: list[bytes], whole: bytes = b"") -> None:
        if len(out) == 1:
            self.send_to_client(out[0])
        elif out:
            # Pieces that make up all that was read need not be put together again.
            same = len(whole) == sum(map(len, out))
            self.send_to_client(whole if same else b"".join(out))

    def send_to_client(self, data: bytes) -> None:
        """Write to the client."""
        self.flow.from_upstream += len(data)
        self.session.write(data)

    def end_response(self, trailers: bytes = b"") -> None:
        """Note that the response is complete; the exchange ends when the request is too."""
        if self.flow.closed:
            return
        if self._response.messages is not None:
            self._response.messages.ended()
        self.flow.emit(ResponseEnd(self._response.data, self._response.wire, trailers))
        self.response_done = True
        if self.request_done:
            self._complete()
        elif self.response_head is None or not self.response_head.keep_alive:
            self._answered_early()

    def put_response(self, head: bytes, body: bytes | None) -> None:
        """Send a head, and where `body` is given that body in place of the original's."""
        self._answered = True
        self.send_to_client(head + (body or b""))
        if body:
            self._response.wire += len(body)
            self._response.passed(body)

    def upstream_ended(self, conn: UpstreamConn, error: BaseException | None) -> None:
        """Take note of the upstream's end: the body's, a switched connection's, or one too early."""
        if self.finished:
            return
        if self.switched is not None:
            self.switched.upstream_ended(error)
            return
        if self.response_done:
            conn.user = None
            self._answered_early()
            return
        try:
            self.response_items(conn.reader.eof())
        except Http1Error as broken:
            reaching.lost(self, broken, error)

    def start_anew(self) -> None:
        """Give up the connection, and have the whole request wait for another."""
        self._drop_conn()
        self.reused = False
        self._to_upstream = [self.place.raw]

    # --- ends -----------------------------------------------------------------------------------

    def _complete(self) -> None:
        head, conn = self.response_head, self.conn
        assert head is not None
        self.finished = True
        self.shared.flows.pop(self.flow.number, None)
        clean = head.keep_alive and head.framing is not _CLOSE and not self.as_typed
        if conn is not None:
            self.conn = None
            self.gate.detach()
            self.session.gate.open(_FULL)  # nobody tells us any more when that connection has room
            idle = not conn.reader.held and not conn.transport.get_write_buffer_size()
            self.origin.release(conn, clean and conn.alive and idle)
        self.flow.close(_COMPLETED)
        self._request.asked = self._response.asked = None  # no circle is left for the collector
        self.session.exchange_done(self.head.keep_alive and clean)

    def _answered_early(self) -> None:
        """The final response came before the request's end, and the upstream takes no more of it."""
        self.flow.emit(Noted("early_response", "answered before the request was complete"))
        self.finish(CloseReason.COMPLETED)
        self.session.linger()

    def finish(self, reason: str, detail: str = "") -> None:
        """End the flow now, and drop the upstream connection; the client's is the caller's matter."""
        self.finished = True
        self.shared.flows.pop(self.flow.number, None)
        if self.deciding is not None:
            self.deciding.cancel()
        if self.switched is not None:
            self.switched.cancel()
        self._drop_conn(reason)
        self.flow.close(reason, detail)

    def _drop_conn(self, reason: str = CloseReason.COMPLETED) -> None:
        if self.conn is not None:
            # What a switched connection's client sent last still has to arrive.
            self.conn.close(reason, abort=reason not in switched.GENTLE)
            self.conn = None
            self.session.gate.open(Why.FULL)

    def reply(
        self,
        status: int,
        code: str,
        *,
        text: str,
        hint: str = "",
        reason: str = CloseReason.RESPONDED,
    ) -> None:
        """Answer the client with an explanation, end the flow with `reason`, then close the connection."""
        head, body = replies.error(status, code, text=text, hint=hint, head_only=self.head.method == b"HEAD")
        self.answer(head, body, status=status, reason=reason, detail=code)

    def answer(self, head: bytes, body: bytes, *, status: int, reason: str, detail: str = "") -> None:
        """Answer the client with a response of our own, end the flow, then close the connection."""
        flow = self.flow
        if self._answered or flow.closed:
            self.finish(reason, detail)
            self.session.abort()
            return
        if self.response_head is None:
            flow.emit(heads.own(status, head))
            if body:
                self._response.passed(body)
            flow.emit(ResponseEnd(len(body), len(head) + len(body)))
        self.finish(reason, detail)
        self.session.write(head + body)
        self.session.linger(request_done=self.request_done)

    def kill(self, reason: str) -> None:
        """Close both sides now."""
        self.session.kill(reason)

    @property
    def method(self) -> bytes:
        """The request's method."""
        return self.head.method

    def internal_error(self, error: Exception) -> None:
        """Fail the flow at once for a fault of ours."""
        self.session.internal_error(error)

    # --- back-pressure --------------------------------------------------------------------------

    def upstream_full(self, full: bool) -> None:
        """Stop or start the client, as the upstream can take no more or can again."""
        self.session.gate.set(Why.FULL, full)
