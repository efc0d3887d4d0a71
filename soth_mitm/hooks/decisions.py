"""What a hook may decide: about a request or a response, and about a message within a stream."""

from __future__ import annotations

import msgspec

from soth_mitm.policy.editing import RequestDraft, ResponseDraft


class Continue(msgspec.Struct, frozen=True):
    """Send the message on exactly as it came. Returning None means the same."""


class Modify(msgspec.Struct, frozen=True):
    """Send the message on with changes; what is None stays as it came, byte for byte.

    A new `body` is sent with a Content-Length, and Transfer-Encoding is removed. It replaces the
    bytes as they are on the wire: when the message has a Content-Encoding, either encode the body
    or remove that field.
    """

    method: bytes | None = None
    target: bytes | None = None
    scheme: str | None = None
    """With `host` and `port`: the request goes there. What its Host field says stays as it is."""
    host: str | None = None
    port: int | None = None
    status: int | None = None
    reason: bytes | None = None
    set_fields: tuple[tuple[bytes, bytes], ...] = ()
    """Fields to replace or add; a name given twice is sent twice."""
    drop_fields: tuple[bytes, ...] = ()
    body: bytes | None = None


class Respond(msgspec.Struct, frozen=True):
    """Answer the client with this response; the upstream sees nothing."""

    status: int = 200
    fields: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    reason: bytes = b""


class Block(msgspec.Struct, frozen=True):
    """Refuse the message: the client gets `status` with `text`, the upstream sees nothing."""

    status: int = 403
    text: str = "blocked by the handler"


class Replace(msgspec.Struct, frozen=True):
    """Send this in the message's place: of the head, only what is the same stays byte for byte.

    Where the draft's `body` is None, the original's goes on behind the new head. The fields that frame
    the body follow from it, unless the draft is `as_typed`.
    """

    draft: RequestDraft | ResponseDraft


class Abort(msgspec.Struct, frozen=True):
    """Send nothing on: both sides of the exchange are closed, without an answer."""

    text: str = ""


Decision = Continue | Modify | Replace | Respond | Block | Abort


class Change(msgspec.Struct, frozen=True):
    """Send this payload in the message's place, framed as the stream frames its messages.

    What is None stays: of an event stream the label is the event's type and the note its id.
    """

    data: bytes
    label: str | None = None
    note: str | None = None


class Drop(msgspec.Struct, frozen=True):
    """Do not send the message on. What stands between messages still passes."""


class NewMessage(msgspec.Struct, frozen=True):
    """A message of the handler's own."""

    data: bytes
    label: str = ""
    """WebSocket: `text` or `binary` (empty: `binary`). SSE: the event's type (empty: `message`)."""
    note: str = ""
    """SSE: the event's id (empty: none)."""


class Inject(msgspec.Struct, frozen=True):
    """Send the message on as it came, with others around it; `Drop` and `Change` are for itself."""

    before: tuple[NewMessage, ...] = ()
    after: tuple[NewMessage, ...] = ()
    back: tuple[NewMessage, ...] = ()
    """Sent the other way, to the message's sender: WebSocket only."""


MessageDecision = Continue | Change | Drop | Inject
