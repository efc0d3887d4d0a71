"""Who decides about messages, in their order: rules, the program's handler, breakpoints.

Each part sees what those before it made of a message. Whether a part wants a message is asked on its
head, at once; only where one does is anything held, or a task started.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from enum import Flag, auto
from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm.hooks.decisions import Block, Change, Continue, Decision, Drop, Inject, MessageDecision
from soth_mitm.model.events import HandlerActed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.hooks.messages import Message, Request, Response
    from soth_mitm.model.events import Direction
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.origin import Supply
    from soth_mitm.net.shaping import Shape
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.editing import RequestDraft, ResponseDraft
    from soth_mitm.policy.subject import Subject

CLOSED = Block(500, "the handler failed, and is set to fail closed")


KEPT: Final = 1024
"""Sites with a method for which it is known what is left to ask of them."""
MESSAGE_HOOK = "on_message"
_ACTIONS = {Change: "change", Drop: "drop", Inject: "inject"}


class CutBehind:
    """The message goes on, or not even that, and its exchange ends there."""

    def __init__(self, why: str, *, dropped: bool) -> None:
        self.why = why
        self.dropped = dropped


class MessageRefused(Exception):
    """The hook failed, and `handler_fails` is `closed`: the message must not go on."""


class Turn:
    """A message that one part of the chain is asked about."""

    def __init__(
        self,
        flow: FlowLife,
        direction: Direction,
        subject: Subject,
        *,
        message: Request | Response,
        hook: str,
        streams: bool,
        body: Callable[[], Awaitable[bytes]],
        draft: Callable[[bytes | None], RequestDraft | ResponseDraft],
        watch: Callable[[], None],
        resizable: bool,
        shape: Callable[[Shape], None],
        original: Callable[[bytes], None],
        serve: Callable[[Supply], None],
    ) -> None:
        self.flow = flow
        self.direction = direction
        self.subject = subject
        self.message = message
        """As the parts before have made it."""
        self.hook = hook
        """The handler's hook for it."""
        self.streams = streams
        """Its body is a stream of messages, which are decided about one by one and never held as a whole."""
        self.body = body
        """Waits for its body as it is now, for `limits.hold_seconds` at most; raises BodyTooLarge."""
        self.draft = draft
        """Returns what goes on, with this body, or None for one that streams on."""
        self.watch = watch
        """To be called where deciding may take long: a client that leaves is noticed then."""
        self.resizable = resizable
        """Its body may go on in another length than is known when the head goes."""
        self.original = original
        """Tells bytes of its body that do not go on as they came."""
        self.shape = shape
        """Has a body that streams on go through a shape, behind those that are there."""
        self.serve = serve
        """Has the request answered by a supply of our own, in place of its upstream."""
        self.timeout: asyncio.Timeout | None = None
        """What limits the time for deciding, while it does."""


class Asks(Flag):
    """What a part decides about."""

    REQUEST = auto()
    RESPONSE = auto()
    MESSAGES = auto()


Asking = Callable[["Subject"], bool]
Addressed = tuple[str, str, int, str, bytes]
"""Scheme, host, port, server name of the client's TLS, and method."""


class Asked(Protocol):
    """An exchange, as far as it is asked for."""

    @property
    def addressed(self) -> Addressed:
        """Where its request goes, as it is now."""
        ...

    @property
    def subject(self) -> Subject:
        """The exchange as expressions see it."""
        ...


class Part:
    """One of those who decide. What a part does not say here is that it wants nothing and does nothing."""

    name = ""
    """Who changed a message, as its event says."""
    asks = Asks(0)
    """Of what it can want anything at all."""

    def wants_request(self, subject: Subject) -> bool:
        """Whether to ask it about a request, whose head has come."""
        return False

    def wants_response(self, subject: Subject) -> bool:
        """Likewise about a response."""
        return False

    def wants_messages(self, subject: Subject, direction: Direction) -> bool:
        """Whether to ask it about each message of a stream that begins, as far as that is known now."""
        return False

    def wants_like(self, subject: Subject, *, response: bool) -> Asking | None:
        """Return what says whether it wants requests, or responses, of the site and the method of this one.

        None: none of them, whatever else it holds.
        """
        return self.wants_response if response else self.wants_request

    async def request(self, turn: Turn) -> Decision | None:
        """Decide about a request."""
        return None

    async def response(self, turn: Turn) -> Decision | None:
        """Decide about a final response."""
        return None

    async def message(
        self, flow: FlowLife, subject: Subject, message: Message
    ) -> MessageDecision | CutBehind | None:
        """Decide about one message of a stream."""
        return None

    def instead(self, turn: Turn, error: Exception) -> Decision | None:
        """Return what is done in place of a decision that cannot be carried out."""
        return None


class Chain:
    """The parts that are there. Where none asks, a question costs one look at an empty tuple.

    Where some do, most have nothing to ask of most sites: that is found out once for each.
    """

    def __init__(self) -> None:
        self.use(())

    def use(self, parts: Sequence[Part]) -> None:
        """Have these decide, in this order."""
        self.requests = tuple(part for part in parts if Asks.REQUEST in part.asks)
        self.responses = tuple(part for part in parts if Asks.RESPONSE in part.asks)
        self.messages = tuple(part for part in parts if Asks.MESSAGES in part.asks)
        self._of_requests: dict[Addressed, tuple[Asking, ...]] = {}
        self._of_responses: dict[Addressed, tuple[Asking, ...]] = {}

    def wants_request(self, asked: Asked) -> bool:
        """Whether anybody wants to decide about a request."""
        return bool(self.requests) and _wanted(self.requests, self._of_requests, asked, response=False)

    def wants_response(self, asked: Asked) -> bool:
        """Likewise about a response."""
        return bool(self.responses) and _wanted(self.responses, self._of_responses, asked, response=True)

    def wants_messages(self, subject: Callable[[], Subject], direction: Direction) -> bool:
        """Likewise about each message of a stream."""
        if not self.messages:
            return False
        made = subject()
        return any(part.wants_messages(made, direction) for part in self.messages)


def _wanted(
    parts: Sequence[Part], kept: dict[Addressed, tuple[Asking, ...]], asked: Asked, *, response: bool
) -> bool:
    """Return whether a part wants a message; what they ask of messages like it is kept for the next."""
    addressed = asked.addressed
    left = kept.get(addressed)
    if left is None:
        wants = (part.wants_like(asked.subject, response=response) for part in parts)
        left = tuple(each for each in wants if each is not None)
        if len(kept) >= KEPT:
            kept.clear()
        kept[addressed] = left
    return bool(left) and any_of(left, asked.subject)


def any_of(wants: Sequence[Asking], subject: Subject) -> bool:
    """Return whether one of them says yes."""
    for each in wants:  # noqa: SIM110 - a generator costs as much as what it asks, for every message
        if each(subject):
            return True
    return False


class HandlerPart(Part):
    """The program's handler. It may take `limits.handler_timeout`, the time of peers not counted."""

    name = "handler"

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        hooks = shared.hooks
        self.asks = Asks(0)
        if hooks.request:
            self.asks |= Asks.REQUEST
        if hooks.response or hooks.websocket:
            self.asks |= Asks.RESPONSE
        if hooks.message:
            self.asks |= Asks.MESSAGES

    def wants_request(self, subject: Subject) -> bool:
        """See `Part`."""
        return self._shared.hooks.request

    def wants_response(self, subject: Subject) -> bool:
        """See `Part`."""
        hooks = self._shared.hooks
        return hooks.websocket if subject.switches else hooks.response

    def wants_messages(self, subject: Subject, direction: Direction) -> bool:
        """See `Part`."""
        return self._shared.hooks.message

    async def request(self, turn: Turn) -> Decision | None:
        """See `Part`."""
        return await self._ask(turn)

    async def response(self, turn: Turn) -> Decision | None:
        """See `Part`."""
        return await self._ask(turn)

    async def _ask(self, turn: Turn) -> Decision | None:
        """Return what the handler decides, or what stands for it where it fails."""
        limit = self._shared.config.limits.handler_timeout
        try:
            async with asyncio.timeout(limit) as turn.timeout:
                decision = await getattr(self._shared.hooks.handler, turn.hook)(turn.message)
            if decision is None or isinstance(decision, Decision):
                return decision
            raise TypeError(f"a {type(decision).__name__} is no decision")
        except TimeoutError:
            self._shared.counters.hit("handler_timeout")
            return self.instead(turn, TimeoutError(f"no decision within {limit:g} s"))
        except Exception as error:
            return self.instead(turn, error)
        finally:
            turn.timeout = None

    async def message(self, flow: FlowLife, subject: Subject, message: Message) -> MessageDecision | None:
        """See `Part`.

        Raises:
            MessageRefused: it failed, and is set to fail closed. `handler_failed` has been told.
        """
        shared, limit = self._shared, self._shared.config.limits.handler_timeout
        decision: object = None
        try:
            async with asyncio.timeout(limit):
                decision = shared.hooks.handler.on_message(message)
                if inspect.isawaitable(decision):
                    decision = await decision
            if decision is not None and not isinstance(decision, MessageDecision):
                raise TypeError(f"a {type(decision).__name__} is no decision about a message")
        except TimeoutError:
            shared.counters.hit("handler_timeout")
            self._failed(flow, TimeoutError(f"no decision within {limit:g} s"))
        except Exception as error:
            self._failed(flow, error)
        else:
            if decision is not None and not isinstance(decision, Continue) and not flow.closed:
                flow.emit(HandlerActed(MESSAGE_HOOK, _ACTIONS[type(decision)], f"message {message.number}"))
            return decision
        return None

    def _failed(self, flow: FlowLife, error: Exception) -> None:
        self._shared.handler_failed(MESSAGE_HOOK, error, flow)
        if self._shared.config.handler_fails == "closed":
            raise MessageRefused from error

    def instead(self, turn: Turn, error: Exception) -> Block | None:
        """See `Part`."""
        self._shared.handler_failed(turn.hook, error, turn.flow)
        return CLOSED if self._shared.config.handler_fails == "closed" else None
