"""Apply a handler's changes to a raw head, leaving every line that is not named as it came."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from soth_mitm.policy.editing.framing import consistent
from soth_mitm.proto.http1 import ResponseHead, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.hooks.decisions import Modify
    from soth_mitm.net.origin import Place, Site
    from soth_mitm.policy.editing.draft import FieldLine, RequestDraft, ResponseDraft


FRAMING = frozenset({b"content-length", b"transfer-encoding"})
OTHERWISE = frozenset({b"HEAD", b"CONNECT"})
"""Methods to which the response ends otherwise than its fields say."""
BODILESS = frozenset({204, 304})


_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.6.2."""


def method_of(raw: bytes) -> bytes:
    """Return the method of a request head."""
    return raw.split(b" ", 1)[0].strip()


def status_of(raw: bytes, head: ResponseHead) -> tuple[int, bytes]:
    """Return status and reason phrase of a response head that may have been changed."""
    if raw is head.raw:
        return head.status, head.reason
    words = raw.partition(b"\n")[0].strip().split(b" ", 2)
    return int(words[1]), words[2] if len(words) > 2 else b""


def request(raw: bytes, change: Modify) -> bytes:
    """Return the request head to send; `raw` is what would be sent without the change.

    Raises:
        ValueError: a value would break the message.
    """
    if change.target is not None:
        raw = rewrite.set_target(raw, change.target)
    if change.method is not None:
        raw = _with_method(raw, change.method)
    return _fields(raw, change)


def _with_method(raw: bytes, method: bytes) -> bytes:
    old = method_of(raw)
    if method != old and OTHERWISE & {method, old}:
        raise ValueError(f"cannot make {method!r} of {old!r}: it is answered otherwise")
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"{method!r} is no method")
    return method + raw[len(old) :]


def site(place: Place, change: Modify | RequestDraft) -> Site:
    """Return where a changed request goes.

    Raises:
        ValueError: there can be no such place.
    """
    scheme = place.scheme if change.scheme is None else change.scheme
    host = place.host if change.host is None else change.host
    port = place.port if change.port is None else change.port
    check_site(scheme, host, port=port)
    return scheme, host, port


def check_site(scheme: str, host: str, *, port: int) -> None:
    """Raise ValueError where there can be no such place."""
    if scheme not in ("http", "https"):
        raise ValueError(f"the scheme {scheme!r} is neither http nor https")
    if not host or not host.isprintable() or re.search(r"[\s/?#@]", host):
        raise ValueError(f"{host!r} is no host")
    if not 0 < port < 65536:
        raise ValueError(f"{port} is no port from 1 to 65535")


def response(head: ResponseHead, raw: bytes, change: Modify) -> bytes:
    """Return the response head to send; `raw` is what would be sent without the change.

    Raises:
        ValueError: a value would break the message.
    """
    if change.status is not None or change.reason is not None:
        was, phrase = status_of(raw, head)
        status = was if change.status is None else change.status
        reason = phrase if change.reason is None else change.reason
        raw = _with_status(head, raw, status, reason=reason, bodiless=change.body is None)
    return _fields(raw, change)


def _with_status(head: ResponseHead, raw: bytes, status: int, *, reason: bytes, bodiless: bool) -> bytes:
    if not 200 <= status <= 599 or b"\n" in reason or b"\r" in reason:
        raise ValueError(f"cannot send the status line {status} {reason!r}")
    gains = head.status in BODILESS and bodiless
    if status != head.status and (status in BODILESS or gains):
        raise ValueError(f"cannot make a {status} of a {head.status}: it ends otherwise; use Respond")
    _, _, rest = raw.partition(b"\n")
    return b"HTTP/1.%d %d %s\r\n" % (head.minor, status, reason) + rest


def replaced_request(raw: bytes, before: RequestDraft, draft: RequestDraft) -> tuple[bytes, bytes | None]:
    """Return the head of a draft, and its body where that is another; lines that are the same stay.

    Raises:
        ValueError: it would break the message.
    """
    made = consistent(before, draft)
    if made.method != before.method:
        raw = _with_method(raw, made.method)
    if made.target != before.target:
        raw = rewrite.set_target(raw, made.target)
    return _with_fields(raw, made.fields, as_typed=draft.as_typed), made.body


def replaced_response(
    head: ResponseHead, raw: bytes, before: ResponseDraft, draft: ResponseDraft
) -> tuple[bytes, bytes | None]:
    """Do so for a response.

    Raises:
        ValueError: it would break the message.
    """
    made = consistent(before, draft)
    if (made.status, made.reason) != (before.status, before.reason):
        raw = _with_status(head, raw, made.status, reason=made.reason, bodiless=made.body is None)
    return _with_fields(raw, made.fields, as_typed=draft.as_typed), made.body


def _with_fields(raw: bytes, fields: tuple[FieldLine, ...], *, as_typed: bool) -> bytes:
    """Write other fields into a head: what is there already keeps its line, byte for byte."""
    check_fields(fields)
    lines: dict[FieldLine, list[bytes]] = {}
    for pair, line in zip(rewrite.fields(raw), rewrite.field_lines(raw), strict=True):
        lines.setdefault(pair, []).append(line)
    start, end = rewrite.start_line(raw), rewrite.empty_line(raw)
    written = []
    for pair in fields:
        kept = lines.get(pair)
        written.append(kept.pop(0) if kept else pair[0] + b": " + pair[1] + end)
    if not as_typed and sum(name.lower() == b"content-length" for name, _ in fields) > 1:
        raise ValueError("a message with two Content-Length fields cannot be told from two messages")
    return start + b"".join(written) + end


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
