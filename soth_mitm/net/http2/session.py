"""A client's HTTP/2 connection: many streams at once, each one an exchange of its own."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from soth_mitm.model.events import Direction as Way
from soth_mitm.model.events import (
    FlowKind,
    FlowOpened,
    GoneAway,
    GuardTripped,
    PeerSettings,
    RequestHead,
    Side,
)
from soth_mitm.model.limits import OF_CODE
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import answers, pages, refusal
from soth_mitm.net.client import ClientTransport
from soth_mitm.net.gate import Why
from soth_mitm.net.http2.exchange import StreamExchange
from soth_mitm.net.http2.opening import Opening
from soth_mitm.net.http2.pump import Pump
from soth_mitm.net.http2.reach import Reach
from soth_mitm.net.upstream import established
from soth_mitm.proto.connect import ConnectError
from soth_mitm.proto.http2 import (
    VERSION,
    Engine,
    ErrorCode,
    codes,
    error_name,
    events,
    heads,
    settings,
    translate,
)
from soth_mitm.text import printable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from soth_mitm.hooks.messages import ConnectionInfo
    from soth_mitm.net.http2.upstream import Mux
    from soth_mitm.net.life import ConnLife
    from soth_mitm.net.origin import Origin, Place
    from soth_mitm.net.session import ClientSession
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.decision import Decision
    from soth_mitm.proto.http2.hpack import Decoded

GOODBYE = 1.0
"""Seconds that a client has to take the last frames after a GOAWAY for an error."""


class StreamSession(ClientTransport):
    """Serves the streams of one client; `origin` says where they go."""

    def __init__(
        self,
        shared: Shared,
        life: ConnLife,
        *,
        client: str,
        origin: Origin,
        decision: Decision,
        scheme: str,
        host: str = "",
        port: int = 0,
        pooled: bool = False,
        info: ConnectionInfo | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(shared, tls=scheme == "https")
        self.life = life
        self.client = client
        self.origin = origin
        self.decision = decision
        self.scheme = scheme
        self.intercepted = bool(host) and not pooled
        self.decrypted = self.intercepted or self.tls
        self.fixed = bool(host)
        """Whether all streams go to one upstream."""
        self.host, self.port = host, port
        self.ended = False
        """The client is gone, or is being closed."""
        self.engine = Engine(client=False, bounds=shared.bounds)
        self.pump = Pump(self.engine, batch=shared.batch, write=self._write_frames)
        self.reach = Reach(self)
        self._exchanges: dict[StreamExchange, None] = {}
        self._info = info
        self._on_end = on_end
        self._asked_by = b""
        """The request of HTTP/1.1 that asked for HTTP/2, until its stream has begun."""
        self.opening = Opening(self)
        self._leaving = False
        """No new stream is served; the connection closes after the last one."""
        self._last_move = self.began = shared.loop.time()

    # --- asyncio's side -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; over TLS this comes after the handshake."""
        self.attach(transport)
        self.shared.sessions.add(self)
        if self.tls:
            self.life.emit(established(transport, Side.CLIENT, verified=False))
        if self.opening.warm():
            self.opening.wait()
        else:
            self.opening.begin()
        if self.shared.draining:
            self.shut_when_idle()

    def take_over(
        self,
        session: ClientSession,
        request: bytes,
        *,
        settings: tuple[tuple[int, int], ...],
        block: Decoded,
        early: bytes,
    ) -> None:
        """Go on with a client of HTTP/1.1 whose request, `block` in HTTP/2, asked to switch."""
        self.succeed(session)
        self.shared.sessions.add(self)
        self.opening.warm()
        came = self.engine.upgraded(settings, block)
        self.opening.begin()
        self._asked_by = request
        for event in came:
            self._told(event)
        self.pump.soon()
        if early:
            self.receive(early)

    def buffer_updated(self, nbytes: int) -> None:
        """Relay what came from the client."""
        data = bytes(self.shared.read_buffer[:nbytes])
        self._received += nbytes
        if not self.opening.keeps(data):
            self.receive(data)

    def receive(self, data: bytes) -> None:
        """Take bytes of the client."""
        self.touched = True
        batch = self.shared.batch
        batch.begin()
        try:
            for event in self.engine.receive(data, self.shared.loop.time()):
                self._told(event)
            self.pump.soon()
        except Exception as error:
            self.internal_error(error)
        finally:
            batch.end()
        if self.shared.bus.congested:
            self.hold_for_bus()

    def eof_received(self) -> bool:
        """Close: a client that sends no more cannot grant windows either."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is open, and publish the end."""
        self._not_waiting()
        self.shared.sessions.discard(self)
        self.ended = self._closing = True
        self.engine.failed = self.engine.paused = True
        detail = f"{exc}" if exc is not None else ""
        for exchange in list(self._exchanges):
            exchange.client_lost(detail)
        self.reach.close()
        self.origin.close()
        if self.tls and self._received:
            self.shared.learning.accepted(self.host)
            self.shared.spares.used(self)
        elif self.tls and self._left_at_once() and not self.shared.spares.is_one(self):
            where = (self.client, self.host, self.port)
            refusal.silent(self.shared, self.life, *where, error=exc)
        end, why = self._end
        self.life.close(end, why or detail, received=self._received, sent=self._sent)
        if self._info is not None and self.shared.hooks.close:
            self.shared.call_hook("on_connection_close", self._info)
        if self._on_end is not None:
            self._on_end()

    def _left_at_once(self) -> bool:
        soon = self.shared.loop.time() - self.began <= refusal.SUSPICIOUS
        return soon and self._end[0] == CloseReason.COMPLETED

    def client_is_full(self, full: bool) -> None:
        """Let the bodies wait while the client can take no more."""
        self.pump.full(full)

    def _write_frames(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.write(data)

    # --- what the client says ---------------------------------------------------------------------

    def _told(self, event: events.Event) -> None:
        if isinstance(event, events.Data):
            exchange: StreamExchange | None = event.stream.owner
            if exchange is None or exchange.finished:
                self.engine.took(event.stream, event.flow)
            else:
                exchange.request_data(event.data, overhead=event.flow - len(event.data), end=event.end)
        elif isinstance(event, events.Head):
            self._begin(event)
        elif isinstance(event, events.Trailers):
            self._trailers(event)
        elif isinstance(event, events.Reset):
            if event.stream.owner is not None and not event.stream.owner.finished:
                event.stream.owner.client_reset(event.code)
        elif isinstance(event, events.Refused):
            self._refused(event)
        elif isinstance(event, events.SettingsCame):
            self.life.emit(PeerSettings(Side.CLIENT, settings.named(event.values)))
        elif isinstance(event, events.GoneAway):
            detail = printable(event.detail, 200)
            self.life.emit(GoneAway("client", event.last, error_name(event.code), detail))
            self._leave()
        elif isinstance(event, events.Failed):
            self._failed(event)

    @staticmethod
    def _trailers(event: events.Trailers) -> None:
        exchange: StreamExchange | None = event.stream.owner
        lines: heads.TrailerLines = event.block.view
        if exchange is not None and not exchange.finished:
            exchange.request_trailers(lines.fields, never=lines.never, raw=lines.raw)

    def _begin(self, event: events.Head) -> None:
        head: heads.RequestHead = event.block.view
        try:
            place = self.origin.locate_stream(head)
        except ConnectError as error:
            self._turn_away(event, head, error)
            return
        exchange = StreamExchange(self, event.stream, head, place=place, wire=event.wire)
        exchange.came, self._asked_by = self._asked_by, b""
        self._exchanges[exchange] = None
        exchange.last_move = self._last_move
        try:
            exchange.open()
            if event.end:
                exchange.end_request()
            if event.stream.number in self.engine.streams:  # else its reset has come with it
                self._serve(exchange, place)
        except Exception as error:
            self.stream_failed(exchange, error)

    def _serve(self, exchange: StreamExchange, place: Place) -> None:
        if place.own:
            raw = translate.request_to_h1(exchange.head, chunked=False)
            status, head, body = pages.respond(raw, self.shared)
            exchange.answer(head, body, status=status, reason=CloseReason.RESPONDED)
        elif exchange.head.method == b"CONNECT" and not exchange.head.protocol:
            exchange.reply(
                501,
                "connect_in_http2",
                text="CONNECT inside an HTTP/2 connection is not served",
                hint="let the client open a tunnel with HTTP/1.1 CONNECT to the proxy itself",
            )
        elif not self.intercepted and answers.refused_by_policy(exchange):
            return
        else:
            exchange.start()

    # --- refusals ---------------------------------------------------------------------------------

    def _refused(self, event: events.Refused) -> None:
        """Say on its row, or on one of its own, that a stream broke the rules or a limit and was reset."""
        self.shared.refused(event.reason)
        hint = "this is a fault of the client, or a budget in docs/limits.md"
        tripped = GuardTripped(event.reason, Way.REQUEST, event.detail, 0, hint)
        detail = f"RST_STREAM {error_name(event.code)}: {event.reason}"
        exchange = event.stream.owner if event.stream is not None else None
        if exchange is not None:
            if not exchange.finished:
                exchange.flow.emit(tripped)
                exchange.finish(CloseReason.HTTP_ERROR, detail, code=ErrorCode.CANCEL)
            return
        if event.block is None:
            return
        limit = event.reason in ("h2_max_streams",)
        if limit:
            self.shared.limit_reached("h2_max_streams", self.shared.bounds.max_streams, "refused the stream")
        self._failed_row(
            event.block,
            tripped,
            reason=CloseReason.LIMIT_REACHED if limit else CloseReason.HTTP_ERROR,
            detail=detail,
        )

    def _failed_row(self, block: Decoded | None, tripped: GuardTripped, *, reason: str, detail: str) -> None:
        flow = self.shared.new_flow(self.life.number)
        flow.emit(FlowOpened(FlowKind.FAILED, self.scheme, self.host, self.port, self.client, self.decrypted))
        if block is not None:
            fields = dict(reversed(block.fields))
            path = fields.get(b":path", b"")[:2048]
            raw = heads.lines(block.fields) + b"\r\n"
            flow.emit(RequestHead(fields.get(b":method", b"")[:32], path, VERSION, raw, path))
        flow.emit(tripped)
        flow.close(reason, detail)

    def _turn_away(self, event: events.Head, head: heads.RequestHead, error: ConnectError) -> None:
        """Answer a request that names nothing to be reached through this connection."""
        status = error.status
        self.engine.send_head(
            event.stream, ((b":status", b"%d" % status), (b"content-length", b"0")), end=True
        )
        self.engine.reset(event.stream, ErrorCode.NO_ERROR)
        tripped = GuardTripped(error.code, Way.REQUEST, error.detail, status)
        self._failed_row(event.block, tripped, reason=CloseReason.HTTP_ERROR, detail=error.code)

    def _failed(self, event: events.Failed) -> None:
        """The client broke the connection's rules or a budget: the GOAWAY is written, all streams end."""
        calm = event.code == ErrorCode.ENHANCE_YOUR_CALM
        reason = CloseReason.LIMIT_REACHED if calm else CloseReason.HTTP_ERROR
        detail = f"GOAWAY {error_name(event.code)}: {event.reason} ({event.detail})"
        if calm:
            self.shared.limit_reached(OF_CODE.get(event.reason, event.reason), 1, "closed the connection")
        else:
            self.shared.refused(event.reason)
        self.life.emit(GoneAway("proxy", self.engine.highest, error_name(event.code), event.reason))
        tripped = GuardTripped(event.reason, Way.REQUEST, event.detail, 0, "this is a fault of the client")
        self._failed_row(None, tripped, reason=reason, detail=detail)
        for exchange in list(self._exchanges):
            exchange.finish(reason, detail)
        self._end = (reason, detail)
        self.pump.send()
        self.close_when_sent()
        self.shared.loop.call_later(GOODBYE, self._cut)

    def _cut(self) -> None:
        if not self.ended:
            self.transport.abort()

    # --- what the upstream says -------------------------------------------------------------------

    def upstream_settled(self, mux: Mux) -> None:
        """The settings of a fixed upstream have come: offer the client what it can do."""
        if mux.engine.peer_connect_protocol:
            self.opening.offer_connect()
        self.opening.begin()

    def upstream_gone(self, event: events.GoneAway) -> None:
        """Pass the GOAWAY of a fixed upstream on; streams that come all the same get another connection."""
        if self.fixed and not self._leaving and not self.ended:
            self.engine.send_goaway(event.code, last=codes.MAX_WINDOW, detail=event.detail)
            self.pump.soon()

    # --- ends -----------------------------------------------------------------------------------

    def exchange_done(self, exchange: StreamExchange) -> None:
        """Forget an exchange; close after the last one, where that was asked for."""
        self._exchanges.pop(exchange, None)
        if self._leaving and not self._exchanges and not self.ended:
            self.shared.loop.call_soon(self._close_now)

    def _leave(self) -> None:
        self._leaving = True
        if not self._exchanges:
            self._close_now()

    def _close_now(self) -> None:
        if self._exchanges or self.ended:
            return
        self.pump.send()
        if not self.engine.waiting:
            self.close_when_sent()

    def hold_for_bus(self) -> None:
        """Stop both sides until the recorder can take more."""
        self.gate.shut(Why.BUS)
        self.reach.hold(True)

        def released() -> None:
            self.gate.open(Why.BUS)
            self.reach.hold(False)

        self.shared.bus.when_released(released)

    def stream_failed(self, exchange: StreamExchange, error: Exception) -> None:
        """Fail one flow for a fault of ours: the flow, the log, the counters; the others go on."""
        text = _where(error)
        self.shared.internal_error("stream", text)
        try:
            exchange.reply(
                502,
                "internal_error",
                text="soth-mitm failed on this exchange, which is a defect of soth-mitm",
                hint=text,
                reason=CloseReason.INTERNAL_ERROR,
            )
        except Exception:
            exchange.flow.close(CloseReason.INTERNAL_ERROR, printable(text, 200))
            self.engine.reset(exchange.stream, ErrorCode.INTERNAL_ERROR)
            exchange.finish(CloseReason.INTERNAL_ERROR)

    def internal_error(self, error: Exception) -> None:
        """Fail the connection at once for a fault of ours."""
        text = _where(error)
        self.shared.internal_error("session", text)
        self.kill(CloseReason.INTERNAL_ERROR, printable(text, 200))

    @property
    def busy(self) -> bool:
        """Whether a flow is open."""
        return bool(self._exchanges)

    def kill(self, reason: str, detail: str = "") -> None:
        """Cut both sides now."""
        self._end = (reason, detail)
        for exchange in list(self._exchanges):
            exchange.finish(reason, detail)
        self.abort()

    def cut(self, detail: str) -> None:
        """Cut both sides now; one stream is cut by its exchange."""
        self.kill(CloseReason.KILLED, detail)

    def shut_when_idle(self) -> None:
        """Take no new streams, say so, and close after the last one."""
        self.opening.begin()
        if not self._leaving:
            self.engine.last_served = self.engine.highest
            self.engine.send_goaway(ErrorCode.NO_ERROR, last=self.engine.highest)
            self.pump.soon()
        if self._end[0] == CloseReason.COMPLETED:
            self._end = (CloseReason.SHUTDOWN, "")
        self._leave()

    def tick(self, now: float) -> None:
        """Look at the deadlines: of the preface and heads, of silence, of every stream."""
        limits = self.config.limits
        if self.touched:
            self.touched = False
            self._last_move = now
        self.reach.tick(now)
        quiet = now - self._last_move
        if self._closing:
            if quiet > limits.idle_timeout:
                self.shared.counters.hit("idle_timeout")
                self.transport.abort()
            return
        for exchange in list(self._exchanges):
            exchange.tick(now)
        if self.engine.expecting and quiet > limits.head_timeout:
            self.shared.counters.hit("head_timeout")
            self._part(
                CloseReason.STAGE_TIMEOUT, f"the head was not complete within {limits.head_timeout:g} s"
            )
        elif not self._exchanges and quiet > limits.idle_timeout:
            self.shared.counters.hit("idle_timeout")
            self._part(CloseReason.IDLE_TIMEOUT, f"nothing moved for {limits.idle_timeout:g} s")

    def _part(self, reason: str, detail: str) -> None:
        self.opening.begin()
        self.engine.send_goaway(ErrorCode.NO_ERROR, last=self.engine.highest)
        self.pump.send()
        self.close(reason, detail)


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    at = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{at}"
