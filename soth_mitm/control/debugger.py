"""What a person does to messages on their way: stop them, look, change, send, answer, drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from soth_mitm.control.calls import call
from soth_mitm.errors import SothError
from soth_mitm.net import amend
from soth_mitm.net.pausing import Lapsed, Pauses, Verdict, Waiting
from soth_mitm.policy.editing import Draft, MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.policy.editing.checks import faults

if TYPE_CHECKING:
    from soth_mitm.model.events import Direction
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.breakpoints import Breakpoint, BreakpointState, Stage
    from soth_mitm.policy.rules import Rule, RuleState


class DecisionError(SothError):
    """A decision about a paused message that cannot be carried out; the text says why."""


class PausedMessage(NamedTuple):
    """A message that is held at a breakpoint, as it is now."""

    number: int
    flow: int
    direction: Direction
    stage: Stage
    breakpoint: str
    """Name of what stopped it."""
    since_ns: int
    """Monotonic."""
    deadline_ns: int | None
    """When the original goes on; None where there is no deadline, or while it is edited."""
    editing: bool
    original: Draft
    draft: Draft
    """With the edits so far."""
    body_streams: bool
    """Its body is not held: only the head can be changed."""


class Debugger:
    """Breakpoints, and what they have stopped. Reading is at once; acting is carried to the proxy's loop."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._pauses = shared.pauses

    # --- reading ------------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """Another number after each change of what is read here."""
        return self._pauses.revision

    @property
    def breakpoints(self) -> tuple[BreakpointState, ...]:
        """The breakpoints, in their order, with their hits."""
        return self._pauses.breakpoints.states

    @property
    def pauses_everything(self) -> bool:
        """Whether all requests and responses are stopped."""
        return self._pauses.breakpoints.everything

    @property
    def paused(self) -> tuple[PausedMessage, ...]:
        """What is paused, the oldest first."""
        return tuple(_shown(waiting) for waiting in self._pauses)

    @property
    def lapsed(self) -> tuple[Lapsed, ...]:
        """The latest pauses that ended without a decision, the oldest first, with their edits."""
        return tuple(self._pauses.lapsed)

    def now(self) -> int:
        """Return the time that deadlines are of, in nanoseconds."""
        return self._shared.bus.clock.monotonic_ns()

    # --- breakpoints ----------------------------------------------------------------------------------

    async def attach(self) -> None:
        """Take note of a user interface that can decide: from now on messages may be paused."""
        await call(self._shared, self._attach, 1)

    async def detach(self) -> None:
        """Take note that it is gone; with the last one, everything that is paused goes on, with its edits."""
        await call(self._shared, self._attach, -1)

    def _attach(self, change: int) -> None:
        pauses = self._pauses
        pauses.attached = max(pauses.attached + change, 0)
        if not pauses.attached:
            pauses.breakpoints.pause_everything(False)
            pauses.release_all()
        self._shared.chain_changed()

    async def set_breakpoints(self, breakpoints: Sequence[Breakpoint]) -> tuple[BreakpointState, ...]:
        """Replace all breakpoints; return them, with the ids they got.

        Raises:
            BreakpointError: one of them cannot work; its text names it. Nothing has changed.
        """
        return await call(self._shared, self._set, tuple(breakpoints))

    def _set(self, breakpoints: tuple[Breakpoint, ...]) -> tuple[BreakpointState, ...]:
        self._pauses.breakpoints.set(breakpoints)
        self._shared.chain_changed()
        return self._pauses.breakpoints.states

    async def pause_everything(self, on: bool) -> None:
        """Stop all requests and responses, or only those that breakpoints name; what is paused stays so."""
        await call(self._shared, self._everything, on)

    def _everything(self, on: bool) -> None:
        self._pauses.breakpoints.pause_everything(on)
        self._shared.chain_changed()

    # --- rules ----------------------------------------------------------------------------------------

    @property
    def rules(self) -> tuple[RuleState, ...]:
        """The rules, those of the settings' file first, in the order in which they are asked."""
        return self._shared.ruling.rules.states

    @property
    def rules_revision(self) -> int:
        """Another number after each change of the rules or their hits."""
        return self._shared.ruling.rules.revision

    async def set_rules(self, rules: Sequence[Rule]) -> tuple[RuleState, ...]:
        """Replace the rules that do not stand in the settings' file; return all, with the ids they got.

        Raises:
            RuleError: one of them cannot work; its text names it. Nothing has changed.
        """
        return await call(self._shared, self._set_rules, tuple(rules))

    def _set_rules(self, rules: tuple[Rule, ...]) -> tuple[RuleState, ...]:
        self._shared.ruling.replace(rules)
        return self.rules

    # --- decisions ------------------------------------------------------------------------------------

    async def resume(self, number: int) -> bool:
        """Send a message on with its edits; False where it is not paused any more."""
        return await call(self._shared, self._resume, number)

    def _resume(self, number: int) -> bool:
        waiting = self._pauses.get(number)
        return waiting is not None and self._pauses.decide(number, Pauses.as_edited(waiting))

    async def resume_original(self, number: int) -> bool:
        """Send a message on as it came; False where it is not paused any more."""
        return await call(self._shared, self._pauses.decide, number, Verdict("sent_as_it_was"))

    async def resume_all(self) -> int:
        """Send everything on, with its edits; return how much that was."""
        return await call(self._shared, self._pauses.release_all, "sent_as_it_was")

    async def drop(self, number: int) -> bool:
        """Send nothing on: a message of a stream is left out, of an exchange both sides are closed."""
        return await call(self._shared, self._pauses.decide, number, Verdict("dropped"))

    async def respond(self, number: int, answer: ResponseDraft) -> bool:
        """Answer the client; False where the message is not paused any more.

        Raises:
            DecisionError: the answer would break the connection, or the message is part of a stream.
        """
        return await call(self._shared, self._respond, number, answer)

    def _respond(self, number: int, answer: ResponseDraft) -> bool:
        waiting = self._pauses.get(number)
        if waiting is None:
            return False
        if isinstance(waiting.original, MessageDraft):
            raise DecisionError("a message of a stream cannot be answered with a response")
        _check(answer)
        try:
            amend.check_response(answer.status, reason=answer.reason, fields=answer.fields)
        except ValueError as error:
            raise DecisionError(f"the answer cannot be sent: {error}") from error
        return self._pauses.decide(number, Verdict("answered", answer=answer))

    # --- editing --------------------------------------------------------------------------------------

    async def edit(self, number: int, draft: Draft) -> bool:
        """Keep an edit of a paused message, for when it is sent on; False where it is not paused any more.

        Raises:
            DecisionError: it is no draft of such a message, or would break it; its text names the place.
                The edit before stays.
        """
        return await call(self._shared, self._edit, number, draft)

    def _edit(self, number: int, draft: Draft) -> bool:
        waiting = self._pauses.get(number)
        if waiting is None:
            return False
        if type(draft) is not type(waiting.original):
            raise DecisionError("this is a draft of another kind of message")
        _check(draft, waiting.original)
        waiting.draft = draft
        self._pauses.edits += 1
        return True

    async def undo(self, number: int) -> bool:
        """Take all edits back; False where the message is not paused any more."""
        return await call(self._shared, self._undo, number)

    def _undo(self, number: int) -> bool:
        waiting = self._pauses.get(number)
        if waiting is None:
            return False
        waiting.draft = waiting.original
        self._pauses.edits += 1
        return True

    async def editing(self, number: int, on: bool) -> None:
        """Say that a message's editor is open, or closed: meanwhile its deadline is suspended."""
        await call(self._shared, self._editing, number, on)

    def _editing(self, number: int, on: bool) -> None:
        self._pauses.queue.edit(number, on, now=self.now())
        self._pauses.reschedule()

    async def unfinished(self, number: int, on: bool) -> None:
        """Say that more was typed for a message than can be sent: should its time be over, its row tells."""
        await call(self._shared, self._unfinished, number, on)

    def _unfinished(self, number: int, on: bool) -> None:
        waiting = self._pauses.get(number)
        if waiting is not None:
            waiting.unfinished = on

    async def more_time(self, number: int, seconds: float = 60.0) -> None:
        """Give a paused message more time."""
        await call(self._shared, self._more, number, seconds)

    def _more(self, number: int, seconds: float) -> None:
        self._pauses.queue.more(number, seconds, now=self.now())
        self._pauses.reschedule()


def _shown(waiting: Waiting) -> PausedMessage:
    pause = waiting.pause
    return PausedMessage(
        pause.number,
        pause.flow,
        waiting.direction,
        pause.stage,
        pause.breakpoint,
        pause.since_ns,
        pause.deadline_ns,
        pause.editing,
        waiting.original,
        waiting.draft,
        waiting.body_streams,
    )


def _check(draft: Draft, original: Draft | None = None) -> None:
    wrong = faults(draft, original=original)
    if wrong:
        raise DecisionError("this cannot be sent: " + "; ".join(str(fault) for fault in wrong[:3]))
    if isinstance(draft, RequestDraft):
        try:
            amend.check_site(draft.scheme, draft.host, port=draft.port)
        except ValueError as error:
            raise DecisionError(f"this cannot be sent: {error}") from error
