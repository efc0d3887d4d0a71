"""Flows as JSON lines: one object a flow when it ends. docs/jsonl.md has the schema.

What a terminal would act upon is escaped in the way of JSON, so that a line does no harm there.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from soth_mitm.decode.charset import charset_of, decode_text
from soth_mitm.decode.coding import undo
from soth_mitm.decode.sniff import choose
from soth_mitm.export import redact as masking
from soth_mitm.export.choosing import Chooser
from soth_mitm.export.collect import Collector, Message
from soth_mitm.export.details import RENDERED
from soth_mitm.export.rows import URL_LIMIT, FlowRow, Fold, site, url, utc_time
from soth_mitm.model.annotation import Annotation
from soth_mitm.model.events import Annotated
from soth_mitm.model.fields import Fields
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.model.events import Event
    from soth_mitm.model.llm import Call
    from soth_mitm.policy.filters import Filter

VERSION = 1
"""The `v` of each object; raised when a program that reads the older ones would misread a new one."""


CHOSEN = 65_536
"""Flows that passed the filter and are remembered for what is said about them later."""


class TlsRecord(msgspec.Struct):
    """What is known about TLS on the client's side."""

    sni: str
    reason: str
    ja4: str


class BodyRecord(msgspec.Struct):
    """A body, its content codings undone."""

    encoding: str
    truncated: bool
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


class MessageRecord(msgspec.Struct):
    """A request or a response."""

    fields: list[tuple[str, str]]
    trailers: list[tuple[str, str]]
    body: BodyRecord | msgspec.UnsetType | None = msgspec.UNSET


class CallRecord(msgspec.Struct):
    """A call to a language model; null where a number is not known."""

    dialect: str
    model: str
    complete: bool
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    written_tokens: int | None
    thinking_tokens: int | None
    cost_usd: float | None
    priced: str
    ttft_ms: float | None
    tokens_per_second: float | None
    longest_gap_ms: float
    stalls: int
    stop: str
    error: str
    turns: int | msgspec.UnsetType = msgspec.UNSET


class FlowRecord(msgspec.Struct):
    """One flow; the order of the members is the order of the keys."""

    v: int
    flow: int
    conn: int
    kind: str
    started: str
    client: str
    scheme: str
    host: str
    port: int
    method: str
    url: str
    status: int | None
    version: str
    content_type: str
    request_bytes: int
    response_bytes: int
    ttfb_ms: float | None
    duration_ms: float
    reason: str
    outcome: str
    error: bool
    reused: bool
    generated: bool
    modified: bool
    intercepted: bool
    hint: str
    mark: str | msgspec.UnsetType = msgspec.UNSET
    comment: str | msgspec.UnsetType = msgspec.UNSET
    colour: str | msgspec.UnsetType = msgspec.UNSET
    process: str | msgspec.UnsetType = msgspec.UNSET
    form: str | msgspec.UnsetType = msgspec.UNSET
    messages: int | msgspec.UnsetType = msgspec.UNSET
    messages_skipped: int | msgspec.UnsetType = msgspec.UNSET
    grpc_status: int | msgspec.UnsetType = msgspec.UNSET
    replay_of: int | msgspec.UnsetType = msgspec.UNSET
    llm: CallRecord | msgspec.UnsetType = msgspec.UNSET
    tls: TlsRecord | msgspec.UnsetType = msgspec.UNSET
    request: MessageRecord | msgspec.UnsetType | None = msgspec.UNSET
    response: MessageRecord | msgspec.UnsetType | None = msgspec.UNSET


class AnnotationRecord(msgspec.Struct):
    """What was said about a flow after its end."""

    v: int
    flow: int
    kind: str
    mark: str
    comment: str
    colour: str


class JsonPrinter:
    """A subscriber of the stream that writes an object a line. `detail` 1 adds fields, 2 bodies too.

    `fold` is for its use alone.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        fold: Fold,
        detail: int = 0,
        redact: bool = True,
        matcher: Filter | None = None,
    ) -> None:
        self.flows = 0
        """Flows written."""
        self._write = write
        self._fold = fold
        self._apply = fold.apply
        self._detail = detail
        self._redact = redact
        self._chooser = Chooser(matcher)
        self._collector = Collector(body_bytes=self._chooser.body_bytes(printed=detail > 1))
        self._chosen: dict[int, None] = {}
        self._encode = msgspec.json.Encoder().encode

    def __call__(self, event: Event) -> None:
        """Take one event."""
        row = self._apply(event)
        if row is None:
            if type(event.body) is Annotated:
                self._said_later(event.flow, Annotation.of(event.body))
            return
        self._collector.apply(event)
        if row.state == "closed":
            self._ended(row)

    def _said_later(self, flow: int, said: Annotation) -> None:
        if not self._chooser or flow in self._chosen:
            self._put(AnnotationRecord(VERSION, flow, "annotation", said.mark, said.line, said.colour))

    def finish(self) -> None:
        """Write the flows that are still open, with no reason: those that the end of a file cuts off."""
        for row in sorted(self._fold.open_rows.values(), key=lambda row: row.flow):
            self._ended(row)

    def _ended(self, row: FlowRow) -> None:
        exchange = self._collector.take(row.flow)
        if not self._chooser.late(row, exchange):
            return
        self.flows += 1
        if self._chooser:
            if len(self._chosen) >= CHOSEN:
                del self._chosen[next(iter(self._chosen))]
            self._chosen[row.flow] = None
        path = row.path
        if path.endswith("…"):
            path = printable(exchange.path, URL_LIMIT)
        record = self._record(row, path)
        if row.sni or row.tls_reason or row.ja4:
            record.tls = TlsRecord(row.sni, row.tls_reason, row.ja4)
        record.mark = row.mark or msgspec.UNSET
        record.comment = row.comment or msgspec.UNSET
        record.colour = row.colour or msgspec.UNSET
        record.process = row.process or msgspec.UNSET
        if row.form:
            record.form, record.messages = row.form, row.messages
            record.messages_skipped = row.messages_skipped or msgspec.UNSET
        if row.grpc_status >= 0:
            record.grpc_status = row.grpc_status
        if row.llm is not None:
            record.llm = _call(row.llm)
        record.replay_of = row.replay_of or msgspec.UNSET
        if self._detail:
            record.request = self._message(exchange.request)
            record.response = self._message(exchange.response)
        self._put(record)

    def _put(self, record: FlowRecord | AnnotationRecord) -> None:
        self._write(_harmless(self._encode(record).decode("utf-8")) + "\n")

    def _record(self, row: FlowRow, path: str) -> FlowRecord:
        if self._redact:
            path = masking.url(path)
        where = url(row, path) if row.method else site(row.host, row.port) if row.host else ""
        return FlowRecord(
            v=VERSION,
            flow=row.flow,
            conn=row.conn,
            kind=row.kind,
            started=utc_time(row.started_wall_ns),
            client=row.client,
            scheme=row.scheme,
            host=row.host,
            port=row.port,
            method=row.method,
            url=where,
            status=row.status or None,
            version=row.version,
            content_type=row.content_type,
            request_bytes=row.request_bytes,
            response_bytes=row.response_bytes,
            ttfb_ms=round(row.ttfb_ns / 1e6, 3) if row.ttfb_ns else None,
            duration_ms=round(row.duration_ns / 1e6, 3),
            reason=row.reason,
            outcome=row.outcome,
            error=row.error,
            reused=row.reused,
            generated=row.generated,
            modified=row.modified,
            intercepted=row.intercepted,
            hint=row.hint,
        )

    def _message(self, message: Message) -> MessageRecord | None:
        if not message.raw:
            return None
        record = MessageRecord(
            self._fields(Fields.of_head(message.raw)), self._fields(Fields.parse(message.trailers))
        )
        if self._detail > 1:
            record.body = self._body(message) if message.body_bytes else None
        return record

    def _fields(self, fields: Fields) -> list[tuple[str, str]]:
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
        return [(name, masking.field(name, value)) for name, value in pairs] if self._redact else pairs

    def _body(self, message: Message) -> BodyRecord:
        """Return a body as text where it is some in a known character set, as base64 otherwise."""
        body = message.shown
        decoded = undo(body, message.coding, limit=RENDERED)
        cut = decoded.truncated or len(body) < message.body_bytes
        record = BodyRecord(",".join(decoded.codings), cut)
        kind = choose(decoded.data, message.content_type).kind
        text = None if kind == "hex" else _text(decoded.data, message.content_type)
        if text is None:
            record.base64 = base64.b64encode(decoded.data).decode("ascii")
            return record
        record.text = masking.body(text, kind) if self._redact else text
        return record


def _text(data: bytes, content_type: bytes) -> str | None:
    found = decode_text(data, content_type)
    faithful = found.charset != "latin-1" or charset_of(content_type) not in ("", "utf-8", "utf8")
    return found.text if faithful and "\ufffd" not in found.text else None


def _call(call: Call) -> CallRecord:
    def count(number: int) -> int | None:
        return number if number >= 0 else None

    return CallRecord(
        call.dialect,
        call.model,
        call.complete,
        count(call.input),
        count(call.output),
        count(call.cached),
        count(call.written),
        count(call.thinking),
        call.cost / 1e9 if call.cost >= 0 else None,
        call.priced,
        round(call.first_token_ns / 1e6, 3) if call.first_token_ns >= 0 else None,
        round(call.rate, 1) if call.rate > 0 else None,
        round(call.longest_gap_ns / 1e6, 3),
        call.stalls,
        call.stop,
        call.error,
        call.turns if call.turns >= 0 else msgspec.UNSET,
    )


_NOT_ASCII = re.compile(r"[^\x20-\x7e]")


def _harmless(line: str) -> str:
    """Escape what does not print; in JSON that can only stand inside of strings."""
    return line if line.isprintable() else _NOT_ASCII.sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if char.isprintable():
        return char
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
