"""Whether a row is meant: each node as a function of a row, or of the values a page keeps of many.

A `Leaf` says which attributes of a row it reads, so that whoever keeps rows in columns can answer it
once for all rows that share a value. `Searchable` lists all that is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from soth_mitm.policy.filters.fields import BY_NAME
from soth_mitm.policy.filters.line import Lined, authority, line_of
from soth_mitm.policy.filters.nodes import All, Any, Deep, Never, Node, Not, Pattern, Range, State, Text, Word

if TYPE_CHECKING:
    from soth_mitm.model.llm import Call


class Searchable(Lined, Protocol):
    """What of a row can be asked for."""

    @property
    def kind(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sni(self) -> str: ...
    @property
    def ja4(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def tls_reason(self) -> str: ...
    @property
    def guard(self) -> str: ...
    @property
    def error(self) -> bool: ...
    @property
    def intercepted(self) -> bool: ...
    @property
    def reused(self) -> bool: ...
    @property
    def generated(self) -> bool: ...
    @property
    def modified(self) -> bool: ...
    @property
    def request_bytes(self) -> int: ...
    @property
    def response_bytes(self) -> int: ...
    @property
    def duration_ns(self) -> int: ...
    @property
    def ttfb_ns(self) -> int: ...
    @property
    def form(self) -> str: ...
    @property
    def messages(self) -> int: ...
    @property
    def process(self) -> str: ...
    @property
    def replay_of(self) -> int: ...
    @property
    def paused(self) -> int: ...
    @property
    def rules(self) -> str: ...
    @property
    def mark(self) -> str: ...
    @property
    def comment(self) -> str: ...
    @property
    def llm(self) -> Call | None: ...


Test = Callable[[Searchable], bool]


class Leaf(NamedTuple):
    """A question to one row."""

    attributes: frozenset[str]
    """The attributes that the test reads."""
    test: Test
    source: str = ""
    """Where `check` finds what it asks: `line`, `url`, or the one attribute; empty for neither."""
    check: Callable[..., bool] | None = None
    """The same test on that text or number alone."""


Tree = tuple[str, tuple["Tree", ...]] | Leaf | bool
"""`("all", parts)`, `("any", parts)`, `("not", (part,))`, a leaf, or a constant."""

_LINE: Final = frozenset(("method", "status", "scheme", "host", "port", "path", "content_type", "outcome"))
_STATES: Final[dict[str, tuple[tuple[str, ...], Test]]] = {
    "error": (("error",), lambda row: row.error),
    "open": (("state",), lambda row: row.state != "closed"),
    "streaming": (("state",), lambda row: row.state == "streaming"),
    "closed": (("state",), lambda row: row.state == "closed"),
    "tls-failed": (("tls_reason",), lambda row: bool(row.tls_reason)),
    "blocked": (("guard", "reason"), lambda row: bool(row.guard) or "block" in row.reason),
    "tunnel": (("kind",), lambda row: row.kind == "tunnel"),
    "http": (("kind",), lambda row: row.kind == "http"),
    "bytes": (("kind",), lambda row: row.kind in ("bytes", "tunnel")),
    "intercepted": (("intercepted",), lambda row: row.intercepted),
    "marked": (("mark",), lambda row: bool(row.mark)),
    "commented": (("comment",), lambda row: bool(row.comment)),
    "changed": (("modified",), lambda row: row.modified),
    "generated": (("generated",), lambda row: row.generated),
    "reused": (("reused",), lambda row: row.reused),
    "replay": (("replay_of",), lambda row: row.replay_of > 0),
    "sse": (
        ("content_type", "form"),
        lambda row: row.form == "sse" or row.content_type == "text/event-stream",
    ),
    "grpc": (
        ("content_type", "form"),
        lambda row: row.form == "grpc" or row.content_type.startswith("application/grpc"),
    ),
    "aws-events": (
        ("content_type", "form"),
        lambda row: row.form == "aws" or row.content_type == "application/vnd.amazon.eventstream",
    ),
    "ndjson": (("form",), lambda row: row.form in ("ndjson", "json")),
    "llm": (("llm",), lambda row: row.llm is not None),
    "paused": (("paused",), lambda row: row.paused > 0),
    "ws": (("form", "status"), lambda row: row.form == "ws" or row.status == 101),
}


def url_of(row: Lined) -> str:
    """Return the URL of a row, as far as it keeps the path."""
    return authority(row.scheme, row.host, row.port) + row.path


_FIGURES: Final[dict[str, Callable[[Call], float]]] = {
    "tokens": lambda call: call.tokens,
    "tokin": lambda call: call.input,
    "tokout": lambda call: call.output,
    "cached": lambda call: call.cached,
    "cost": lambda call: call.cost / 1e9,
    "ttft": lambda call: call.first_token_ns,
    "rate": lambda call: call.rate,
    "stalls": lambda call: call.stalls,
}
"""Numbers of a call to a language model; below 0 where one is not known."""

_COMPUTED: Final[dict[str, tuple[tuple[str, ...], Callable[[Searchable], str]]]] = {
    "url": (("scheme", "host", "port", "path"), url_of),
    "model": (("llm",), lambda row: row.llm.model if row.llm is not None else ""),
    "stop": (("llm",), lambda row: row.llm.ending if row.llm is not None else ""),
    "destination": (("host", "port"), lambda row: f"{row.host}:{row.port}"),
}


def tree_of(node: Node, deep: Callable[[Deep, bool], Tree], *, positive: bool = True) -> Tree:
    """Return a node as a tree of leaves.

    `deep` says what stands for what no row can answer; it is told whether a yes there makes the
    whole more likely (True), or less, as under one negation.
    """
    match node:
        case All(parts) | Any(parts):
            how = "all" if isinstance(node, All) else "any"
            return _join(how, [tree_of(part, deep, positive=positive) for part in parts])
        case Not(part):
            inner = tree_of(part, deep, positive=not positive)
            return not inner if isinstance(inner, bool) else ("not", (inner,))
        case Deep():
            return deep(node, positive)
        case Never():
            return False
        case _:
            return _leaf(node)


def _join(how: str, parts: list[Tree]) -> Tree:
    decides = how == "any"
    if any(part is decides for part in parts):
        return decides
    open_parts = tuple(part for part in parts if not isinstance(part, bool))
    if not open_parts:
        return not decides
    return open_parts[0] if len(open_parts) == 1 else (how, open_parts)


def narrowed(tree: Tree, known: frozenset[str], row: Searchable) -> Tree:
    """Return what is left to ask of rows that have these attributes in common with one of them."""
    if isinstance(tree, bool):
        return tree
    if isinstance(tree, Leaf):
        return tree.test(row) if tree.attributes <= known else tree
    how, parts = tree
    left = [narrowed(part, known, row) for part in parts]
    if how != "not":
        return _join(how, left)
    (inner,) = left
    return not inner if isinstance(inner, bool) else ("not", (inner,))


def _leaf(node: Word | Pattern | Text | Range | State) -> Leaf:
    match node:
        case Word(text):
            return _line_leaf(lambda line: text in line)
        case Pattern(_, pattern):
            return _line_leaf(lambda line: pattern.search(line) is not None)
        case Text():
            return _text_leaf(node)
        case Range(field, low, high):
            figure = _FIGURES.get(field)
            if figure is not None:
                return _figure_leaf(figure, low, high)
            (name,) = BY_NAME[field].attributes
            least = 1 if field in ("dur", "ttfb") and math.isinf(low) else low
            return _value_leaf(name, lambda value: least <= value <= high)
        case State(name):
            attributes, test = _STATES[name]
            return Leaf(frozenset(attributes), test)


def _line_leaf(test: Callable[[str], bool]) -> Leaf:
    return Leaf(_LINE, lambda row: test(line_of(row)), "line", test)


def _value_leaf(name: str, test: Callable[..., bool]) -> Leaf:
    value = attrgetter(name)
    return Leaf(frozenset((name,)), lambda row: test(value(row)), name, test)


def _figure_leaf(figure: Callable[[Call], float], low: float, high: float) -> Leaf:
    def test(row: Searchable) -> bool:
        call = row.llm
        return call is not None and (value := figure(call)) >= 0 and low <= value <= high

    return Leaf(frozenset(("llm",)), test)


def _text_leaf(node: Text) -> Leaf:
    wanted = node.value
    tests: dict[str, Callable[[str], bool]] = {
        "has": lambda text: wanted in text.lower(),
        "is": lambda text: wanted == text.lower(),
        "like": lambda text: node.pattern is not None and node.pattern.search(text) is not None,
    }
    test = tests[node.how]
    computed = _COMPUTED.get(node.field)
    if computed is not None:
        attributes, value = computed
        source = node.field if node.field == "url" else ""
        return Leaf(frozenset(attributes), lambda row: test(value(row)), source, test)
    names = BY_NAME[node.field].attributes
    source = names[0] if len(names) == 1 else ""
    first, *others = map(attrgetter, names)
    if node.how == "has" and len(others) < 2:  # the usual ones: breakpoints ask them of every message
        return Leaf(frozenset(names), _having(wanted, first, *others), source, test if source else None)
    if not others:
        return Leaf(frozenset(names), lambda row: test(first(row)), source, test)
    return Leaf(frozenset(names), lambda row: any(test(getattr(row, name)) for name in names))


def _having(wanted: str, first: Callable[[Searchable], str], *others: Callable[[Searchable], str]) -> Test:
    if not others:
        return lambda row: wanted in first(row).lower()
    (second,) = others
    return lambda row: wanted in first(row).lower() or wanted in second(row).lower()


def function_of(tree: Tree) -> Test:
    """Return a tree as one function of a row."""
    if isinstance(tree, bool):
        return lambda _: tree
    if isinstance(tree, Leaf):
        return tree.test
    how, parts = tree
    tests = [function_of(part) for part in parts]
    if how == "not":
        (test,) = tests
        return lambda row: not test(row)
    if len(tests) == 2:
        first, second = tests
        if how == "all":
            return lambda row: first(row) and second(row)
        return lambda row: first(row) or second(row)
    if how == "all":
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)
