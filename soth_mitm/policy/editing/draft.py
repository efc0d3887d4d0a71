"""What a request, a response and a message within a stream are made of, for whoever edits one.

Values are the bytes of the wire; nothing is normalised. A draft may hold what no peer would accept:
whoever sends it checks it, and says what is wrong.
"""

from __future__ import annotations

import msgspec

from soth_mitm.model.terms import Direction, MessageForm

FieldLine = tuple[bytes, bytes]
"""Name and value of a header field, in the case and with the bytes that were sent."""


class RequestDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A request: where it goes, its head, and its body."""

    scheme: str
    host: str
    port: int
    method: bytes
    target: bytes
    """The request target, in origin-form as a rule (RFC 9112 section 3.2)."""
    fields: tuple[FieldLine, ...]
    """In order. HTTP/2: without pseudo-fields; the `:authority` is there as a Host field."""
    body: bytes | None = b""
    """Content as it is on the wire, without transfer coding; None where it was not held and streams on."""
    version: str = "HTTP/1.1"
    """The version that the client spoke; what the upstream speaks may differ."""
    as_typed: bool = False
    """Send Content-Length, Transfer-Encoding and Content-Encoding as they stand here, fitting or not."""


class ResponseDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A response: its head and its body."""

    status: int
    reason: bytes = b""
    fields: tuple[FieldLine, ...] = ()
    body: bytes | None = b""
    """As in a request."""
    version: str = "HTTP/1.1"
    as_typed: bool = False


class MessageDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A message within a stream: a WebSocket message, an event, a call's message, a line."""

    form: MessageForm
    direction: Direction
    data: bytes
    """Without framing, with compression undone."""
    label: str = ""
    """WebSocket: `text` or `binary`. SSE: the event's type."""
    note: str = ""
    """SSE: the event's id."""


Draft = RequestDraft | ResponseDraft | MessageDraft
