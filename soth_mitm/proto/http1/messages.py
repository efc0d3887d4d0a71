"""The values that the codec yields, and the error it raises."""

from __future__ import annotations

import enum

import msgspec

from soth_mitm.errors import ProtocolError


class Framing(enum.IntEnum):
    """How the end of a body is found (RFC 9112 section 6.3)."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    CLOSE = 3
    UPGRADE = 4
    "After a 101, or a 2xx to CONNECT: the rest is opaque bytes of another protocol."


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A request line and its fields."""

    raw: bytes
    "The exact wire bytes, final empty line included, leading empty lines not."
    method: bytes
    target: bytes
    minor: int
    "The x of HTTP/1.x."
    host: bytes | None
    "The Host field's value as sent."
    framing: Framing
    length: int | None
    "The Content-Length, where the framing is LENGTH."
    keep_alive: bool
    "Whether the sender means to use the connection again (RFC 9112 section 9.3)."
    expect_continue: bool
    upgrade: bytes | None
    "The Upgrade field's value, where Connection lists upgrade."
    content_type: bytes
    "As sent, b'' where absent; of several the first."
    content_encoding: bytes
    "As sent, b'' where absent; several are joined by a comma."
    anomalies: tuple[str, ...]
    "Reason codes of what was let through although it is odd or wrong."


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A status line and its fields; what the names share with `RequestHead` means the same."""

    raw: bytes
    status: int
    reason: bytes
    minor: int
    framing: Framing
    length: int | None
    keep_alive: bool
    upgrade: bytes | None
    content_type: bytes
    content_encoding: bytes
    anomalies: tuple[str, ...]
    translated: bytes = b""
    "The head as the upstream sent it, where that was not HTTP/1; `raw` is made of it then."


class Body(msgspec.Struct, frozen=True, gc=False):
    """A span of a body: `wire` to forward, `data` the payload inside it (may be b'')."""

    wire: bytes
    data: bytes


class End(msgspec.Struct, frozen=True, gc=False):
    """The end of a message.

    `wire` is the rest of the framing (last chunk, trailer section, empty line) or b''; `trailers` is the
    trailer section without its empty line.
    """

    wire: bytes
    trailers: bytes


Item = RequestHead | ResponseHead | Body | End

NO_FRAMING_LEFT = End(b"", b"")


class Http1Error(ProtocolError):
    """A message that must not be relayed.

    `status` is what to answer with (for a response: to its client). `items` is what the same call had
    read before the defect, so that a relay can pass on what arrived whole.
    """

    def __init__(self, code: str, detail: str, *, status: int) -> None:
        super().__init__(code, detail)
        self.status = status
        self.items: list[Item] = []


def shown(wire: bytes, *, limit: int = 48) -> str:
    """Show bytes as a printable ASCII literal, cut after `limit` bytes."""
    cut = bytes(wire[:limit])
    return f"{cut!r}..." if len(wire) > limit else repr(cut)
