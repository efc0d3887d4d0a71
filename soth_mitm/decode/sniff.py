"""What a body is to be shown as: by what its type says, by its looks where that says nothing."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from soth_mitm.decode.charset import charset_of, has_mark

Kind = Literal["empty", "json", "markup", "form", "image", "text", "hex"]

LOOK = 4096
"""How many bytes are looked at."""

_JSON = re.compile(rb"(?:application|text)/(?:[\w.+-]+\+)?json")
_LINES = {
    b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines",
    b"application/jsonlines", b"application/json-seq", b"application/stream+json",
}  # fmt: skip
_TEXT = re.compile(
    rb"text/.+|application/(?:[\w.+-]+\+)?(?:xml|yaml)|application/(?:x-)?(?:java|ecma)script"
    rb"|application/(?:graphql|sql|toml|x-sh|x-yaml|xml-dtd|x-www-form-urlencoded|x-pem-file)"
    rb"|image/svg\+xml|message/http|multipart/.+"
)
_MARKUP = re.compile(rb"(?:application|text)/(?:[\w.+-]+\+)?(?:xml|html)|image/svg\+xml")
_MARKUP_START = re.compile(rb"\s*<(?:\?xml|!doctype|!--|html|[A-Za-z][\w:.-]*[\s/>])", re.IGNORECASE)
_FORM = b"application/x-www-form-urlencoded"
_NO_TYPE = {b"", b"application/octet-stream", b"binary/octet-stream", b"*/*"}
_CONTROLS = bytes([*range(9), *range(14, 27), *range(28, 32), 127])
JSON_START = re.compile(rb"\s*(?:\{\s*(?:[\"}]|$)|\[\s*(?:[\[\]{\"\d-]|true|false|null|$))")
"""How JSON begins that is an object or an array."""


class Choice(NamedTuple):
    """How to show a body, and why where that is not plain from its type."""

    kind: Kind
    reason: str = ""


def essence(content_type: bytes) -> bytes:
    """Return a media type without its parameters, in lower case."""
    return content_type.partition(b";")[0].strip().lower()


def markup_of(data: bytes, content_type: bytes) -> Literal["", "xml", "html"]:
    """Return which markup a text is: by its type, or by its looks where that says nothing."""
    named = essence(content_type)
    if _MARKUP.fullmatch(named):
        return "html" if named.endswith(b"html") and not named.endswith(b"+xml") else "xml"
    if named not in _NO_TYPE or not _MARKUP_START.match(data[:LOOK]):
        return ""
    return "html" if re.match(rb"\s*<(?:!doctype html|html)", data, re.IGNORECASE) else "xml"


def choose(data: bytes, content_type: bytes) -> Choice:
    """Choose for a body whose content codings are undone."""
    if not data:
        return Choice("empty")
    named = essence(content_type)
    if named in _NO_TYPE:
        return _by_looks(data, "no type given" if not named else named.decode())
    if named in _LINES or _TEXT.fullmatch(named) or _JSON.fullmatch(named):
        if _is_binary(data, content_type):
            return Choice("hex", f"said to be {named.decode('ascii', 'replace')}, but holds binary bytes")
        if named == _FORM:
            return Choice("form")
        return Choice("json" if _JSON.fullmatch(named) and named not in _LINES else "text")
    if looks_like_text(data) and not named.startswith((b"image/", b"audio/", b"video/", b"font/")):
        return _by_looks(data, named.decode("ascii", "replace"))
    return Choice("hex")


def _by_looks(data: bytes, what: str) -> Choice:
    if not looks_like_text(data):
        return Choice("hex")
    if JSON_START.match(data[:LOOK]):
        return Choice("json", f"{what}: looks like JSON")
    return Choice("text", f"{what}: looks like text")


def _is_binary(data: bytes, content_type: bytes) -> bool:
    """Return whether bytes that are said to be text are none in any character set."""
    if has_mark(data) or charset_of(content_type) not in ("", "utf-8", "utf8", "us-ascii", "ascii"):
        return False
    head = data[:LOOK]
    return _controls(head) > len(head) // 10


def _controls(data: bytes) -> int:
    """Count the bytes that no text has; an escape may be one that colours."""
    return len(data) - len(data.translate(None, _CONTROLS))


def looks_like_text(data: bytes) -> bool:
    """Return whether bytes without a type are text, by how they begin."""
    if has_mark(data):
        return True
    head = data[:LOOK]
    if _controls(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 4 and error.start > 0
    return True
