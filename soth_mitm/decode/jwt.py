"""JSON Web Tokens (RFC 7519) in their parts."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

import msgspec

LONGEST: Final = 256 * 1024
"""Bytes of a token that is taken apart."""

_TOKEN: Final = re.compile(rb"[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){2,4}")
_TIMES: Final = ("iat", "nbf", "exp", "auth_time", "updated_at")
_ENCRYPTED: Final = 5


class Token(NamedTuple):
    """A token in its parts, decoded."""

    header: bytes
    payload: bytes
    """The claims; of an encrypted token, nothing."""
    signature: bytes
    sealed: tuple[bytes, bytes, bytes] | None = None
    """Of an encrypted token, the encrypted key, the initialization vector, and the claims encrypted."""

    @property
    def times(self) -> list[tuple[str, int]]:
        """The claims that are moments, with their seconds since 1970, in their order."""
        claims = _members(self.payload)
        found = ((name, claims.get(name)) for name in _TIMES)
        return [
            (name, int(value)) for name, value in found if isinstance(value, int | float) and value == value
        ]


def token_of(data: bytes) -> Token | None:
    """Return a token in its parts; None where it is none. Never raises."""
    data = data.strip()
    if len(data) > LONGEST or not data.startswith(b"ey") or not _TOKEN.fullmatch(data):
        return None
    parts = [_unbased(part) for part in data.split(b".")]
    header = parts[0] or b""
    if not _members(header):
        return None
    if len(parts) == _ENCRYPTED:
        return Token(header, b"", parts[4] or b"", (parts[1] or b"", parts[2] or b"", parts[3] or b""))
    if len(parts) != 3 or parts[1] is None:
        return None
    return Token(header, parts[1], parts[2] or b"")


def _unbased(part: bytes) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None


def _members(data: bytes) -> dict[str, object]:
    try:
        found: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
