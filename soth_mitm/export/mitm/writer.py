"""Flows as the newest mitmproxy reads them (flow format 21)."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from soth_mitm.decode.redoing import redoing
from soth_mitm.export.har.entry import head_of
from soth_mitm.export.mitm.reader import NEWEST
from soth_mitm.export.mitm.tnetstring import dumps
from soth_mitm.model.annotation import MARK
from soth_mitm.model.events import Direction, FlowKind
from soth_mitm.model.fields import Fields
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.export.whole import ConnFacts, WholeFacts, WholeFlow, WholeMessage

_TLS: Final = frozenset({"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3", "DTLSv1.2", "QUICv1", "QUICv2"})
_OPCODES: Final = {"text": 1, "binary": 2}
_GOOD: Final = frozenset({"completed", "responded", "relay_eof", "websocket_completed"})

Write = Callable[[bytes], object]


class MitmWriter:
    """Write flows; each is a record of its own, so what was written can be read at any time."""

    def __init__(self, write: Write, *, run: str) -> None:
        """`run` is where the flows come from; their identities follow from it."""
        self.entries = 0
        self.left_out = 0
        """Flows that mitmproxy has none of: tunnels, failed attempts."""
        self._write = write
        self._space = uuid.uuid5(uuid.NAMESPACE_URL, f"soth-mitm:{run}")

    def add(self, flow: WholeFlow) -> bool:
        """Write a flow; False where there is no such in mitmproxy, and it is counted."""
        state = self._state(flow)
        if state is None:
            self.left_out += 1
            return False
        self._write(dumps(state))
        self.entries += 1
        return True

    def finish(self) -> None:
        """Do nothing: the format has no end."""

    def _state(self, flow: WholeFlow) -> dict[str, Any] | None:
        view = flow.view
        opened = view.opened
        if opened is None:
            return None
        clock = _Clock(view)
        transport = (view.client.opened.transport if view.client and view.client.opened else "") or "tcp"
        parts: dict[str, Any]
        if opened.flow_kind == FlowKind.BYTES:
            kind = "udp" if transport == "udp" else "tcp"
            messages = [
                (talk.direction == Direction.REQUEST, talk.data, talk.wall_ns / 1e9) for talk in flow.talks()
            ]
            parts = {"messages": messages}
        elif opened.flow_kind == FlowKind.HTTP and view.request is not None and view.request.raw:
            kind = "http"
            parts = _exchange(flow, clock)
        else:
            return None
        reason = view.closed_reason
        error = None
        if reason not in _GOOD:
            text = (view.closed.detail if view.closed else "") or reason.replace("_", " ") or "cut off"
            error = {"msg": printable(text), "timestamp": clock.seconds(view.last_mono_ns)}
        return {
            "version": NEWEST,
            "type": kind,
            "id": self._id("flow", view.flow),
            "error": error,
            "client_conn": self._client(view, clock, transport),
            "server_conn": self._server(view, clock, transport),
            "intercepted": False,
            "is_replay": "request" if view.replay_of else None,
            "marked": ":default:" if view.mark == MARK else view.mark,
            "metadata": {},
            "comment": view.comment,
            "timestamp_created": view.started_wall_ns / 1e9,
            "backup": None,
            **parts,
        }

    def _id(self, what: str, number: int) -> str:
        return str(uuid.uuid5(self._space, f"{what}-{number}"))

    def _client(self, view: WholeFacts, clock: _Clock, transport: str) -> dict[str, Any]:
        conn, opened = view.client, view.opened
        return {
            **_conn(conn, clock),
            "id": self._id("conn", view.conn),
            "peername": _address(opened.client if opened else "") or ("", 0),
            "sockname": _address(conn.opened.local if conn and conn.opened else "") or ("", 0),
            "transport_protocol": "udp" if transport == "udp" else "tcp",
            "timestamp_start": clock.seconds(conn.started_mono_ns if conn else view.started_mono_ns),
            "timestamp_end": None,
            "mitmcert": None,
            "proxy_mode": "regular",
        }

    def _server(self, view: WholeFacts, clock: _Clock, transport: str) -> dict[str, Any]:
        conn, opened, bound = view.upstream, view.opened, view.bound
        started = clock.seconds(conn.started_mono_ns) if conn else None
        connected = None
        if bound is not None:
            tls_at = conn.tls_started_mono_ns if conn else 0
            connected = clock.seconds(tls_at) if tls_at else started
        return {
            **_conn(conn, clock),
            "id": self._id("conn", view.upstream_conn) if conn else self._id("server", view.flow),
            "address": (opened.host, opened.port) if opened and opened.host else None,
            "peername": _address(bound.address) if bound is not None else None,
            "sockname": None,
            "transport_protocol": "udp" if transport == "udp" else "tcp",
            "timestamp_start": started,
            "timestamp_tcp_setup": connected,
            "timestamp_end": None,
            "via": None,
        }


class _Clock:
    """The calendar's time of a flow's monotonic ones."""

    def __init__(self, view: WholeFacts) -> None:
        self._shift = view.started_wall_ns - view.started_mono_ns

    def seconds(self, mono_ns: int) -> float:
        return (mono_ns + self._shift) / 1e9

    def maybe(self, mono_ns: int) -> float | None:
        return self.seconds(mono_ns) if mono_ns else None


def _exchange(flow: WholeFlow, clock: _Clock) -> dict[str, Any]:
    view = flow.view
    request, response, opened = view.request, view.response, view.opened
    assert request is not None, "an exchange has a request"
    assert opened is not None, "an exchange has a beginning"
    fields = _all_fields(request)
    pseudo = dict(pair for pair in fields if pair[0][:1] == b":")
    absolute = not pseudo and not request.target.startswith(b"/") and request.path.startswith(b"/")
    authority = request.target.partition(b"://")[2].partition(b"/")[0] if absolute else b""
    state: dict[str, Any] = {
        "request": {
            **_message(flow, Direction.REQUEST, request, clock),
            "host": opened.host,
            "port": opened.port,
            "method": request.method,
            "scheme": opened.scheme.encode(),
            "authority": pseudo.get(b":authority", authority),
            "path": request.path,
        },
        "response": None,
        "websocket": None,
    }
    if response is not None and response.raw:
        state["response"] = {
            **_message(flow, Direction.RESPONSE, response, clock),
            "status_code": response.status,
            "reason": response.reason,
        }
    if any(framing.form == "ws" for framing in view.framing.values()):
        state["websocket"] = _websocket(flow)
    return state


def _message(flow: WholeFlow, direction: Direction, message: WholeMessage, clock: _Clock) -> dict[str, Any]:
    fields = [(name, value) for name, value in _all_fields(message) if name[:1] != b":"]
    body: bytes | None = b"".join(flow.pieces(direction))
    if message.body_bytes and not body:
        body = None  # mitmproxy's word for what was not recorded
    elif body and direction == Direction.RESPONSE and not message.content_encoding.strip():
        body = _recoded(body, Fields(fields).joined(b"content-encoding"))
    return {
        "http_version": message.version.encode(),
        "headers": fields,
        "content": body,
        "trailers": list(message.trailers) or None,
        "timestamp_start": clock.seconds(message.head_mono_ns),
        "timestamp_end": clock.maybe(message.end_mono_ns),
    }


def _all_fields(message: WholeMessage) -> list[tuple[bytes, bytes]]:
    raw, _ = head_of(message)
    return list(Fields.of_head(raw))


def _recoded(body: bytes, coding: bytes) -> bytes:
    """Code a body that came from a HAR, where it has none, as its head says."""
    try:
        coder = redoing(coding)
    except KeyError:  # a coding that nobody here knows
        return body
    return body if coder is None else coder.feed(body) + coder.finish()


def _websocket(flow: WholeFlow) -> dict[str, Any]:
    messages, close = [], None
    for talk in flow.talks():
        if talk.label in _OPCODES:
            from_client = talk.direction == Direction.REQUEST
            dropped, injected = talk.origin == "dropped", talk.origin == "injected"
            messages.append(
                (_OPCODES[talk.label], from_client, talk.data, talk.wall_ns / 1e9, dropped, injected)
            )
        elif talk.label == "close" and close is None:
            close = talk
    code, _, reason = close.note.partition(" ") if close else ("", "", "")
    return {
        "messages": messages,
        "closed_by_client": close.direction == Direction.REQUEST if close else None,
        "close_code": int(code) if code.isdigit() else None,
        "close_reason": reason if close else None,
        "timestamp_end": close.wall_ns / 1e9 if close else None,
    }


def _conn(conn: ConnFacts | None, clock: _Clock) -> dict[str, Any]:
    tls = conn.tls if conn else None
    hello = conn.hello if conn else None
    version = tls.version if tls and tls.version in _TLS else None
    secured = clock.seconds(conn.tls_started_mono_ns + conn.tls_ns) if conn and tls else None
    return {
        "error": None,
        "tls": tls is not None,
        "certificate_list": [pem for der in tls.chain if (pem := _pem(der))] if tls else [],
        "alpn": tls.alpn.encode() if tls and tls.alpn else None,
        "alpn_offers": [name.encode() for name in hello.alpn] if hello else [],
        "cipher": tls.cipher if tls and tls.cipher else None,
        "cipher_list": [],
        "tls_version": version,
        "sni": (hello.sni if hello else "") or None,
        "timestamp_tls_setup": secured,
    }


@lru_cache(maxsize=256)
def _pem(der: bytes) -> bytes:
    """Return a certificate in PEM; nothing where it is damaged, which the whole file would suffer from."""
    from cryptography.x509 import load_der_x509_certificate

    try:
        load_der_x509_certificate(der)
    except ValueError:
        return b""
    return ssl.DER_cert_to_PEM_cert(der).encode()


def _address(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    return (host.removeprefix("[").removesuffix("]"), int(port)) if host and port.isdigit() else None
