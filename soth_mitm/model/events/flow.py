"""Events of one exchange, tunnel or failed attempt."""

from __future__ import annotations

from typing import Literal

from soth_mitm.model.events.base import Body
from soth_mitm.model.terms import Direction, FlowKind, Side

CHUNK_LIMIT = 65_536
"""Most bytes one `BodyChunk` or `MessageChunk` carries."""


class FlowOpened(Body, frozen=True):
    """A flow begins. `host` and `port` name the target as far as it is known."""

    KIND = 0x0301
    flow_kind: FlowKind
    scheme: str
    host: str
    port: int
    client: str = ""
    """Address of the client, `host:port`."""
    intercepted: bool = False
    metadata_only: bool = False
    replay_of: int = 0
    """The flow whose request this one sends again, edited or not; 0: a client's own, or one made anew."""


class FlowBound(Body, frozen=True):
    """A flow uses an upstream conn. Phases are 0 where the conn was reused."""

    KIND = 0x0302
    client_conn: int
    upstream_conn: int
    reused: bool
    address: str = ""
    dns_ns: int = 0
    connect_ns: int = 0
    tls_ns: int = 0
    stream: int = 0
    """Number of the stream there; 0 in HTTP/1."""


class RequestHead(Body, frozen=True):
    """The head of a request, as the client sent it (`raw`) and as it was read."""

    KIND = 0x0303
    method: bytes
    target: bytes
    version: str
    raw: bytes
    """HTTP/1: the wire bytes of the head, with its last empty line. HTTP/2: its fields as lines, in the
    order sent, those with a colon included; likewise in responses and trailers."""
    path: bytes = b""
    """The target in origin-form."""
    content_type: bytes = b""
    forwarded: bytes = b""
    """What went upstream instead of `raw`, where they differ."""
    stream: int = 0
    """Number of the stream it came on; 0 in HTTP/1."""


class BodyChunk(Body, frozen=True):
    """Body bytes that passed; at most 64 KiB, transfer coding removed, content coding kept."""

    KIND = 0x0304
    direction: Direction
    offset: int
    length: int
    data: bytes = b""
    """Empty where the body is over the capture budget or the policy is metadata-only."""


class RequestEnd(Body, frozen=True):
    """The request is complete."""

    KIND = 0x0305
    body_bytes: int
    wire_bytes: int
    trailers: bytes = b""


class ResponseInfo(Body, frozen=True):
    """An interim response (1xx) passed; `generated` where the proxy itself made it."""

    KIND = 0x0306
    status: int
    raw: bytes
    generated: bool = False


class ResponseHead(Body, frozen=True):
    """The head of the final response."""

    KIND = 0x0307
    status: int
    reason: bytes
    version: str
    raw: bytes
    content_type: bytes = b""
    content_encoding: bytes = b""
    generated: bool = False
    """The proxy or the handler answered, not the upstream."""
    forwarded: bytes = b""


class ResponseEnd(Body, frozen=True):
    """The response is complete."""

    KIND = 0x0308
    body_bytes: int
    wire_bytes: int
    trailers: bytes = b""


class Upgraded(Body, frozen=True):
    """The exchange switched protocols; what follows are bytes both ways."""

    KIND = 0x0309
    protocol: str


class TunnelProgress(Body, frozen=True):
    """How much a tunnel has carried so far; sent at most once a second."""

    KIND = 0x030A
    from_client: int
    from_upstream: int


class Anomaly(Body, frozen=True):
    """Something odd that was let through, by its reason code."""

    KIND = 0x030B
    code: str
    direction: Direction
    detail: str = ""


class GuardTripped(Body, frozen=True):
    """A guard refused a message; `hint` says what to do about it."""

    KIND = 0x030C
    code: str
    direction: Direction
    detail: str
    status: int
    hint: str = ""


class HandlerActed(Body, frozen=True):
    """The handler changed, answered or refused a message."""

    KIND = 0x030D
    hook: str
    action: str
    detail: str = ""
    forwarded: bytes = b""
    """The head that went on instead of the original, where the handler changed it."""


class HandlerFailed(Body, frozen=True):
    """A handler hook raised or took too long; `outcome` says what the proxy did instead."""

    KIND = 0x030E
    hook: str
    error: str
    outcome: Literal["open", "closed"]


class Retried(Body, frozen=True):
    """The request was sent again on a new upstream conn, because a pooled one was stale."""

    KIND = 0x030F
    cause: str


class Noted(Body, frozen=True):
    """A fact about a flow for its overview, such as why a tunnel was chosen."""

    KIND = 0x0310
    code: str
    detail: str = ""


class Annotated(Body, frozen=True):
    """A person marked a flow, or commented on it; may come after its end. All fields count anew."""

    KIND = 0x0311
    mark: str = ""
    comment: str = ""
    colour: str = ""
    """`red`, `yellow`, `green`, `blue`, `magenta` or empty."""


class StreamReset(Body, frozen=True):
    """A peer ended a stream early (RST_STREAM); the reset goes on to the other one."""

    KIND = 0x0316
    by: Side
    code: str
    """Name of the error code, such as `CANCEL`; `0x…` for one without a name."""


class FlowClosed(Body, frozen=True):
    """Terminal event of a flow."""

    KIND = 0x03FF
    reason: str
    detail: str = ""
    from_client: int = 0
    from_upstream: int = 0
