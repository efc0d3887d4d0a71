"""What bytes without a telling type look like: magic numbers first, then formats that read them all."""

from __future__ import annotations

from soth_mitm.decode.cbor_view import cbor_reason
from soth_mitm.decode.image_view import image_of
from soth_mitm.decode.msgpack_view import msgpack_reason
from soth_mitm.decode.protobuf.view import protobuf_reason

_MEDIA = (b"image/", b"audio/", b"video/", b"font/")


def of_bytes(data: bytes, media_type: bytes, *, whole: bool) -> tuple[str, str]:
    """Return the name of the decoder for bytes that are no text, and why; empty where none is sure."""
    if image_of(data) is not None:
        return "image", ""
    if media_type.startswith(_MEDIA):
        return "", ""
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
