"""Which event loop runs the proxy: uvloop or winloop where there is one, else asyncio's own."""

from __future__ import annotations

import asyncio
import contextlib
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


TLS_BUFFER = 256 * 1024
"""Bytes that uvloop allocates for each TLS connection, and of which an idle one uses next to nothing."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_buffers_apart() -> bool:
    """Have glibc map buffers of that size by themselves; return whether it does.

    It stops doing so by itself once one has been freed. Then they lie on pages that others have written to,
    all of which count as used: 115 KiB for an idle pair of connections in place of 60.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_MMAP_THRESHOLD, TLS_BUFFER) and mallopt(_M_TRIM_THRESHOLD, 2 * TLS_BUFFER))
    return False


def run(main: Coroutine[Any, Any, T], *, portable: bool = False) -> T:
    """Run `main` to its end on a new loop; `portable` takes asyncio's own."""
    keep_buffers_apart()
    factory: Callable[[], asyncio.AbstractEventLoop]
    factory = asyncio.SelectorEventLoop if portable else loop_factory()[1]
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
