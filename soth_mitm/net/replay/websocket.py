"""The client of a replayed WebSocket: it sends what the original's client sent, and answers pings."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from soth_mitm.net.replay.link import Link
from soth_mitm.proto.websocket.deflate import Opaque
from soth_mitm.proto.websocket.extensions import Agreed
from soth_mitm.proto.websocket.frames import FrameReader
from soth_mitm.proto.websocket.opcodes import CLOSE, OPCODES, PING, PONG
from soth_mitm.proto.websocket.writing import Writer

if TYPE_CHECKING:
    from soth_mitm.net.replay.session import WatchedFlow
    from soth_mitm.net.shared import Shared
    from soth_mitm.record.resending import Resend, Script

QUIET: Final = 2.0
"""Seconds without a message after which a server is taken to have said all it says."""
GOODBYE: Final = 2.0
"""Seconds that a server has to answer our close."""
_NORMAL: Final = (1000).to_bytes(2, "big")
_REPLIES: Final = 64
"""Most pings that wait for their answer; the oldest go first."""


class WebSocketLink(Link):
    """A connection for one conversation. Messages go as text or binary in single frames, not compressed."""

    def __init__(self, shared: Shared, resend: Resend, *, gaps: bool) -> None:
        self._gaps = gaps
        self._head: bytearray | None = bytearray()
        self._switched = False
        self._frames = FrameReader(from_client=False, extension=Opaque())
        self._write = Writer(Agreed(), from_client=True).frame
        self._replies: deque[bytes] = deque(maxlen=_REPLIES)
        self._answers = 0
        self._closed = False
        self._came = False
        self._wake: asyncio.Future[None] | None = None
        super().__init__(shared, resend)

    @property
    def usable(self) -> bool:
        """A conversation ends its connection."""
        return False

    # --- what comes ---------------------------------------------------------------------------------

    def heard(self, data: bytes) -> None:
        """Read the answer's head, then frames; what has to be answered is answered by who sends."""
        if self._head is not None:
            data = self._read_head(data)
        if self._switched and data:
            self._read_frames(data)
        self._came = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _read_head(self, data: bytes) -> bytes:
        head = self._head
        assert head is not None, "asked only while the head is not complete"
        head += data
        while True:
            end = head.find(b"\r\n\r\n")
            if end < 0:
                return b""
            status = bytes(head[9:12])
            rest = bytes(head[end + 4 :])
            if status == b"101" or status[:1] != b"1":
                self._head = None
                self._switched = status == b"101"
                return rest
            del head[: end + 4]

    def _read_frames(self, data: bytes) -> None:
        for piece in self._frames.feed(data):
            if piece.opcode == PING:
                self._replies.append(self._write(PONG, piece.data))
            elif piece.opcode == CLOSE:
                if not self._closed:
                    self._replies.append(self._write(CLOSE, piece.data[:2]))
                self._closed = True
            elif piece.ended and piece.opcode != PONG:
                self._answers += 1

    # --- what goes ----------------------------------------------------------------------------------

    async def _send_rest(self, flow: WatchedFlow, *, chunked: bool) -> None:
        """Hold the conversation, then say goodbye."""
        script = self.resend.script
        assert script is not None, "only a WebSocket has a link of this kind"
        while not self._switched:
            if flow.closed or self._head is None:
                return
            await self._hear(flow, None)
        async for message in script.messages():
            if self._gaps:
                await self._hear(flow, message.after_ns / 1e9)
            if flow.closed or self._closed:
                break
            await self.line.send(self._write(OPCODES[message.label], message.data))
            await self._reply()
        await self._end(flow, script)

    async def _end(self, flow: WatchedFlow, script: Script) -> None:
        """Wait for as many answers as there were, or for silence; then close."""
        while not self._closed and not flow.closed and self._answers < script.answers:
            if not await self._hear(flow, QUIET, once=True):
                break
        if not self._closed and not flow.closed:
            self._closed = True
            await self.line.send(self._write(CLOSE, _NORMAL))
        await asyncio.wait((flow.ended,), timeout=GOODBYE)
        self.line.hang_up()

    async def _hear(self, flow: WatchedFlow, seconds: float | None, *, once: bool = False) -> bool:
        """Wait for so long, and answer what comes meanwhile; return whether anything came."""
        until = None if seconds is None else self.loop.time() + seconds
        news = False
        while not flow.closed and not self._closed:
            left = None if until is None else until - self.loop.time()
            if left is not None and left <= 0:
                break
            self._came, self._wake = False, self.loop.create_future()
            await asyncio.wait((self._wake, flow.ended), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            await self._reply()
            news |= self._came
            if self._came and (once or until is None):
                break
        await self._reply()
        return news

    async def _reply(self) -> None:
        while self._replies:
            await self.line.send(self._replies.popleft())
