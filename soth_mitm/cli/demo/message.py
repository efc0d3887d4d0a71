"""What the origin is asked and what it answers, as plain values."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import brotli  # type: ignore[import-untyped]
import msgspec

Fields = tuple[tuple[str, str], ...]


class Request(msgspec.Struct, frozen=True):
    """A complete request."""

    method: str
    host: str
    target: str
    """In origin-form."""
    fields: Mapping[str, str]
    """By lower-case name; of repeated fields the last one."""
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    def query(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return parse_qs(urlsplit(self.target).query).get(name, [default])[0]


class Answer(msgspec.Struct, frozen=True):
    """A response, and when its parts are sent. Times are in seconds.

    A body given as `pieces` is sent with a pause of `gap` before each, and is chunked unless the
    fields give its length. A status of 101 makes a WebSocket of the connection: the pieces are its texts.
    """

    status: int
    fields: Fields = ()
    body: bytes = b""
    pieces: tuple[bytes, ...] = ()
    gap: float = 0.0
    wait: float = 0.0
    """Before the head."""
    trailers: Fields = ()
    early: Fields = ()
    """Fields of a 103 that goes ahead (RFC 8297)."""
    echoes: bool = False
    """What the client says over a WebSocket comes back to it."""


Route = Callable[[Request, str], Answer]
"""Answers a request; the text is what the group of the path's pattern matched, or nothing."""


def as_json(value: object, status: int = 200, *, fields: Fields = ()) -> Answer:
    """Return a value as JSON, in UTF-8."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(status, (("Content-Type", "application/json; charset=utf-8"), *fields), body)


UPGRADE_REQUIRED = Answer(426, (("Upgrade", "websocket"), ("Connection", "Upgrade")))
"""For a request that does not ask for the WebSocket that is there."""


def squeezed(answer: Answer, request: Request) -> Answer:
    """Return the answer with its body compressed as the client prefers: br, gzip, or not at all."""
    accepts = {
        word.partition(";")[0].strip() for word in request.fields.get("accept-encoding", "").split(",")
    }
    coding = next((name for name in ("br", "gzip") if name in accepts), None)
    if coding is None or not answer.body:
        return answer
    fields = (*answer.fields, ("Content-Encoding", coding), ("Vary", "Accept-Encoding"))
    return msgspec.structs.replace(answer, fields=fields, body=_compress(answer.body, coding))


@lru_cache(maxsize=64)
def _compress(body: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(body, mtime=0)
    return bytes(brotli.compress(body, quality=5))
