"""A client's HTTP/1.1 connection, plain or decrypted: one exchange after another, with back-pressure."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

from soth_mitm.errors import ProtocolError
from soth_mitm.model.events import Noted, Side
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import answers, pages, refusal
from soth_mitm.net.bytestream import ByteStream
from soth_mitm.net.client import ClientTransport
from soth_mitm.net.exchange import Exchange
from soth_mitm.net.gate import Why
from soth_mitm.net.sockets import peer_left, reset_on_close
from soth_mitm.net.upstream import established
from soth_mitm.proto import proxy_auth
from soth_mitm.proto.connect import ConnectError, Sniff, sniff
from soth_mitm.proto.http1 import Http1Error, Item, RequestHead, RequestReader
from soth_mitm.text import printable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from soth_mitm.hooks.messages import ConnectionInfo
    from soth_mitm.net.life import ConnLife, FlowLife
    from soth_mitm.net.origin import Origin, Place
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.decision import Decision


_PIPELINED: Final = Why.PIPELINED
"""Kept: a look at it through its class takes Python 3.11 as long as a call."""


class ClientSession(ClientTransport):
    """What a client's connection carries: requests one after another, or a stream of bytes."""

    replay_of = 0
    """The flow whose request comes here again; 0 for what a client sends."""
    takes_h2c = True
    """Whether the client can go on in HTTP/2 where its request offers that."""

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
        auth: str = "",
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
        """Whether this is the inside of a CONNECT, with one fixed upstream."""
        self.decrypted = self.intercepted or self.tls
        """Whether the client spoke to its server, as it believes, and not to a proxy."""
        self.reader = RequestReader(max_head=self.config.limits.max_head_bytes, lenient=decision.lenient)
        self.exchange: Exchange | None = None
        self.stream: ByteStream | None = None
        self.host, self.port = host, port
        self._auth = auth
        """The `user:password` without which no request goes on."""
        self._on_end = on_end
        self._info = info
        self._ended = False
        self._last_move = shared.loop.time()
        self._head_since = 0.0
        self.began = self._last_move

    # --- asyncio's side -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; over TLS this comes after the handshake."""
        self.attach(transport)
        self.shared.sessions.add(self)
        self.began = self.shared.loop.time()
        if self.tls:
            self.life.emit(established(transport, Side.CLIENT, verified=False))
        self.origin.watch(self._server_speaks_first)
        if self.shared.draining:
            self.close(CloseReason.SHUTDOWN)

    def buffer_updated(self, nbytes: int) -> None:
        """Relay what came from the client."""
        data = bytes(self.shared.read_buffer[:nbytes])
        self._received += len(data)
        self.touched = True
        try:
            self._receive(data)
        except Exception as error:
            self.internal_error(error)
        if self.shared.bus.congested:
            self.hold_for_bus()

    def _receive(self, data: bytes) -> None:
        exchange = self.exchange
        if self._lingering or self._closing:
            return
        if self.stream is not None:
            self.stream.client_bytes(data)
            return
        if exchange is not None:
            if exchange.switched is not None:
                exchange.switched.client_bytes(data)
                return
            if exchange.request_done:
                self.reader.receive(data)
                self.gate.shut(Why.PIPELINED)
                return
        elif self._received == len(data) and self.tls and self._is_foreign(data):
            return
        self._read(data)

    def _read(self, data: bytes | None) -> None:
        """Read bytes, or where `data` is None the next message of those that are kept."""
        try:
            items = self.reader.next_message() if data is None else self.reader.receive(data)
        except Http1Error as error:
            self._take(error.items)
            self._refuse(error)
            return
        self._take(items)

    def _take(self, items: Sequence[Item]) -> None:
        if not items:
            if self.exchange is not None and self.reader.held and not self.reader.message_open:
                self.gate.shut(Why.PIPELINED)
            elif not self._head_since and self.reader.held:
                self._head_since = self.shared.loop.time()
            return
        self._head_since = 0.0
        head = items[0]
        if type(head) is RequestHead:
            self._begin(head, items[1:])
        elif self.exchange is not None:
            self.exchange.request_items(items)
            if self.exchange is not None:
                self.exchange.flush()

    def eof_received(self) -> bool:
        """Note that the client sends no more; a plain connection is kept for the answer."""
        if self._closing or self._lingering:
            return False
        if self.stream is not None:
            return self.stream.client_ended()
        exchange = self.exchange
        if exchange is None:
            self._cut_in_head()
        if exchange is not None and exchange.switched is not None:
            return exchange.switched.client_ended()
        if exchange is None or self.tls:
            return False
        if exchange.flow.pauses:
            self._left_paused(exchange)
            return False
        self._ended = True
        return not self.reader.message_open

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is open, and publish the end."""
        self._not_waiting()
        self.shared.sessions.discard(self)
        self._closing = True
        detail = f"{exc}" if exc is not None else ""
        ended = CloseReason.RELAY_EOF if exc is None else CloseReason.RELAY_ERROR
        if self.exchange is not None and not self.exchange.finished:
            if self.exchange.switched is not None:
                self.exchange.switched.client_lost(exc)
            else:
                self.exchange.finish(CloseReason.CLIENT_CLOSED, detail)
        if self.stream is not None:
            self.stream.finish(ended, detail)
        if self.tls and self._received:
            self.shared.learning.accepted(self.host)
            self.shared.spares.used(self)
        elif self.tls and self._left_at_once() and not self.shared.spares.is_one(self):
            where = (self.client, self.host, self.port)
            refusal.silent(self.shared, self.life, *where, error=exc)
        if self.exchange is None and self.stream is None and not self._lingering:
            self._cut_in_head()
        self.origin.close()
        reason, why = self._end
        self.life.close(reason, why or detail, received=self._received, sent=self._sent)
        if self._info is not None and self.shared.hooks.close:
            self.shared.call_hook("on_connection_close", self._info)
        if self._on_end is not None:
            self._on_end()

    def client_is_full(self, full: bool) -> None:
        """Stop the upstream while the client can take no more."""
        user = self.exchange or self.stream
        if user is not None:
            user.gate.set(Why.FULL, full)

    def new_flow(self) -> FlowLife:
        """Return the next flow of this connection."""
        return self.shared.new_flow(self.life.number)

    # --- exchanges ------------------------------------------------------------------------------

    def _begin(self, head: RequestHead, rest: Sequence[Item]) -> None:
        try:
            if self._auth:
                head = proxy_auth.admit(head, self._auth)
            place = self.origin.locate(head)
        except ConnectError as error:
            self._refuse(error, head.raw)
            return
        if head.upgrade is not None and b"h2c" in head.upgrade.lower():
            taken = self._take_h2c(head, place)
            if taken is None:
                return
            exchange = self.exchange = taken
        else:
            exchange = self.exchange = Exchange(self, head, place)
            exchange.open()
        if place.own:
            exchange.request_items(rest)
            self._own_page(exchange)
            return
        if not self.intercepted and answers.refused_by_policy(exchange):
            return
        exchange.begin()
        exchange.request_items(rest)
        exchange.flush()

    def refused(self, code: str, answer: bytes) -> None:
        """Send the answer to a head that was refused, and close."""
        self._end = (CloseReason.HTTP_ERROR, code)
        self.write(answer)
        self.linger()

    def _take_h2c(self, head: RequestHead, place: Place) -> Exchange | None:
        """Go on in HTTP/2 where the client offers that; else return the exchange, without the offer."""
        from soth_mitm.net.http2.upgrade import take
        from soth_mitm.proto.http2.upgrade import OfferError, without_offer

        try:
            take(self, head, self.reader.release)
        except OfferError as error:
            exchange = Exchange(self, head, place._replace(raw=without_offer(place.raw)))
            exchange.open()
            exchange.flow.emit(Noted("h2c_not_taken", error.detail))
            return exchange
        return None

    def hand_over(self) -> dict[str, Any]:
        """Let go of the client's connection; return what the session that goes on with it is made of."""
        self.gate.clear()
        self.gate.detach()
        self.shared.sessions.discard(self)
        self._closing = True
        return {
            "shared": self.shared,
            "life": self.life,
            "client": self.client,
            "decision": self.decision,
            "scheme": self.scheme,
            "host": self.host,
            "port": self.port,
            "pooled": bool(self.host) and not self.intercepted,
            "info": self._info,
            "on_end": self._on_end,
        }

    def _own_page(self, exchange: Exchange) -> None:
        status, head, body = pages.respond(exchange.head.raw, self.shared)
        exchange.answer(head, body, status=status, reason=CloseReason.RESPONDED)

    def exchange_done(self, keep: bool) -> None:
        """Go on with the next request, or close after the last byte."""
        self.exchange = None
        if not keep or self.shared.draining:
            self.close_when_sent()
            return
        if self.reader.held:
            self.shared.loop.call_soon(self._next)
        else:
            self._next()

    def _next(self) -> None:
        if self._closing or self.exchange is not None:
            return
        try:
            if self.reader.held:
                self._read(None)
            else:
                self.reader.next_message()
        except Exception as error:
            self.internal_error(error)
        if self._ended and self.exchange is None:
            self.close_when_sent()
        self.gate.open(_PIPELINED)

    def _refuse(self, error: ProtocolError, raw: bytes | None = None) -> None:
        """Refuse a message that breaks the rules; nothing of it goes upstream."""
        if self.exchange is not None and isinstance(error, Http1Error):
            if not self.exchange.finished:
                answers.request_refused(self.exchange, error)
            return
        shown = self.reader.release() if raw is None else raw
        answers.head_refused(self, error, proxy_auth.hide(shown) if self._auth else shown)

    def _cut_in_head(self) -> None:
        """Leave a row where the client left inside a head."""
        if self._end[0] != CloseReason.COMPLETED:
            return
        try:
            self.reader.eof()
        except Http1Error as error:
            self._refuse(error)

    def _is_foreign(self, data: bytes) -> bool:
        """Switch to a byte stream when the first decrypted bytes are not HTTP."""
        if sniff(data) not in (Sniff.OTHER, Sniff.HTTP2_PREFACE, Sniff.TLS):
            return False
        self._start_stream(data)
        return True

    def _server_speaks_first(self) -> None:
        if self.exchange is None and not self._received and not self._closing:
            self._start_stream(b"")

    def _start_stream(self, first: bytes) -> None:
        self.stream = ByteStream(self, self.origin.whole())
        self.stream.start(first)

    def switch(self) -> None:
        """The exchange has switched protocols: what the reader kept is its first bytes."""
        exchange = self.exchange
        if exchange is not None and exchange.switched is not None:
            early = self.reader.release()
            if early:
                exchange.switched.client_bytes(early)
            self.gate.open(Why.PIPELINED)

    def linger(self, *, request_done: bool = False) -> None:
        """End the exchange, and close once the client had time to read its answer."""
        super().linger(request_done=request_done)
        if self._lingering:
            self.exchange = None

    def hold_for_bus(self) -> None:
        """Stop both sides until the recorder can take more."""
        self.gate.shut(Why.BUS)
        exchange = self.exchange
        if exchange is not None:
            exchange.gate.shut(Why.BUS)

        def released() -> None:
            self.gate.open(Why.BUS)
            if exchange is not None:
                exchange.gate.open(Why.BUS)

        self.shared.bus.when_released(released)

    # --- ends -----------------------------------------------------------------------------------

    def internal_error(self, error: Exception) -> None:
        """Fail what is open at once, and say so: the flow, the log, the counters."""
        where = traceback.extract_tb(error.__traceback__)
        at = f" at {where[-1].name}:{where[-1].lineno}" if where else ""
        text = f"{type(error).__name__}: {error}{at}"
        self.shared.internal_error("session", text)
        self._end = (CloseReason.INTERNAL_ERROR, printable(text, 200))
        exchange = self.exchange
        try:
            if self.stream is not None:
                self.stream.finish(CloseReason.INTERNAL_ERROR, printable(text, 200))
            elif exchange is not None and not exchange.finished:
                exchange.reply(
                    502,
                    "internal_error",
                    text="soth-mitm failed on this exchange, which is a defect of soth-mitm",
                    hint=text,
                    reason=CloseReason.INTERNAL_ERROR,
                )
                return
        except Exception:
            if exchange is not None:
                exchange.flow.close(CloseReason.INTERNAL_ERROR, printable(text, 200))
        self.abort()

    def _left_at_once(self) -> bool:
        soon = self.shared.loop.time() - self.began <= refusal.SUSPICIOUS
        return soon and self._end[0] == CloseReason.COMPLETED

    @property
    def busy(self) -> bool:
        """Whether a flow is open."""
        return self.exchange is not None or self.stream is not None

    def decide_anew(self) -> None:
        """Have bodies that are passing decided about, where that is possible yet."""
        if self.exchange is not None:
            self.exchange.decide_anew()

    def kill(self, reason: str) -> None:
        """Cut both sides now; a client whose flow is killed gets a reset, which is no message's end."""
        self._end = (reason, "")
        if reason == CloseReason.KILLED and not self.transport.is_closing():
            reset_on_close(self.transport.get_extra_info("socket"))
        if self.exchange is not None and not self.exchange.finished:
            self.exchange.finish(reason)
        if self.stream is not None:
            self.stream.finish(reason)
        self.abort()

    def cut(self, detail: str) -> None:
        """Cut the response short: what was written arrives."""
        if self.exchange is not None and not self.exchange.finished:
            self.exchange.finish(CloseReason.KILLED, detail)
        self.close_when_sent()

    def _left_paused(self, exchange: Exchange) -> None:
        """End a flow whose client left while a person decides: it waits for nothing, not even half-closed."""
        if exchange.switched is not None:
            exchange.switched.client_lost(None)
        else:
            exchange.finish(CloseReason.CLIENT_CLOSED, "the client left while its message was paused")
        self.close_when_sent()

    def shut_when_idle(self) -> None:
        """Close now where no flow is open; otherwise after it."""
        if not self.busy:
            self.close(CloseReason.SHUTDOWN)

    def tick(self, now: float) -> None:
        """Look at the deadlines: of a head, of silence, of an answer."""
        limits = self.config.limits
        if self.touched:
            self.touched = False
            self._last_move = now
        if self._closing or self._lingering:
            if now - self._last_move > limits.idle_timeout:
                self.shared.counters.hit("idle_timeout")
                self.transport.abort()  # the client does not take what it was to be sent
            return
        exchange = self.exchange
        if exchange is not None and exchange.flow.pauses:
            self._last_move = now
            sock = self.transport.get_extra_info("socket")
            if sock is not None and peer_left(sock):  # which nobody tells while reading is shut
                self._left_paused(exchange)
            return
        if exchange is None and self._head_since and now - self._head_since > limits.head_timeout:
            self._refuse(HeadTimeout(limits.head_timeout))
        elif now - self._last_move > limits.idle_timeout:
            self.shared.counters.hit("idle_timeout")
            detail = f"nothing moved for {limits.idle_timeout:g} s"
            if exchange is not None and not exchange.finished:
                self._end = (CloseReason.IDLE_TIMEOUT, detail)
                exchange.finish(CloseReason.IDLE_TIMEOUT, detail)
                self.abort()
            else:
                self.close(CloseReason.IDLE_TIMEOUT, detail)
        elif (
            exchange is not None
            and limits.response_timeout
            and exchange.request_done
            and exchange.response_head is None
            and now - self._last_move > limits.response_timeout
        ):
            self.shared.counters.hit("response_timeout")
            text = f"{exchange.place.host} did not answer within {limits.response_timeout:g} s"
            exchange.reply(504, "response_timeout", text=text, reason=CloseReason.STAGE_TIMEOUT)


class HeadTimeout(ProtocolError):
    """A client began a request head and did not end it in time."""

    status = 408

    def __init__(self, seconds: float) -> None:
        super().__init__("head_timeout", f"the request head was not complete within {seconds:g} s")
