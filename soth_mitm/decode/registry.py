"""Every decoder: its name, what it is for, how its lines look; and which one a payload is shown by.

A person's choice comes first, then the media type, then what the bytes look like. Whatever did not
follow from the type alone has a reason that can be shown. To add a format: write a `View` in a module
of its own and give it an entry here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from soth_mitm.decode import looks, sniff
from soth_mitm.decode.anti_hijack import prefix_of
from soth_mitm.decode.flowing import Characters, FormView, TextView
from soth_mitm.model.terms import MessageForm
from soth_mitm.proto.streams import Stream, stream_of
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.about import About
    from soth_mitm.decode.protobuf.schema import Schema
    from soth_mitm.decode.views import View

Look = Literal["plain", "json", "tree", "markup", "form", "hex"]
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

    def characters(self) -> Characters:
        """Return what makes text of the bytes."""
        return Characters(self.beginning[:4], self.about.content_type, charset=self.charset)


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
    cheap: bool = False
    """It costs no more than to show the bytes as they are, so that any size is laid out."""


class Choice(NamedTuple):
    """How to show a payload, and why where that is not plain."""

    decoder: Decoder
    reason: str = ""


# --- the decoders; what they need is loaded when the first payload of their kind is shown -------------


def _json(given: Given) -> View:
    from soth_mitm.decode.json_flow import JsonView

    return JsonView(given.characters(), prefix_of(given.beginning))


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


def _multipart(given: Given) -> View:
    from soth_mitm.decode.multipart_view import MultipartView

    return MultipartView(given)


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
    Decoder("image", "facts about an image", "plain", None, cheap=True),
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


def by_type(media_type: bytes) -> Decoder | None:
    """Return the decoder for a media type without parameters."""
    named = media_type.decode("latin-1")
    return next((decoder for kind, decoder in _BY_TYPE if kind.fullmatch(named)), None)


def choose(data: bytes, about: About, *, whole: bool, wanted: str = "", bold: bool = False) -> Choice:
    """Choose for a payload that begins with `data`, its content codings undone.

    `wanted` is the name of the decoder that a person has chosen; `bold` goes by the looks even where
    the type says that it is plain text; `whole` says that `data` is all of the payload.
    """
    if not data:
        return Choice(DECODERS["empty"])
    decoder = DECODERS.get(wanted)
    if decoder is not None and decoder in OFFERED:
        return Choice(decoder, "chosen by hand")
    plain = sniff.choose(data, about.content_type)
    decoder = by_type(about.media_type)
    if decoder is not None and not decoder.text:
        return Choice(decoder, printable(about.media_type, 80))
    if plain.kind == "hex":
        return _binary(data, about, plain, whole=whole)
    if decoder is not None:
        return Choice(decoder, plain.reason)
    if prefix_of(data) is not None:
        return Choice(DECODERS["json"], "begins like JSON that must not be run as a script")
    if plain.kind == "json":
        return Choice(DECODERS["json"], plain.reason)
    return _by_looks(data, about, plain, bold=bold)


def _binary(data: bytes, about: About, plain: sniff.Choice, *, whole: bool) -> Choice:
    name, reason = looks.of_bytes(data, about.media_type, whole=whole)
    if name:
        return Choice(DECODERS[name], reason or plain.reason)
    return Choice(HEX, plain.reason)


def _by_looks(data: bytes, about: About, plain: sniff.Choice, *, bold: bool) -> Choice:
    content_type = b"" if bold else about.content_type
    if bold and sniff.choose(data, b"").kind == "json":
        return Choice(DECODERS["json"], "looks like JSON")
    if sniff.markup_of(data, content_type):
        return Choice(DECODERS["markup"], plain.reason)
    return Choice(TEXT, plain.reason)


def as_it_stands(data: bytes, about: About) -> Choice:
    """Choose for a payload that is to be shown as text, or as bytes where it is none."""
    plain = sniff.choose(data, about.content_type)
    return Choice(HEX if plain.kind == "hex" else TEXT, plain.reason)


def instead_of(decoder: Decoder, data: bytes) -> Decoder:
    """Return what shows a payload that a decoder could not: the text as it stands, or bytes."""
    return TEXT if decoder.text or sniff.looks_like_text(data) else HEX
