"""A WebSocket whose messages a handler is asked about: held one at a time in each direction."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from soth_mitm.errors import InjectionError
from soth_mitm.hooks.decisions import Change, Drop, Inject, MessageDecision, NewMessage
from soth_mitm.hooks.messages import Message
from soth_mitm.model.events import Direction, MessageForm, Noted
from soth_mitm.net.asking_message import HOOK, MessageRefused, ask
from soth_mitm.net.conversation import Conversation, check
from soth_mitm.proto.websocket.holding import Held, Holder, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.net.conversation import Carrier
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.subject import Subject
    from soth_mitm.proto.websocket.handshake import Handshake
    from soth_mitm.proto.websocket.reading import Item


class Interposed(Conversation):
    """Relays what the handler decides. Both directions go on independently of each other.

    A message of more than `limits.message_bytes` passes without being asked about; so much may also
    wait behind one, then reading stops. Pings and pongs never wait.
    """

    def __init__(
        self,
        carrier: Carrier,
        shared: Shared,
        flow: FlowLife,
        *,
        handshake: Handshake,
        capture: bool,
        url: str,
        path: bytes,
        asked: Callable[[], Subject],
    ) -> None:
        super().__init__(
            carrier, shared, flow, handshake=handshake, capture=capture, path=path, keep_raw=True
        )
        self._url = url
        self._asked = asked
        self._holders = {
            direction: Holder(
                self._observer.side(direction),
                handshake.agreed,
                from_client=direction is Direction.REQUEST,
                limit=shared.config.limits.message_bytes,
                asks=partial(shared.chain.wants_messages, asked, direction),
            )
            for direction in Direction
        }
        self._asking: dict[Direction, tuple[int, asyncio.Task[None]]] = {}
        """Number of the message that is asked about, and the task that asks."""
        self._ended: set[Direction] = set()
        """Whose sender has ended while something was held."""
        self._too_long = False

    def feed(self, direction: Direction, data: bytes) -> None:
        """Take what a side has sent; what need not wait goes on at once."""
        self._holders[direction].feed(data)
        self._go_on(direction)

    def end(self, direction: Direction) -> bool:
        """Take note that the sender of a direction has ended; return whether all it sent has gone on."""
        holder = self._holders[direction]
        holder.end()
        self._go_on(direction)
        if not holder.idle:
            self._ended.add(direction)
        return holder.idle

    def stop(self) -> None:
        """Take note that the flow is over: what is decided now does not matter."""
        super().stop()
        for direction in Direction:
            self._stop_asking(direction)

    def _stop_asking(self, direction: Direction) -> int:
        number, task = self._asking.pop(direction, (0, None))
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        return number

    def let_go(self, direction: Direction) -> None:
        """Send on at once what is held; nothing, where the handler is set to fail closed."""
        holder, number = self._holders[direction], self._stop_asking(direction)
        self._ended.discard(direction)
        holder.end()
        step: Sent | Held | None = holder.asked
        while step is not None or (step := holder.next()) is not None:
            if isinstance(step, Sent):
                self._send(direction, step)
            else:
                self._flow.emit(Noted("message_unasked", "the client left before the handler had decided"))
                self._pass_undecided(direction, step, number)
                number = 0
            step = None

    # --- the way through ------------------------------------------------------------------------

    def _go_on(self, direction: Direction) -> None:
        holder = self._holders[direction]
        while (step := holder.next()) is not None:
            if isinstance(step, Held):
                self._ask(direction, step)
            else:
                self._send(direction, step)
        if holder.too_long and not self._too_long:
            self._too_long = True
            limit = self._shared.config.limits.message_bytes
            self._shared.limit_reached("message_bytes", limit, "the handler is not asked about the message")
            self._flow.emit(Noted("message_too_long", f"the handler is not asked beyond {limit} bytes"))
        self._carrier.hold(direction, holder.full)
        if holder.idle and direction in self._ended:
            self._ended.discard(direction)
            self._carrier.drained(direction)

    def _send(self, direction: Direction, sent: Sent) -> None:
        if sent.data:
            self._forward(direction, sent.data)
        if sent.own is not None:
            label, data = sent.own
            self._tellers[direction].whole(label, data, wire=len(sent.data), origin="injected")
        self._tell_all(direction, sent.items)
        if sent.opaque:
            self._stop_telling(direction)
            if sent.data:
                self._carrier.record(direction, sent.data)

    def _tell_all(self, direction: Direction, items: tuple[Item, ...]) -> None:
        self._observer.note(direction, items)
        for item in items:
            self._tell(self._tellers[direction], direction, item)

    # --- decisions ------------------------------------------------------------------------------

    def _ask(self, direction: Direction, held: Held) -> None:
        number = self._tellers[direction].reserve()
        message = Message(
            self._flow.number,
            direction,
            form=MessageForm.WEBSOCKET,
            number=number,
            label=held.label,
            data=held.data,
            url=self._url,
        )
        work = self._decide(direction, held, message)
        task = self._shared.tasks.spawn(work, f"{HOOK} for flow {self._flow.number}")
        self._asking[direction] = number, task

    async def _decide(self, direction: Direction, held: Held, message: Message) -> None:
        try:
            await self._decided(direction, held, message)
            if not self._flow.closed:
                self._go_on(direction)
        except Exception as error:
            self._carrier.failed(error)

    async def _decided(self, direction: Direction, held: Held, message: Message) -> None:
        cut = ""
        try:
            decision, cut = await ask(self._shared, self._flow, message, self._asked)
            if self._flow.closed:
                return
            check_decision(decision, held)
        except MessageRefused:
            self._pass_undecided(direction, held, message.number)
        except InjectionError as error:
            self._shared.handler_failed(HOOK, error, self._flow)
            self._pass_undecided(direction, held, message.number)
        else:
            self._tell_all(direction, held.odd)
            self._apply(direction, held, decision, message.number)
        exchange = self._shared.flows.get(self._flow.number)
        if cut and exchange is not None:
            exchange.cut(cut)

    def _pass_undecided(self, direction: Direction, held: Held, number: int) -> None:
        if self._shared.config.handler_fails == "closed":
            self._drop(direction, held, number)
        else:
            self._tell_all(direction, held.odd)
            self._pass(direction, held, number)

    def _apply(self, direction: Direction, held: Held, decision: MessageDecision, number: int) -> None:
        match decision:
            case Change():
                self._change(direction, held, decision, number)
            case Drop():
                self._drop(direction, held, number)
            case Inject():
                for own in decision.before:
                    self._write(direction, own)
                self._pass(direction, held, number)
                for own in decision.after:
                    self._write(direction, own)
                for own in decision.back:
                    self._send_back(other(direction), own)
            case _:
                self._pass(direction, held, number)

    def _pass(self, direction: Direction, held: Held, number: int) -> None:
        self._forward(direction, self._holders[direction].send_on())
        self._told(direction, held, number, wire=len(held.raw))

    def _change(self, direction: Direction, held: Held, change: Change, number: int) -> None:
        label = change.label or held.label
        wire = self._holders[direction].change(change.data, label=label)
        self._forward(direction, wire)
        teller = self._tellers[direction]
        teller.original(held.label, held.data, number=number)
        teller.whole(
            label,
            change.data,
            number=number,
            wire=len(wire),
            compressed=held.compressed,
            origin="changed",
        )

    def _drop(self, direction: Direction, held: Held, number: int) -> None:
        self._holders[direction].drop()
        self._told(direction, held, number, wire=len(held.raw), origin="dropped")

    def _told(self, direction: Direction, held: Held, number: int, *, wire: int, origin: str = "") -> None:
        self._tellers[direction].whole(
            held.label,
            held.data,
            number=number,
            wire=wire,
            fragments=held.fragments,
            compressed=held.compressed,
            origin=origin,
        )

    # --- messages of somebody's own -------------------------------------------------------------

    def _write(self, direction: Direction, own: NewMessage) -> None:
        label = own.label or "binary"
        wire = self._holders[direction].write(label, own.data)
        self._forward(direction, wire)
        self._tellers[direction].whole(label, own.data, wire=len(wire), origin="injected")

    def _send_back(self, direction: Direction, own: NewMessage) -> None:
        try:
            self.inject(direction, own.label or "binary", own.data)
        except InjectionError as error:
            self._flow.emit(Noted("message_not_injected", f"{error}"))

    def _own_waiting(self, direction: Direction) -> int:
        return self._holders[direction].own_waiting

    def _own(self, direction: Direction, label: str, data: bytes) -> None:
        self._holders[direction].inject(label, data)
        self._go_on(direction)


def other(direction: Direction) -> Direction:
    """Return the opposite direction."""
    return Direction.RESPONSE if direction is Direction.REQUEST else Direction.REQUEST


def check_decision(decision: MessageDecision, held: Held) -> None:
    """Refuse a decision that cannot be carried out.

    Raises:
        InjectionError: a payload or a label that no message of a WebSocket can have.
    """
    match decision:
        case Change():
            check(decision.label or held.label, decision.data)
        case Inject():
            for own in (*decision.before, *decision.after, *decision.back):
                check(own.label or "binary", own.data)
        case _:
            pass
