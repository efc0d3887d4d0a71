"""What a writer of another format needs of a flow that has ended: its facts, its bodies, its messages.

The record's views fit, with `record.assembling` to read what lies in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from soth_mitm.export.facts import FlowFacts, MessageFacts

if TYPE_CHECKING:
    from soth_mitm.model.events import (
        ConnOpened,
        Direction,
        FlowBound,
        FlowClosed,
        FlowOpened,
        HelloReceived,
        MessagesStarted,
        TlsEstablished,
    )
    from soth_mitm.model.fields import Fields


class TimingFacts(Protocol):
    """How long each phase took, in nanoseconds."""

    @property
    def queue(self) -> int: ...
    @property
    def dns(self) -> int: ...
    @property
    def connect(self) -> int: ...
    @property
    def tls(self) -> int: ...
    @property
    def send(self) -> int: ...
    @property
    def wait(self) -> int: ...
    @property
    def receive(self) -> int: ...
    @property
    def reused(self) -> bool: ...


class ConnFacts(Protocol):
    """A transport connection."""

    @property
    def conn(self) -> int: ...
    @property
    def opened(self) -> ConnOpened | None: ...
    @property
    def hello(self) -> HelloReceived | None: ...
    @property
    def tls(self) -> TlsEstablished | None: ...
    @property
    def started_mono_ns(self) -> int: ...
    @property
    def tls_started_mono_ns(self) -> int: ...
    @property
    def tls_ns(self) -> int: ...


class WholeMessage(MessageFacts, Protocol):
    """A request or a response with its times."""

    @property
    def forwarded(self) -> bytes: ...
    @property
    def changed_by(self) -> Sequence[str]: ...
    @property
    def trailers(self) -> Fields: ...
    @property
    def generated(self) -> bool: ...
    @property
    def head_mono_ns(self) -> int: ...
    @property
    def end_mono_ns(self) -> int: ...
    @property
    def last_mono_ns(self) -> int: ...
    @property
    def wire_bytes(self) -> int: ...


class WholeFacts(FlowFacts, Protocol):
    """A flow with its conns and times."""

    @property
    def opened(self) -> FlowOpened | None: ...
    @property
    def request(self) -> WholeMessage | None: ...
    @property
    def response(self) -> WholeMessage | None: ...
    @property
    def conn(self) -> int: ...
    @property
    def upstream_conn(self) -> int: ...
    @property
    def bound(self) -> FlowBound | None: ...
    @property
    def client(self) -> ConnFacts | None: ...
    @property
    def upstream(self) -> ConnFacts | None: ...
    @property
    def timing(self) -> TimingFacts: ...
    @property
    def framing(self) -> Mapping[str, MessagesStarted]: ...
    @property
    def upgraded(self) -> str: ...
    @property
    def replay_of(self) -> int: ...
    @property
    def mark(self) -> str: ...
    @property
    def closed(self) -> FlowClosed | None: ...


class Talk(NamedTuple):
    """One message of a WebSocket, or one piece of a stream of bytes."""

    direction: Direction
    label: str
    """`text`, `binary`, `ping`, `pong`, `close`; `bytes` of a stream."""
    wall_ns: int
    data: bytes
    note: str = ""
    origin: str = ""
    cut: bool = False
    """Not all of it was recorded."""


class WholeFlow(Protocol):
    """A flow to be written."""

    @property
    def view(self) -> WholeFacts: ...

    def pieces(self, direction: Direction) -> Iterator[bytes]:
        """Yield the recorded bytes of a body from its beginning, up to the first gap."""
        ...

    def talks(self) -> Iterator[Talk]:
        """Yield the messages of a WebSocket, or the pieces of a stream of bytes, in order."""
        ...
