"""How far a text is JSON (RFC 8259): where it ends, or where and how it breaks the rules.

Reads token by token without recursion, so that depth costs nothing. A reader that is written in C
says sooner that all is well; this one is asked about what is unfinished or wrong.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STRING = r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*'
_TOKEN = re.compile(
    rf'({_STRING}"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.+-])'
    r"|true\b|false\b|null\b|[{}\[\],:])"
)
_SPACE = re.compile(r"[ \t\n\r]*")
_UNFINISHED = re.compile(
    rf"{_STRING}(?:\\(?:u[0-9a-fA-F]{{0,3}})?)?|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?"
    r"|-?(?:0|[1-9][0-9]*)?(?:(?<=[0-9])\.[0-9]*)?(?:(?<=[0-9])[eE][+-]?[0-9]*)?"
)

_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _NEXT, _DONE = range(7)
_EXPECTED = {
    _VALUE: "a value",
    _VALUE_OR_END: "a value or ']'",
    _KEY: "a key in double quotes",
    _KEY_OR_END: "a key in double quotes or '}'",
    _COLON: "':' after the key",
    _DONE: "nothing more",
}
_ENDS = {"{": "}", "[": "]"}


class Extent(NamedTuple):
    """How far a text is JSON."""

    finished: bool
    """There is one whole value and nothing behind it."""
    error: str = ""
    """Where it breaks the rules; empty where it is only cut off."""


def extent(source: str) -> Extent:
    """Say how far `source` is JSON. Never raises."""
    return _Reader().read(source)


class _Reader:
    """The grammar as a state and the open containers."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._state = _VALUE

    def read(self, source: str) -> Extent:
        """Take token by token to the end or to an error."""
        match, space, at = _TOKEN.match, _SPACE.match, 0
        while True:
            found = space(source, at)
            at = found.end() if found else at
            if at == len(source):
                return Extent(self._state == _DONE)
            found = match(source, at)
            if found is None:
                tail = _UNFINISHED.match(source, at)
                cut_off = tail is not None and tail.end() == len(source) and self._may_begin(source[at])
                return Extent(False) if cut_off else self._fail(source, at)
            if not self._take(found[1][0]):
                return self._fail(source, at)
            at = found.end()

    def _take(self, first: str) -> bool:
        """Step over a token that begins with `first`; return whether it may stand here."""
        state = self._state
        if first == ",":
            self._state = _KEY if self._open and self._open[-1] == "{" else _VALUE
            return state == _NEXT
        if first == ":":
            self._state = _VALUE
            return state == _COLON
        if first in "}]":
            return self._close(first)
        if not self._may_begin(first):
            return False
        if state in (_KEY, _KEY_OR_END):
            self._state = _COLON
        elif first in "{[":
            self._open.append(first)
            self._state = _KEY_OR_END if first == "{" else _VALUE_OR_END
        else:
            self._state = _NEXT if self._open else _DONE
        return True

    def _may_begin(self, first: str) -> bool:
        """Return whether a key or a value that begins with `first` may stand here."""
        if self._state in (_KEY, _KEY_OR_END):
            return first == '"'
        return self._state in (_VALUE, _VALUE_OR_END)

    def _close(self, bracket: str) -> bool:
        may_end = self._state in (_NEXT, _KEY_OR_END, _VALUE_OR_END)
        if not may_end or not self._open or _ENDS[self._open[-1]] != bracket:
            return False
        self._open.pop()
        self._state = _NEXT if self._open else _DONE
        return True

    def _fail(self, source: str, at: int) -> Extent:
        line = source.count("\n", 0, at) + 1
        column = at - source.rfind("\n", 0, at)
        expected = f"',' or '{_ENDS[self._open[-1]]}'" if self._state == _NEXT else _EXPECTED[self._state]
        return Extent(False, f"not valid JSON at line {line:,}, column {column:,}: expected {expected}")
