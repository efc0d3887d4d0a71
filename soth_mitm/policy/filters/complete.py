"""What could be typed next, each with what it means."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from soth_mitm.policy.filters.errors import FilterError
from soth_mitm.policy.filters.fields import ALIASES, BY_NAME, FIELDS, STATES
from soth_mitm.policy.filters.lexer import Token, tokens
from soth_mitm.policy.filters.tilde import OPERATORS

MOST: Final = 40
_WORD: Final = re.compile(r"[^\s()!&|]*$")
_VALUES: Final = {
    "status": (
        ("2xx", "success"),
        ("3xx", "redirects"),
        ("4xx", "errors of the client"),
        ("5xx", "errors of the server"),
        ("404", "one status"),
        ("400-499", "a range"),
        ("0", "no response"),
    ),
    "method": tuple((name, "") for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")),
    "type": tuple(
        (name, "") for name in ("json", "html", "javascript", "css", "image/", "event-stream", "grpc")
    ),
    "scheme": (("=https", ""), ("=http", "")),
    "proto": (("1.1", "HTTP/1.1"), ("2", "HTTP/2"), ("tunnel", "passed through")),
    "size": (
        (">10k", "larger than 10 KiB"),
        (">1m", "larger than 1 MiB"),
        ("0", "empty"),
        ("1k..10k", "a range"),
    ),
    "dur": ((">500ms", "slower than half a second"), (">2s", "slower than 2 s"), ("1s..5s", "a range")),
    "ttfb": ((">200ms", "later than 200 ms"),),
    "tokens": (
        (">1000", "more than a thousand"),
        (">100k", "more than a hundred thousand"),
        ("1k..10k", "a range"),
    ),
    "cached": (("0", "nothing came from the cache"), (">0", "something came from the cache")),
    "cost": ((">0.01", "more than a cent"), (">1", "more than a dollar")),
    "ttft": ((">1s", "later than a second"), (">5s", "later than 5 s")),
    "rate": (("<20", "slower than 20 tokens a second"),),
    "stalls": ((">0", "paused for more than 2 s"),),
    "stop": (
        ("max_tokens", "at the limit that was asked for"),
        ("tool_use", "to use a tool"),
        ("cut off", "broken off"),
        ("error", ""),
    ),
}
"""Values that are often wanted, and what they mean."""


class Completion(NamedTuple):
    """What to put in the place of a part of the text."""

    insert: str
    start: int
    end: int
    words: str
    """What it means, or what it is."""


def complete(text: str, cursor: int) -> list[Completion]:
    """Return what fits at a place in an expression, at most `MOST`; never raises.

    Nothing is offered inside quotes or a regular expression.
    """
    cursor = max(0, min(cursor, len(text)))
    before = text[:cursor]
    try:
        *_, last = [Token("", "", 0), *tokens(before)]
    except FilterError:
        return []
    if last.quote and not before[-1:].isspace():
        return []
    match = _WORD.search(before)
    start = match.start() if match is not None else cursor
    typed = before[start:]
    return [Completion(insert, start, cursor, words) for insert, words in _fitting(typed) if insert != typed][
        :MOST
    ]


def _fitting(typed: str) -> list[tuple[str, str]]:
    name, colon, value = typed.partition(":")
    if typed.startswith("~"):
        return [
            (f"{operator.name} " if operator.argument else operator.name, f"mitmproxy: {operator.words}")
            for operator in OPERATORS
            if operator.name.startswith(typed)
        ]
    if colon and name.lower() == "is":
        return [
            (f"is:{state.name}", state.why_never or f"a flow that {state.words}")
            for state in STATES
            if state.name.startswith(value.lower())
        ]
    if colon:
        meant = ALIASES.get(name.lower(), name.lower())
        known = _VALUES.get(meant, ())
        field = BY_NAME.get(meant)
        return [
            (f"{name}:{each}", words or (field.words if field is not None else ""))
            for each, words in known
            if each.lower().startswith(value.lower())
        ]
    fields = [
        (f"{field.name}:", f"{field.words} · {field.example}" + (f" · {field.note}" if field.note else ""))
        for field in FIELDS
        if field.name.startswith(typed.lower())
    ]
    return [
        *fields,
        *([("is:", "a state: is:error, is:open, is:marked")] if "is".startswith(typed.lower()) else []),
    ]
