"""Take a request, or a response, through the chain, and do what its parts decide, for any HTTP version.

The drivers (`deciding`, `http2.deciding`) know how a message is held, changed and sent on in their
version; which part is asked when, and what its decision means, is the same for both and stands here.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Protocol

from soth_mitm.decode.undoing import CodingError
from soth_mitm.hooks.decisions import Abort, Block, Continue, Decision, Modify, Replace, Respond
from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.model.events import CHUNK_LIMIT, Direction, HandlerActed, MessageChanged, Noted, OriginalChunk
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import amend, messages, replies
from soth_mitm.net.chain import Turn
from soth_mitm.net.hold import BodyLate
from soth_mitm.net.shaping import ShapedBody
from soth_mitm.net.sockets import format_address
from soth_mitm.policy.editing import RequestDraft, ResponseDraft
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from soth_mitm.hooks.messages import BodySource, Request, Response
    from soth_mitm.net.bodytap import BodyTap
    from soth_mitm.net.chain import Part
    from soth_mitm.net.hold import Hold
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.origin import Place, Supply
    from soth_mitm.net.shaping import Shape
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.subject import Subject
    from soth_mitm.proto.websocket.handshake import Handshake


class Asked(Protocol):
    """The exchange that is decided about."""

    shared: Shared
    flow: FlowLife
    place: Place
    finished: bool
    capture: bool
    as_typed: bool

    @property
    def method(self) -> bytes:
        """The request's method."""
        ...

    @property
    def subject(self) -> Subject:
        """The exchange as expressions see it."""
        ...

    def answer(self, head: bytes, body: bytes, *, status: int, reason: str, detail: str = "") -> None:
        """Answer the client with a response of our own."""
        ...

    def reply(
        self, status: int, code: str, *, text: str, hint: str = "", reason: str = CloseReason.RESPONDED
    ) -> None:
        """Answer the client with an explanation."""
        ...

    def kill(self, reason: str) -> None:
        """Close both sides of the exchange now."""
        ...

    def internal_error(self, error: Exception) -> None:
        """Fail the flow for a fault of ours."""
        ...


class Asking(ABC):
    """The chain's part in one exchange: at most one part is asked at a time in each direction."""

    def __init__(self, exchange: Asked, *, up: BodyTap, down: BodyTap) -> None:
        self._asked = exchange
        self._taps = {Direction.REQUEST: up, Direction.RESPONSE: down}
        self._shared = exchange.shared
        self._holds: dict[Direction, Hold] = {}
        """What is held while it is decided about."""
        self._tasks: list[asyncio.Task[None]] = []
        self._originals = {Direction.REQUEST: 0, Direction.RESPONSE: 0}
        self._bodies: dict[Direction, bytes] = {}
        """What goes on in place of a body that came."""
        self._ends: dict[Direction, int] = {}
        """How many ends a message still waits for, where one body goes in place of another."""
        self._joining: set[Direction] = set()
        """Whose messages are to be decided about from where one has ended."""
        self._handshake: Handshake | None = None
        """What a WebSocket that is being decided about has agreed on."""

    def cancel(self) -> None:
        """The flow has ended: whatever is decided now does not matter."""
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for tap in self._taps.values():
            if tap.through is not None:
                tap.through.stop()

    def _spawn(self, work: Awaitable[None], hook: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self._asked.internal_error(error)

        self._tasks.append(self._shared.tasks.spawn(run(), f"{hook} for flow {self._asked.flow.number}"))

    def holds(self, direction: Direction) -> bool:
        """Whether a body does not pass: it is held, or another goes in its place."""
        return direction in self._holds or direction in self._bodies

    def join(self, direction: Direction) -> None:
        """Have the messages of a body that is passing decided about, from where the next one begins on.

        Where one has not ended yet, that is looked for in each piece that comes.
        """
        if self._open_chunk(direction) != (0, 0) or not self._take_over(direction):
            self._joining.add(direction)

    def _border_in(self, direction: Direction, data: bytes, least: int = 0) -> int:
        """Return from where on messages of a piece are to be decided about; -1: it passes, all of it."""
        tap = self._taps[direction]
        messages, asked = tap.messages, tap.asked
        wanted = asked is not None and self._shared.chain.wants_messages(asked, direction)
        if messages is None or not messages.can_join or not wanted:
            self._joining.discard(direction)
            return -1
        return messages.border_in(data, least)

    def _take_over(self, direction: Direction) -> bool:
        """Have what follows decided about, where a message has just ended; return whether one has."""
        tap = self._taps[direction]
        held = tap.messages.give_way() if tap.messages is not None else None
        if held is None:
            return False
        self._joining.discard(direction)
        tap.messages, tap.held = None, held
        self._joined(direction)
        return True

    # --- what a driver does -------------------------------------------------------------------------

    @abstractmethod
    def _request_view(self, body: BodySource) -> Request:
        """Return the request as it stands now."""

    @abstractmethod
    def _response_view(self, body: BodySource) -> Response:
        """Return the response as it stands now."""

    @abstractmethod
    def _request_draft(self, body: bytes | None) -> RequestDraft:
        """Return the request as it would go on, with this body, or None for one that streams on."""

    @abstractmethod
    def _response_draft(self, body: bytes | None) -> ResponseDraft:
        """Do so for the response."""

    @abstractmethod
    async def _whole_request(self, hold: Hold, patience: float) -> bytes:
        """Wait for the request's body as it came, and see to it that the client sends it."""

    @abstractmethod
    def _resizable(self, direction: Direction) -> bool:
        """Whether a message can go on without its length."""

    @abstractmethod
    def _serve(self, supply: Supply) -> None:
        """Have the request answered by a supply of our own."""

    @abstractmethod
    def _watch(self, direction: Direction) -> None:
        """Deciding about a message may take long: see to it that a client that leaves is noticed."""

    @abstractmethod
    def _change_request(self, change: Modify | RequestDraft) -> tuple[bytes, bytes | None]:
        """Take a change over into what will be sent; return the head, and the body where that is another.

        Raises:
            ValueError: it would break the message, which is as it was.
        """

    @abstractmethod
    def _change_response(self, change: Modify | ResponseDraft) -> tuple[bytes, bytes | None]:
        """Do so for the response.

        Raises:
            ValueError: as above.
        """

    @abstractmethod
    def _joined(self, direction: Direction) -> None:
        """What is `held` now has the rest of a body: connect it."""

    def _open_chunk(self, direction: Direction) -> tuple[int, int]:
        """Return what is missing of a piece in the body's framing that has gone on: payload, and bytes."""
        return 0, 0

    @abstractmethod
    def _ended_before(self) -> None:
        """The client gets an answer of ours: see whether its request was there to its end."""

    # --- the chain ----------------------------------------------------------------------------------

    async def _body(self, direction: Direction, patience: float = 0.0) -> bytes:
        """Return the body as a part finds it: what those before have made of it, or what came.

        For that it is waited `patience` seconds, where that is given.
        """
        request = direction is Direction.REQUEST
        body = self._bodies.get(direction)
        if body is None:
            hold = self._holds.get(direction)
            if hold is None:
                name = "request" if request else "response"
                raise RuntimeError(f"{name}.body() can only be awaited inside on_{name}")
            body = await (self._whole_request(hold, patience) if request else hold.collect(patience))
        shaped = self._taps[direction].shaped
        if shaped is not None and shaped.rewrites:
            return await self._rewritten(direction, shaped, body)
        return body

    async def _rewritten(self, direction: Direction, shaped: ShapedBody, body: bytes) -> bytes:
        """Return a held body as the rules before have it; where they cannot, it stays as it came."""
        try:
            made = await shaped.whole(body, self._shared.config.limits.hook_body_bytes)
        except CodingError as error:
            self._asked.flow.emit(Noted("rule_undecided", f"the body is not rewritten: {error.detail}"))
            return body
        change = Modify(body=made)
        _ = self._change_request(change) if direction is Direction.REQUEST else self._change_response(change)
        self._bodies[direction] = made
        return made

    def _shape(self, direction: Direction, shape: Shape) -> None:
        tap = self._taps[direction]
        if tap.shaped is None:
            tap.shaped = ShapedBody(tap)
        tap.shaped.add(shape)

    def _turn(self, direction: Direction, hook: str) -> Turn:
        asked, request = self._asked, direction is Direction.REQUEST
        turn: Turn

        async def body(patience: float = 0.0) -> bytes:
            return await self._untimed(turn, self._body(direction, patience))

        turn = Turn(
            asked.flow,
            direction,
            asked.subject,
            message=self._request_view(body) if request else self._response_view(body),
            hook=hook,
            streams=self._streams(direction),
            body=lambda: body(self._shared.config.limits.hold_seconds),
            draft=self._request_draft if request else self._response_draft,
            watch=partial(self._watch, direction),
            resizable=self._resizable(direction),
            shape=partial(self._shape, direction),
            original=partial(self._original, direction),
            serve=self._serve,
        )
        return turn

    def _streams(self, direction: Direction) -> bool:
        """Whether a message is a stream of messages, to whose end nobody waits."""
        tap = self._taps[direction]
        endless = tap.messages is not None and tap.messages.endless
        return endless or tap.held is not None or self._handshake is not None

    async def _decided(self, direction: Direction, hook: str) -> bool:
        """Ask the parts in turn; return whether the message goes on, changed or not."""
        asked, chain = self._asked, self._shared.chain
        request = direction is Direction.REQUEST
        for part in chain.requests if request else chain.responses:
            wants = part.wants_request if request else part.wants_response
            if not wants(asked.subject):
                continue
            turn = self._turn(direction, hook)
            decision = await (part.request(turn) if request else part.response(turn))
            if asked.finished:
                return False
            try:
                goes_on = self._apply(part, turn, decision)
            except ValueError as error:
                goes_on = self._apply(part, turn, part.instead(turn, error))
            if not goes_on:
                return False
        if direction in self._bodies:
            await self._finish_own(direction)
        return not asked.finished

    async def _finish_own(self, direction: Direction) -> None:
        """Have a body that goes in place of another rewritten by the rules that came after that one."""
        try:
            await self._body(direction)
        except BodyTooLarge as error:
            self._asked.flow.emit(Noted("rule_undecided", f"the body is not rewritten: {error}"))

    def _replaced(self, direction: Direction, head: bytes) -> None:
        """Another body goes: what was to be done to the one before is not, and it may be no stream now."""
        tap = self._taps[direction]
        kind = messages.kind_of(head)
        if tap.held is not None and tap.held.kind != kind:
            tap.held = None
        elif tap.held is None and tap.messages is None and direction not in self._bodies:
            resizable = self._resizable(direction)
            messages.attach_replaced(tap, head, path=self._asked.place.path, resizable=resizable)
        if tap.shaped is not None:
            tap.shaped.replaced(inner=tap.held)

    def _one_ended(self, direction: Direction, end: Callable[[], None]) -> None:
        """Take note that a body has ended, the one that came or the one in its place."""
        left = self._ends[direction] = self._ends.get(direction, 1) - 1
        if not left:
            end()

    def _own_goes_through(self, direction: Direction) -> bool:
        """Whether a body that goes in place of another is slowed down, cut, or asked about by message."""
        tap, asked = self._taps[direction], self._asked
        if asked.as_typed:
            tap.held = None
        if tap.shaped is not None:
            tap.shaped.replaced(inner=tap.held)
        return tap.shaped.acts if tap.shaped is not None else tap.held is not None

    def _apply(self, part: Part, turn: Turn, decision: Decision | None) -> bool:
        match decision:
            case None | Continue():
                return True
            case Modify():
                self._take(part, turn, decision)
                return True
            case Replace(draft):
                self._take(part, turn, draft)
                return True
            case Respond():
                self._respond(part, turn, decision)
            case Block():
                self._block(part, turn, decision)
            case Abort():
                self._asked.kill(CloseReason.KILLED)
        return False

    def _take(self, part: Part, turn: Turn, change: Modify | RequestDraft | ResponseDraft) -> None:
        place = self._asked.place
        if turn.direction is Direction.REQUEST:
            if isinstance(change, ResponseDraft):
                raise ValueError("a response cannot go in the place of a request: use Respond")
            head, body = self._change_request(change)
        else:
            if isinstance(change, RequestDraft):
                raise ValueError("a request cannot go in the place of a response")
            if self._handshake is not None:
                raise ValueError("the answer to a WebSocket's handshake cannot be modified")
            head, body = self._change_response(change)
            self._tell_subject()
        if body is not None:
            self._replaced(turn.direction, head)
            self._bodies[turn.direction] = body
        flow, to = self._asked.flow, self._asked.place
        if part.name == "handler":
            flow.emit(HandlerActed(turn.hook, "modify"))
        detail = "" if body is None else f"a body of {len(body):,} bytes"
        target = f"{to.scheme}://{format_address((to.host, to.port))}" if to[:3] != place[:3] else ""
        flow.emit(MessageChanged(turn.direction, part.name, detail, head, printable(target, 300)))

    def _tell_subject(self) -> None:
        """What is asked of a response is asked of what it has become."""
        made = self._asked.subject
        answer = self._response_view(partial(self._body, Direction.RESPONSE))
        made.answered(answer.status, answer.raw, switches=made.switches)

    def _original(self, direction: Direction, data: bytes) -> None:
        """Tell bytes of a body that do not go on, within the budget of what is recorded."""
        offset = self._originals[direction]
        self._originals[direction] = offset + len(data)
        keep = self._asked.capture and offset + len(data) <= self._shared.config.limits.capture_body_bytes
        if self._asked.flow.closed:
            return
        for start in range(0, len(data), CHUNK_LIMIT):
            piece = data[start : start + CHUNK_LIMIT]
            told = piece if keep else b""
            self._asked.flow.emit(OriginalChunk(direction, offset + start, len(piece), told))

    async def _untimed(self, turn: Turn, body: Awaitable[bytes]) -> bytes:
        """Wait for a body without counting the peer's time as the handler's."""
        try:
            return await self._unhurried(turn, body)
        except BodyLate:
            self._shared.counters.hit("hold_seconds")
            raise
        except BodyTooLarge:
            self._shared.counters.hit("hook_body_bytes")
            raise

    @staticmethod
    async def _unhurried(turn: Turn, body: Awaitable[bytes]) -> bytes:
        timeout, loop = turn.timeout, asyncio.get_running_loop()
        if timeout is None:
            return await body
        began = loop.time()
        when = timeout.when()
        timeout.reschedule(None)
        try:
            return await body
        finally:
            timeout.reschedule(None if when is None else when + loop.time() - began)

    # --- decisions that end the exchange ------------------------------------------------------------

    def _respond(self, part: Part, turn: Turn, decision: Respond) -> None:
        asked = self._asked
        amend.check_response(decision.status, reason=decision.reason, fields=decision.fields)
        head, body = replies.build(
            decision.status,
            decision.body,
            reason=decision.reason,
            fields=decision.fields,
            head_only=asked.method == b"HEAD",
        )
        self._ended_before()
        asked.flow.emit(HandlerActed(_who(part, turn), "respond", forwarded=head))
        asked.answer(head, body, status=decision.status, reason=CloseReason.RESPONDED)

    def _block(self, part: Part, turn: Turn, decision: Block) -> None:
        self._ended_before()
        self._asked.flow.emit(HandlerActed(_who(part, turn), "block", printable(decision.text, 200)))
        self._asked.reply(decision.status, "blocked", text=decision.text, reason=CloseReason.BLOCKED)


def _who(part: Part, turn: Turn) -> str:
    return turn.hook if part.name == "handler" else part.name
