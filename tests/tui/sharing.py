"""One app for many checks: to start it takes longer than most of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.tui.stage import Stage


@asynccontextmanager
async def turn(staged: Stage, name: str) -> AsyncIterator[None]:
    """Run one check, named where it fails; then the app is as it was: at its list, nothing paused."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the check {name!r}")
        raise
    debugger = staged.control.debugger
    while staged.screen is not staged.main:
        await staged.app.pop_screen()
    debugger.paused = ()
    debugger.lapsed = ()
    debugger.ended.clear()
    debugger.sent.clear()
    staged.app.clear_notifications()
    staged.main.show_list()
    await staged.settle()
