"""One rule as a part of the chain: whether a message is meant, and what is done to it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.hooks.decisions import Abort, Block, Decision, Replace
from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.model.events import Direction, Noted
from soth_mitm.net.chain import Asks, CutBehind, Part
from soth_mitm.net.decoded import decoded
from soth_mitm.net.ruling import bodies
from soth_mitm.net.serving.canned import Canned
from soth_mitm.net.serving.files import Files
from soth_mitm.net.serving.inner import InnerSupply
from soth_mitm.net.shaping import Cut, Pace
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.policy.filters import compile_filter
from soth_mitm.policy.questions import Question
from soth_mitm.policy.rules import actions as a
from soth_mitm.policy.rules import described
from soth_mitm.policy.rules.heads import fields_changed, remote_target, request_changed
from soth_mitm.policy.rules.sticky import value_of
from soth_mitm.proto.http1 import rewrite

if TYPE_CHECKING:
    from soth_mitm.hooks.messages import Message
    from soth_mitm.net.chain import Asking, Turn
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.ruling.ruling import Ruling
    from soth_mitm.net.serving.inner import Answerer
    from soth_mitm.policy.rules import Rule
    from soth_mitm.policy.subject import Subject

_COUNTED: Final = 1024
"""Most streams whose messages a rule counts at a time."""
_BOTH: Final = Asks.REQUEST | Asks.RESPONSE


def _asks(action: a.Action) -> Asks:
    """Return at which of the chain's questions an action can act."""
    match action:
        case a.Fail(after_messages=count) if count is not None:
            return Asks.MESSAGES
        case a.Fail(after_bytes=count) if count is not None:
            return Asks.RESPONSE
        case a.StickyCookie():
            return _BOTH
        case _:
            return Asks.RESPONSE if getattr(action, "on", "request") == "response" else Asks.REQUEST


def _both(asks: Asking, further: Asking | None) -> Asking:
    return asks if further is None else lambda subject: asks(subject) and further(subject)


class RulePart(Part):
    """A rule that is in force."""

    def __init__(self, ruling: Ruling, rule: Rule) -> None:
        self.rule = rule
        self.name = f"rule {rule.title}"
        self.asks = _asks(rule.action)
        self._ruling = ruling
        self._shared = ruling.shared
        self._question = Question(compile_filter(rule.expression))
        self._further_of_request = self._of_request()
        self._further_of_response = self._of_response()
        self._seen: OrderedDict[int, int] = OrderedDict()
        """Messages of streams that are open, to the client."""
        self._answerer: Answerer | None = None
        match rule.action:
            case a.MapLocal() as action:
                self._answerer = Files(self.name, action)
            case a.Mock() as action:
                most = self._shared.config.limits.hook_body_bytes
                self._answerer = Canned(self.name, action, most=most)

    # --- what is asked at once ------------------------------------------------------------------------

    def wants_request(self, subject: Subject) -> bool:
        """See `chain.Part`."""
        return _both(self._question.asks, self._further_of_request)(subject)

    def wants_response(self, subject: Subject) -> bool:
        """See `chain.Part`."""
        return _both(self._question.asks, self._further_of_response)(subject)

    def wants_like(self, subject: Subject, *, response: bool) -> Asking | None:
        """See `chain.Part`."""
        left = self._question.of(subject, response=response)
        further = self._further_of_response if response else self._further_of_request
        return None if left is None else _both(left, further)

    def _of_request(self) -> Asking | None:
        """Return what else has to be so of a request for the action to change anything."""
        match self.rule.action:
            case a.MapRemote() as action:
                return lambda subject: remote_target(action, subject.target) is not None
            case a.StickyAuth():
                return self._lacks_authorization
            case a.StickyCookie():
                return self._lacks_cookies
        return None

    def _of_response(self) -> Asking | None:
        """Do so for a response."""
        match self.rule.action:
            case a.StickyCookie():
                return self._learn_cookies
            case a.Delay():
                return None
        return lambda subject: not subject.switches

    def wants_messages(self, subject: Subject, direction: Direction) -> bool:
        """See `chain.Part`."""
        return direction is Direction.RESPONSE and self._question.asks(subject)

    # --- acting -----------------------------------------------------------------------------------------

    async def request(self, turn: Turn) -> Decision | None:
        """See `chain.Part`."""
        if not await self._meant(turn):
            return None
        if self._answerer is not None:
            await self._serve(turn, self._answerer)
            return None
        match self.rule.action:
            case a.Block(status=status, text=text):
                self._applied(turn)
                return Block(status, text)
            case a.StickyAuth():
                value = self._ruling.sticky.authorization(turn.subject.host, turn.subject.port)
                return self._replaced(turn, b"Authorization", value)
            case a.StickyCookie():
                return self._replaced(turn, b"Cookie", self._cookies(turn.subject))
            case a.Fail():
                self._applied(turn)
                return Abort(f"by {self.name}")
        done, decision = await self._shaped(turn)
        if done:
            return decision
        draft = turn.draft(None)
        assert isinstance(draft, RequestDraft)
        changed = request_changed(draft, self.rule.action)
        return self._if_changed(turn, draft, changed)

    async def response(self, turn: Turn) -> Decision | None:
        """See `chain.Part`."""
        if not await self._meant(turn):
            return None
        done, decision = await self._shaped(turn)
        if done:
            return decision
        draft = turn.draft(None)
        assert isinstance(draft, ResponseDraft)
        return self._if_changed(turn, draft, fields_changed(draft, self.rule.action))

    async def message(self, flow: FlowLife, subject: Subject, message: Message) -> CutBehind | None:
        """See `chain.Part`."""
        action = self.rule.action
        if not isinstance(action, a.Fail) or action.after_messages is None:
            return None
        if message.direction is not Direction.RESPONSE or not subject.judge(self._question.wanted):
            return None
        count = self._seen[flow.number] = self._seen.pop(flow.number, 0) + 1
        if len(self._seen) > _COUNTED:
            self._seen.popitem(last=False)
        last = max(action.after_messages, 1)
        if count == last:
            self._ruling.applied(self.rule, flow, described(action))
            self._seen.pop(flow.number, None)
            return CutBehind(f"cut by {self.name}", dropped=count > action.after_messages)
        return None

    def instead(self, turn: Turn, error: Exception) -> None:
        """See `chain.Part`: what cannot be sent does not go, what came does."""
        turn.flow.emit(Noted("rule_refused", f"{self.name} could not be applied: {error}"))

    # --- whether it is meant ------------------------------------------------------------------------------

    async def _meant(self, turn: Turn) -> bool:
        """Ask for the message as it is now, and where the expression needs it for its body."""
        judged = turn.subject.judge(self._question.wanted)
        if judged is not None:
            return judged
        if turn.streams:
            turn.flow.emit(Noted("rule_undecided", f"{self.name} asks for the body, and it is a stream"))
            return False
        try:
            body = await turn.body()
        except BodyTooLarge as error:
            turn.flow.emit(Noted("rule_undecided", f"{self.name} asks for the body, and {error}"))
            return False
        most = self._shared.config.limits.hook_body_bytes
        turn.subject.has_body(turn.direction, await decoded(body, turn.draft(body).fields, most=most))
        return bool(turn.subject.judge(self._question.wanted))

    # --- heads --------------------------------------------------------------------------------------------

    def _applied(self, turn: Turn) -> None:
        self._ruling.applied(self.rule, turn.flow, described(self.rule.action))

    def _if_changed(
        self, turn: Turn, draft: RequestDraft | ResponseDraft, changed: RequestDraft | ResponseDraft
    ) -> Replace | None:
        if changed is draft:
            return None
        self._applied(turn)
        return Replace(changed)

    def _replaced(self, turn: Turn, name: bytes, value: bytes | None) -> Replace | None:
        if value is None:
            return None
        action = a.SetField(field=name.decode(), value=value.decode("latin-1"))
        draft = turn.draft(None)
        assert isinstance(draft, RequestDraft)
        return self._if_changed(turn, draft, fields_changed(draft, action))

    def _lacks_authorization(self, subject: Subject) -> bool:
        sticky = self._ruling.sticky
        if b"\nauthorization:" not in subject.lower:
            return sticky.authorization(subject.host, subject.port) is not None
        value = value_of(tuple(rewrite.fields(subject.raw)), b"authorization")
        if value:
            sticky.authorized(subject.host, subject.port, value)
            self._ruling.remembered()
        return False

    def _cookies(self, subject: Subject) -> bytes | None:
        secure = subject.scheme == "https"
        return self._ruling.sticky.cookies(subject.host, subject.target, secure=secure)

    def _lacks_cookies(self, subject: Subject) -> bool:
        return b"\ncookie:" not in subject.lower and self._cookies(subject) is not None

    def _learn_cookies(self, subject: Subject) -> bool:
        """Take note of what a host sets; the response itself goes on at once."""
        for name, value in rewrite.fields(subject.response_raw):
            if name.lower() == b"set-cookie":
                self._ruling.sticky.has_set(subject.host, subject.target, value)
        self._ruling.remembered()
        return False

    # --- answers, and what is done to the way -------------------------------------------------------------

    async def _serve(self, turn: Turn, answerer: Answerer) -> None:
        if not await answerer.has(turn.subject.target):
            return
        self._applied(turn)
        turn.serve(InnerSupply(self._shared, answerer))

    async def _shaped(self, turn: Turn) -> tuple[bool, Decision | None]:
        """Do what acts on the way of a message; return whether that was it, and what follows."""
        match self.rule.action:
            case a.Delay(seconds=seconds):
                self._applied(turn)
                turn.watch()
                await asyncio.sleep(seconds)
            case a.LimitRate(bytes_per_second=rate):
                self._applied(turn)
                turn.shape(Pace(rate))
            case a.Fail(after_bytes=count) if count is not None:
                told = partial(self._ruling.applied, self.rule, turn.flow, f"cut after {count:,} bytes")
                turn.shape(Cut(count, f"cut after {count:,} bytes by {self.name}", told))
            case a.ReplaceBody() as action:
                applied = partial(self._ruling.applied, self.rule, turn.flow)
                limits = self._shared.config.limits
                return True, await bodies.replace(turn, action, by=self.name, applied=applied, limits=limits)
            case _:
                return False, None
        return True, None
