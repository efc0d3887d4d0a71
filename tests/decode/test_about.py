"""The type of one message, by what the stream says that it is in."""

from __future__ import annotations

import pytest

from soth_mitm.decode.about import message_type


@pytest.mark.parametrize(
    ("form", "label", "media_type", "wanted"),
    [
        ("grpc", "message", b"application/grpc", b"application/x-protobuf"),
        ("grpc", "message", b"application/grpc-web+proto", b"application/x-protobuf"),
        ("grpc", "message", b"application/octet-stream", b"application/x-protobuf"),
        ("grpc", "message", b"application/grpc+json", b"application/json"),
        ("grpc", "end", b"application/connect+proto", b"application/json"),
        ("grpc", "trailers", b"application/grpc-web+proto", b"text/plain"),
        ("ndjson", "", b"application/x-ndjson", b"application/json"),
        ("parts", "image/png", b"multipart/mixed", b"image/png"),
        ("sse", "message", b"text/event-stream", b""),
        ("ws", "binary", b"", b""),
    ],
)
def test_a_stream_that_says_what_its_messages_are_is_believed(
    form: str, label: str, media_type: bytes, wanted: bytes
) -> None:
    assert message_type(form, label, media_type) == wanted
