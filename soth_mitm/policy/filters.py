"""Which rows a person wants to see: plain words, `/regex/`, and `!` for what is not wanted.

Terms stand apart by spaces and must all hold. Each is looked for, whatever its case, in one line of
text per row: method, status, `host:port`, URL, media type and outcome. A term that begins and ends
with a slash is a regular expression over the same line; write `\\s` for a space in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from soth_mitm.errors import SothError


class FilterError(SothError):
    """A filter that cannot be understood; `column` counts from 0 into the text."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"filter, column {column + 1}: {message}")
        self.column = column
        self.message = message


class Searchable(Protocol):
    """What of a row can be searched."""

    @property
    def method(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def outcome(self) -> str: ...


_DEFAULT_PORTS = {("http", 80), ("https", 443)}


def before_path(method: str, status: int, scheme: str, host: str, port: int) -> str:
    """Return the part of a row's line that stands before the path, in lower case."""
    name = f"[{host}]" if ":" in host else host
    authority = name if (scheme, port) in _DEFAULT_PORTS else f"{name}:{port}"
    return f"{method} {status or ''} {name}:{port} {scheme}://{authority}".lower()


def after_path(content_type: str, outcome: str) -> str:
    """Return the part of a row's line that stands after the path, in lower case."""
    return f" {content_type} {outcome}".lower()


def line_of(row: Searchable) -> str:
    """Return the line that terms are looked for in, in lower case."""
    before = before_path(row.method, row.status, row.scheme, row.host, row.port)
    return before + row.path.lower() + after_path(row.content_type, row.outcome)


Matcher = Callable[[Searchable], bool]
"""Says whether a row is wanted."""


class WordFilter:
    """A compiled filter: call it with a row, or `matches` with a row's line."""

    __slots__ = ("_patterns", "_unwanted", "_unwanted_patterns", "_wanted", "text")

    def __init__(self, text: str) -> None:
        """Compile `text`; no terms at all match every row.

        Raises:
            FilterError: a `!` without a term, or an expression that is none.
        """
        self.text = text
        self._wanted: list[str] = []
        self._unwanted: list[str] = []
        self._patterns: list[re.Pattern[str]] = []
        self._unwanted_patterns: list[re.Pattern[str]] = []
        for match in re.finditer(r"\S+", text):
            self._add(match.group(), match.start())

    def _add(self, term: str, column: int) -> None:
        negated = term.startswith("!")
        if negated:
            term = term[1:]
            column += 1
            if not term:
                raise FilterError(column - 1, "'!' needs a word behind it, without a space: !png")
        if len(term) > 2 and term.startswith("/") and term.endswith("/"):
            patterns = self._unwanted_patterns if negated else self._patterns
            patterns.append(_compile(term[1:-1], column + 1))
        else:
            (self._unwanted if negated else self._wanted).append(term.lower())

    def __call__(self, row: Searchable) -> bool:
        """Say whether a row is wanted."""
        return self.matches(line_of(row))

    def matches(self, line: str) -> bool:
        """Say whether a row is wanted whose line (`line_of`) this is."""
        for word in self._wanted:
            if word not in line:
                return False
        for word in self._unwanted:
            if word in line:
                return False
        for pattern in self._patterns:
            if pattern.search(line) is None:
                return False
        return not any(pattern.search(line) for pattern in self._unwanted_patterns)

    def __bool__(self) -> bool:
        """Whether there is any term."""
        return bool(self._wanted or self._unwanted or self._patterns or self._unwanted_patterns)


def _compile(source: str, column: int) -> re.Pattern[str]:
    try:
        return re.compile(source, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        at = getattr(error, "pos", None) or 0
        reason = getattr(error, "msg", "") or "too large"
        raise FilterError(
            column + at,
            f"not a regular expression: {reason}; put a backslash before a character meant as it is",
        ) from error


def compile_words(text: str) -> WordFilter:
    """Compile a filter of plain words.

    Raises:
        FilterError: it cannot be understood; the error says where and what to do.
    """
    return WordFilter(text)
