r"""What may differ without being a difference: dates, ids, and what a person says besides.

field:date           a header or trailer field; `*` stands for anything
json:$.items[*].id   a value in JSON, and all below it; `*` for one step, `**` for any number
like:\d{4}-\d\d-\d\d what matches is taken to be the same wherever it stands in a value or a line
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

from soth_mitm.errors import SothError
from soth_mitm.text import printable

DEFAULTS: Final = (
    "field:date", "field:age", "field:expires", "field:content-length", "field:connection",
    "field:keep-alive", "field:server-timing", "field:traceparent", "field:x-request-id",
    "field:x-correlation-id", "field:x-trace-id", "field:x-amzn-*id", "field:x-amz-*id*", "field:cf-ray",
    "field:x-runtime", "field:x-response-time", "field:report-to", "field:nel",
)  # fmt: skip
"""Fields that differ from answer to answer; the length of a body follows from the body."""
MASK: Final = "…"
_MOST_PATTERN: Final = 1000
_STEP: Final = re.compile(r"\.(?:\"((?:[^\"\\]|\\.)*)\"|([^.\[\]\"]+))|\[(\d+|\*)\]")


class IgnoreError(SothError):
    """A rule that cannot be used as it is."""


class Ignore:
    """A set of rules, compiled. Can be pickled."""

    def __init__(self, rules: Iterable[str] = ()) -> None:
        """Compile `rules`; raises `IgnoreError` where one is none, which names it."""
        self.rules = tuple(rules)
        fields: list[str] = []
        paths: list[str] = []
        likes: list[str] = []
        for rule in self.rules:
            kind, colon, value = rule.partition(":")
            shown = printable(rule, 200)
            if not colon or not value:
                raise IgnoreError(f"{shown!r} is no rule; write field:NAME, json:$.PATH or like:REGEX")
            if kind == "field":
                fields.append(fnmatch.translate(value.strip().lower()))
            elif kind == "json":
                paths.append(_path_pattern(value.strip(), shown))
            elif kind == "like":
                likes.append(_checked(value, shown))
            else:
                raise IgnoreError(f"{shown!r} is no rule: {printable(kind, 40)} is not field, json or like")
        self._fields = re.compile("|".join(fields)) if fields else None
        self._paths = re.compile("|".join(paths)) if paths else None
        self._likes = re.compile("|".join(f"(?:{like})" for like in likes)) if likes else None

    def field(self, name: bytes) -> bool:
        """Return whether a field may differ."""
        return self._fields is not None and bool(self._fields.match(name.lower().decode("latin-1")))

    def path(self, path: str) -> bool:
        """Return whether the value at a path may differ."""
        return self._paths is not None and bool(self._paths.fullmatch(path))

    def masked(self, text: str) -> str:
        """Return a text with what is alike anyway replaced, to be compared with another."""
        return text if self._likes is None else self._likes.sub(MASK, text)

    @property
    def masks(self) -> bool:
        """Whether texts have to be masked."""
        return self._likes is not None


def _path_pattern(path: str, shown: str) -> str:
    if not path.startswith("$"):
        raise IgnoreError(f"the path in {shown!r} does not begin with $, as in json:$.items[*].id")
    pattern, at = [r"\$"], 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise IgnoreError(f"the path in {shown!r} is not understood from character {at + 1} on")
        quoted, name, index = step.groups()
        if name == "**":
            pattern.append(".*?")
        elif name == "*":
            pattern.append(r"(?:\.(?:\"(?:[^\"\\]|\\.)*\"|[^.\[\]\"]+)|\[\d+\])")
        elif index is not None:
            pattern.append(r"\[\d+\]" if index == "*" else re.escape(f"[{index}]"))
        else:
            pattern.append(re.escape(f'."{quoted}"' if name is None else f".{name}"))
        at = step.end()
    return f"(?:{''.join(pattern)}(?:[.\\[].*)?)"


def _checked(pattern: str, shown: str) -> str:
    if len(pattern) > _MOST_PATTERN:
        raise IgnoreError(f"the expression in {shown!r} has more than {_MOST_PATTERN:,} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise IgnoreError(f"the expression in {shown!r} is none: {error}") from error
    if compiled.fullmatch(""):
        raise IgnoreError(f"the expression in {shown!r} matches nothing at all, and so everything")
    return pattern


NOTHING: Final = Ignore()
