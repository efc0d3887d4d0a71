"""One flow as an entry of a HAR."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from soth_mitm.export import facts, redact
from soth_mitm.export.har import cookies
from soth_mitm.export.har.bodies import HELD, Shape, held_text, shape_of
from soth_mitm.export.har.shapes import (
    UNSET,
    Cache,
    Content,
    Entry,
    Pair,
    PostData,
    Request,
    Response,
    SocketMessage,
)
from soth_mitm.export.har.timing import iso_time, times_of
from soth_mitm.export.redacting_aws import MEDIA_TYPE, masked_stream, wrapped
from soth_mitm.model.events import Direction, FlowKind
from soth_mitm.model.fields import Fields
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.export.har.shapes import Cookie, Unset
    from soth_mitm.export.whole import WholeFlow, WholeMessage

_OPCODES = {"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


class Large(NamedTuple):
    """A body that is to be written piece by piece, in the place of a marker."""

    marker: str
    direction: Direction
    content_encoding: bytes
    charset: str


class Made(NamedTuple):
    """An entry, and its bodies that are too large to be in it."""

    entry: Entry
    large: list[Large]


def is_entry(flow: WholeFlow) -> bool:
    """Return whether a flow can be an entry: tunnels, streams of bytes and failed attempts cannot."""
    opened, request = flow.view.opened, flow.view.request
    return (
        opened is not None
        and opened.flow_kind == FlowKind.HTTP
        and request is not None
        and bool(request.raw)
        and request.method != b"CONNECT"
    )


class EntryMaker:
    """Makes entries; `masks` has secrets masked."""

    def __init__(self, *, masks: bool) -> None:
        self._masks = masks

    def make(self, flow: WholeFlow, marker: str) -> Made:
        """Return the entry of a flow that `is_entry`; `marker` stands in it for what is too large."""
        view = flow.view
        assert view.request is not None, "the flow has a request"
        large: list[Large] = []
        times = times_of(view)
        request = self._request(flow, view.request, marker, large)
        response = self._response(flow, view.response, marker, large)
        entry = Entry(iso_time(times.started_ns), times.time, request, response, Cache(), times.timings)
        if view.bound is not None and view.bound.address:
            entry.server_ip_address = _host(view.bound.address)
        if view.conn:
            entry.connection = str(view.conn)
        entry.comment = view.comment or UNSET
        entry.mark = view.mark or UNSET
        if view.opened is not None and view.opened.client:
            entry.client = printable(view.opened.client)
        if view.closed_reason != "completed":
            entry.reason = view.closed_reason or "open"
        if any(framing.form == "ws" for framing in view.framing.values()):
            entry.resource_type = "websocket"
            entry.socket_messages = self._talks(flow)
        return Made(entry, large)

    # --- requests ---------------------------------------------------------------------------------

    def _request(self, flow: WholeFlow, message: WholeMessage, marker: str, large: list[Large]) -> Request:
        raw, fields = head_of(message)
        path = message.path
        url = facts.url(flow.view)
        request = Request(
            method=_text(message.method),
            url=redact.url(url) if self._masks else url,
            http_version=message.version,
            cookies=self._cookies(cookies.sent(_values(fields, b"cookie"))),
            headers=self._pairs(fields),
            query_string=self._query(path),
            headers_size=len(raw) if raw[:1] != b":" else -1,
            body_size=message.body_bytes,
            trailers=self._trailers(message),
        )
        if not path.startswith(b"/"):
            request.target = _text(message.target)
        if message.body_bytes:
            request.post_data = self._post_data(flow, message, marker, large)
        return request

    def _post_data(self, flow: WholeFlow, message: WholeMessage, marker: str, large: list[Large]) -> PostData:
        """Return the body of a request as it passed: a coded one stays so, since its head says that it is."""
        shape = self._shape(flow, Direction.REQUEST, message, b"")
        coded = bool(message.content_encoding.strip().lower() not in (b"", b"identity"))
        text, is_base64 = self._text(shape, Direction.REQUEST, b"", marker, large)
        note = shape.note
        if self._masks:
            if coded:
                text, is_base64, note = "", False, "a coded body that may hold secrets was left out"
            else:
                text, note = self._masked(text, shape, message, is_base64=is_base64, note=note)
        data = PostData(_text(message.content_type), text)
        if is_base64:
            data.encoding = "base64"
        data.comment = note or UNSET
        return data

    # --- responses --------------------------------------------------------------------------------

    def _response(
        self, flow: WholeFlow, message: WholeMessage | None, marker: str, large: list[Large]
    ) -> Response:
        if message is None or not message.raw:
            return Response(
                status=0,
                status_text="",
                http_version="",
                cookies=[],
                headers=[],
                content=Content(0, "x-unknown"),
                redirect_url="",
                headers_size=-1,
                body_size=-1,
                error=printable(flow.view.closed_reason or "no response yet"),
            )
        raw, fields = head_of(message)
        return Response(
            status=message.status,
            status_text=_text(message.reason),
            http_version=message.version,
            cookies=self._cookies(cookies.given(_values(fields, b"set-cookie"))),
            headers=self._pairs(fields),
            content=self._content(flow, message, marker, large),
            redirect_url=self._value("location", _text(fields.get(b"location"))),
            headers_size=len(raw) if raw[:1] != b":" else -1,
            body_size=message.body_bytes,
            trailers=self._trailers(message),
        )

    def _content(self, flow: WholeFlow, message: WholeMessage, marker: str, large: list[Large]) -> Content:
        kind = _text(message.content_type) or "x-unknown"
        if not message.body_bytes:
            return Content(0, kind)
        coding = message.content_encoding
        shape = self._shape(flow, Direction.RESPONSE, message, coding)
        content = Content(shape.size, kind)
        if message.captured_bytes == message.body_bytes:
            content.compression = shape.size - message.body_bytes
        text, is_base64 = self._text(shape, Direction.RESPONSE, coding, marker, large)
        note = shape.note
        if self._masks:
            text, note = self._masked(text, shape, message, is_base64=is_base64, note=note)
        if text:
            content.text = text
            if is_base64:
                content.encoding = "base64"
        content.comment = note or UNSET
        return content

    # --- both -------------------------------------------------------------------------------------

    def _shape(self, flow: WholeFlow, direction: Direction, message: WholeMessage, coding: bytes) -> Shape:
        shape = shape_of(
            lambda: flow.pieces(direction), content_encoding=coding, content_type=message.content_type
        )
        missing = message.body_bytes - message.captured_bytes
        if missing > 0:
            return shape._replace(note=f"{missing:,} bytes of the body were not recorded")
        return shape

    def _text(
        self, shape: Shape, direction: Direction, coding: bytes, marker: str, large: list[Large]
    ) -> tuple[str, bool]:
        if shape.data is not None:
            return held_text(shape)
        if self._masks:
            return "", False
        large.append(Large(f"{marker}-{direction}", direction, coding, shape.charset))
        return large[-1].marker, not shape.charset

    def _masked(
        self, text: str, shape: Shape, message: WholeMessage, *, is_base64: bool, note: str
    ) -> tuple[str, str]:
        if shape.data is None:
            left_out = f"a body of {shape.size:,} bytes was left out: secrets are masked up to {HELD:,} bytes"
            return "", f"{note}; {left_out}" if note else left_out
        if is_base64 and message.content_type.lower().startswith(MEDIA_TYPE):
            masked = masked_stream(base64.b64decode(text), _payload)
            return (base64.b64encode(masked).decode("ascii") if masked is not None else text), note
        if is_base64:
            return text, note
        kind = "form" if message.content_type.lower().startswith(b"application/x-www-form") else ""
        return redact.body(text, kind), note

    def _talks(self, flow: WholeFlow) -> list[SocketMessage]:
        found = []
        for talk in flow.talks():
            opcode = _OPCODES.get(talk.label, 2)
            text = talk.data.decode("utf-8", "replace") if opcode == 1 else ""
            if opcode != 1:
                text = base64.b64encode(talk.data).decode("ascii")
            elif self._masks:
                text = redact.body(text, "")
            message = SocketMessage(
                "send" if talk.direction == Direction.REQUEST else "receive",
                round(talk.wall_ns / 1e9, 6),
                opcode,
                text,
            )
            message.note = talk.note or UNSET
            message.origin = talk.origin or UNSET
            message.cut = talk.cut or UNSET
            found.append(message)
        return found

    def _pairs(self, fields: Fields) -> list[Pair]:
        pairs = [(_text(name), _text(value)) for name, value in fields if name[:1] != b":"]
        return [Pair(name, self._value(name, value)) for name, value in pairs]

    def _value(self, name: str, value: str) -> str:
        return redact.field(name, value) if self._masks else value

    def _trailers(self, message: WholeMessage) -> list[Pair] | Unset:
        return self._pairs(message.trailers) if len(message.trailers) else UNSET

    def _cookies(self, found: list[Cookie]) -> list[Cookie]:
        if self._masks:
            for cookie in found:
                cookie.value = redact.MASK
        return found

    def _query(self, path: bytes) -> list[Pair]:
        query = path.partition(b"?")[2].partition(b"#")[0]
        pairs = []
        for part in _text(query).split("&") if query else ():
            name, _, value = part.partition("=")
            name = unquote_plus(name)
            masked = self._masks and redact.is_secret(name)
            pairs.append(Pair(name, redact.MASK if masked else unquote_plus(value)))
        return pairs


def head_of(message: WholeMessage) -> tuple[bytes, Fields]:
    """Return the head that belongs to the recorded body: what went on, where somebody changed it."""
    if message.changed_by and message.forwarded:
        return message.forwarded, Fields.of_head(message.forwarded).in_http1
    return message.raw, message.fields.in_http1


def _values(fields: Fields, name: bytes) -> list[str]:
    return [_text(value) for value in fields.get_all(name)]


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _host(site: str) -> str:
    host = site.rpartition(":")[0]
    return host.removeprefix("[").removesuffix("]")


def _payload(data: bytes) -> bytes:
    """Return the payload of one message of an AWS event stream with its secrets masked."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    masked = wrapped(redact.body(text, ""), lambda inner: redact.body(inner, ""))
    return masked.encode() if masked != text else data
