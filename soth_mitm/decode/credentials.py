"""What `Authorization` and `WWW-Authenticate` say, in parts (RFC 9110 section 11, RFC 7617, 7616, 6750)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from soth_mitm.decode.jwt import token_of
from soth_mitm.text import SafeText, printable

MOST_PARTS: Final = 100
"""Parts of one value that are told."""

_SCHEME: Final = re.compile(rb"\s*([A-Za-z0-9!#$%&'*+.^_`|~-]{1,60})(?:\s+|\Z)")
_PARAMETER: Final = re.compile(
    rb"[\s,]*([A-Za-z0-9!#$%&'*+.^_`|~-]{1,60})\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^,\s=\"][^,\s]*)", re.DOTALL
)
_CHALLENGE: Final = re.compile(
    rb",?\s*([A-Za-z][A-Za-z0-9-]{1,59})(?=\s+[^=,\s]+\s*=[^=]|\s*,|\s*\Z|\s+[A-Za-z0-9+/]{8})"
)
_TIMES: Final = frozenset({"iat", "nbf", "exp", "auth_time"})
_PROOFS: Final = frozenset(
    {"response", "signature", "cnonce", "nonce", "opaque", "oauth_signature", "oauth_token"}
)
_SCOPE: Final = ("access key", "day", "region", "service")
_LONGEST: Final = 16 * 1024


class Piece(NamedTuple):
    """One part of what a field says."""

    name: SafeText
    value: SafeText
    secret: bool = False
    moment: int = 0
    """Seconds since 1970 that the value is, 0 where it is none."""


def credentials(value: bytes) -> list[Piece]:
    """Return the parts of an `Authorization` or `Proxy-Authorization`. Never raises."""
    match = _SCHEME.match(value[:_LONGEST])
    if match is None:
        return []
    scheme, rest = match[1].lower(), value[match.end() : _LONGEST].strip()
    pieces = [Piece(SafeText("scheme"), printable(match[1]))]
    if scheme == b"basic":
        pieces += _basic(rest)
    elif scheme in (b"bearer", b"dpop", b"token"):
        pieces += _token(rest)
    elif scheme.startswith(b"aws4-"):
        pieces += _aws(rest)
    elif scheme in (b"negotiate", b"ntlm"):
        pieces += _sealed(rest)
    else:
        pieces += list(_parameters(rest)) or _opaque(rest)
    return pieces[:MOST_PARTS]


def challenges(value: bytes) -> list[Piece]:
    """Return the parts of a `WWW-Authenticate` or `Proxy-Authenticate`: schemes, each with what it wants."""
    pieces: list[Piece] = []
    value, at = value[:_LONGEST].strip(), 0
    while at < len(value) and len(pieces) < MOST_PARTS:
        parameter = _PARAMETER.match(value, at)
        if parameter is not None:
            pieces.append(_named(parameter)._replace(secret=False))
            at = parameter.end()
            continue
        scheme = _CHALLENGE.match(value, at)
        if scheme is None:
            rest = value[at:].strip(b", ")
            pieces += [Piece(SafeText("token"), printable(rest, 200))] if rest else []
            break
        pieces.append(Piece(SafeText("scheme"), printable(scheme[1])))
        at = scheme.end()
    return pieces


def _basic(rest: bytes) -> list[Piece]:
    if not rest:
        return []
    try:
        plain = base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
    except (binascii.Error, ValueError):
        return [Piece(SafeText("not base64"), printable(rest), secret=True)]
    user, colon, password = plain.partition(b":")
    pieces = [Piece(SafeText("user"), printable(user))]
    return [*pieces, Piece(SafeText("password"), printable(password), secret=True)] if colon else pieces


def _token(rest: bytes) -> list[Piece]:
    token = token_of(rest)
    if token is None:
        return _opaque(rest)
    pieces = [*_members(token.header), *_members(token.payload)]
    if token.sealed is not None:
        size = len(token.sealed[2])
        pieces.append(Piece(SafeText("claims"), SafeText(f"encrypted, {size:,} bytes")))
    else:
        pieces.append(Piece(SafeText("signature"), SafeText(f"{len(token.signature):,} bytes, not checked")))
    return pieces


def _members(part: bytes) -> Iterator[Piece]:
    """Yield the members of a header or of claims as they were written."""
    try:
        members = msgspec.json.decode(part, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return
    for name, raw in members.items():
        value = bytes(raw)
        moment = int(value) if name in _TIMES and value.isdigit() and len(value) < 12 else 0
        shown = value[1:-1] if value[:1] == b'"' and b"\\" not in value else value
        yield Piece(printable(name, 60), printable(shown, 1000), moment=moment)


def _aws(rest: bytes) -> list[Piece]:
    """Take Signature Version 4 apart: whose key, for which day, region and service, over which fields."""
    pieces: list[Piece] = []
    for piece in _parameters(rest):
        parts = piece.value.split("/")
        if piece.name == "Credential" and len(parts) >= len(_SCOPE):
            key = "/".join(parts[: len(parts) - 4])
            scope = zip(_SCOPE, (key, *parts[-4:-1]), strict=True)
            pieces += [Piece(SafeText(name), SafeText(value)) for name, value in scope]
        else:
            pieces.append(piece)
    return pieces


def _sealed(rest: bytes) -> list[Piece]:
    try:
        token = base64.b64decode(rest + b"=" * (-len(rest) % 4))
    except (binascii.Error, ValueError):
        return _opaque(rest)
    what = "Kerberos or SPNEGO"
    if token.startswith(b"NTLMSSP\0"):
        what = f"NTLM message {int.from_bytes(token[8:12], 'little')}"
    return [Piece(SafeText("token"), SafeText(f"{what}, {len(token):,} bytes"))]


def _opaque(rest: bytes) -> list[Piece]:
    return [Piece(SafeText("token"), printable(rest), secret=True)] if rest else []


def _parameters(rest: bytes) -> Iterator[Piece]:
    at = 0
    for _ in range(MOST_PARTS):
        match = _PARAMETER.match(rest, at)
        if match is None:
            return
        yield _named(match)
        at = match.end()


def _named(match: re.Match[bytes]) -> Piece:
    name, value = printable(match[1]), match[2]
    if value[:1] == b'"':
        value = re.sub(rb"\\(.)", rb"\1", value[1:-1])
    return Piece(name, printable(value, 2000), secret=name.lower() in _PROOFS)
