"""A recorded WebSocket given again: what its server said, in step with what the client says now.

After the k-th message of the client come the messages that followed its k-th message when it was
recorded, whatever is in them; those that came before its first come at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.model.terms import Direction
from soth_mitm.net.serving.inner import Answer
from soth_mitm.net.tasks import start
from soth_mitm.proto.websocket.deflate import Opaque
from soth_mitm.proto.websocket.extensions import Agreed
from soth_mitm.proto.websocket.frames import FrameReader
from soth_mitm.proto.websocket.handshake import accept_of
from soth_mitm.proto.websocket.opcodes import CLOSE, OPCODES, PING, PONG
from soth_mitm.proto.websocket.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.net.serving.inner import Asked, FieldLine
    from soth_mitm.proto.websocket.frames import Piece
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.view import FlowView

_OWN: Final = frozenset((
    b"connection", b"upgrade", b"sec-websocket-accept", b"sec-websocket-extensions",
    b"sec-websocket-protocol",
    b"content-length", b"transfer-encoding",
))  # fmt: skip
"""Fields of the answer to a handshake that depend on the request."""
_READ: Final = 64 * 1024
_GOODBYE: Final = 2.0
"""Seconds that a client has to answer our close."""
_LONGEST: Final = 60.0
"""Seconds that a recorded gap is waited for at most."""


class Step(NamedTuple):
    """A message that the server sent."""

    position: int
    """In the list of messages."""
    after: int
    """How many messages of the client came before it."""
    closing: bool
    """The client had said that it closes."""
    label: str
    size: int
    gap_ns: int
    """Since the message before it, of either side."""


class Script(NamedTuple):
    """What a server said."""

    steps: Sequence[Step]
    messages: int
    """Messages that its client sent."""


def script_of(log: MessageLog) -> Script:
    """Return what a server said, of which the messages were recorded.

    Raises:
        ValueError: not all of it was recorded.
    """
    table = log.table
    if table.dropped:
        raise ValueError(f"its first {table.dropped:,} messages are not in the list (limits.message_rows)")
    steps: list[Step] = []
    count, closing, before = 0, False, 0
    for position in range(table.end):
        entry = table.entry(position)
        gap, before = max(entry.mono_ns - before, 0) if before else 0, entry.mono_ns
        if entry.origin == "dropped" or entry.label in ("ping", "pong"):
            continue
        if entry.direction is Direction.REQUEST:
            closing = closing or entry.label == "close"
            count += entry.label != "close"
            continue
        if entry.cut:
            raise ValueError(f"message {entry.number} was not recorded as a whole")
        steps.append(Step(position, count, closing, entry.label, entry.size, gap))
    return Script(steps, count)


class RecordedConversation:
    """Answers with the server's side of one recorded WebSocket."""

    early = False

    def __init__(self, name: str, view: FlowView, log: MessageLog, *, paced: bool) -> None:
        """Take over what was recorded.

        Raises:
            ValueError: not all of it was.
        """
        self.name = name
        self._view = view
        self._log = log
        self._script = script_of(log)
        self._paced = paced

    async def has(self, target: bytes) -> bool:
        """See `Answerer`."""
        return True

    async def answer(self, request: Asked) -> Answer:
        """Agree to the handshake, as the server did, but for compression."""
        response = self._view.response
        assert response is not None, "it was answered"
        kept = [pair for pair in response.fields.in_http1 if pair[0].lower() not in _OWN]
        fields: list[FieldLine] = [
            *kept,
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", accept_of(request.field(b"sec-websocket-key"))),
        ]
        protocol = response.fields.get(b"sec-websocket-protocol")
        offered = request.field(b"sec-websocket-protocol").lower().split(b",")
        if protocol and protocol.lower() in [each.strip() for each in offered]:
            fields.append((b"Sec-WebSocket-Protocol", protocol))
        return Answer(101, tuple(fields), talk=self._talk)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        talk = _Talk(reader, writer)
        listening = start(talk.listen(first), f"listening of {self.name}")
        try:
            await self._say(talk)
            await talk.part(self._script.messages)
        finally:
            listening.cancel()

    async def _say(self, talk: _Talk) -> None:
        for step in self._script.steps:
            if not await talk.until(step.after, closing=step.closing):
                return
            if self._paced:
                await asyncio.sleep(min(step.gap_ns / 1e9, _LONGEST))
            data = await self._log.payload(step.position, step.size)
            if len(data) < step.size:
                raise ConnectionAbortedError("a message is gone from the dump")
            await talk.say(step.label, data)


class _Talk:
    """One conversation, as the server has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._write = Writer(Agreed(), from_client=False).frame
        self._news = asyncio.Event()
        self._count = 0
        """Messages of the client."""
        self._gone = False
        self._close: bytes | None = None
        """The client's close."""
        self._said_close = False

    async def listen(self, data: bytes) -> None:
        """Count what the client says, and answer its pings."""
        frames = FrameReader(from_client=True, extension=Opaque())
        try:
            data = data or await self._reader.read(_READ)
            while data and frames.error is None:
                for piece in frames.feed(data):
                    self._take(piece)
                self._news.set()
                data = await self._reader.read(_READ)
        except ConnectionError:
            pass  # it has left in the middle of what was said to it
        finally:
            self._gone = True
            self._news.set()

    def _take(self, piece: Piece) -> None:
        if piece.opcode == CLOSE:
            self._close = piece.data
        elif piece.opcode == PING:
            waits = self._writer.transport.get_write_buffer_size()
            # Who reads no answers gets no more of them (RFC 6455 section 5.5.3).
            if waits < _READ and not self._said_close:
                self._writer.write(self._write(PONG, piece.data))
        elif piece.ended and piece.opcode != PONG:
            self._count += 1

    async def until(self, count: int, *, closing: bool) -> bool:
        """Wait for so many messages, or for the client's close where `closing`; return whether to go on."""
        while not self._gone:
            if self._close is not None:
                return closing
            if self._count >= count and not closing:
                return True
            await self._heard()
        return False

    async def _heard(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def say(self, label: str, data: bytes) -> None:
        """Send a message, or the server's close."""
        if self._said_close:
            return
        self._said_close = label == "close"
        self._writer.write(self._write(OPCODES[label], data))
        await self._writer.drain()

    async def part(self, count: int) -> None:
        """End as the server did: behind its close, with the client's, or without either where none was."""
        if not self._said_close:
            await self.until(count, closing=False)
        if self._close is not None and not self._gone:
            await self.say("close", self._close[:2])
        elif self._said_close:
            try:
                async with asyncio.timeout(_GOODBYE):
                    while not self._gone and self._close is None:
                        await self._heard()
            except TimeoutError:
                pass
