"""A client of HTTP/1.1 whose upstream speaks HTTP/2: each exchange is a stream there.

To the exchange, a `Bridge` looks like the connection it would have in HTTP/1.1: it takes the request's
bytes, and hands back items of a response, whose heads carry what the upstream really sent beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from soth_mitm.model.events import Noted, Side, StreamReset
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import replies
from soth_mitm.net.http2.switched import WEBSOCKET
from soth_mitm.net.http2.upstream import Mux
from soth_mitm.net.upstream import UpstreamConn
from soth_mitm.proto import http1
from soth_mitm.proto.http1 import Framing, Http1Error, RequestReader, rewrite
from soth_mitm.proto.http2 import ErrorCode, codes, error_name, heads, translate
from soth_mitm.proto.http2.hpack import Decoded

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from soth_mitm.net.exchange import Exchange
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.net.http2.upstream import StreamLeg
    from soth_mitm.net.origin import Origin, Place
    from soth_mitm.proto.http2.heads import RequestHead as StreamHead
    from soth_mitm.proto.http2.hpack import Fields

_KEY = b"sec-websocket-key"
_BODILESS = frozenset({204, 304})


class BridgedOrigin:
    """Finds upstreams as `origin` does, and shares one HTTP/2 connection among a client's exchanges."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._mux: Mux | None = None
        self._closed = False

    def locate(self, head: http1.RequestHead) -> Place:
        """Return where a request goes."""
        return self._origin.locate(head)

    def locate_stream(self, head: StreamHead) -> Place:
        """Return where a stream would go."""
        return self._origin.locate_stream(head)

    def whole(self) -> Place:
        """Return where a connection goes that turns out to carry no HTTP."""
        return self._origin.whole()

    def ready(self, place: Place) -> UpstreamConn | None:
        """Return a stream of the connection, or a connection of HTTP/1.1, that can be used at once."""
        mux = self._mux
        if mux is not None and mux.alive and mux.engine.can_open:
            return Bridge(mux)
        conn = self._origin.ready(place)
        return None if conn is None else self._across(conn)

    async def open(self, place: Place, *, fresh: bool = False) -> UpstreamConn:
        """Make a connection, and return it or a stream of it.

        Raises:
            DialError, UpstreamTlsError: it cannot be made.
        """
        return self._across(await self._origin.open(place, fresh=fresh))

    def _across(self, conn: UpstreamConn) -> UpstreamConn:
        if not conn.speaks_h2 or not conn.alive:
            return conn
        self._drop()
        mux = self._mux = Mux(
            conn.shared, conn, room=_nothing, gone=lambda event: self._gone(), settled=_nothing
        )
        mux.start()
        return Bridge(mux)

    def _gone(self) -> None:
        self._mux = None

    def release(self, conn: UpstreamConn, reusable: bool) -> None:
        """Take a connection back after an exchange."""
        if isinstance(conn, Bridge):
            conn.done()
        else:
            self._origin.release(conn, reusable)

    def unbridged(self) -> Origin:
        """Return where the upstreams come from, for a client that goes on in HTTP/2 itself."""
        self._drop()
        return self._origin

    def watch(self, server_first: Callable[[], None]) -> None:
        """Do nothing: in HTTP/2 both sides speak first."""

    def close(self) -> None:
        """The client connection has ended."""
        self._closed = True
        self._drop()
        self._origin.close()

    def _drop(self) -> None:
        mux, self._mux = self._mux, None
        if mux is not None and mux.conn.alive:
            mux.close(CloseReason.COMPLETED, code="", detail="")


def _nothing() -> None:
    """Do nothing: one exchange at a time asks for room, and settles for what there is."""


class _Valve:
    """Stands for the transport of a stream: reading from it is stopped by granting it no more."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def pause_reading(self) -> None:
        """Grant no more."""
        self._bridge.grant(False)

    def resume_reading(self) -> None:
        """Grant what has gone on meanwhile, and more from now on."""
        self._bridge.grant(True)

    def is_closing(self) -> bool:
        """Whether the stream is over."""
        return not self._bridge.alive

    def can_write_eof(self) -> bool:
        """Whether one direction can end before the other: of another protocol."""
        return self._bridge.alive

    def write_eof(self) -> None:
        """End the sending side."""
        self._bridge.end_sending()

    def get_write_buffer_size(self) -> int:
        """Return how much of the request waits for the upstream."""
        return self._bridge.waiting


class _Ending:
    """Stands for the reader of a response: the items come from the stream, only its end is asked for."""

    buffered = 0
    held = b""
    expecting = True
    open_chunk = (0, 0)

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def begin(self, method: bytes) -> None:
        """Take note of the request's method."""
        self._bridge.method = method

    def eof(self) -> list[http1.Item]:
        """Say how the response ends, now that no more of it comes.

        Raises:
            Http1Error: it is not complete.
        """
        raise Http1Error(*self._bridge.broken, status=502)


class Bridge(UpstreamConn):
    """One stream, as an exchange of HTTP/1.1 sees its upstream connection."""

    as_typed = False

    def __init__(self, mux: Mux) -> None:
        # Nothing of a transport's protocol is used, so nothing of it is made.
        conn = mux.conn
        self.shared = mux.shared
        self.life = conn.life
        self.peer = conn.peer
        self.address, self.where = conn.address, conn.where
        self.dns_ns, self.connect_ns, self.tls_ns = conn.dns_ns, conn.connect_ns, conn.tls_ns
        self.exchanges = conn.exchanges
        self.personal = False
        self.alive = True
        self.user: Exchange | None = None
        self.early = b""
        self.method = b""
        self.waiting = 0
        self.broken = ("eof_before_head", "the upstream closed")
        self.transport = cast("asyncio.Transport", _Valve(self))
        self.reader = cast("http1.ResponseReader", _Ending(self))
        self._mux = mux
        self._leg: StreamLeg | None = None
        self._requests = RequestReader(max_head=mux.shared.config.limits.max_head_bytes, lenient=True)
        self._limit = mux.shared.config.limits.write_buffer_bytes
        self._granting = True
        self._ungranted = 0
        self._chunked = False
        self._ended = False
        self._key: bytes | None = None
        """Of the WebSocket that is asked for; None of any other request."""
        self._switched = False

    # --- the request ----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes of the request, or of the protocol that was switched to."""
        if self._switched:
            self._send(data)
            return
        for item in self._requests.receive(data):
            if type(item) is http1.RequestHead:
                self._send_head(item)
            elif self._leg is None:
                continue
            elif type(item) is http1.Body:
                if item.data:
                    self._send(item.data)
            elif type(item) is http1.End:
                trailers = translate.trailers_to_h2(item.trailers) if item.trailers else ()
                if trailers:
                    self._leg.send_trailers(trailers, ())
                elif not self._ended:
                    self._leg.send(b"", end=True)

    def _send_head(self, head: http1.RequestHead) -> None:
        path = head.target
        if path[:1] != b"/" and path != b"*":
            path = b"/" + path.split(b"://", 1)[-1].partition(b"/")[2]
        if head.upgrade is not None and head.upgrade.strip().lower() == WEBSOCKET and head.method == b"GET":
            self._ended = True
            self._mux.when_settled(lambda: self._ask_for_websocket(head, path))
            return
        fields = translate.request_to_h2(head.method, path, head.raw, scheme=self.peer.scheme.encode())
        self._ended = head.framing is Framing.NONE or (head.framing is Framing.LENGTH and not head.length)
        try:
            sent = heads.request(Decoded(fields, (), size=0, oversized=False))
        except heads.Malformed as error:
            self._break(error.reason, f"cannot be sent in HTTP/2: {error.detail}")
            return
        self._leg = self._mux.open(self)
        self._leg.send_head(sent, end=self._ended)

    def _ask_for_websocket(self, head: http1.RequestHead, path: bytes) -> None:
        """Send an Upgrade as an extended CONNECT, where the upstream takes that (RFC 8441)."""
        if not self.alive or self.user is None:
            return
        if not self._mux.alive or not self._mux.engine.can_open:
            self._break("eof_before_head", "the connection takes no more streams")
            return
        if not self._mux.engine.peer_connect_protocol:
            self._break(
                "websocket_unsupported", "its settings do not have ENABLE_CONNECT_PROTOCOL (RFC 8441)"
            )
            return
        scheme = self.peer.scheme.encode()
        fields = translate.upgrade_to_h2(path, head.raw, protocol=WEBSOCKET, scheme=scheme)
        try:
            sent = heads.request(Decoded(fields, (), size=0, oversized=False))
        except heads.Malformed as error:
            self._break(error.reason, f"cannot be sent in HTTP/2: {error.detail}")
            return
        self._key = next(
            (value.strip() for name, value in rewrite.fields(head.raw) if name.lower() == _KEY), b""
        )
        self.user.flow.emit(Noted("upgrade_translated", "the upgrade went on as an extended CONNECT"))
        self._leg = self._mux.open(self)
        self._leg.send_head(sent, end=False)

    def end_sending(self) -> None:
        """Send no more of the protocol that was switched to."""
        if self._switched and self._leg is not None:
            self._leg.send(b"", end=True)

    def _send(self, data: bytes) -> None:
        assert self._leg is not None
        left = len(data) - self._leg.send(data, end=False)
        if left:
            self.waiting += left
            if self.waiting > self._limit and self.user is not None:
                self.user.upstream_full(True)

    def went(self, count: int) -> None:
        """Let the client go on once the upstream has taken what waited."""
        self.waiting -= count
        if self.waiting <= self._limit and self.user is not None:
            self.user.upstream_full(False)

    # --- the response ---------------------------------------------------------------------------

    def answered_interim(self, answer: Answer) -> None:
        """Hand an interim response on."""
        self._tell([self._head(answer, Framing.NONE, None, chunked=False)])

    def answered(self, answer: Answer, *, end: bool) -> None:
        """Hand the final head on; what its framing is in HTTP/1.1 is decided here."""
        self.broken = ("eof_in_body", "the upstream closed")
        if self._key is not None and 200 <= answer.status < 300:
            self._switch(answer, self._key, end=end)
            return
        view = heads.response(Decoded(answer.fields, (), size=0, oversized=False))
        if self.method == b"HEAD" or answer.status in _BODILESS:
            items: list[http1.Item] = [self._head(answer, Framing.NONE, view.length, chunked=False)]
        elif end and not view.length:
            items = [self._head(answer, Framing.LENGTH, 0, chunked=False, add_length=view.length is None)]
        elif view.length is not None:
            items = [self._head(answer, Framing.LENGTH, view.length, chunked=False)]
        elif self.user is not None and not self.user.head.minor:
            items = [self._head(answer, Framing.CLOSE, None, chunked=False)]
        else:
            self._chunked = True
            items = [self._head(answer, Framing.CHUNKED, None, chunked=True)]
        if end:
            items.append(http1.End(translate.last_chunk() if self._chunked else b"", b""))
        self._tell(items)

    def _switch(self, answer: Answer, key: bytes, *, end: bool) -> None:
        """Hand on that the upstream agrees to a WebSocket, as a 101."""
        # Here, so that who never meets a WebSocket never loads what reads one.
        from soth_mitm.proto.websocket.handshake import accept_of

        raw = translate.switched_to_h1(answer.fields, protocol=WEBSOCKET, accept=accept_of(key))
        head = http1.ResponseHead(
            raw, 101, replies.phrase(101), 1, Framing.UPGRADE, None, False, WEBSOCKET, b"", b"",
            answer.anomalies, answer.raw,
        )  # fmt: skip
        self._switched = True
        self._tell([head, http1.End(b"", b"")] if end else [head])

    @staticmethod
    def _head(
        answer: Answer, framing: Framing, length: int | None, *, chunked: bool, add_length: bool = False
    ) -> http1.ResponseHead:
        close = framing is Framing.CLOSE
        fields = (*answer.fields, (b"content-length", b"0")) if add_length else answer.fields
        reason = replies.phrase(answer.status)
        raw = translate.response_to_h1(answer.status, fields, reason=reason, chunked=chunked, close=close)
        return http1.ResponseHead(
            raw,
            answer.status,
            reason,
            1,
            framing,
            length,
            not close,
            None,
            answer.content_type,
            answer.content_encoding,
            answer.anomalies,
            answer.raw,
        )

    def response_data(self, data: bytes, *, overhead: int, end: bool) -> None:
        """Hand a piece of the body on."""
        items: list[http1.Item] = []
        if data:
            items.append(http1.Body(translate.chunk(data) if self._chunked else data, data))
        if end:
            items.append(http1.End(translate.last_chunk() if self._chunked else b"", b""))
        self._ungranted += len(data) + overhead
        if items:
            self._tell(items)
        self.grant(self._granting)

    def response_trailers(self, fields: Fields, *, never: tuple[int, ...], raw: bytes) -> None:
        """Hand the fields after the body on, where there is a place for them."""
        section = translate.trailers_to_h1(fields) if self._chunked else b""
        wire = translate.last_chunk(section) if self._chunked else b""
        self._tell([http1.End(wire, raw if self._chunked else b"")])

    def _tell(self, items: Sequence[http1.Item]) -> None:
        user = self.user
        if user is not None:
            user.session.touched = True
            user.response_items(items)

    def grant(self, granting: bool) -> None:
        """Grant the upstream as much as has gone on, while the client takes it."""
        self._granting = granting
        if granting and self._ungranted and self._leg is not None:
            self._leg.took(self._ungranted)
            self._ungranted = 0

    # --- ends -----------------------------------------------------------------------------------

    def upstream_reset(self, code: int) -> None:
        """The upstream ended the stream: one that it refused may be sent again."""
        name = error_name(code)
        if self.user is not None and not self.user.finished:
            self.user.flow.emit(StreamReset(Side.UPSTREAM, name))
        self._break("eof_before_head" if code == ErrorCode.REFUSED_STREAM else "", f"RST_STREAM {name}")

    def internal_error(self, error: Exception) -> None:
        """Fail the exchange at once for a fault of ours."""
        if self.user is not None:
            self.user.session.internal_error(error)

    def upstream_broke(self, code: str, detail: str) -> None:
        """The response breaks the rules."""
        self._break(code, detail)

    def upstream_lost(self, code: str, detail: str, *, unseen: bool = False) -> None:
        """The connection is gone."""
        self._break("eof_before_head" if unseen else code if code == codes.NO_HTTP2 else "", detail)

    def _break(self, code: str, detail: str) -> None:
        head_came = self.broken[0] == "eof_in_body"
        self.broken = (code if code and not head_came else "stream_ended_early", detail)
        self.alive = False
        user = self.user
        if user is not None:
            user.upstream_ended(self, ConnectionResetError(detail) if self._switched else None)

    def done(self) -> None:
        """The exchange is complete."""
        self.user = None
        self.alive = False
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.finish()

    def close(self, reason: str, detail: str = "", *, abort: bool = False) -> None:
        """End the exchange early."""
        self.user = None
        self.alive = False
        leg, self._leg = self._leg, None
        if leg is not None and self._switched and not abort:
            leg.part()
        elif leg is not None:
            leg.cancel(ErrorCode.CANCEL, reason)
