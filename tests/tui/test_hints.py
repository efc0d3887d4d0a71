"""Whoever comes from mitmproxy is told what differs, when the key is pressed."""

from __future__ import annotations

from soth_mitm_tui.actions import DEFAULT
from soth_mitm_tui.mitmproxy import KEYS, difference, here, hint
from soth_mitm_tui.state import State
from tests.tui.stage import Stage, stage


def toasts(staged: Stage) -> str:
    return "\n".join(notice.message for notice in staged.app._notifications)


async def test_a_key_that_does_nothing_here_says_what_to_press() -> None:
    async with stage() as staged:
        await staged.press("colon", "colon")
        assert toasts(staged).count("command line") == 1, "a notice takes the place of its like"
        assert "mitmproxy's key to open the command line. Here: ^p finds every action" in toasts(staged)
        await staged.press("B")
        assert "S says how to point a browser here" in toasts(staged)
        await staged.press("escape", "C", "K", "W")
        assert len(toasts(staged).split("\n")) == 3, "the oldest one goes"
        assert "in mitmproxy “stream to a file”" in toasts(staged)


async def test_a_key_that_differs_says_so_once_and_never_again() -> None:
    state = State()
    async with stage(state=state) as staged:
        await staged.press("f")
        assert "f is “follow” here, in mitmproxy “set the view filter”: / filters" in toasts(staged)
    async with stage(state=state) as staged:
        await staged.press("f", "f")
        assert "mitmproxy" not in toasts(staged)


async def test_a_key_that_is_the_same_and_one_that_nobody_knows_say_nothing() -> None:
    async with stage() as staged:
        await staged.press("j", "g", "f9", "enter", "enter")
        assert "mitmproxy" not in toasts(staged)


async def test_a_colon_that_is_typed_into_the_filter_is_text() -> None:
    async with stage() as staged:
        await staged.press("slash", "a", "colon")
        assert "mitmproxy" not in toasts(staged)


def test_every_entry_names_actions_that_exist() -> None:
    for entry in KEYS:
        assert "{" not in here(entry, DEFAULT)
        hint(entry.key, DEFAULT)
        difference(entry.key, "done", DEFAULT)
    assert difference("j", "down", DEFAULT) == ""
