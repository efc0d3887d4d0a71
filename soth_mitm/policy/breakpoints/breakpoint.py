"""A breakpoint: which messages are stopped, and where on their way."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import Final

import msgspec

from soth_mitm.errors import SothError
from soth_mitm.policy.filters import FilterError, compile_filter


class Stage(StrEnum):
    """Where a message is stopped. Only the stages of bodies hold a body back."""

    REQUEST = "request"
    """Its head is there; the body streams on behind it."""
    REQUEST_BODY = "request-body"
    RESPONSE = "response"
    RESPONSE_BODY = "response-body"
    MESSAGE_UP = "message-up"
    """A message within a stream, from the client."""
    MESSAGE_DOWN = "message-down"


REQUESTS: Final = frozenset((Stage.REQUEST, Stage.REQUEST_BODY))
RESPONSES: Final = frozenset((Stage.RESPONSE, Stage.RESPONSE_BODY))
MESSAGES: Final = frozenset((Stage.MESSAGE_UP, Stage.MESSAGE_DOWN))
BODIES: Final = frozenset((Stage.REQUEST_BODY, Stage.RESPONSE_BODY))

_SHORT: Final = {
    "req": (Stage.REQUEST,),
    "res": (Stage.RESPONSE,),
    "response-head": (Stage.RESPONSE,),
    "request-head": (Stage.REQUEST,),
    "message": (Stage.MESSAGE_UP, Stage.MESSAGE_DOWN),
    "messages": (Stage.MESSAGE_UP, Stage.MESSAGE_DOWN),
    "body": (Stage.REQUEST_BODY, Stage.RESPONSE_BODY),
}
"""Other words for stages."""


class BreakpointError(SothError):
    """A breakpoint that cannot be understood; the text says what and where."""


class Breakpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Stops messages that match `expression` at any of `stages`."""

    expression: str = ""
    """Of the filter language; empty for all. It is asked of the message at hand alone: a request knows
    no status yet, `header:` asks the head at hand, `body:` the body that a body stage holds."""
    stages: tuple[Stage, ...] = (Stage.REQUEST,)
    name: str = ""
    id: int = 0
    """Names it while the list around it changes; given by whoever keeps the list."""
    once: bool = False
    """It is switched off by its first hit."""
    enabled: bool = True

    @property
    def title(self) -> str:
        """What it is called: its name, or what it asks for."""
        return self.name or self.expression or "everything"


def parse(text: str) -> Breakpoint:
    """Read `EXPR[@STAGE,…]`, as `--break` takes it; without stages, requests are stopped at their head.

    Raises:
        BreakpointError: a stage or the expression cannot be understood.
    """
    expression, at, words = text.rpartition("@")
    if not at or (words and not all(word.strip().replace("-", "").isalpha() for word in words.split(","))):
        expression, words = text, ""
    stages = tuple(dict.fromkeys(stage for word in words.split(",") if word for stage in _stages(word, text)))
    made = Breakpoint(expression=expression.strip(), stages=stages or (Stage.REQUEST,))
    check(made)
    return made


def _stages(word: str, text: str) -> tuple[Stage, ...]:
    name = word.strip().lower()
    if name in _SHORT:
        return _SHORT[name]
    try:
        return (Stage(name),)
    except ValueError:
        known = [*(str(stage) for stage in Stage), *_SHORT]
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f": one of {', '.join(Stage)}"
        raise BreakpointError(f"breakpoint {text!r}: {word.strip()!r} is no stage{hint}") from None


def check(made: Breakpoint) -> None:
    """Make sure that a breakpoint can work.

    Raises:
        BreakpointError: it has no stage, or an expression that cannot be understood.
    """
    if not made.stages:
        raise BreakpointError(f"breakpoint {made.title!r} stops at no stage: choose at least one")
    try:
        compile_filter(made.expression)
    except FilterError as error:
        raise BreakpointError(f"breakpoint {made.title!r}: {error}") from error
