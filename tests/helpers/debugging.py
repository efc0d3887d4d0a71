"""A person at the breakpoints of a proxy under test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from soth_mitm.policy.breakpoints import Breakpoint
from soth_mitm.policy.editing import MessageDraft, RequestDraft, ResponseDraft
from tests.helpers.wire import eventually

if TYPE_CHECKING:
    from soth_mitm.control import Debugger, PausedMessage
    from soth_mitm.policy.breakpoints import Stage
    from tests.helpers.net import Lab


async def debugging(lab: Lab, *breakpoints: Breakpoint, **limits: float) -> Debugger:
    """Start a proxy with somebody at its breakpoints."""
    proxy = await lab.start(limits=dict(limits))
    debugger = proxy.control.debugger
    await debugger.attach()
    await debugger.set_breakpoints(breakpoints)
    return debugger


async def stopped(debugger: Debugger, count: int = 1) -> PausedMessage:
    """Return the latest of the paused messages, once there are so many."""
    await eventually(lambda: len(debugger.paused) == count, f"{count} paused messages")
    return debugger.paused[-1]


def at(*stages: Stage, expression: str = "", name: str = "", once: bool = False) -> Breakpoint:
    """Return a breakpoint."""
    return Breakpoint(expression=expression, stages=stages, name=name, once=once)


async def edit(debugger: Debugger, paused: PausedMessage, **changes: object) -> None:
    """Edit a paused message, and send it on."""
    draft = paused.original
    assert isinstance(draft, RequestDraft | ResponseDraft | MessageDraft)
    assert await debugger.edit(paused.number, msgspec.structs.replace(draft, **changes))
    assert await debugger.resume(paused.number)
