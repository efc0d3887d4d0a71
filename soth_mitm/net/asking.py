"""Ask the handler about a message, within its time, and make a decision of what it says or fails to say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from soth_mitm.hooks.decisions import Block, Decision, Respond
from soth_mitm.model.events import HandlerActed
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net import amend, replies
from soth_mitm.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from soth_mitm.net.hold import Hold
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared

_CLOSED = Block(500, "the handler failed, and is set to fail closed")


class Asked(Protocol):
    """The exchange that a handler decides about."""

    shared: Shared
    flow: FlowLife
    finished: bool

    @property
    def method(self) -> bytes:
        """The request's method."""
        ...

    def answer(self, head: bytes, body: bytes, *, status: int, reason: str, detail: str = "") -> None:
        """Answer the client with a response of our own."""
        ...

    def reply(
        self, status: int, code: str, *, text: str, hint: str = "", reason: str = CloseReason.RESPONDED
    ) -> None:
        """Answer the client with an explanation."""
        ...

    def internal_error(self, error: Exception) -> None:
        """Fail the flow for a fault of ours."""
        ...


class Asking:
    """The handler's part in one exchange: at most one hook runs at a time in each direction."""

    def __init__(self, exchange: Asked) -> None:
        self._asked = exchange
        self._shared = exchange.shared
        self._request_hold: Hold | None = None
        self._response_hold: Hold | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._timeout: asyncio.Timeout | None = None

    def cancel(self) -> None:
        """The flow has ended: whatever a hook decides now does not matter."""
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _spawn(self, work: Awaitable[None], hook: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self._asked.internal_error(error)

        self._tasks.append(self._shared.tasks.spawn(run(), f"{hook} for flow {self._asked.flow.number}"))

    async def _decision(self, hook: str, answer: Awaitable[object]) -> Decision | None:
        """Return what the handler decides, or what stands for it where it fails."""
        limit = self._shared.config.limits.handler_timeout
        try:
            async with asyncio.timeout(limit) as self._timeout:
                decision = await answer
            if decision is None or isinstance(decision, Decision):
                return decision
            raise TypeError(f"a {type(decision).__name__} is no decision")
        except TimeoutError:
            return self._instead(hook, TimeoutError(f"no decision within {limit:g} s"))
        except Exception as error:
            return self._instead(hook, error)

    def _instead(self, hook: str, error: BaseException) -> Block | None:
        """Return what is done in place of a decision that failed, or cannot be carried out."""
        self._shared.handler_failed(hook, error, self._asked.flow)
        return _CLOSED if self._shared.config.handler_fails == "closed" else None

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

    # --- decisions that end the exchange ----------------------------------------------------------

    def _respond(self, hook: str, decision: Respond) -> None:
        asked = self._asked
        amend.check_response(decision.status, reason=decision.reason, fields=decision.fields)
        head, body = replies.build(
            decision.status,
            decision.body,
            reason=decision.reason,
            fields=decision.fields,
            head_only=asked.method == b"HEAD",
        )
        asked.flow.emit(HandlerActed(hook, "respond", forwarded=head))
        asked.answer(head, body, status=decision.status, reason=CloseReason.RESPONDED)

    def _block(self, hook: str, decision: Block) -> None:
        self._asked.flow.emit(HandlerActed(hook, "block", printable(decision.text, 200)))
        self._asked.reply(decision.status, "blocked", text=decision.text, reason=CloseReason.BLOCKED)
