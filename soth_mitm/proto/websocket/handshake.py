"""Whether an upgrade to a WebSocket is one: RFC 6455 sections 4.1 and 4.2, RFC 8441 for HTTP/2."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.websocket.extensions import Agreed, agreed, parse

if TYPE_CHECKING:
    from soth_mitm.model.fields import Fields

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_BYTES = 16


class HandshakeError(ProtocolError):
    """An upgrade that names WebSocket and is none: what follows is passed on as bytes.

    Codes: `websocket_method`, `websocket_connection`, `websocket_upgrade`, `websocket_version`,
    `websocket_key`, `websocket_accept`, `websocket_status`.
    """


class Handshake(NamedTuple):
    """A valid upgrade."""

    agreed: Agreed = Agreed()
    subprotocol: bytes = b""
    not_offered: tuple[str, ...] = ()
    """What the server chose although the client had not offered it."""

    @property
    def detail(self) -> str:
        """What was agreed on, in one line."""
        words = ["permessage-deflate"] if self.agreed.deflate is not None else []
        words += self.agreed.unknown
        if self.subprotocol:
            words.append(f"subprotocol {self.subprotocol.decode('ascii', 'backslashreplace')}")
        return ", ".join(words)


def accept_of(key: bytes) -> bytes:
    """Return the Sec-WebSocket-Accept that answers a key."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def check(method: bytes, request: Fields, response: Fields) -> Handshake:
    """Judge an upgrade over HTTP/1.1 that the server answered with 101.

    Raises:
        HandshakeError: it breaks a rule that makes the connection no WebSocket.
    """
    if method != b"GET":
        raise HandshakeError("websocket_method", "the request's method is not GET")
    for fields, whose in ((request, "request"), (response, "response")):
        if not _lists(fields, b"connection", b"upgrade"):
            raise HandshakeError("websocket_connection", f"Connection of the {whose} does not list upgrade")
    if not _lists(request, b"upgrade", b"websocket"):
        raise HandshakeError("websocket_upgrade", "Upgrade of the request does not list websocket")
    if response.joined(b"upgrade").strip().lower() != b"websocket":
        raise HandshakeError("websocket_upgrade", "Upgrade of the response is not websocket")
    _check_version(request)
    key = _key(request)
    if response.joined(b"sec-websocket-accept") != accept_of(key):
        raise HandshakeError("websocket_accept", "Sec-WebSocket-Accept does not answer the client's key")
    return _chosen(request, response)


def check_extended(protocol: bytes, request: Fields, *, status: int, response: Fields) -> Handshake:
    """Judge an extended CONNECT, whose `:protocol` is given, and its answer (RFC 8441 section 5).

    Raises:
        HandshakeError: as `check`. There is no key, and nothing of the connection's to check.
    """
    if protocol.lower() != b"websocket":
        raise HandshakeError("websocket_upgrade", ":protocol is not websocket")
    if not 200 <= status < 300:
        raise HandshakeError("websocket_status", f"the server answered {status}")
    _check_version(request)
    return _chosen(request, response)


def names_websocket(upgrade: bytes | None) -> bool:
    """Return whether an Upgrade value names WebSocket, so that a failed check is worth a word."""
    return upgrade is not None and b"websocket" in _tokens(upgrade)


def _check_version(request: Fields) -> None:
    versions = request.get_all(b"sec-websocket-version")
    if versions != [b"13"]:
        shown = b", ".join(versions).decode("ascii", "backslashreplace")[:40] or "missing"
        raise HandshakeError("websocket_version", f"Sec-WebSocket-Version is not 13: {shown}")


def _key(request: Fields) -> bytes:
    keys = request.get_all(b"sec-websocket-key")
    if len(keys) != 1:
        raise HandshakeError("websocket_key", f"the request has {len(keys)} Sec-WebSocket-Key fields")
    try:
        size = len(base64.b64decode(keys[0], validate=True))
    except binascii.Error:
        size = -1
    if size != _KEY_BYTES:
        raise HandshakeError("websocket_key", "Sec-WebSocket-Key is not the Base64 of 16 bytes")
    return keys[0]


def _chosen(request: Fields, response: Fields) -> Handshake:
    value = response.joined(b"sec-websocket-extensions")
    subprotocol = response.get(b"sec-websocket-protocol")
    missing: list[str] = []
    if value:
        offered = {extension.name for extension in parse(request.joined(b"sec-websocket-extensions"))}
        missing += [extension.name for extension in parse(value) if extension.name not in offered]
    if subprotocol and subprotocol.lower() not in _tokens(request.joined(b"sec-websocket-protocol")):
        missing.append(f"subprotocol {subprotocol.decode('ascii', 'backslashreplace')}")
    return Handshake(agreed(value), subprotocol, tuple(missing))


def _lists(fields: Fields, name: bytes, token: bytes) -> bool:
    return token in _tokens(fields.joined(name))


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip(b" \t").lower() for token in value.split(b",")]
