"""Responses that the proxy makes by itself: short, plain, and saying what to do next."""

from __future__ import annotations

from http import HTTPStatus

from soth_mitm.text import printable

_PROXY_STATUS = {
    "dns_not_found": "dns_error",
    "dns_failed": "dns_error",
    "dns_timeout": "dns_timeout",
    "connect_refused": "connection_refused",
    "connect_timeout": "connection_timeout",
    "network_unreachable": "destination_ip_unroutable",
    "host_unreachable": "destination_unavailable",
    "connect_failed": "destination_unavailable",
    "connect_reset": "connection_terminated",
    "proxy_auth_required": "destination_unavailable",
    "proxy_refused": "destination_unavailable",
    "proxy_closed": "connection_terminated",
    "proxy_timeout": "connection_timeout",
    "proxy_reply_invalid": "destination_unavailable",
    "proxy_tls_failed": "tls_protocol_error",
    "upstream_host_full": "connection_limit_reached",
    "upstream_queue_timeout": "connection_limit_reached",
    "circuit_open": "destination_unavailable",
    "self_loop": "proxy_loop_detected",
    "blocked": "http_request_denied",
    "tls": "tls_protocol_error",
    "tls_certificate": "tls_certificate_error",
    "upstream_closed": "connection_terminated",
    "response_timeout": "connection_read_timeout",
    "internal_error": "proxy_internal_error",
}
"""Our reason codes as error types of the Proxy-Status field (RFC 9209 section 2.3)."""


def phrase(status: int) -> bytes:
    """Return the usual reason phrase of a status, or nothing for an unusual one."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def build(
    status: int,
    body: bytes,
    *,
    reason: bytes = b"",
    fields: tuple[tuple[bytes, bytes], ...] = (),
    close: bool = True,
    head_only: bool = False,
) -> tuple[bytes, bytes]:
    """Return the head and the body of a response; Content-Length is set where a body may stand."""
    lines = [b"HTTP/1.1 %d %s" % (status, reason or phrase(status))]
    names = {name.lower() for name, _ in fields}
    lines += [b"%s: %s" % (name, value) for name, value in fields if name.lower() != b"content-length"]
    bodyless = status < 200 or status in (204, 304)
    if not bodyless:
        if body and b"content-type" not in names:
            lines.append(b"Content-Type: text/plain; charset=utf-8")
        lines.append(b"Content-Length: %d" % len(body))
    if close and b"connection" not in names:
        lines.append(b"Connection: close")
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    return head, b"" if bodyless or head_only else body


def error(
    status: int,
    code: str,
    *,
    text: str,
    hint: str = "",
    fields: tuple[tuple[bytes, bytes], ...] = (),
    head_only: bool = False,
) -> tuple[bytes, bytes]:
    """Return a response that explains a failure: what, why, and what to do next."""
    words = (
        f"soth-mitm: {printable(text)}\n"
        + (f"{printable(hint)}\n" if hint else "")
        + f"reason code: {code}\n"
    )
    kind = _PROXY_STATUS.get(code, "http_request_error" if status < 500 else "proxy_internal_response")
    status_field = f'soth-mitm; error={kind}; details="{code}"'.encode("ascii", "replace")
    added = ((b"Proxy-Status", status_field), (b"Cache-Control", b"no-store"), *fields)
    return build(status, words.encode(), fields=added, head_only=head_only)
