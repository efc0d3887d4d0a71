"""Prefixes that keep JSON from being run as a script: told, and left out before it is read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_PREFIX: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?P<prefix>"
    rb"(?P<xssi_angular_prefix_lf>\)\]\}'\n)|(?P<xssi_angular_prefix_crlf>\)\]\}'\r\n)"
    rb"|(?P<xssi_angular_prefix>\)\]\}',?)|(?P<while_1_prefix>while\(1\);)"
    rb"|(?P<for_ever_prefix_compact>for\(;;\);)|(?P<for_ever_prefix_spaced>for \(;;\);))"
    rb"[ \t\r\n]*(?=[{\[\"\-0-9tfn])"
)


class Prefix(NamedTuple):
    """A prefix before JSON."""

    name: str
    text: str
    """As it stands there."""
    length: int
    """Characters up to its end; a byte order mark does not count."""


def prefix_of(beginning: bytes) -> Prefix | None:
    """Return the prefix that a body begins with; None without one, or where no JSON can follow."""
    match = _PREFIX.match(beginning)
    if match is None:
        return None
    name = next(name for name, text in match.groupdict().items() if text is not None and name != "prefix")
    text = match["prefix"].decode("ascii")
    length = match.end("prefix") - (3 if beginning.startswith(b"\xef\xbb\xbf") else 0)
    return Prefix(name, text.rstrip(), length)
