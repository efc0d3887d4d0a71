"""The filter over the messages of one flow: terms that must all hold, over columns and payloads.

    hello                   the payload has it, whatever its case
    "two words" /re.ex/     the same, with blanks; a regular expression
    ↑ ↓ from:client         the direction
    label:ping label:=text  the label has it; is it
    size:>1k gap:>500ms     as in the filter over flows
    is:changed              also: dropped, injected, compressed, cut
    !term                   not

Payloads are JSON more often than not, so nothing else is taken for a sign: `"id":5` and `a|b` are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from soth_mitm.model.messageflags import COMPRESSED, CUT, REQUEST, origin_of
from soth_mitm.policy.filters.deep import DeepTerm, Scope, SideOf
from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.lexer import LONGEST
from soth_mitm.policy.filters.parser import deep_pattern
from soth_mitm.policy.filters.values import bounds

FIELDS: Final = ("from", "label", "size", "gap", "is")
UP, DOWN = "↑", "↓"

_STATES: Final = ("changed", "dropped", "injected", "compressed", "cut")
_SIDES: Final = {"client": True, "server": False, "up": True, "down": False}

FlagTest = Callable[[int, int, int], bool]
"""Asks flags, size and gap of a message."""


class _Payload(NamedTuple):
    term: DeepTerm
    wanted: bool


class MessageFilter:
    """What was asked for. Columns are judged here; `payload_terms` are for whoever reads payloads."""

    def __init__(self, text: str) -> None:
        """Read an expression.

        Raises:
            FilterError: it cannot be understood.
        """
        self.text = text
        self.words: list[str] = []
        """What it means, a phrase for each term."""
        self._labels: list[Callable[[str], bool]] = []
        self._tests: list[FlagTest] = []
        self._payload: list[_Payload] = []
        if len(text) > LONGEST:
            raise FilterError(LONGEST, f"the filter is longer than {LONGEST:,} characters")
        for token in _tokens(text):
            self._add(token)

    @property
    def empty(self) -> bool:
        """Nothing is asked."""
        return not self.words

    @property
    def payload_terms(self) -> tuple[DeepTerm, ...]:
        """What is asked of payloads."""
        return tuple(each.term for each in self._payload)

    def wants_label(self, label: str) -> bool:
        """Whether messages of a label are wanted, as far as that goes."""
        return all(test(label) for test in self._labels)

    def wants(self, flags: int, size: int, gap_ns: int) -> bool:
        """Whether a message is wanted for what its columns say, its label aside."""
        return all(test(flags, size, gap_ns) for test in self._tests)

    def wants_payload(self, answers: tuple[bool, ...]) -> bool:
        """Whether a message is wanted for the answers to `payload_terms`."""
        return all(answer == each.wanted for answer, each in zip(answers, self._payload, strict=True))

    @property
    def judges_columns(self) -> bool:
        """Whether anything is asked of the columns."""
        return bool(self._labels or self._tests)

    def explain(self) -> str:
        """Return what it means in words."""
        return " and ".join(self.words)

    # --- reading ----------------------------------------------------------------------------------

    def _add(self, token: _Token) -> None:
        if token.field == "label":
            self._add_label(token)
        elif token.field:
            test, words = _FIELD_TESTS[token.field](token)
            self._add_test(test, words, wanted=token.wanted)
        elif token.text in (UP, DOWN) and not token.quote:
            self._add_test(*_direction(token.text == UP), wanted=token.wanted)
        else:
            self._payload.append(_Payload(_payload_term(token), token.wanted))
            how = "matches" if token.quote == "/" else "has"
            shown = f"/{token.text}/" if token.quote == "/" else f"“{token.text}”"
            self.words.append(f"the payload {how} {shown}" if token.wanted else f"not: {how} {shown}")

    def _add_label(self, token: _Token) -> None:
        value, wanted = token.text.lower(), token.wanted
        if value.startswith("="):
            whole = value[1:]
            self._labels.append(lambda label: (label.lower() == whole) == wanted)
            words = f"the label is “{whole}”"
        else:
            self._labels.append(lambda label: (value in label.lower()) == wanted)
            words = f"the label has “{value}”"
        self.words.append(words if wanted else f"not: {words}")

    def _add_test(self, test: FlagTest, words: str, *, wanted: bool) -> None:
        self._tests.append(test if wanted else lambda flags, size, gap: not test(flags, size, gap))
        self.words.append(words if wanted else f"not: {words}")


class _Token(NamedTuple):
    field: str
    text: str
    column: int
    quote: str
    wanted: bool


_TERM: Final = re.compile(r'"[^"]*"(?=\s|$)|\'[^\']*\'(?=\s|$)|/(?:\\.|[^/\\])+/(?=\s|$)|\S+')
_NAMED: Final = re.compile(rf"({'|'.join(FIELDS)}):", re.IGNORECASE)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start, wanted = at, True
        if text[at] == "!" and at + 1 < len(text) and not text[at + 1].isspace():
            at, wanted = at + 1, False
        named = _NAMED.match(text, at)
        field = named[1].lower() if named is not None else ""
        at = named.end() if named is not None else at
        match = _TERM.match(text, at)
        value = match.group() if match is not None else ""
        quote = value[:1] if len(value) > 1 and value[:1] in "\"'/" and value[-1] == value[0] else ""
        if field and quote == "/":
            raise FilterError(at, f"a regular expression is for payloads; {field}: takes a text")
        inner = value[1:-1] if quote else value
        if field and not inner:
            raise FilterError(start, f"nothing follows {field}:")
        found.append(_Token(field, inner, at, quote, wanted))
        at += len(value)
    return found


def _payload_term(token: _Token) -> DeepTerm:
    if token.quote == "/":
        return deep_pattern("body", token.text, token.column + 1)
    pattern = re.escape(token.text.encode("utf-8", "replace"))
    return DeepTerm(Scope.BODY, SideOf.EITHER, pattern, re.IGNORECASE, words=token.text)


def _direction(from_client: bool) -> tuple[FlagTest, str]:
    wanted = REQUEST if from_client else 0
    return (
        lambda flags, size, gap: flags & REQUEST == wanted,
        f"from the {'client' if from_client else 'server'}",
    )


def _from(token: _Token) -> tuple[FlagTest, str]:
    side = _SIDES.get(token.text.lower())
    if side is None:
        raise FilterError(token.column, "from: is followed by client or server; ↑ and ↓ say the same")
    return _direction(side)


def _size(token: _Token) -> tuple[FlagTest, str]:
    low, high = bounds("size", token.text, token.column)
    return lambda flags, size, gap: low <= size <= high, f"size {token.text}"


def _gap(token: _Token) -> tuple[FlagTest, str]:
    low, high = bounds("time", token.text, token.column)
    return lambda flags, size, gap: low <= gap <= high, f"gap {token.text}"


def _is(token: _Token) -> tuple[FlagTest, str]:
    state = token.text.lower()
    if state not in _STATES:
        raise FilterError(token.column, f"is: is followed by one of {', '.join(_STATES)}")
    if state == "compressed":
        return lambda flags, size, gap: bool(flags & COMPRESSED), "compressed"
    if state == "cut":
        return lambda flags, size, gap: bool(flags & CUT), "cut off by a limit"
    return lambda flags, size, gap: origin_of(flags) == state, state


_FIELD_TESTS: Final = {"from": _from, "size": _size, "gap": _gap, "is": _is}


@lru_cache(maxsize=32)
def compile_message_filter(text: str) -> MessageFilter:
    """Return the filter of an expression.

    Raises:
        FilterError: it cannot be understood.
    """
    return MessageFilter(text)
