"""What is known of a payload besides its bytes."""

from __future__ import annotations

from typing import Final, NamedTuple

from soth_mitm.decode.sniff import essence
from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.aws_events import SIGNED
from soth_mitm.proto.grpc import COMPRESSED, END_OF_STREAM, TRAILERS

ASKED_MOST: Final = 64 * 1024
"""Bytes of a request that go along with its answer."""

COMPRESSED_TYPE: Final = b"application/x-compressed"
"""Said of bytes that are compressed in a way that is not known here, so that nothing is guessed of them."""

_JSON: Final = b"application/json"
_AWS: Final = b"application/vnd.amazon.eventstream"


class About(NamedTuple):
    """Where a payload comes from. It goes to another process, so it holds plain values only."""

    content_type: bytes = b""
    form: str = ""
    """Where it is one message of a flow: what these are framed by, as `model.terms.MessageForm` says it."""
    label: str = ""
    """The label of that message, such as `text` or `binary` of a WebSocket."""
    path: bytes = b""
    """The path of the request."""
    response: bool = False
    """It came from the server."""
    message_encoding: bytes = b""
    """What single messages within it are compressed with: `grpc-encoding` and its kin."""
    asked: bytes = b""
    """The body of the request that this answers, where it helps to read the answer and is small."""

    @property
    def media_type(self) -> bytes:
        """The media type without parameters, in lower case."""
        return essence(self.content_type)


def is_call(form: str, label: str) -> bool:
    """Return whether a message is one of a call's own that can be read, and not what ends their stream."""
    return form == MessageForm.GRPC and label not in (TRAILERS, END_OF_STREAM, COMPRESSED)


def message_type(form: str, label: str, media_type: bytes) -> bytes:
    """Return the media type of one message; empty where its looks must say it.

    `form` and `label` are what its `MessageSeen` has, `media_type` is that of the whole body. A call of
    gRPC or Connect names the format of its messages by a suffix, which is protobuf where there is none.
    """
    if form in (MessageForm.NDJSON, MessageForm.JSON):
        return _JSON
    if form == MessageForm.PARTS:
        return label.encode("latin-1", "replace")
    if form == MessageForm.GRPC and label == COMPRESSED:
        return COMPRESSED_TYPE
    if form == MessageForm.AWS and label == SIGNED:
        return _AWS
    if form != MessageForm.GRPC:
        return b""
    if label == TRAILERS:
        return b"text/plain"
    _, suffixed, suffix = media_type.rpartition(b"+")
    return _JSON if label == END_OF_STREAM or (suffixed and suffix == b"json") else b"application/x-protobuf"
