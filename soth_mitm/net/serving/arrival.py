"""How much of a request has come while it is answered already: the messages in its body, and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.splitting import Found
from soth_mitm.proto.streams import splitter_of, stream_of

if TYPE_CHECKING:
    from soth_mitm.proto.splitting import Splitter


class Arrival:
    """Counts a request's messages. Of a body that is no stream of messages, only the end is known."""

    def __init__(self, content_type: bytes, target: bytes) -> None:
        stream = stream_of(content_type, path=target, streamed=True)
        self._splitter: Splitter | None = (
            splitter_of(stream, content_type, keep=False) if stream is not None and stream.sure else None
        )
        self.messages = 0
        self.ended = False
        self._news = asyncio.Event()

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self._splitter is None:
            return
        try:
            self.messages += sum(isinstance(item, Found) for item in self._splitter.feed(data))
        except ProtocolError:  # nothing can be counted any more, so nothing is waited for
            self.end()
        self._news.set()

    def end(self) -> None:
        """Take note that nothing more comes."""
        self.ended = True
        self._news.set()

    async def reach(self, count: int) -> None:
        """Wait until so many messages have come, or the request has ended."""
        while not self.ended and self.messages < count:
            self._news.clear()
            await self._news.wait()

    async def whole(self) -> None:
        """Wait for the request's end."""
        while not self.ended:
            self._news.clear()
            await self._news.wait()
