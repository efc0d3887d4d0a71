"""Bytes to text: byte order mark, `charset` parameter, what the text declares, UTF-8, Latin-1, one by one."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

_CHARSET = re.compile(rb";\s*charset\s*=\s*\"?\s*([A-Za-z0-9_.:+-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(
    rb"\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']\s*(?P<xml>[A-Za-z0-9_.:-]{1,40})"
    rb"|.*?<meta\b[^>]{0,300}?\bcharset\s*=\s*[\"']?\s*(?P<html>[A-Za-z0-9_.:-]{1,40})"
    rb"|@charset \"(?P<css>[A-Za-z0-9_.:-]{1,40})\";",
    re.IGNORECASE | re.DOTALL,
)
_DECLARED_WITHIN = 1024
"""Bytes that may come before, and with, a declaration (the HTML standard, section 13.2.3.2)."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK_BYTES = tuple(mark for mark, _ in _MARKS)
# Codecs of Python that are no character sets of the net: they escape, or take time that grows with
# the square of the input.
_UNFIT = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "mbcs", "oem"}
# Without a byte order mark, the lower byte comes first (the Encoding standard, section 4.2).
_UNMARKED = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}
_LONGEST_CHARACTER = 4


class Text(NamedTuple):
    """Decoded text, and how it was decoded."""

    text: str
    charset: str
    note: str = ""
    """What a person should know: that the character set is not what was said, or what UTF-8 is."""


def charset_of(content_type: bytes) -> str:
    """Return the name in the `charset` parameter; empty where there is none."""
    match = _CHARSET.search(content_type) if content_type.find(b";") >= 0 else None
    return match[1].decode("ascii").lower() if match else ""


def declared_in(beginning: bytes) -> str:
    """Return the name that a document of HTML, XML or CSS gives for itself; empty where it gives none.

    A declaration that could be read is no UTF-16: what says so is read as UTF-8, as browsers do.
    """
    match = _DECLARED.match(beginning[:_DECLARED_WITHIN])
    name = match[match.lastgroup or 0].decode("ascii").lower() if match is not None else ""
    return "utf-8" if name.startswith(("utf-16", "utf-32", "ucs-")) else name


def has_mark(data: bytes) -> bool:
    """Return whether `data` begins with a byte order mark."""
    return data.startswith(_MARK_BYTES)


def mark_of(data: bytes) -> tuple[bytes, str] | None:
    """Return the byte order mark that `data` begins with, and its character set."""
    return next((each for each in _MARKS if data.startswith(each[0])), None) if has_mark(data) else None


def incremental(name: str, errors: str) -> codecs.IncrementalDecoder | None:
    """Return a decoder for bytes as they come; None where `name` is no character set of the net."""
    try:
        info = codecs.lookup(name)
        if info.name.replace("_", "-") in _UNFIT:
            return None
        b"x".decode(name, "replace")  # refuses what does not give text, such as base64
        return codecs.getincrementaldecoder(_UNMARKED.get(info.name, name))(errors)
    except (LookupError, ValueError):
        return None


def decode_text(data: bytes, content_type: bytes = b"") -> Text:
    """Decode `data`; a byte that does not fit becomes U+FFFD. Never raises."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return Text(data[len(mark) :].decode(name, "replace"), name)
    named = charset_of(content_type)
    if named and named not in ("utf-8", "utf8"):
        text = _by_name(data, named)
        if text is not None:
            return Text(text, named, named)
    try:
        return Text(data.decode("utf-8"), "utf-8", _unknown(named))
    except UnicodeDecodeError as error:
        if error.start >= len(data) - _LONGEST_CHARACTER and error.reason == "unexpected end of data":
            # The last character is still on its way, or was cut by a limit.
            return Text(data[: error.start].decode("utf-8"), "utf-8", _unknown(named))
        if named in ("utf-8", "utf8"):
            return Text(data.decode("utf-8", "replace"), "utf-8", f"not UTF-8 from byte {error.start:,} on")
    return Text(data.decode("latin-1"), "latin-1", "not UTF-8: read as Latin-1")


def _unknown(named: str) -> str:
    return f"charset {named} is not known: read as UTF-8" if named not in ("", "utf-8", "utf8") else ""


def _by_name(data: bytes, name: str) -> str | None:
    try:
        if codecs.lookup(name).name.replace("_", "-") in _UNFIT:
            return None
        return data.decode(name, "replace")
    except (LookupError, ValueError):
        return None
