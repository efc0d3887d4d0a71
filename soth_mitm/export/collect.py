"""Heads and bodies of the flows that are open, for printing them when they end. Bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from soth_mitm.model.events import (
    Body,
    BodyChunk,
    Direction,
    Event,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
    ResponseInfo,
)
from soth_mitm.model.fields import Fields

BODY_BYTES = 64 * 1024
"""Bytes of each body that are kept to be printed."""

ALL_BYTES = 64 * 1024 * 1024
"""Bytes of all bodies together that are kept; of what comes when they are used up, only the size."""

MOST_INFOS = 32


class Message(msgspec.Struct):
    """A request or a response as far as it was kept."""

    raw: bytes = b""
    """The head."""
    content_type: bytes = b""
    content_encoding: bytes = b""
    body: bytearray = msgspec.field(default_factory=bytearray)
    body_bytes: int = 0
    """Bytes that passed, kept or not."""
    trailers: bytes = b""
    complete: bool = False

    @property
    def shown(self) -> bytes:
        """What of the body is printed: more may have been kept for a filter."""
        return bytes(self.body[:BODY_BYTES])

    @property
    def coding(self) -> bytes:
        """The content codings, from the head where no event says them."""
        if self.content_encoding or b"content-encoding" not in self.raw.lower():
            return self.content_encoding
        return Fields.of_head(self.raw).joined(b"content-encoding")


class Exchange(msgspec.Struct):
    """Both messages of one flow."""

    path: bytes = b""
    """The whole target in origin-form."""
    request: Message = msgspec.field(default_factory=Message)
    response: Message = msgspec.field(default_factory=Message)
    infos: list[ResponseInfo] = msgspec.field(default_factory=list)
    judged_at: int = 0
    """Bytes of bodies that were there when a filter was last asked."""

    @property
    def kept(self) -> int:
        """Bytes of bodies that are kept."""
        return len(self.request.body) + len(self.response.body)


class Collector:
    """Keeps what the events of open flows say; `take` hands it out and forgets it."""

    def __init__(self, *, body_bytes: int) -> None:
        """Keep at most so many bytes of each body; 0 keeps no bodies, nor how large they were."""
        self._body_bytes = body_bytes
        self._open: dict[int, Exchange] = {}
        self._kept = 0

    def apply(self, event: Event) -> None:
        """Take one event."""
        step = _STEPS.get(type(event.body))
        if step is not None:
            step(self, event.flow, event.body)

    def look(self, flow: int) -> Exchange:
        """Return what is kept of a flow by now."""
        return self._open.get(flow) or Exchange()

    def take(self, flow: int) -> Exchange:
        """Return what is kept of a flow, and forget it."""
        exchange = self._open.pop(flow, None)
        if exchange is None:
            return Exchange()
        self._kept -= exchange.kept
        return exchange

    def _of(self, flow: int) -> Exchange:
        exchange = self._open.get(flow)
        if exchange is None:
            exchange = self._open[flow] = Exchange()
        return exchange

    def _request_head(self, flow: int, head: RequestHead) -> None:
        exchange = self._of(flow)
        exchange.path = head.path or head.target
        exchange.request.raw = head.raw
        exchange.request.content_type = head.content_type

    def _response_head(self, flow: int, head: ResponseHead) -> None:
        message = self._of(flow).response
        message.raw = head.raw
        message.content_type = head.content_type
        message.content_encoding = head.content_encoding

    def _info(self, flow: int, info: ResponseInfo) -> None:
        infos = self._of(flow).infos
        if len(infos) < MOST_INFOS:
            infos.append(info)

    def _chunk(self, flow: int, chunk: BodyChunk) -> None:
        if not self._body_bytes:
            return
        exchange = self._of(flow)
        message = exchange.request if chunk.direction == Direction.REQUEST else exchange.response
        message.body_bytes = max(message.body_bytes, chunk.offset + chunk.length)
        room = min(self._body_bytes - len(message.body), ALL_BYTES - self._kept)
        if room > 0 and chunk.offset == len(message.body):
            piece = chunk.data[:room]
            message.body += piece
            self._kept += len(piece)

    def _request_end(self, flow: int, end: RequestEnd) -> None:
        _end(self._of(flow).request, end)

    def _response_end(self, flow: int, end: ResponseEnd) -> None:
        _end(self._of(flow).response, end)


def _end(message: Message, end: RequestEnd | ResponseEnd) -> None:
    message.body_bytes = max(message.body_bytes, end.body_bytes)
    message.trailers = end.trailers
    message.complete = True


_STEPS: dict[type[Body], Callable[[Collector, int, Any], None]] = {
    BodyChunk: Collector._chunk,
    RequestHead: Collector._request_head,
    ResponseHead: Collector._response_head,
    ResponseInfo: Collector._info,
    RequestEnd: Collector._request_end,
    ResponseEnd: Collector._response_end,
}
