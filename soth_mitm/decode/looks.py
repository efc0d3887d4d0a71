"""What bytes without a telling type look like: magic numbers first, then formats that read them all."""

from __future__ import annotations

import re

from soth_mitm.decode.cbor_view import cbor_reason
from soth_mitm.decode.image_view import image_of
from soth_mitm.decode.jwt import token_of
from soth_mitm.decode.msgpack_view import msgpack_reason
from soth_mitm.decode.protobuf.view import protobuf_reason

_MAGIC = (
    (b"%PDF-", "pdf", "begins like a PDF"),
    (b"PK\x03\x04", "zip", "begins like a zip"),
    (b"PK\x05\x06", "zip", "begins like a zip that is empty"),
    (b"\x1f\x8b\x08", "gzip", "begins like a gzip file"),
    (b"\x28\xb5\x2f\xfd", "gzip", "begins like a zstd file"),
)
_DER = re.compile(rb"\x30[\x81-\x83]..?.?\x30[\x81-\x83]..?.?\xa0\x03\x02\x01\x02\x02", re.DOTALL)
_PEM = re.compile(rb"\s*(?:[^\n]{0,400}\n){0,20}?-----BEGIN (?:X509 |TRUSTED |NEW )?(?:CERTIFICATE|X509 CRL)")
_GRAPHQL = re.compile(
    rb'\s*(?:\[\s*)?\{(?:[^{}]|\{[^{}]*\}){0,2000}?"query"\s*:\s*"'
    rb"(?:\s|\\[nrt]|#(?:[^\\\"]|\\[^n]){0,200}\\n)*(?:query|mutation|subscription|fragment|\{)"
)
_MEDIA = (b"image/", b"audio/", b"video/", b"font/")


def of_bytes(data: bytes, media_type: bytes, *, whole: bool) -> tuple[str, str]:
    """Return the name of the decoder for bytes that are no text, and why; empty where none is sure."""
    if image_of(data) is not None:
        return "image", ""
    for magic, name, reason in _MAGIC:
        if data.startswith(magic):
            return name, reason
    if data[257:262] == b"ustar":
        return "tar", "has the head of a tar"
    if media_type.startswith(_MEDIA):
        return "", ""
    if _DER.match(data) is not None and whole:
        return "certificate", "begins like a certificate in DER"
    reason = msgpack_reason(data, whole=whole)
    if reason:
        return "msgpack", reason
    reason = cbor_reason(data, whole=whole)
    if reason:
        return "cbor", reason
    reason = protobuf_reason(data, whole=whole)
    if reason:
        return "protobuf", reason
    return "", ""


def of_text(data: bytes) -> tuple[str, str]:
    """Return the name of the decoder for text that its type does not tell, and why; empty for none."""
    if data.startswith(b"%PDF-"):
        return "pdf", "begins like a PDF"
    if _PEM.match(data) is not None:
        return "certificate", "has certificates in PEM"
    return ("jwt", "looks like a JSON Web Token") if token_of(data) is not None else ("", "")


def like_graphql(data: bytes) -> bool:
    """Say whether JSON begins like a request that has a document of GraphQL."""
    return _GRAPHQL.match(data) is not None
