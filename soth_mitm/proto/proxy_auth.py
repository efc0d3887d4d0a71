"""Basic authentication towards a proxy (RFC 9110 section 11.7, RFC 7617), and its traces in a recording."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING

import msgspec

from soth_mitm.proto.authority import ConnectError

if TYPE_CHECKING:
    from soth_mitm.proto.http1.messages import RequestHead

CHALLENGE = ((b"Proxy-Authenticate", b'Basic realm="soth-mitm", charset="UTF-8"'),)
_FIELD = re.compile(rb"(\n(?i:proxy-authorization):)([^\n]*(?:\n[ \t][^\n]*)*)")
_BASIC = re.compile(rb"[ \t]*[Bb][Aa][Ss][Ii][Cc][ \t]+([A-Za-z0-9+/=]+)[ \t]*\r?")
HIDDEN = b" (hidden)"
"""What stands in a recorded head in the place of credentials."""


class ProxyAuthError(ConnectError):
    """A request without the credentials that the proxy wants; `fields` go into the answer."""

    fields = CHALLENGE

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail, status=407)


def hide(raw: bytes) -> bytes:
    """Return a head without the values of its Proxy-Authorization fields, as it may be recorded."""
    return _FIELD.sub(lambda m: m[1] + HIDDEN + (b"\r" if m[2].endswith(b"\r") else b""), raw)


def admit(head: RequestHead, auth: str) -> RequestHead:
    """Return a head as it may go on and be recorded; the proxy's own pages need no credentials.

    Raises:
        ProxyAuthError: see `check`.
    """
    if head.target[:1] != b"/" and head.target != b"*":
        check(head.raw, auth)
    return msgspec.structs.replace(head, raw=hide(head.raw))


def check(raw: bytes, auth: str) -> None:
    """Check the credentials in a head against `auth`, `user:password`, in constant time.

    Raises:
        ProxyAuthError: they are missing (`proxy_auth_required`), or others (`proxy_auth_wrong`).
    """
    found = _FIELD.findall(raw)
    if not found:
        raise ProxyAuthError("proxy_auth_required", "the client gave no user and password for this proxy")
    basic = _BASIC.fullmatch(found[0][1])
    if basic is None or len(found) > 1:
        raise ProxyAuthError("proxy_auth_wrong", "the credentials for this proxy are not one Basic token")
    try:
        given = base64.b64decode(basic[1], validate=True)
    except binascii.Error:
        given = b""
    if not hmac.compare_digest(given, auth.encode()):
        raise ProxyAuthError("proxy_auth_wrong", "the client gave a wrong user or password for this proxy")
