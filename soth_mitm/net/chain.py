"""Who decides about messages, in their order: rules, the program's handler, breakpoints.

Each part sees what those before it made of a message. Whether a part wants a message is asked on its
head, at once; only where one does is anything held, or a task started.
"""

from __future__ import annotations

import asyncio
import inspect
from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol

from soth_mitm.hooks.decisions import Block, Change, Continue, Decision, Drop, Inject, MessageDecision
from soth_mitm.model.events import HandlerActed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from soth_mitm.hooks.messages import Message, Request, Response
    from soth_mitm.model.events import Direction
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.origin import Supply
    from soth_mitm.net.shaping import Shape
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.editing import RequestDraft, ResponseDraft
    from soth_mitm.policy.subject import Subject

CLOSED = Block(500, "the handler failed, and is set to fail closed")


MESSAGE_HOOK = "on_message"
_ACTIONS = {Change: "change", Drop: "drop", Inject: "inject"}


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


class Part(Protocol):
    """One of those who decide."""

    asks: Asks
    """Of what it can want anything at all."""

    @property
    def name(self) -> str:
        """Who changed a message, as its event says."""
        ...

    @property
    def wants_request(self) -> Callable[[Subject], bool]:
        """Whether to ask it about a request, whose head has come."""
        ...

    @property
    def wants_response(self) -> Callable[[Subject], bool]:
        """Likewise about a response."""
        ...

    def wants_messages(self, subject: Subject, direction: Direction) -> bool:
        """Whether to ask it about each message of a stream that begins, as far as that is known now."""
        ...

    async def request(self, turn: Turn) -> Decision | None:
        """Decide about a request."""
        ...

    async def response(self, turn: Turn) -> Decision | None:
        """Decide about a final response."""
        ...

    async def message(self, flow: FlowLife, subject: Subject, message: Message) -> MessageDecision | None:
        """Decide about one message of a stream."""
        ...

    def instead(self, turn: Turn, error: Exception) -> Decision | None:
        """Return what is done in place of a decision that cannot be carried out."""
        ...


class Chain:
    """The parts that are there. Where none asks, a question costs one look at an empty tuple."""

    def __init__(self) -> None:
        self.use(())

    def use(self, parts: Sequence[Part]) -> None:
        """Have these decide, in this order."""
        self.requests = tuple(part for part in parts if Asks.REQUEST in part.asks)
        self.responses = tuple(part for part in parts if Asks.RESPONSE in part.asks)
        self.messages = tuple(part for part in parts if Asks.MESSAGES in part.asks)
        self._requests = tuple(part.wants_request for part in self.requests)
        self._responses = tuple(part.wants_response for part in self.responses)

    def wants_request(self, subject: Callable[[], Subject]) -> bool:
        """Whether anybody wants to decide about a request."""
        return bool(self._requests) and _any(self._requests, subject())

    def wants_response(self, subject: Callable[[], Subject]) -> bool:
        """Likewise about a response."""
        return bool(self._responses) and _any(self._responses, subject())

    def wants_messages(self, subject: Callable[[], Subject], direction: Direction) -> bool:
        """Likewise about each message of a stream."""
        if not self.messages:
            return False
        made = subject()
        return any(part.wants_messages(made, direction) for part in self.messages)


def _any(wants: Sequence[Callable[[Subject], bool]], subject: Subject) -> bool:
    for each in wants:  # noqa: SIM110 - a generator costs as much as what it asks, for every message
        if each(subject):
            return True
    return False


class HandlerPart:
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
