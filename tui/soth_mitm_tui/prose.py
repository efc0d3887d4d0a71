"""Colours and breaks for what is said in a conversation: prose, thinking, and the arguments of tools."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.conversation_view import THOUGHT
from soth_mitm_tui.tint import json_tint

if TYPE_CHECKING:
    from soth_mitm_tui.lines import Span

_JSON: Final = re.compile(
    r'"(?:[^"\\]|\\.)*": |[\]}\[{]+,?$|(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null),?$'
)
"""A line of JSON that is laid out: prose hardly ever looks like it."""
_MARKED: Final = re.compile(r"(?P<code>`[^`]+`)|(?P<strong>\*\*[^*]+\*\*)")
_ITEM: Final = re.compile(r"(?:[-*•]|\d{1,3}[.)]) +")
_HEAD: Final = "● "


@lru_cache(maxsize=1024)
def prose_tint(text: str) -> tuple[Span, ...]:
    """Colour a line of a conversation: the heads of blocks, quiet thinking, JSON, and marks of Markdown."""
    if text.startswith("# "):
        return ((text, "muted"),)
    if text.startswith(_HEAD):
        return _head(text)
    rest = text.lstrip(" ")
    if rest.startswith(THOUGHT[0]):
        return ((text, "muted"),)
    if _JSON.match(rest):
        return json_tint(text)
    if rest.startswith("```"):
        return ((text, "muted"),)
    if re.match(r"#{1,6} ", rest):
        return ((text, "strong"),)
    return _marked(text)


def _head(text: str) -> tuple[Span, ...]:
    who, dot, what = text.partition(" · ")
    return ((who, "heading"), (dot + what, "accent")) if dot else ((who, "heading"),)


def _marked(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    at = 0
    for match in _MARKED.finditer(text):
        if match.start() > at:
            spans.append((text[at : match.start()], "text"))
        at = match.end()
        spans.append((match.group(), "strong" if match["strong"] else "string"))
    if at < len(text) or not spans:
        spans.append((text[at:], "text"))
    return tuple(spans)


def hang(text: str) -> int:
    """Return how far the rest of a line that is wrapped stands in: below its text, behind a bullet."""
    rest = text.lstrip(" ")
    lead = len(text) - len(rest)
    if rest.startswith(THOUGHT):
        return lead + len(THOUGHT)
    item = _ITEM.match(rest)
    return lead + (item.end() if item is not None else 0)
