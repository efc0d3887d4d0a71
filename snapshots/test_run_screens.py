"""How the screens about the run look."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm.model import events as e
from tests.tui.script import Script
from tests.tui.stage import stage

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (180, 50)], ids=["80x24", "120x40", "180x50"])


def busy(script: Script) -> None:
    """Play some minutes with ups and downs, failures, and budgets that were used up."""
    hosts = ("api.shop.test", "cdn.shop.test", "img.shop.test", "old.shop.test")
    conns = [script.connect(host) for host in hosts]
    for number in range(600):
        script.wait(0.1 + (number % 97) / 90)
        which = number % 4 if number % 7 else 3
        status, reason = ((200, "OK"), (304, "Not Modified"), (404, "Not Found"), (500, "Oh"))[
            (number // 5) % 4 if which == 3 else number % 11 // 4
        ]
        path = ("/v1/orders/%d", "/app.js?v=%d", "/i/%d/large.jpg", "/cart/items/%d")[which] % number
        script.exchange(
            hosts[which], "GET", path, status, reason, conn=conns[which], body=b"x" * (number * 37 % 9000)
        )
    script.everyday()
    script.publish(e.LimitReached("upstream_per_host", 1024, "answer 503"))
    script.publish(e.CaptureGap(gap_flow=0, bytes=40_000, events=12, cause="recorder_full"))
    script.publish(e.Notice("warning", "a run that crashed left its recording (12M)"))


@SIZES
@pytest.mark.parametrize("key", ["O", "E", "L"], ids=["overview", "log", "limits"])
async def test_a_screen_about_the_run(key: str, size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Overview, event log, limits."""
    async with stage(busy, size=size) as staged:
        await staged.press(key, "j")
        await staged.until(lambda: "counting" not in staged.shown())
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@SIZES
async def test_nothing_yet_and_capture_is_paused(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """The empty list says why nothing comes."""
    async with stage(lambda script: None, size=size) as staged:
        await staged.press("P")
        await staged.until(lambda: "Capture is paused" in staged.shown())
        staged.app.clear_notifications()
        await staged.pilot.pause()
        assert staged.app.export_screenshot(title="soth-mitm") == picture
