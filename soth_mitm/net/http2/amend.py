"""Apply a handler's changes to the fields of an HTTP/2 head, leaving all others as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.net.amend import BODILESS, FRAMING, OTHERWISE, check_fields
from soth_mitm.policy.editing.framing import consistent
from soth_mitm.proto.http2 import heads
from soth_mitm.proto.http2.hpack import Decoded

if TYPE_CHECKING:
    from soth_mitm.hooks.decisions import Modify
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.policy.editing import RequestDraft, ResponseDraft
    from soth_mitm.proto.http2.hpack import Field, Fields


OF_A_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
"""Fields that HTTP/2 does not have (RFC 9113 section 8.2.2)."""


def request(head: heads.RequestHead, change: Modify) -> heads.RequestHead:
    """Return the request head to send.

    Raises:
        ValueError: a value would break the message.
    """
    pseudo: dict[bytes, bytes] = {}
    if change.method is not None:
        if change.method != head.method and OTHERWISE & {change.method, head.method}:
            raise ValueError(f"cannot make {change.method!r} of {head.method!r}: it is answered otherwise")
        pseudo[b":method"] = change.method
    if change.target is not None:
        pseudo[b":path"] = change.target
    fields, never = _fields(head.fields, head.never, change, pseudo)
    try:
        return heads.request(Decoded(fields, never, size=0, oversized=False))
    except heads.Malformed as error:
        raise ValueError(f"cannot send this request: {error.detail}") from error


def replaced_request(
    head: heads.RequestHead, before: RequestDraft, draft: RequestDraft
) -> tuple[heads.RequestHead, bytes | None]:
    """Return the head of a draft, and its body where that is another.

    Raises:
        ValueError: it would break the message.
    """
    made = consistent(before, draft)
    if made.method != head.method and OTHERWISE & {made.method, head.method}:
        raise ValueError(f"cannot make {made.method!r} of {head.method!r}: it is answered otherwise")
    check_fields(made.fields)
    pseudo = {b":method": made.method, b":path": made.target}
    if made.scheme != before.scheme:
        pseudo[b":scheme"] = made.scheme.encode()
    own_host = any(name == b"host" for name, _ in head.fields)
    fields = [(name.lower(), value) for name, value in made.fields]
    if head.authority and not own_host:
        hosts = [value for name, value in fields if name == b"host"]
        fields = [pair for pair in fields if pair[0] != b"host"]
        if hosts:
            pseudo[b":authority"] = hosts[0]
    fields = [pair for pair in fields if pair[0] not in OF_A_CONNECTION]
    secret = {head.fields[position][0] for position in head.never}
    whole = [(name, pseudo.get(name, value)) for name, value in head.fields if name[:1] == b":"] + fields
    never = tuple(position for position, (name, _) in enumerate(whole) if name in secret)
    try:
        return heads.request(Decoded(tuple(whole), never, size=0, oversized=False)), made.body
    except heads.Malformed as error:
        raise ValueError(f"cannot send this request: {error.detail}") from error


def replaced_response(
    answer: Answer, before: ResponseDraft, draft: ResponseDraft
) -> tuple[Answer, bytes | None]:
    """Do so for a response.

    Raises:
        ValueError: it would break the message.
    """
    made = consistent(before, draft)
    status = made.status
    if not 200 <= status <= 599:
        raise ValueError(f"cannot send the status {status}")
    gains = answer.status in BODILESS and made.body is None
    if status != answer.status and (status in BODILESS or gains):
        raise ValueError(f"cannot make a {status} of a {answer.status}: it ends otherwise; use Respond")
    check_fields(made.fields)
    own = [(name.lower(), value) for name, value in made.fields]
    secret = {answer.fields[position][0] for position in answer.never}
    fields = ((b":status", b"%d" % status), *(pair for pair in own if pair[0] not in OF_A_CONNECTION))
    never = tuple(position for position, (name, _) in enumerate(fields) if name in secret)
    return _answer(answer, fields, never), made.body


def _answer(answer: Answer, fields: Fields, never: tuple[int, ...]) -> Answer:
    try:
        head = heads.response(Decoded(fields, never, size=0, oversized=False))
    except heads.Malformed as error:
        raise ValueError(f"cannot send this response: {error.detail}") from error
    return answer._replace(status=head.status, fields=fields, never=never)


def response(answer: Answer, change: Modify) -> Answer:
    """Return the response head to send.

    Raises:
        ValueError: a value would break the message.
    """
    pseudo: dict[bytes, bytes] = {}
    status = answer.status if change.status is None else change.status
    if change.status is not None:
        if not 200 <= status <= 599:
            raise ValueError(f"cannot send the status {status}")
        gains = answer.status in BODILESS and change.body is None
        if status != answer.status and (status in BODILESS or gains):
            raise ValueError(f"cannot make a {status} of a {answer.status}: it ends otherwise; use Respond")
        pseudo[b":status"] = b"%d" % status
    return _answer(answer, *_fields(answer.fields, answer.never, change, pseudo))


def request_without_length(head: heads.RequestHead) -> heads.RequestHead:
    """Return the head of a request whose body may become longer or shorter."""
    fields, never = without_length(head.fields, head.never)
    return heads.request(Decoded(fields, never, size=0, oversized=False))


def without_length(fields: Fields, never: tuple[int, ...]) -> tuple[Fields, tuple[int, ...]]:
    """Return the fields without a Content-Length, and which of them go into no table."""
    return _kept(fields, never, {b"content-length"}, {})


def _fields(
    fields: Fields, never: tuple[int, ...], change: Modify, pseudo: dict[bytes, bytes]
) -> tuple[Fields, tuple[int, ...]]:
    added = [(name.lower(), value) for name, value in change.set_fields]
    check_fields(change.set_fields)
    drop = {name.lower() for name in change.drop_fields} | {name for name, _ in added}
    if drop & FRAMING:
        raise ValueError("cannot change Content-Length or Transfer-Encoding: they follow from the body")
    if change.body is not None:
        drop |= {b"content-length", b"trailer"}
        added.append((b"content-length", b"%d" % len(change.body)))
    kept, secret = _kept(fields, never, drop, pseudo)
    return (*kept, *added), secret


def _kept(
    fields: Fields, never: tuple[int, ...], drop: set[bytes], pseudo: dict[bytes, bytes]
) -> tuple[Fields, tuple[int, ...]]:
    kept: list[Field] = []
    secret: list[int] = []
    for position, (name, value) in enumerate(fields):
        if name in drop:
            continue
        if position in never:
            secret.append(len(kept))
        kept.append((name, pseudo.get(name, value)))
    return tuple(kept), tuple(secret)
