"""A request as a few lines of Python that send it again with httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.export.facts import authority, check_whole, of_the_connection, origin, request_of

if TYPE_CHECKING:
    from soth_mitm.export.facts import FlowFacts, MessageFacts


def snippet(flow: FlowFacts, body: bytes) -> str:
    """Return a program; `body` is the body as it passed.

    A request is built by hand, so that httpx adds no field of its own but `Host` and
    `Content-Length`. Bytes are written as literals: all of it is printable ASCII.

    Raises:
        CopyError: there is no request, or its body is not there as a whole.
    """
    request = request_of(flow)
    if request.body_bytes:
        check_whole(request, body, "request")
    lines = [
        "import httpx",
        "",
        "request = httpx.Request(",
        f"    {request.method.decode('latin-1')!a},",
        f"    {_url(flow, request)!a},",
        "    headers=[",
        *(f"        ({name!r}, {value!r})," for name, value in _fields(flow, request)),
        "    ],",
    ]
    if body:
        lines.append(f"    content={body!r},")
    if not _plain(request.path):
        lines.append(f"    extensions={{'target': {request.path!r}}},")
    http2 = "http2=True, " if request.version.startswith("HTTP/2") else ""
    lines += [
        ")",
        f"with httpx.Client({http2}follow_redirects=False) as client:",
        "    response = client.send(request)",
        "print(response.status_code, response.reason_phrase)",
        "print(response.text)",
    ]
    return "\n".join(lines) + "\n"


def _plain(path: bytes) -> bool:
    """Return whether httpx sends a target as it is."""
    unusual = b"\"#<>\\^`{|}'[]"
    return (
        path.startswith(b"/")
        and b"/." not in path
        and all(0x20 < byte < 0x7F and byte not in unusual for byte in path)
    )


def _url(flow: FlowFacts, request: MessageFacts) -> str:
    path = request.path.decode("ascii") if _plain(request.path) else "/"
    return origin(flow) + path


def _fields(flow: FlowFacts, request: MessageFacts) -> list[tuple[bytes, bytes]]:
    own_host = authority(flow).encode().lower()
    fields = request.fields.in_http1
    dropped = of_the_connection(fields)
    return [
        (name, value)
        for name, value in fields
        if name.lower() not in dropped and not (name.lower() == b"host" and value.lower() == own_host)
    ]
