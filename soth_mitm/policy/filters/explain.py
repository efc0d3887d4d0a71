"""What an expression means, in one sentence."""

from __future__ import annotations

import math

from soth_mitm.policy.filters.deep import DeepTerm, Scope, SideOf
from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.fields import BY_NAME, STATE_NAMES
from soth_mitm.policy.filters.filter import node_of
from soth_mitm.policy.filters.nodes import All, Any, Deep, Never, Node, Not, Pattern, Range, State, Text, Word
from soth_mitm.text import human_duration, human_size

_OTHER_STATES = {"http": "is HTTP", "bytes": "is a stream of bytes"}
_HOW = {"has": "has", "is": "is", "like": "matches"}


def explain(text: str) -> str:
    """Return the meaning of an expression in words, or what is wrong with it; never raises."""
    try:
        node = node_of(text)
    except FilterError as error:
        return f"not understood, column {error.column + 1}: {error.message}"
    if node == All():
        return "every flow"
    return _words(node, top=True)


def _words(node: Node, *, top: bool = False) -> str:
    match node:
        case All(parts):
            return _joined(" and ", parts, top=top) if parts else "any flow"
        case Any(parts):
            return _joined(" or ", parts, top=top)
        case Not(part):
            return (
                f"not ({_words(part, top=True)})" if isinstance(part, All | Any) else f"not: {_words(part)}"
            )
        case Word(text):
            return f"“{text}” in the line"
        case Pattern(source, _):
            return f"the line matches /{source}/"
        case Text(field, how, value):
            shown = value.upper() if field == "method" else value
            return f"{_field(field)} {_HOW[how]} {_quoted(how, shown)}"
        case Range():
            return _range(node)
        case State(name):
            return _OTHER_STATES.get(name) or STATE_NAMES[name].words
        case Deep(term):
            return _deep(term)
        case Never(words, why):
            return f"{words} (never: {why})"


def _deep(term: DeepTerm) -> str:
    what = term.field or "a header field" if term.scope == Scope.HEADER else "the body"
    side = "" if term.side == SideOf.EITHER else f" of the {term.side}"
    whole = term.pattern.startswith(b"^")
    verb = "matches " if term.is_pattern else "is " if whole else "has "
    return f"{what}{side} {verb}" + (f"/{term.words}/" if term.is_pattern else f"“{term.words}”")


def _joined(word: str, parts: tuple[Node, ...], *, top: bool) -> str:
    text = word.join(_words(part) for part in parts)
    return text if top else f"({text})"


def _quoted(how: str, value: str) -> str:
    return f"/{value}/" if how == "like" else f"“{value}”"


def _field(name: str) -> str:
    field = BY_NAME.get(name)
    return field.words if field is not None else name


def _range(node: Range) -> str:
    field = BY_NAME[node.field]

    def number(value: float) -> str:
        if field.kind == "size":
            return f"{human_size(round(value))} bytes" if value >= 1000 else f"{value:.0f} bytes"
        if field.kind == "decimal":
            return f"{value:.6f}".rstrip("0").rstrip(".") or "0"
        if field.kind == "count":
            return f"{value:,.0f}"
        return human_duration(round(value)) if field.kind == "time" else f"{value:.0f}"

    low, high = node.low, node.high
    if field.kind == "decimal":  # there, the bounds do not show which sign it was
        strict = node.written[1:2] != "="
    else:
        bound = low if math.isinf(high) else high
        strict = not math.isinf(bound) and bound != round(bound)
    if low == high:
        return f"{field.words} is {number(low)}"
    if math.isinf(high):
        return f"{field.words} is {'more than' if strict else 'at least'} {number(low)}"
    if math.isinf(low):
        return f"{field.words} is {'less than' if strict else 'at most'} {number(high)}"
    return f"{field.words} is {number(low)} to {number(high)}"
