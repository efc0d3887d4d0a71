r"""Quoting for a shell, such that it hands on the very bytes: `'…'` for text, `$'…'` for the rest.

`$'…'` is read by bash, zsh, ksh and every shell of POSIX 2024. Only NUL can be in no argument.
"""

from __future__ import annotations

import re

from soth_mitm.text import printable

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
# The exclamation mark is escaped because an interactive bash may look for a line of its history.
_NAMED = {
    0x07: "\\a",
    0x21: "\\x21",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0D: "\\r",
    0x27: "\\'",
    0x5C: "\\\\",
}
_ESCAPES = {byte: f"\\x{byte:02x}" for byte in range(256) if not 0x20 <= byte < 0x7F} | _NAMED


def quoted(value: bytes) -> str:
    """Return `value` as one word of a command line; all of it prints.

    Raises:
        ValueError: it holds NUL.
    """
    if b"\0" in value:
        raise ValueError("no argument of a command can hold NUL")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return _escaped(value)
    if _PLAIN.fullmatch(text):
        return text
    if not text.isprintable() or printable(text) != text:
        return _escaped(value)
    if "'" in text:
        return _escaped(value) if text.isascii() else "'" + text.replace("'", "'\\''") + "'"
    return f"'{text}'"


def _escaped(value: bytes) -> str:
    """Return the form in which every byte that is not printable ASCII is an escape."""
    return "$'" + value.decode("latin-1").translate(_ESCAPES) + "'"
