"""What a detail screen shows of one flow: its messages, conns, phases and end, as values.

`viewfold` makes these out of events. Body bytes are not in them; `MessageView.refs` says where they
lie. Text is as it came from the network: it passes `text.printable` before anyone sees it.
"""

from __future__ import annotations

import msgspec

from soth_mitm.model import events as e
from soth_mitm.model.annotation import NOTHING, Annotation
from soth_mitm.model.fields import Fields
from soth_mitm.model.llm import Call
from soth_mitm.model.tls import TlsFailure
from soth_mitm.record.bodies import BodyRefs

LIST_LIMIT = 1000
"""Most entries of each list in a view; `FlowView.omitted` counts what came beyond."""

CONN_NOTES = 16
"""Most notes kept of a conn; there are one or two."""


class MessageView(msgspec.Struct):
    """A request or a response. Bytes are as the sender sent them."""

    direction: e.Direction
    raw: bytes = b""
    """The head as it came, empty until it did."""
    forwarded: bytes = b""
    """The head as it went on, where that differs from `raw`."""
    fields: Fields = msgspec.field(default_factory=Fields)
    version: str = ""
    method: bytes = b""
    target: bytes = b""
    path: bytes = b""
    status: int = 0
    reason: bytes = b""
    content_type: bytes = b""
    content_encoding: bytes = b""
    trailers: Fields = msgspec.field(default_factory=Fields)
    trailers_raw: bytes = b""
    body_bytes: int = 0
    """Payload bytes so far, transfer coding removed."""
    wire_bytes: int = 0
    """Bytes on the wire, known at the end."""
    refs: BodyRefs = msgspec.field(default_factory=BodyRefs)
    original_refs: BodyRefs = msgspec.field(default_factory=BodyRefs)
    """The body that the sender sent, where another went on; `refs` is what went on."""
    original_bytes: int = 0
    changed_by: list[str] = msgspec.field(default_factory=list)
    """Who changed it, in that order: `person`, `handler`, `rule NAME`."""
    complete: bool = False
    generated: bool = False
    """Made by the proxy or the handler."""
    head_mono_ns: int = 0
    end_mono_ns: int = 0
    last_mono_ns: int = 0

    @property
    def captured_bytes(self) -> int:
        """Body bytes that can be read back."""
        return self.refs.captured


class Timing(msgspec.Struct, frozen=True):
    """How long each phase took, in nanoseconds; 0 where it did not happen or is not known."""

    queue: int = 0
    """In line, until there was room for another connection to the host."""
    dns: int = 0
    connect: int = 0
    tls: int = 0
    send: int = 0
    """From the request's head to its end, or to the response where that came first."""
    wait: int = 0
    """From there to the response's head."""
    receive: int = 0
    """From the response's head to its end, or to the last event so far."""
    total: int = 0
    """From the start to the last event so far. The first four may lie before the start."""
    reused: bool = False
    """The upstream connection had carried a flow before, so that the first four are 0."""


class ConnView(msgspec.Struct):
    """A transport connection. Events of it that have not been seen are None."""

    conn: int
    opened: e.ConnOpened | None = None
    connect: e.ConnectReceived | None = None
    target: e.TargetGiven | None = None
    named: e.ClientNamed | None = None
    refused: e.ConnectRefused | None = None
    policy: e.PolicyDecided | None = None
    hello: e.HelloReceived | None = None
    issued: e.CertificateIssued | None = None
    process: e.ProcessKnown | None = None
    dial: e.DialStarted | None = None
    resolved: e.DialResolved | None = None
    dial_failed: e.DialFailed | None = None
    tls_started: e.TlsStarted | None = None
    tls: e.TlsEstablished | None = None
    failure: TlsFailure | None = None
    closed: e.ConnClosed | None = None
    notes: list[e.Noted] = msgspec.field(default_factory=list)
    started_mono_ns: int = 0
    tls_started_mono_ns: int = 0
    tls_ns: int = 0
    """How long the handshake took."""

    @property
    def peer(self) -> str:
        """Address of the other end, `host:port`; empty where that is not known."""
        return self.opened.peer if self.opened else ""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The peer's certificates in DER, leaf first."""
        return self.tls.chain if self.tls else ()


class FlowView(msgspec.Struct):
    """Everything known about one flow. What has not been seen is None, 0 or empty."""

    flow: int
    opened: e.FlowOpened | None = None
    conn: int = 0
    """Number of the client conn."""
    upstream_conn: int = 0
    bound: e.FlowBound | None = None
    client: ConnView | None = None
    upstream: ConnView | None = None
    request: MessageView | None = None
    response: MessageView | None = None
    infos: list[e.ResponseInfo] = msgspec.field(default_factory=list)
    """Interim responses (1xx)."""
    failure: TlsFailure | None = None
    dial_failed: e.DialFailed | None = None
    refused: e.ConnectRefused | None = None
    guard: e.GuardTripped | None = None
    """The guard that refused a message; the first where several did."""
    notes: list[e.Noted] = msgspec.field(default_factory=list)
    anomalies: list[e.Anomaly] = msgspec.field(default_factory=list)
    actions: list[e.HandlerActed] = msgspec.field(default_factory=list)
    handler_failures: list[e.HandlerFailed] = msgspec.field(default_factory=list)
    pauses: list[e.Paused] = msgspec.field(default_factory=list)
    resumed: list[e.Resumed] = msgspec.field(default_factory=list)
    changes: list[e.MessageChanged] = msgspec.field(default_factory=list)
    rules: list[e.RuleApplied] = msgspec.field(default_factory=list)
    retries: list[e.Retried] = msgspec.field(default_factory=list)
    omitted: int = 0
    missing_blocks: int = 0
    """Blocks that held events of it and are gone or damaged."""
    upgraded: str = ""
    """Protocol of an upgrade."""
    framing: dict[str, e.MessagesStarted] = msgspec.field(default_factory=dict)
    """How the payload of a direction is framed as messages, which `MessageLog` has."""
    framing_stopped: dict[str, e.MessagesStopped] = msgspec.field(default_factory=dict)
    """Why they are no longer told."""
    llm: Call | None = None
    """The call to a language model that it is."""
    from_client: int = 0
    """Bytes that a tunnel or an upgraded connection carried so far."""
    from_upstream: int = 0
    request_bytes: int = 0
    """Payload bytes from the client so far; of a tunnel, all bytes."""
    response_bytes: int = 0
    closed: e.FlowClosed | None = None
    annotation: Annotation = NOTHING
    """What a person says about it."""
    started_mono_ns: int = 0
    started_wall_ns: int = 0
    last_mono_ns: int = 0

    @property
    def replay_of(self) -> int:
        """The flow whose request it sent again; 0 for none."""
        return self.opened.replay_of if self.opened else 0

    @property
    def mark(self) -> str:
        """What a person marked it with."""
        return self.annotation.mark

    @property
    def comment(self) -> str:
        """What a person says about it, in one or more lines that are safe to show."""
        return self.annotation.comment

    @property
    def colour(self) -> str:
        """The name of the colour a person gave it."""
        return self.annotation.colour

    @property
    def closed_reason(self) -> str:
        """The `CloseReason`; empty while the flow is open."""
        return self.closed.reason if self.closed else ""

    @property
    def closed_detail(self) -> str:
        """What the terminal event adds to its reason."""
        return self.closed.detail if self.closed else ""

    @property
    def status(self) -> int:
        """Status of the final response; 0 while there is none."""
        if self.response is not None and self.response.status:
            return self.response.status
        return self.refused.status if self.refused else 0

    def count(self, *, request: int = 0, response: int = 0) -> None:
        """Raise the payload bytes seen so far to at least these."""
        self.request_bytes = max(self.request_bytes, request)
        self.response_bytes = max(self.response_bytes, response)

    def count_opaque(self, from_client: int, from_upstream: int) -> None:
        """Note what a tunnel or an upgraded connection carried; of an exchange these are no payload."""
        self.from_client = max(self.from_client, from_client)
        self.from_upstream = max(self.from_upstream, from_upstream)
        if self.opened is None or self.opened.flow_kind != e.FlowKind.HTTP or self.status == 101:
            self.count(request=from_client, response=from_upstream)

    @property
    def timing(self) -> Timing:
        """The phases so far."""
        bound = self.bound
        send, wait, receive = self._phases()
        dial = self.upstream.dial if self.upstream is not None and bound and not bound.reused else None
        return Timing(
            queue=dial.waited_ns if dial else 0,
            dns=bound.dns_ns if bound else 0,
            connect=bound.connect_ns if bound else 0,
            tls=bound.tls_ns if bound else 0,
            send=send,
            wait=wait,
            receive=receive,
            total=max(self.last_mono_ns - self.started_mono_ns, 0),
            reused=bound.reused if bound else False,
        )

    def _phases(self) -> tuple[int, int, int]:
        request, response = self.request, self.response
        begin = request.head_mono_ns if request else 0
        answer = response.head_mono_ns if response else 0
        if not begin:
            return 0, 0, 0
        sent = (request.end_mono_ns if request else 0) or answer or self.last_mono_ns
        if answer:
            sent = min(sent, answer)
        send = max(sent - begin, 0)
        waiting_until = answer or (self.last_mono_ns if self.closed else sent)
        wait = max(waiting_until - sent, 0)
        end = (response.end_mono_ns or response.last_mono_ns) if response else 0
        receive = max(end - answer, 0) if answer else 0
        return send, wait, receive
