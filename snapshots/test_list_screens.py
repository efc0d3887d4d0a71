"""How the flow list looks in other orders, with marks, and with other columns."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm.model.events import Annotated
from tests.tui.script import Script
from tests.tui.stage import stage

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (180, 50)], ids=["80x24", "120x40", "180x50"])


def marked(script: Script) -> None:
    """Play mixed traffic, some of it with marks of every colour."""
    script.everyday()
    conn = script.connect("img.shop.test")
    for number in range(12):
        script.exchange("img.shop.test", "GET", f"/i/{number}.jpg", 200, "OK", conn=conn, body=b"x" * number)
    script.everyday()
    for number, colour in enumerate(("red", "yellow", "green", "blue", "magenta", "")):
        said = "slow since Tuesday" if number % 2 else ""
        script.publish(Annotated("●★!✓"[number % 4], said, colour), flow=28 + number)


@SIZES
async def test_flows_under_their_hosts(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Grouped by host, sorted by duration; one group unfolded."""
    async with stage(marked, size=size) as staged:
        await staged.press("v", "g", "j", "z", "j", "right")
        while staged.main.list.column != "dur":
            await staged.press("right")
        await staged.press("s")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@SIZES
async def test_marks_colours_and_comments(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Rows of every colour."""
    async with stage(marked, size=size) as staged:
        await staged.press("G", "k", "right")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@SIZES
async def test_the_columns_to_choose_from(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """The chooser of columns, with one more column and a narrower host."""
    async with stage(marked, size=size) as staged:
        await staged.press("c", "j", "space", "j", "j", "j", "j", "j", "less_than_sign", "less_than_sign")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


async def test_a_wide_list_has_a_waterfall(picture: SnapshotAssertion) -> None:
    """When each flow ran, to scale."""
    async with stage(marked, size=(159, 40)) as staged:
        await staged.press("k")
        assert staged.app.export_screenshot(title="soth-mitm") == picture
