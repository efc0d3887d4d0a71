"""How replays, their results and comparisons look."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm_tui.state import State
from tests.tui.cases_comparing import compared, orders
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
