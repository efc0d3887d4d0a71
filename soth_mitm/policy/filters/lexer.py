"""From text to tokens, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.fields import ALIASES, BY_NAME

LONGEST: Final = 4000
"""Characters of an expression; far more than anyone writes, and few enough to parse in a blink."""


class Token(NamedTuple):
    """A piece of an expression. `kind` is one of `( ) ! and or word`."""

    kind: str
    text: str
    """The text meant, without quotes."""
    column: int
    field: str = ""
    """The name before the colon of a word; empty where it has none."""
    value_column: int = 0
    """Where the value begins, in the text."""
    quote: str = ""
    """`"`, `'`, or `/` where the value was written in them; empty where it was not."""
    sign: str = ""
    """`=` where the value is to be matched as a whole."""


_WORDS: Final = {"and": "and", "or": "or", "not": "!"}
_FIELD: Final = rf"(?:{'|'.join(map(re.escape, (*BY_NAME, *ALIASES, 'is')))}):"
_TERM: Final = re.compile(rf"[/!]|{_FIELD}", re.IGNORECASE)
"""What begins another term behind a blank, rather than being part of a regular expression."""
_AND: Final = re.compile(rf"&(?:[&!(\s]|{_FIELD})", re.IGNORECASE)
_SIGNS: Final = {"&": "and", "|": "or", "(": "(", ")": ")"}


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression.

    Raises:
        FilterError: a quote is not closed, or the text is too long.
    """
    if len(text) > LONGEST:
        raise FilterError(LONGEST, f"the expression is longer than {LONGEST:,} characters")
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "!":
            yield Token("!", "!", at)
            at += 1
        elif char in _SIGNS:
            length = 2 if char in "&|" and text[at : at + 2] == char * 2 else 1
            yield Token(_SIGNS[char], char, at)
            at += length
        else:
            token, at = _word(text, at)
            yield token


def _word(text: str, start: int) -> tuple[Token, int]:
    field, at = _field(text, start)
    value_at = at
    sign = ""
    if field and text[at : at + 1] == "=":
        sign, at = "=", at + 1
    quote = text[at : at + 1]
    if quote in ('"', "'"):
        value, end = _quoted(text, at)
        return Token("word", value, start, field, value_at, quote, sign), end
    if quote == "/":
        end = _slash(text, at)
        if end:
            value = text[at + 1 : end - 1]
            return Token("word", value, start, field, at + 1, "/", sign), end
    end = _bare(text, at)
    value = text[at:end]
    if not field and value.lower() in _WORDS:
        return Token(_WORDS[value.lower()], value, start), end
    return Token("word", value, start, field, value_at, "", sign), end


def _field(text: str, start: int) -> tuple[str, int]:
    """Return the name before a colon, and where the value begins; no name for `http://` or `web1:443`.

    A name with a digit in it is one only where there is such a field.
    """
    end = start
    while end < len(text) and (text[end].isascii() and (text[end].isalnum() or text[end] == "-")):
        end += 1
    name = text[start:end].lower()
    if not name or text[end : end + 1] != ":" or text[end + 1 : end + 3] == "//":
        return "", start
    if name not in BY_NAME and any(char.isdigit() for char in name):
        return "", start
    return name, end + 1


def _quoted(text: str, start: int) -> tuple[str, int]:
    quote, at, out = text[start], start + 1, []
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in (quote, "\\"):
            out.append(text[at + 1])
            at += 2
        elif text[at] == quote:
            return "".join(out), at + 1
        else:
            out.append(text[at])
            at += 1
    raise FilterError(start, f"this {quote} is not closed")


def _slash(text: str, start: int) -> int:
    """Return where a `/regex/` ends; 0 where there is none, as in a path.

    It may have blanks in it, as long as nothing behind one looks like the next term.
    """
    at = start + 1
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
            continue
        if char == "/" and at > start + 1 and (at + 1 == len(text) or _ends(text[at + 1])):
            return at + 1
        if char.isspace() and _TERM.match(text, at + 1):
            return 0
        at += 1
    return 0


def _ends(char: str) -> bool:
    return char.isspace() or char in ")|&"


def _bare(text: str, start: int) -> int:
    """Return where a bare word ends: at a blank, a `|`, or a parenthesis that it did not open.

    An `&` is part of it, as in a query, unless a term follows that cannot be part of one.
    """
    depth, at = 0, start
    while at < len(text) and not text[at].isspace():
        char = text[at]
        if char == "(":
            depth += 1
        elif char == ")":
            if not depth:
                break
            depth -= 1
        elif char == "|" or (char == "&" and _AND.match(text, at)):
            break
        at += 1
    return at
