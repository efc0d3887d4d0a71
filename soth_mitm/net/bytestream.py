"""Decrypted bytes that are not HTTP: passed on both ways, and recorded as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import (
    Direction,
    FlowKind,
    FlowOpened,
    Side,
    TlsFailed,
    Upgraded,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.bodytap import BodyTap
from soth_mitm.net.dial import DialError
from soth_mitm.net.gate import ReadGate, Why
from soth_mitm.net.heads import bound
from soth_mitm.net.upstream import UpstreamConn, UpstreamTlsError
from soth_mitm.policy.decision import Action

if TYPE_CHECKING:
    from soth_mitm.net.origin import Place
    from soth_mitm.net.session import ClientSession


class ByteStream:
    """A flow of kind `bytes`, between a session and its fixed upstream."""

    def __init__(self, session: ClientSession, place: Place) -> None:
        self._session = session
        self._shared = session.shared
        self._place = place
        self._conn: UpstreamConn | None = None
        self._waiting: list[bytes] = []
        self._capture = place.decision.action is not Action.METADATA_ONLY
        self.flow = self._shared.new_flow(session.life.number)
        limit = session.config.limits.capture_body_bytes
        self._up, self._down = (
            BodyTap(self._shared, self.flow, direction=direction, capture=self._capture, limit=limit)
            for direction in (Direction.REQUEST, Direction.RESPONSE)
        )
        self.finished = False
        self.gate = ReadGate()
        """Reading from the upstream."""

    def start(self, first: bytes) -> None:
        """Open the flow with the client's first bytes."""
        place, session = self._place, self._session
        self._shared.flows[self.flow.number] = session
        self.flow.emit(
            FlowOpened(
                FlowKind.BYTES,
                place.scheme,
                place.host,
                place.port,
                session.client,
                session.decrypted,
                not self._capture,
            )
        )
        self.flow.emit(Upgraded("bytes"))
        conn = session.origin.ready(place)
        if conn is not None:
            self._bind(conn)
        else:
            session.gate.shut(Why.DIALLING)
            self._shared.tasks.spawn(self._dial(), f"dial for flow {self.flow.number}")
        if first:
            self.client_bytes(first)

    async def _dial(self) -> None:
        try:
            await self._reach()
        except Exception as error:
            if self.finished:
                raise
            self._session.internal_error(error)

    async def _reach(self) -> None:
        try:
            conn = await self._session.origin.open(self._place)
        except (DialError, UpstreamTlsError) as error:
            if not self.finished:
                self._unreachable(error)
            return
        if self.finished:
            conn.close(CloseReason.CLIENT_CLOSED)
            return
        self._bind(conn)
        for data in self._waiting:
            conn.write(data)
        self._waiting = []
        self._session.gate.open(Why.DIALLING)

    def _unreachable(self, error: DialError | UpstreamTlsError) -> None:
        if isinstance(error, DialError):
            self.flow.emit(error.told())
            self.finish(CloseReason.UPSTREAM_CONNECT_FAILED, error.code)
        else:
            self.flow.emit(TlsFailed(Side.UPSTREAM, error.failure))
            self.finish(CloseReason.TLS_HANDSHAKE_FAILED, error.failure.reason)
        self._session.abort()

    def _bind(self, conn: UpstreamConn) -> None:
        self._conn = conn
        conn.user = self
        conn.exchanges += 1
        self.flow.emit(bound(self._session.life.number, conn, reused=False))
        if conn.early:
            early, conn.early = conn.early, b""
            self.upstream_data(conn, early)
            conn.transport.resume_reading()
        self.gate.set(Why.FULL, self._session.client_full)
        self.gate.attach(conn.transport)

    def client_bytes(self, data: bytes) -> None:
        """Pass on what the client sent."""
        self.flow.from_client += len(data)
        if self._conn is None:
            self._waiting.append(data)
        else:
            self._conn.write(data)
        self._up.passed(data)

    def upstream_data(self, conn: UpstreamConn, data: bytes) -> None:
        """Pass on what the upstream sent."""
        self.flow.from_upstream += len(data)
        self._session.write(data)
        self._down.passed(data)

    def client_ended(self) -> bool:
        """The client sends no more; TLS cannot be closed by halves, so both sides end."""
        self.finish(CloseReason.RELAY_EOF, "the client closed")
        return False

    def upstream_ended(self, conn: UpstreamConn, error: BaseException | None) -> None:
        """The upstream ended."""
        reason = CloseReason.RELAY_EOF if error is None else CloseReason.RELAY_ERROR
        self.finish(reason, "the upstream closed" if error is None else f"{error}")
        self._session.close_when_sent()

    def upstream_full(self, full: bool) -> None:
        """Pass back-pressure on to the client."""
        self._session.gate.set(Why.FULL, full)

    def finish(self, reason: str, detail: str = "") -> None:
        """End the flow and its upstream connection."""
        self.finished = True
        self._shared.flows.pop(self.flow.number, None)
        if self._conn is not None:
            self._conn.close(reason)
            self._conn = None
        self.flow.close(reason, detail)
