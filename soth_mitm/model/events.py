"""The flow event stream: one envelope, one closed union of bodies.

Everything a user interface, an export or a dump file shows is read from these events. A **conn** is
one transport connection, on the client's side or the upstream's; a **flow** is one exchange, one
tunnel or one failed attempt. An intercepted CONNECT is no flow: it belongs to its client conn.

Promises, tested for every protocol: `seq` rises by one from event to event; `mono_ns` never goes
back; each conn and each flow has exactly one terminal event (`ConnClosed`, `FlowClosed`) with a
reason code, and no wire event after it. What a person says about a flow (`Annotated`) may come later.

Every body has a `KIND` number, which is its kind in a dump file and never changes its meaning. New
fields are added at the end with a default, so that older files stay readable.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from soth_mitm.model.terms import Direction as Direction
from soth_mitm.model.terms import FlowKind as FlowKind
from soth_mitm.model.terms import Side as Side
from soth_mitm.model.tls import TlsFailure

SCHEMA = 1
"""Version of the event schema; raised when a reader of the old one would misread a new stream."""

CHUNK_LIMIT = 65_536
"""Most bytes one `BodyChunk` carries."""


class Body(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of all event bodies."""

    KIND: ClassVar[int]


# --- session: neither conn nor flow -------------------------------------------------------------


class SessionStarted(Body, frozen=True):
    """The stream begins: the first event of a run."""

    KIND = 0x0101
    run_id: str
    version: str
    schema: int = SCHEMA
    platform: str = ""


class CaLoaded(Body, frozen=True):
    """The certificate authority is ready."""

    KIND = 0x0102
    path: str
    fingerprint_sha256: str
    key: str
    created: bool
    not_after: int = 0
    """Seconds since 1970."""
    private: bool | None = None
    """Whether nobody else can read the key; None: not known."""
    trusted: bool | None = None
    """Whether the system's trust store has it."""


class ListenerOpened(Body, frozen=True):
    """The proxy accepts connections at an address."""

    KIND = 0x0103
    host: str
    port: int
    mode: str = "regular"


class ListenerClosed(Body, frozen=True):
    """The proxy no longer accepts connections at an address."""

    KIND = 0x0104
    host: str
    port: int


class ConfigReloaded(Body, frozen=True):
    """Settings changed for connections made from now on; what is in flight keeps its own."""

    KIND = 0x0105
    changed: tuple[str, ...]


class LimitReached(Body, frozen=True):
    """A named budget (docs/limits.md) was used up; `action` says what the proxy did about it."""

    KIND = 0x0106
    name: str
    value: int
    action: str


class CaptureGap(Body, frozen=True):
    """Something was not recorded: `flow` 0 means events of many flows."""

    KIND = 0x0107
    gap_flow: int
    bytes: int
    events: int
    cause: str


class Notice(Body, frozen=True):
    """A message to the person, about no single flow."""

    KIND = 0x0108
    level: Literal["info", "warning", "error"]
    text: str


class SessionEnded(Body, frozen=True):
    """The stream ends: the last event of a run that was not cut off."""

    KIND = 0x01FF
    reason: str


# --- conn ---------------------------------------------------------------------------------------


class ConnOpened(Body, frozen=True):
    """A transport connection exists: accepted from a client, or dialled to an upstream."""

    KIND = 0x0201
    side: Side
    peer: str
    """Address of the other end, `host:port`."""
    local: str = ""
    transport: str = "tcp"


class ConnectReceived(Body, frozen=True):
    """A CONNECT request was parsed."""

    KIND = 0x0202
    host: str
    port: int
    raw: bytes = b""


class ConnectRefused(Body, frozen=True):
    """The first request on a connection was refused; `code` names the guard."""

    KIND = 0x0203
    code: str
    detail: str
    status: int = 400


class PolicyDecided(Body, frozen=True):
    """What is done with this connection, decided once and never changed."""

    KIND = 0x0204
    action: str
    reason: str
    host: str = ""
    port: int = 0
    rule: str = ""
    overrides: tuple[str, ...] = ()


class HelloReceived(Body, frozen=True):
    """The client's TLS hello, parsed without being consumed."""

    KIND = 0x0205
    sni: str
    alpn: tuple[str, ...]
    versions: tuple[str, ...]
    ja3: str = ""
    ja4: str = ""
    early_data: bool = False
    length: int = 0


class CertificateIssued(Body, frozen=True):
    """A leaf certificate for the client side was minted, or taken from the cache."""

    KIND = 0x0206
    host: str
    sans: tuple[str, ...]
    cached: bool


class TlsStarted(Body, frozen=True):
    """A TLS handshake begins on this conn."""

    KIND = 0x0207
    side: Side
    sni: str = ""


class TlsEstablished(Body, frozen=True):
    """A TLS handshake succeeded on this conn."""

    KIND = 0x0208
    side: Side
    version: str
    cipher: str
    alpn: str = ""
    resumed: bool = False
    verified: bool = False
    chain: tuple[bytes, ...] = ()
    """The peer's certificates in DER, leaf first; empty where resumed or where the peer is a client."""


class TlsFailed(Body, frozen=True):
    """A TLS handshake failed on this conn."""

    KIND = 0x0209
    side: Side
    failure: TlsFailure


class DialStarted(Body, frozen=True):
    """An upstream conn is being made; the conn of this event is the new one."""

    KIND = 0x020A
    host: str
    port: int
    via: str = ""


class DialResolved(Body, frozen=True):
    """Name resolution ended."""

    KIND = 0x020B
    addresses: tuple[str, ...]


class DialFailed(Body, frozen=True):
    """The upstream could not be resolved or reached; the terminal event follows."""

    KIND = 0x020C
    stage: Literal["resolve", "connect"]
    code: str
    detail: str


class ConnClosed(Body, frozen=True):
    """Terminal event of a conn. Byte counts are of the transport, below TLS where that is known."""

    KIND = 0x02FF
    reason: str
    detail: str = ""
    received: int = 0
    sent: int = 0


# --- flow ---------------------------------------------------------------------------------------


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


class RequestHead(Body, frozen=True):
    """The head of a request, as the client sent it (`raw`) and as it was read."""

    KIND = 0x0303
    method: bytes
    target: bytes
    version: str
    raw: bytes
    """HTTP/1: the wire bytes of the head, with its last empty line."""
    path: bytes = b""
    """The target in origin-form."""
    content_type: bytes = b""
    forwarded: bytes = b""
    """What went upstream instead of `raw`, where they differ."""


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


class FlowClosed(Body, frozen=True):
    """Terminal event of a flow."""

    KIND = 0x03FF
    reason: str
    detail: str = ""
    from_client: int = 0
    from_upstream: int = 0


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: who, when, what. Identity is the run's `run_id` with `seq`."""

    seq: int
    """1 for the first event of a run, then one more each."""
    conn: int
    """Number of the conn, from 1; 0 for none. Of a flow's events: the client conn, 0 of `Annotated`."""
    flow: int
    """Number of the flow, from 1; 0 for none."""
    flow_seq: int
    """Number of the event within its flow, from 1; 0 without a flow, and of `Annotated`."""
    mono_ns: int
    """Monotonic time."""
    wall_ns: int
    """Nanoseconds since 1970 UTC."""
    body: Body


BODIES: dict[int, type[Body]] = {body.KIND: body for body in Body.__subclasses__()}
"""Body type per kind number."""

TERMINAL: tuple[type[Body], ...] = (ConnClosed, FlowClosed, SessionEnded)


def kind_name(kind: int) -> str:
    """Return the snake_case name of a kind number, `kind_0x….` for one this version does not know."""
    body = BODIES.get(kind)
    if body is None:
        return f"kind_0x{kind:04x}"
    name = body.__name__
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
