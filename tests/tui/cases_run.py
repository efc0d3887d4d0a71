"""The actions of the screens about the run."""

from __future__ import annotations

from soth_mitm.policy.learning import Learned
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.page import PageScreen
from tests.tui.cases import CASES, case
from tests.tui.stage import Stage

__all__ = ["CASES"]


async def on_page(staged: Stage, key: str = "O") -> PageScreen:
    """Open a page."""
    await staged.press(key)
    await staged.until(lambda: isinstance(staged.screen, PageScreen))
    screen = staged.screen
    assert isinstance(screen, PageScreen)
    return screen


@case("app.overview")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged, key)
    text = staged.shown()
    assert "Last minute" in text
    assert "api.shop.test" in text


@case("app.log")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged, key)
    assert "listens on 127.0.0.1 port 8080" in staged.shown()


@case("app.limits")
async def _(staged: Stage, action: Action, key: str) -> None:
    staged.control.passed = ((Learned("pinned.test", 3, 1100.0), 600.0),)
    await on_page(staged, key)
    text = staged.shown()
    assert "max_connections" in text
    assert "pinned.test  3 refusals · for another 10" in text


@case("app.capture")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.until(lambda: "‖ capture paused" in staged.shown())
    await staged.press(key)
    await staged.until(lambda: "capture paused" not in staged.shown())
    assert staged.control.captures == [False, True]


@case("app.doctor")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged, key)
    await staged.until(lambda: "2 checks went well, 1 with a warning" in staged.shown())
    text = staged.shown()
    assert "only 256 files may be open" in text
    assert "→ ulimit -n 4096" in text


@case("page.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged)
    await staged.press(key)
    assert staged.screen is staged.main


@case("page.choose")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged)
    await staged.press("j", "j", key)
    assert staged.screen is staged.main
    assert staged.main.filter.text == "host:=api.shop.test"
    assert len(staged.main.model) == 60
    assert staged.main.list.has_focus


@case("page.level")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged, "E")
    assert "· info" in staged.shown()
    await staged.press(key)
    assert "Event log: warning and worse" in staged.shown()
    assert "· info" not in staged.shown()
    await staged.press("escape", "O", key)
    assert isinstance(staged.screen, PageScreen)


@case("page.find")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged, "E")
    await staged.press(key)
    await staged.type("LISTENS")
    await staged.press("enter")
    text = staged.shown()
    assert "with “LISTENS”" in text
    assert "listens on 127.0.0.1 port 8080" in text
    assert "started: version" not in text
    await staged.press(key)
    await staged.type("zzz")
    await staged.press("enter")
    assert "Nothing here has the text" in staged.shown()
    await staged.press("escape", "O", key)
    assert isinstance(staged.screen, PageScreen)


@case("page.sort")
async def _(staged: Stage, action: Action, key: str) -> None:
    await on_page(staged)
    assert "most flows first" in staged.shown()
    await staged.press(key, key)
    assert "most bytes first" in staged.shown()
    await staged.press("escape", "E", key)
    assert isinstance(staged.screen, PageScreen)


@case("page.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await on_page(staged)
    await staged.press(key)
    first = screen.page.current
    await staged.press(key)
    second = screen.page.current
    assert first is not None
    assert second is not None
    assert second > first


@case("page.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await on_page(staged)
    await staged.press("j")
    first = screen.page.current
    await staged.press("j", key)
    assert screen.page.current == first


@case("page.last")
@case("page.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await on_page(staged, "L")
    await staged.pilot.resize_terminal(80, 20)
    await staged.until(lambda: screen.page.size.height < 20 and screen.page.max_scroll_y > 0)
    await staged.press(key)
    await staged.until(lambda: screen.page.top > 0)


@case("page.first")
@case("page.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await on_page(staged, "L")
    await staged.pilot.resize_terminal(80, 20)
    await staged.until(lambda: screen.page.size.height < 20 and screen.page.max_scroll_y > 0)
    await staged.press("pagedown")
    await staged.until(lambda: screen.page.top > 0)
    await staged.press(key)
    await staged.until(lambda: screen.page.top == 0)
