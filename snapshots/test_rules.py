"""How the rules look, and the form of one."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm_tui.screens.rule import RuleScreen
from soth_mitm_tui.state import State
from tests.tui.rules import some_rules
from tests.tui.stage import Stage, stage

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


async def picture_of(staged: Stage) -> str:
    """Return the screen without what comes and goes."""
    staged.app.clear_notifications()
    await staged.pilot.pause()
    return staged.app.export_screenshot(title="soth-mitm")


@SIZES
async def test_the_rules(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Of the settings, in a folder and not, on and off, with their hits; and one that cannot work."""
    state = State()
    broken = {"name": "page", "do": "map-local", "path": "/gone/page.html"}
    state.set("message_rules", "list", [broken])
    async with stage(size=size, state=state) as staged:
        await staged.until(lambda: "cannot work" in "".join(n.message for n in staged.app._notifications))
        await some_rules(staged.control.debugger)
        await staged.press("B", "tab", "j", "j")
        await staged.until(lambda: "1,204" in staged.shown())
        assert await picture_of(staged) == picture


@SIZES
async def test_the_actions_of_a_rule(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Each with what it does."""
    async with stage(size=size) as staged:
        await staged.press("B", "tab", "n")
        assert await picture_of(staged) == picture


@SIZES
@pytest.mark.parametrize(
    ("letter", "keys"),
    [("a", ("tab", *"v1", "tab", "tab", *"host")), ("d", ("backspace", "9", "9", "9", "9"))],
    ids=["prefix", "mock"],
)
async def test_a_form_with_a_fault(
    letter: str, keys: tuple[str, ...], size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """What is wrong stands below its field."""
    async with stage(size=size) as staged:
        await staged.press("B", "tab", "n", letter)
        await staged.until(lambda: isinstance(staged.screen, RuleScreen))
        if letter == "a":
            await staged.press(*"http", "colon", "slash", "slash", "h")
        await staged.press(*keys)
        assert "✕" in staged.shown()
        assert await picture_of(staged) == picture
