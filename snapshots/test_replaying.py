"""How replays, their results and comparisons look."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm_tui.state import State
from tests.tui.cases_comparing import compared, orders
from tests.tui.cases_replaying import asked, results, written
from tests.tui.stage import stage

VARIANTS = {
    "80x24": ((80, 24), "soth-dark"),
    "120x40": ((120, 40), "soth-dark"),
    "light": ((120, 30), "soth-light"),
    "no-color": ((120, 30), "soth-dark"),
}
ALL = pytest.mark.parametrize("variant", VARIANTS)
SIZES = pytest.mark.parametrize("variant", ["80x24", "120x40"])


def dressed(variant: str, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[int, int], State]:
    """Return the size and the state of a variant."""
    size, theme = VARIANTS[variant]
    if variant == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    state = State()
    state.set("look", "theme", theme)
    return size, state


@ALL
async def test_a_replay_compared_with_its_original(
    variant: str, monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """JSON by path, the second difference gone to."""
    size, state = dressed(variant, monkeypatch)
    async with stage(orders, size=size, state=state) as staged:
        await compared(staged)
        staged.app.clear_notifications()
        await staged.press("n", "n")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@SIZES
async def test_the_dialog_that_replays_several_times(
    variant: str, monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """One field is not understood."""
    size, state = dressed(variant, monkeypatch)
    async with stage(orders, size=size, state=state) as staged:
        screen = await asked(staged)
        screen.fields["to"].value = "staging.test:0x"
        await staged.press("end")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@ALL
async def test_the_results_of_a_replay(
    variant: str, monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """The same answer, another one, none, and two that wait."""
    size, state = dressed(variant, monkeypatch)
    async with stage(orders, size=size, state=state) as staged:
        await results(staged, "5")
        await staged.press("j")
        await staged.until(lambda: "= 1 the same" in staged.shown())
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@SIZES
@pytest.mark.parametrize(
    "text", ["curl 'https://api.shop.test/orders' -kd qty=3", "curl https://x -d @f"], ids=["right", "wrong"]
)
async def test_a_new_request(
    text: str, variant: str, monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """A pasted command that is understood, and one that is not."""
    size, state = dressed(variant, monkeypatch)
    async with stage(orders, size=size, state=state) as staged:
        screen = await written(staged, text)
        await staged.press("end")
        await staged.until(lambda: screen.area.has_focus)
        assert staged.app.export_screenshot(title="soth-mitm") == picture
