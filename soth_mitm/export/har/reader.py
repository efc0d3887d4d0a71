"""Reading a HAR: each entry becomes a flow, and that its events.

HARs of every browser and tool are read, so all members but the URL may be missing, and those of a wrong
type are as if they were. Bodies in a HAR have no content coding, whatever the head says; so have ours.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from soth_mitm.decode.charset import charset_of
from soth_mitm.export.building import Imported, Made
from soth_mitm.export.har.splitting import Splitter
from soth_mitm.export.har.timing import wall_ns_of
from soth_mitm.export.whole import Talk
from soth_mitm.model.events import Direction
from soth_mitm.model.reasons import CloseReason

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_LABELS: Final = {1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
_VERSIONS: Final = {
    "h2": "HTTP/2.0", "http/2": "HTTP/2.0", "http/2.0": "HTTP/2.0", "h3": "HTTP/3", "http/3": "HTTP/3",
    "http/3.0": "HTTP/3", "http/1.0": "HTTP/1.0", "h3-29": "HTTP/3",
}  # fmt: skip
_REASONS: Final = frozenset(CloseReason)
MOST_REMARKS: Final = 5


class EntryError(ValueError):
    """An entry that tells no request."""


class HarReader:
    """Yield the flows of a HAR.

    Raises:
        DumpError: it is no HAR, or cannot be read.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._splitter = Splitter(source, name)
        self.bad = 0
        """Entries that could not be read, and were passed over."""
        self.remarks: list[str] = []
        """Where the first of them stand, and what is wrong."""

    @property
    def offset(self) -> int:
        """How far the file has been read."""
        return self._splitter.offset

    def __iter__(self) -> Iterator[Imported]:
        for entry in self._splitter:
            try:
                yield flow_of(msgspec.json.decode(entry.data))
            except (EntryError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
                self.bad += 1
                if len(self.remarks) < MOST_REMARKS:
                    self.remarks.append(
                        f"entry {entry.number} at offset {entry.offset:,} was passed over: {error}"
                    )
        if self._splitter.cut_off:
            self.remarks.append("the file is cut off; all whole entries are here")


def flow_of(entry: object) -> Imported:
    """Return the flow of an entry.

    Raises:
        EntryError: it has no request with a URL.
    """
    request = _dict(_dict(entry).get("request"))
    try:
        url = urlsplit(_str(request.get("url")))
        host, port = url.hostname, url.port
    except ValueError as error:
        raise EntryError(str(error)) from None
    if not host or url.scheme not in _PORTS:
        raise EntryError(f"no request with the URL of a host in it: {_str(request.get('url'))[:80]!r}")
    given = _dict(entry)
    flow = Imported(
        scheme=_SCHEMES.get(url.scheme, url.scheme),
        host=host,
        port=port or _PORTS[url.scheme],
        client=_str(given.get("_client")),
        client_key=_str(given.get("connection")),
        mark=_str(given.get("_mark")),
        comment=_str(given.get("comment")),
    )
    times = _Times(given)
    flow.started_ns = times.request
    flow.dns_ns, flow.connect_ns, flow.tls_ns = times.dns, times.connect, times.tls
    ip = _str(given.get("serverIPAddress"))
    if ip:
        ip = ip.removeprefix("[").removesuffix("]")
        flow.address = f"[{ip}]:{flow.port}" if ":" in ip else f"{ip}:{flow.port}"
    path = url.path or "/"
    flow.request = _request(request, f"{path}?{url.query}" if url.query else path, flow, times)
    _answer(flow, _dict(given.get("response")), times)
    flow.talks = _talks(given.get("_webSocketMessages"))
    if flow.talks:
        flow.upgraded = "websocket"
        flow.reason = "websocket_completed"
    reason = _str(given.get("_reason"))
    if reason in _REASONS:
        flow.reason = reason
    return flow


class _Times:
    """The times of an entry, as nanoseconds since 1970 and as durations."""

    def __init__(self, entry: dict[str, Any]) -> None:
        timings = _dict(entry.get("timings"))
        try:
            started = wall_ns_of(_str(entry.get("startedDateTime")))
        except ValueError:
            started = 0

        def phase(name: str) -> int:
            value = timings.get(name)
            return round(value * 1e6) if isinstance(value, int | float) and 0 < value < 1e12 else 0

        self.tls = phase("ssl")
        self.connect = max(phase("connect") - self.tls, 0)
        self.dns = phase("dns")
        self.request = started + phase("blocked") + self.dns + self.connect + self.tls
        self.sent = self.request + phase("send")
        self.answer = self.sent + phase("wait")
        self.end = self.answer + phase("receive")
        whole = entry.get("time")
        if not timings and isinstance(whole, int | float) and 0 < whole < 1e12:
            self.end = started + round(whole * 1e6)


def _request(request: dict[str, Any], path: str, flow: Imported, times: _Times) -> Made:
    version = _version(request.get("httpVersion"))
    target = path.encode()
    own = _str(request.get("_target"))
    made = Made(
        version=version,
        method=_str(request.get("method")).encode() or b"GET",
        target=own.encode() or target,
        path=own.encode() or target,
        trailers=_pairs(request.get("_trailers")),
        started_ns=times.request,
        ended_ns=times.sent,
    )
    fields = _pairs(request.get("headers"))
    if version.startswith("HTTP/2") or version == "HTTP/3":
        default = _PORTS.get(flow.scheme) == flow.port
        authority = next((value for name, value in fields if name.lower() in (b":authority", b"host")), b"")
        site = f"[{flow.host}]" if ":" in flow.host else flow.host
        fields = [each for each in fields if each[0][:1] != b":" and each[0].lower() != b"host"]
        made.fields = [
            (b":method", made.method),
            (b":scheme", flow.scheme.encode()),
            (b":authority", authority or (site if default else f"{site}:{flow.port}").encode()),
            (b":path", made.target),
            *fields,
        ]
    else:
        made.fields = [each for each in fields if each[0][:1] != b":"]
    data = _dict(request.get("postData"))
    made.body, made.kind = _post_data(data), _str(data.get("mimeType")).encode()
    made.body_bytes = _int(request.get("bodySize")) if not made.body else 0
    return made


def _post_data(data: dict[str, Any]) -> bytes:
    text = _str(data.get("text"))
    if not text and isinstance(data.get("params"), list):
        pairs = [_dict(each) for each in data["params"]]
        return urlencode([(_str(each.get("name")), _str(each.get("value"))) for each in pairs]).encode()
    encoding = data.get("_encoding") or data.get("encoding")
    return _bytes(
        text, is_base64=encoding == "base64", charset=charset_of(_str(data.get("mimeType")).encode())
    )


def _answer(flow: Imported, response: dict[str, Any], times: _Times) -> None:
    status = _int(response.get("status"))
    if not 0 < status < 1000:
        flow.reason = "upstream_closed"
        flow.detail = _str(response.get("_error"))[:200]
        return
    version = _version(response.get("httpVersion"))
    content = _dict(response.get("content"))
    made = Made(
        version=version,
        status=status,
        reason=_str(response.get("statusText")).encode(),
        trailers=_pairs(response.get("_trailers")),
        started_ns=times.answer,
        ended_ns=max(times.end, times.answer),
    )
    fields = [each for each in _pairs(response.get("headers")) if each[0][:1] != b":"]
    made.fields = [(b":status", b"%d" % status), *fields] if version[:6] in ("HTTP/2", "HTTP/3") else fields
    kind = next((value for name, value in fields if name.lower() == b"content-type"), b"")
    made.kind = _str(content.get("mimeType")).replace("x-unknown", "").encode()
    made.body = _bytes(
        _str(content.get("text")),
        is_base64=content.get("encoding") == "base64",
        charset=charset_of(kind or made.kind),
    )
    made.body_bytes = 0 if made.body else max(_int(content.get("size")), 0)
    flow.response = made


def _talks(messages: object) -> list[Talk]:
    found = []
    for each in messages if isinstance(messages, list) else ():
        message = _dict(each)
        opcode = _int(message.get("opcode")) if message.get("opcode") is not None else 1
        when = message.get("time")
        wall_ns = round(when * 1e9) if isinstance(when, int | float) and 0 < when < 1e11 else 0
        found.append(
            Talk(
                Direction.REQUEST if message.get("type") == "send" else Direction.RESPONSE,
                _LABELS.get(opcode, "binary"),
                wall_ns,
                _bytes(_str(message.get("data")), is_base64=opcode != 1, charset=""),
                _str(message.get("_note")),
                _str(message.get("_origin")),
                message.get("_cut") is True,
            )
        )
    return found


# --- members, whatever their types ------------------------------------------------------------------


def _version(value: object) -> str:
    text = _str(value).strip()
    return _VERSIONS.get(text.lower(), "HTTP/1.1")


def _bytes(text: str, *, is_base64: bool, charset: str) -> bytes:
    if is_base64:
        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError):
            pass
    if charset and charset not in ("utf-8", "utf8"):
        try:
            return text.encode(charset)
        except (LookupError, ValueError):
            pass
    return text.encode("utf-8", "surrogatepass")


def _pairs(value: object) -> list[tuple[bytes, bytes]]:
    """Return fields: a list of objects with name and value, or of pairs."""
    found = []
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            name, text = each.get("name"), each.get("value")
        elif isinstance(each, list) and len(each) == 2:
            name, text = each
        else:
            continue
        if isinstance(name, str) and name:
            found.append((name.encode("utf-8", "replace"), _str(text).encode("utf-8", "replace")))
    return found


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _int(value: object) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) < 2**62 else 0
