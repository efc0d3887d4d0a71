"""Ask the handler about one message within a stream."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

from soth_mitm.hooks.decisions import Change, Continue, Drop, Inject, MessageDecision
from soth_mitm.model.events import HandlerActed

if TYPE_CHECKING:
    from soth_mitm.hooks.messages import Message
    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared

HOOK = "on_message"
_ACTIONS = {Change: "change", Drop: "drop", Inject: "inject"}


class MessageRefused(Exception):
    """The hook failed, and `handler_fails` is `closed`: the message must not go on."""


async def ask(shared: Shared, flow: FlowLife, message: Message) -> MessageDecision:
    """Return what the handler decides about a message; where it fails open, that it goes on.

    What the handler does with it is told as an event of the flow, and so is its failure.

    Raises:
        MessageRefused: it failed, and is set to fail closed. `handler_failed` has been told.
    """
    limit = shared.config.limits.handler_timeout
    decision: object = None
    try:
        async with asyncio.timeout(limit):
            decision = shared.hooks.handler.on_message(message)
            if inspect.isawaitable(decision):
                decision = await decision
        if decision is not None and not isinstance(decision, MessageDecision):
            raise TypeError(f"a {type(decision).__name__} is no decision about a message")
    except TimeoutError:
        _failed(shared, flow, TimeoutError(f"no decision within {limit:g} s"))
        decision = None
    except Exception as error:
        _failed(shared, flow, error)
        decision = None
    if decision is None or isinstance(decision, Continue):
        return Continue()
    if not flow.closed:
        flow.emit(HandlerActed(HOOK, _ACTIONS[type(decision)], f"message {message.number}"))
    return decision


def _failed(shared: Shared, flow: FlowLife, error: Exception) -> None:
    shared.handler_failed(HOOK, error, flow)
    if shared.config.handler_fails == "closed":
        raise MessageRefused from error
