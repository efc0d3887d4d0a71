"""Heads and trailers: judged by RFC 9113 section 8, and laid out as lines.

The lines of a block (`:method: GET`, ..., each with CRLF, an empty one at the end) are what events and
handlers call `raw`: the fields as sent, in their order. A value can hold no line end, so they are
unambiguous. One expression in C judges them all; only where it fails is the defect looked for.
"""

from __future__ import annotations

import re
from typing import NoReturn

import msgspec

from soth_mitm.proto.http2.hpack import Decoded, Field, Fields

_VALUE = rb"[\t\x20-\x7e\x80-\xff]*"
_LINES = re.compile(
    rb"(?::[a-z]+: " + _VALUE + rb"\r\n)*(?:[!#$%&'*+\-.^_`|~0-9a-z]+: " + _VALUE + rb"\r\n)*\r\n"
)
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_GOOD_VALUE = re.compile(_VALUE)
_NOTED = re.compile(
    rb"\n(?=[chetkpu])(content-length|content-type|content-encoding|host|expect|te|connection|keep-alive"
    rb"|proxy-connection|transfer-encoding|upgrade): ([^\r]*)"
)
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_TARGET = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*")
_AUTHORITY = re.compile(rb"[\x21-\x22\x24-\x2e\x30-\x3e\x41-\x5b\x5d-\x7e\x80-\xff]*")
"""No space, `#`, `/`, `?`, `@` or backslash, which would mean another host to another reader."""
_STATUS = re.compile(rb"[1-9][0-9][0-9]")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_OF_A_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_REQUEST_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path", b":protocol"))


class Malformed(Exception):
    """A message that must not be relayed (RFC 9113 section 8.1.1): its stream ends, no other does."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a request."""

    raw: bytes
    fields: Fields
    never: tuple[int, ...]
    method: bytes
    scheme: bytes
    authority: bytes
    "As sent, b'' where absent."
    path: bytes
    "b'' of a CONNECT that is not extended."
    protocol: bytes
    "Of an extended CONNECT (RFC 8441), else b''."
    length: int | None
    "The Content-Length."
    content_type: bytes
    host: bytes
    "The Host field, b'' where absent."
    expect_continue: bool
    wants_trailers: bool
    "`te: trailers` was sent."


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """The head of a response, final or interim."""

    raw: bytes
    fields: Fields
    never: tuple[int, ...]
    status: int
    length: int | None
    content_type: bytes
    content_encoding: bytes


class TrailerLines(msgspec.Struct, frozen=True, gc=False):
    """The fields after a body, as lines without an empty one at the end."""

    raw: bytes
    fields: Fields
    never: tuple[int, ...]


def lines(fields: Fields) -> bytes:
    """Lay fields out as lines, each ended by CRLF."""
    if not fields:
        return b""
    return b"\r\n".join([name + b": " + value for name, value in fields]) + b"\r\n"


def request(block: Decoded) -> RequestHead:
    """Judge the head of a request.

    Raises:
        Malformed: it must not be relayed.
    """
    view = block.view
    if type(view) is RequestHead:
        return view
    raw, noted = _judge(block)
    pseudo = _pseudo(block.fields)
    if not pseudo.keys() <= _REQUEST_PSEUDO:
        raise Malformed("h2_pseudo_unknown", f"in a request: {_shown(b' '.join(pseudo))}")
    method, scheme, path = pseudo.get(b":method"), pseudo.get(b":scheme"), pseudo.get(b":path")
    authority, protocol = pseudo.get(b":authority", b""), pseudo.get(b":protocol", b"")
    if method is None:
        raise Malformed("h2_pseudo_missing", "a request without :method")
    if method == b"CONNECT" and not protocol:
        if scheme is not None or path is not None or not authority:
            raise Malformed("h2_connect_malformed", "CONNECT takes :authority, and neither :scheme nor :path")
    elif scheme is None or not path:
        raise Malformed("h2_pseudo_missing", "a request without :scheme or :path")
    elif protocol and (method != b"CONNECT" or not authority):
        raise Malformed("h2_connect_malformed", ":protocol needs CONNECT and :authority (RFC 8441)")
    scheme, path = scheme or b"", path or b""
    _check_target(method, scheme, path=path, authority=authority)
    te = noted.get(b"te")
    if te is not None and te.strip().lower() != b"trailers":
        raise Malformed("h2_te", f"te may only say trailers: {_shown(te)}")
    head = RequestHead(
        raw,
        block.fields,
        block.never,
        method,
        scheme,
        authority,
        path,
        protocol,
        _length(block.fields, noted),
        noted.get(b"content-type", b""),
        noted.get(b"host", b""),
        noted.get(b"expect", b"").lower() == b"100-continue",
        te is not None,
    )
    block.view = head
    return head


def _check_target(method: bytes, scheme: bytes, *, path: bytes, authority: bytes) -> None:
    """Refuse what would mean something else in a request line of HTTP/1."""
    if not _METHOD.fullmatch(method):
        raise Malformed("invalid_method", f":method is no token: {_shown(method)}")
    if path and not (
        _TARGET.fullmatch(path) and (path[0] == 0x2F or (path == b"*" and method == b"OPTIONS"))
    ):
        raise Malformed("invalid_target", f":path is no path: {_shown(path)}")
    if scheme and not _SCHEME.fullmatch(scheme):
        raise Malformed("h2_scheme", f":scheme is none: {_shown(scheme)}")
    if not _AUTHORITY.fullmatch(authority):
        raise Malformed("invalid_authority", f":authority is none: {_shown(authority)}")


def addressed(head: RequestHead, *, scheme: bytes, authority: bytes) -> RequestHead:
    """Return the head with another `:scheme` and `:authority`, and without a Host field."""
    fields: list[Field] = []
    never: list[int] = []
    for position, (name, value) in enumerate(head.fields):
        if name in (b":authority", b"host"):
            continue
        if position in head.never:
            never.append(len(fields) + (name[:1] != b":"))
        fields.append((name, scheme if name == b":scheme" else value))
    at = sum(name[:1] == b":" for name, _ in fields)
    fields.insert(at, (b":authority", authority))
    return request(Decoded(tuple(fields), tuple(never), size=0, oversized=False))


def response(block: Decoded) -> ResponseHead:
    """Judge the head of a response.

    Raises:
        Malformed: it must not be relayed.
    """
    view = block.view
    if type(view) is ResponseHead:
        return view
    raw, noted = _judge(block)
    pseudo = _pseudo(block.fields)
    status = pseudo.get(b":status", b"")
    if len(pseudo) != 1 or not _STATUS.fullmatch(status):
        raise Malformed("h2_status", f"a response needs :status, and no other such field: {_shown(raw)}")
    if status == b"101":
        raise Malformed("h2_status", "101 has no meaning in HTTP/2 (RFC 9113 section 8.6)")
    head = ResponseHead(
        raw,
        block.fields,
        block.never,
        int(status),
        _length(block.fields, noted),
        noted.get(b"content-type", b""),
        noted.get(b"content-encoding", b""),
    )
    block.view = head
    return head


def trailers(block: Decoded) -> TrailerLines:
    """Judge the fields after a body.

    Raises:
        Malformed: they must not be relayed.
    """
    view = block.view
    if type(view) is TrailerLines:
        return view
    raw, _ = _judge(block)
    if block.fields and block.fields[0][0][:1] == b":":
        raise Malformed("h2_pseudo_in_trailers", f"after the body: {_shown(block.fields[0][0])}")
    section = TrailerLines(raw[:-2], block.fields, block.never)
    block.view = section
    return section


def _judge(block: Decoded) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the lines of a block, and its first fields of each name that matters."""
    fields = block.fields
    raw = lines(fields) + b"\r\n"
    count = len(fields) + 1
    if raw.count(b"\n") != count or raw.count(b"\r") != count or not _LINES.fullmatch(raw):
        _explain(fields)
    noted: dict[bytes, bytes] = {}
    for name, value in _NOTED.findall(raw) if count > 1 else ():
        noted.setdefault(name, value)
    if fields and fields[0][0] in _OF_A_CONNECTION:
        noted.setdefault(*fields[0])  # the first line has no line end before it
    wrong = _OF_A_CONNECTION & noted.keys()
    if wrong:
        raise Malformed("h2_connection_field", f"HTTP/2 has no such field: {_shown(min(wrong))}")
    return raw, noted


def _explain(fields: Fields) -> NoReturn:
    """Find the defect of a block that is not well-formed."""
    begun = False
    for name, value in fields:
        if not _GOOD_VALUE.fullmatch(value):
            raise Malformed("h2_field_value", f"a control character in {_shown(name)}: {_shown(value)}")
        if name[:1] == b":":
            if begun:
                raise Malformed("h2_pseudo_order", f"{_shown(name)} comes after other fields")
            if not name[1:].isalpha() or not name.islower():
                raise Malformed("h2_pseudo_unknown", f"no such field: {_shown(name)}")
            continue
        begun = True
        if not _NAME.fullmatch(name):
            upper = name.lower() != name
            reason = "h2_uppercase_name" if upper and _NAME.fullmatch(name.lower()) else "invalid_field_name"
            raise Malformed(reason, f"a field name: {_shown(name)}")
    raise Malformed("invalid_field_name", "a block that is no list of fields")


def _pseudo(fields: Fields) -> dict[bytes, bytes]:
    """Return the fields that begin with a colon; the order has been judged."""
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[:1] != b":":
            break
        if name in found:
            raise Malformed("h2_pseudo_repeated", f"{_shown(name)} comes twice")
        found[name] = value
    return found


def _length(fields: Fields, noted: dict[bytes, bytes]) -> int | None:
    value = noted.get(b"content-length")
    if value is None:
        return None
    if not _DIGITS.fullmatch(value):
        raise Malformed("cl_invalid", f"content-length is no plain number: {_shown(value)}")
    if any(other != value for name, other in fields if name == b"content-length"):
        raise Malformed("cl_conflict", "content-length values differ")
    return int(value)


def _shown(value: bytes) -> str:
    cut = value[:60]
    return f"{cut!r}..." if len(value) > 60 else repr(cut)


__all__ = [
    "Field",
    "Fields",
    "Malformed",
    "RequestHead",
    "ResponseHead",
    "TrailerLines",
    "lines",
    "request",
    "response",
    "trailers",
]
