"""Byte edits of a raw head that touch what they are asked to touch and nothing else.

Case, order, spacing and line ends of every other line stay. All functions take a complete head as the
readers yield it (`head.raw`), tolerated oddities included.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soth_mitm.proto.http1.messages import RequestHead

_LINE = re.compile(rb"[^\n]*\n(?:[ \t]+[^\r\n][^\n]*\n)*")
"A line with its folded continuations and its line end."
_FOLD = re.compile(rb"[ \t\r]*\n[ \t]+")
_START = re.compile(rb"[^\n]*\n")
_OWS = b" \t\r\n"
_FOR_THIS_PROXY = (b"proxy-connection", b"proxy-authorization")
_MENTIONS_PROXY = re.compile(rb"\n[Pp][Rr][Oo][Xx][Yy]-")
_HOST = re.compile(rb"(\n[Hh][Oo][Ss][Tt]:[ \t]*)[^\r\n]*?([ \t]*\r?\n)")
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*+://[^/?#]*+")


def field_lines(raw: bytes) -> list[bytes]:
    """Return each field's exact bytes, line end and folded continuations included."""
    lines = [match[0] for match in _LINE.finditer(raw, _fields_start(raw))]
    return lines[:-1]


def fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Return names (as sent) and values (outer whitespace trimmed, folds joined by a space) in order.

    A line without a colon is a name with an empty value.
    """
    pairs = []
    for line in field_lines(raw):
        name, _, value = line.partition(b":")
        pairs.append((name.strip(_OWS), _FOLD.sub(b" ", value.strip(_OWS))))
    return pairs


def drop_fields(raw: bytes, names: Collection[bytes]) -> bytes:
    """Leave out every field whose name is in `names` (lower case)."""
    start = _fields_start(raw)
    kept = [line for line in field_lines(raw) if _name(line) not in names]
    return raw[:start] + b"".join(kept) + empty_line(raw)


def replace_fields(raw: bytes, replacements: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Give fields new values: the first of a name is replaced, further ones go, a missing one is appended.

    A name keeps the case and place it has in the head; the value is written after `: `. Raises
    `ValueError` for a name or value that would break the line structure.
    """
    wanted = {name.lower(): (name, value) for name, value in replacements}
    for name, value in wanted.values():
        if not name or re.search(rb"[\x00-\x20:\x7f]", name) or re.search(rb"[\x00\r\n]", value):
            raise ValueError(f"cannot write the field {name!r}: {value!r}")
    left = dict(wanted)
    lines = []
    for line in field_lines(raw):
        key = _name(line)
        if key not in wanted:
            lines.append(line)
        elif key in left:
            lines.append(line.partition(b":")[0] + b": " + left.pop(key)[1] + _line_end(line))
    end = empty_line(raw)
    lines += [name + b": " + value + end for name, value in left.values()]
    return raw[: _fields_start(raw)] + b"".join(lines) + end


def start_line(raw: bytes) -> bytes:
    """Return the first line of a head, its end included."""
    return raw[: _fields_start(raw)]


def target_of(raw: bytes) -> bytes:
    """Return the target of a request head."""
    words = start_line(raw).split(maxsplit=1)
    return words[1].rsplit(maxsplit=1)[0] if len(words) > 1 else b""


def set_target(raw: bytes, target: bytes) -> bytes:
    """Write another target into the request line."""
    if not target or re.search(rb"[\x00-\x20\x7f]", target):
        raise ValueError(f"cannot write the target {target!r}")
    line = raw[: _fields_start(raw)]
    words = line.split(maxsplit=1)
    old = words[1].rsplit(maxsplit=1)[0]
    at = line.index(old, line.index(words[0]) + len(words[0]))
    return raw[:at] + target + raw[at + len(old) :]


def to_origin_form(head: RequestHead) -> bytes:
    """Return the head as an origin gets it from a forward proxy (RFC 9112 section 3.2.2).

    An absolute-form target becomes its path (`/` where it has none, `*` for OPTIONS without path and
    query); the fields meant for this proxy go. Everything else stays as it came.
    """
    raw = without_proxy_fields(head)
    match = _AUTHORITY.match(head.target)
    if match is None:
        return raw
    path = head.target[match.end() :]
    if not path:
        path = b"*" if head.method == b"OPTIONS" else b"/"
    elif not path.startswith(b"/"):
        path = b"/" + path
    return set_target(raw, path)


def without_proxy_fields(head: RequestHead) -> bytes:
    """Return the head without the fields that are meant for this proxy."""
    if _MENTIONS_PROXY.search(head.raw):
        return drop_fields(head.raw, _FOR_THIS_PROXY)
    return head.raw


def to_absolute_form(raw: bytes, target: bytes, authority: bytes) -> bytes:
    """Return a head in origin-form as an HTTP proxy gets it; `*` becomes the bare authority."""
    return set_target(raw, b"http://" + authority + (b"" if target == b"*" else target))


def set_host(raw: bytes, host: bytes) -> bytes:
    """Give the Host field another value; a head without one stays without."""
    return _HOST.sub(lambda match: match[1] + host + match[2], raw, count=1)


def _fields_start(raw: bytes) -> int:
    match = _START.match(raw)
    return match.end() if match else len(raw)


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip(_OWS).lower()


def _line_end(line: bytes) -> bytes:
    return b"\r\n" if line.endswith(b"\r\n") else b"\n"


def empty_line(raw: bytes) -> bytes:
    """Return the line end that ends a head."""
    return _line_end(raw)
