"""Flows of mitmproxy dumps, from version 0.11 to the newest.

The format changed with most releases: names moved, texts became bytes and back. What is needed is looked
for under each of its names, so that no chain of conversions is gone through, and a member that is missing
or of another type is as if it were empty.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from soth_mitm.errors import DumpError
from soth_mitm.export.building import Imported, Made, Secured
from soth_mitm.export.mitm.records import Damage, Record, Records
from soth_mitm.export.rows import site
from soth_mitm.export.whole import Talk
from soth_mitm.model.annotation import MARK
from soth_mitm.model.events import Direction, FlowKind

NEWEST: Final = 21
"""The format of mitmproxy 11.1 to 12.3."""

HELD: Final = 1000
"""Handshakes of WebSockets that are held until their messages come, which old versions wrote apart."""

MOST_REMARKS: Final = 5
MOST_TYPES: Final = 100
"""Types of flows without a place that are counted apart; a file may name any number."""

_KINDS: Final = frozenset({"http", "websocket", "tcp", "udp"})
_LABELS: Final = {1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


class MitmReader:
    """Yield the flows of a mitmproxy dump.

    Raises:
        DumpError: it is none, cannot be read, or is of a version that is too old or too new.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._records = Records(source, name)
        self._name = name
        self._left_out: Counter[str] = Counter()
        self._damages = 0
        self._told: list[str] = []
        self._handshakes: dict[str, dict[str, Any]] = {}

    @property
    def remarks(self) -> list[str]:
        """What a person should know: damage with its place, flows for which there is no place."""
        more = self._damages - len(self._told)
        return [
            *self._told,
            *([f"{more:,} more places were passed over"] if more > 0 else []),
            *(
                f"{_flows(count, kind)} passed over: there is no place for such flows"
                for kind, count in self._left_out.most_common(MOST_REMARKS)
            ),
        ]

    def __iter__(self) -> Iterator[Imported]:
        for record in self._records:
            if isinstance(record, Damage):
                self._damaged(f"{record.length:,} bytes at offset {record.offset:,}", record.why)
                continue
            self._check_version(record)
            try:
                yield from self._flows(record.state)
            except (TypeError, ValueError, AttributeError, LookupError, OverflowError) as error:
                self._damaged(f"flow {record.number} at offset {record.offset:,}", str(error))
        for state in self._handshakes.values():
            yield flow_of(state)

    def _damaged(self, what: str, why: str) -> None:
        self._damages += 1
        if len(self._told) < MOST_REMARKS:
            self._told.append(f"{what} passed over: {why}")

    def _check_version(self, record: Record) -> None:
        version = record.state.get("version")
        if isinstance(version, list):
            if [_int(part) for part in version[:2]] >= [0, 11]:
                return
            text = ".".join(str(part) for part in version)
        elif isinstance(version, int) and 4 <= version <= NEWEST:
            return
        else:
            text = str(version)
        newer = isinstance(version, int) and version > NEWEST
        raise DumpError(
            f"{self._name}: flow {record.number} at offset {record.offset:,} is of format {text}; read are "
            f"those of mitmproxy 0.11 to format {NEWEST}" + (": update soth-mitm" if newer else "")
        )

    def _flows(self, state: dict[str, Any]) -> Iterator[Imported]:
        kind = _str(state.get("type")) or "http"
        metadata = _dict(state.get("metadata"))
        if kind not in _KINDS:
            kind = "DNS" if kind == "dns" else kind[:40]
            known = kind in self._left_out or len(self._left_out) < MOST_TYPES
            self._left_out[kind if known else "other"] += 1
        elif kind == "websocket":
            handshake = self._handshakes.pop(_str(metadata.get("websocket_handshake")), None)
            yield flow_of({**(handshake or {**state, "type": "http"}), "websocket": state})
        elif metadata.get("websocket") and "websocket" not in state and len(self._handshakes) < HELD:
            self._handshakes[_str(state.get("id"))] = state
        else:
            yield flow_of(state)


def _flows(count: int, kind: str) -> str:
    return f"1 flow of type {kind} was" if count == 1 else f"{count:,} flows of type {kind} were"


def flow_of(state: dict[str, Any]) -> Imported:
    """Return the flow of a record."""
    client, server = _dict(state.get("client_conn")), _dict(state.get("server_conn"))
    request, response = _dict(state.get("request")), _dict(state.get("response"))
    address = _address(server.get("address"))
    flow = Imported(
        client=_site(_address(client.get("peername") or client.get("address"))),
        client_key=_str(client.get("id")),
        server_key=_str(server.get("id")),
        transport=_str(client.get("transport_protocol")) or "tcp",
        client_tls=_tls(client),
        server_tls=_tls(server),
        mark=_mark(state.get("marked")),
        comment=_str(state.get("comment")),
    )
    peer = server.get("peername") or server.get("ip_address") or server.get("peer_address")
    flow.address = _site(_address(peer)) or (_site(address) if server.get("timestamp_tcp_setup") else "")
    _phases(flow, server)
    if _str(state.get("type")) in ("tcp", "udp"):
        _stream(flow, state, client, address)
    else:
        _exchange(flow, request, response)
        websocket = _dict(state.get("websocket"))
        if websocket:
            _websocket(flow, websocket)
    error = state.get("error")
    message = _str(_dict(error).get("msg"))
    if message:
        killed = "killed" in message.lower()
        flow.reason, flow.detail = ("killed" if killed else "upstream_closed"), message[:200]
    elif not response and flow.kind == FlowKind.HTTP:
        flow.reason = "client_closed"
    return flow


def _exchange(flow: Imported, request: dict[str, Any], response: dict[str, Any]) -> None:
    flow.scheme = _str(request.get("scheme")) or "http"
    flow.host, flow.port = _str(request.get("host")), _int(request.get("port"))
    made = _message(request)
    made.method = _bytes(request.get("method"))
    path, authority = _bytes(request.get("path")) or b"/", _bytes(request.get("authority"))
    made.path = made.target = path
    if made.version.startswith("HTTP/2") or made.version == "HTTP/3":
        made.fields = [
            (b":method", made.method),
            (b":scheme", flow.scheme.encode()),
            (b":authority", authority or site(flow.host, flow.port).encode()),
            (b":path", path),
            *made.fields,
        ]
    elif made.method == b"CONNECT":
        made.target = authority or site(flow.host, flow.port).encode()
    elif authority and path.startswith(b"/"):
        made.target = flow.scheme.encode() + b"://" + authority + path
    flow.request, flow.started_ns = made, made.started_ns
    if not response:
        return
    answer = _message(response)
    status = response.get("status_code", response.get("code"))
    answer.status = _int(status)
    answer.reason = _bytes(response.get("reason", response.get("msg")))
    answer.coding = next((value for name, value in answer.fields if name.lower() == b"content-encoding"), b"")
    if answer.version.startswith("HTTP/2") or answer.version == "HTTP/3":
        answer.fields = [(b":status", b"%d" % answer.status), *answer.fields]
    answer.started_ns = max(answer.started_ns, made.ended_ns)
    answer.ended_ns = max(answer.ended_ns, answer.started_ns)
    flow.response = answer


def _message(state: dict[str, Any]) -> Made:
    old = state.get("httpversion")
    version = _str(state.get("http_version"))
    if isinstance(old, list):
        version = "HTTP/" + ".".join(str(_int(part)) for part in old)
    made = Made(version=version or "HTTP/1.1")
    made.fields = _fields(state.get("headers"))
    made.trailers = _fields(state.get("trailers"))
    content = state.get("content", state.get("body"))
    made.body = _bytes(content)
    if not made.body:
        length = next((value for name, value in made.fields if name.lower() == b"content-length"), b"")
        made.body_bytes = int(length) if content is None and length.isdigit() and len(length) < 16 else 0
    made.started_ns = _ns(state.get("timestamp_start"))
    made.ended_ns = max(_ns(state.get("timestamp_end")), made.started_ns)
    return made


def _stream(
    flow: Imported, state: dict[str, Any], client: dict[str, Any], address: tuple[str, int] | None
) -> None:
    flow.kind, flow.scheme = FlowKind.BYTES, _str(state.get("type"))
    flow.transport = flow.scheme
    flow.host, flow.port = address or ("", 0)
    flow.reason = "relay_eof"
    for message in _list(state.get("messages")):
        from_client, content, when = (*_list(message), None, None, None)[:3]
        way = Direction.REQUEST if from_client else Direction.RESPONSE
        flow.talks.append(Talk(way, "bytes", _ns(when), _bytes(content)))
    created = _ns(state.get("timestamp_created")) or _ns(client.get("timestamp_start"))
    first = flow.talks[0].wall_ns if flow.talks else created
    flow.started_ns = min(created or first, first)


def _websocket(flow: Imported, state: dict[str, Any]) -> None:
    flow.upgraded = "websocket"
    flow.reason = "websocket_completed"
    for message in _list(state.get("messages")):
        kind, from_client, content, when, dropped, injected = (*_list(message), *[None] * 6)[:6]
        way = Direction.REQUEST if from_client else Direction.RESPONSE
        origin = "dropped" if dropped else "injected" if injected else ""
        label = _LABELS.get(_int(kind), "binary")
        flow.talks.append(Talk(way, label, _ns(when), _bytes(content), origin=origin))
    code = state.get("close_code")
    if code is None:
        return
    note = f"{_int(code)} {_str(state.get('close_reason'))}".strip()
    by_client = state.get("closed_by_client", _str(state.get("close_sender")) == "client")
    last = flow.talks[-1].wall_ns if flow.talks else 0
    ended = max(_ns(state.get("timestamp_end")), last)
    way = Direction.REQUEST if by_client else Direction.RESPONSE
    flow.talks.append(Talk(way, "close", ended, _int(code).to_bytes(2, "big"), note))
    flow.detail = note


def _phases(flow: Imported, server: dict[str, Any]) -> None:
    start, connected = _ns(server.get("timestamp_start")), _ns(server.get("timestamp_tcp_setup"))
    secured = _ns(server.get("timestamp_tls_setup") or server.get("timestamp_ssl_setup"))
    if start and connected >= start:
        flow.connect_ns = connected - start
    if connected and secured >= connected:
        flow.tls_ns = secured - connected


def _tls(conn: dict[str, Any]) -> Secured | None:
    established = conn.get("tls", conn.get("tls_established", conn.get("ssl_established")))
    if not established:
        return None
    listed = _list(conn.get("certificate_list")) or [conn.get("cert") or conn.get("clientcert")]
    chain = []
    for pem in listed:
        for found in _PEM.finditer(_bytes(pem)):
            try:
                chain.append(base64.b64decode(found[1]))
            except (binascii.Error, ValueError):
                continue
    return Secured(
        version=_str(conn.get("tls_version")),
        cipher=_str(conn.get("cipher") or conn.get("cipher_name")),
        alpn=_str(conn.get("alpn") or conn.get("alpn_proto_negotiated")),
        sni=_str(conn.get("sni")),
        chain=tuple(chain),
    )


def _mark(value: object) -> str:
    if value is True or _str(value) == ":default:":
        return MARK
    return _str(value).strip(":")[:16]


# --- members, whatever their types ------------------------------------------------------------------


def _address(value: object) -> tuple[str, int] | None:
    """Return host and port: of a pair, or of a mapping that holds one, as old versions wrote it."""
    if isinstance(value, dict):
        value = value.get("address")
    if isinstance(value, list) and len(value) >= 2 and _str(value[0]):
        return _str(value[0]), _int(value[1])
    return None


def _site(address: tuple[str, int] | None) -> str:
    return site(*address) if address is not None else ""


def _fields(value: object) -> list[tuple[bytes, bytes]]:
    return [
        (_bytes(pair[0]), _bytes(pair[1]))
        for pair in _list(value)
        if isinstance(pair, list) and len(pair) > 1
    ]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if isinstance(value, str) else ""


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else b""


def _int(value: object) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) < 2**62 else 0


def _ns(value: object) -> int:
    return round(value * 1e9) if isinstance(value, int | float) and 0 < value < 1e10 else 0
