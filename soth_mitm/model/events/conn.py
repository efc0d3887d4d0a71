"""Events of one transport connection, its TLS included."""

from __future__ import annotations

from typing import Literal

from soth_mitm.model.events.base import Body
from soth_mitm.model.terms import Side
from soth_mitm.model.tls import TlsFailure


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
    common_name: str = ""
    """Repeated of the upstream's certificate; empty where the common name is the host."""
    mirrored: int = 0
    """How many names are repeated of the upstream's certificate."""


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
    """The peer's certificates in DER, leaf first; empty where the peer is a resumed upstream, or a client
    that was not asked for one or has shown none."""


class TlsFailed(Body, frozen=True):
    """A TLS handshake failed on this conn."""

    KIND = 0x0209
    side: Side
    failure: TlsFailure


class TlsLearningAudit(Body, frozen=True):
    """A client's handshake failed, and this is what was made of it for learned pass-through."""

    KIND = 0x0215
    host: str
    decision: Literal["applied", "ignored"]
    code: str
    """`authoritative` where it counts, else why not."""
    reason: str
    source: str
    confidence: str
    count: int
    """Refusals of the host within the window."""
    after: int
    """How many of these make a host pass through; 0: learning is off."""
    passes_for: float = 0.0
    """Seconds for which the host passes through from now on, because of this one."""
    applied: int = 0
    """Failures of this run that counted, over all hosts."""
    ignored: int = 0


class DialStarted(Body, frozen=True):
    """An upstream conn is being made; the conn of this event is the new one."""

    KIND = 0x020A
    host: str
    port: int
    via: str = ""
    waited_ns: int = 0
    """How long it waited for a connection to the same host to end."""


class DialResolved(Body, frozen=True):
    """Name resolution ended."""

    KIND = 0x020B
    addresses: tuple[str, ...]


class DialFailed(Body, frozen=True):
    """The upstream could not be resolved or reached; the terminal event follows."""

    KIND = 0x020C
    stage: Literal["resolve", "connect", "proxy"]
    code: str
    detail: str
    via: str = ""
    """The proxy on the way, which is then what could not be reached or did not lead on."""


class TargetGiven(Body, frozen=True):
    """The target of a client's connection is known without a CONNECT."""

    KIND = 0x021B
    how: Literal["socks5", "reverse", "transparent"]
    host: str
    port: int
    user: str = ""
    """Who asked, of a SOCKS request with a user and password."""


class ClientNamed(Body, frozen=True):
    """A PROXY header told whom a connection comes from, and where that client had connected to."""

    KIND = 0x021C
    client: str
    destination: str
    version: int


class PeerSettings(Body, frozen=True):
    """A peer's HTTP/2 settings came."""

    KIND = 0x0210
    side: Side
    values: tuple[str, ...]
    """`NAME=value` in the order sent."""


class GoneAway(Body, frozen=True):
    """A GOAWAY came from a peer, or went to it: no stream beyond `last` is served."""

    KIND = 0x0211
    by: Literal["client", "upstream", "proxy"]
    last: int
    code: str
    """Name of the error code; `NO_ERROR` is an orderly end."""
    detail: str = ""


class ProcessKnown(Body, frozen=True):
    """The program of this machine that opened a client's connection; comes while the conn is open.

    Nothing waits for it: it may come after the first flow, or not at all. All text is printable.
    """

    KIND = 0x021A
    pid: int
    name: str
    """What a person calls it: of an interpreter, what it runs."""
    path: str = ""
    """Its file; empty where that may not be known."""
    command: str = ""
    """Its arguments, shortened."""
    parent: str = ""
    """The name of the program that started it."""
    parent_pid: int = 0


class ConnClosed(Body, frozen=True):
    """Terminal event of a conn. Byte counts are of the transport, below TLS where that is known."""

    KIND = 0x02FF
    reason: str
    detail: str = ""
    received: int = 0
    sent: int = 0
