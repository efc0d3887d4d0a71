"""The actions of the detail, and of the search in it."""

from __future__ import annotations

from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.picker import PickerList
from soth_mitm_tui.viewers.pages import TABS
from tests.tui.cases import CASES, case, in_detail, toasts
from tests.tui.script import Script
from tests.tui.stage import Stage

# --- the detail

__all__ = ["CASES"]


@case("detail.back")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert staged.main.list.has_focus


@case("detail.leave")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    assert "^c quit" in staged.shown(staged.main.key_bar)
    await staged.press(key)
    assert staged.main.list.has_focus
    assert staged.control.drains == []
    assert "q quit" in staged.shown(staged.main.key_bar)
    staged.control.stuck = True
    await in_detail(staged)
    await staged.press("ctrl+c")
    await staged.until(lambda: staged.control.drains)
    await staged.pilot.press(key)
    await staged.until(lambda: not staged.app.is_running)


@case("detail.next-tab")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert staged.main.detail.tab == 1


@case("detail.previous-tab")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert staged.main.detail.tab == len(TABS) - 1


@case("detail.overview")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", key)
    assert staged.main.detail.tab == 0
    assert "decision" in staged.shown(staged.main.detail)


@case("detail.request")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "curl/8.9.1" in staged.shown(staged.main.detail)


@case("detail.response")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "nginx" in staged.shown(staged.main.detail)


@case("detail.timing")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "request ended" in staged.shown(staged.main.detail)


@case("detail.raw")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "GET /long HTTP/1.1" in staged.shown(staged.main.detail)


async def searching(staged: Stage, text: str) -> None:
    """Go to the long body and search for a text."""
    await in_detail(staged)
    await staged.press("3", "slash")
    await staged.type(text)
    await staged.until(lambda: " of " in verdict(staged) or "no match" in verdict(staged))


def verdict(staged: Stage) -> str:
    """Return what the search bar says."""
    return staged.shown(staged.main.detail.search)


@case("detail.search")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 49")
    assert "1 of 11" in verdict(staged)
    assert "line 49" in staged.shown(staged.main.detail.text)


@case("detail.next-match")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 49")
    await staged.press("enter", key)
    assert "2 of 11" in verdict(staged)
    assert "line 490" in staged.shown(staged.main.detail.text)


@case("detail.previous-match")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 49")
    await staged.press("enter", key)
    assert "11 of 11" in verdict(staged)


@case("search.accept")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 499")
    await staged.press(key)
    assert staged.main.detail.text.has_focus
    assert "1 of 1" in verdict(staged)


@case("search.next")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 49")
    await staged.press(key)
    assert "2 of 11" in verdict(staged)


@case("search.previous")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 49")
    await staged.press(key)
    assert "11 of 11" in verdict(staged)


@case("search.regex")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 1.9$")
    assert "no match" in verdict(staged)
    await staged.press(key)
    await staged.until(lambda: "1 of 10" in verdict(staged))
    assert staged.main.detail.search.text == "line 1.9$"


@case("search.cancel")
async def _(staged: Stage, action: Action, key: str) -> None:
    await searching(staged, "line 499")
    assert staged.main.detail.text.top > 0
    await staged.press(key)
    assert staged.main.detail.text.has_focus
    assert staged.main.detail.text.top == 0
    assert not staged.main.detail.search.is_open


@case("detail.only")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "cannot be filtered by this line" in toasts(staged)
    await staged.press("3", key)
    assert staged.main.filter.text == "status:200"


@case("detail.without")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", key)
    assert staged.main.filter.text == "!status:200"


@case("detail.fold")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3")
    await staged.until(lambda: "nginx" in staged.shown(staged.main.detail))
    await staged.press("right_curly_bracket")
    await staged.until(lambda: staged.main.detail.text.cursor > 0)
    await staged.press(key)
    await staged.until(lambda: "nginx" not in staged.shown(staged.main.detail))
    await staged.press(key)
    await staged.until(lambda: "nginx" in staged.shown(staged.main.detail))


def some_json(script: Script) -> None:
    """Play one answer of JSON."""
    body = b'{"a": [1, 2], "b": {"c": [3]}, "d": 4}'
    script.exchange("a.test", "GET", "/", 200, "OK", body=body, content_type="application/json")


@case("detail.fold-all")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "nothing to fold" in toasts(staged)
    await staged.press("3", key)
    shown = staged.shown(staged.main.detail)
    assert "2 items ]" in shown
    assert "1 member }" in shown
    assert '"d": 4' in shown
    await staged.press(key)
    assert "1 member }" not in staged.shown(staged.main.detail)


@case("detail.force")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "no body in this tab" in toasts(staged)
    await staged.press("3", key)
    assert staged.main.detail.pages.bodies.force


@case("detail.wrap")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert not staged.main.detail.text.wrap
    await staged.press(key)
    assert staged.main.detail.text.wrap


@case("detail.left")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "w lets them run" in toasts(staged)
    await staged.press("w", "l", "l", key)
    assert staged.main.detail.text.side == 8


@case("detail.right")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("w", key)
    assert staged.main.detail.text.side == 8


@case("detail.sort")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "no headers in this tab" in toasts(staged)
    await staged.press("2", key)
    shown = staged.shown(staged.main.detail)
    assert shown.index("accept ") < shown.index("host ")


@case("detail.secrets")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("2", key)
    assert staged.main.detail.pages.choices.secrets


@case("detail.select")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", "G", key, "k")
    assert "2 lines selected" in staged.shown(staged.main.detail)
    assert staged.main.detail.selected_text() == "line 498\nline 499"
    await staged.press(key)
    assert not staged.main.detail.selected_text()


@case("detail.select-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", "G", "k", "k", key)
    assert staged.main.detail.selected_text() == "line 497\nline 498"


@case("detail.select-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", "G", key)
    assert staged.main.detail.selected_text() == "line 498\nline 499"
    await staged.press("escape")
    assert not staged.main.detail.selected_text()
    assert staged.main.detail.text.has_focus


@case("detail.next-section")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", key, key)
    line = staged.main.detail.current_line
    assert line is not None
    assert line.text.strip().startswith("Body")


@case("detail.previous-section")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("3", "G", key)
    line = staged.main.detail.current_line
    assert line is not None
    assert line.text.strip().startswith("Body")


@case("detail.mode")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "one view only" in toasts(staged)
    await staged.press("3", key, key, key)
    assert "6c 69 6e 65" in staged.shown(staged.main.detail)


def some_bytes(script: Script) -> None:
    """Play one answer of MessagePack that says it is text."""
    script.exchange("a.test", "GET", "/", 200, "OK", body=b"\x81\xa1a\xc0", content_type="text/x-mine")


@case("detail.decoder")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "no body here" in toasts(staged)
    await staged.press("3", key)
    picker = staged.screen.query_one(PickerList)
    letter = next(each.letter for each in picker.choices if each.id == "msgpack")
    await staged.press(letter)
    assert '"a": null' in staged.shown(staged.main.detail)
    await staged.press(key, "plus")
    assert staged.app.state.get_as("bodies", "decoders", dict[str, str], {}) == {"text/x-mine": "msgpack"}
    await staged.press(key, "a")
    assert '"a": null' not in staged.shown(staged.main.detail)
    await staged.press(key, "minus")
    assert staged.app.state.get_as("bodies", "decoders", dict[str, str], {}) == {}


@case("detail.zoom")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert not staged.main.list.region.area
    await staged.press(key)
    assert staged.main.list.region.area


@case("detail.next-flow")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert staged.main.detail.showing == staged.main.model.flow_at(1)


@case("detail.previous-flow")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press("J", key)
    assert staged.main.detail.showing == staged.main.model.flow_at(0)


async def _at_long_body(staged: Stage) -> None:
    await in_detail(staged)
    await staged.press("3")
    await staged.until(lambda: staged.main.detail.text.max_scroll_y > staged.main.detail.text.page)


@case("detail.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press(key)
    assert staged.main.detail.text.cursor == 2
    await staged.press(*[key] * staged.main.detail.text.page)
    await staged.until(lambda: staged.main.detail.text.top == 3)


@case("detail.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press("j", "j", key)
    assert staged.main.detail.text.cursor == 2


@case("detail.first")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press("G", key)
    assert staged.main.detail.text.top == 0


@case("detail.last")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press(key)
    assert staged.main.detail.text.at_end
    assert "line 499" in staged.shown(staged.main.detail)


@case("detail.half-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press(key)
    await staged.until(lambda: staged.main.detail.text.top == staged.main.detail.text.page // 2)


@case("detail.half-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press("ctrl+d", "ctrl+d", key)
    await staged.until(lambda: staged.main.detail.text.top == staged.main.detail.text.page // 2)


@case("detail.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press(key)
    await staged.until(lambda: staged.main.detail.text.top == staged.main.detail.text.page - 1)


@case("detail.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press("pagedown", "pagedown", key)
    await staged.until(lambda: staged.main.detail.text.top == staged.main.detail.text.page - 1)
