"""mitmproxy's own expressions: every operator of it, with the meaning it has there.

An expression with a `~` outside of quotes is read here as a whole. Regular expressions ignore case;
a naked one is looked for in the URL; `&`, `|`, `!` and parentheses join. Blanks mean `and` too, but bind
less than `|`, as they do there: `~d api ~c 200 | ~c 404` is `~d api & (~c 200 | ~c 404)`.
What asks for something this version does not record is accepted, matches no flow, and says so.
"""

from __future__ import annotations

import difflib
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
_QUOTED: Final = r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'"""
_PIECE: Final = re.compile(rf"""\s*(?:(~[a-z]+)|([()!&|])|{_QUOTED}|([^\s()~"'&|!][^\s()~"']*))""")
_PLAIN: Final = re.compile(r"[\w/.+^|-]+")
_ARGUMENTS: Final = {
    "regex": re.compile(rf"""\s*(?:{_QUOTED}|([^\s()~"'&|][^\s()~"']*))"""),
    "number": re.compile(r"\s*(\d+)"),
}
"""What may follow an operator: there `!` and `|` are part of an expression, and a number ends by itself."""


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


def _typed(where: str) -> Callable[[str, int], Node]:
    """Look for a media type in the content-type field of a head."""
    return lambda source, column: Deep(deep_pattern(where, source, column, field="content-type"))


def _either_type(source: str, column: int) -> Node:
    """Look for a media type in both heads; of a plain one the row, which has one without parameters, says
    more quickly that it is there."""
    looked_up = _typed("header")(source, column)
    return Any((_text("type")(source, column), looked_up)) if _PLAIN.fullmatch(source) else looked_up


def _state(name: str) -> Callable[[str, int], Node]:
    return lambda _, __: State(name)


def _never(words: str, why: str) -> Callable[[str, int], Node]:
    return lambda _, __: Never(words, why)


def _assets(_: str, column: int) -> Node:
    pattern = regex("|".join(f"^{each}" for each in _ASSETS), column)
    return All((_ANSWERED, Text("type", "like", "an asset", pattern)))


def _code(source: str, column: int) -> Node:
    if not (source.isascii() and source.isdigit() and len(source) < 6):
        raise FilterError(
            column, f"~c needs a status such as ~c 404; for classes write status:5xx, not {source!r}"
        )
    return Range("status", int(source), int(source), source)


_UNANSWERED: Final = Range("status", 0, 0, "0")
_ANSWERED: Final = Range("status", 1, 999, "any")
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
    Operator("~replay", "", "a replayed flow", _state("replay")),
    Operator("~replayq", "", "a replayed request", _state("replay")),
    Operator("~replays", "", "a replayed response", _state("replay")),
    Operator("~s", "", "a flow with a response", lambda _, __: All((State("http"), _ANSWERED))),
    Operator("~src", "regex", "the client's address", _text("client")),
    Operator("~t", "regex", "the media type of the response, or of the request", _either_type),
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
    node = reader.both(0)
    if reader.kind:
        raise FilterError(reader.column, "there is no '(' that this ')' would close")
    return node


class _Reader:
    """`!` binds most, then `&`, then `|`; standing side by side is an `and` that binds least of all."""

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
        operator, sign, *texts = match.groups()
        self._at, self.column = match.end(), match.start(match.lastindex or 1)
        if operator or sign:
            self.kind, self.value = "~" if operator else sign, operator or sign
        else:
            self.kind, self.value = "text", _unquoted(*texts)

    def _refuse(self) -> None:
        rest = self._text[self._at :]
        column = self._at + len(rest) - len(rest.lstrip())
        if rest.lstrip()[:1] in ("'", '"'):
            raise FilterError(column, f"this {rest.lstrip()[:1]} is not closed")
        raise FilterError(column, f"{rest.strip()[:20]!r} is not understood; put it in quotes")

    def both(self, depth: int) -> Node:
        parts = [self._either(depth)]
        while self.kind and self.kind != ")":
            parts.append(self._either(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _either(self, depth: int) -> Node:
        parts = [self._every(depth)]
        while self.kind == "|":
            self._next()
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _every(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while self.kind == "&":
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
        if kind == "~":
            return self._operator(value, column)
        self._next()
        if kind == "!":
            return Not(self._part(depth + 1))
        if kind == "(":
            node = self.both(depth + 1)
            if self.kind != ")":
                raise FilterError(column, "this '(' is not closed")
            self._next()
            return node
        return _text("url")(value, column)

    def _operator(self, name: str, column: int) -> Node:
        operator = _BY_NAME.get(name)
        if operator is None:
            near = difflib.get_close_matches(name, _BY_NAME, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {' '.join(_BY_NAME)}"
            raise FilterError(column, f"there is no operator {name}; {hint}")
        if not operator.argument:
            self._next()
            return operator.make("", column)
        match = _ARGUMENTS[operator.argument].match(self._text, self._at)
        if match is None:
            self._next()
            if self.kind != "text":
                raise FilterError(column, f"{name} needs a {operator.argument} behind it: {operator.words}")
            return operator.make(self.value, self.column)
        self._at = match.end()
        value, at = _unquoted(*match.groups()), match.start(match.lastindex or 1)
        self._next()
        return operator.make(value, at)


def _unquoted(*texts: str | None) -> str:
    """Return the text of the group that matched; all but the last are those in quotes."""
    *quoted, bare = texts
    text = next((text for text in quoted if text is not None), None)
    return bare or "" if text is None else re.sub(r"\\(['\"\\])", r"\1", text)
