"""Apply a handler's changes to a raw head, leaving every line that is not named as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.proto.http1 import RequestHead, ResponseHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.hooks.decisions import Modify


FRAMING = frozenset({b"content-length", b"transfer-encoding"})
OTHERWISE = frozenset({b"HEAD", b"CONNECT"})
"""Methods to which the response ends otherwise than its fields say."""
BODILESS = frozenset({204, 304})


def request(head: RequestHead, raw: bytes, change: Modify) -> bytes:
    """Return the request head to send; `raw` is what would be sent without the change.

    Raises:
        ValueError: a value would break the message.
    """
    if change.target is not None:
        raw = rewrite.set_target(raw, change.target)
    if change.method is not None:
        if change.method != head.method and OTHERWISE & {change.method, head.method}:
            raise ValueError(f"cannot make {change.method!r} of {head.method!r}: it is answered otherwise")
        raw = _token(change.method) + raw[len(head.method) :]
    return _fields(raw, change)


def response(head: ResponseHead, change: Modify) -> bytes:
    """Return the response head to send.

    Raises:
        ValueError: a value would break the message.
    """
    raw = head.raw
    if change.status is not None or change.reason is not None:
        status = head.status if change.status is None else change.status
        reason = head.reason if change.reason is None else change.reason
        if not 200 <= status <= 599 or b"\n" in reason or b"\r" in reason:
            raise ValueError(f"cannot send the status line {status} {reason!r}")
        gains = head.status in BODILESS and change.body is None
        if status != head.status and (status in BODILESS or gains):
            raise ValueError(f"cannot make a {status} of a {head.status}: it ends otherwise; use Respond")
        _, _, rest = raw.partition(b"\n")
        raw = b"HTTP/1.%d %d %s\r\n" % (head.minor, status, reason) + rest
    return _fields(raw, change)


def _token(method: bytes) -> bytes:
    if not method.isalpha():
        raise ValueError(f"{method!r} is no method")
    return method


def _fields(raw: bytes, change: Modify) -> bytes:
    drop = {name.lower() for name in change.drop_fields} | {name.lower() for name, _ in change.set_fields}
    if drop & FRAMING:
        raise ValueError("cannot change Content-Length or Transfer-Encoding: they follow from the body")
    check_fields(change.set_fields)
    if change.body is not None:
        drop |= {b"transfer-encoding", b"content-length", b"trailer"}
    if drop:
        raw = rewrite.drop_fields(raw, drop)
    added = [b"%s: %s\r\n" % pair for pair in change.set_fields]
    if change.body is not None:
        added.append(b"Content-Length: %d\r\n" % len(change.body))
    if not added:
        return raw
    ending = b"\r\n" if raw.endswith(b"\r\n") else b"\n"
    return raw[: -len(ending)] + b"".join(added) + ending


def check_fields(fields: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise ValueError for a field that would break the lines of a head."""
    for name, value in fields:
        if b"\n" in name + value or b"\r" in name + value or b":" in name or not name.strip():
            raise ValueError(f"cannot send the field {name!r}: {value!r}")


def check_response(status: int, *, reason: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> None:
    """Raise ValueError for a response of a hook's own that would break the connection."""
    check_fields(((b"reason", reason), *fields))
    if not 200 <= status <= 599 or b"transfer-encoding" in {name.lower() for name, _ in fields}:
        raise ValueError(f"cannot send a response with the status {status} and these fields")
