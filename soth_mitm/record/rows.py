"""The row fold: events become what one line of a list says about a flow.

Pure: no clock, no file, no lock. The fold keeps the rows of open flows only; who wants to keep a
closed row packs it away (`index`) or prints it. It takes any events in any order without raising:
what belongs to a flow it has not seen is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from soth_mitm.model import events as e
from soth_mitm.model import outcomes, websocket
from soth_mitm.model.annotation import Annotation
from soth_mitm.model.llm import Call
from soth_mitm.model.reasons import FAILURES, WORDS, CloseReason
from soth_mitm.proto.grpc import TRAILERS
from soth_mitm.proto.grpc_status import Status, status_of, status_of_note
from soth_mitm.record.memos import HOSTS, METHODS, SHORTS, TYPES, WORD_LIMIT, bounded
from soth_mitm.record.row_failures import FAILED
from soth_mitm.text import printable

PATH_LIMIT = 120
"""Most characters of a path that a row keeps, the ellipsis included."""

_NO_HELLO = ("", "")

OPEN = "open"
STREAMING = "streaming"
CLOSED = "closed"


class Row(msgspec.Struct, gc=False, omit_defaults=True):
    """One flow as a list shows it. All text is printable; times and durations are nanoseconds."""

    flow: int
    conn: int
    """Number of the client conn."""
    kind: str
    """`http`, `tunnel`, `bytes` or `failed`."""
    started_wall_ns: int
    started_mono_ns: int
    client: str
    """Address of the client, `host:port`."""
    scheme: str
    host: str
    port: int
    intercepted: bool = False
    metadata_only: bool = False
    sni: str = ""
    ja4: str = ""
    """JA4 fingerprint of the client's hello, where there was one."""
    method: str = ""
    path: str = ""
    """The target in origin-form, at most `PATH_LIMIT` characters."""
    status: int = 0
    """Status of the final response; 0 while there is none."""
    version: str = ""
    """HTTP version of the response, until then of the request."""
    content_type: str = ""
    """Media type of the response, until then of the request: without parameters, in lower case."""
    request_bytes: int = 0
    """Payload bytes from the client so far; of a tunnel, all bytes."""
    response_bytes: int = 0
    ttfb_ns: int = 0
    """From the start to the response's head; 0 while there is none."""
    duration_ns: int = 0
    """From the start to the last event so far."""
    last_mono_ns: int = 0
    state: str = OPEN
    """`open`, `streaming` (the response's head was seen and not its end) or `closed`."""
    reason: str = ""
    """The `CloseReason` of a closed flow."""
    outcome: str = ""
    """How it ended, in a few words; empty where the status says it."""
    error: bool = False
    """A person would call the end of this flow a failure. A status of 400 or above alone is none."""
    reused: bool = False
    """The upstream connection had carried a flow before."""
    generated: bool = False
    """The response was made here, not by the upstream."""
    modified: bool = False
    """The handler changed, answered or refused a message."""
    rewritten: bool = False
    """The proxy itself changed bytes as it must: the form of the target, a field for proxies, a 100."""
    tls_reason: str = ""
    """Reason code of a failed handshake."""
    tls_peer: str = ""
    """On whose side it failed: `client` or `upstream`."""
    guard: str = ""
    """Reason code of the guard that refused a message."""
    hint: str = ""
    """What to do about the failure, one sentence."""
    repeats: int = 0
    """How many equal failures within 60 s were folded into this row after the first."""
    mark: str = ""
    """What a person marked it with."""
    comment: str = ""
    """What a person says about it, on one line."""
    colour: str = ""
    """The name of the colour a person gave it."""
    form: str = ""
    """What its messages are framed by, a `MessageForm`; empty where none are told."""
    messages: int = 0
    """Messages so far, both directions together."""
    messages_skipped: int = 0
    """How many of them passed untold."""
    last_message_ns: int = 0
    """From the start to the latest message; 0 while there is none."""
    grpc_status: int = -1
    """Status code with which a gRPC call ended; -1 where none was told."""
    paused: int = 0
    """How many of its messages are held at breakpoints now."""
    stage: str = ""
    """At which stage the latest of them is; empty where none is."""
    process: str = ""
    """The program of this machine that asked for it; empty where it is not known, or not yet."""
    replay_of: int = 0
    """The flow whose request it sent again; 0 for none."""
    rules: str = ""
    """The rules that acted on it, with commas between them."""
    llm: Call | None = None
    """The call to a language model that it is."""
    number: int = -1
    """The row's number in its index; -1 outside of one."""

    @property
    def open(self) -> bool:
        """Whether more may come."""
        return self.state != CLOSED


def path_text(path: bytes) -> str:
    """Return a path as a row keeps it: printable, and cut with an ellipsis where it is long."""
    if len(path) <= PATH_LIMIT and path.isascii():
        text = path.decode("ascii")
        if text.isprintable():
            return text
    return printable(path, PATH_LIMIT)


# --- one function an event kind: (row, event, body) ---------------------------------------------

_Step = Callable[[Row, e.Event, Any], None]


def _bound(row: Row, event: e.Event, body: e.FlowBound) -> None:
    row.reused = body.reused


def _request_head(row: Row, event: e.Event, body: e.RequestHead) -> None:
    row.method = METHODS[body.method]
    row.path = path_text(body.path or body.target)
    row.version = SHORTS[body.version]
    if body.content_type:
        row.content_type = TYPES[body.content_type]
    if body.forwarded:
        row.rewritten = True


def _response_info(row: Row, event: e.Event, body: e.ResponseInfo) -> None:
    if body.generated:
        row.rewritten = True


def _response_head(row: Row, event: e.Event, body: e.ResponseHead) -> None:
    row.status = body.status or row.status
    row.version = SHORTS[body.version]
    row.content_type = TYPES[body.content_type] if body.content_type else ""
    row.ttfb_ns = event.mono_ns - row.started_mono_ns
    row.state = STREAMING
    if body.generated:
        row.generated = True
    elif row.outcome:
        # The upstream answered after all: an earlier attempt that failed explains nothing any more.
        row.outcome = row.hint = row.tls_reason = row.tls_peer = ""
    if row.content_type.startswith(_GRPC):
        _grpc_ended(row, status_of(body.raw))  # of a call without messages, the head has it


def _chunk(row: Row, event: e.Event, body: e.BodyChunk) -> None:
    end = body.offset + body.length
    if body.direction is _RESPONSE:
        if end > row.response_bytes:
            row.response_bytes = end
    elif end > row.request_bytes:
        row.request_bytes = end


def _request_end(row: Row, event: e.Event, body: e.RequestEnd) -> None:
    if body.body_bytes > row.request_bytes:
        row.request_bytes = body.body_bytes


def _response_end(row: Row, event: e.Event, body: e.ResponseEnd) -> None:
    if body.body_bytes > row.response_bytes:
        row.response_bytes = body.body_bytes
    row.state = OPEN
    if body.trailers and row.content_type.startswith(_GRPC):
        _grpc_ended(row, status_of(body.trailers))


def _grpc_ended(row: Row, status: Status | None) -> None:
    if status is None:
        return
    row.grpc_status = status.code
    if status.code:
        words = f"gRPC {status.name}"
        row.outcome = printable(f"{words}: {status.message}" if status.message else words, WORD_LIMIT)


def _messages_started(row: Row, event: e.Event, body: e.MessagesStarted) -> None:
    row.form = str(body.form)


def _messages_skipped(row: Row, event: e.Event, body: e.MessagesSkipped) -> None:
    row.messages += body.count
    row.messages_skipped += body.count


def _message(row: Row, event: e.Event, body: e.MessageSeen) -> None:
    row.messages += 1
    row.last_message_ns = event.mono_ns - row.started_mono_ns
    if row.form == _WEBSOCKET_FORM:  # whose bytes no chunk tells
        if body.direction is _RESPONSE:
            row.response_bytes += body.wire
        else:
            row.request_bytes += body.wire
    elif body.label == TRAILERS and row.form == _GRPC_FORM:
        _grpc_ended(row, status_of_note(body.note))


def _upgraded(row: Row, event: e.Event, body: e.Upgraded) -> None:
    row.state = STREAMING


def _progress(row: Row, event: e.Event, body: e.TunnelProgress) -> None:
    _count_opaque(row, body.from_client, body.from_upstream)


def _acted(row: Row, event: e.Event, body: e.HandlerActed) -> None:
    row.modified = True


def _changed(row: Row, event: e.Event, body: e.MessageChanged) -> None:
    row.modified = True


def _ruled(row: Row, event: e.Event, body: e.RuleApplied) -> None:
    if body.rule not in row.rules.split(", ") and len(row.rules) < PATH_LIMIT:
        row.rules = SHORTS[f"{row.rules}, {body.rule}" if row.rules else body.rule]


def _llm(row: Row, event: e.Event, body: e.LlmFacts) -> None:
    call = Call.of(body, row.ttfb_ns)
    row.llm = msgspec.structs.replace(call, dialect=SHORTS[call.dialect], model=SHORTS[call.model])
    if call.error and call.final and not row.outcome:
        row.outcome = printable(call.error, WORD_LIMIT)


DROPPED_WORDS: Final = "dropped at a breakpoint"


def _paused(row: Row, event: e.Event, body: e.Paused) -> None:
    row.paused += 1
    row.stage = SHORTS[body.stage]


def _resumed(row: Row, event: e.Event, body: e.Resumed) -> None:
    if body.how == "dropped" and not row.stage.startswith("message"):  # such a one is left out, no more
        row.outcome = DROPPED_WORDS
    row.paused = max(row.paused - 1, 0)
    if not row.paused:
        row.stage = ""
    if body.how in ("edited", "answered", "dropped"):
        row.modified = True


def _hello(row: Row, event: e.Event, body: e.HelloReceived) -> None:
    row.sni, row.ja4 = HOSTS[body.sni], SHORTS[body.ja4]


def _closed(row: Row, event: e.Event, body: e.FlowClosed) -> None:
    row.state = CLOSED
    row.paused, row.stage = 0, ""
    reason = row.reason = SHORTS[body.reason]
    on_purpose = reason == _CLIENT_CLOSED and row.ttfb_ns > 0 and row.outcome != outcomes.DEADLINE_WORDS
    row.error = reason in _ERRORS and not on_purpose
    if reason in _WEBSOCKET:
        row.outcome = websocket.outcome(body.detail) or _WORDS[reason]
    elif not row.outcome and reason not in _NEEDS_NO_WORDS:
        left = reason == _CLIENT_CLOSED and row.form and not row.error
        row.outcome = _LEFT_STREAM if left else _WORDS.get(reason) or reason.replace("_", " ")
    _count_opaque(row, body.from_client, body.from_upstream)


def _count_opaque(row: Row, from_client: int, from_upstream: int) -> None:
    """Count what a tunnel or an upgraded connection carried; of an exchange these are no payload."""
    if row.kind != "http" or row.status == 101 or row.form == _WEBSOCKET_FORM:
        row.request_bytes = max(row.request_bytes, from_client)
        row.response_bytes = max(row.response_bytes, from_upstream)


# Plain strings, because an enum is compared and hashed in Python.
_RESPONSE = e.Direction.RESPONSE
_CLIENT_CLOSED = CloseReason.CLIENT_CLOSED.value
_LEFT_STREAM = "closed by client"
_GRPC = "application/grpc"
_GRPC_FORM = e.MessageForm.GRPC.value
_WEBSOCKET_FORM = e.MessageForm.WEBSOCKET.value
_ERRORS = frozenset(reason.value for reason in FAILURES)
_NEEDS_NO_WORDS = frozenset(
    reason.value for reason in (CloseReason.COMPLETED, CloseReason.RESPONDED, CloseReason.RELAY_EOF)
)
_WEBSOCKET = frozenset({CloseReason.WEBSOCKET_COMPLETED.value, CloseReason.WEBSOCKET_ERROR.value})
_WORDS = {str(reason): words for reason, words in WORDS.items()}


def _touched(row: Row, event: e.Event, body: e.Body) -> None:
    """Nothing but the time of the last event changes."""


_STEPS: dict[type[e.Body], _Step] = {
    e.FlowBound: _bound,
    e.RequestHead: _request_head,
    e.ResponseInfo: _response_info,
    e.ResponseHead: _response_head,
    e.BodyChunk: _chunk,
    e.RequestEnd: _request_end,
    e.ResponseEnd: _response_end,
    e.MessagesStarted: _messages_started,
    e.MessageSeen: _message,
    e.MessagesSkipped: _messages_skipped,
    e.LlmFacts: _llm,
    e.Upgraded: _upgraded,
    e.TunnelProgress: _progress,
    e.HandlerActed: _acted,
    e.MessageChanged: _changed,
    e.RuleApplied: _ruled,
    e.Paused: _paused,
    e.Resumed: _resumed,
    e.HelloReceived: _hello,
    e.FlowClosed: _closed,
    **FAILED,
}


CONN_KINDS: Final = frozenset({e.HelloReceived, e.ProcessKnown, e.ConnClosed})
"""The events of a conn that say something of its flows."""


_ANNOTATED: Final = e.Annotated


def _annotated(row: Row, body: e.Annotated) -> None:
    said = Annotation.of(body)
    row.mark, row.comment, row.colour = said.mark, said.line, said.colour


class RowFold:
    """Fold events into rows; feed it every event of a stream, in order."""

    __slots__ = ("_hellos", "_on_closed", "_open", "_process", "_unnamed")

    def __init__(self, on_closed: Callable[[Row], None] | None = None) -> None:
        self._on_closed = on_closed
        """Told of each row that is closed."""
        self._open: dict[int, Row] = {}
        self._hellos: dict[int, tuple[str, str]] = {}
        self._process: dict[int, str] = {}
        self._unnamed: dict[int, list[Row]] = {}
        """Rows by conn whose program is not known yet; some of them may have been closed."""

    @property
    def open_rows(self) -> dict[int, Row]:
        """The rows of the flows that are open, by flow number."""
        return self._open

    def apply(self, event: e.Event) -> Row | None:
        """Take one event; return the row it changed, None where it changed none.

        The row is the fold's own and goes on changing until it is closed; then the fold forgets it.
        What names the program of a conn changes its open rows, and returns none of them.
        """
        flow = event.flow
        body = event.body
        if not flow:
            self._conn(event, body)
            return None
        row = self._open.get(flow)
        if row is None:
            return self._opened(event, body) if type(body) is e.FlowOpened else None
        if type(body) is _ANNOTATED:
            _annotated(row, body)
            return row
        now = event.mono_ns
        row.last_mono_ns = now
        row.duration_ns = now - row.started_mono_ns
        _STEPS.get(type(body), _touched)(row, event, body)
        if row.state == CLOSED:
            del self._open[flow]
            if self._on_closed is not None:
                self._on_closed(row)
        return row

    def _opened(self, event: e.Event, body: e.FlowOpened) -> Row:
        now = event.mono_ns
        conn = event.conn
        row = self._open[event.flow] = Row(
            event.flow,
            conn,
            str(body.flow_kind),
            event.wall_ns,
            now,
            HOSTS[body.client],
            SHORTS[body.scheme],
            HOSTS[body.host],
            body.port,
            body.intercepted,
            body.metadata_only,
            *self._hellos.get(conn, _NO_HELLO),
            last_mono_ns=now,
            process=self._process.get(conn, ""),
            replay_of=body.replay_of,
        )
        if not row.process:
            self._wait_for_name(row)
        return row

    def put(self, row: Row) -> None:
        """Take a row that was made elsewhere, and is open, as one of these."""
        self._open[row.flow] = row
        if not row.process:
            self._wait_for_name(row)

    def _wait_for_name(self, row: Row) -> None:
        conn = row.conn
        rows = self._unnamed.get(conn)
        if rows is None:
            bounded(self._unnamed, conn, [row])
            return
        if len(rows) & (len(rows) - 1) == 0:  # at powers of two, which makes it cheap for many open rows
            rows[:] = [each for each in rows if each.open]
        rows.append(row)

    def _conn(self, event: e.Event, body: e.Body) -> None:
        kind = type(body)
        if kind is e.HelloReceived and isinstance(body, e.HelloReceived):
            bounded(self._hellos, event.conn, (HOSTS[body.sni], SHORTS[body.ja4]))
        elif kind is e.ProcessKnown and isinstance(body, e.ProcessKnown):
            name = process_name(body)
            bounded(self._process, event.conn, name)
            for row in self._unnamed.pop(event.conn, ()):
                row.process = name
        elif kind is e.ConnClosed:
            self._hellos.pop(event.conn, None)
            self._process.pop(event.conn, None)
            self._unnamed.pop(event.conn, None)


def process_name(body: e.ProcessKnown) -> str:
    """Return the name of a program as rows show it."""
    return SHORTS[body.name]
