"""JSON laid out for reading, without changing one of its tokens.

Reading and writing values would round large numbers, merge duplicate keys and lose the order; here
only the white space between tokens changes. What stands between two scalars repeats all the time
(`, `, `: `, `}, {`), so its layout is kept per depth; that makes this fast.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from soth_mitm.decode.json_check import Extent, extent

INDENT = "  "
DEEPEST_INDENT = 60
"""Levels below this one are indented no further, so that depth alone cannot make output large."""

_SCALAR = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^\s{}\[\],:"]+)', re.DOTALL)
_MEMO_ENTRIES = 4096
_MEMO_KEY = 64


class Layout(NamedTuple):
    """JSON laid out, as far as it goes."""

    text: str
    finished: bool
    """The value came to its end, and all of it is in `text`."""
    error: str = ""
    """Where and how it breaks the rules of JSON; `text` is empty then."""


def lay_out(source: str, *, limit: int) -> Layout:
    """Lay out `source`, giving about `limit` characters at most. Never raises."""
    found = Extent(True) if _is_json(source) else extent(source)
    if found.error:
        return Layout("", False, found.error)
    text, whole = _Writer(limit).write(source)
    return Layout(text, found.finished and whole)


def _is_json(source: str) -> bool:
    """Return whether all is well, by the fast reader; what it is too strict about is asked again."""
    try:
        msgspec.json.decode(source.encode("utf-8"), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False
    return True


class _Writer:
    """One layout of text that is known to be JSON, but for its end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._memo: dict[tuple[str, int], tuple[str, int]] = {}

    def write(self, source: str) -> tuple[str, bool]:
        """Return the layout, and whether it holds all of `source`."""
        parts = _SCALAR.split(source)
        memo, limit = self._memo, self._limit
        out: list[str] = []
        size, depth = 0, 0
        for between, scalar in zip(parts[::2], parts[1::2], strict=False):
            text, after = memo.get((between, depth)) or self._between(between, depth)
            depth = after
            out.append(text)
            out.append(scalar)
            size += len(text) + len(scalar)
            if size > limit:
                return "".join(out), False
        text, _ = self._between(parts[-1], depth)
        out.append(text.rstrip())
        return "".join(out), size + len(text) <= limit

    def _between(self, run: str, depth: int) -> tuple[str, int]:
        """Return the layout of what stands between two scalars, and the depth behind it."""
        start, text, opened = depth, "", False
        for char in run:
            if char in "{[":
                text += _new_line(depth) + char if opened else char
                depth, opened = depth + 1, True
            elif char in "}]":
                depth -= 1
                text += char if opened else _new_line(depth) + char
                opened = False
            elif char == ",":
                text += "," + _new_line(depth)
            elif char == ":":
                text += ": "
            if len(text) > self._limit:
                return text, depth
        if opened:
            text += _new_line(depth)
        if len(run) <= _MEMO_KEY:
            if len(self._memo) >= _MEMO_ENTRIES:
                self._memo.clear()
            self._memo[run, start] = text, depth
        return text, depth


def _new_line(depth: int) -> str:
    return "\n" + INDENT * min(depth, DEEPEST_INDENT)
