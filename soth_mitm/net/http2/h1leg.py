"""A stream carried over an HTTP/1.1 connection to its upstream: streamed both ways, nothing collected."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.gate import ReadGate, Why
from soth_mitm.net.http2.leg import Answer, Leg, LegUser
from soth_mitm.net.sockets import half_close
from soth_mitm.net.switched import GENTLE
from soth_mitm.proto import grpc_status, http1
from soth_mitm.proto.http1 import Framing, Http1Error, rewrite
from soth_mitm.proto.http2 import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soth_mitm.net.upstream import UpstreamConn
    from soth_mitm.proto.http2.heads import RequestHead
    from soth_mitm.proto.http2.hpack import Fields

_VERSIONS = ("HTTP/1.0", "HTTP/1.1")
_ACCEPT = b"sec-websocket-accept"
_LINGER = 2.0
"""Seconds that an upstream over TLS, where nothing says that we send no more, has to end by itself."""


class Http1Leg(Leg):
    """One exchange on a connection that no other uses meanwhile; `release` takes that back.

    One that switches protocols keeps its connection, and `parted` says so.
    """

    def __init__(
        self,
        conn: UpstreamConn,
        user: LegUser,
        *,
        release: Callable[[UpstreamConn, bool], None],
        parted: Callable[[], None],
        limit: int,
    ) -> None:
        self.conn = conn
        self.stream = 0
        self.user = user
        self.reused = conn.exchanges > 0
        self.heard = False
        """A byte of the answer has come."""
        conn.exchanges += 1
        conn.user = self
        self.gate = ReadGate()
        self.gate.attach(conn.transport)
        self._release = release
        self._parted = parted
        self._limit = limit
        self._protocol = b""
        """What the request asks to switch to."""
        self._key = b""
        self._switched = self._ended = False
        self._chunked = False
        self._full = bool(conn.transport.get_write_buffer_size())
        self._owed = 0
        self._waiting = 0
        self._head: http1.ResponseHead | None = None
        self._over = False

    # --- the request ----------------------------------------------------------------------------

    def send_head(self, head: RequestHead, *, end: bool) -> None:
        """Send the request's head as HTTP/1.1; an extended CONNECT becomes an upgrade."""
        if head.protocol:
            self._ask_to_switch(head)
            return
        self.conn.reader.begin(head.method)
        self._chunked = not end and head.length is None
        self.conn.write(translate.request_to_h1(head, chunked=self._chunked))

    def _ask_to_switch(self, head: RequestHead) -> None:
        self._protocol = head.protocol.lower()
        if self._protocol == b"websocket":
            self._key = base64.b64encode(os.urandom(16))
        self.conn.reader.begin(b"GET")
        self.conn.write(translate.upgrade_to_h1(head, key=self._key))

    def send(self, data: bytes, *, end: bool) -> int:
        """Send a piece of its body, or of the protocol that was switched to."""
        if self._protocol and not self._switched:
            return len(data)  # the upstream refused to switch, and expects no body
        if self._switched and not self.conn.alive:
            return len(data)
        if end and self._switched:
            self._end_sending()
        wire = translate.chunk(data) if data and self._chunked else data
        if end and self._chunked:
            wire += translate.last_chunk()
        if wire:
            self.conn.write(wire)
        if self._full:
            self._owed += len(data)
            return 0
        return len(data)

    def _end_sending(self) -> None:
        conn = self.conn
        if conn.alive and not half_close(conn.transport):
            conn.shared.loop.call_later(_LINGER, self._linger_no_more)

    def _linger_no_more(self) -> None:
        if not self._over:
            self.conn.transport.close()

    def send_trailers(self, fields: Fields, never: tuple[int, ...]) -> None:
        """End the request with fields; where its length was told before, there is no place for them."""
        if self._switched:
            self._end_sending()
        elif self._chunked:
            self.conn.write(translate.last_chunk(translate.trailers_to_h1(fields)))

    def upstream_full(self, full: bool) -> None:
        """Note that the transport is full, or has taken what was owed."""
        self._full = full
        if not full and self._owed:
            owed, self._owed = self._owed, 0
            self.user.went(owed)

    # --- the response ---------------------------------------------------------------------------

    def upstream_data(self, conn: UpstreamConn, data: bytes) -> None:
        """Read what came, and tell it."""
        self.heard = True
        try:
            self._read(conn, data)
        except Exception as error:
            self.user.internal_error(error)
        if self._waiting > self._limit:
            self.gate.shut(Why.FULL)

    def _read(self, conn: UpstreamConn, data: bytes) -> None:
        try:
            items: Sequence[http1.Item] = conn.reader.receive(data)
        except Http1Error as error:
            self._tell(error.items)
            if not self._over:
                self.user.upstream_broke(error.code, error.detail)
            return
        self._tell(items)

    def _tell(self, items: Sequence[http1.Item]) -> None:
        user = self.user
        for item in items:
            if self._over:
                return
            if type(item) is http1.Body:
                if item.data:
                    self._waiting += len(item.data)
                    user.response_data(item.data, overhead=0, end=False)
            elif type(item) is http1.ResponseHead:
                self._tell_head(item)
            elif type(item) is http1.End and self._head is not None and not self._bodiless(self._head):
                if item.trailers:
                    fields = translate.trailers_to_h2(item.trailers)
                    user.response_trailers(fields, never=(), raw=item.trailers)
                else:
                    user.response_data(b"", overhead=0, end=True)

    def _tell_head(self, head: http1.ResponseHead) -> None:
        if head.framing is Framing.UPGRADE:
            self._switch(head)
            return
        if self._protocol and 200 <= head.status < 300:
            detail = f"{head.status} came, and no 101: the upstream does not switch to what was asked for"
            self.user.upstream_broke("upgrade_ignored", detail)
            return
        fields = translate.response_to_h2(head.status, head.raw)
        if head.length == 0 and grpc_status.family(head.content_type):
            # A call that ends with its head takes that for its trailers.
            fields = tuple(pair for pair in fields if pair[0] != b"content-length")
        answer = Answer(
            head.status,
            head.reason,
            _VERSIONS[head.minor],
            head.raw,
            fields,
            (),
            head.content_type,
            head.content_encoding,
            len(head.raw),
            head.anomalies,
        )
        if head.status < 200:
            self.user.answered_interim(answer)
        else:
            self._head = head
            self.user.answered(answer, end=self._bodiless(head))

    def _switch(self, head: http1.ResponseHead) -> None:
        """Go on with another protocol, where the answer is one to our key (RFC 6455 section 4.1)."""
        if not self._protocol:
            self.user.upstream_broke("unasked_upgrade", "101 came, and nobody had asked to switch protocols")
            return
        if self._key and not self._answers_key(head):
            detail = "Sec-WebSocket-Accept does not answer the key that was sent"
            self.user.upstream_broke("websocket_accept", detail)
            return
        self._switched = True
        self._head = head
        self._parted()
        fields = translate.switched_to_h2(head.raw)
        self.user.answered(
            Answer(
                200, head.reason, _VERSIONS[1], head.raw, fields, (), b"", b"", len(head.raw),
                head.anomalies, head.status,
            ),
            end=False,
        )  # fmt: skip

    def _answers_key(self, head: http1.ResponseHead) -> bool:
        # Here, so that who never meets a WebSocket never loads what reads one.
        from soth_mitm.proto.websocket.handshake import accept_of

        came = [value.strip() for name, value in rewrite.fields(head.raw) if name.lower() == _ACCEPT]
        return came == [accept_of(self._key)]

    @staticmethod
    def _bodiless(head: http1.ResponseHead) -> bool:
        return head.framing is Framing.NONE or (head.framing is Framing.LENGTH and not head.length)

    def took(self, count: int, *, late: bool = False) -> None:
        """Read on once enough has gone on."""
        self._waiting -= count
        if self._waiting <= self._limit:
            self.gate.open(Why.FULL)

    def upstream_ended(self, conn: UpstreamConn, error: BaseException | None) -> None:
        """Tell the end of a body that ends so, or that the rest is missing."""
        if self._over:
            return
        if self._switched and (error is not None or self._ended):
            if error is not None:
                self.user.upstream_lost("", f"{error}")
            return
        self._ended = True
        try:
            self._tell(conn.reader.eof())
        except Http1Error as broken:
            self.user.upstream_lost(broken.code, f"{error}" if error is not None else broken.detail)

    # --- ends -----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Give the connection back for the next stream, where it can carry one."""
        conn, head = self.conn, self._head
        self._let_go()
        if self._switched:
            conn.close(CloseReason.COMPLETED)
            return
        clean = (
            head is not None
            and head.keep_alive
            and not self.user.as_typed
            and head.framing is not Framing.CLOSE
            and not conn.reader.buffered
            and conn.alive
            and not conn.transport.get_write_buffer_size()
        )
        self._release(conn, clean)

    def cancel(self, code: int, reason: str) -> None:
        """Close the connection: HTTP/1.1 has no other way to take a request back."""
        conn = self.conn
        self._let_go()
        # What a switched connection's client sent last still has to arrive.
        conn.close(reason, abort=not self._switched or reason not in GENTLE)
        if not self._switched:
            self._release(conn, False)

    def _let_go(self) -> None:
        self._over = True
        self.conn.user = None
        self.gate.detach()
