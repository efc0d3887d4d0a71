"""Every decoder: its name, what it is for, how its lines look, and what makes its view.

To add a format: write a `View` in a module of its own and give it an entry here. What a view needs is
loaded when the first payload of its kind is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from soth_mitm.decode import sniff
from soth_mitm.decode.anti_hijack import prefix_of
from soth_mitm.decode.charset import declared_in
from soth_mitm.decode.flowing import Characters, FormView, TextView
from soth_mitm.model.memo import Memo
from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.streams import Stream, stream_of

if TYPE_CHECKING:
    from soth_mitm.decode.about import About
    from soth_mitm.decode.protobuf.schema import Schema
    from soth_mitm.decode.views import View

Look = Literal["plain", "json", "tree", "markup", "form", "code", "hex"]
"""How lines are to be coloured and folded: `json` and `tree` have folds, paths and values."""


class Given(NamedTuple):
    """What a view is made with."""

    about: About
    beginning: bytes
    """The first bytes, as many as there are by now, `sniff.LOOK` at most."""
    charset: str = ""
    """The character set that the text turned out to be in; empty for the one that it seems to be in."""
    schema: Schema | None = None
    """What descriptors of Protocol Buffers declare."""
    depth: int = 0
    """How many payloads are around this one."""
    folding: bool = True
    """Somebody may ask what can be folded."""

    def characters(self) -> Characters:
        """Return what makes text of the bytes."""
        content_type = self.about.content_type
        declares = self.about.media_type == b"text/css" or sniff.markup_of(self.beginning, content_type)
        declared = declared_in(self.beginning) if declares else ""
        return Characters(self.beginning[:4], content_type, charset=self.charset, declared=declared)


class Decoder(NamedTuple):
    """One way to show a payload."""

    name: str
    """What a person, a note and `state.toml` call it."""
    title: str
    """What it is for, in a list of all."""
    look: Look
    make: Callable[[Given], View] | None
    """Makes a view; None for what is no text: hex, images, nothing at all."""
    types: tuple[str, ...] = ()
    """Media types, as expressions that match all of one."""
    text: bool = False
    """It is made of characters: bytes that are none are shown as hex."""
    instead: str = ""
    """What is tried next where it cannot show a payload; empty for text or bytes."""
    cheap: bool = False
    """It costs no more than to show the bytes as they are, so that any size is laid out."""


def _json(given: Given) -> View:
    from soth_mitm.decode.json_flow import JsonView

    return JsonView(given.characters(), prefix_of(given.beginning), folding=given.folding)


def _markup(given: Given) -> View:
    from soth_mitm.decode.markup_flow import MarkupView

    html = sniff.markup_of(given.beginning, given.about.content_type) == "html"
    return MarkupView(given.characters(), html=html)


def _text(given: Given) -> View:
    return TextView(given.characters())


def _form(given: Given) -> View:
    return FormView()


def _msgpack(given: Given) -> View:
    from soth_mitm.decode.msgpack_view import MsgpackView

    return MsgpackView()


def _cbor(given: Given) -> View:
    from soth_mitm.decode.cbor_view import CborView

    return CborView()


def _protobuf(given: Given) -> View:
    from soth_mitm.decode.protobuf.view import ProtobufView

    about, schema = given.about, given.schema
    message = None
    if schema is not None:
        message = schema.of_parameters(about.content_type) or schema.of_path(
            about.path, response=about.response
        )
    return ProtobufView(schema, message)


def _grpc(given: Given) -> View:
    return _messages(given, Stream(MessageForm.GRPC, "grpc", ""))


def _sse(given: Given) -> View:
    return _messages(given, Stream(MessageForm.SSE, "sse", ""))


def _aws_events(given: Given) -> View:
    return _messages(given, Stream(MessageForm.AWS, "aws", ""))


def _json_lines(given: Given) -> View:
    return _messages(given, Stream(MessageForm.NDJSON, "lines", ""))


def _messages(given: Given, stream: Stream) -> View:
    """Make a view of a stream of messages: the one that the type means, where it is of the same form."""
    from soth_mitm.decode.messages_view import MessagesView

    named = stream_of(given.about.content_type, path=given.about.path, streamed=False)
    lines = (MessageForm.NDJSON, MessageForm.JSON)
    if named is not None and (named.form == stream.form or (named.form in lines and stream.form in lines)):
        stream = named
    return MessagesView(given, stream)


def _conversation(given: Given) -> View:
    from soth_mitm.decode.conversation_view import ConversationView

    return ConversationView(given)


def _mcp(given: Given) -> View:
    from soth_mitm.decode.mcp_view import McpView

    return McpView(given)


def _multipart(given: Given) -> View:
    from soth_mitm.decode.multipart_view import MultipartView

    return MultipartView(given)


def _graphql(given: Given) -> View:
    from soth_mitm.decode.graphql_view import GraphqlView

    return GraphqlView(given)


def _javascript(given: Given) -> View:
    from soth_mitm.decode.code_flow import CodeView

    return CodeView(given.characters(), "javascript")


def _css(given: Given) -> View:
    from soth_mitm.decode.code_flow import CodeView

    return CodeView(given.characters(), "css")


def _jwt(given: Given) -> View:
    from soth_mitm.decode.jwt_view import JwtView

    return JwtView(given)


def _dns(given: Given) -> View:
    from soth_mitm.decode.dns_view import DnsView

    return DnsView()


def _certificate(given: Given) -> View:
    from soth_mitm.decode.certificate_view import CertificateView

    return CertificateView()


def _zip(given: Given) -> View:
    from soth_mitm.decode.zip_view import ZipView

    return ZipView()


def _tar(given: Given) -> View:
    from soth_mitm.decode.tar_view import TarView

    return TarView()


def _compressed(given: Given) -> View:
    from soth_mitm.decode.gzip_view import CompressedView

    return CompressedView(given)


def _pdf(given: Given) -> View:
    from soth_mitm.decode.pdf_view import PdfView

    return PdfView()


def _base64(given: Given) -> View:
    from soth_mitm.decode.layer_view import LayerView

    return LayerView(given, "base64")


def _percent(given: Given) -> View:
    from soth_mitm.decode.layer_view import LayerView

    return LayerView(given, "percent")


_ALL: Final = (
    Decoder(
        "json",
        "JSON",
        "json",
        _json,
        (r"(application|text)/(?!stream\+|connect\+|grpc)([\w.+-]+\+)?json",),
        text=True,
    ),
    Decoder(
        "markup",
        "XML or HTML",
        "markup",
        _markup,
        (r"(application|text)/([\w.+-]+\+)?(xml|html)", r"image/svg\+xml"),
        text=True,
    ),
    Decoder("form", "URL-encoded form", "form", _form, (r"application/x-www-form-urlencoded",), text=True),
    Decoder(
        "msgpack",
        "MessagePack",
        "tree",
        _msgpack,
        (r"application/(x-|vnd\.)?(msgpack|messagepack)", r"application/[\w.+-]+\+msgpack"),
    ),
    Decoder(
        "cbor",
        "CBOR",
        "tree",
        _cbor,
        (r"application/([\w.+-]+\+)?cbor(-seq)?", r"application/(cose|cwt|ctap\+cbor|senml-cbor).*"),
    ),
    Decoder("grpc", "gRPC, gRPC-Web, Connect", "tree", _grpc, (r"application/(grpc|connect\+).*",)),
    Decoder(
        "protobuf",
        "Protocol Buffers",
        "tree",
        _protobuf,
        (r"application/(x-|vnd\.google\.)?(protobuf|protobuffer)", r"application/[\w.+-]+\+(proto|protobuf)"),
    ),
    Decoder("sse", "server-sent events", "tree", _sse, ("text/event-stream",), text=True),
    Decoder(
        "aws-events", "AWS event stream", "tree", _aws_events, (r"application/vnd\.amazon\.eventstream",)
    ),
    Decoder(
        "jsonl",
        "JSON lines and records",
        "tree",
        _json_lines,
        (
            r"application/(x-)?(ndjson|jsonl|jsonlines|json-lines|json-stream)",
            r"application/(stream\+json|([\w.+-]+\+)?json-seq)",
        ),
    ),
    Decoder("multipart", "parts, forms with files", "tree", _multipart, (r"multipart/.+",)),
    Decoder(
        "graphql", "GraphQL requests", "tree", _graphql, ("application/graphql",), text=True, instead="json"
    ),
    Decoder(
        "javascript",
        "JavaScript, laid out",
        "code",
        _javascript,
        (r"(application|text)/(x-)?(java|ecma)script",),
        text=True,
    ),
    Decoder("css", "style sheets, laid out", "code", _css, ("text/css",), text=True),
    Decoder("jwt", "JSON Web Token", "tree", _jwt, (r"application/([\w.+-]+\+)?jwt",), text=True),
    Decoder("dns", "DNS message", "tree", _dns, ("application/dns-message",)),
    Decoder(
        "certificate",
        "certificates, PEM or DER",
        "tree",
        _certificate,
        (
            r"application/(x-)?(x509-(ca|user|server)-cert|pem-file|pem-certificate-chain)",
            r"application/(pkix-(cert|crl)|pkcs10|pkcs-crl)",
        ),
    ),
    Decoder(
        "zip",
        "zip archive, listed",
        "plain",
        _zip,
        (
            r"application/(x-)?(zip|zip-compressed|java-archive|epub\+zip|vnd\.android\.package-archive)",
            r"application/(vnd\.openxmlformats-.+|vnd\.oasis\.opendocument.+)",
        ),
        cheap=True,
    ),
    Decoder("tar", "tar archive, listed", "plain", _tar, (r"application/(x-)?(g?tar|ustar)",), cheap=True),
    Decoder(
        "gzip",
        "gzip or zstd file, and what is inside",
        "tree",
        _compressed,
        (r"application/(x-)?(gzip|gtar-compressed|tgz|compressed-tar|zstd)",),
        cheap=True,
    ),
    Decoder("pdf", "PDF, as facts", "plain", _pdf, (r"application/(x-)?pdf",), cheap=True),
    Decoder("base64", "what is inside base64", "tree", _base64, text=True),
    Decoder("percent", "what is inside percent escapes", "tree", _percent, text=True),
    Decoder("conversation", "what was said to a language model, and by it", "tree", _conversation, text=True),
    Decoder("mcp", "MCP, and other JSON-RPC", "tree", _mcp, text=True),
    Decoder("image", "an image: facts, and small", "plain", None, cheap=True),
    Decoder("text", "text as it stands", "plain", _text, text=True, cheap=True),
    Decoder("hex", "bytes as hex", "hex", None, cheap=True),
    Decoder("empty", "nothing", "plain", None, cheap=True),
)

DECODERS: Final[dict[str, Decoder]] = {decoder.name: decoder for decoder in _ALL}

OFFERED: Final[tuple[Decoder, ...]] = tuple(each for each in _ALL if each.make or each.name == "hex")
"""Those that a person may choose."""

TEXT: Final = DECODERS["text"]
HEX: Final = DECODERS["hex"]

_BY_TYPE: Final = tuple((re.compile(kind), decoder) for decoder in _ALL for kind in decoder.types)


def _find(media_type: bytes) -> Decoder | None:
    named = media_type.decode("latin-1")
    return next((decoder for kind, decoder in _BY_TYPE if kind.fullmatch(named)), None)


_FOUND: Final = Memo(_find, entries=512)


def by_type(media_type: bytes) -> Decoder | None:
    """Return the decoder for a media type without parameters."""
    return _FOUND[media_type]
