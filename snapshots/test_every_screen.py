"""Every screen in every size and in every set of colours."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm_tui.state import State
from tests.tui.stage import stage

SCREENS: dict[str, tuple[str, ...]] = {
    "response": ("g", *"jjjjj", "enter", "3"),
    "timing": ("G", "enter", "4"),
    "filter": ("slash", *"json"),
    "columns": ("g", "c"),
    "copy": ("g", *"jjjj", "y"),
    "save": ("g", *"jjjj", "w"),
    "saved-filters": ("F",),
    "overview": ("O", "j"),
    "log": ("E",),
    "limits": ("L",),
    "doctor": ("H",),
    "set-up": ("S",),
    "help": ("question_mark",),
}
VARIANTS = {
    "80x24": ((80, 24), "soth-dark"),
    "120x40": ((120, 40), "soth-dark"),
    "180x50": ((180, 50), "soth-dark"),
    "light": ((120, 40), "soth-light"),
    "ansi": ((120, 40), "soth-ansi"),
    "no-color": ((120, 40), "soth-dark"),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("screen", SCREENS)
async def test_a_screen(
    screen: str, variant: str, monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """The everyday scene, seen through one screen."""
    size, theme = VARIANTS[variant]
    if variant == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir("/")  # the dialog that saves shows where it would
    state = State()
    state.set("look", "theme", theme)
    async with stage(size=size, state=state) as staged:
        await staged.press(*SCREENS[screen])
        await staged.until(lambda: "counting" not in staged.shown() and "checking…" not in staged.shown())
        staged.app.clear_notifications()
        await staged.pilot.pause()
        assert staged.app.export_screenshot(title="soth-mitm") == picture
