"""The messages of one flow, from its frames: a table of them, and what a person wants to know of the whole.

Pure, and tolerant: any frames in any order give a `MessageTable` and never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from soth_mitm.model.events import (
    BodyChunk,
    Direction,
    MessageChunk,
    MessageForm,
    MessageSeen,
    MessagesSkipped,
    MessagesStarted,
    MessagesStopped,
    OriginalMessage,
)
from soth_mitm.proto.websocket.turns import Turn, TurnEnd, Turns
from soth_mitm.record.frames import Frame, decode_frame
from soth_mitm.record.messagetable import LABEL_CHARS, MessageTable, Original, SeenHead
from soth_mitm.record.payloads import Chunks, Slice
from soth_mitm.text import printable

KINDS: Final = frozenset(
    (
        MessageChunk.KIND,
        MessagesStarted.KIND,
        MessagesSkipped.KIND,
        MessagesStopped.KIND,
        OriginalMessage.KIND,
    )
)


class _Chunk(msgspec.Struct):
    """What of a `BodyChunk` is needed."""

    direction: str = ""
    offset: int = 0
    data: bytes = b""


_heads: Final = msgspec.msgpack.Decoder(SeenHead)
_chunks: Final = msgspec.msgpack.Decoder(_Chunk)
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def head_of(payload: bytes, frame: Frame) -> SeenHead | None:
    """Return what a `MessageSeen` says besides its payload; None where it cannot be read."""
    try:
        return _heads.decode(payload[frame.start : frame.end])
    except _UNREADABLE:
        return None


class MessageFacts(msgspec.Struct):
    """What is known of the messages of one flow as a whole. Texts are as they came from the network."""

    started: dict[str, MessagesStarted] = {}
    """How the messages of each direction are framed."""
    stopped: dict[str, MessagesStopped] = {}
    skipped: int = 0
    """Messages that passed untold, because more came than could be told."""
    from_client: int = 0
    """Messages so far, those that are not kept any more included."""
    from_server: int = 0
    client_bytes: int = 0
    server_bytes: int = 0
    origins: dict[str, int] = {}
    """How many were changed, dropped or injected."""
    last_note: dict[str, str] = {}
    """Of each direction the last note that was not empty; of an event stream, the id."""
    close: tuple[str, str] | None = None
    """Who closed a WebSocket first, `request` or `response`, and code and reason."""
    last_ns: int = 0
    """When the last one came."""

    @property
    def count(self) -> int:
        """Messages of both directions."""
        return self.from_client + self.from_server

    @property
    def form(self) -> str:
        """What they are framed by; of two directions that differ, the server's."""
        for direction in ("response", "request"):
            if direction in self.started:
                return str(self.started[direction].form)
        return ""


class Coming(NamedTuple):
    """A message of which chunks are there, and not its end."""

    number: int
    direction: str
    size: int


class MessageFold:
    """Fills a table from the frames of one flow, and may go on as more come.

    A frame that was taken before, told by its `seq`, is passed over.
    """

    def __init__(self, *, most: int) -> None:
        self.table = MessageTable(most)
        self.facts = MessageFacts()
        self.seq = 0
        self.turn: Turn | None = None
        """The turn of a WebSocket that goes on, or the last one."""
        self._turns = Turns()
        self._parts: dict[int, Chunks] = {}
        self._coming: dict[str, int] = {}
        self._bodies: dict[str, Chunks] = {}
        self._original: tuple[int, Original] | None = None
        """The number of a message, and what came, until what went on in its place is told."""

    def take(self, payload: bytes, frame: Frame, block: int) -> bool:
        """Take one frame of the flow; return whether anything changed."""
        if frame.seq <= self.seq:
            return False
        self.seq = frame.seq
        kind = frame.kind
        if kind == MessageSeen.KIND:
            self._seen(payload, frame, block)
        elif kind == BodyChunk.KIND:
            self._body_chunk(payload, frame, block)
            return False
        elif kind in KINDS:
            event = decode_frame(payload, frame)
            body = event.body if event is not None else None
            if isinstance(body, MessagesStarted):
                self.facts.started[body.direction] = body
                self._bodies[body.direction] = Chunks()
            elif isinstance(body, MessagesSkipped):
                self.facts.skipped += body.count
            elif isinstance(body, MessagesStopped):
                self.facts.stopped[body.direction] = body
                self._bodies.pop(body.direction, None)
            elif isinstance(body, MessageChunk):
                self._chunk(frame, block, body)
            elif isinstance(body, OriginalMessage):
                self._came(frame, block, body)
                return False
        else:
            return False
        return True

    def _body_chunk(self, payload: bytes, frame: Frame, block: int) -> None:
        """Take note of bytes of a body in which messages may lie."""
        if not self._bodies:
            return
        try:
            chunk = _chunks.decode(payload[frame.start : frame.end])
        except _UNREADABLE:
            return
        chunks = self._bodies.get(chunk.direction)
        if chunks is not None:
            chunks.add(block, frame.offset, chunk.offset, len(chunk.data))

    def _chunk(self, frame: Frame, block: int, body: MessageChunk) -> None:
        before = self._coming.get(body.direction)
        if before is not None and before != body.number:
            self._parts.pop(before, None)  # its end was lost
        self._coming[body.direction] = body.number
        chunks = self._parts.setdefault(body.number, Chunks())
        chunks.add(block, frame.offset, body.offset, len(body.data))

    def _came(self, frame: Frame, block: int, body: OriginalMessage) -> None:
        before = self._original
        slices = before[1].slices if before is not None and before[0] == body.number and body.offset else ()
        if body.data:
            slices = (*slices, Slice(block, frame.offset))
        label, note = printable(body.label, LABEL_CHARS), printable(body.note, 200)
        self._original = body.number, Original(label, body.size, note, slices)

    def _seen(self, payload: bytes, frame: Frame, block: int) -> None:
        head = head_of(payload, frame)
        if head is None:
            return
        parts = self._parts.pop(head.number, None) if self._parts else None
        if parts is not None and self._coming.get(head.direction) == head.number:
            del self._coming[head.direction]
        slices: Sequence[Slice] | None = None
        if parts is not None:
            slices = parts.slices(0, head.size)
        elif head.offset >= 0:
            chunks = self._bodies.get(head.direction)
            slices = chunks.slices(head.offset, head.size) if chunks is not None else ()
            if chunks is not None:
                chunks.forget_before(head.offset + head.size)
        if self._original is not None and self._original[0] == head.number:
            self.table.originals[self.table.end] = self._original[1]
            self._original = None
        self.table.append(head, mono_ns=frame.mono_ns, block=block, frame=frame.offset, slices=slices)
        facts = self.facts
        if head.direction == "request":
            facts.from_client += 1
            facts.client_bytes += head.size
        else:
            facts.from_server += 1
            facts.server_bytes += head.size
        if head.origin:
            facts.origins[head.origin] = facts.origins.get(head.origin, 0) + 1
        if head.note:
            facts.last_note[head.direction] = head.note
        if facts.form == MessageForm.WEBSOCKET:
            self._websocket(head, frame.mono_ns)
        facts.last_ns = frame.mono_ns

    def _websocket(self, head: SeenHead, mono_ns: int) -> None:
        if head.label in ("text", "binary"):
            direction = Direction.REQUEST if head.direction == "request" else Direction.RESPONSE
            self._turns.message(direction, head.number, size=head.size, at_ns=mono_ns)
            self.turn = self._turns.open
        elif head.label == "close":
            self.turn = self._turns.finish(TurnEnd.CLOSE) or self.turn
            if self.facts.close is None:
                self.facts.close = head.direction, head.note

    @property
    def coming(self) -> list[Coming]:
        """The messages that are on their way, as far as they have come."""
        return [
            Coming(number, direction, self._parts[number].size)
            for direction, number in self._coming.items()
            if number in self._parts
        ]
