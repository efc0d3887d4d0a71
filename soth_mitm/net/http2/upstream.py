"""An HTTP/2 connection to an upstream, shared by streams of one client, and the leg of each."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from soth_mitm.model.events import GoneAway, PeerSettings, Side
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.gate import ReadGate, Why
from soth_mitm.net.http2.leg import Answer, Leg, LegUser
from soth_mitm.net.http2.pump import Pump
from soth_mitm.proto.http2 import VERSION, Engine, ErrorCode, error_name, events, settings
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.shared import Shared
    from soth_mitm.net.upstream import UpstreamConn
    from soth_mitm.proto.http2 import Stream
    from soth_mitm.proto.http2.heads import RequestHead, ResponseHead, TrailerLines
    from soth_mitm.proto.http2.hpack import Fields


class Mux:
    """Many streams over one upstream conn. `room` is called when one more may be opened, or it has ended."""

    def __init__(
        self,
        shared: Shared,
        conn: UpstreamConn,
        *,
        room: Callable[[], None],
        gone: Callable[[events.GoneAway], None],
        settled: Callable[[], None],
    ) -> None:
        self.conn = conn
        self.shared = shared
        self.engine = Engine(client=True, bounds=shared.bounds)
        self.pump = Pump(self.engine, batch=shared.batch, write=self._write)
        self.gate = ReadGate()
        self._room = room
        self._gone = gone
        self._settled = settled
        self._until_settled: list[Callable[[], None]] | None = []
        """What waits for the upstream's settings; None once they have come."""
        conn.user = self
        self.gate.attach(conn.transport)

    def start(self) -> None:
        """Begin; what the upstream has sent before is read now."""
        self.engine.begin()
        self.pump.soon()
        early, self.conn.early = self.conn.early, b""
        if early:
            self.conn.transport.resume_reading()
            self.upstream_data(self.conn, early)

    @property
    def alive(self) -> bool:
        """Whether it can be used for a stream, now or once another has ended."""
        return self.conn.alive and not self.engine.gone_away and not self.engine.failed

    @property
    def idle(self) -> bool:
        """Whether no stream is open."""
        return not self.engine.streams

    def when_settled(self, call: Callable[[], None]) -> None:
        """Call once it is known what the upstream can do, or its connection has ended."""
        if self._until_settled is None:
            call()
        else:
            self._until_settled.append(call)

    def open(self, user: LegUser) -> StreamLeg:
        """Begin a stream; the caller has asked `engine.can_open`."""
        return StreamLeg(self, user)

    def _write(self, data: bytes) -> None:
        if self.conn.alive:
            self.conn.write(data)

    # --- the conn's side ------------------------------------------------------------------------

    def upstream_data(self, conn: UpstreamConn, data: bytes) -> None:
        """Relay what came."""
        shared = self.shared
        shared.batch.begin()
        try:
            streams = len(self.engine.streams)
            for event in self.engine.receive(data, shared.loop.time()):
                self._told(event)
            if len(self.engine.streams) < streams:
                self._room()
            self.pump.soon()
        finally:
            shared.batch.end()

    def upstream_ended(self, conn: UpstreamConn, error: BaseException | None) -> None:
        """Tell every stream that its upstream is gone."""
        code = "tls_broke" if isinstance(error, ssl.SSLError) else "eof_in_stream"
        self.close(CloseReason.UPSTREAM_CLOSED, code=code, detail=f"{error or 'closed by the upstream'}")

    def upstream_full(self, full: bool) -> None:
        """Stop or go on sending bodies."""
        self.pump.full(full)

    def _told(self, event: events.Event) -> None:
        kind = type(event)
        if kind is events.Data:
            assert isinstance(event, events.Data)
            owner = event.stream.owner
            if owner is None:
                self.engine.took(event.stream, event.flow)
            else:
                owner.user.response_data(event.data, overhead=event.flow - len(event.data), end=event.end)
        elif isinstance(event, events.Head):
            if event.stream.owner is not None:
                event.stream.owner.user.answered(answer_of(event.block.view, event.wire), end=event.end)
        elif isinstance(event, events.Interim):
            if event.stream.owner is not None:
                event.stream.owner.user.answered_interim(answer_of(event.block.view, 0))
        elif isinstance(event, events.Trailers):
            lines: TrailerLines = event.block.view
            if event.stream.owner is not None:
                user: LegUser = event.stream.owner.user
                user.response_trailers(lines.fields, never=lines.never, raw=lines.raw)
        elif isinstance(event, events.Reset):
            if event.stream.owner is not None:
                event.stream.owner.user.upstream_reset(event.code)
        elif isinstance(event, events.Refused):
            if event.stream is not None and event.stream.owner is not None:
                event.stream.owner.user.upstream_broke(event.reason, event.detail)
        elif isinstance(event, events.SettingsCame):
            self._settings(event)
        elif isinstance(event, events.GoneAway):
            self._gone_away(event)
        elif isinstance(event, events.Failed):
            self._failed(event)

    def _settings(self, event: events.SettingsCame) -> None:
        life = self.conn.life
        if not life.closed:
            life.emit(PeerSettings(Side.UPSTREAM, settings.named(event.values)))
        waiting, self._until_settled = self._until_settled, None
        if waiting is not None:
            self._settled()
            for call in waiting:
                call()
        self._room()

    def _gone_away(self, event: events.GoneAway) -> None:
        detail = printable(event.detail, 200)
        self.conn.life.emit(GoneAway("upstream", event.last, error_name(event.code), detail))
        for stream in list(self.engine.streams.values()):
            if stream.number > event.last and stream.owner is not None:
                owner = stream.owner
                self.engine.reset(stream, ErrorCode.CANCEL)
                owner.user.upstream_lost(
                    "goaway", f"GOAWAY {error_name(event.code)} {detail}".strip(), unseen=True
                )
        self._gone(event)
        self._room()
        self.close_when_idle()

    def _failed(self, event: events.Failed) -> None:
        self.shared.refused(event.reason)
        self.conn.life.emit(GoneAway("proxy", 0, error_name(event.code), f"{event.reason}: {event.detail}"))
        self.pump.send()
        self.close(CloseReason.HTTP_ERROR, code=event.reason, detail=event.detail)

    # --- the owner's side -----------------------------------------------------------------------

    def close_when_idle(self) -> None:
        """Close where no stream is open and none will be."""
        if self.engine.gone_away and self.idle and self.conn.alive:
            self.close(CloseReason.COMPLETED, code="", detail="after GOAWAY")

    def ended(self) -> None:
        """A stream has ended: another one may begin."""
        self._room()
        self.close_when_idle()

    def close(self, reason: str, *, code: str, detail: str) -> None:
        """End the connection, and every stream on it."""
        conn, engine = self.conn, self.engine
        if not engine.failed and conn.alive:
            engine.send_goaway(ErrorCode.NO_ERROR, last=0)
            self.pump.send()
        engine.failed = engine.paused = True
        waiting, self._until_settled = self._until_settled, None
        for call in waiting or ():
            call()
        self.gate.detach()
        conn.close(reason, detail)
        owners = [stream.owner for stream in engine.streams.values()]
        engine.streams.clear()
        for owner in owners:
            if owner is not None:
                owner.user.upstream_lost(code, detail)
        self._room()

    def hold(self, held: bool) -> None:
        """Stop or go on reading, for the recorder."""
        self.gate.set(Why.BUS, held)


class StreamLeg(Leg):
    """One stream of a `Mux`."""

    __slots__ = ("_engine", "_mux", "_stream", "conn", "stream", "user")

    def __init__(self, mux: Mux, user: LegUser) -> None:
        self._mux = mux
        self._engine = mux.engine
        self._stream: Stream = mux.engine.open(self)
        self.stream = self._stream.number
        self.conn = mux.conn
        self.conn.exchanges += 1
        self.user = user

    def send_head(self, head: RequestHead, *, end: bool) -> None:
        """Send the request's head."""
        self._stream.asked_bodiless = head.method == b"HEAD"
        self._engine.send_head(self._stream, head.fields, never=head.never, end=end)
        self._mux.pump.soon()

    def send(self, data: bytes, *, end: bool) -> int:
        """Send a piece of its body."""
        self._mux.pump.soon()
        return self._engine.send(self._stream, data, end=end)

    def send_trailers(self, fields: Fields, never: tuple[int, ...]) -> None:
        """End the request with fields."""
        self._engine.send_trailers(self._stream, fields, never=never)
        self._mux.pump.soon()

    def took(self, count: int, *, late: bool = False) -> None:
        """Grant the upstream more."""
        self._engine.took(self._stream, count, late=late)
        self._mux.pump.soon()

    def sent(self, count: int) -> None:
        """Pass on that bytes which waited have been sent."""
        if count:
            self.user.went(count)

    def finish(self) -> None:
        """Let go of the stream, which has ended both ways."""
        self._stream.owner = None
        self._mux.ended()

    def part(self) -> None:
        """Send what waits and the end; nobody takes what still comes."""
        self._engine.send(self._stream, b"", end=True)
        self._stream.owner = None
        self._mux.pump.soon()
        self._mux.ended()

    def cancel(self, code: int, reason: str) -> None:
        """Reset the stream."""
        self._stream.owner = None
        self._engine.reset(self._stream, code)
        self._mux.pump.soon()
        self._mux.ended()


def answer_of(head: ResponseHead, wire: int) -> Answer:
    """Return a response head of HTTP/2 as an answer."""
    return Answer(
        head.status,
        b"",
        VERSION,
        head.raw,
        head.fields,
        head.never,
        head.content_type,
        head.content_encoding,
        wire,
    )
