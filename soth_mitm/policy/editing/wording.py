"""A body as the text that a person edits: its character set and line ends kept, or no text at all."""

from __future__ import annotations

import codecs
from typing import Final

import msgspec

from soth_mitm.decode.charset import charset_of, incremental, mark_of
from soth_mitm.decode.sniff import choose

_NUL: Final = "\x00"


class Wording(msgspec.Struct, frozen=True):
    """How a text is written as bytes."""

    charset: str = "utf-8"
    crlf: bool = False
    """Whether each line ends with CR LF; the text that is edited has LF alone."""
    mark: bytes = b""
    """The byte order mark in front."""

    def write(self, text: str) -> bytes:
        """Return a text as bytes.

        Raises:
            ValueError: it holds a character that the character set has not; its text says which.
        """
        text = text.replace("\n", "\r\n") if self.crlf else text
        try:
            return self.mark + text.encode(self.charset)
        except UnicodeEncodeError as error:
            char = text[error.start : error.start + 1]
            line = text.count("\n", 0, error.start) + 1
            name = f"U+{ord(char):04X}"
            raise ValueError(f"line {line}: {self.charset} has no character {name}") from None


class Worded(msgspec.Struct, frozen=True):
    """A text, and how it is written."""

    text: str
    wording: Wording


def worded(data: bytes, content_type: bytes) -> Worded | None:
    """Read a body as text; None where it is none, or where writing it again would give other bytes."""
    mark = mark_of(data)
    named = mark[1] if mark else _named(content_type)
    kept = mark[0] if mark else b""
    if not mark and not content_type and choose(data, content_type).kind == "hex":
        return None
    try:
        text = data[len(kept) :].decode(named)
    except (UnicodeDecodeError, LookupError):
        return None
    if _NUL in text:
        return None
    crlf = "\r\n" in text and text.count("\r\n") == text.count("\n") == text.count("\r")
    wording = Wording(named, crlf, kept)
    shown = text.replace("\r\n", "\n") if crlf else text
    try:
        again = wording.write(shown)
    except ValueError:
        return None
    return Worded(shown, wording) if again == data else None


def _named(content_type: bytes) -> str:
    name = charset_of(content_type)
    if not name or incremental(name, "strict") is None:
        return "utf-8"
    return codecs.lookup(name).name
