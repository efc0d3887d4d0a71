"""Apply a handler's changes to a raw head, leaving every line that is not named as it came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.proto.http1 import RequestHead, ResponseHead, rewrite

if TYPE_CHECKING:
    from soth_mitm.hooks.decisions import Modify


def request(head: RequestHead, raw: bytes, change: Modify) -> bytes:
    """Return the request head to send; `raw` is what would be sent without the change.

    Raises:
        ValueError: a value would break the message.
    """
    if change.target is not None:
        raw = rewrite.set_target(raw, change.target)
    if change.method is not None:
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
        _, _, rest = raw.partition(b"\n")
        raw = b"HTTP/1.%d %d %s\r\n" % (head.minor, status, reason) + rest
    return _fields(raw, change)


def _token(method: bytes) -> bytes:
    if not method.isalpha():
        raise ValueError(f"{method!r} is no method")
    return method


def _fields(raw: bytes, change: Modify) -> bytes:
    drop = {name.lower() for name in change.drop_fields}
    for name, value in change.set_fields:
        drop.add(name.lower())
        if b"\n" in name + value or b"\r" in name + value or b":" in name or not name.strip():
            raise ValueError(f"cannot send the field {name!r}: {value!r}")
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
