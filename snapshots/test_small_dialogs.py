"""The dialogs that ask for a word or a choice, and that every screen has a picture."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.screen import ModalScreen, Screen

import soth_mitm_tui
from tests.tui.stage import stage

DIALOGS: dict[str, tuple[str, ...]] = {
    "comment": ("g", "semicolon", *"slow"),
    "mark": ("M",),
    "rule-from-flow": ("W",),
    "jump": ("ctrl+o",),
    "palette": ("ctrl+p", *"replay"),
    "filter-name": ("slash", *"json", "ctrl+s"),
}
PICTURES = Path(__file__).parent / "__snapshots__"
PICTURED: dict[str, tuple[str, str]] = {
    "ActionPicker": ("test_rules/test_the_actions_of_a_rule[{}]", "What the rule does"),
    "BreakpointScreen": ("test_debugging/test_one_breakpoint[right-{}]", "New breakpoint"),
    "BreakpointsScreen": ("test_debugging/test_the_breakpoints[some-{}]", "tab rules"),
    "ColumnsScreen": ("test_every_screen/test_a_screen[columns-{}]", "Columns"),
    "ComposeScreen": ("test_replaying/test_a_new_request[right-{}]", "New request"),
    "CopyScreen": ("test_every_screen/test_a_screen[copy-{}]", "Copy of flow"),
    "DiffScreen": ("test_replaying/test_a_replay_compared_with_its_original[{}]", "side by side"),
    "EditScreen": ("test_editor/test_a_request_in_each_tab[{}][Body]", "^s send on"),
    "HelpScreen": ("test_every_screen/test_a_screen[help-{}]", "Help: Flows"),
    "JumpScreen": ("test_small_dialogs/test_a_small_dialog[{}][jump]", "Flows"),
    "MainScreen": ("test_screens/test_the_main_screen_shows_flows_while_they_stream[{}]", "Flows"),
    "PageScreen": ("test_every_screen/test_a_screen[log-{}]", "Event log"),
    "PickerScreen": ("test_small_dialogs/test_a_small_dialog[{}][mark]", "Mark flow #1"),
    "PromptScreen": ("test_small_dialogs/test_a_small_dialog[{}][comment]", "slow"),
    "ReplayScreen": ("test_replaying/test_the_dialog_that_replays_several_times[{}]", "Replay several times"),
    "ResultsScreen": ("test_replaying/test_the_results_of_a_replay[{}]", "Replay of #"),
    "RuleScreen": ("test_rules/test_a_form_with_a_fault[mock-{}]", "New rule"),
    "RulesScreen": ("test_rules/test_the_rules[{}]", "tab breakpoints"),
    "SaveScreen": ("test_every_screen/test_a_screen[save-{}]", "Save"),
    "SavedScreen": ("test_every_screen/test_a_screen[saved-filters-{}]", "Saved filters"),
    "SetupScreen": ("test_every_screen/test_a_screen[set-up-{}]", "Set-up"),
}
"""Of every class of screens a picture in both sizes, and words that stand on it alone."""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_a_small_dialog(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """A comment, a mark, a rule, labels to jump to, the palette, the name of a filter."""
    async with stage(size=size) as staged:
        for name, keys in DIALOGS.items():
            await staged.press(*keys)
            await staged.until(lambda: staged.screen is not staged.main)
            staged.app.clear_notifications()
            await staged.pilot.pause()
            assert staged.app.export_screenshot(title="soth-mitm") == picture(name=name)
            while staged.screen is not staged.main:
                staged.app.pop_screen()
            await staged.press("escape")


def classes() -> set[str]:
    """Return the names of all screens that the app can show."""
    for module in walk_packages(soth_mitm_tui.__path__, "soth_mitm_tui."):
        import_module(module.name)
    found: set[type] = set()
    left: list[type] = [Screen, ModalScreen]
    while left:
        known: list[type] = left.pop().__subclasses__()
        found.update(known)
        left += known
    return {each.__name__ for each in found if each.__module__.startswith("soth_mitm_tui.")}


def test_every_screen_has_a_picture_in_both_sizes() -> None:
    assert classes() == set(PICTURED)
    for place, words in PICTURED.values():
        for size in ("80x24", "120x40"):
            drawn = (PICTURES / f"{place.format(size)}.svg").read_text(encoding="utf-8")
            shown = drawn.replace("&#160;", " ").replace("</text>", "")
            assert all(word in shown for word in words.split()), f"{place.format(size)} shows no {words!r}"
