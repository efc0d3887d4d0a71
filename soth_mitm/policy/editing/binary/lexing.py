"""The words of such a text, each with its place, and how values are spelled."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from soth_mitm.policy.editing.checks import TextFault

PAUSE: Final = 200
"""Words, or items, after which a reader or a writer pauses; some 1 ms."""

MOST_DEPTH: Final = 100
"""Values in values; what is deeper is edited as bytes."""

WORD: Final = "word"
STRING: Final = "string"
HEX: Final = "hex"
END: Final = "end"

_TOKEN: Final = re.compile(
    r'(?P<string>"(?:[^"\\\n]++|\\.)*+")|(?P<hex>h\'[0-9A-Fa-f ]*+\')'
    r"|(?P<word>[A-Za-z0-9_.+-]++)|(?P<sign>[{}\[\]:,])"
)
_SPACE: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_INTEGER: Final = re.compile(r"[+-]?(?:0[xX][0-9A-Fa-f]{1,16}|[0-9]{1,20})")
_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Misread(Exception):
    """A text means no bytes, because of what is at `at`, an index into it."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason

    def fault(self, text: str) -> TextFault:
        """Return it with the line and the column."""
        line = text.count("\n", 0, self.at) + 1
        return TextFault(self.at, line, self.at - text.rfind("\n", 0, self.at), self.reason)


class Unwritable(Exception):
    """Bytes cannot be written as a text; the exception's text says why."""


class Token(NamedTuple):
    """A word, a text, bytes, or a sign, which is a kind of its own."""

    kind: str
    text: str
    at: int
    fresh: bool
    """It is the first of its line."""


def tokens_of(text: str) -> Iterator[Token]:
    """Yield the words of a text, then one of the kind `END`.

    Raises:
        Misread: something in it is none.
    """
    at, size = 0, len(text)
    while True:
        space = _SPACE.match(text, at)
        end = space.end() if space else at
        fresh = not at or text.find("\n", at, end) >= 0
        at = end
        if at >= size:
            yield Token(END, "", at, fresh=True)
            return
        match = _TOKEN.match(text, at)
        if match is None:
            raise Misread(at, _why_not(text, at))
        kind = match.lastgroup or ""
        if kind == WORD and match.group() == "h" and text.startswith("'", at + 1):
            raise Misread(at, "bytes are digits 0-9 and a-f within h'...'")
        yield Token(match.group() if kind == "sign" else kind, match.group(), at, fresh)
        at = match.end()


def _why_not(text: str, at: int) -> str:
    if text[at] == '"':
        return "the text that begins here has no end on its line: a double quote is missing"
    if text[at] == "'":
        return "text stands within \"double quotes\", bytes within h'...'"
    return "this stands for nothing here"


def text_value(token: Token) -> bytes:
    """Return the bytes of a text in double quotes.

    Raises:
        Misread: an escape in it is none, or it holds half a character.
    """
    try:
        value: str = json.loads(token.text, strict=False)
    except json.JSONDecodeError as error:
        raise Misread(token.at + error.pos, "this backslash begins no escape: a backslash is \\\\") from None
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError:
        raise Misread(token.at, "this text holds half of a character (a lone surrogate)") from None


def hex_value(token: Token) -> bytes:
    """Return the bytes of h'...'.

    Raises:
        Misread: a digit is missing.
    """
    digits = token.text[2:-1].replace(" ", "")
    if len(digits) % 2:
        raise Misread(token.at, "a digit is missing: each byte has two")
    return bytes.fromhex(digits)


def integer(token: Token) -> int | None:
    """Return the value of a whole number, decimal or 0x..; None where a word is none."""
    match = _INTEGER.fullmatch(token.text)
    return int(token.text, 16 if "x" in token.text.lower() else 10) if match else None


def number(token: Token) -> float | None:
    """Return the value of any number; None where a word is none."""
    if "_" in token.text or len(token.text) > 400:
        return None
    try:
        return float(token.text)
    except ValueError:
        return None


def quoted(text: str) -> str:
    """Return a text in double quotes, in which nothing acts on a terminal."""
    return f'"{_UNSAFE.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    known = _ESCAPES.get(char)
    if known is not None:
        return known
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def hexed(data: bytes) -> str:
    """Return bytes as h'...'."""
    return f"h'{data.hex()}'"
