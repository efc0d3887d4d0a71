"""Engines in tests: frames by hand, two engines that talk, and events that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from soth_mitm.proto.http2 import Bounds, Engine, Stream, codes, events
from soth_mitm.proto.http2.codes import frame
from soth_mitm.proto.http2.hpack import Encoder, Fields
from soth_mitm.proto.http2.settings import write

GET: Fields = ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.test"), (b":path", b"/"))
POST: Fields = ((b":method", b"POST"), *GET[1:])
OK: Fields = ((b":status", b"200"), (b"server", b"x"))


class Script:
    """Writes the frames of a peer."""

    def __init__(self, *, client: bool = True) -> None:
        self._encoder = Encoder()
        self.wire = (codes.PREFACE if client else b"") + write(())

    def head(self, stream: int, fields: Fields, *, end: bool = False, flags: int = 4) -> Script:
        """Add a head in one frame."""
        self.wire += frame(codes.HEADERS, flags | end, stream, self._encoder.encode(fields))
        return self

    def data(self, stream: int, data: bytes, *, end: bool = False) -> Script:
        """Add a piece of a body."""
        self.wire += frame(codes.DATA, end, stream, data)
        return self

    def raw(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> Script:
        """Add any frame."""
        self.wire += frame(kind, flags, stream, payload)
        return self

    def block(self, fields: Fields) -> bytes:
        """Return a block, for frames by hand."""
        return self._encoder.encode(fields)


def engine(*, client: bool = False, **bounds: Any) -> Engine:  # noqa: ANN401 - budgets of several types
    """Return an engine that has begun."""
    made = Engine(client=client, bounds=Bounds(**bounds))
    made.begin()
    return made


def told(found: Iterable[events.Event]) -> list[tuple[Any, ...]]:
    """Return events as plain values, their streams as numbers."""
    return [_plain(event) for event in found]


def _plain(event: events.Event) -> tuple[Any, ...]:
    name = type(event).__name__
    if isinstance(event, events.Head):
        return name, event.stream.number, event.block.fields, event.end
    if isinstance(event, events.Interim):
        return name, event.stream.number, event.block.fields
    if isinstance(event, events.Trailers):
        return name, event.stream.number, event.block.fields
    if isinstance(event, events.Data):
        return name, event.stream.number, event.data, event.flow, event.end
    if isinstance(event, events.Reset):
        return name, event.stream.number, event.code
    if isinstance(event, events.Refused):
        return name, event.number, event.code, event.reason
    if isinstance(event, events.SettingsCame):
        return name, event.values
    if isinstance(event, events.GoneAway):
        return name, event.last, event.code, event.detail
    return name, event.code, event.reason


def read(made: Engine, pieces: Sequence[bytes], *, now: float = 0.0) -> list[tuple[Any, ...]]:
    """Feed pieces; return everything that is told but the settings."""
    found = [item for piece in pieces for item in told(made.receive(piece, now))]
    return [item for item in found if item[0] != "SettingsCame"]


class Pair:
    """A client and a server that have greeted each other. What arrives is taken at once."""

    def __init__(self, **bounds: Any) -> None:  # noqa: ANN401 - budgets of several types
        self.client, self.server = engine(client=True, **bounds), engine(**bounds)
        self.to_client: list[events.Event] = []
        self.to_server: list[events.Event] = []
        self.taking = True
        self.run()
        self.to_client.clear()
        self.to_server.clear()

    def run(self) -> None:
        """Carry bytes until nobody has any."""
        while True:
            up, down = self.client.output(), self.server.output()
            if not up and not down:
                return
            self._carry(self.server, up, self.to_server)
            self._carry(self.client, down, self.to_client)

    def _carry(self, receiver: Engine, data: bytes, seen: list[events.Event]) -> None:
        for event in receiver.receive(data, 0.0):
            seen.append(event)
            if isinstance(event, events.Data) and self.taking:
                receiver.took(event.stream, event.flow)
        receiver.pump(1 << 20)

    def ask(self, fields: Fields = GET, *, end: bool = True) -> tuple[Stream, Stream]:
        """Open a stream; return it as the client and as the server has it."""
        stream = self.client.open()
        self.client.send_head(stream, fields, end=end)
        self.run()
        return stream, self.server.streams[stream.number]
