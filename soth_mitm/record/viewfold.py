"""The view fold: the events of one flow, and of its conns, become a `FlowView`.

Pure, and tolerant: any events in any order give a view and never an error, because a file may be
damaged or begin in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from soth_mitm.model import events as e
from soth_mitm.model.annotation import Annotation
from soth_mitm.model.fields import Fields
from soth_mitm.model.llm import Call
from soth_mitm.record.bodies import NO_BLOCK, BodyRef
from soth_mitm.record.view import CONN_NOTES, LIST_LIMIT, ConnView, FlowView, MessageView

PASSED_BY: Final = frozenset((e.MessageSeen.KIND, e.MessageChunk.KIND, e.OriginalMessage.KIND))
"""Kinds of which a view takes the time alone: there may be 100,000 of them, and `messages` has them."""


class ViewFold:
    """Fold the events of one flow, and of its conns, into `view`; may go on as more come.

    An event that was taken before, told by its `seq`, is passed over; so a block may be read twice.
    Of a conn's events only those without a flow count. Conns that the flow has nothing to do with
    should not be handed in; they would be kept.
    """

    __slots__ = ("_conns", "_seen", "view")

    def __init__(self, flow: int, conns: dict[int, ConnView] | None = None) -> None:
        """With `conns`, those are looked at, and somebody else fills them."""
        self.view = FlowView(flow)
        self._conns: dict[int, ConnView] = {} if conns is None else conns
        self._seen: dict[tuple[int, int], int] = {}

    def apply(self, event: e.Event, block: int = NO_BLOCK, offset: int = 0) -> bool:
        """Take one event, whose frame lies at `offset` of `block`; return whether the view changed."""
        body = event.body
        key = (event.flow, 0 if event.flow else event.conn)
        if event.seq <= self._seen.get(key, 0):
            return False
        if event.flow == 0:
            return self._apply_conn(event, key)
        if event.flow != self.view.flow:
            return False
        self._seen[key] = event.seq
        view = self.view
        if type(body) is e.Annotated:
            view.annotation = Annotation.of(body)
            return True
        view.last_mono_ns = event.mono_ns
        if type(body) is e.BodyChunk:
            _chunk(view, event, body, block, offset)
            return True
        if type(body) is e.OriginalChunk:
            _original(view, event, body, block, offset)
            return True
        step = _FLOW_STEPS.get(type(body))
        if step is not None:
            step(view, event, body)
            self._join()
        return True

    def pass_by(self, seq: int, mono_ns: int) -> bool:
        """Take note of an event of the flow of a kind in `PASSED_BY`, undecoded."""
        key = (self.view.flow, 0)
        if seq <= self._seen.get(key, 0):
            return False
        self._seen[key] = seq
        self.view.last_mono_ns = mono_ns
        return True

    def _apply_conn(self, event: e.Event, key: tuple[int, int]) -> bool:
        if not apply_conn(self._conns, event):
            return False
        self._seen[key] = event.seq
        self._join()
        return True

    def _join(self) -> None:
        view = self.view
        view.client = self._conns.get(view.conn)
        view.upstream = self._conns.get(view.upstream_conn)


def apply_conn(conns: dict[int, ConnView], event: e.Event) -> bool:
    """Fold an event of a conn into its view, made where there is none; False where it is of no interest."""
    step = _CONN_STEPS.get(type(event.body))
    if step is None or not event.conn:
        return False
    conn = conns.get(event.conn)
    if conn is None:
        conn = conns[event.conn] = ConnView(event.conn, started_mono_ns=event.mono_ns)
    step(conn, event, event.body)
    return True


def fold(events: Iterable[e.Event], flow: int) -> FlowView:
    """Return the view of `flow` out of the events of a whole stream."""
    whole = list(events)
    conns = {0}
    for event in whole:
        if event.flow == flow:
            conns.add(event.conn)
            if isinstance(event.body, e.FlowBound):
                conns |= {event.body.client_conn, event.body.upstream_conn}
    folding = ViewFold(flow)
    for event in whole:
        if event.flow == flow or (not event.flow and event.conn in conns):
            folding.apply(event)
    return folding.view


# --- one function an event kind of a flow: (view, event, body) ------------------------------------

_FlowStep = Callable[[FlowView, e.Event, Any], None]
_ConnStep = Callable[[ConnView, e.Event, Any], None]


def _message(view: FlowView, direction: str) -> MessageView:
    if direction == e.Direction.REQUEST:
        if view.request is None:
            view.request = MessageView(e.Direction.REQUEST)
        return view.request
    if view.response is None:
        view.response = MessageView(e.Direction.RESPONSE)
    return view.response


def _chunk(view: FlowView, event: e.Event, body: e.BodyChunk, block: int, offset: int) -> None:
    message = _message(view, body.direction)
    end = body.offset + body.length
    message.body_bytes = max(message.body_bytes, end)
    message.last_mono_ns = event.mono_ns
    if message is view.request:
        view.count(request=end)
    else:
        view.count(response=end)
    if body.data:
        message.refs.append(BodyRef(block, offset, len(body.data), body.offset, event.mono_ns))


def _original(view: FlowView, event: e.Event, body: e.OriginalChunk, block: int, offset: int) -> None:
    message = _message(view, body.direction)
    message.original_bytes = max(message.original_bytes, body.offset + body.length)
    if body.data:
        message.original_refs.append(BodyRef(block, offset, len(body.data), body.offset, event.mono_ns))


def _changed(view: FlowView, event: e.Event, body: e.MessageChanged) -> None:
    _list_changes(view, event, body)
    message = _message(view, body.direction)
    message.forwarded = body.forwarded or message.forwarded
    if body.by not in message.changed_by and len(message.changed_by) < LIST_LIMIT:
        message.changed_by.append(body.by)


def _opened(view: FlowView, event: e.Event, body: e.FlowOpened) -> None:
    if view.opened is None:
        view.opened = body
        view.conn = event.conn
        view.started_mono_ns = event.mono_ns
        view.started_wall_ns = event.wall_ns


def _bound(view: FlowView, event: e.Event, body: e.FlowBound) -> None:
    view.bound = body
    view.upstream_conn = body.upstream_conn


def _request_head(view: FlowView, event: e.Event, body: e.RequestHead) -> None:
    message = _message(view, e.Direction.REQUEST)
    message.raw = body.raw
    message.forwarded = body.forwarded
    message.fields = Fields.of_head(body.raw)
    message.version = body.version
    message.method = body.method
    message.target = body.target
    message.path = body.path or body.target
    message.content_type = body.content_type
    message.content_encoding = message.fields.joined(b"content-encoding")
    message.head_mono_ns = message.last_mono_ns = event.mono_ns


def _response_head(view: FlowView, event: e.Event, body: e.ResponseHead) -> None:
    message = _message(view, e.Direction.RESPONSE)
    message.raw = body.raw
    message.forwarded = body.forwarded
    message.fields = Fields.of_head(body.raw)
    message.version = body.version
    message.status = body.status or message.status
    message.reason = body.reason
    message.content_type = body.content_type
    message.content_encoding = body.content_encoding
    message.generated = body.generated
    message.head_mono_ns = message.last_mono_ns = event.mono_ns


def _request_end(view: FlowView, event: e.Event, body: e.RequestEnd) -> None:
    _end(_message(view, e.Direction.REQUEST), event, body)
    view.count(request=body.body_bytes)


def _response_end(view: FlowView, event: e.Event, body: e.ResponseEnd) -> None:
    _end(_message(view, e.Direction.RESPONSE), event, body)
    view.count(response=body.body_bytes)


def _end(message: MessageView, event: e.Event, body: e.RequestEnd | e.ResponseEnd) -> None:
    message.body_bytes = max(message.body_bytes, body.body_bytes)
    message.wire_bytes = body.wire_bytes
    message.trailers_raw = body.trailers
    message.trailers = Fields.parse(body.trailers)
    message.complete = True
    message.end_mono_ns = message.last_mono_ns = event.mono_ns


def _llm(view: FlowView, event: e.Event, body: e.LlmFacts) -> None:
    head = view.response.head_mono_ns if view.response else 0
    view.llm = Call.of(body, max(head - view.started_mono_ns, 0))


def _upgraded(view: FlowView, event: e.Event, body: e.Upgraded) -> None:
    view.upgraded = body.protocol


def _progress(view: FlowView, event: e.Event, body: e.TunnelProgress) -> None:
    view.count_opaque(body.from_client, body.from_upstream)


def _tls_failed(view: FlowView, event: e.Event, body: e.TlsFailed) -> None:
    view.failure = body.failure


def _dial_failed(view: FlowView, event: e.Event, body: e.DialFailed) -> None:
    view.dial_failed = body


def _refused(view: FlowView, event: e.Event, body: e.ConnectRefused) -> None:
    view.refused = view.refused or body


def _started(view: FlowView, event: e.Event, body: e.MessagesStarted) -> None:
    view.framing[str(body.direction)] = body


def _stopped(view: FlowView, event: e.Event, body: e.MessagesStopped) -> None:
    view.framing_stopped[str(body.direction)] = body


def _guard(view: FlowView, event: e.Event, body: e.GuardTripped) -> None:
    view.guard = view.guard or body


def _closed(view: FlowView, event: e.Event, body: e.FlowClosed) -> None:
    view.closed = body
    view.count_opaque(body.from_client, body.from_upstream)


def _listed(name: str) -> _FlowStep:
    def step(view: FlowView, event: e.Event, body: e.Body) -> None:
        entries: list[e.Body] = getattr(view, name)
        if len(entries) < LIST_LIMIT:
            entries.append(body)
        else:
            view.omitted += 1

    return step


_list_changes = _listed("changes")

_FLOW_STEPS: dict[type[e.Body], _FlowStep] = {
    e.FlowOpened: _opened,
    e.FlowBound: _bound,
    e.RequestHead: _request_head,
    e.RequestEnd: _request_end,
    e.ResponseInfo: _listed("infos"),
    e.ResponseHead: _response_head,
    e.ResponseEnd: _response_end,
    e.LlmFacts: _llm,
    e.Upgraded: _upgraded,
    e.RuleApplied: _listed("rules"),
    e.MessagesStarted: _started,
    e.MessagesStopped: _stopped,
    e.TunnelProgress: _progress,
    e.TlsFailed: _tls_failed,
    e.DialFailed: _dial_failed,
    e.ConnectRefused: _refused,
    e.GuardTripped: _guard,
    e.Anomaly: _listed("anomalies"),
    e.HandlerActed: _listed("actions"),
    e.HandlerFailed: _listed("handler_failures"),
    e.MessageChanged: _changed,
    e.Paused: _listed("pauses"),
    e.Resumed: _listed("resumed"),
    e.Retried: _listed("retries"),
    e.Noted: _listed("notes"),
    e.FlowClosed: _closed,
}


# --- one function an event kind of a conn ---------------------------------------------------------


def _kept(name: str) -> _ConnStep:
    def step(conn: ConnView, event: e.Event, body: e.Body) -> None:
        setattr(conn, name, body)

    return step


def _conn_tls_started(conn: ConnView, event: e.Event, body: e.TlsStarted) -> None:
    conn.tls_started = body
    conn.tls_started_mono_ns = event.mono_ns


def _conn_tls(conn: ConnView, event: e.Event, body: e.TlsEstablished) -> None:
    conn.tls = body
    if conn.tls_started_mono_ns:
        conn.tls_ns = max(event.mono_ns - conn.tls_started_mono_ns, 0)


def _conn_tls_failed(conn: ConnView, event: e.Event, body: e.TlsFailed) -> None:
    conn.failure = body.failure


def _conn_noted(conn: ConnView, event: e.Event, body: e.Noted) -> None:
    if len(conn.notes) < CONN_NOTES:
        conn.notes.append(body)


_CONN_STEPS: dict[type[e.Body], _ConnStep] = {
    e.ConnOpened: _kept("opened"),
    e.ConnectReceived: _kept("connect"),
    e.TargetGiven: _kept("target"),
    e.ClientNamed: _kept("named"),
    e.ConnectRefused: _kept("refused"),
    e.PolicyDecided: _kept("policy"),
    e.HelloReceived: _kept("hello"),
    e.CertificateIssued: _kept("issued"),
    e.ProcessKnown: _kept("process"),
    e.DialStarted: _kept("dial"),
    e.DialResolved: _kept("resolved"),
    e.DialFailed: _kept("dial_failed"),
    e.TlsStarted: _conn_tls_started,
    e.TlsEstablished: _conn_tls,
    e.TlsFailed: _conn_tls_failed,
    e.Noted: _conn_noted,
    e.ConnClosed: _kept("closed"),
}
