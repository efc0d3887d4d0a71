"""From tokens to nodes. Terms stand side by side for `and`; `or` binds less, `!` more.

```
either := every ("or" every)*
every  := part (["and"] part)*
part   := ("!" | "not") part | "(" either ")" | term
```
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from soth_mitm.policy.filters.deep import DeepTerm, Scope
from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.fields import ALIASES, BY_NAME, DEEP, STATE_NAMES
from soth_mitm.policy.filters.lexer import Token, tokens
from soth_mitm.policy.filters.nodes import All, Any, Deep, Never, Node, Not, Pattern, Range, State, Text, Word
from soth_mitm.policy.filters.patterns import compiled
from soth_mitm.policy.filters.repeats import endless_repeat
from soth_mitm.policy.filters.values import bounds

DEEPEST: Final = 40
"""Parentheses and negations inside one another."""


def parse(text: str) -> Node:
    """Return what an expression of our own language means; no terms at all mean every flow.

    Raises:
        FilterError: it cannot be understood; the error says where and what to do.
    """
    reader = _Reader(text)
    if reader.token is None:
        return All()
    node = reader.either(0)
    rest = reader.rest()
    if rest is not None:
        raise FilterError(rest.column, "there is no '(' that this ')' would close")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._end = len(text)
        self.token = next(self._tokens, None)

    def _next(self) -> None:
        self.token = next(self._tokens, None)

    def rest(self) -> Token | None:
        """Return the first token that no term took."""
        return self.token

    def either(self, depth: int) -> Node:
        parts = [self._every(depth)]
        while self.token is not None and self.token.kind == "or":
            self._next()
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _every(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while self.token is not None and self.token.kind not in ("or", ")"):
            if self.token.kind == "and":
                self._next()
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _part(self, depth: int) -> Node:
        token = self.token
        if token is None:
            raise FilterError(max(self._end - 1, 0), "a term is missing at the end")
        if depth > DEEPEST:
            raise FilterError(token.column, f"more than {DEEPEST} levels of parentheses and negations")
        if token.kind == "word":
            self._next()
            return term(token)
        if token.kind == "!":
            self._next()
            if self.token is None:
                raise FilterError(token.column, f"{token.text!r} needs a word behind it: !png")
            return Not(self._part(depth + 1))
        if token.kind == "(":
            self._next()
            node = self.either(depth + 1)
            if self.token is None:
                raise FilterError(token.column, "this '(' is not closed")
            self._next()
            return node
        raise FilterError(token.column, f"a term is missing before {token.text!r}")


def term(token: Token) -> Node:
    """Return what one term means.

    Raises:
        FilterError: the field is not known, or the value is none for it.
    """
    name = ALIASES.get(token.field, token.field)
    if name == "is":
        return _state(token)
    field = BY_NAME.get(name)
    if field is None:
        if token.field:
            _unknown(token)
        return _free(token)
    as_a_whole = token.sign and field.kind == "text"
    if not token.text and token.quote != "/" and not (token.quote and as_a_whole):
        raise FilterError(
            token.value_column - 1, f"nothing follows {token.field}: ; for example {field.example}"
        )
    if field.kind == "deep":
        return Deep(_deep(name, token))
    if field.kind == "text":
        return _text(name, token)
    low, high = bounds(field.kind, token.sign + token.text, token.value_column)
    return Range(name, low, high, token.text)


def _free(token: Token) -> Node:
    if token.quote == "/" and not token.field:
        return Pattern(token.text, regex(token.text, token.value_column))
    text = f"{token.field}:{token.sign}{token.text}" if token.field else token.text
    return Word(text.lower())


def _unknown(token: Token) -> None:
    """Refuse a field that is none, where the nearest one is near; other colons are part of a word."""
    cutoff = 0.8 if token.text.isdigit() else 0.7  # a host and its port look the same
    near = difflib.get_close_matches(token.field, [*BY_NAME, *ALIASES, "is"], n=1, cutoff=cutoff)
    if near:
        known = ALIASES.get(near[0], near[0])
        raise FilterError(
            token.column,
            f"there is no field {token.field}:, did you mean {known}: ? In quotes it is a word",
        )


def _text(name: str, token: Token) -> Node:
    if token.quote == "/":
        return Text(name, "like", token.text, regex(token.text, token.value_column))
    return Text(name, "is" if token.sign else "has", token.text.lower())


def _state(token: Token) -> Node:
    name = token.text.lower().replace("_", "-")
    state = STATE_NAMES.get(name)
    if state is None:
        near = difflib.get_close_matches(name, STATE_NAMES, n=1)
        hint = f"did you mean is:{near[0]}?" if near else f"there are {', '.join(STATE_NAMES)}"
        raise FilterError(token.value_column, f"there is no state {token.text!r}; {hint}")
    if state.why_never:
        return Never(f"a flow that {state.words}", state.why_never)
    return State(name)


def _deep(name: str, token: Token) -> DeepTerm:
    scope, side = DEEP[name]
    if token.quote == "/":
        return deep_pattern(name, token.text, token.value_column)
    pattern, flags = re.escape(token.text.encode("utf-8", "replace")), re.IGNORECASE
    if token.sign:
        if scope == Scope.BODY:
            raise FilterError(token.value_column, "a body is not compared as a whole; leave out the '='")
        pattern, flags = b"^" + pattern + b"$", flags | re.MULTILINE
    return DeepTerm(scope, side, pattern, flags, words=token.text)


def deep_pattern(name: str, source: str, column: int, *, field: str = "") -> DeepTerm:
    """Return a term that looks for a regular expression in heads or bodies, or in the values of one field.

    Raises:
        FilterError: it is no expression.
    """
    scope, side = DEEP[name]
    flags = re.IGNORECASE | (re.MULTILINE if name.endswith("header") else re.DOTALL)
    try:
        encoded = source.encode()
        compiled(encoded, flags)
    except (re.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise _not_an_expression(error, column) from error
    _refuse_endless(source, column)
    return DeepTerm(scope, side, encoded, flags, source, is_pattern=True, field=field)


def regex(source: str, column: int) -> re.Pattern[str]:
    """Compile an expression over the text of a row, whatever its case.

    Raises:
        FilterError: it is none.
    """
    try:
        pattern = compiled(source, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise _not_an_expression(error, column) from error
    _refuse_endless(source, column)
    return pattern


def _refuse_endless(source: str, column: int) -> None:
    at = endless_repeat(source)
    if at is not None:
        raise FilterError(
            column + at, "this group repeats a repetition, which can take for ever; leave one of the two out"
        )


def _not_an_expression(error: Exception, column: int) -> FilterError:
    at = getattr(error, "pos", None) or 0
    reason = getattr(error, "msg", "") or "too large"
    return FilterError(
        column + at,
        f"not a regular expression: {reason}; put a backslash before a character meant as it is",
    )
