"""What breaks breaks alone: a pane, a handler, the control; and leaving always works."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from textual import events

import soth_mitm
from soth_mitm.model import events as e
from soth_mitm_tui.app import SothApp
from soth_mitm_tui.status import USED_UP
from soth_mitm_tui.widgets.flow_list import FlowList
from tests.tui.script import Script
from tests.tui.stage import stage


async def test_a_list_that_cannot_be_drawn_shows_a_card_and_recovers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as staged:
        flows = staged.main.list
        with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
            patch.setattr(flows.model, "at", lambda position: 1 / 0)
            flows.refresh()
            flows._strips.clear()
            await staged.until(lambda: "The flow list could not be drawn" in staged.shown())
        assert "The proxy goes on" in staged.shown()
        await staged.press("j")
        assert "/session" in staged.shown()


async def test_a_detail_that_cannot_be_read_shows_a_card(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as staged:

        async def broken(flow: int) -> None:
            raise RuntimeError("the block is damaged")

        with caplog.at_level(logging.CRITICAL):
            monkeypatch.setattr(staged.main.detail, "_store", type("S", (), {"view": staticmethod(broken)})())
            await staged.pilot.press("j")
            await staged.until(lambda: "the block is damaged" in staged.shown())
        assert staged.app.failure is None


async def test_a_handler_that_raises_does_not_end_the_app(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as staged:

        def broken(self: FlowList, event: events.Click) -> None:
            raise RuntimeError("no such verb")

        with caplog.at_level(logging.CRITICAL):
            monkeypatch.setattr(FlowList, "on_click", broken)
            await staged.pilot.click("#list", offset=(10, 2))
            await staged.until(lambda: staged.main.list.failure is not None)
        assert staged.app.failure is None
        assert staged.app.is_running


async def test_an_error_of_the_app_ends_it_without_a_traceback(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(RuntimeError, match="deep trouble"):
        await _in_deep_trouble()
    assert "Traceback" not in capsys.readouterr().err


async def _in_deep_trouble() -> None:
    async with stage() as staged:
        app: SothApp = staged.app
        app.call_later(_raise)
        await staged.until(lambda: app.failure is not None)


def _raise() -> None:
    raise RuntimeError("deep trouble")


async def test_what_it_waits_for_is_said_at_80_columns() -> None:
    async with stage(size=(80, 24)) as staged:
        staged.control.stuck = True
        await staged.press("q")
        assert "at most 5 s · q again leaves now" in staged.shown().splitlines()[0]


async def test_a_second_quit_leaves_at_once() -> None:
    async with stage() as staged:
        staged.control.stuck = True
        await staged.press("q")
        assert "stopping: " in staged.shown()
        assert "at most 5 s" in staged.shown()
        staged.script.wait(2)
        await staged.until(lambda: "at most 3 s" in staged.shown())
        await staged.pilot.press("q")
        await staged.until(lambda: not staged.app.is_running or staged.app._exit)
        assert not staged.app.drained


async def test_a_flow_that_cannot_be_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(lambda script: script.event_stream()) as staged:

        async def broken(flow: int) -> bool:
            raise RuntimeError("the loop is gone")

        monkeypatch.setattr(staged.control, "kill", broken)
        await staged.press("X")
        told = staged.app._notifications
        await staged.until(
            lambda: any("could not be ended: the loop is gone" in note.message for note in told)
        )


async def test_capture_gaps_and_limits_are_never_silent() -> None:
    def scene(script: Script) -> None:
        script.everyday()
        script.publish(e.CaptureGap(gap_flow=0, bytes=10, events=2, cause="recorder_full"))
        script.publish(e.LimitReached("max_connections", 2048, "answer 503 and close"))

    async with stage(scene, size=(140, 30)) as staged:
        assert "1 capture gap" in staged.shown()
        assert "▲ clients turned away" in staged.shown()


def test_what_is_told_of_a_budget_has_words_in_the_status_bar() -> None:
    told = re.compile(r"(?:limit_reached|LimitReached)\(\s*\"(\w+)\"")
    sources = Path(soth_mitm.__file__).parent.rglob("*.py")
    names = {name for source in sources for name in told.findall(source.read_text("utf-8"))}
    assert "breaker_failures" in names
    assert names <= set(USED_UP)
    assert max(map(len, USED_UP.values())) <= 30
