"""JSON judged while it is typed: a slice at a time, with the place of what is wrong (RFC 8259).

Nothing is built from the text, so that spellings of numbers and duplicate names cost nothing and stay
as they were typed; nesting costs a character a level, and no recursion.
"""

from __future__ import annotations

import re
from typing import Final

from soth_mitm.policy.editing.checks import TextFault

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_PART: Final = re.compile(r'(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})){1,16}+')
"""Of a text within quotes; short enough in escapes, which take longest, that a slice stays one."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?")
_WORD: Final = re.compile(r"[A-Za-z0-9_.+-]*+")
_WORDS: Final = frozenset(("true", "false", "null"))
_CLOSES: Final = {"[": "]", "{": "}"}
_WITHIN: Final = {"[": "list", "{": "object"}


class JsonCheck:
    """Checks a text in slices: call `step` until `done`, then read `fault`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[str] = []
        self._wants = "value"
        self._comma = self._quote = -1
        self.done = False
        self.fault: TextFault | None = None
        """None while nothing is wrong with what has been read."""

    def step(self, tokens: int = 1000) -> bool:
        """Read so many tokens at most; return whether the text is judged.

        1,000 tokens take 2 to 4 ms, long texts within quotes included: they are read in parts.
        """
        while tokens > 0 and not self.done:
            tokens -= 1
            self._token()
        return self.done

    def _token(self) -> None:
        if self._wants.startswith("rest"):
            self._rest()
            return
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        char = self._text[self._at : self._at + 1]
        if not char:
            self._end()
        elif self._wants == "end":
            self._fail("something follows after the value")
        elif self._wants == "colon":
            self._colon(char)
        elif self._wants == "next":
            self._next(char)
        elif self._wants in ("name", "first name"):
            self._name(char)
        else:
            self._value(char)

    def _end(self) -> None:
        if self._open:
            self._fail(
                f"the text ends within {_an(_WITHIN[self._open[-1]])}: {_CLOSES[self._open[-1]]} is missing"
            )
        elif self._wants == "end":
            self.done = True
        else:
            self._fail("there is no value")

    def _colon(self, char: str) -> None:
        if char != ":":
            self._fail("after a name a colon is missing")
            return
        self._at += 1
        self._wants = "value"

    def _next(self, char: str) -> None:
        inside = self._open[-1]
        if char == ",":
            self._comma = self._at
            self._at += 1
            self._wants = "name" if inside == "{" else "value"
        elif char == _CLOSES[inside]:
            self._close()
        else:
            self._fail(f"a comma or {_CLOSES[inside]} is missing before this")

    def _name(self, char: str) -> None:
        if char == '"':
            self._begin_text(name=True)
        elif char == "}" and self._wants == "first name":
            self._close()
        elif char == "}":
            self._fail("nothing follows after this comma: take it away", at=self._comma)
        elif char == "'":
            self._fail('a name stands within "double quotes"')
        else:
            self._fail("a name in double quotes is missing here")

    def _value(self, char: str) -> None:
        if char in "[{":
            self._open.append(char)
            self._at += 1
            self._wants = "first value" if char == "[" else "first name"
        elif char == '"':
            self._begin_text(name=False)
        elif char == "]" and self._wants == "first value":
            self._close()
        elif char == "]" and self._open[-1:] == ["["]:
            self._fail("nothing follows after this comma: take it away", at=self._comma)
        else:
            self._scalar(char)

    def _scalar(self, char: str) -> None:
        word = _WORD.match(self._text, self._at)
        end = word.end() if word else self._at
        if self._text[self._at : end] in _WORDS or _NUMBER.fullmatch(self._text, self._at, end):
            self._at = end
            self._follow()
        elif char == "'":
            self._fail('text stands within "double quotes"')
        elif char in "-+.0123456789":
            self._fail("this is no number of JSON")
        elif end > self._at:
            self._fail('this is no value: text stands within "double quotes"')
        else:
            self._fail("a value is missing here")

    def _follow(self) -> None:
        self._wants = "next" if self._open else "end"

    def _close(self) -> None:
        self._open.pop()
        self._at += 1
        self._follow()

    def _begin_text(self, *, name: bool) -> None:
        self._quote = self._at
        self._at += 1
        self._wants = "rest of name" if name else "rest of text"

    def _rest(self) -> None:
        part = _PART.match(self._text, self._at)
        self._at = part.end() if part else self._at
        char = self._text[self._at : self._at + 1]
        if char == '"':
            self._at += 1
            if self._wants == "rest of name":
                self._wants = "colon"
            else:
                self._follow()
        elif not char:
            self._fail("the text that begins here has no end: a double quote is missing", at=self._quote)
        elif char in "\r\n":
            self._fail("a line ends within a text: a double quote is missing, or write \\n")
        elif char < " ":
            self._fail(f"this character has to be written as \\u{ord(char):04x}")
        elif part is None:
            self._fail("this backslash begins no escape of JSON: a backslash itself is \\\\")

    def _fail(self, reason: str, *, at: int | None = None) -> None:
        offset = self._at if at is None else at
        line = self._text.count("\n", 0, offset) + 1
        column = offset - self._text.rfind("\n", 0, offset)
        self.fault = TextFault(offset, line, column, reason)
        self.done = True


def _an(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
