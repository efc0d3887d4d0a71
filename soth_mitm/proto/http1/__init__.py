"""The HTTP/1.1 relay codec: exact wire bytes beside the parsed view, framing included (RFC 9112).

`reader` is the door: `RequestReader` and `ResponseReader` turn bytes into heads, bodies and ends.
Behind it: `messages` (the values), `grammar` (the expressions), `head` (the fast path), `explain` and
`fields` (the slow path that finds the exact defect), `framing` (RFC 9112 section 6), `body` (bodies),
`reasons` (every code in words) and `rewrite` (byte edits of a head).

Nothing here changes a byte, except `rewrite`, and only where it is asked to.
"""

from __future__ import annotations

from soth_mitm.proto.http1.messages import (
    Body,
    End,
    Framing,
    Http1Error,
    Item,
    RequestHead,
    ResponseHead,
)
from soth_mitm.proto.http1.reader import RequestReader, ResponseReader

__all__ = [
    "Body",
    "End",
    "Framing",
    "Http1Error",
    "Item",
    "RequestHead",
    "RequestReader",
    "ResponseHead",
    "ResponseReader",
]
