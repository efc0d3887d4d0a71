"""The beginning of a payload on one line: JSON without its room, text without its lines, fields, bytes."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from soth_mitm.decode.protobuf.oneline import one_line
from soth_mitm.decode.sniff import JSON_START, looks_like_text
from soth_mitm.text import SafeText, printable

HEX_BYTES = 8
"""How many bytes are shown as digits where the payload is no text."""

LINE_END = "⏎"
"""Stands for a line end in text."""

_ROOM = re.compile(r'("(?:[^"\\]|\\.)*"?)|\s+')
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_UNSEEN = re.compile(rb"[^\x21-\x7e ]")


class Preview(NamedTuple):
    """One line of a payload."""

    kind: Literal["empty", "json", "text", "protobuf", "bytes"]
    text: SafeText


def preview(data: bytes, limit: int, *, whole: bool = True, call: bool = False) -> Preview:
    """Return how a payload begins, in about `limit` characters; `whole` says that `data` is all of it.

    `call` says that it is a message of gRPC, and so of Protocol Buffers where it is no JSON.
    Looks at no more than 4 bytes a character, and never raises. What was cut ends in an ellipsis.
    """
    head = data[: 4 * limit]
    whole = whole and len(head) == len(data)
    if not head:
        return Preview("empty", SafeText(""))
    is_text = looks_like_text(head)
    if call and not (is_text and JSON_START.match(head)):
        fields = one_line(head, limit, whole=whole)
        if fields:
            return Preview("protobuf", printable(fields, limit))
    if not is_text:
        digits = head[:HEX_BYTES].hex(" ")
        shown = _UNSEEN.sub(b".", head[: max(limit - len(digits) - 2, HEX_BYTES)]).decode("ascii")
        more = "" if whole and len(shown) == len(head) else "…"
        return Preview("bytes", SafeText(f"{digits}  {shown}{more}"))
    text = head.decode("utf-8", "ignore" if not whole else "backslashreplace").removeprefix("\ufeff")
    more = "" if whole else "…"
    if JSON_START.match(head):
        return Preview("json", printable(_ROOM.sub(_squeezed, text) + more, limit))
    return Preview("text", printable(_LINE_ENDS.sub(LINE_END, text).replace("\t", " ") + more, limit))


def _squeezed(match: re.Match[str]) -> str:
    """Keep strings as they are, and of room between others nothing."""
    return match[1] or ""
