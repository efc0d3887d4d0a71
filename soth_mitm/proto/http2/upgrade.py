"""HTTP/2 by `Upgrade: h2c` (RFC 7540 section 3.2, which RFC 9113 has given up): the offer in a request."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from soth_mitm.errors import ProtocolError
from soth_mitm.proto.http1 import Framing, RequestHead, rewrite
from soth_mitm.proto.http2 import heads, settings, translate
from soth_mitm.proto.http2.hpack import Decoded

if TYPE_CHECKING:
    from soth_mitm.proto.http2.hpack import Fields

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
_SETTINGS = b"http2-settings"


class OfferError(ProtocolError):
    """An offer that cannot be taken; the request is answered without it."""


def offers(upgrade: bytes | None) -> bool:
    """Return whether the Upgrade field of a request offers HTTP/2."""
    return upgrade is not None and b"h2c" in _tokens(upgrade)


def settings_of(head: RequestHead) -> tuple[tuple[int, int], ...]:
    """Return the client's settings, which come in the request.

    Raises:
        OfferError: `h2c_settings`, they are missing, repeated or wrong; `h2c_body`, a body follows.
    """
    if head.framing is not Framing.NONE and (head.framing is not Framing.LENGTH or head.length):
        raise OfferError("h2c_body", "the request has a body")
    values = [value for name, value in rewrite.fields(head.raw) if name.lower() == _SETTINGS]
    if len(values) != 1:
        raise OfferError("h2c_settings", f"the request has {len(values)} HTTP2-Settings fields")
    try:
        payload = base64.b64decode(values[0] + b"=" * (-len(values[0]) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise OfferError("h2c_settings", "HTTP2-Settings is not base64url") from error
    if len(payload) % 6:
        raise OfferError("h2c_settings", "HTTP2-Settings is cut inside a pair")
    try:
        return settings.parse(payload)
    except settings.IllegalSetting as error:
        raise OfferError("h2c_settings", f"{error}") from error


def as_stream(head: RequestHead, *, scheme: bytes) -> Decoded:
    """Return the request as the head of stream 1.

    Raises:
        OfferError: `h2c_head`, it has no form in HTTP/2.
    """
    path, authority = head.target, b""
    if path[:1] != b"/" and path != b"*":
        authority, _, path = path.split(b"://", 1)[-1].partition(b"/")
        path = b"/" + path
    fields: Fields = translate.request_to_h2(head.method, path, head.raw, scheme=scheme, authority=authority)
    block = Decoded(fields, (), size=0, oversized=False)
    try:
        block.view = heads.request(block)
    except heads.Malformed as error:
        raise OfferError("h2c_head", error.detail) from error
    return block


def without_offer(raw: bytes) -> bytes:
    """Return a request head without the offer, and with whatever else it offers."""
    upgrade = b", ".join(value for name, value in rewrite.fields(raw) if name.lower() == b"upgrade")
    others = [part for part in _parts(upgrade) if part.lower() != b"h2c"]
    gone = {_SETTINGS} if others else {_SETTINGS, b"upgrade"}
    connection = b", ".join(value for name, value in rewrite.fields(raw) if name.lower() == b"connection")
    options = [part for part in _parts(connection) if part.lower() not in gone]
    raw = rewrite.drop_fields(raw, gone if options else gone | {b"connection"})
    kept = [(b"Upgrade", b", ".join(others))] if others else []
    if options:
        kept.append((b"Connection", b", ".join(options)))
    return rewrite.replace_fields(raw, kept)


def _tokens(value: bytes) -> list[bytes]:
    return [part.lower() for part in _parts(value)]


def _parts(value: bytes) -> list[bytes]:
    return [part for part in (piece.strip(b" \t") for piece in value.split(b",")) if part]
