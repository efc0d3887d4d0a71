"""What a hook may decide about a message."""

from __future__ import annotations

import msgspec


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


Decision = Continue | Modify | Respond | Block
