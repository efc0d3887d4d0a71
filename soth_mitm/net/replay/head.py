"""The head of a draft as bytes, with the framing that its body needs (RFC 9112 section 6): pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.errors import ReplayError
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.policy.editing.draft import FieldLine, RequestDraft

_BREAKS = re.compile(rb"[\r\n\0]")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_WITH_BODY = frozenset({b"POST", b"PUT", b"PATCH"})
"""Methods whose requests say that they have no body, too (RFC 9110 section 8.6)."""


class Framed(NamedTuple):
    """A head, and whether the body that follows is chunked."""

    head: bytes
    chunked: bool


def framed(draft: RequestDraft, length: int, *, trailers: bool = False) -> Framed:
    """Return the head of a request whose body has `length` bytes.

    Names, case, order and duplicates stay. Only the fields of framing are made to fit, and not where the
    draft says that they go as typed.

    Raises:
        ReplayError: a part would break the structure of the head.
    """
    _check(draft)
    fields = draft.fields
    chunked = _is_chunked(fields)
    if not draft.as_typed:
        fields, chunked = _fitting(draft, length, chunked or trailers)
    version = b"HTTP/1.0" if draft.version == "HTTP/1.0" else b"HTTP/1.1"
    lines = [b"%b %b %b" % (draft.method, draft.target, version)]
    lines += [name + b": " + value for name, value in fields]
    return Framed(b"\r\n".join(lines) + b"\r\n\r\n", chunked)


def _fitting(draft: RequestDraft, length: int, chunked: bool) -> tuple[tuple[FieldLine, ...], bool]:
    fields = draft.fields
    chunked = chunked and draft.version != "HTTP/1.0"
    if chunked and _is_chunked(fields):
        return tuple(pair for pair in fields if pair[0].lower() != b"content-length"), True
    said = [value for name, value in fields if name.lower() in _FRAMING]
    streamed = draft.version.startswith("HTTP/2") and length > 0 and not said
    if chunked or streamed:  # as a stream of HTTP/2 that gave no length
        rest = tuple(pair for pair in fields if pair[0].lower() not in _FRAMING)
        return (*rest, (b"Transfer-Encoding", b"chunked")), True
    value = b"%d" % length
    if said == [value] or (not said and not length and draft.method not in _WITH_BODY):
        return fields, False
    kept: list[FieldLine] = []
    placed = False
    for name, old in fields:
        if name.lower() not in _FRAMING:
            kept.append((name, old))
        elif not placed:
            placed = True
            kept.append((name if name.lower() == b"content-length" else b"Content-Length", value))
    if not placed:
        kept.append((b"Content-Length", value))
    return tuple(kept), False


def _is_chunked(fields: tuple[FieldLine, ...]) -> bool:
    return any(
        name.lower() == b"transfer-encoding" and value.strip().lower().endswith(b"chunked")
        for name, value in fields
    )


def _check(draft: RequestDraft) -> None:
    for what, value in (("method", draft.method), ("target", draft.target)):
        if not value or _BREAKS.search(value):
            raise ReplayError(f"the {what} {'is empty' if not value else 'holds a line break or a NUL'}")
    for name, value in draft.fields:
        if _BREAKS.search(name) or _BREAKS.search(value):
            raise ReplayError(f"the field {printable(name, 80)} holds a line break or a NUL")
    if not draft.host or not 0 < draft.port < 65_536:
        raise ReplayError(f"there is no address {printable(draft.host, 80)}:{draft.port} to send to")
    if draft.scheme not in ("http", "https"):
        raise ReplayError(f"the scheme {printable(draft.scheme, 20)} is neither http nor https")
