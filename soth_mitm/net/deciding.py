"""Ask the handler about an exchange, hold the message meanwhile, and do what it decided."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Block, Continue, Decision, Modify, Respond
from soth_mitm.hooks.messages import Request, Response
from soth_mitm.model.events import HandlerActed, ResponseInfo
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import amend, replies
from soth_mitm.net.gate import Why
from soth_mitm.net.hold import Hold
from soth_mitm.proto.http1 import End, Item, ResponseHead, rewrite
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from soth_mitm.net.exchange import Exchange

_CLOSED = Block(500, "the handler failed, and is set to fail closed")
CONTINUE_100 = b"HTTP/1.1 100 Continue\r\n\r\n"


class HookRefused(Exception):
    """A hook failed, and `handler_fails` is `closed`."""


class Deciding:
    """The handler's part in one exchange: at most one hook runs at a time in each direction."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._shared = exchange.shared
        self._request_hold: Hold | None = None
        self._response_hold: Hold | None = None
        self._discard_request = False
        self._discard_response = False
        self._tasks: list[asyncio.Task[None]] = []
        self._answered_100 = False
        self._whole = False
        """The request was there to its end when the hook decided."""
        self._timeout: asyncio.Timeout | None = None
        self.request = self._request_view()

    def _request_view(self) -> Request:
        exchange, head, place = self._exchange, self._exchange.head, self._exchange.place
        return Request(
            exchange.flow.number,
            head.raw,
            body=self._request_body,
            method=head.method,
            target=head.target,
            version=f"HTTP/1.{head.minor}",
            scheme=place.scheme,
            host=place.host,
            port=place.port,
        )

    # --- what the exchange asks -------------------------------------------------------------------

    def takes_request(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the request; False leaves them to the exchange."""
        return self._takes(items, self._request_hold, self._discard_request, self._exchange.end_request)

    def takes_response(self, items: Sequence[Item]) -> bool:
        """Keep or drop items of the response likewise."""
        return self._takes(items, self._response_hold, self._discard_response, self._exchange.end_response)

    @staticmethod
    def _takes(items: Sequence[Item], hold: Hold | None, discard: bool, end: Callable[[], None]) -> bool:
        if hold is not None:
            hold.add(items)
            return True
        if discard and any(isinstance(item, End) for item in items):
            end()
        return discard

    def cancel(self) -> None:
        """The flow has ended: whatever a hook decides now does not matter."""
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    # --- the request ------------------------------------------------------------------------------

    def ask_request(self) -> None:
        """Hold the request, and ask `on_request` about it."""
        session = self._exchange.session
        self._request_hold = Hold(
            limit=session.config.limits.hook_body_bytes,
            more=lambda: session.gate.open(Why.HOLDING),
            enough=lambda: session.gate.shut(Why.HOLDING),
        )
        self._spawn(self._decide_request(), "on_request")

    async def _request_body(self) -> bytes:
        hold, exchange = self._request_hold, self._exchange
        if hold is None:
            raise RuntimeError("request.body() can only be awaited inside on_request")
        if exchange.head.expect_continue and not hold.items and not self._answered_100:
            self._answered_100 = True
            exchange.session.write(CONTINUE_100)
            exchange.flow.emit(ResponseInfo(100, CONTINUE_100, generated=True))
        return await self._untimed(hold.collect())

    async def _decide_request(self) -> None:
        exchange, session = self._exchange, self._exchange.session
        decision: Decision | None
        try:
            decision = await self._ask("on_request", self._shared.hooks.handler.on_request(self.request))
        except HookRefused:
            decision = _CLOSED
        if exchange.finished:
            return
        hold, self._request_hold = self._request_hold, None
        items = hold.items if hold is not None else []
        session.gate.open(Why.HOLDING)
        self._whole = hold is not None and hold.ended
        raw = exchange.place.raw
        if self._answered_100:
            raw = rewrite.drop_fields(raw, (b"expect",))
        try:
            self._apply_request(decision, raw, items)
        except ValueError as error:
            self._apply_request(self._instead("on_request", error), raw, items)

    def _apply_request(self, decision: Decision | None, raw: bytes, items: Sequence[Item]) -> None:
        exchange = self._exchange
        match decision:
            case None | Continue():
                self._pass_request(raw, items)
            case Modify():
                changed = amend.request(exchange.head, raw, decision)
                exchange.flow.emit(HandlerActed("on_request", "modify", forwarded=changed))
                if decision.body is None:
                    self._pass_request(changed, items)
                    return
                self._discard_request = True
                exchange.put_request(changed, decision.body)
                exchange.flush()
                self.takes_request(items)
            case Respond():
                exchange.request_done = self._whole  # so the answer need not linger for the rest
                self._respond("on_request", decision)
            case Block():
                exchange.request_done = self._whole
                self._block("on_request", decision)

    def _pass_request(self, raw: bytes, items: Sequence[Item]) -> None:
        self._exchange.send_head(raw)
        self._exchange.request_items(items)
        self._exchange.flush()

    # --- the response -----------------------------------------------------------------------------

    def ask_response(self, head: ResponseHead) -> None:
        """Hold the response, and ask `on_response` about it."""
        exchange = self._exchange
        self._response_hold = Hold(
            limit=exchange.session.config.limits.hook_body_bytes,
            more=lambda: exchange.gate.open(Why.HOLDING),
            enough=lambda: exchange.gate.shut(Why.HOLDING),
        )
        self._spawn(self._decide_response(head), "on_response")

    async def _response_body(self) -> bytes:
        hold = self._response_hold
        if hold is None:
            raise RuntimeError("response.body() can only be awaited inside on_response")
        return await self._untimed(hold.collect())

    async def _decide_response(self, head: ResponseHead) -> None:
        exchange = self._exchange
        view = Response(
            exchange.flow.number,
            head.raw,
            body=self._response_body,
            status=head.status,
            reason=head.reason,
            request=self.request,
        )
        decision: Decision | None
        try:
            decision = await self._ask("on_response", self._shared.hooks.handler.on_response(view))
        except HookRefused:
            decision = _CLOSED
        if exchange.finished:
            return
        hold, self._response_hold = self._response_hold, None
        items = hold.items if hold is not None else []
        exchange.gate.open(Why.HOLDING)
        try:
            self._apply_response(decision, head, items)
        except ValueError as error:
            self._apply_response(self._instead("on_response", error), head, items)

    def _apply_response(self, decision: Decision | None, head: ResponseHead, items: Sequence[Item]) -> None:
        exchange = self._exchange
        match decision:
            case None | Continue():
                exchange.put_response(head.raw, None)
                exchange.response_items(items)
            case Modify():
                changed = amend.response(head, decision)
                exchange.flow.emit(HandlerActed("on_response", "modify", forwarded=changed))
                self._discard_response = decision.body is not None
                exchange.put_response(changed, b"" if exchange.head.method == b"HEAD" else decision.body)
                exchange.response_items(items)
            case Respond():
                self._respond("on_response", decision)
            case Block():
                self._block("on_response", decision)

    # --- both -------------------------------------------------------------------------------------

    def _respond(self, hook: str, decision: Respond) -> None:
        exchange = self._exchange
        amend.check_response(decision.status, reason=decision.reason, fields=decision.fields)
        head, body = replies.build(
            decision.status,
            decision.body,
            reason=decision.reason,
            fields=decision.fields,
            head_only=exchange.head.method == b"HEAD",
        )
        exchange.flow.emit(HandlerActed(hook, "respond", forwarded=head))
        exchange.answer(head, body, status=decision.status, reason=CloseReason.RESPONDED)

    def _block(self, hook: str, decision: Block) -> None:
        self._exchange.flow.emit(HandlerActed(hook, "block", printable(decision.text, 200)))
        self._exchange.reply(decision.status, "blocked", text=decision.text, reason=CloseReason.BLOCKED)

    def _spawn(self, work: Awaitable[None], hook: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self._exchange.session.internal_error(error)

        self._tasks.append(self._shared.tasks.spawn(run(), f"{hook} for flow {self._exchange.flow.number}"))

    async def _ask(self, hook: str, answer: Awaitable[object]) -> Decision | None:
        limit = self._shared.config.limits.handler_timeout
        try:
            async with asyncio.timeout(limit) as self._timeout:
                decision = await answer
            if decision is None or isinstance(decision, Decision):
                return decision
            raise TypeError(f"a {type(decision).__name__} is no decision")
        except TimeoutError:
            self._failed(hook, TimeoutError(f"no decision within {limit:g} s"))
        except Exception as error:
            self._failed(hook, error)
        return None

    def _instead(self, hook: str, error: ValueError) -> Block | None:
        """Return what is done in place of a decision that cannot be carried out."""
        try:
            self._failed(hook, error)
        except HookRefused:
            return _CLOSED
        return None

    def _failed(self, hook: str, error: BaseException) -> None:
        self._shared.handler_failed(hook, error, self._exchange.flow)
        if self._shared.config.handler_fails == "closed":
            raise HookRefused

    async def _untimed(self, body: Awaitable[bytes]) -> bytes:
        """Wait for a body without counting the peer's time as the hook's."""
        timeout, loop = self._timeout, asyncio.get_running_loop()
        if timeout is None:
            return await body
        began = loop.time()
        when = timeout.when()
        timeout.reschedule(None)
        try:
            return await body
        finally:
            timeout.reschedule(None if when is None else when + loop.time() - began)
