"""mitmproxy's own expressions: every operator of it, with the meaning it has there.

An expression with a `~` outside of quotes is read here as a whole. Regular expressions ignore case;
a naked one is looked for in the URL; `&`, `|`, `!` and parentheses join, and so do blanks (and).
What asks for something this version does not record is accepted, matches no flow, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.nodes import All, Any, Deep, Never, Node, Not, Range, State, Text
from soth_mitm.policy.filters.parser import DEEPEST, deep_pattern, regex

_ASSETS: Final = (
    "text/javascript",
    "application/x-javascript",
    "application/javascript",
    "text/css",
    "image/.*",
    "font/.*",
    "application/font.*",
)
_PIECE: Final = re.compile(
    r"""\s*(?:(~[a-z]+)|([()!&|])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s()~"'&|!][^\s()]*))"""
)


class Operator(NamedTuple):
    """An operator of mitmproxy's."""

    name: str
    argument: str
    """What follows it: `regex`, `number`, or nothing."""
    words: str
    make: Callable[[str, int], Node]
    """From the argument and its column to what it means."""


def _text(*fields: str) -> Callable[[str, int], Node]:
    def make(source: str, column: int) -> Node:
        pattern = regex(source, column)
        parts = tuple(Text(field, "like", source, pattern) for field in fields)
        return parts[0] if len(parts) == 1 else Any(parts)

    return make


def _deep(name: str) -> Callable[[str, int], Node]:
    return lambda source, column: Deep(deep_pattern(name, source, column))


def _typed(field: str) -> Callable[[str, int], Node]:
    """Look for a media type in the content-type field of one side's head."""

    def make(source: str, column: int) -> Node:
        regex(source, column)
        return Deep(deep_pattern(field, f"^content-type:[^\\n]*(?:{source})", column))

    return make


def _state(name: str) -> Callable[[str, int], Node]:
    return lambda _, __: State(name)


def _never(words: str, why: str) -> Callable[[str, int], Node]:
    return lambda _, __: Never(words, why)


def _assets(_: str, column: int) -> Node:
    pattern = regex("|".join(f"^{each}" for each in _ASSETS), column)
    return Text("type", "like", "an asset", pattern)


def _code(source: str, column: int) -> Node:
    if not (source.isascii() and source.isdigit() and len(source) < 6):
        raise FilterError(
            column, f"~c needs a status such as ~c 404; for classes write status:5xx, not {source!r}"
        )
    return Range("status", int(source), int(source), source)


_UNANSWERED: Final = Range("status", 0, 0, "0")
_ANSWERED: Final = Range("status", 1, 999, "any")
_REPLAY: Final = "this version does not replay"
_UDP: Final = "this version does not carry UDP"

OPERATORS: Final = (
    Operator("~a", "", "an asset: CSS, JavaScript, images, fonts", _assets),
    Operator("~all", "", "every flow", lambda _, __: All()),
    Operator("~b", "regex", "a body", _deep("body")),
    Operator("~bq", "regex", "the body of the request", _deep("reqbody")),
    Operator("~bs", "regex", "the body of the response", _deep("resbody")),
    Operator("~c", "number", "the status", _code),
    Operator("~comment", "regex", "the comment", _text("comment")),
    Operator("~d", "regex", "the host", _text("host")),
    Operator("~dst", "regex", "the destination, host:port", _text("destination")),
    Operator("~dns", "", "a DNS flow", _never("a DNS flow", "this version does not carry DNS")),
    Operator("~e", "", "a flow that failed", _state("error")),
    Operator("~h", "regex", "a header field line", _deep("header")),
    Operator("~hq", "regex", "a header field line of the request", _deep("reqheader")),
    Operator("~hs", "regex", "a header field line of the response", _deep("resheader")),
    Operator("~http", "", "an HTTP flow", lambda _, __: State("http")),
    Operator("~m", "regex", "the method", _text("method")),
    Operator("~marked", "", "a flow with a mark", _state("marked")),
    Operator("~marker", "regex", "the mark", _text("mark")),
    Operator("~meta", "regex", "metadata", _never("metadata", "flows here have no metadata")),
    Operator("~q", "", "a request without a response yet", lambda _, __: All((State("http"), _UNANSWERED))),
    Operator("~replay", "", "a replayed flow", _never("a replayed flow", _REPLAY)),
    Operator("~replayq", "", "a replayed request", _never("a replayed request", _REPLAY)),
    Operator("~replays", "", "a replayed response", _never("a replayed response", _REPLAY)),
    Operator("~s", "", "a flow with a response", lambda _, __: All((State("http"), _ANSWERED))),
    Operator("~src", "regex", "the client's address", _text("client")),
    Operator("~t", "regex", "the media type of the response, or of the request", _text("type")),
    Operator("~tq", "regex", "the media type of the request", _typed("reqheader")),
    Operator("~ts", "regex", "the media type of the response", _typed("resheader")),
    Operator("~tcp", "", "a flow of bytes that are not HTTP", lambda _, __: State("bytes")),
    Operator("~u", "regex", "the URL", _text("url")),
    Operator("~udp", "", "a UDP flow", _never("a UDP flow", _UDP)),
    Operator("~websocket", "", "a WebSocket", _state("ws")),
)  # fmt: skip

_BY_NAME: Final = {operator.name: operator for operator in OPERATORS}


def is_tilde(text: str) -> bool:
    """Return whether an expression has a term of mitmproxy's, outside of quotes."""
    bare = re.sub(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", "", text)
    return re.search(r"(?:^|[\s(!&|])~[a-z]", bare) is not None


def parse_tilde(text: str) -> Node:
    """Return what an expression of mitmproxy's means.

    Raises:
        FilterError: it cannot be understood.
    """
    reader = _Reader(text)
    node = reader.either(0)
    if reader.kind:
        raise FilterError(reader.column, "there is no '(' that this ')' would close")
    return node


class _Reader:
    """`|` binds least, then `&` and standing side by side, then `!`."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.kind = self.value = ""
        self.column = 0
        self._next()

    def _next(self) -> None:
        text = self._text
        if not text[self._at :].strip():
            self.kind, self.value, self.column = "", "", max(len(text) - 1, 0)
            return
        match = _PIECE.match(text, self._at)
        if match is None:
            self._refuse()
        assert match is not None
        self._at = match.end()
        operator, sign, double, single, bare = match.groups()
        number = match.lastindex or 1
        self.column = match.start(number)
        if operator:
            self.kind, self.value = "~", operator
        elif sign:
            self.kind, self.value = sign, sign
        else:
            quoted = double if double is not None else single
            self.kind = "text"
            self.value = bare if quoted is None else re.sub(r"\\(['\"\\])", r"\1", quoted)

    def _refuse(self) -> None:
        rest = self._text[self._at :]
        column = self._at + len(rest) - len(rest.lstrip())
        if rest.lstrip()[:1] in ("'", '"'):
            raise FilterError(column, f"this {rest.lstrip()[:1]} is not closed")
        raise FilterError(column, f"{rest.strip()[:20]!r} is not understood; put it in quotes")

    def either(self, depth: int) -> Node:
        parts = [self._every(depth)]
        while self.kind == "|":
            self._next()
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _every(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while self.kind and self.kind not in "|)":
            if self.kind == "&":
                self._next()
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _part(self, depth: int) -> Node:
        kind, value, column = self.kind, self.value, self.column
        if depth > DEEPEST:
            raise FilterError(column, f"more than {DEEPEST} levels of parentheses and negations")
        if kind in ("", ")", "&", "|"):
            raise FilterError(
                column, f"a term is missing before {value!r}" if kind else "a term is missing at the end"
            )
        self._next()
        if kind == "!":
            return Not(self._part(depth + 1))
        if kind == "(":
            node = self.either(depth + 1)
            if self.kind != ")":
                raise FilterError(column, "this '(' is not closed")
            self._next()
            return node
        if kind == "text":
            return _text("url")(value, column)
        return self._operator(value, column)

    def _operator(self, name: str, column: int) -> Node:
        operator = _BY_NAME.get(name)
        if operator is None:
            raise FilterError(column, f"there is no operator {name}; there are {' '.join(_BY_NAME)}")
        if not operator.argument:
            return operator.make("", column)
        if self.kind != "text":
            raise FilterError(column, f"{name} needs a {operator.argument} behind it: {operator.words}")
        value, at = self.value, self.column
        self._next()
        return operator.make(value, at)
