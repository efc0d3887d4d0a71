"""JSON compared by path: what was added, removed, changed; keys in another order; numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from soth_mitm.policy.diff.lines import MOST_SPANS, spans_of
from soth_mitm.policy.diff.report import DiffLine, DiffSection, Kind, bounded
from soth_mitm.policy.diff.sequences import match
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.policy.diff.ignoring import Ignore

MOST_LINES: Final = 1000
MOST_VALUE: Final = 400
MOST_DEPTH: Final = 100
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$@")


class Number(str):
    """A number as it was written, so that no digit is lost."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object's members, in order, duplicates included."""


Value = Any
"""`Members`, list, str, `Number`, bool or None."""


def read(text: str) -> Value:
    """Read JSON; raises ValueError where it is none, or nested too deeply."""
    try:
        value = json.loads(
            text, object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=Number
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _depth(value) > MOST_DEPTH:
        raise ValueError("nested too deeply")
    return value


def _depth(value: Value) -> int:
    """Return how deeply a value is nested, without recursing."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        deepest = max(deepest, depth)
        if depth > MOST_DEPTH:
            return depth
        if isinstance(each, Members):
            waiting += [(member, depth + 1) for _, member in each]
        elif isinstance(each, list):
            waiting += [(member, depth + 1) for member in each]
    return deepest


def trees(title: str, left: Value, right: Value, ignore: Ignore) -> DiffSection:
    """Compare two values; every difference is a line with its path."""
    return bounded(title, "json", _Walk(ignore).lines("$", left, right), MOST_LINES)


class _Walk:
    def __init__(self, ignore: Ignore) -> None:
        self._ignore = ignore
        self._looked = 0

    def lines(self, path: str, left: Value, right: Value) -> Iterator[DiffLine]:
        """Yield what differs at a path and below."""
        if self._ignore.path(path):
            if left != right:
                yield DiffLine(Kind.IGNORED, _shown(left), _shown(right), printable(path, MOST_VALUE))
        elif isinstance(left, Members) and isinstance(right, Members):
            yield from self._objects(path, left, right)
        elif _is_array(left) and _is_array(right):
            yield from self._arrays(path, left, right)
        elif type(left) is not type(right) or left != right:
            yield self._changed(path, left, right)

    def _objects(self, path: str, left: Members, right: Members) -> Iterator[DiffLine]:
        names = _numbered(left), _numbered(right)
        others = {key: member for key, (_, member) in zip(names[1], right, strict=True)}
        for key, (name, member) in zip(names[0], left, strict=True):
            below = path + _step(name)
            if key in others:
                yield from self.lines(below, member, others[key])
            else:
                yield self._one(below, Kind.REMOVED, member)
        known = set(names[0])
        for key, (name, member) in zip(names[1], right, strict=True):
            if key not in known:
                yield self._one(path + _step(name), Kind.ADDED, member)
        common = [key for key in names[0] if key in others]
        if common != [key for key in names[1] if key in known]:
            label = printable(path, MOST_VALUE)
            yield DiffLine(Kind.MOVED, _names(left), _names(right), label)

    def _arrays(self, path: str, left: list[Value], right: list[Value]) -> Iterator[DiffLine]:
        keys = [_key(each) for each in left], [_key(each) for each in right]
        at = to = 0
        for start, first, size in [*match(*keys).runs, (len(left), len(right), 0)]:
            both = min(start - at, first - to)
            for step in range(both):
                yield from self.lines(f"{path}[{at + step}]", left[at + step], right[to + step])
            for step in range(at + both, start):
                yield self._one(f"{path}[{step}]", Kind.REMOVED, left[step])
            for step in range(to + both, first):
                yield self._one(f"{path}[{step}]", Kind.ADDED, right[step])
            at, to = start + size, first + size

    def _one(self, path: str, kind: Kind, value: Value) -> DiffLine:
        label = printable(path, MOST_VALUE)
        if self._ignore.path(path):
            kind = Kind.IGNORED
        if kind is Kind.ADDED:
            return DiffLine(kind, None, _shown(value), label)
        return DiffLine(kind, _shown(value), None, label)

    def _changed(self, path: str, left: Value, right: Value) -> DiffLine:
        shown, label = (_shown(left), _shown(right)), printable(path, MOST_VALUE)
        if isinstance(left, Number) and isinstance(right, Number) and _equal(left, right):
            return DiffLine(Kind.SPELLED, *shown, label)
        if self._ignore.masks and self._ignore.masked(shown[0]) == self._ignore.masked(shown[1]):
            return DiffLine(Kind.IGNORED, *shown, label)
        self._looked += 1
        look = type(left) is str and type(right) is str and self._looked <= MOST_SPANS
        spans = spans_of(*shown) if look else ((), ())
        return DiffLine(Kind.CHANGED, *shown, label, left_spans=spans[0], right_spans=spans[1])


def _is_array(value: Value) -> bool:
    return isinstance(value, list) and not isinstance(value, Members)


def _numbered(members: Members) -> list[tuple[str, int]]:
    seen: dict[str, int] = {}
    keys = []
    for name, _ in members:
        number = seen.get(name, 0)
        seen[name] = number + 1
        keys.append((name, number))
    return keys


def _step(name: str) -> str:
    return f".{name}" if name and set(name) <= _PLAIN else f".{json.dumps(name, ensure_ascii=False)}"


def _names(members: Members) -> str:
    return printable("keys: " + ", ".join(name for name, _ in members[:50]), MOST_VALUE)


def _key(value: Value) -> str:
    return _text(value)


def _text(value: Value) -> str:
    """Return a value as JSON, in one line, numbers as they were written."""
    if isinstance(value, Members):
        return "{" + ", ".join(f"{_quoted(name)}: {_text(member)}" for name, member in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value) if isinstance(value, Number) else _quoted(value)


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Value) -> str:
    return printable(_text(value), MOST_VALUE)


def _equal(left: Number, right: Number) -> bool:
    """Return whether two numbers are one, written in two ways."""
    from decimal import Decimal, InvalidOperation

    try:
        return Decimal(left) == Decimal(right)
    except (InvalidOperation, ValueError):
        return False
