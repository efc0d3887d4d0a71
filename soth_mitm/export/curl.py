"""A request as a curl command that sends it again: the same method, target, fields and body bytes.

What curl adds by itself is switched off where the request had none of it. Left out are the fields
that belong to the connection and not to the request, and `Content-Length`, which curl counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.export.facts import CopyError, authority, check_whole, of_the_connection, origin, request_of
from soth_mitm.export.shell import quoted

if TYPE_CHECKING:
    from soth_mitm.export.facts import FlowFacts, MessageFacts
    from soth_mitm.model.fields import Fields

INLINE_BODY = 32 * 1024
"""Most bytes of a body within the command: Linux takes 128 KiB an argument, and quoting adds to them."""

_VERSIONS = {"HTTP/1.0": "--http1.0", "HTTP/1.1": "--http1.1", "HTTP/2": "--http2", "HTTP/2.0": "--http2"}
_OF_ITS_OWN = (b"User-Agent", b"Accept")
_UNUSUAL_IN_A_URL = frozenset(b"\"#<>\\^`{|}'")
_LINE = 100


def command(flow: FlowFacts, body: bytes, *, body_file: str = "") -> str:
    """Return the command; `body` is the body as it passed, or `body_file` the name of a file with it.

    Raises:
        CopyError: there is no request, its body is not there as a whole, or no command line holds it.
    """
    request = request_of(flow)
    if request.body_bytes and not body_file:
        check_whole(request, body, "request")
        _check_inline(body)
    # An empty body that was announced is sent as one: curl then says Content-Length: 0.
    sends = bool(request.body_bytes) or b"content-length" in request.fields
    words = [["curl"]]
    if request.version == "HTTP/2.0" and flow.opened is not None and flow.opened.scheme == "http":
        words[0].append("--http2-prior-knowledge")
    elif request.version in _VERSIONS:
        words[0].append(_VERSIONS[request.version])
    words[0] += _method(request.method, sends)
    words += _target(flow, request)
    words += [["-H", _quote(each)] for each in _fields(flow, request, sends)]
    if _asks_for_coding(request.fields):
        words.append(["--compressed"])
    if body_file:
        words.append(["--data-binary", _quote(b"@" + body_file.encode("utf-8", "surrogateescape"))])
    elif sends:
        words.append(["--data-raw", _quote(body)])
    parts = [" ".join(word) for word in words]
    line = " ".join(parts)
    return line if len(line) <= _LINE else " \\\n  ".join(parts)


def _check_inline(body: bytes) -> None:
    how = "save it to a file, and copy the command that sends that file (--data-binary @FILE)"
    if b"\0" in body:
        raise CopyError(f"the body of the request is binary (it holds NUL), which no command line can: {how}")
    if len(body) > INLINE_BODY:
        raise CopyError(
            f"the body of the request has {len(body):,} bytes, and a command line is given at most "
            f"{INLINE_BODY:,}: {how}"
        )


def _quote(value: bytes) -> str:
    try:
        return quoted(value)
    except ValueError:
        raise CopyError(
            "the request holds NUL in its target or a field, which no command line can; copy it raw"
        ) from None


def _method(method: bytes, sends: bool) -> list[str]:
    """Return what makes curl use a method; nothing where it would do so by itself."""
    if method == (b"POST" if sends else b"GET"):
        return []
    if method == b"HEAD" and not sends:
        # With -X HEAD, curl would wait for a body that never comes.
        return ["--head"]
    return ["-X", _quote(method)]


def _target(flow: FlowFacts, request: MessageFacts) -> list[list[str]]:
    """Return the URL, and what keeps curl from changing it."""
    path = request.path
    base = origin(flow).encode()
    odd = not path.startswith(b"/") or any(
        not 0x20 < byte < 0x7F or byte in _UNUSUAL_IN_A_URL for byte in path
    )
    if odd:
        return [["--request-target", _quote(path)], [_quote(base + b"/")]]
    words = []
    if any(byte in b"[]" for byte in path):
        words.append(["--globoff"])
    # curl takes the dots out before the query only.
    before_query = path.partition(b"?")[0]
    if b"/." in before_query:
        words.append(["--path-as-is"])
    return [*words, [_quote(base + path)]]


def _fields(flow: FlowFacts, request: MessageFacts, sends: bool) -> list[bytes]:
    """Return what stands behind each -H, in the order and case of the request."""
    fields = request.fields.in_http1
    dropped = of_the_connection(fields)
    own_host = authority(flow).encode().lower()
    lines: list[bytes] = []
    for name, value in fields:
        lower = name.lower()
        if lower in dropped or (lower == b"host" and value.lower() == own_host):
            continue
        if name.startswith(b"@"):
            raise CopyError("a field of the request is named like a file (@…) for curl; copy the request raw")
        # An empty value is written with a semicolon: a colon alone would take the field away.
        lines.append(name + b": " + value if value else name + b";")
    unwanted = [*_OF_ITS_OWN, *((b"Content-Type", b"Expect") if sends else ())]
    return lines + [name + b":" for name in unwanted if name not in fields]


def _asks_for_coding(fields: Fields) -> bool:
    asked = fields.joined(b"accept-encoding").lower().split(b",")
    names = {each.partition(b";")[0].strip() for each in asked}
    return bool(names - {b"", b"identity", b"*"})
