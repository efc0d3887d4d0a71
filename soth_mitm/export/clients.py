"""A request for HTTPie, requests, fetch and wget, which send method, target, fields and body again.

What a client cannot be kept from adding or changing is documented in docs/formats.md; what it cannot send at
all is refused, with the copy that can.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from soth_mitm.export.facts import CopyError, authority, check_whole, of_the_connection, origin, request_of
from soth_mitm.export.shell import quoted

if TYPE_CHECKING:
    from soth_mitm.export.facts import FlowFacts, MessageFacts

INLINE_BODY = 32 * 1024
"""Most bytes of a body within a command line."""

_UNUSUAL = frozenset(b"\"#<>\\^`{|}'[]")
_CHANGED_ESCAPE = re.compile(rb"%(?![0-9A-F]{2})|%(?:2D|2E|5F|7E|3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A])")
"""What is no escape, or one of a character that needs none: clients write these anew."""

_SEPARATORS = b"\\:;=@"
_LINE = 100
_JOINED_BY = {b"cookie": b"; "}


def httpie(flow: FlowFacts, body: bytes) -> str:
    """Return a command of HTTPie.

    Raises:
        CopyError: there is no whole request, or HTTPie cannot send it.
    """
    request = _checked(flow, body, "HTTPie")
    words = ["http", "--ignore-stdin"]
    if b"/." in request.path.partition(b"?")[0]:
        words.append("--path-as-is")
    pipe = ""
    if body and _is_text(body):
        words += ["--raw", quoted(body)]
    elif body:
        _check_inline(body)
        pipe = f"echo {base64.b64encode(body).decode()} | base64 -d | "
        words.remove("--ignore-stdin")
    words += [quoted(request.method), quoted(_url(flow, request))]
    fields = _fields(flow, request)
    words += [quoted(_item(name, value)) for name, value in fields]
    names = {name.lower() for name, _ in fields}
    for name in (b"User-Agent", b"Accept", b"Accept-Encoding", *((b"Content-Type",) if body else ())):
        if name.lower() not in names:
            words.append(f"{name.decode()}:")
    return pipe + _laid_out(words)


def wget(flow: FlowFacts, body: bytes) -> str:
    """Return a command of wget.

    Raises:
        CopyError: there is no whole request, or wget cannot send it.
    """
    request = _checked(flow, body, "wget")
    if b"\0" in body:
        raise CopyError("the body has NUL in it, which no argument of wget can hold; copy it as Python")
    words = ["wget", "--no-config", "-q", "-O", "-", "--content-on-error", "--max-redirect=0"]
    words.append(quoted(b"--method=" + request.method))
    for name, value in _joined(_fields(flow, request)):
        words.append(quoted(b"--header=" + name + b": " + value))
    if b"user-agent" not in request.fields:
        words.append("--user-agent=")
    if body:
        _check_inline(body)
        words.append(quoted(b"--body-data=" + body))
    words.append(quoted(_url(flow, request)))
    return _laid_out(words)


def requests(flow: FlowFacts, body: bytes) -> str:
    """Return a program that sends the request with requests.

    Raises:
        CopyError: there is no whole request, or requests cannot send it.
    """
    request = _checked(flow, body, "requests")
    fields = _joined(_fields(flow, request))
    names = {name.lower() for name, _ in fields}
    lines = [
        "import requests",
        "from urllib3.util import SKIP_HEADER",
        "",
        f"request = requests.Request({request.method.decode('latin-1')!a}, {origin(flow) + '/'!a}).prepare()",
        f"request.url = {_url(flow, request).decode('ascii')!a}",
        "request.headers.clear()",
    ]
    for name, value in fields:
        lines.append(f"request.headers[{name.decode('latin-1')!a}] = {value!r}")
    lines += [
        f"request.headers[{name!a}] = SKIP_HEADER"
        for name in ("User-Agent", "Accept-Encoding")
        if name.lower().encode() not in names
    ]
    if body:
        lines += [f"request.body = {body!r}", 'request.headers["Content-Length"] = str(len(request.body))']
    elif b"content-length" in request.fields:
        lines.append('request.headers["Content-Length"] = "0"')
    lines += [
        "with requests.Session() as session:",
        "    session.trust_env = False",
        "    response = session.send(request, allow_redirects=False)",
        "print(response.status_code, response.reason)",
        "print(response.text)",
    ]
    return "\n".join(lines) + "\n"


def fetch(flow: FlowFacts, body: bytes) -> str:
    """Return JavaScript that sends the request with fetch, in Node or a browser.

    Raises:
        CopyError: there is no whole request, or fetch cannot send it.
    """
    request = _checked(flow, body, "fetch")
    method = request.method.decode("latin-1")
    if method.upper() in ("CONNECT", "TRACE", "TRACK"):
        raise CopyError(f"fetch sends no {method}; copy it as a curl command")
    if body and method.upper() in ("GET", "HEAD"):
        raise CopyError(f"fetch sends no body with {method}; copy it as a curl command")
    headers = [
        [name.decode("latin-1"), value.decode("latin-1")]
        for name, value in _fields(flow, request)
        if name.lower() not in (b"host", b"connection", b"upgrade")
    ]
    lines = [
        f"const response = await fetch({json.dumps(_url(flow, request).decode('ascii'))}, {{",
        f"  method: {json.dumps(method)},",
        "  headers: [",
        *(f"    {json.dumps(pair)}," for pair in headers),
        "  ],",
    ]
    if body and _is_text(body):
        lines.append(f"  body: new TextEncoder().encode({json.dumps(body.decode())}),")
    elif body:
        text = base64.b64encode(body).decode()
        lines.append(f'  body: Uint8Array.from(atob("{text}"), (c) => c.charCodeAt(0)),')
    lines += [
        '  redirect: "manual",',
        "});",
        "console.log(response.status, response.statusText);",
        "console.log(await response.text());",
    ]
    return "\n".join(lines) + "\n"


def _checked(flow: FlowFacts, body: bytes, client: str) -> MessageFacts:
    request = request_of(flow)
    if request.body_bytes:
        check_whole(request, body, "request")
    path = request.path
    odd = not path.startswith(b"/") or any(not 0x20 < byte < 0x7F or byte in _UNUSUAL for byte in path)
    odd = odd or _CHANGED_ESCAPE.search(path) is not None
    dots = b"/." in path.partition(b"?")[0] and client not in ("HTTPie", "requests")
    if odd or dots:
        raise CopyError(f"{client} would change the target of this request; copy it as a curl command")
    if any(b"\0" in name + value for name, value in request.fields) or b"\0" in request.method:
        raise CopyError(f"the request holds NUL in a field, which {client} does not send; copy it raw")
    return request


def _check_inline(body: bytes) -> None:
    if len(body) > INLINE_BODY:
        raise CopyError(
            f"the body has {len(body):,} bytes, too many for a command line; copy it as a curl command, "
            "which can send a file"
        )


def _url(flow: FlowFacts, request: MessageFacts) -> bytes:
    return origin(flow).encode() + request.path


def _fields(flow: FlowFacts, request: MessageFacts) -> list[tuple[bytes, bytes]]:
    fields = request.fields.in_http1
    dropped = of_the_connection(fields)
    own_host = authority(flow).encode().lower()
    return [
        (name, value)
        for name, value in fields
        if name.lower() not in dropped and not (name.lower() == b"host" and value.lower() == own_host)
    ]


def _joined(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return fields with those of one name as one: these clients keep one of each."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for name, value in fields:
        lower = name.lower()
        if lower in found:
            first, before = found[lower]
            found[lower] = first, before + _JOINED_BY.get(lower, b", ") + value
        else:
            found[lower] = name, value
    return list(found.values())


def _item(name: bytes, value: bytes) -> bytes:
    """Return a field as HTTPie writes it: what would be a separator is escaped."""
    escaped = b"".join(b"\\" + bytes((each,)) if each in _SEPARATORS else bytes((each,)) for each in name)
    if not value:
        return escaped + b";"
    first = b"\\" if value[:1] in (b"=", b"@", b":", b"\\") else b""
    return escaped + b":" + first + value


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode("utf-8") and len(body) <= INLINE_BODY
    except UnicodeDecodeError:
        return False


def _laid_out(words: list[str]) -> str:
    line = " ".join(words)
    return line if len(line) <= _LINE else " \\\n  ".join(words)
