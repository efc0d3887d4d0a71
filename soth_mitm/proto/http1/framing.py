"""Where a body ends: Content-Length, Transfer-Encoding, Connection (RFC 9112 sections 6 and 9.3).

Only unambiguous framing passes, whatever the tolerance: two readers that disagree about the end of a
message are what request smuggling is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.proto.http1 import grammar
from soth_mitm.proto.http1.messages import Framing

if TYPE_CHECKING:
    from soth_mitm.proto.http1.judge import Judge

_MAX_LENGTH = (1 << 63) - 1
_KNOWN_CODINGS = frozenset((b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"))


def tokens(value: bytes) -> list[bytes]:
    """Split a comma list into lower-case elements, empty ones left out."""
    return [element for part in value.lower().split(b",") if (element := part.strip(b" \t"))]


def content_length(values: list[bytes], judge: Judge) -> int:
    """Judge all Content-Length values of a message and return the one length they agree on."""
    elements = [part.strip(b" \t") for value in values for part in value.split(b",")]
    for element in elements:
        if not element.isdigit():
            judge.refuse("cl_invalid", "Content-Length is not a plain decimal number", b",".join(values))
    first = elements[0]
    if any(element != first for element in elements):
        judge.refuse("cl_conflict", "Content-Length values differ", b", ".join(elements))
    digits = first.lstrip(b"0")
    if len(digits) > 19 or int(digits or b"0") > _MAX_LENGTH:
        judge.refuse("cl_overflow", "Content-Length is beyond 2**63 - 1", first)
    if len(elements) > 1:
        judge.flag("cl_repeated")
    if len(first) > 1 and first[:1] == b"0":
        judge.flag("cl_leading_zero")
    return int(digits or b"0")


def is_chunked(values: list[bytes], judge: Judge) -> bool:
    """Judge all Transfer-Encoding values; return whether chunked is the last coding.

    A request is refused where it is not; a response then ends with its connection (section 6.3, item 4).
    """
    whole = b", ".join(values)
    codings = [part.strip(b" \t").lower() for value in values for part in value.split(b",")]
    if any(not grammar.TOKEN.fullmatch(coding) for coding in codings):
        judge.refuse("te_malformed", "Transfer-Encoding is not a list of codings", whole)
    if codings.count(b"chunked") > 1:
        judge.refuse("te_chunked_repeated", "Transfer-Encoding names chunked more than once", whole)
    if b"chunked" in codings and codings[-1] != b"chunked":
        judge.refuse("te_chunked_not_last", "chunked is not the last transfer coding", whole)
    if judge.of_request and (codings[-1] != b"chunked" or not _KNOWN_CODINGS.issuperset(codings[:-1])):
        judge.refuse("te_unsupported", "Transfer-Encoding other than chunked", whole)
    if len(codings) > 1:
        judge.flag("te_coding_list")
    if codings[-1] != b"chunked":
        judge.flag("te_unsupported")
        return False
    return True


def of_request(
    method: bytes, minor: int, *, lengths: list[bytes], codings: list[bytes], judge: Judge
) -> tuple[Framing, int | None]:
    """Frame a request body."""
    if lengths and codings:
        judge.refuse("te_and_cl", "both Transfer-Encoding and Content-Length", _both(codings, lengths))
    framing: Framing = Framing.NONE
    length: int | None = None
    if codings:
        if minor == 0:
            judge.refuse("te_in_http10", "Transfer-Encoding in an HTTP/1.0 request", b", ".join(codings))
        is_chunked(codings, judge)
        framing = Framing.CHUNKED
    elif lengths:
        framing, length = Framing.LENGTH, content_length(lengths, judge)
    if method == b"CONNECT" and (codings or length):
        judge.refuse("connect_has_body", "a CONNECT request with a body", b", ".join(codings or lengths))
    return framing, length


def of_response(
    method: bytes, status: int, minor: int, *, lengths: list[bytes], codings: list[bytes], judge: Judge
) -> tuple[Framing, int | None]:
    """Frame the body of a response to `method`."""
    bodiless = without_body(method, status)
    if bodiless is not None:
        if lengths and codings:
            judge.flag("te_and_cl")
        elif (lengths or codings) and (status < 200 or status == 204 or bodiless is Framing.UPGRADE):
            judge.flag("body_fields_ignored")
        return bodiless, None
    if lengths and codings:
        judge.refuse("te_and_cl", "both Transfer-Encoding and Content-Length", _both(codings, lengths))
    if codings:
        if minor == 0:
            judge.flag("te_in_http10")
        return (Framing.CHUNKED if is_chunked(codings, judge) else Framing.CLOSE), None
    if lengths:
        return Framing.LENGTH, content_length(lengths, judge)
    return Framing.CLOSE, None


def without_body(method: bytes, status: int) -> Framing | None:
    """Return the framing of a response that has no body of its own, None for any other."""
    if status == 101 or (method == b"CONNECT" and 200 <= status < 300):
        return Framing.UPGRADE
    if status < 200 or status == 204 or status == 304 or method == b"HEAD":
        return Framing.NONE
    return None


def keeps_alive(minor: int, options: list[bytes]) -> bool:
    """Decide persistence from the version and the Connection options."""
    if b"close" in options:
        return False
    return minor >= 1 or b"keep-alive" in options


def _both(codings: list[bytes], lengths: list[bytes]) -> bytes:
    return b", ".join(codings) + b" | " + b", ".join(lengths)
