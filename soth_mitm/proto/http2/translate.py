"""Messages between HTTP/2 and HTTP/1.1 (RFC 9113 section 8.2.2, RFC 9110 section 7.6): pure functions.

What must change does, and nothing else: pseudo-fields and start line, the fields that concern one
connection, names in lower case towards HTTP/2, cookie crumbs joined towards HTTP/1 (section 8.2.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.proto.http1 import rewrite

if TYPE_CHECKING:
    from soth_mitm.proto.http2.heads import RequestHead
    from soth_mitm.proto.http2.hpack import Field, Fields

_PER_CONNECTION = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    )
)
"""Fields that concern one connection, and never go on where the version changes."""
_NOT_IN_TRAILERS = _PER_CONNECTION | {b"content-length", b"host", b"trailer"}


def request_to_h1(head: RequestHead, *, chunked: bool, authority: bytes = b"") -> bytes:
    """Return the head of a request as HTTP/1.1; `chunked` where a body of unknown length follows.

    `authority` goes into the Host field, instead of what the request says.
    """
    host = authority or head.authority or head.host
    out = [b"%b %b HTTP/1.1\r\n" % (head.method, head.path)]
    if host:
        out.append(b"host: " + host + b"\r\n")
    out += _lines_of_request(head)
    if head.wants_trailers:
        out.append(b"te: trailers\r\nconnection: te\r\n")
    if chunked:
        out.append(b"transfer-encoding: chunked\r\n")
    out.append(b"\r\n")
    return b"".join(out)


def upgrade_to_h1(head: RequestHead, *, key: bytes) -> bytes:
    """Return an extended CONNECT as an Upgrade of HTTP/1.1 (RFC 8441 section 5); `key` is of a WebSocket."""
    out = [
        b"GET %b HTTP/1.1\r\nhost: %b\r\n" % (head.path, head.authority),
        b"connection: Upgrade\r\nupgrade: %b\r\n" % head.protocol,
    ]
    if key:
        out.append(b"sec-websocket-key: " + key + b"\r\n")
    out += [line for line in _lines_of_request(head) if not line.startswith(b"sec-websocket-key:")]
    out.append(b"\r\n")
    return b"".join(out)


def upgrade_to_h2(path: bytes, raw: bytes, *, protocol: bytes, scheme: bytes) -> Fields:
    """Return a request of HTTP/1.1 for a WebSocket as an extended CONNECT."""
    fields = request_to_h2(b"CONNECT", path, raw, scheme=scheme)
    kept = (pair for pair in fields[1:] if pair[0] != b"sec-websocket-key")
    return ((b":method", b"CONNECT"), (b":protocol", protocol), *kept)


def switched_to_h2(raw: bytes) -> Fields:
    """Return a 101 as the answer to an extended CONNECT."""
    fields = response_to_h2(200, raw)
    return tuple(pair for pair in fields if pair[0] not in (b"sec-websocket-accept", b"content-length"))


def switched_to_h1(fields: Fields, *, protocol: bytes, accept: bytes) -> bytes:
    """Return the answer to an extended CONNECT as a 101; `accept` answers the key of a WebSocket's client."""
    own = (
        (b"Connection", b"Upgrade"),
        (b"Upgrade", protocol),
        (b"Sec-WebSocket-Accept", accept),
    )
    dropped = (b"sec-websocket-accept", b"content-length")
    kept = tuple(pair for pair in fields if pair[0] not in dropped and pair[0] not in _PER_CONNECTION)
    lines = [
        name + b": " + value.strip(b" \t") + b"\r\n" for name, value in (*own, *kept) if name[:1] != b":"
    ]
    return b"HTTP/1.1 101 Switching Protocols\r\n" + b"".join(lines) + b"\r\n"


def _lines_of_request(head: RequestHead) -> list[bytes]:
    """Return the lines of a request's fields, but for those that concern one connection."""
    out: list[bytes] = []
    cookies = [value for name, value in head.fields if name == b"cookie"]
    for name, value in head.fields:
        if name[:1] == b":" or name == b"host" or name in _PER_CONNECTION:
            continue
        if name == b"cookie":
            if not cookies:
                continue
            value, cookies = b"; ".join(cookies), []
        out.append(name + b": " + value.strip(b" \t") + b"\r\n")
    return out


def request_to_h2(method: bytes, path: bytes, raw: bytes, *, scheme: bytes, authority: bytes = b"") -> Fields:
    """Return the fields of an HTTP/1 request for HTTP/2; its Host becomes `:authority`."""
    fields = rewrite.fields(raw)
    dropped = _PER_CONNECTION | _named_by_connection(fields)
    host = authority
    wants_trailers = False
    rest: list[Field] = []
    for name, value in fields:
        name = name.lower()
        if name == b"host":
            host = host or value
        elif name == b"te":
            wants_trailers = b"trailers" in [part.strip().lower() for part in value.split(b",")]
        elif name not in dropped:
            rest.append((name, value))
    pseudo: list[Field] = [
        (b":method", method),
        (b":scheme", scheme),
        (b":authority", host),
        (b":path", path),
    ]
    if wants_trailers:
        rest.append((b"te", b"trailers"))
    return (*(pair for pair in pseudo if pair[1]), *rest)


def response_to_h2(status: int, raw: bytes) -> Fields:
    """Return the fields of an HTTP/1 response head for HTTP/2."""
    fields = rewrite.fields(raw)
    dropped = (_PER_CONNECTION | _named_by_connection(fields)) - {b"proxy-authenticate"}
    out: list[Field] = [(b":status", b"%d" % status)]
    for name, value in fields:
        name = name.lower()
        if name not in dropped:
            out.append((name, value))
    return tuple(out)


def response_to_h1(
    status: int, fields: Fields, *, reason: bytes, chunked: bool, close: bool = False
) -> bytes:
    """Return the head of an HTTP/2 response as HTTP/1.1."""
    out = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    for name, value in fields:
        if name[:1] != b":" and name not in _PER_CONNECTION:
            out.append(name + b": " + value.strip(b" \t") + b"\r\n")
    if chunked:
        out.append(b"transfer-encoding: chunked\r\n")
    if close:
        out.append(b"connection: close\r\n")
    out.append(b"\r\n")
    return b"".join(out)


def trailers_to_h2(section: bytes) -> Fields:
    """Return the fields of an HTTP/1 trailer section; what may not stand there is left out."""
    fields = rewrite.fields(b"\r\n" + section + b"\r\n")
    lowered = ((name.lower(), value) for name, value in fields)
    return tuple(pair for pair in lowered if pair[0] not in _NOT_IN_TRAILERS and pair[0][:1] != b":")


def trailers_to_h1(fields: Fields) -> bytes:
    """Return the lines of a trailer section, without the empty one."""
    kept = (pair for pair in fields if pair[0] not in _NOT_IN_TRAILERS)
    return b"".join(name + b": " + value.strip(b" \t") + b"\r\n" for name, value in kept)


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: bytes = b"") -> bytes:
    """Return the end of a chunked body."""
    return b"0\r\n" + trailers + b"\r\n"


def _named_by_connection(fields: list[Field]) -> set[bytes]:
    """Return the names that the Connection field says concern only this connection."""
    return {
        option.strip(b" \t").lower()
        for name, value in fields
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
