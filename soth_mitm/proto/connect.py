"""How a proxy connection begins: telling protocols apart, and the CONNECT request (RFC 9110 section 9.3.6).

A CONNECT head is read by peeking, so nothing here consumes: `head_end` finds the end in what was seen,
`parse_connect` reads exactly that head, and what follows stays where it is.
"""

from __future__ import annotations

import enum
import re

import msgspec

from soth_mitm.proto.authority import AbsoluteTarget, Authority, ConnectError, parse_absolute, parse_authority
from soth_mitm.proto.http1.messages import shown
from soth_mitm.proto.http1.reasons import Reason
from soth_mitm.proto.http1.rewrite import fields

__all__ = [
    "MAX_HEAD",
    "REASONS",
    "AbsoluteTarget",
    "Authority",
    "ConnectError",
    "ConnectRequest",
    "Sniff",
    "head_end",
    "parse_absolute",
    "parse_authority",
    "parse_connect",
    "sniff",
]

MAX_HEAD = 64 * 1024
"Largest CONNECT head in bytes."

_FIX_CLIENT = "Look at the proxy setting of the client."
_AUTHORITY_FORM = "The client should send 'CONNECT host:port HTTP/1.1', IPv6 addresses in brackets."
REASONS: dict[str, Reason] = {
    "incomplete_headers": Reason("The connection ended inside the CONNECT head.", _FIX_CLIENT),
    "invalid_utf8": Reason("The CONNECT head is not valid UTF-8.", _FIX_CLIENT),
    "empty_request_line": Reason("The request line is empty.", _FIX_CLIENT),
    "invalid_request_line": Reason("The request line is not 'CONNECT host:port HTTP/1.1'.", _AUTHORITY_FORM),
    "method_not_connect": Reason("The method is not CONNECT.", _FIX_CLIENT),
    "invalid_http_version": Reason("The version of the CONNECT request is not HTTP/1.x.", _AUTHORITY_FORM),
    "invalid_authority": Reason("The target names no host that can be dialled.", _AUTHORITY_FORM),
    "missing_port": Reason("The target has no port.", _AUTHORITY_FORM),
    "invalid_port": Reason("The port is not a number from 1 to 65535.", _AUTHORITY_FORM),
    "invalid_header": Reason("A line of the CONNECT head is no well-formed field.", _FIX_CLIENT),
    "connect_has_body": Reason("A CONNECT request announces a body, which it cannot have.", _FIX_CLIENT),
    "header_too_large": Reason("The CONNECT head is larger than the limit.", _FIX_CLIENT, 431),
    "not_absolute": Reason("The target is not of the form http://host/path.", _FIX_CLIENT),
    "unsupported_scheme": Reason(
        "The target's scheme is neither http nor https.", "A proxy reaches other schemes through CONNECT."
    ),
}
"The codes of this module and of `authority` in words."

_HEAD_END = re.compile(rb"\n\r?\n")
_VERSION = re.compile(rb"HTTP/1\.[0-9]")
_FIELD_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")
_URL = re.compile(rb"(?i:https?)://")
_PREFACE = b"PRI * HTTP/2.0\r\n"
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")
_METHOD_THEN_SPACE = re.compile(rb"(?:\r?\n)*[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32} ")


class Sniff(enum.Enum):
    """What the first bytes of a connection are."""

    TLS = enum.auto()
    HTTP = enum.auto()
    HTTP2_PREFACE = enum.auto()
    OTHER = enum.auto()
    NEED_MORE = enum.auto()


def sniff(first: bytes) -> Sniff:
    """Tell from its first bytes what a connection speaks; at most 33 bytes are needed.

    HTTP is any token followed by a space, so that methods of every kind pass.
    """
    if first[:1] == b"\x16":
        if first[1:2] not in (b"", b"\x03") or (len(first) > 2 and first[2] > 4):
            return Sniff.OTHER
        return Sniff.TLS if len(first) > 2 else Sniff.NEED_MORE
    if first.startswith(_PREFACE):
        return Sniff.HTTP2_PREFACE
    if _PREFACE.startswith(first):
        return Sniff.NEED_MORE
    if _METHOD_THEN_SPACE.match(first):
        # An SSH greeting with a comment is the one well-known token and space that is no request.
        return Sniff.OTHER if first.startswith(b"SSH-") else Sniff.HTTP
    rest = first.lstrip(b"\r\n")
    return Sniff.NEED_MORE if not rest or _METHOD.fullmatch(rest) else Sniff.OTHER


def head_end(buffer: bytes, start: int = 0, *, limit: int = MAX_HEAD) -> int:
    """Return the length of the head that `buffer` begins with, or -1 where its end is not there yet.

    `start` is how much an earlier call has seen. A head may end with bare line feeds: `parse_connect`
    decides whether that is forgiven. Raises `ConnectError` `header_too_large` beyond `limit`.
    """
    match = _HEAD_END.search(buffer, max(0, start - 2))
    if (match.end() if match else len(buffer) + 1) > limit:
        detail = f"no end of the head within {limit} bytes: {shown(buffer)}"
        raise ConnectError("header_too_large", detail, status=431)
    return match.end() if match else -1


class ConnectRequest(msgspec.Struct, frozen=True, gc=False):
    """A CONNECT request."""

    raw: bytes
    target: bytes
    "As sent."
    authority: Authority
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]
    "Names as sent and values, in order."


def parse_connect(raw: bytes, *, lenient: bool = False) -> ConnectRequest:
    """Read a complete CONNECT head.

    Strict: `CONNECT`, one space, `host:port`, one space, HTTP/1.x, well-formed fields, no body. Lenient:
    the method in any case, a URL instead of an authority, port 443 by default, bare IPv6, odd fields.
    Raises `ConnectError` with a code of `REASONS`.
    """
    if not raw.endswith(b"\n") or not _HEAD_END.search(raw):
        raise ConnectError("incomplete_headers", f"after {len(raw)} bytes: {shown(raw)}")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConnectError("invalid_utf8", f"at byte {error.start}: {shown(raw[error.start :])}") from None
    line, _, rest = raw.partition(b"\n")
    if not line.strip():
        raise ConnectError("empty_request_line", shown(line))
    method, target, version = _request_line(line, lenient=lenient)
    if (method.upper() if lenient else method) != b"CONNECT":
        raise ConnectError("method_not_connect", f"the method is {shown(method)}")
    if not _VERSION.fullmatch(version.upper() if lenient else version):
        raise ConnectError("invalid_http_version", f"the version is {shown(version)}")
    if not lenient:
        _check_field_lines(rest)
    pairs = tuple(fields(raw))
    _check_no_body(pairs)
    authority = _lenient_authority(target) if lenient else parse_authority(target)
    return ConnectRequest(raw, target, authority, int(version[-1:]), pairs)


def _request_line(line: bytes, *, lenient: bool) -> tuple[bytes, bytes, bytes]:
    parts = line.split() if lenient else line.removesuffix(b"\r").split(b" ")
    if len(parts) != 3 or b"" in parts or (not lenient and not line.endswith(b"\r")):
        if parts and parts[0].upper() != b"CONNECT":
            raise ConnectError("method_not_connect", f"the method is {shown(parts[0])}")
        raise ConnectError("invalid_request_line", shown(line))
    return parts[0], parts[1], parts[2]


def _check_field_lines(rest: bytes) -> None:
    for line in re.findall(rb"[^\n]*\n", rest)[:-1]:
        if not _FIELD_LINE.fullmatch(line):
            raise ConnectError("invalid_header", shown(line))
    if not rest.endswith(b"\r\n"):
        raise ConnectError("invalid_header", "the empty line ends with a bare line feed")


def _check_no_body(pairs: tuple[tuple[bytes, bytes], ...]) -> None:
    for name, value in pairs:
        kind = name.lower()
        if kind == b"transfer-encoding" or (kind == b"content-length" and value.strip(b"0") != b""):
            raise ConnectError("connect_has_body", f"{shown(name)}: {shown(value)}")


def _lenient_authority(target: bytes) -> Authority:
    match = _URL.match(target)
    if match is not None:
        target = target[match.end() :]
    return parse_authority(re.split(rb"[/?#]", target)[0], default_port=443, bare_ipv6=True)
