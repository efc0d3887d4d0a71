"""The actions on breakpoints and on what they have stopped."""

from __future__ import annotations

import msgspec

from soth_mitm.policy.breakpoints import Breakpoint, Stage
from soth_mitm.policy.editing import RequestDraft
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.breakpoint import BreakpointScreen
from soth_mitm_tui.screens.breakpoints import BreakpointsScreen
from tests.tui.cases import CASES, case, toasts
from tests.tui.stage import Stage as Staged

__all__ = ["CASES"]


async def paused(staged: Staged, count: int = 1) -> None:
    """Have messages of the first flows paused, with the cursor of the list on the first."""
    for flow in range(1, count + 1):
        staged.control.debugger.pause(flow)
    await staged.press("g")
    await staged.until(lambda: staged.main.paused.display)


async def in_queue(staged: Staged, count: int = 1) -> None:
    """Go to the paused messages."""
    await paused(staged, count)
    await staged.press("p")
    assert staged.main.paused.has_focus


async def two_breakpoints(staged: Staged) -> None:
    """Set two breakpoints, and show them."""
    await staged.control.debugger.set_breakpoints(
        (Breakpoint(expression="host:api"), Breakpoint(expression="path:/v1", stages=(Stage.RESPONSE,)))
    )
    await staged.press("B")
    assert isinstance(staged.screen, BreakpointsScreen)


def expressions(staged: Staged) -> list[str]:
    """Return the expressions of the breakpoints, in their order."""
    return [state.breakpoint.expression for state in staged.control.debugger.breakpoints]


# --- what is paused


@case("flow.resume")
async def _(staged: Staged, action: Action, key: str) -> None:
    await paused(staged)
    await staged.press(key)
    await staged.until(lambda: staged.control.debugger.ended == [(1, "resumed")])
    await staged.until(lambda: not staged.main.paused.display)


@case("flow.more-time")
async def _(staged: Staged, action: Action, key: str) -> None:
    await paused(staged)
    before = staged.control.debugger.paused[0].deadline_ns or 0
    await staged.press(key)
    await staged.until(lambda: (staged.control.debugger.paused[0].deadline_ns or 0) == before + 60 * 10**9)
    assert "goes on as it was in 1:52" in staged.shown()


@case("flow.break")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert isinstance(staged.screen, BreakpointScreen)
    assert "Break on messages like this" in staged.shown()
    await staged.press("enter")
    await staged.until(lambda: staged.screen is staged.main)
    (state,) = staged.control.debugger.breakpoints
    row = staged.main.model.row_of(staged.main.current_flow)
    assert row is not None
    assert f"host:={row.host}" in state.breakpoint.expression
    assert staged.app.state.get_as("breakpoints", "list", list[Breakpoint], [])[0] == state.breakpoint


@case("app.resume-all")
async def _(staged: Staged, action: Action, key: str) -> None:
    await paused(staged, 3)
    await staged.press(key)
    await staged.until(lambda: "3 messages go on" in toasts(staged))
    assert not staged.control.debugger.paused


@case("app.pause-everything")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.until(lambda: staged.control.debugger.pauses_everything)
    await staged.until(lambda: "‖ pausing everything" in staged.shown(staged.main.status))
    await staged.press(key)
    await staged.until(lambda: not staged.control.debugger.pauses_everything)


@case("app.breakpoints")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press(key)
    assert isinstance(staged.screen, BreakpointsScreen)
    assert "No breakpoint is set" in staged.shown()


@case("app.paused")
async def _(staged: Staged, action: Action, key: str) -> None:
    await paused(staged)
    await staged.press(key)
    assert staged.main.paused.has_focus
    await staged.press(key)
    assert staged.main.list.has_focus


@case("paused.resume")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged, 2)
    await staged.press("j", key)
    await staged.until(lambda: staged.control.debugger.ended == [(2, "resumed")])


@case("paused.original")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged)
    await staged.press(key)
    await staged.until(lambda: staged.control.debugger.ended == [(1, "original")])
    await staged.until(lambda: staged.main.list.has_focus)


@case("paused.drop")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged)
    await staged.press(key)
    await staged.until(lambda: staged.control.debugger.ended == [(1, "dropped")])


@case("paused.undo")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged)
    held = staged.control.debugger.paused[0]
    assert isinstance(held.original, RequestDraft)
    await staged.press(key)
    assert "The message has not been edited" in toasts(staged)
    await staged.control.debugger.edit(1, msgspec.structs.replace(held.original, method=b"PUT"))
    await staged.until(lambda: "edited" in staged.shown(staged.main.paused))
    await staged.press(key)
    await staged.until(lambda: staged.control.debugger.paused[0].draft == held.original)


@case("paused.more-time")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged)
    await staged.press(key)
    await staged.until(lambda: "goes on as it was in 1:52" in staged.shown())


@case("paused.open")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged, 2)
    await staged.press("j", key)
    assert staged.main.focus_in_detail
    assert staged.main.detail.flow == 2


@case("paused.down")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged, 2)
    await staged.press(key)
    assert staged.main.paused.cursor == 1


@case("paused.up")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged, 2)
    await staged.press("j", key)
    assert staged.main.paused.cursor == 0


@case("paused.close")
async def _(staged: Staged, action: Action, key: str) -> None:
    await in_queue(staged)
    await staged.press(key)
    assert staged.main.list.has_focus


# --- breakpoints


@case("breakpoints.switch")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press("j", key)
    await staged.until(
        lambda: [state.breakpoint.enabled for state in staged.control.debugger.breakpoints] == [True, False]
    )


@case("breakpoints.add")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("B", key)
    await staged.type("status:x")
    assert "column" in staged.shown()
    await staged.press("ctrl+s")
    assert isinstance(staged.screen, BreakpointScreen), "what cannot be understood is not kept, and stays"
    await staged.press("backspace", "5")
    await staged.until(lambda: "Can stop nothing at the stages below: what it asks for" in staged.shown())
    await staged.press("tab", "tab", "down", "down", "down", "space", "ctrl+s")
    await staged.until(lambda: expressions(staged) == ["status:5"])
    assert staged.control.debugger.breakpoints[0].breakpoint.stages == (
        Stage.REQUEST_BODY,
        Stage.RESPONSE_BODY,
    )


@case("breakpoints.edit")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press(key)
    assert isinstance(staged.screen, BreakpointScreen)
    await staged.type(".test")
    await staged.press("ctrl+s")
    await staged.until(lambda: expressions(staged) == ["host:api.test", "path:/v1"])


@case("breakpoints.delete")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press(key)
    await staged.until(lambda: expressions(staged) == ["path:/v1"])


@case("breakpoints.undo")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press("d")
    await staged.until(lambda: expressions(staged) == ["path:/v1"])
    await staged.press(key)
    await staged.until(lambda: expressions(staged) == ["host:api", "path:/v1"])


@case("breakpoints.later")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press(key)
    await staged.until(lambda: expressions(staged) == ["path:/v1", "host:api"])


@case("breakpoints.earlier")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press("j", key)
    await staged.until(lambda: expressions(staged) == ["path:/v1", "host:api"])


@case("breakpoints.down")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press(key)
    screen = staged.screen
    assert isinstance(screen, BreakpointsScreen)
    assert screen.at == 1


@case("breakpoints.up")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press("j", key)
    screen = staged.screen
    assert isinstance(screen, BreakpointsScreen)
    assert screen.at == 0


@case("breakpoints.close")
async def _(staged: Staged, action: Action, key: str) -> None:
    await two_breakpoints(staged)
    await staged.press(key)
    assert staged.screen is staged.main


# --- one breakpoint


@case("breakpoint.keep")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("B", "n", key)
    await staged.until(lambda: expressions(staged) == [""])


@case("breakpoint.switch")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("B", "n", "tab", "tab", key, "down", key, "ctrl+s")
    await staged.until(lambda: bool(staged.control.debugger.breakpoints))
    assert staged.control.debugger.breakpoints[0].breakpoint.stages == (Stage.REQUEST,)


@case("breakpoint.down")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("B", "n", "tab", "tab", key)
    screen = staged.screen
    assert isinstance(screen, BreakpointScreen)
    assert screen.ticks.cursor == 1


@case("breakpoint.up")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("B", "n", "tab", "tab", "down", key)
    screen = staged.screen
    assert isinstance(screen, BreakpointScreen)
    assert screen.ticks.cursor == 0


@case("breakpoint.close")
async def _(staged: Staged, action: Action, key: str) -> None:
    await staged.press("B", "n", key)
    assert isinstance(staged.screen, BreakpointsScreen)
    assert not expressions(staged)
