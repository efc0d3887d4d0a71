"""Which decoder a payload is shown by.

A person's choice comes first, then the media type, then what the bytes look like. Whatever did not
follow from the type alone has a reason that can be shown. The decoders themselves are in `catalogue`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.decode import looks, sniff
from soth_mitm.decode.about import COMPRESSED_TYPE
from soth_mitm.decode.anti_hijack import prefix_of
from soth_mitm.decode.catalogue import DECODERS, HEX, OFFERED, TEXT, Decoder, Given, Look, by_type
from soth_mitm.decode.code_flow import is_short
from soth_mitm.decode.llm import mcp
from soth_mitm.decode.llm.recognise import recognise
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.about import About

__all__ = ["DECODERS", "HEX", "OFFERED", "TEXT", "Choice", "Decoder", "Given", "Look", "choose"]


_LINES: Final = re.compile(rb"\}[ \t]*\r?\n[ \t]*\{")
_TALKED: Final = ("aws-events", "jsonl")
"""Streams that are no text, in which models may answer."""


class Choice(NamedTuple):
    """How to show a payload, and why where that is not plain."""

    decoder: Decoder
    reason: str = ""


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
    if about.content_type == COMPRESSED_TYPE:
        return Choice(HEX, "compressed in a way that is not known here")
    plain = sniff.choose(data, about.content_type)
    decoder = by_type(about.media_type)
    if decoder is not None and decoder.name in _TALKED and not about.form:
        known = recognise(about.path, data, about.media_type, response=about.response)
        if known is not None:
            return Choice(DECODERS["conversation"], known.reason)
    if decoder is not None and not decoder.text:
        return Choice(decoder, printable(about.media_type, 80))
    if plain.kind == "hex":
        return _binary(data, about, plain, whole=whole)
    return _text_like(data, about, plain, decoder, bold=bold)


def _binary(data: bytes, about: About, plain: sniff.Choice, *, whole: bool) -> Choice:
    name, reason = looks.of_bytes(data, about.media_type, whole=whole)
    if name:
        return Choice(DECODERS[name], reason or plain.reason)
    return Choice(HEX, plain.reason)


def _text_like(
    data: bytes, about: About, plain: sniff.Choice, named: Decoder | None, *, bold: bool
) -> Choice:
    """Choose for what is made of characters; `named` is what its type says."""
    is_json = plain.kind == "json" if named is None else named.name == "json"
    if not about.form and (is_json or named is None or named.name == "sse"):
        known = recognise(about.path, data, about.media_type, response=about.response)
        if known is not None:
            return Choice(DECODERS["conversation"], known.reason)
        reason = mcp.recognise(about.path, data, about.media_type)
        if reason:
            return Choice(DECODERS["mcp"], reason)
    if is_json and not about.response and looks.like_graphql(data):
        return Choice(DECODERS["graphql"], "JSON with a GraphQL query")
    if named is not None and named.look != "code":
        return Choice(named, printable(about.media_type, 80) if plain.reason else "")
    if prefix_of(data) is not None:
        return Choice(DECODERS["json"], "begins like JSON that must not be run as a script")
    if named is not None:
        return Choice(named if bold or is_short(data) else TEXT, plain.reason)
    if is_json:
        return Choice(DECODERS["json"], plain.reason)
    if bold and sniff.choose(data, b"").kind == "json":
        return Choice(DECODERS["json"], "looks like JSON")
    name, reason = looks.of_text(data)
    if name:
        return Choice(DECODERS[name], reason)
    if sniff.markup_of(data, b"" if bold else about.content_type):
        return Choice(DECODERS["markup"], plain.reason)
    return Choice(TEXT, plain.reason)


def as_it_stands(data: bytes, about: About) -> Choice:
    """Choose for a payload that is to be shown as text, or as bytes where it is none."""
    plain = sniff.choose(data, about.content_type)
    return Choice(HEX if plain.kind == "hex" else TEXT, plain.reason)


def instead_of(decoder: Decoder, data: bytes) -> Decoder:
    """Return what shows a payload that a decoder could not: the text as it stands, or bytes."""
    if decoder.instead:
        return DECODERS[decoder.instead]
    if decoder.name in ("conversation", "mcp"):
        if sniff.JSON_START.match(data):
            return DECODERS["jsonl" if _LINES.search(data) else "json"]
        return DECODERS["aws-events" if data[:1] == b"\0" else "sse"]
    return TEXT if decoder.text or sniff.looks_like_text(data) else HEX
