"""Apply a handler's changes to the fields of an HTTP/2 head, leaving all others as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.net.amend import BODILESS, FRAMING, OTHERWISE, check_fields
from soth_mitm.proto.http2 import heads
from soth_mitm.proto.http2.hpack import Decoded

if TYPE_CHECKING:
    from soth_mitm.hooks.decisions import Modify
    from soth_mitm.net.http2.leg import Answer
    from soth_mitm.proto.http2.hpack import Field, Fields


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


def response(answer: Answer, change: Modify) -> tuple[Fields, tuple[int, ...]]:
    """Return the fields of the response head to send, and which of them go into no table.

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
    fields, never = _fields(answer.fields, answer.never, change, pseudo)
    try:
        heads.response(Decoded(fields, never, size=0, oversized=False))
    except heads.Malformed as error:
        raise ValueError(f"cannot send this response: {error.detail}") from error
    return fields, never


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
