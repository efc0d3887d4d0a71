"""Heads tell which bodies are streams of messages, and an ordinary body is none."""

from __future__ import annotations

import pytest

from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.grpc import GrpcSplitter, WebTextSplitter
from soth_mitm.proto.json_values import JsonSplitter
from soth_mitm.proto.multipart import PartSplitter
from soth_mitm.proto.ndjson import LineSplitter
from soth_mitm.proto.sse import SseSplitter
from soth_mitm.proto.streams import splitter_of, stream_of


@pytest.mark.parametrize(
    ("content_type", "form", "splitter"),
    [
        (b"text/event-stream; charset=utf-8", MessageForm.SSE, SseSplitter),
        (b"Application/X-NDJSON", MessageForm.NDJSON, LineSplitter),
        (b"application/jsonl", MessageForm.NDJSON, LineSplitter),
        (b"application/json-seq", MessageForm.JSON, JsonSplitter),
        (b"application/geo+json-seq", MessageForm.JSON, JsonSplitter),
        (b"application/grpc+proto", MessageForm.GRPC, GrpcSplitter),
        (b"application/grpc-web", MessageForm.GRPC, GrpcSplitter),
        (b"application/grpc-web-text+proto", MessageForm.GRPC, WebTextSplitter),
        (b"application/connect+json", MessageForm.GRPC, GrpcSplitter),
        (b"multipart/x-mixed-replace; boundary=x", MessageForm.PARTS, PartSplitter),
    ],
)
def test_a_media_type_names_a_stream_and_what_splits_it(
    content_type: bytes, form: MessageForm, splitter: type
) -> None:
    stream = stream_of(content_type, path=b"/", streamed=False)
    assert stream is not None
    assert (stream.form, stream.sure) == (form, True)
    assert type(splitter_of(stream, content_type, keep=True)) is splitter


@pytest.mark.parametrize(
    "content_type",
    [b"", b"text/html", b"application/octet-stream", b"multipart/mixed", b"multipart/form-data; boundary=x",
     b"application/protobuf", b"text/event-streams", b"\xff/\x00"],
)  # fmt: skip
def test_other_bodies_are_no_streams(content_type: bytes) -> None:
    assert stream_of(content_type, path=b"/v1/items", streamed=True) is None


def test_json_may_be_a_stream_only_where_no_length_was_given() -> None:
    for kind in (b"application/json", b"application/vnd.docker.raw-stream+json; x=y"):
        assert stream_of(kind, path=b"/", streamed=False) is None
        stream = stream_of(kind, path=b"/", streamed=True)
        assert stream is not None
        assert (stream.form, stream.sure) == (MessageForm.JSON, False)


def test_untyped_bytes_on_the_path_of_a_method_may_be_grpc() -> None:
    stream = stream_of(b"application/octet-stream", path=b"/shop.v1.Orders/Get", streamed=False)
    assert stream is not None
    assert (stream.form, stream.sure, stream.detail) == (
        MessageForm.GRPC,
        False,
        "application/octet-stream, by path",
    )


def test_many_media_types_are_not_remembered_for_ever() -> None:
    from soth_mitm.proto.streams import _known

    for number in range(3000):
        stream_of(b"text/x-%d" % number, path=b"/", streamed=True)
    stream_of(b"text/" + b"x" * 10_000, path=b"/", streamed=True)
    assert len(_known) <= 1024
    assert max(map(len, _known)) <= 256
