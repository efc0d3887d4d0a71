"""What the handshake agreed on beyond RFC 6455: its extensions, of which permessage-deflate is read."""

from __future__ import annotations

import re
from typing import NamedTuple

DEFLATE = "permessage-deflate"

_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,;="\s]+))\s*')
_WINDOW = re.compile(r"[89]|1[0-5]")


class Extension(NamedTuple):
    """One extension of a field's list."""

    name: str
    params: tuple[tuple[str, str], ...] = ()
    """Names and values; the value of a flag is empty."""


class DeflateParams(NamedTuple):
    """What both sides agreed on for compression (RFC 7692 section 7.1)."""

    client_bits: int = 15
    """Base-2 logarithm of the client's window."""
    server_bits: int = 15
    client_takeover: bool = True
    """The client's messages may refer to the ones before."""
    server_takeover: bool = True


class Agreed(NamedTuple):
    """What the server's answer says about the frames to come."""

    deflate: DeflateParams | None = None
    unknown: tuple[str, ...] = ()
    """Extensions that are not known here: frames can be counted, but not what is in them."""
    problem: str = ""
    """Why an extension is not understood although its name is known."""


def parse(value: bytes) -> list[Extension]:
    """Read a Sec-WebSocket-Extensions value; what does not fit the grammar is left out."""
    found: list[Extension] = []
    for item in _split(value.decode("latin-1"), ","):
        name, *params = _split(item, ";")
        if name.strip():
            found.append(Extension(name.strip().lower(), tuple(_param(part) for part in params)))
    return found


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark, but not inside of quotes."""
    parts, start, quoted = [], 0, False
    for position, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == mark and not quoted:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def _param(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"').strip()


def agreed(value: bytes) -> Agreed:
    """Return what the server's list of extensions means."""
    extensions = parse(value)
    if not extensions:
        return Agreed()
    unknown = tuple(extension.name for extension in extensions if extension.name != DEFLATE)
    listed = [extension for extension in extensions if extension.name == DEFLATE]
    if not listed:
        return Agreed(None, unknown)
    if len(listed) > 1:
        return Agreed(None, (*unknown, DEFLATE), f"{DEFLATE} is agreed on twice")
    try:
        return Agreed(_deflate(listed[0]), unknown)
    except ValueError as error:
        return Agreed(None, (*unknown, DEFLATE), str(error))


def _deflate(extension: Extension) -> DeflateParams:
    params = dict(extension.params)
    if len(params) != len(extension.params):
        raise ValueError(f"a parameter of {DEFLATE} is given twice")
    flags = {"client_no_context_takeover", "server_no_context_takeover"}
    bits = {"client_max_window_bits", "server_max_window_bits"}
    for name, value in params.items():
        if name in flags and not value:
            continue
        if name in bits and _WINDOW.fullmatch(value):
            continue
        raise ValueError(f"{name!a} of {DEFLATE} is not understood")
    return DeflateParams(
        int(params.get("client_max_window_bits", 15)),
        int(params.get("server_max_window_bits", 15)),
        "client_no_context_takeover" not in params,
        "server_no_context_takeover" not in params,
    )
