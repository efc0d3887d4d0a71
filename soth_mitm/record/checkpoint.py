"""What is open: the events that a new segment repeats, so that it can be shown without those before it.

Kept are the events of open conns and flows, heads included, and never body bytes: of a body stays one
`BodyChunk` without data, whose length is all that passed so far, and of the messages in it the last
`MessageSeen` of each direction without data, whose number says how many there were. Session facts are
kept as well.
Pure; its memory is bounded by `CHECKPOINT_BYTES` and by `PER_ITEM` events a flow or conn.
"""

from __future__ import annotations

import msgspec

from soth_mitm.model.events import (
    Annotated,
    Body,
    BodyChunk,
    CaLoaded,
    ConnClosed,
    ConnectReceived,
    ConnOpened,
    DialStarted,
    Event,
    FlowClosed,
    FlowOpened,
    HandlerActed,
    ListenerClosed,
    ListenerOpened,
    MessageChanged,
    MessageChunk,
    MessageSeen,
    OriginalChunk,
    OriginalMessage,
    RequestHead,
    ResponseHead,
    ResponseInfo,
    SessionStarted,
    TlsEstablished,
    TunnelProgress,
)

CHECKPOINT_BYTES = 8 * 1024 * 1024
"""About how many bytes of heads and certificates a checkpoint repeats; more are left out."""

PER_ITEM = 32
"""Most events that are kept of one flow or conn."""

_SMALL = 160
"""What an event without heads or certificates counts for."""


class _Item:
    """What is kept of one open flow or conn."""

    __slots__ = ("bytes", "events", "marks")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bytes = 0
        self.marks: dict[str, Event] = {}
        """The latest of those events of which only the latest counts."""


class OpenState:
    """Follows the stream block by block, and yields what a checkpoint has to hold."""

    def __init__(self, *, budget: int = CHECKPOINT_BYTES) -> None:
        self._budget = budget
        self._bytes = 0
        self._flows: dict[int, _Item] = {}
        self._conns: dict[int, _Item] = {}
        self._session: list[Event] = []
        self._listeners: dict[tuple[str, int], Event] = {}
        self.left_out = 0
        """Events that the budget did not allow to keep."""

    def note(self, events: list[Event]) -> None:
        """Take in the events of a block, in order."""
        # Most flows begin and end within one block: they cost a look at their events and no more.
        done = {event.flow for event in events if type(event.body) is FlowClosed}
        for flow in done:
            self._forget(self._flows, flow)
        chunks: dict[tuple[int, str], Event] = {}
        messages: dict[tuple[int, str], Event] = {}
        for event in events:
            flow = event.flow
            if flow:
                if flow in done:
                    continue
                if type(event.body) is BodyChunk:
                    chunks[flow, event.body.direction] = event
                elif type(event.body) is MessageSeen:
                    messages[flow, event.body.direction] = event
                elif type(event.body) not in (MessageChunk, OriginalChunk, OriginalMessage):
                    self._note(self._flows, flow, event, opens=FlowOpened)
            elif event.conn:
                self._note_conn(event)
            else:
                self._note_session(event)
        for (flow, direction), event in chunks.items():
            if flow in self._flows:
                self._flows[flow].marks[direction] = _without_data(event)
        for (flow, direction), event in messages.items():
            if flow in self._flows:
                self._flows[flow].marks[f"message {direction}"] = _without_payload(event)

    def events(self) -> list[Event]:
        """Return what a segment that begins now has to repeat, in the order of `seq`."""
        kept = [*self._session, *self._listeners.values()]
        for table in (self._conns, self._flows):
            for item in table.values():
                kept += item.events
                kept += item.marks.values()
        return sorted(kept, key=lambda event: event.seq)

    def _note_conn(self, event: Event) -> None:
        if type(event.body) is ConnClosed:
            self._forget(self._conns, event.conn)
        else:
            self._note(self._conns, event.conn, event, opens=(ConnOpened, DialStarted))

    def _note_session(self, event: Event) -> None:
        body = event.body
        if isinstance(body, (SessionStarted, CaLoaded)):
            self._session = [each for each in self._session if type(each.body) is not type(body)]
            self._session.append(event)
        elif isinstance(body, ListenerOpened):
            self._listeners[body.host, body.port] = event
        elif isinstance(body, ListenerClosed):
            self._listeners.pop((body.host, body.port), None)

    def _note(
        self,
        table: dict[int, _Item],
        number: int,
        event: Event,
        *,
        opens: type[Body] | tuple[type[Body], ...],
    ) -> None:
        body = event.body
        item = table.get(number)
        if item is None:
            if not isinstance(body, opens):
                return
            item = table[number] = _Item()
        if isinstance(body, (TunnelProgress, Annotated)):
            item.marks[type(body).__name__] = event
            return
        weight = _weight(body)
        if item.events and (len(item.events) >= PER_ITEM or self._bytes + weight > self._budget):
            self.left_out += 1
            return
        item.events.append(event)
        item.bytes += weight
        self._bytes += weight

    def _forget(self, table: dict[int, _Item], number: int) -> None:
        item = table.pop(number, None)
        if item is not None:
            self._bytes -= item.bytes


def _weight(body: Body) -> int:
    if isinstance(body, RequestHead):
        return _SMALL + len(body.raw) + len(body.target) + len(body.path) + len(body.forwarded)
    if isinstance(body, ResponseHead):
        return _SMALL + len(body.raw) + len(body.forwarded)
    if isinstance(body, (HandlerActed, MessageChanged)):
        return _SMALL + len(body.forwarded)
    if isinstance(body, (ResponseInfo, ConnectReceived)):
        return _SMALL + len(body.raw)
    if isinstance(body, TlsEstablished):
        return _SMALL + sum(map(len, body.chain))
    return _SMALL


def _without_data(event: Event) -> Event:
    """Return one chunk that stands for all bytes of its direction that passed up to this event."""
    body = event.body
    assert isinstance(body, BodyChunk)
    whole = BodyChunk(body.direction, 0, body.offset + body.length)
    return Event(event.seq, event.conn, event.flow, event.flow_seq, event.mono_ns, event.wall_ns, whole)


def _without_payload(event: Event) -> Event:
    body = event.body
    assert isinstance(body, MessageSeen)
    if not body.data:
        return event
    bare = msgspec.structs.replace(body, data=b"")
    return Event(event.seq, event.conn, event.flow, event.flow_seq, event.mono_ns, event.wall_ns, bare)
