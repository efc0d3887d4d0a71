"""The fast path of heads: two passes in C over a canonical head, `None` for anything else.

A head that is not canonical (a repeated field, a list of codings, an odd target) goes to `explain`, the
reference reading, which must agree with this one wherever this one answers.
"""

from __future__ import annotations

from typing import Final

from soth_mitm.proto.http1 import grammar
from soth_mitm.proto.http1.framing import keeps_alive, tokens, without_body
from soth_mitm.proto.http1.messages import Framing, RequestHead, ResponseHead

# The names that grammar.*_NOTED find differ in length, which spares lower-casing them.
_HOST = len("host")
_EXPECT = len("expect")
_UPGRADE = len("upgrade")
_CONNECTION = len("connection")
_CONTENT_TYPE = len("content-type")
_CONTENT_LENGTH = len("content-length")
_CONTENT_ENCODING = len("content-encoding")
_TRANSFER_ENCODING = len("transfer-encoding")


# Each look at a member through its class takes Python 3.11 as long as a call.
_NONE: Final = Framing.NONE
_LENGTH: Final = Framing.LENGTH
_CHUNKED: Final = Framing.CHUNKED
_CLOSE: Final = Framing.CLOSE
_SWITCH: Final = Framing.UPGRADE


def request(data: bytes, pos: int) -> RequestHead | None:
    """Read the request head at `pos` where it is whole and canonical."""
    match = grammar.REQUEST.match(data, pos)
    if match is None:
        return None
    method, target, digit = match.groups()
    end = match.end()
    minor = 1 if digit == b"1" else 0
    found = grammar.REQUEST_NOTED.findall(data, pos, end)
    noted: dict[int, bytes] = {len(name): value.strip() for name, value in found}
    host = noted.get(_HOST)
    expect = noted.get(_EXPECT)
    framed = _framing(noted, minor)
    if (
        len(noted) != len(found)
        or framed is None
        or (host is None and minor)
        or (host is not None and not grammar.HOST.fullmatch(host))
        or (expect is not None and expect != b"100-continue")
        or not _usual_target(target, host)
        or (method == b"CONNECT" and framed[0] is not _NONE)
    ):
        return None
    framing, length = framed
    connection = noted.get(_CONNECTION)
    keep_alive, upgrade = minor == 1, None
    if connection is not None and connection != b"keep-alive":
        keep_alive, upgrade = _connection(connection, noted, minor)
    elif connection is not None:
        keep_alive = True
    return RequestHead(
        data[pos:end],
        method,
        target,
        minor,
        host,
        framing,
        length,
        keep_alive,
        minor == 1 and expect is not None,
        upgrade,
        noted.get(_CONTENT_TYPE, b""),
        noted.get(_CONTENT_ENCODING, b""),
        (),
    )


def response(data: bytes, pos: int, method: bytes) -> ResponseHead | None:
    """Read the head of a response to `method` at `pos` where it is whole and canonical."""
    match = grammar.RESPONSE.match(data, pos)
    if match is None:
        return None
    digit, digits, reason = match.groups()
    end = match.end()
    status = int(digits)
    minor = 1 if digit == b"1" else 0
    found = grammar.RESPONSE_NOTED.findall(data, pos, end)
    noted: dict[int, bytes] = {len(name): value.strip() for name, value in found}
    framed = _framing(noted, minor)
    if len(noted) != len(found) or framed is None:
        return None
    framing, length = framed
    bodiless = without_body(method, status)
    if bodiless is not None:
        if framing is not _NONE and (bodiless is _SWITCH or status < 200 or status == 204):
            return None
        framing, length = bodiless, None
    elif framing is _NONE:
        framing = _CLOSE
    connection = noted.get(_CONNECTION)
    keep_alive, upgrade = minor == 1, None
    if connection is not None and connection != b"keep-alive":
        keep_alive, upgrade = _connection(connection, noted, minor)
    elif connection is not None:
        keep_alive = True
    return ResponseHead(
        data[pos:end],
        status,
        reason,
        minor,
        framing,
        length,
        keep_alive and framing is not _CLOSE and framing is not _SWITCH,
        upgrade,
        noted.get(_CONTENT_TYPE, b""),
        noted.get(_CONTENT_ENCODING, b""),
        (),
    )


def _framing(noted: dict[int, bytes], minor: int) -> tuple[Framing, int | None] | None:
    """Frame a body by its canonical fields; None where they are not canonical."""
    coding = noted.get(_TRANSFER_ENCODING)
    digits = noted.get(_CONTENT_LENGTH)
    if coding is not None:
        if coding != b"chunked" or digits is not None or not minor:
            return None
        return _CHUNKED, None
    if digits is None:
        return _NONE, None
    if grammar.LENGTH.fullmatch(digits):
        return _LENGTH, int(digits)
    return None


def _connection(value: bytes, noted: dict[int, bytes], minor: int) -> tuple[bool, bytes | None]:
    """Return persistence and the upgrade offered."""
    options = tokens(value)
    upgrade = noted.get(_UPGRADE) if minor and b"upgrade" in options else None
    return keeps_alive(minor, options), upgrade or None


def _usual_target(target: bytes, host: bytes | None) -> bool:
    """Return whether a target is a plain path, or absolute and of the same host."""
    if not target.isascii():
        return False
    if target[0] == 0x2F:
        return True
    return host is not None and target.startswith((b"http://" + host + b"/", b"https://" + host + b"/"))
