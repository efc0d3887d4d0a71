"""Which bodies are streams of messages, as their heads tell it, and what splits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.model.memo import Memo
from soth_mitm.model.terms import MessageForm
from soth_mitm.proto import grpc_status
from soth_mitm.proto.aws_events import AwsSplitter
from soth_mitm.proto.grpc import Decompressor, GrpcSplitter, WebTextSplitter
from soth_mitm.proto.json_values import JsonSplitter
from soth_mitm.proto.multipart import PartSplitter, boundary_of
from soth_mitm.proto.ndjson import LineSplitter
from soth_mitm.proto.sse import SseSplitter
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.proto.splitting import Splitter

_LINES: Final = frozenset(
    b"application/" + name
    for name in (
        b"x-ndjson", b"ndjson", b"jsonl", b"x-jsonl", b"jsonlines", b"x-jsonlines", b"json-lines",
        b"stream+json", b"x-json-stream",
    )
)  # fmt: skip
_PARTS: Final = frozenset({b"multipart/x-mixed-replace", b"multipart/mixed"})


class Stream(NamedTuple):
    """What a body is a stream of."""

    form: MessageForm
    framing: str
    """What exactly: a family of gRPC, `lines`, `records`, `values` (perhaps), a boundary's media type."""
    detail: str
    """How it was recognised."""
    sure: bool = True
    """It is one; otherwise the body has to show it."""


def _of_type(content_type: bytes) -> Stream | None:
    essence = content_type.partition(b";")[0].strip().lower()
    shown = printable(essence, 80)
    if essence == b"text/event-stream":
        return Stream(MessageForm.SSE, "sse", shown)
    if essence == b"application/vnd.amazon.eventstream":
        return Stream(MessageForm.AWS, "aws", shown)
    if essence in _LINES:
        return Stream(MessageForm.NDJSON, "lines", shown)
    framing = grpc_status.family(content_type)
    if framing:
        return Stream(MessageForm.GRPC, framing, shown)
    if essence in _PARTS and boundary_of(content_type):
        return Stream(MessageForm.PARTS, "parts", shown)
    if essence.endswith(b"json-seq"):
        return Stream(MessageForm.JSON, "records", shown)
    if essence == b"application/json" or essence.endswith(b"+json"):
        return Stream(MessageForm.JSON, "values", shown, sure=False)
    if essence == b"application/octet-stream":
        return Stream(MessageForm.GRPC, "grpc", shown, sure=False)
    return None


_known: Memo[bytes, Stream | None] = Memo(_of_type, entries=1024)
"""Content types that come again and again."""
_GRPC: Final = MessageForm.GRPC


def stream_of(content_type: bytes, *, path: bytes, streamed: bool) -> Stream | None:
    """Return what a body of this type is a stream of; None where it is none.

    `path` is the request's: where it names a method of gRPC, untyped bytes are taken for its messages.
    `streamed` says that no length was given, without which JSON is a document.
    """
    stream = _known[content_type] if content_type else None
    if stream is None:
        return None
    if stream.form is _GRPC:
        if not stream.sure and path.count(b"/") < 2:  # which names no method: most downloads end here
            return None
        how = grpc_status.detection(content_type if stream.sure else b"", path)
        if not how:
            return None
        return stream._replace(detail=f"{stream.detail}, by {how.replace('_', ' ')}")
    return stream if stream.sure or streamed else None


def splitter_of(
    stream: Stream,
    content_type: bytes,
    *,
    keep: bool,
    decompressor: Callable[[], Decompressor] | None = None,
    text: bool = True,
) -> Splitter:
    """Return what finds the messages of a stream. `keep` and `decompressor` are as the splitters say.

    With `text` false, the base64 of gRPC-Web's text form has been undone.
    """
    if stream.form is MessageForm.SSE:
        return SseSplitter()
    if stream.form is MessageForm.AWS:
        return AwsSplitter(keep=keep)
    if stream.form is MessageForm.NDJSON:
        return LineSplitter(keep=keep)
    if stream.form is MessageForm.PARTS:
        return PartSplitter(boundary_of(content_type), keep=keep)
    if stream.form is MessageForm.JSON:
        return JsonSplitter(keep=keep, records=stream.framing == "records")
    text = text and stream.framing == "grpc-web-text"
    frames = GrpcSplitter(
        keep=keep or text,
        decompressor=decompressor,
        web=stream.framing.startswith("grpc-web"),
        connect=stream.framing == "connect",
    )
    return WebTextSplitter(frames) if text else frames
