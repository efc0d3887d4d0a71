"""Which event loop runs the proxy: uvloop or winloop where there is one, else asyncio's own."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def loop_factory() -> tuple[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the name and the factory of the fastest loop that is installed.

    All of them offer readiness callbacks on sockets (`add_reader`), which peeking and splicing
    need; that is why the fallback on Windows is the selector loop, not the proactor.
    """
    try:
        if sys.platform == "win32":
            import winloop

            return "winloop", winloop.new_event_loop
        import uvloop
    except ImportError:
        return "asyncio", asyncio.SelectorEventLoop
    return "uvloop", uvloop.new_event_loop


def run(main: Coroutine[Any, Any, T], *, portable: bool = False) -> T:
    """Run `main` to its end on a new loop; `portable` takes asyncio's own."""
    factory: Callable[[], asyncio.AbstractEventLoop]
    factory = asyncio.SelectorEventLoop if portable else loop_factory()[1]
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
