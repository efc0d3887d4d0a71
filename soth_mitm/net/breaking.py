"""Breakpoints as the last part of the chain: a person decides about what would go on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from soth_mitm.hooks.decisions import Abort, Change, Decision, Drop, MessageDecision, Replace, Respond
from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.model.events import Direction, Noted
from soth_mitm.net.chain import Asks, Part, any_of
from soth_mitm.net.decoded import decoded
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.editing import MessageDraft, ResponseDraft

if TYPE_CHECKING:
    from soth_mitm.hooks.messages import Message
    from soth_mitm.net.chain import Asking, Turn
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.pausing import Pauses, Verdict
    from soth_mitm.policy.subject import Subject

_REQUEST = (Stage.REQUEST, Stage.REQUEST_BODY)
_RESPONSE = (Stage.RESPONSE, Stage.RESPONSE_BODY)
_MESSAGE_STAGE = {Direction.REQUEST: Stage.MESSAGE_UP, Direction.RESPONSE: Stage.MESSAGE_DOWN}


class Breaking(Part):
    """Pauses what the breakpoints name."""

    name = "person"
    asks = Asks.REQUEST | Asks.RESPONSE | Asks.MESSAGES

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses

    def wants_request(self, subject: Subject) -> bool:
        """See `chain.Part`."""
        return self._pauses.active and self._pauses.breakpoints.may_stop(subject, *_REQUEST)

    def wants_response(self, subject: Subject) -> bool:
        """See `chain.Part`."""
        return self._pauses.active and self._pauses.breakpoints.may_stop(subject, *_RESPONSE)

    def wants_like(self, subject: Subject, *, response: bool) -> Asking | None:
        """See `chain.Part`."""
        stages, pauses = _RESPONSE if response else _REQUEST, self._pauses
        left = pauses.breakpoints.left(subject, *stages, response=response)
        return (lambda subject: any_of(left, subject) and pauses.active) if left else None

    def wants_messages(self, subject: Subject, direction: Direction) -> bool:
        """See `chain.Part`."""
        return self._pauses.active and self._pauses.breakpoints.may_stop(subject, _MESSAGE_STAGE[direction])

    async def request(self, turn: Turn) -> Decision | None:
        """See `chain.Part`."""
        return await self._ask(turn, Stage.REQUEST, Stage.REQUEST_BODY)

    async def response(self, turn: Turn) -> Decision | None:
        """See `chain.Part`."""
        return await self._ask(turn, Stage.RESPONSE, Stage.RESPONSE_BODY)

    async def _ask(self, turn: Turn, at_head: Stage, at_body: Stage) -> Decision | None:
        """Stop a message once: at its body where that is asked for and can be held, else at its head."""
        breakpoints, most = self._pauses.breakpoints, self._pauses.limits.hook_body_bytes
        body: bytes | None = None
        stage, stopped = at_body, None
        if not turn.streams and breakpoints.may_stop(turn.subject, at_body):
            try:
                body = await turn.body()
                if breakpoints.asks_body(at_body):
                    plain = await decoded(body, turn.draft(body).fields, most=most)
                    turn.subject.has_body(turn.direction, plain)
            except BodyTooLarge as error:
                turn.flow.emit(Noted("body_not_held", f"{error}: only its head can be edited"))
            stopped = breakpoints.match(turn.subject, at_body)
            turn.subject.has_body(turn.direction, None)
        if stopped is None:
            stage, stopped = at_head, breakpoints.match(turn.subject, at_head)
        if stopped is None or not self._pauses.active:
            return None
        verdict = await self._pauses.hold(
            turn.flow,
            turn.direction,
            stopped,
            stage,
            original=turn.draft(body),
            streams=body is None,
            watch=turn.watch,
        )
        return _decision(verdict, body)

    async def message(self, flow: FlowLife, subject: Subject, message: Message) -> MessageDecision | None:
        """See `chain.Part`."""
        breakpoints, stage = self._pauses.breakpoints, _MESSAGE_STAGE[message.direction]
        if not self._pauses.active or not breakpoints.asks(stage):
            return None
        subject.form = str(message.form)
        subject.has_body(message.direction, message.data)
        stopped = breakpoints.match(subject, stage)
        subject.has_body(message.direction, None)
        if stopped is None:
            return None
        original = MessageDraft(
            form=message.form,
            direction=message.direction,
            data=message.data,
            label=message.label,
            note=message.note,
        )
        verdict = await self._pauses.hold(
            flow, message.direction, stopped, stage, original=original, message=message.number
        )
        if verdict.how == "dropped":
            return Drop()
        draft = verdict.draft
        if not isinstance(draft, MessageDraft):
            return None
        label = draft.label if draft.label != original.label else None
        note = draft.note if draft.note != original.note else None
        return Change(draft.data, label, note)

    def instead(self, turn: Turn, error: Exception) -> None:
        """See `chain.Part`: what cannot be sent does not go, the original does."""
        turn.flow.emit(Noted("edit_refused", f"the edit could not be sent, so the original was: {error}"))


def _decision(verdict: Verdict, body: bytes | None) -> Decision | None:
    if verdict.answer is not None:
        answer: ResponseDraft = verdict.answer
        return Respond(answer.status, answer.fields, answer.body or b"", answer.reason)
    if verdict.how == "dropped":
        return Abort("dropped at a breakpoint")
    if verdict.draft is None or isinstance(verdict.draft, MessageDraft):
        return None
    draft = verdict.draft
    if draft.body == body:  # then it goes on as it came, in its own framing
        draft = msgspec.structs.replace(draft, body=None)
    return Replace(draft)
