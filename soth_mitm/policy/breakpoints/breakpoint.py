"""A breakpoint: which messages are stopped, and where on their way."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

import msgspec

from soth_mitm.errors import SothError
from soth_mitm.policy.breakpoints.knowable import can_match
from soth_mitm.policy.breakpoints.stage import Stage
from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.policy.filters.fields import ALIASES, BY_NAME

_SHORT: Final = {
    "req": (Stage.REQUEST,),
    "res": (Stage.RESPONSE,),
    "request-head": (Stage.REQUEST,),
    "response-head": (Stage.RESPONSE,),
    "message": (Stage.MESSAGE_UP, Stage.MESSAGE_DOWN),
    "messages": (Stage.MESSAGE_UP, Stage.MESSAGE_DOWN),
}
"""Other words for stages."""
_WORDS: Final = {**{str(stage): (stage,) for stage in Stage}, **_SHORT}


class BreakpointError(SothError):
    """A breakpoint that cannot be understood; the text says what and where."""


class Breakpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    given: bool = False
    """It comes from the settings or the command line, which keep it."""

    @property
    def title(self) -> str:
        """What it is called: its name, or what it asks for."""
        return self.name or self.expression or "everything"


def parse(text: str) -> Breakpoint:
    """Read `[STAGE[,STAGE…]:]EXPR`, as `--break` takes it; stages alone stop every message there.

    Without a stage a request is stopped with its body, or the response where the expression asks for
    what requests do not have.

    Raises:
        BreakpointError: a stage or the expression cannot be understood; columns count in `text`.
    """
    words, colon, rest = text.partition(":")
    stages = _stages(words, text, alone=not colon)
    expression, before = (rest, len(words) + 1) if stages else (text, 0)
    try:
        wanted = compile_filter(expression)
    except FilterError as error:
        raise BreakpointError(f"{text!r}, column {before + error.column + 1}: {error.message}") from error
    if not stages:
        stages = (Stage.REQUEST_BODY if can_match(wanted, Stage.REQUEST_BODY) else Stage.RESPONSE_BODY,)
    made = Breakpoint(expression=expression.strip(), stages=stages)
    check(made)
    return made


def _stages(words: str, text: str, *, alone: bool) -> tuple[Stage, ...]:
    """Return the stages that a text begins with; none where it is all expression."""
    names = [word.strip().lower() for word in words.split(",")]
    if all(name in _WORDS for name in names):
        return tuple(dict.fromkeys(stage for name in names for stage in _WORDS[name]))
    wrong = next(name for name in names if name not in _WORDS)
    near = get_close_matches(wrong, _WORDS, n=1, cutoff=0.8)
    if len(names) > 1 and any(name in _WORDS for name in names):
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(Stage)}"
    elif near and not alone and wrong[0].isalpha() and wrong not in BY_NAME and wrong not in ALIASES:
        hint = f"did you mean {near[0]}? In quotes it is a word"
    else:
        return ()
    raise BreakpointError(f"{text!r}, column {text.lower().find(wrong) + 1}: {wrong!r} is no stage; {hint}")


def check(made: Breakpoint) -> None:
    """Make sure that a breakpoint can work.

    Raises:
        BreakpointError: it has no stage, an expression that cannot be understood, or one that nothing
            can match at its stages.
    """
    fault = fault_of(made)
    if fault:
        between = ":" if fault.startswith("filter, ") else ""
        raise BreakpointError(f"breakpoint {made.title!r}{between} {fault}")


def fault_of(made: Breakpoint, at: str = "") -> str:
    """Return why a breakpoint cannot work; empty where it can. `at` is what its stages are called."""
    if not made.stages:
        return "stops at no stage: choose at least one"
    try:
        wanted = compile_filter(made.expression)
    except FilterError as error:
        return str(error)
    if any(can_match(wanted, stage) for stage in made.stages):
        return ""
    if can_match(wanted, Stage.RESPONSE):
        hint = "what it asks for is known from the response on, so choose one of its stages"
    else:
        hint = "what it asks for is not known while a message is on its way"
    return f"can stop nothing at {at or ', '.join(made.stages)}: {hint}"
