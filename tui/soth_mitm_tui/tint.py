"""Colours for lines of trees, hex, markup and streams, made line by line as they come into sight."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.outline import NAMED, NOTE
from soth_mitm.decode.picture import CLEAR, HALF, cells_of

if TYPE_CHECKING:
    from soth_mitm_tui.lines import Span

_JSON: Final = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*"?)(?P<colon>\s*:)?'
    r"|(?P<number>-?\b\d[\d.eE+-]*)|(?P<word>\b(?:true|false|null)\b)|(?P<punct>[{}\[\],]+)"
)
_FIELD: Final = re.compile(r"^(data|event|id|retry)(:)( ?)(.*)$|^(:.*)$")


@lru_cache(maxsize=1024)
def json_tint(text: str) -> tuple[Span, ...]:
    """Colour keys, strings, numbers and words of JSON; anything else stays plain."""
    spans: list[Span] = []
    at = 0
    for match in _JSON.finditer(text):
        start, stop = match.span()
        if start > at:
            spans.append((text[at:start], "text"))
        at = stop
        if match["string"] is not None:
            colon = match["colon"]
            if colon is None:
                spans.append((match["string"], "string"))
            else:
                spans += [(match["string"], "key"), (colon, "muted")]
        elif match["punct"] is not None:
            spans.append((match["punct"], "muted"))
        else:
            spans.append((match.group(), "number" if match["number"] is not None else "word"))
    if at < len(text):
        spans.append((text[at:], "text"))
    return tuple(spans)


_VALUE: Final = re.compile(
    r"(?P<string>[hb]?'[^']*'?|b?\"(?:[^\"\\]|\\.)*\"?)|(?P<number>-?\b\d[\w.:+-]*)"
    r"|(?P<word>-?\b(?:true|false|null|undefined|NaN|Infinity)\b)|(?P<punct>[{}\[\](),:]+)"
)
_TONES: Final = {"string": "string", "number": "number", "word": "word", "punct": "muted"}


@lru_cache(maxsize=1024)
def tree_tint(text: str) -> tuple[Span, ...]:
    """Colour names, values and notes of a tree that is laid out like JSON."""
    rest = text.lstrip(" ")
    if rest.startswith("# "):
        return ((text, "muted"),)
    if rest.startswith("● "):
        heading, note = NOTE.sub("", text), NOTE.search(text)
        return ((heading, "accent"), (note.group() if note else "", "muted"))
    spans: list[Span] = []
    lead = text[: len(text) - len(rest)]
    name = NAMED.match(rest)
    if name is not None:
        spans += [(lead + name[1], "key"), (": ", "muted")]
        rest = rest[name.end() :]
    elif lead:
        spans.append((lead, "text"))
    note = NOTE.search(rest)
    end = note.start() if note is not None else len(rest)
    at = 0
    for match in _VALUE.finditer(rest, 0, end):
        if match.start() > at:
            spans.append((rest[at : match.start()], "text"))
        at = match.end()
        spans.append((match.group(), _TONES[match.lastgroup or "punct"]))
    if at < end:
        spans.append((rest[at:end], "text"))
    if note is not None:
        spans.append((note.group(), "muted"))
    return tuple(spans)


@lru_cache(maxsize=1024)
def stream_tint(text: str) -> tuple[Span, ...]:
    """Colour a line of an event stream: its field name, and JSON in its data."""
    match = _FIELD.match(text)
    if match is None:
        return ((text, "text"),)
    if match[5] is not None:
        return ((text, "muted"),)
    name, colon, gap, value = match[1], match[2], match[3], match[4]
    lead: tuple[Span, ...] = ((name + colon + gap, "accent" if name == "event" else "muted"),)
    if name == "event":
        return (*lead, (value, "strong"))
    if name == "data" and value[:1] in ("{", "["):
        return lead + json_tint(value)
    return (*lead, (value, "text"))


@lru_cache(maxsize=256)
def picture_tint(text: str) -> tuple[Span, ...]:
    """Draw a line of a picture; the facts above it stay plain."""
    cells = cells_of(text)
    if cells is None:
        return ((text, "text"),)
    spans: list[Span] = []
    for (above, below), run in groupby(cells):
        count = sum(1 for _ in run)
        if above == CLEAR:
            spans.append((" " * count, "text") if below == CLEAR else ("▄" * count, f"#{below}"))
        else:
            spans.append((HALF * count, f"#{above}" if below == CLEAR else f"#{above} #{below}"))
    return tuple(spans)


def hex_tint(text: str) -> tuple[Span, ...]:
    """Colour a line of hex: the offset is quiet."""
    offset, gap, rest = text.partition("  ")
    return ((offset + gap, "muted"), (rest, "text"))


def line_tint(text: str) -> tuple[Span, ...]:
    """Colour a line that is a value of its own, such as one of NDJSON."""
    return json_tint(text) if text[:1] in ("{", "[") else ((text, "text"),)


_MARKUP: Final = re.compile(
    r"(?P<comment><!--.*?(?:-->|$))|(?P<tag></?[\w:.-]+|/?>|<[!?][\w-]*|\?>)"
    r"|(?P<name>[\w:.-]+)(?P<is>=)(?P<value>\"[^\"]*\"?|'[^']*'?)|(?P<entity>&#?\w{1,20};)"
)


@lru_cache(maxsize=1024)
def markup_tint(text: str) -> tuple[Span, ...]:
    """Colour tags, attributes and entities of XML and HTML; anything else stays plain."""
    spans: list[Span] = []
    at = 0
    for match in _MARKUP.finditer(text):
        start, stop = match.span()
        if start > at:
            spans.append((text[at:start], "text"))
        at = stop
        if match["name"] is not None:
            spans += [(match["name"], "accent"), (match["is"], "muted"), (match["value"], "string")]
        elif match["tag"] is not None:
            spans.append((match["tag"], "key"))
        else:
            spans.append((match.group(), "muted" if match["comment"] is not None else "number"))
    if at < len(text):
        spans.append((text[at:], "text"))
    return tuple(spans)


def form_tint(text: str) -> tuple[Span, ...]:
    """Colour a line of a form: its name."""
    name, equals, value = text.partition(" = ")
    return ((name, "key"), (equals, "muted"), (value, "text")) if equals else ((text, "text"),)


_CODE: Final = re.compile(
    r"(?P<comment>/\*.*?(?:\*/|$)|//.*$|<!--|-->)|(?P<string>\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|`[^`]*`?)"
    r"|(?P<word>\b(?:function|return|var|let|const|if|else|for|while|do|switch|case|break|continue|new|this"
    r"|typeof|null|true|false|undefined|class|extends|import|export|default|async|await|try|catch|finally"
    r"|throw|in|of|void|delete|yield)\b|@[\w-]+)|(?P<number>(?<![\w$#-])\d[\w.%]*|\#[0-9a-fA-F]{3,8}\b)"
)
_CODE_TONES: Final = {"comment": "muted", "string": "string", "word": "key", "number": "number"}


@lru_cache(maxsize=1024)
def code_tint(text: str) -> tuple[Span, ...]:
    """Colour strings, comments, words and numbers of scripts and style sheets."""
    spans: list[Span] = []
    at = 0
    for match in _CODE.finditer(text):
        if match.start() > at:
            spans.append((text[at : match.start()], "text"))
        at = match.end()
        spans.append((match.group(), _CODE_TONES[match.lastgroup or "word"]))
    if at < len(text):
        spans.append((text[at:], "text"))
    return tuple(spans)
