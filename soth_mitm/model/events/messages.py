"""Events of the messages within one flow, told while it is open."""

from __future__ import annotations

from soth_mitm.model.events.base import Body
from soth_mitm.model.terms import Direction, MessageForm


class MessagesStarted(Body, frozen=True):
    """From here on a direction's payload is also told message by message."""

    KIND = 0x0312
    direction: Direction
    form: MessageForm
    detail: str = ""
    """How it was recognised, and what it negotiated: `permessage-deflate`, `gzip`, a subprotocol."""


class MessageChunk(Body, frozen=True):
    """Payload of a message that is too long for its own event; at most 64 KiB, before its end is told."""

    KIND = 0x0313
    direction: Direction
    number: int
    offset: int
    data: bytes


class MessageSeen(Body, frozen=True):
    """One whole message of a WebSocket, an event stream, a gRPC call or a body made of lines or parts."""

    KIND = 0x0314
    direction: Direction
    number: int
    """From 1 within the flow, both directions counted together."""
    label: str
    """WebSocket: `text`, `binary`, `ping`, `pong`, `close`. SSE: the event's type. Parts: the media type."""
    size: int
    """Payload bytes, with framing and compression undone."""
    data: bytes = b""
    """The payload where it is at most 64 KiB and recorded; longer ones came as `MessageChunk` events."""
    offset: int = -1
    """Where the payload lies in the direction's body, where it lies there as it is; then `data` is empty."""
    wire: int = 0
    """Bytes on the wire, framing included; 0 where compression of the whole stream hides it."""
    fragments: int = 1
    """Frames that made it up (WebSocket)."""
    compressed: bool = False
    """The message itself was compressed (permessage-deflate, gRPC's flag)."""
    note: str = ""
    """SSE: its id. WebSocket: code and reason of a close."""
    origin: str = ""
    """Empty: passed as it came. `changed`, `dropped` or `injected` by a handler or a person."""
    cut: bool = False
    """A limit left payload out: what is told of it is its beginning, or nothing."""


class MessagesSkipped(Body, frozen=True):
    """Messages of a direction passed untold, because more came than could be told beside everything else.

    They have numbers as others do. A message of which chunks were told before ends, cut, before this.
    """

    KIND = 0x0350
    direction: Direction
    count: int
    size: int
    """Bytes of the body in which they lay."""


class MessagesStopped(Body, frozen=True):
    """Messages of a direction are no longer told, for a defect or a limit; its bytes still go on."""

    KIND = 0x0315
    direction: Direction
    code: str
    detail: str = ""
