"""The actions that send requests again."""

from __future__ import annotations

from soth_mitm.model import events as e
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.picker import PickerScreen
from tests.tui.cases import CASES, case, toasts
from tests.tui.stage import Stage

__all__ = ["CASES"]


def mark(staged: Stage, *flows: int) -> None:
    """Mark flows, as the proxy tells it."""
    for flow in flows:
        staged.script.publish(e.Annotated(mark="●"), flow=flow)


@case("flow.replay")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    await staged.until(lambda: "Flow #1 is sent again as #61" in toasts(staged))
    (replay,) = staged.control.replays
    assert (replay.of, replay.resend.draft.target) == (1, b"/item/0")
    await staged.press("G")
    assert "/item/0  ↻ of 1" in staged.shown(staged.main.list)
    assert "↻ replay of 1" in staged.shown(staged.main.detail)
    mark(staged, 2, 3)
    await staged.settle()
    await staged.press("g", "j", key)
    assert isinstance(staged.screen, PickerScreen)
    await staged.press("m")
    await staged.until(lambda: "2 flows are sent again" in toasts(staged))
    assert [each.of for each in staged.control.replays] == [1, 2, 3]
    staged.control.refusal = "the proxy is stopping"
    await staged.press("g", key)
    await staged.until(lambda: "the proxy is stopping" in toasts(staged))


@case("flow.counterpart")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "j", key)
    await staged.until(lambda: "Flow #2 is no replay" in toasts(staged))
    await staged.press("r")
    await staged.until(lambda: "sent again as #61" in toasts(staged))
    await staged.press(key)
    await staged.until(lambda: staged.main.list.selected == 61)
    await staged.press(key)
    assert staged.main.list.selected == 2
    staged.app.replaying._came_from = (0, 0)
    await staged.press(key)
    await staged.until(lambda: staged.main.list.selected == 61)
