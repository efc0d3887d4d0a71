"""All breakpoints of a run, asked about the message at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from soth_mitm.policy.breakpoints.breakpoint import Breakpoint, check
from soth_mitm.policy.breakpoints.stage import BODIES, MESSAGES, Stage
from soth_mitm.policy.filters import compile_filter
from soth_mitm.policy.filters.deep import Scope
from soth_mitm.policy.questions import Question

if TYPE_CHECKING:
    from soth_mitm.policy.subject import Subject

EVERYTHING: Final = Breakpoint(name="everything", stages=(Stage.REQUEST_BODY, Stage.RESPONSE_BODY), id=-1)
"""What stands for all messages while everything is paused."""

_AS_MESSAGE: Final = {Stage.MESSAGE_UP: Stage.REQUEST_BODY, Stage.MESSAGE_DOWN: Stage.RESPONSE_BODY}
"""A stream is never held as a whole: to be stopped at its body means to be stopped at each message."""


class BreakpointState(NamedTuple):
    """A breakpoint, and how often it has stopped something."""

    breakpoint: Breakpoint
    hits: int


class BreakpointSet:
    """Asks the breakpoints in their order. Expressions are compiled when the list is set."""

    def __init__(self) -> None:
        self._breakpoints: tuple[Breakpoint, ...] = ()
        self._hits: dict[int, int] = {}
        self._by_stage: dict[Stage, tuple[tuple[Breakpoint, Question], ...]] = {}
        self.everything = False
        self.revision = 0
        """Rises with each change, hits among them."""

    @property
    def states(self) -> tuple[BreakpointState, ...]:
        """The breakpoints with their hits."""
        return tuple(BreakpointState(each, self._hits.get(each.id, 0)) for each in self._breakpoints)

    @property
    def active(self) -> bool:
        """Whether anything can be stopped at all."""
        return self.everything or bool(self._by_stage)

    def set(self, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace all. Those without an id get one; hits stay with the id.

        Raises:
            BreakpointError: one of them cannot work; nothing has changed.
        """
        for each in breakpoints:
            check(each)
        highest = max((each.id for each in breakpoints), default=0)
        named: list[Breakpoint] = []
        taken: set[int] = set()
        for each in breakpoints:
            if each.id <= 0 or each.id in taken:
                highest += 1
                each = msgspec.structs.replace(each, id=highest)
            taken.add(each.id)
            named.append(each)
        self._breakpoints = tuple(named)
        self._hits = {number: hits for number, hits in self._hits.items() if number in taken}
        self._compile()

    def give(self, breakpoints: Sequence[Breakpoint]) -> None:
        """Replace those of the settings; who is there already keeps its hits, and others stay as they are.

        Raises:
            BreakpointError: as `set`.
        """
        there = {_what(each): each.id for each in self._breakpoints if each.given}
        named = [msgspec.structs.replace(each, id=there.get(_what(each), 0)) for each in breakpoints]
        own = [each for each in self._breakpoints if not each.given]
        self.set((*named, *own))

    def pause_everything(self, on: bool) -> None:
        """Stop all requests and responses, or only those that breakpoints name."""
        self.everything = on
        self._compile()

    def _compile(self) -> None:
        self.revision += 1
        asked = [(each, compile_filter(each.expression)) for each in self._breakpoints if each.enabled]
        if self.everything:
            asked.append((EVERYTHING, compile_filter("")))
        table: dict[Stage, list[tuple[Breakpoint, Question]]] = {}
        for each, wanted in asked:
            for stage in _stages_of(each):
                question = Question(wanted, undecided=stage in BODIES or stage in MESSAGES)
                table.setdefault(stage, []).append((each, question))
        self._by_stage = {stage: tuple(entries) for stage, entries in table.items()}

    def may_stop(self, subject: Subject, *stages: Stage) -> bool:
        """Whether the message at hand is stopped at one of the stages, or may be once its body is known."""
        return any(question.asks(subject) for question in self._asked(stages))

    def left(self, subject: Subject, *stages: Stage, response: bool) -> tuple[Callable[[Subject], bool], ...]:
        """Return what of this is to be asked of requests, or responses, of this one's site and method."""
        left = (question.of(subject, response=response) for question in self._asked(stages))
        return tuple(each for each in left if each is not None)

    def _asked(self, stages: Iterable[Stage]) -> Iterator[Question]:
        return (question for stage in stages for _, question in self._by_stage.get(stage, ()))

    def asks(self, *stages: Stage) -> bool:
        """Whether any breakpoint is set for one of the stages."""
        return any(stage in self._by_stage for stage in stages)

    def asks_body(self, stage: Stage) -> bool:
        """Whether any breakpoint for a stage asks what stands in a body."""
        asked = self._asked((stage,))
        return any(term.scope is Scope.BODY for question in asked for term in question.wanted.deep)

    def match(self, subject: Subject, stage: Stage) -> Breakpoint | None:
        """Return the first breakpoint that stops the message at hand here."""
        for each, question in self._by_stage.get(stage, ()):
            if subject.judge(question.wanted):
                return each
        return None

    def hit(self, stopped: Breakpoint) -> None:
        """Count a message that was stopped; a breakpoint for one time is switched off."""
        self.revision += 1
        self._hits[stopped.id] = self._hits.get(stopped.id, 0) + 1
        if stopped.once:
            self._breakpoints = tuple(
                msgspec.structs.replace(each, enabled=False) if each.id == stopped.id else each
                for each in self._breakpoints
            )
            self._compile()


def _what(made: Breakpoint) -> tuple[object, ...]:
    return made.expression, made.stages, made.name


def _stages_of(stopped: Breakpoint) -> Iterable[Stage]:
    stages = set(stopped.stages)
    stages |= {message for message, body in _AS_MESSAGE.items() if body in stages}
    return stages
