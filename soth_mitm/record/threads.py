"""Blocking steps in a thread, such that a cancelled caller never leaves one running behind its back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def in_thread(step: Callable[[], _T]) -> _T:
    """Run `step` in a thread and return what it returns; when cancelled, wait until it has ended."""
    future = asyncio.get_running_loop().run_in_executor(None, step)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
