"""The messages that are paused now: who waits, with what, until somebody decides or the time is over.

A pause ends exactly once, with an event that says how. The flow that holds it awaits its outcome; the
user interface decides through `control.debugger`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from soth_mitm.model.events import Direction, Noted, Paused, Resumed
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import BreakpointSet, PauseQueue, QueueFullError, Stage, given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.config import Limits
    from soth_mitm.model.events import Outcome
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.breakpoints import Breakpoint, Pause
    from soth_mitm.policy.editing import Draft, ResponseDraft
    from soth_mitm.policy.subject import Subject

_ENDS: Final[dict[str, Outcome]] = {
    CloseReason.CLIENT_CLOSED: "client_gone",
    CloseReason.UPSTREAM_CLOSED: "upstream_gone",
    CloseReason.RELAY_EOF: "upstream_gone",
    CloseReason.RELAY_ERROR: "upstream_gone",
    CloseReason.WEBSOCKET_COMPLETED: "upstream_gone",
    CloseReason.WEBSOCKET_ERROR: "upstream_gone",
    CloseReason.HTTP_ERROR: "upstream_gone",
}
"""What the end of a flow means to its pauses; any other is `killed`. A client's end is told before."""


LeftPaused = Literal["resume", "drop"]
"""What becomes of paused messages when the proxy stops."""

_STAGES: Final = {
    Direction.REQUEST: (Stage.REQUEST, Stage.REQUEST_BODY),
    Direction.RESPONSE: (Stage.RESPONSE, Stage.RESPONSE_BODY),
}


_UNDECIDED: Final = frozenset(("deadline", "client_gone", "upstream_gone"))
LAPSED: Final = 64
"""Pauses that are kept of those which nobody had decided, with `paused_bytes` of bodies."""


class Verdict:
    """How a pause ended, and what goes on: a draft, or an answer."""

    __slots__ = ("answer", "draft", "how")

    def __init__(self, how: Outcome, draft: Draft | None = None, answer: ResponseDraft | None = None) -> None:
        self.how = how
        self.draft = draft
        """What goes on; None for the original, as it came."""
        self.answer = answer
        """What the client gets instead of all else."""


class Lapsed(NamedTuple):
    """A pause that ended without anybody having decided: its time was over, or a side left."""

    number: int
    flow: int
    how: Outcome
    original: Draft
    draft: Draft
    """With the edits that had been made."""

    @property
    def size(self) -> int:
        """Bytes of bodies that it keeps."""
        return _size(self.original) + (_size(self.draft) if self.draft is not self.original else 0)


class Waiting:
    """One paused message, with its edits so far."""

    def __init__(
        self, pause: Pause, flow: FlowLife, direction: Direction, original: Draft, *, streams: bool
    ) -> None:
        self.pause = pause
        self.flow = flow
        self.direction = direction
        self.original = original
        self.draft = original
        self.unfinished = False
        """More has been typed than stands in the draft, and cannot be sent yet."""
        self.body_streams = streams
        """Its body is not held: it goes on behind the head, whatever becomes of that."""
        self.verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()


class Pauses:
    """All of them. `revision` rises with whatever a user interface shows of them."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.breakpoints = BreakpointSet()
        self.queue = PauseQueue(most=0, most_bytes=0, seconds=0)
        self._waiting: dict[int, Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.attached = 0
        """User interfaces that can decide; without one nothing is paused."""
        self.edits = 0
        self.lapsed: deque[Lapsed] = deque(maxlen=LAPSED)
        """The latest pauses that ended without a decision."""
        self.breakpoints.give(given(shared.config))
        self.limit(shared.config.limits)

    def limit(self, limits: Limits) -> None:
        """Use these budgets for what is paused from now on."""
        self.queue.limit(limits.paused_messages, limits.paused_bytes, seconds=limits.pause_seconds)

    @property
    def revision(self) -> int:
        """A number that is another one after each change."""
        return self.queue.revision + self.breakpoints.revision + self.edits

    @property
    def limits(self) -> Limits:
        """The budgets in force."""
        return self._shared.config.limits

    @property
    def active(self) -> bool:
        """Whether anything may be paused now."""
        return self.attached > 0 and self.breakpoints.active and not self._shared.draining

    def would_stop(self, subject: Subject, direction: Direction) -> bool:
        """Whether a message that has gone on already would be stopped now, at its head or its body."""
        stages = _STAGES[direction]
        return self.active and self.breakpoints.may_stop(subject, *stages)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(tuple(self._waiting.values()))

    def get(self, number: int) -> Waiting | None:
        """Return a paused message."""
        return self._waiting.get(number)

    # --- pausing ----------------------------------------------------------------------------------

    async def hold(
        self,
        flow: FlowLife,
        direction: Direction,
        stopped: Breakpoint,
        stage: Stage,
        *,
        original: Draft,
        streams: bool = False,
        message: int = 0,
        watch: Callable[[], None] | None = None,
    ) -> Verdict:
        """Pause a message until somebody decides; at once, as it was, where the budgets are used up."""
        size = 0 if streams else _size(original)
        try:
            pause = self.queue.add(flow.number, stage, stopped.title, now=self._now(), size=size)
        except QueueFullError as error:
            if error.limit == "paused_bytes":
                self._shared.limit_reached("paused_bytes", error.used, "the message goes on")
            else:
                self._shared.limit_reached("paused_messages", error.used, "the message goes on")
            flow.emit(Noted("not_paused", f"{error}"))
            return Verdict("sent_as_it_was")
        self.breakpoints.hit(stopped)
        waiting = Waiting(pause, flow, direction, original, streams=streams)
        self._waiting[pause.number] = waiting
        self._shared.counters.level("paused_messages", len(self.queue))
        flow.pauses += 1
        flow.on_closing = self.flow_ends
        flow.emit(Paused(pause.number, direction, stage, stopped.title, self.queue.seconds, message))
        self._schedule()
        if watch is not None:
            watch()
        try:
            return await waiting.verdict
        finally:
            self._end(waiting, "killed")

    def decide(self, number: int, verdict: Verdict) -> bool:
        """End a pause; False where it has ended already."""
        waiting = self._waiting.get(number)
        if waiting is None or waiting.verdict.done():
            return False
        waiting.verdict.set_result(verdict)
        self._end(waiting, verdict.how)
        return True

    def release_all(self, how: Outcome = "released") -> int:
        """Let everything go on, with its edits; return how much that was."""
        count = 0
        for waiting in tuple(self._waiting.values()):
            count += self.decide(waiting.pause.number, self.as_edited(waiting, how))
        return count

    def drop_all(self) -> int:
        """Let nothing of it go on; return how much that was."""
        return sum(self.decide(number, Verdict("dropped")) for number in tuple(self._waiting))

    @staticmethod
    def as_edited(waiting: Waiting, unedited: Outcome = "sent_as_it_was") -> Verdict:
        """Return the verdict that sends a message as it stands now."""
        if waiting.draft == waiting.original:
            return Verdict(unedited)
        return Verdict("edited", waiting.draft)

    def flow_ends(self, flow: FlowLife, reason: str) -> None:
        """Take note that a flow is about to end: whatever of it is paused is not any more."""
        for waiting in tuple(self._waiting.values()):
            if waiting.flow is flow:
                waiting.verdict.cancel()
                self._end(waiting, _ENDS.get(reason, "killed"))

    def _end(self, waiting: Waiting, how: Outcome) -> None:
        pause = self.queue.end(waiting.pause.number)
        if pause is None:
            return
        del self._waiting[pause.number]
        flow = waiting.flow
        flow.pauses -= 1
        self._shared.counters.level("paused_messages", len(self.queue))
        if how == "deadline":
            self._shared.counters.hit("pause_seconds")
        if how in _UNDECIDED:
            self._keep(Lapsed(pause.number, flow.number, how, waiting.original, waiting.draft))
        if not flow.closed:
            if how == "deadline" and (waiting.unfinished or waiting.draft != waiting.original):
                flow.emit(
                    Noted("edits_not_sent", "nobody had sent the edits in time, so the original went on")
                )
            waited = max(self._now() - pause.since_ns, 0)
            flow.emit(Resumed(pause.number, waiting.direction, how, waited))
        self._schedule()

    def _keep(self, lapsed: Lapsed) -> None:
        """Keep one more that nobody decided about; of their bodies no more than may be paused at once."""
        kept, most = self.lapsed, self.limits.paused_bytes
        kept.append(lapsed)
        size = sum(each.size for each in kept)
        while size > most and len(kept) > 1:
            size -= kept.popleft().size

    # --- time -------------------------------------------------------------------------------------

    def _now(self) -> int:
        return self._shared.bus.clock.monotonic_ns()

    def reschedule(self) -> None:
        """A deadline has changed."""
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.queue.next_due
        if due is not None:
            seconds = max(due - self._now(), 0) / 1e9
            self._timer = self._shared.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        for pause in self.queue.due(self._now()):
            self.decide(pause.number, Verdict("deadline"))
        self._schedule()


def _size(draft: Draft) -> int:
    body = getattr(draft, "body", None)
    return len(body) if body is not None else len(getattr(draft, "data", b""))
