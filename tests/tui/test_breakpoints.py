"""Breakpoints from run to run, and what becomes of paused messages when the app ends."""

from __future__ import annotations

from typing import get_args

import pytest

from soth_mitm.model.events import Direction, Outcome, Paused, Resumed
from soth_mitm.policy.breakpoints import Breakpoint, Stage
from soth_mitm.record.view import FlowView
from soth_mitm_tui.interventions import ENDS, intervention_lines
from soth_mitm_tui.state import State
from tests.tui.cases import toasts
from tests.tui.stage import stage


@pytest.mark.parametrize(("key", "paused"), [("r", "resume"), ("d", "drop")])
async def test_leaving_resumes_or_drops_what_is_paused_as_the_person_chooses(key: str, paused: str) -> None:
    async with stage() as staged:
        staged.control.debugger.pause(1)
        await staged.until(lambda: staged.main.paused.display)
        await staged.press("q")
        assert "1 message is paused" in staged.shown()
        assert staged.control.drains == []
        await staged.press(key)
        await staged.until(lambda: staged.app.drained)
        assert (staged.control.drains, staged.control.left_paused) == ([5.0], paused)


@pytest.mark.parametrize("key", ["s", "escape"])
async def test_who_stays_goes_on_where_he_was(key: str) -> None:
    async with stage() as staged:
        staged.control.debugger.pause(1)
        await staged.until(lambda: staged.main.paused.display)
        await staged.press("q", key)
        assert staged.screen is staged.main
        assert len(staged.control.debugger.paused) == 1
        assert staged.control.drains == []


async def test_breakpoints_of_the_person_are_kept_and_those_of_the_settings_are_not() -> None:
    state = State()
    own = Breakpoint(expression="host:mine", stages=(Stage.RESPONSE,), once=True)
    state.set("breakpoints", "list", [own])
    async with stage(state=state) as staged:
        debugger = staged.control.debugger
        await staged.until(lambda: len(debugger.breakpoints) == 1)
        mine = debugger.breakpoints[0].breakpoint
        assert (mine.expression, mine.stages, mine.once) == (own.expression, own.stages, own.once)
        await debugger.set_breakpoints((Breakpoint(expression="host:theirs", given=True), mine))
        await staged.press("B", "j", "space")
        await staged.until(lambda: not debugger.breakpoints[1].breakpoint.enabled)
        assert "host:theirs" in staged.shown()
        assert "of the settings" in staged.shown()
    kept: list[Breakpoint] = state.get_as("breakpoints", "list", list[Breakpoint], [])
    assert [(each.expression, each.enabled) for each in kept] == [("host:mine", False)]


async def test_kept_breakpoints_that_cannot_work_are_left_out_shown_and_mended_beside_the_others() -> None:
    state = State()
    odd = {"expression": "host:odd", "stages": ["teatime"]}
    kept = [Breakpoint(expression="(host:mine"), odd, Breakpoint(expression="host:yours")]
    state.set("breakpoints", "list", kept)
    async with stage(state=state) as staged:
        debugger = staged.control.debugger
        await staged.until(lambda: debugger.attached)
        await staged.until(lambda: "this '(' is not closed" in toasts(staged))
        assert [each.breakpoint.expression for each in debugger.breakpoints] == ["host:yours"]
        await staged.press("B")
        assert "left out: filter, column 1" in staged.shown()
        assert "it cannot be read: stages[0] cannot be 'teatime': choose one of request" in staged.shown()
        await staged.press("space", "j", "space", "enter", "end")
        await staged.type(")")
        await staged.press("ctrl+s")
        await staged.until(lambda: len(debugger.breakpoints) == 2)
        assert debugger.breakpoints[1].breakpoint.expression == "(host:mine)"
        left: list[object] = state.get("breakpoints", "list", [])
        assert odd in left
        assert len(left) == 3
        await staged.press("G", "j", "j", "d")
        await staged.until(lambda: odd not in state.get("breakpoints", "list", []))
        await staged.press("u")
        await staged.until(lambda: odd in state.get("breakpoints", "list", []))


def test_every_end_of_a_pause_has_its_words() -> None:
    assert set(ENDS) == set(get_args(Outcome))


def test_of_thousands_of_pauses_the_latest_are_told() -> None:
    view = FlowView(flow=1)
    for number in range(1, 31):
        view.pauses.append(Paused(number, Direction.RESPONSE, "message-down", "x", message=number))
    view.resumed.append(Resumed(30, Direction.RESPONSE, "sent_as_it_was", 1_500_000_000))
    lines = ["".join(text for text, _ in line.spans) for line in intervention_lines(view)]
    assert lines[0] == " On its way"
    assert lines[1].split(maxsplit=1)[1] == "10 times before these"
    assert lines[2].split(maxsplit=1)[1] == "message 11 · at “x” · waits"
    assert lines[-2].split(maxsplit=1)[1] == "message 30 · at “x” · sent on as it was after 1.5s"
