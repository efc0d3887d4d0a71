"""Carry a call over to the proxy's loop, wherever it is made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from soth_mitm.net.shared import Shared

P = ParamSpec("P")
T = TypeVar("T")


async def on_loop(shared: Shared, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` on the proxy's loop."""
    if asyncio.get_running_loop() is shared.loop:
        return await work
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, shared.loop))


async def call(shared: Shared, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a plain function on the proxy's loop."""

    async def work() -> T:
        return function(*arguments, **named)

    return await on_loop(shared, work())
