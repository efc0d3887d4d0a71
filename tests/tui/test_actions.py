"""Every action of the registry, carried out by its keys."""

from __future__ import annotations

import pytest

from soth_mitm_tui.actions import ACTIONS, PANES, Action, named, of_pane
from soth_mitm_tui.screens.help import HelpScreen
from soth_mitm_tui.screens.setup import SetupScreen
from tests.tui import (
    cases_bars,
    cases_comparing,
    cases_debugger,
    cases_detail,
    cases_editor,
    cases_list,
    cases_messages,
    cases_replaying,
    cases_rules,
    cases_run,
)
from tests.tui.cases import CASES, SCENES, case, long_body, many, toasts
from tests.tui.sharing import turn
from tests.tui.stage import Stage, stage

# --- the set-up card and the help


@case("setup.copy-try")
async def _(staged: Stage, action: Action, key: str) -> None:
    assert "Listening on 127.0.0.1:8080" in staged.shown()
    await staged.press(key)
    await staged.until(lambda: "Command, 93 bytes" in toasts(staged))


@case("setup.copy-run")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.until(lambda: "Command, 29 bytes" in toasts(staged))


@case("setup.copy-browser")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.until(lambda: "Address, 16 bytes" in toasts(staged))


@case("setup.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    staged.script.exchange("api.shop.test", "GET", "/", 200, "OK")
    await staged.settle()
    await staged.press("S")
    opened = staged.screen
    assert isinstance(opened, SetupScreen)
    await staged.press(key)
    assert staged.screen == staged.main


@case("help.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("question_mark")
    opened = staged.screen
    assert isinstance(opened, HelpScreen)
    await staged.press(key)
    assert staged.screen == staged.main


# --- everywhere


@case("app.help")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "Look at the selected flow" in staged.shown()


@case("app.commands")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.type("colours")
    await staged.until(lambda: "Colours  (^t)" in staged.shown())
    await staged.press("enter")
    await staged.until(lambda: staged.app.theme == "soth-light")


@case("app.setup")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "Listening on 127.0.0.1:8080" in staged.shown()


@case("app.theme")
async def _(staged: Stage, action: Action, key: str) -> None:
    for name in ("soth-light", "soth-contrast", "soth-ansi", "soth-dark"):
        await staged.press(key)
        assert staged.app.theme == name
        assert staged.app.state.get("look", "theme", "") == name


@case("app.jump")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    letters = {str(label.render()): label for label in staged.screen.query(".jump")}
    over_tab = next(
        letter for letter, label in letters.items() if label.region.y == staged.main.detail.tabs.region.y
    )
    await staged.press(over_tab)
    assert staged.screen is staged.main
    await staged.press(key, "escape")
    assert staged.screen is staged.main


@case("app.quit")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.pilot.press(key)
    await staged.until(lambda: staged.app.drained)
    assert staged.control.drains == [5.0]


for _module in (
    cases_run,
    cases_bars,
    cases_comparing,
    cases_debugger,
    cases_detail,
    cases_editor,
    cases_list,
    cases_messages,
    cases_replaying,
    cases_rules,
):
    CASES.update(_module.CASES)
for _id in CASES:
    SCENES.setdefault(_id, many)
for _id in (
    "detail.mode",
    "detail.raw",
    *(a.id for a in ACTIONS if a.group in ("Move", "In the text") and a.pane in ("detail", "search")),
):
    SCENES[_id] = long_body
SCENES["detail.fold-all"] = cases_detail.some_json
SCENES["detail.decoder"] = cases_detail.some_bytes
SCENES["detail.back"] = SCENES["detail.overview"] = many
for _id in ("setup.copy-try", "setup.copy-run", "setup.copy-browser", "setup.close"):
    SCENES[_id] = lambda script: None
SCENES.update(cases_bars.SCENES)
SCENES.update(cases_comparing.SCENES)
SCENES.update(cases_replaying.SCENES)
SCENES["rules"] = SCENES["rule"] = many

AT_ONCE = ("diff", "several", "results", "compose", "rules", "rule")
"""Panes whose actions are all checked in one app: each begins and ends on the main screen."""


def test_every_action_has_a_case() -> None:
    assert set(CASES) == {action.id for action in ACTIONS}


EACH = [(action.id, key) for action in ACTIONS for key in action.keys.split(",")]
TOGETHER = [(action_id, key) for action_id, key in EACH if named(action_id).pane in ("edit", "grid")]


async def test_the_actions_of_the_editor_do_what_their_help_says() -> None:
    async with stage(size=(100, 30)) as staged:
        for action_id, key in TOGETHER:
            async with turn(staged, f"{action_id} {key}"):
                await CASES[action_id](staged, named(action_id), key)


@pytest.mark.parametrize(
    ("action_id", "key"),
    [each for each in EACH if each not in TOGETHER and named(each[0]).pane not in AT_ONCE],
)
async def test_an_action_does_what_its_help_says(action_id: str, key: str) -> None:
    async with stage(SCENES[action_id]) as staged:
        await CASES[action_id](staged, named(action_id), key)


@pytest.mark.parametrize("pane", AT_ONCE)
async def test_the_actions_of_a_screen_do_what_their_help_says(pane: str) -> None:
    async with stage(SCENES[pane]) as staged:
        for action in of_pane(pane):
            for key in action.keys.split(","):
                await CASES[action.id](staged, action, key)
                while staged.screen is not staged.main:
                    staged.app.pop_screen()
                staged.main.show_list()
                staged.app.clear_notifications()
                await staged.settle()


def test_no_pane_gives_one_key_two_meanings() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for pane in PANES:
        keys = [key for action in of_pane(pane) for key in action.keys.split(",") if key]
        assert len(keys) == len(set(keys)), pane
