"""A debugger that does what it is told, over messages that a test has paused."""

from __future__ import annotations

from collections.abc import Sequence

from soth_mitm.control import Lapsed, PausedMessage
from soth_mitm.model.events import Outcome
from soth_mitm.model.terms import Direction
from soth_mitm.policy.breakpoints import Breakpoint, BreakpointSet, BreakpointState, Stage
from soth_mitm.policy.editing import Draft, RequestDraft, ResponseDraft
from soth_mitm.policy.rules import Rule, RuleSet, RuleState

SECOND = 1_000_000_000


class Debugging:
    """Keeps paused messages, and remembers how each one ended."""

    def __init__(self) -> None:
        self._set = BreakpointSet()
        self.rule_set = RuleSet()
        self._paused: tuple[PausedMessage, ...] = ()
        self._changes = 0
        self.ended: list[tuple[int, str]] = []
        self.sent: list[bytes] = []
        """Bodies of requests that went on."""
        self.lapsed: tuple[Lapsed, ...] = ()
        self.typed: set[int] = set()
        """Messages of which more was typed than can be sent."""
        self.attached = 0
        self.time = 100 * SECOND

    def now(self) -> int:
        return self.time

    @property
    def revision(self) -> int:
        return self._set.revision + self._changes

    @property
    def paused(self) -> tuple[PausedMessage, ...]:
        return self._paused

    @paused.setter
    def paused(self, paused: tuple[PausedMessage, ...]) -> None:
        self._paused, self._changes = paused, self._changes + 1

    @property
    def breakpoints(self) -> tuple[BreakpointState, ...]:
        return self._set.states

    @property
    def pauses_everything(self) -> bool:
        return self._set.everything

    @property
    def rules(self) -> tuple[RuleState, ...]:
        return self.rule_set.states

    @property
    def rules_revision(self) -> int:
        return self.rule_set.revision

    async def set_rules(self, rules: Sequence[Rule], /) -> tuple[RuleState, ...]:
        self.rule_set.replace(rules)
        return self.rules

    def pause(
        self,
        flow: int,
        draft: Draft | None = None,
        *,
        stage: Stage = Stage.REQUEST_BODY,
        waited: float = 8.0,
        left: float | None = 52.0,
        name: str = "orders",
        edited: Draft | None = None,
    ) -> PausedMessage:
        """Pause a message of a flow."""
        number = len(self.ended) + len(self.paused) + 1
        draft = draft or RequestDraft(
            scheme="https",
            host="api.shop.test",
            port=443,
            method=b"POST",
            target=b"/orders?dry_run=1",
            fields=((b"content-type", b"application/json"),),
            body=b'{"sku": "A-7", "qty": 3}',
        )
        response = stage in (Stage.RESPONSE, Stage.RESPONSE_BODY, Stage.MESSAGE_DOWN)
        paused = PausedMessage(
            number,
            flow,
            Direction.RESPONSE if response else Direction.REQUEST,
            stage,
            name,
            self.time - int(waited * SECOND),
            None if left is None else self.time + int(left * SECOND),
            False,
            draft,
            edited or draft,
            False,
        )
        self.paused = (*self.paused, paused)
        return paused

    def _end(self, number: int, how: str) -> bool:
        found = [each for each in self.paused if each.number == number]
        self.paused = tuple(each for each in self.paused if each.number != number)
        self.ended += [(each.number, how) for each in found]
        return bool(found)

    def lapse(self, number: int, how: Outcome = "deadline") -> None:
        """End a pause without a decision."""
        paused = next(each for each in self.paused if each.number == number)
        self.lapsed += (Lapsed(number, paused.flow, how, paused.original, paused.draft),)
        self._end(number, how)

    def _change(self, number: int, **changes: object) -> bool:
        self.paused = tuple(
            each._replace(**changes) if each.number == number else each  # type: ignore[arg-type]
            for each in self.paused
        )
        return True

    async def attach(self) -> None:
        self.attached += 1

    async def detach(self) -> None:
        self.attached -= 1

    async def set_breakpoints(self, breakpoints: Sequence[Breakpoint], /) -> tuple[BreakpointState, ...]:
        self._set.set(breakpoints)
        return self._set.states

    def hit(self, stopped: Breakpoint) -> None:
        """Count a message that a breakpoint has stopped."""
        self._set.hit(stopped)

    async def pause_everything(self, on: bool, /) -> None:
        self._set.pause_everything(on)

    async def resume(self, number: int, /) -> bool:
        drafts = [each.draft for each in self.paused if each.number == number]
        self.sent += [each.body or b"" for each in drafts if isinstance(each, RequestDraft)]
        return self._end(number, "resumed")

    async def resume_original(self, number: int, /) -> bool:
        return self._end(number, "original")

    async def resume_all(self) -> int:
        return sum(self._end(each.number, "resumed") for each in self.paused)

    async def drop(self, number: int, /) -> bool:
        return self._end(number, "dropped")

    async def respond(self, number: int, answer: ResponseDraft, /) -> bool:
        return self._end(number, f"answered {answer.status}")

    async def edit(self, number: int, draft: Draft, /) -> bool:
        return self._change(number, draft=draft)

    async def undo(self, number: int, /) -> bool:
        original = next(each.original for each in self.paused if each.number == number)
        return self._change(number, draft=original)

    async def editing(self, number: int, on: bool, /) -> None:
        self._change(number, editing=on)

    async def unfinished(self, number: int, on: bool, /) -> None:
        (self.typed.add if on else self.typed.discard)(number)

    async def more_time(self, number: int, seconds: float = 60.0, /) -> None:
        deadline = next(each.deadline_ns for each in self.paused if each.number == number) or self.time
        self._change(number, deadline_ns=deadline + int(seconds * SECOND))
