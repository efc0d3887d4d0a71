r"""Bytes as text that can be typed: UTF-8 as it is, anything a terminal acts upon as `\xNN`, and back.

Every sequence of bytes has one such text, and every text means some bytes: what is no escape stands for
itself, so that a person who types a backslash gets a backslash.
"""

from __future__ import annotations

import re
from typing import Final

from soth_mitm.text import printable

_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([nrt\\]))")
_SHORT: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}
_SHORT_OF: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BEGINS: Final = frozenset("xnrt\\")
"""What makes an escape of a backslash before it."""


def escaped(value: bytes) -> str:
    """Return bytes as one line of text, without anything that a terminal would act upon."""
    text = value.decode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    out = [_shown(char) for char in text]
    for at, char in enumerate(text):
        after = out[at + 1][:1] if at + 1 < len(out) else ""
        if char == "\\" and after in _BEGINS and after:
            out[at] = "\\\\"
    return "".join(out)


def _shown(char: str) -> str:
    if char == "\\" or (char.isascii() and char.isprintable()):
        return char
    if char in _SHORT_OF:
        return _SHORT_OF[char]
    if "\udc80" <= char <= "\udcff" or printable(char) != char:
        return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return char


def unescaped(text: str) -> bytes:
    """Return the bytes that a text stands for. Never raises."""
    if "\\" not in text:
        return text.encode("utf-8", "surrogatepass")
    out = bytearray()
    at = 0
    for match in _ESCAPE.finditer(text):
        out += text[at : match.start()].encode("utf-8", "surrogatepass")
        out += bytes.fromhex(match[1]) if match[1] else _SHORT[match[2]]
        at = match.end()
    return bytes(out + text[at:].encode("utf-8", "surrogatepass"))
