"""The events of flows that come from another format, as if the proxy had published them.

Times are those of the calendar, as monotonic ones too; flows come one after the other, so in what is made
here the time may go back from one flow to the next, and never within one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import msgspec

from soth_mitm._version import __version__
from soth_mitm.export.whole import Talk
from soth_mitm.model import events as e

KEPT_CONNS: Final = 4096
"""Connections that are open at once in what is made; the one not used for longest is closed for another."""


class Made(msgspec.Struct):
    """A request or a response of another format."""

    version: str = "HTTP/1.1"
    fields: list[tuple[bytes, bytes]] = []
    body: bytes = b""
    body_bytes: int = 0
    """How long the body was where that is more than what is here."""
    kind: bytes = b""
    """The media type where no field says it."""
    coding: bytes = b""
    """The content coding that `body` still has."""
    trailers: list[tuple[bytes, bytes]] = []
    started_ns: int = 0
    ended_ns: int = 0
    method: bytes = b""
    target: bytes = b""
    path: bytes = b""
    status: int = 0
    reason: bytes = b""


class Secured(msgspec.Struct):
    """TLS on one side of a connection."""

    version: str = ""
    cipher: str = ""
    alpn: str = ""
    sni: str = ""
    chain: tuple[bytes, ...] = ()


class Imported(msgspec.Struct):
    """A flow of another format. Times are nanoseconds since 1970."""

    kind: e.FlowKind = e.FlowKind.HTTP
    scheme: str = "http"
    host: str = ""
    port: int = 0
    client: str = ""
    address: str = ""
    """Of the upstream, `host:port`."""
    transport: str = "tcp"
    client_key: str = ""
    """Whatever tells client connections apart; empty: one of its own."""
    server_key: str = ""
    started_ns: int = 0
    request: Made | None = None
    response: Made | None = None
    dns_ns: int = 0
    connect_ns: int = 0
    tls_ns: int = 0
    client_tls: Secured | None = None
    server_tls: Secured | None = None
    upgraded: str = ""
    talks: list[Talk] = []
    close_note: str = ""
    """Code and reason of a WebSocket's end."""
    reason: str = "completed"
    detail: str = ""
    mark: str = ""
    comment: str = ""


class Builder:
    """Makes events. Call `begin`, then `flow` for each, then `end`."""

    def __init__(self, *, run_id: str, source: str) -> None:
        """`source` says what it comes from, in a word or two."""
        self.run_id = run_id
        self._source = source
        self._flows = self._conns = self._seq = 0
        self._last_ns = 0
        self._clients: OrderedDict[str, int] = OrderedDict()
        self._servers: OrderedDict[str, int] = OrderedDict()

    @property
    def flows(self) -> int:
        """How many flows there are so far."""
        return self._flows

    def begin(self, wall_ns: int) -> Iterator[e.Event]:
        """Yield what opens the stream."""
        yield self._event(
            e.SessionStarted(self.run_id, __version__, platform=f"made from {self._source}"), wall_ns
        )

    def end(self) -> Iterator[e.Event]:
        """Yield what ends the stream."""
        for conns in (self._servers, self._clients):
            while conns:
                yield self._close(conns)
        yield self._event(e.SessionEnded("completed"), self._last_ns)

    def flow(self, flow: Imported) -> Iterator[e.Event]:
        """Yield the events of a flow, and those of conns that it is the first to use."""
        if self._seq == 0:
            yield from self.begin(flow.started_ns - flow.dns_ns - flow.connect_ns - flow.tls_ns)
        at = flow.started_ns
        conn, events = self._conn(self._clients, flow.client_key, flow, e.Side.CLIENT)
        yield from events
        bound: e.FlowBound | None = None
        if flow.address or flow.server_key:
            key = f"{flow.client_key}>{flow.server_key or flow.address}"
            reused = bool(flow.client_key) and key in self._servers
            upstream, events = self._conn(
                self._servers, key if flow.client_key else "", flow, e.Side.UPSTREAM
            )
            yield from events
            bound = e.FlowBound(
                conn,
                upstream,
                reused,
                flow.address,
                *((0, 0, 0) if reused else (flow.dns_ns, flow.connect_ns, flow.tls_ns)),
            )
        self._flows += 1
        for number, (wall_ns, body) in enumerate(self._bodies(flow, bound), 1):
            at = max(at, wall_ns)
            yield self._event(body, at, conn=conn, flow=self._flows, flow_seq=number)
        if flow.mark or flow.comment:
            yield self._event(e.Annotated(flow.mark, flow.comment), at, flow=self._flows)

    # --- conns ------------------------------------------------------------------------------------

    def _conn(
        self, conns: OrderedDict[str, int], key: str, flow: Imported, side: e.Side
    ) -> tuple[int, list[e.Event]]:
        """Return the number of a conn, and the events that open it where it is new."""
        known = conns.get(key) if key else None
        if known is not None:
            conns.move_to_end(key)
            return known, []
        self._conns += 1
        phases = flow.dns_ns + flow.connect_ns + flow.tls_ns
        number, at = self._conns, max(flow.started_ns - phases, 0)
        events = [self._close(conns)] if len(conns) >= KEPT_CONNS else []
        conns[key or f"\0{number}"] = number
        client = side == e.Side.CLIENT
        if not client:
            events.append(self._event(e.DialStarted(flow.host, flow.port), at, conn=number))
        peer = flow.client if client else flow.address
        events.append(self._event(e.ConnOpened(side, peer, transport=flow.transport), at, conn=number))
        tls = flow.client_tls if client else flow.server_tls
        if tls is not None:
            events.append(self._event(e.TlsStarted(side, tls.sni), at, conn=number))
            established = e.TlsEstablished(side, tls.version, tls.cipher, tls.alpn, chain=tls.chain)
            events.append(self._event(established, at, conn=number))
        return number, events

    def _close(self, conns: OrderedDict[str, int]) -> e.Event:
        _, number = conns.popitem(last=False)
        return self._event(e.ConnClosed("completed"), self._last_ns, conn=number)

    def _event(self, body: e.Body, at: int, *, conn: int = 0, flow: int = 0, flow_seq: int = 0) -> e.Event:
        self._seq += 1
        self._last_ns = max(self._last_ns, at)
        return e.Event(self._seq, conn, flow, flow_seq, at, at, body)

    # --- flows ------------------------------------------------------------------------------------

    def _bodies(self, flow: Imported, bound: e.FlowBound | None) -> Iterator[tuple[int, e.Body]]:
        start = flow.started_ns
        intercepted = flow.client_tls is not None or (flow.kind == e.FlowKind.HTTP and flow.scheme == "https")
        yield start, e.FlowOpened(flow.kind, flow.scheme, flow.host, flow.port, flow.client, intercepted)
        if bound is not None and flow.request is None:
            yield start, bound
        end = start
        if flow.kind == e.FlowKind.BYTES:
            yield start, e.Upgraded("bytes")
            yield from _stream(flow.talks)
        elif flow.request is not None:
            yield from self._request(flow.request, bound)
            end = flow.request.ended_ns
            if flow.response is not None:
                yield from self._response(flow.response)
                end = flow.response.ended_ns
        if flow.talks and flow.kind == e.FlowKind.HTTP:
            yield from _websocket(flow, end)
        if flow.talks:
            end = max(end, flow.talks[-1].wall_ns)
        sizes = [sum(len(talk.data) for talk in flow.talks if talk.direction == way) for way in e.Direction]
        yield end, e.FlowClosed(flow.reason, flow.detail, *(sizes if flow.talks else ()))

    def _request(self, made: Made, bound: e.FlowBound | None) -> Iterator[tuple[int, e.Body]]:
        raw = _head(made, b"%b %b %b" % (made.method, made.target, made.version.encode()))
        kind = _field(made, b"content-type") or made.kind
        head = e.RequestHead(made.method, made.target, made.version, raw, made.path or made.target, kind)
        yield made.started_ns, head
        if bound is not None:
            yield made.started_ns, bound
        yield from _chunks(made, e.Direction.REQUEST)
        size = max(len(made.body), made.body_bytes)
        yield made.ended_ns, e.RequestEnd(size, size, _lines(made.trailers))

    def _response(self, made: Made) -> Iterator[tuple[int, e.Body]]:
        raw = _head(made, b"%b %d %b" % (made.version.encode(), made.status, made.reason))
        kind = _field(made, b"content-type") or made.kind
        yield (
            made.started_ns,
            e.ResponseHead(made.status, made.reason, made.version, raw, kind, made.coding),
        )
        yield from _chunks(made, e.Direction.RESPONSE)
        if made.status != 101:
            size = max(len(made.body), made.body_bytes)
            yield made.ended_ns, e.ResponseEnd(size, size, _lines(made.trailers))


def _websocket(flow: Imported, at: int) -> Iterator[tuple[int, e.Body]]:
    yield at, e.Upgraded(flow.upgraded or "websocket")
    for direction in e.Direction:
        yield at, e.MessagesStarted(direction, e.MessageForm.WEBSOCKET)
    for number, talk in enumerate(flow.talks, 1):
        data, wall_ns = talk.data, talk.wall_ns
        if len(data) > e.CHUNK_LIMIT:
            for offset, piece in _pieces(data):
                yield wall_ns, e.MessageChunk(talk.direction, number, offset, piece)
            data = b""
        seen = e.MessageSeen(
            talk.direction,
            number,
            talk.label,
            len(talk.data),
            data,
            note=talk.note,
            origin=talk.origin,
            cut=talk.cut,
        )
        yield wall_ns, seen
    if flow.close_note and (not flow.talks or flow.talks[-1].label != "close"):
        way = flow.talks[-1].direction if flow.talks else e.Direction.RESPONSE
        yield at, e.MessageSeen(way, len(flow.talks) + 1, "close", 0, note=flow.close_note)


def _stream(talks: list[Talk]) -> Iterator[tuple[int, e.Body]]:
    offsets = dict.fromkeys(e.Direction, 0)
    for talk in talks:
        for _, piece in _pieces(talk.data):
            yield talk.wall_ns, e.BodyChunk(talk.direction, offsets[talk.direction], len(piece), piece)
            offsets[talk.direction] += len(piece)


def _chunks(made: Made, direction: e.Direction) -> Iterator[tuple[int, e.Body]]:
    """Yield a body; all of it at the end of the message, as no format says when what of it came."""
    for offset, piece in _pieces(made.body):
        yield made.ended_ns, e.BodyChunk(direction, offset, len(piece), piece)


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    for offset in range(0, len(data), e.CHUNK_LIMIT):
        yield offset, data[offset : offset + e.CHUNK_LIMIT]


def _head(made: Made, line: bytes) -> bytes:
    first = b"" if made.fields and made.fields[0][0][:1] == b":" else line + b"\r\n"
    return first + _lines(made.fields) + b"\r\n"


def _lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % (_flat(name), _flat(value)) for name, value in fields)


def _flat(text: bytes) -> bytes:
    """Return a name or a value without line ends, which would make other fields of it."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in text or b"\r" in text else text


def _field(made: Made, name: bytes) -> bytes:
    return next((value for key, value in made.fields if key.lower() == name), b"")
