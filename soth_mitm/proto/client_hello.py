"""The TLS ClientHello, read without consuming it (RFC 8446 section 4.1.2, RFC 6066, RFC 7301).

`needed` says how many bytes must have come before it is worth to look again; `parse` reads the whole
hello, over as many TLS records as it came in; `soth_mitm.proto.fingerprint` makes JA3 and JA4 of it.
"""

from __future__ import annotations

import msgspec

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.http1.messages import shown

MAX_HELLO = 64 * 1024
"Largest hello in bytes, record headers included; hellos with post-quantum keys are below 4 KiB."

_RECORD_HEADER = 5
_HANDSHAKE_HEADER = 4
_MAX_RECORD = 1 << 14
_HANDSHAKE = 22
_CLIENT_HELLO = 1

EXT_SERVER_NAME = 0
EXT_GROUPS = 10
EXT_POINT_FORMATS = 11
EXT_SIGNATURE_ALGORITHMS = 13
EXT_ALPN = 16
EXT_SESSION_TICKET = 35
EXT_PRE_SHARED_KEY = 41
EXT_EARLY_DATA = 42
EXT_SUPPORTED_VERSIONS = 43
EXT_ENCRYPTED_CLIENT_HELLO = 0xFE0D


class ClientHelloError(ProtocolError):
    """Bytes that are no hello: `not_a_hello`, `hello_too_large`, `incomplete_hello`, `malformed_hello`."""


class ClientHello(msgspec.Struct, frozen=True, gc=False):
    """What a client offers; every tuple is in wire order, GREASE values included."""

    legacy_version: int
    versions: tuple[int, ...]
    "supported_versions; empty where the extension is absent."
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    sni: str | None
    "As sent; bytes beyond ASCII are escaped."
    alpn: tuple[bytes, ...]
    groups: tuple[int, ...]
    point_formats: tuple[int, ...]
    signature_algorithms: tuple[int, ...]
    early_data: bool
    session_ticket: bool
    "A ticket of an earlier session is offered (TLS 1.2)."
    psk: bool
    "A pre-shared key, as a rule an earlier session, is offered (TLS 1.3)."
    ech: bool
    length: int
    "Bytes of the hello on the wire, record headers included."


def needed(prefix: bytes) -> int:
    """Return how many bytes of the connection must be there to know more; at most `len(prefix)` when whole.

    The answer is never more than what a whole hello needs, so waiting for it cannot hang on a sound
    client, and it is the whole hello as soon as the handshake header has been seen. Raises
    `ClientHelloError` as soon as the bytes cannot become a hello of at most 64 KiB.
    """
    position = have = 0
    total: int | None = None
    message = bytearray()
    while len(prefix) >= position + _RECORD_HEADER:
        size = _record_size(prefix, position)
        if len(message) < _HANDSHAKE_HEADER:
            start = position + _RECORD_HEADER
            message += prefix[start : start + min(size, _HANDSHAKE_HEADER)]
            total = _message_size(message)
        if total is not None and have + size >= total:
            return position + _RECORD_HEADER + total - have
        position += _RECORD_HEADER + size
        have += size
        if position > MAX_HELLO:
            raise ClientHelloError("hello_too_large", f"more than {MAX_HELLO} bytes")
    if prefix and position == 0:
        _check_first_bytes(prefix)
    if total is None:
        # A first record that is announced but not here yet is waited for whole.
        return position if position > len(prefix) else position + _RECORD_HEADER
    missing = total - have
    return position + missing + _RECORD_HEADER * -(-missing // _MAX_RECORD)


def parse(data: bytes) -> ClientHello:
    """Read the hello that `data` begins with; what follows it is left alone."""
    message, length = _reassemble(data)
    cursor = _Cursor(message)
    legacy_version = cursor.number(2)
    cursor.take(32)
    cursor.vector(1)
    cipher_suites = cursor.numbers(2)
    cursor.vector(1)
    bodies: dict[int, bytes] = {}
    order: list[int] = []
    if not cursor.at_end:
        extensions = _Cursor(cursor.vector(2))
        while not extensions.at_end:
            kind = extensions.number(2)
            order.append(kind)
            bodies.setdefault(kind, extensions.vector(2))
    return ClientHello(
        legacy_version=legacy_version,
        versions=_numbers(bodies.get(EXT_SUPPORTED_VERSIONS), length_size=1),
        cipher_suites=cipher_suites,
        extensions=tuple(order),
        sni=_server_name(bodies.get(EXT_SERVER_NAME)),
        alpn=_protocol_names(bodies.get(EXT_ALPN)),
        groups=_numbers(bodies.get(EXT_GROUPS), length_size=2),
        point_formats=_numbers(bodies.get(EXT_POINT_FORMATS), length_size=1, size=1),
        signature_algorithms=_numbers(bodies.get(EXT_SIGNATURE_ALGORITHMS), length_size=2),
        early_data=EXT_EARLY_DATA in bodies,
        session_ticket=bool(bodies.get(EXT_SESSION_TICKET)),
        psk=EXT_PRE_SHARED_KEY in bodies,
        ech=EXT_ENCRYPTED_CLIENT_HELLO in bodies,
        length=length,
    )


class _Cursor:
    """Read numbers and vectors in network byte order (RFC 8446 section 3)."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            detail = f"{size} bytes announced at byte {self._position} of {len(self._data)}"
            raise ClientHelloError("malformed_hello", detail)
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, length_size: int) -> bytes:
        return self.take(self.number(length_size))

    def numbers(self, length_size: int, size: int = 2) -> tuple[int, ...]:
        wire = self.vector(length_size)
        if len(wire) % size:
            raise ClientHelloError("malformed_hello", f"a list of {size}-byte numbers has {len(wire)} bytes")
        return tuple(int.from_bytes(wire[at : at + size]) for at in range(0, len(wire), size))


def _check_first_bytes(prefix: bytes) -> None:
    if prefix[0] != _HANDSHAKE or prefix[1:2] not in (b"", b"\x03"):
        raise ClientHelloError("not_a_hello", f"not a TLS handshake record: {shown(prefix[:8])}")


def _record_size(data: bytes, position: int) -> int:
    _check_first_bytes(data[position : position + 2])
    size = int.from_bytes(data[position + 3 : position + 5])
    if not 0 < size <= _MAX_RECORD:
        raise ClientHelloError("not_a_hello", f"a handshake record of {size} bytes")
    return size


def _message_size(message: bytes | bytearray) -> int | None:
    """Return the size of the handshake message, header included, once its header is there."""
    if message and message[0] != _CLIENT_HELLO:
        raise ClientHelloError("not_a_hello", f"handshake message of type {message[0]}, not a ClientHello")
    if len(message) < _HANDSHAKE_HEADER:
        return None
    total = _HANDSHAKE_HEADER + int.from_bytes(message[1:4])
    if total + _RECORD_HEADER * -(-total // _MAX_RECORD) > MAX_HELLO:
        raise ClientHelloError("hello_too_large", f"a hello of {total} bytes; at most {MAX_HELLO} are read")
    return total


def _reassemble(data: bytes) -> tuple[bytes, int]:
    """Return the body of the hello and the bytes it took on the wire."""
    end = needed(data)
    if end > len(data):
        raise ClientHelloError("incomplete_hello", f"{len(data)} bytes of at least {end}")
    position, message = 0, bytearray()
    while position < end:
        size = _record_size(data, position)
        position += _RECORD_HEADER
        message += data[position : min(position + size, end)]
        position += size
    return bytes(message[_HANDSHAKE_HEADER:]), end


def _numbers(body: bytes | None, *, length_size: int, size: int = 2) -> tuple[int, ...]:
    return _Cursor(body).numbers(length_size, size) if body else ()


def _server_name(body: bytes | None) -> str | None:
    if not body:
        return None
    names = _Cursor(_Cursor(body).vector(2))
    while not names.at_end:
        kind, name = names.number(1), names.vector(2)
        if kind == 0:
            return name.decode("ascii", "backslashreplace")
    return None


def _protocol_names(body: bytes | None) -> tuple[bytes, ...]:
    if not body:
        return ()
    cursor, names = _Cursor(_Cursor(body).vector(2)), []
    while not cursor.at_end:
        names.append(cursor.vector(1))
    return tuple(names)
