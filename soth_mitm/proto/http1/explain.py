"""Heads that the fast path does not match: read them line by line, and find the exact defect.

This is the reference reading of a head; the fast path must agree with it wherever it answers.
"""

from __future__ import annotations

from collections.abc import Iterator

from soth_mitm.proto.http1 import framing, grammar
from soth_mitm.proto.http1.fields import (
    Field,
    Line,
    check_characters,
    last_line_is_bare,
    lines_of,
    read_fields,
)
from soth_mitm.proto.http1.judge import Judge, Tolerance
from soth_mitm.proto.http1.messages import Framing, RequestHead, ResponseHead


def request(raw: bytes, *, lenient: bool, flags: tuple[str, ...] = ()) -> RequestHead:
    """Read a complete request head, or raise `Http1Error` with its first defect."""
    judge = _judge(Tolerance.LENIENT if lenient else Tolerance.STRICT, flags)
    lines = lines_of(raw)
    method, target, minor = _request_line(next(lines), judge)
    fields = _all_fields(raw, lines, judge)
    host = _host(fields, minor, judge)
    if host is not None and _names_another_host(target, host):
        judge.flag("host_differs")
    how, length = framing.of_request(
        method,
        minor,
        lengths=_values(fields, b"content-length"),
        codings=_values(fields, b"transfer-encoding"),
        judge=judge,
    )
    options = framing.tokens(b",".join(_values(fields, b"connection")))
    expectation = b",".join(_values(fields, b"expect")).lower()
    if expectation and expectation != b"100-continue":
        judge.flag("expect_unknown")
    return RequestHead(
        raw=raw,
        method=method,
        target=target,
        minor=minor,
        host=host,
        framing=how,
        length=length,
        keep_alive=framing.keeps_alive(minor, options),
        expect_continue=minor >= 1 and expectation == b"100-continue",
        upgrade=_upgrade(fields, minor, options),
        content_type=(_values(fields, b"content-type") or [b""])[0],
        content_encoding=b", ".join(_values(fields, b"content-encoding")),
        anomalies=judge.anomalies,
    )


def response(raw: bytes, method: bytes, *, lenient: bool, flags: tuple[str, ...] = ()) -> ResponseHead:
    """Read a complete response head, or raise `Http1Error` with its first defect."""
    judge = _judge(Tolerance.LENIENT_RESPONSE if lenient else Tolerance.RESPONSE, flags)
    lines = lines_of(raw)
    status, reason, minor = _status_line(next(lines), judge)
    fields = _all_fields(raw, lines, judge)
    codings = _values(fields, b"transfer-encoding")
    how, length = framing.of_response(
        method, status, minor, lengths=_values(fields, b"content-length"), codings=codings, judge=judge
    )
    options = framing.tokens(b",".join(_values(fields, b"connection")))
    # RFC 9112 section 6.1: after Transfer-Encoding in HTTP/1.0 the connection is not used again.
    ends = how in (Framing.CLOSE, Framing.UPGRADE) or (how is Framing.CHUNKED and minor == 0)
    return ResponseHead(
        raw=raw,
        status=status,
        reason=reason,
        minor=minor,
        framing=how,
        length=length,
        keep_alive=not ends and framing.keeps_alive(minor, options),
        upgrade=_upgrade(fields, minor, options),
        content_type=(_values(fields, b"content-type") or [b""])[0],
        content_encoding=b", ".join(_values(fields, b"content-encoding")),
        anomalies=judge.anomalies,
    )


def _judge(tolerance: Tolerance, flags: tuple[str, ...]) -> Judge:
    judge = Judge(tolerance)
    for flag in flags:
        judge.flag(flag)
    return judge


def _all_fields(raw: bytes, lines: Iterator[Line], judge: Judge) -> list[Field]:
    fields = read_fields(lines, judge)
    if last_line_is_bare(raw):
        judge.defect("bare_lf", "the empty line ends with a bare line feed", raw[-4:])
    return fields


def _values(fields: list[Field], name: bytes) -> list[bytes]:
    return [field.value for field in fields if field.name == name]


def _upgrade(fields: list[Field], minor: int, options: list[bytes]) -> bytes | None:
    # RFC 9110 section 7.8: a server ignores Upgrade in an HTTP/1.0 request.
    if minor == 0 or b"upgrade" not in options:
        return None
    return b", ".join(_values(fields, b"upgrade")) or None


def _request_line(line: Line, judge: Judge) -> tuple[bytes, bytes, int]:
    sound = check_characters(line, judge)
    parts = line.text.split(b" ")
    if len(parts) != 3 or b"" in parts or not sound:
        method, target, version = _loose_request_line(line.text, judge)
    else:
        method, target, version = parts
    if not grammar.TOKEN.fullmatch(method):
        judge.defect("invalid_method", "the method is no token", method)
    if grammar.CONTROL_IN_TARGET.search(target):
        judge.defect("invalid_target", "the target holds a space or a control character", target)
    if not target.isascii():
        judge.flag("target_not_ascii")
    return method, target, _request_minor(version, judge)


def _loose_request_line(text: bytes, judge: Judge) -> tuple[bytes, bytes, bytes]:
    judge.defect("invalid_request_line", "the request line is not 'method SP target SP version'", text)
    words = text.split(maxsplit=1)
    rest = words[1].rsplit(maxsplit=1) if len(words) == 2 else []
    if len(rest) != 2:
        judge.refuse("invalid_request_line", "the request line has fewer than three parts", text)
    return words[0], rest[0], rest[1]


def _request_minor(version: bytes, judge: Judge) -> int:
    match = grammar.VERSION.fullmatch(version)
    if match is None:
        match = grammar.VERSION.fullmatch(version.upper())
        judge.defect("invalid_version", "the version is not HTTP/digit.digit", version)
        if match is None:
            judge.refuse("invalid_version", "the version is not HTTP/digit.digit", version)
    if match[1] != b"1":
        judge.refuse("version_unsupported", "the version is not HTTP/1.0 or HTTP/1.1", version)
    if match[2] not in b"01":
        judge.defect("version_unsupported", "the version is not HTTP/1.0 or HTTP/1.1", version)
    return int(match[2])


def _host(fields: list[Field], minor: int, judge: Judge) -> bytes | None:
    hosts = _values(fields, b"host")
    if not hosts:
        if minor >= 1:
            judge.defect("missing_host", "an HTTP/1.1 request without Host", b"")
        return None
    if len(hosts) > 1:
        judge.defect("duplicate_host", "more than one Host field", b" | ".join(hosts))
    for host in hosts:
        if not grammar.HOST.fullmatch(host):
            judge.defect("invalid_host", "Host is not a host with an optional port", host)
    return hosts[0]


def _names_another_host(target: bytes, host: bytes) -> bool:
    """Return whether an absolute-form target has another authority than Host (RFC 9112 section 3.2.2)."""
    match = grammar.TARGET_AUTHORITY.match(target)
    if match is None:
        return False
    default = b":443" if target[:6].lower() == b"https:" else b":80"
    return bool(match[1].lower().removesuffix(default) != host.lower().removesuffix(default))


def _status_line(line: Line, judge: Judge) -> tuple[int, bytes, int]:
    check_characters(line, judge)
    match = grammar.STATUS_LINE.fullmatch(line.text)
    if match is None:
        match = grammar.STATUS_LINE_LOOSE.fullmatch(line.text)
        if match is None:
            return _foreign_status_line(line, judge)
        judge.flag("status_line_spacing")
    major, minor, status, reason = match.groups()
    if major != b"1":
        return _foreign_status_line(line, judge)
    if minor not in b"01":
        judge.flag("version_unsupported")
    return _status(status, line, judge), _reason(reason, judge), int(minor)


def _foreign_status_line(line: Line, judge: Judge) -> tuple[int, bytes, int]:
    """Take another version or a look-alike for HTTP/1.0 where that is forgiven."""
    match = grammar.STATUS_LINE_FOREIGN.fullmatch(line.text)
    if match is None or judge.tolerance is not Tolerance.LENIENT_RESPONSE:
        version = grammar.VERSION.match(line.text)
        code = "version_unsupported" if version and version[1] != b"1" else "invalid_status_line"
        judge.refuse(code, "the status line is not 'HTTP/1.x status reason'", line.text)
    judge.flag("invalid_status_line")
    return _status(match[1], line, judge), _reason(match[2], judge), 0


def _status(digits: bytes, line: Line, judge: Judge) -> int:
    status = int(digits)
    if status < 100:
        judge.refuse("invalid_status_line", "the status is below 100", line.text)
    if status >= 600:
        judge.flag("status_out_of_range")
    return status


def _reason(reason: bytes | None, judge: Judge) -> bytes:
    if reason is None:
        judge.flag("missing_reason")
        return b""
    if grammar.CONTROL_IN_VALUE.search(reason):
        judge.flag("control_char")
    return reason
