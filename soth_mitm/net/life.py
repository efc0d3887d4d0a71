"""A conn and a flow as their drivers hold them: numbered, checked by the tables of `model.life`.

Each publishes through `emit`, which keeps the promises of the stream: one terminal event, nothing
on the wire after it, and no event that its state does not allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from soth_mitm.model.events import Body, ConnClosed, FlowClosed
from soth_mitm.model.life import CONN_NEXT, FLOW_NEXT, ConnState, FlowState

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.clock import Clock
    from soth_mitm.model.events import ProcessKnown
    from soth_mitm.net.admission import Admitted
    from soth_mitm.net.calls import FactsTap
    from soth_mitm.net.slices import Backlog, Slices
    from soth_mitm.net.telling import Numbers
    from soth_mitm.record.bus import Bus


class IllegalEvent(Exception):
    """An event came in a state that does not allow it."""


class Publisher(Protocol):
    """Where a flow's events go: the bus, or what keeps their order while it is behind."""

    @property
    def clock(self) -> Clock:
        """What the events' times are taken from."""
        ...

    def publish(self, body: Body, conn: int = 0, flow: int = 0, flow_seq: int = 0) -> int:
        """Publish an event; return its monotonic time, or the time now."""
        ...


class ConnLife:
    """One transport connection in the event stream. Its end is told after those of its flows."""

    __slots__ = ("_slices", "admitted", "bus", "ja4", "number", "on_end", "process", "sni", "state")

    def __init__(self, bus: Bus, number: int, slices: Slices | None = None) -> None:
        self.bus = bus
        self._slices = slices
        self.number = number
        self.state: int = ConnState.NEW
        self.on_end: Callable[[], None] | None = None
        """Called once, after the terminal event."""
        self.admitted: Admitted | None = None
        """What waits to hear how the dial, and the handshake, of an upstream went."""
        self.process: ProcessKnown | None = None
        """The program that opened it, as soon as it is known."""
        self.sni = self.ja4 = ""
        """The server name in a client's hello, and the hello's fingerprint."""

    def emit(self, body: Body) -> int:
        """Publish an event of this conn; return its monotonic time.

        Raises:
            IllegalEvent: the table does not allow it now.
        """
        following = CONN_NEXT.get((self.state, type(body)))
        if following is None:
            raise IllegalEvent(
                f"conn {self.number}: {type(body).__name__} in state {ConnState(self.state).name}"
            )
        self.state = following
        return self.bus.publish(body, self.number)

    def close(self, reason: str, detail: str = "", *, received: int = 0, sent: int = 0) -> None:
        """Publish the terminal event, unless that has been done."""
        if self.state != ConnState.CLOSED:
            end = ConnClosed(reason, detail, received, sent)
            if self._slices is not None and self._slices.behind(self.number):
                self.state = ConnState.CLOSED
                self._slices.end_conn(self.number, end)
            else:
                self.emit(end)
            if self.on_end is not None:
                self.on_end()

    @property
    def closed(self) -> bool:
        """Whether the terminal event is out."""
        return self.state == ConnState.CLOSED


_FLOW_AFTER: Final = [
    {body: follows for (before, body), follows in FLOW_NEXT.items() if before == state} for state in FlowState
]
"""The table by state, which spares a tuple for each event."""
_CLOSED: Final = FlowState.CLOSED
"""Kept: a look at it through its class takes Python 3.11 as long as a call."""


class FlowLife:
    """One flow in the event stream; belongs to a client conn."""

    __slots__ = (
        "_on_end", "bus", "call", "conn", "from_client", "from_upstream", "late", "number", "numbers",
        "on_closing", "pauses", "seq", "state", "told",
    )  # fmt: skip

    def __init__(
        self, bus: Bus, number: int, conn: int, *, on_end: Callable[[int], None] | None = None
    ) -> None:
        self.bus: Publisher = bus
        self._on_end = on_end
        self.number = number
        self.conn = conn
        self.seq = 0
        self.state: int = FlowState.NEW
        self.from_client = 0
        self.from_upstream = 0
        self.told = True
        """False where capture was switched off when it began: its events are checked, not published."""
        self.numbers: Numbers | None = None
        """Counts the flow's messages, once there are any."""
        self.pauses = 0
        """How many of its messages are paused."""
        self.on_closing: Callable[[FlowLife, str], None] | None = None
        """Told before the terminal event, while something is paused."""
        self.call: FactsTap[Any] | None = None
        """Follows the call to a language model that it is; told before the terminal event."""
        self.late: Backlog | None = None
        """What the flow has still to tell, where finding its messages takes longer than forwarding it."""

    def emit(self, body: Body) -> int:
        """Publish an event of this flow; return its monotonic time.

        Raises:
            IllegalEvent: the table does not allow it now.
        """
        following = _FLOW_AFTER[self.state].get(type(body))
        if following is None:
            raise IllegalEvent(
                f"flow {self.number}: {type(body).__name__} in state {FlowState(self.state).name}"
            )
        self.state = following
        self.seq = seq = self.seq + 1
        if not self.told:
            return self.bus.clock.monotonic_ns()
        return self.bus.publish(body, self.conn, self.number, seq)

    def tell(self, body: Body) -> None:
        """Publish an event about the flow's messages: at its place, and not once the flow has ended."""
        if self.late is not None:
            self.late.tell(body)
        elif self.state != _CLOSED:
            self.emit(body)

    def close(self, reason: str, detail: str = "") -> None:
        """Publish the terminal event, unless that has been done; then tell who wanted to know."""
        if self.state == _CLOSED:
            return
        if self.pauses and self.on_closing is not None:
            self.on_closing(self, reason)
        if self.call is not None:
            call, self.call = self.call, None  # which knows the flow: no circle is left for the collector
            call.closing()
        self.emit(FlowClosed(reason, detail, self.from_client, self.from_upstream))
        if self._on_end is not None:
            self._on_end(self.number)

    @property
    def closed(self) -> bool:
        """Whether the terminal event is out."""
        return self.state == _CLOSED
