"""One connection of a replay: a request goes out as its session reads it, and its flow is followed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import ReplayError, SothError
from soth_mitm.net.replay.head import framed
from soth_mitm.net.replay.line import Line
from soth_mitm.net.replay.session import ReplaySession
from soth_mitm.net.tasks import start
from soth_mitm.proto.http2 import translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.replay.session import WatchedFlow
    from soth_mitm.net.shared import Shared
    from soth_mitm.record.resending import Resend

PATIENCE: Final = 1.0
"""Seconds after which it is looked again whether a message is still paused."""
PIECE: Final = 64 * 1024
"""Bytes of a body that are read from the recording at a time."""


class Link:
    """A connection over which requests go one after another, as long as both ends keep it."""

    def __init__(self, shared: Shared, resend: Resend) -> None:
        self.resend = resend
        self.loop = shared.loop
        self.session = ReplaySession(shared, resend.draft, of=resend.of, h2c=resend.h2c)
        self.line = Line(shared.loop, self.session, self.heard)
        self.line.open()

    @property
    def usable(self) -> bool:
        """Whether another request can be sent over it."""
        return self.session.idle and not self.line.gone

    def heard(self, data: bytes) -> None:
        """Take what the proxy sends to its client: it has been recorded, so nothing is kept here."""

    def close(self) -> None:
        """Hang up."""
        self.line.hang_up()

    async def ask(self, begun: Callable[[WatchedFlow], None], *, timeout: float) -> WatchedFlow:
        """Send the request, and return its flow once that has ended.

        `begun` is told of the flow as soon as there is one. After `timeout` seconds in which nothing was
        told of it, it is cut.

        Raises:
            ReplayError: there is nothing that can be sent.
        """
        head, chunked = self._framed()
        self.session.expect()
        if not await self.line.send(head) or self.session.flow is None:
            raise ReplayError("the proxy is stopping")
        flow = self.session.flow
        begun(flow)
        sender = start(self._send_rest(flow, chunked=chunked), f"replay as flow {flow.number}")
        try:
            await self.follow(flow, sender, timeout)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            if not flow.closed:
                self.session.give_up("the replay was cancelled")
        return flow

    def _framed(self) -> tuple[bytes, bool]:
        resend = self.resend
        body = resend.draft.body
        length = resend.length if body is None else len(body)
        return framed(resend.draft, length, trailers=bool(resend.trailers))

    async def follow(self, flow: WatchedFlow, sender: asyncio.Task[None], timeout: float) -> None:
        """Wait for the end of a flow, within its deadline."""
        waiting: set[asyncio.Future[None]] = {flow.ended, sender}
        while not flow.closed:
            left = flow.moved + timeout - self.loop.time()
            if flow.paused:
                left = max(left, PATIENCE)
            if left <= 0:
                self.session.shared.counters.hit("replay_timeout")
                self.session.too_late(timeout)
                return
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if sender.done() and sender in waiting:
                waiting.discard(sender)
                error = sender.exception()
                if error is not None and not flow.closed:
                    self.session.give_up(str(error) if isinstance(error, SothError) else repr(error))
                    return

    # --- the body ---------------------------------------------------------------------------------

    async def _send_rest(self, flow: WatchedFlow, *, chunked: bool) -> None:
        """Send the body as the session reads it; stop where an answer has come before its end."""
        body = self.resend.draft.body
        if body is None:
            await self._stream(flow, chunked)
        elif body:
            await self._put(flow, body, chunked)
        if chunked and not flow.closed:
            await self.line.send(translate.last_chunk(self.resend.trailers))

    async def _stream(self, flow: WatchedFlow, chunked: bool) -> None:
        read, length = self.resend.read, self.resend.length
        if read is None:
            raise ReplayError("the draft has no body, and there is no recording of one")
        at = 0
        while at < length and not flow.closed:
            data = await read(at, min(PIECE, length - at))
            if not data:
                raise ReplayError(f"byte {at:,} of the body is gone from the recording")
            at += len(data)
            await self._put(flow, data, chunked)

    async def _put(self, flow: WatchedFlow, data: bytes, chunked: bool) -> None:
        if not flow.closed:
            await self.line.send(translate.chunk(data) if chunked else data)
