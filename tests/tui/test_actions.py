"""Every action of the registry, carried out by its keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from soth_mitm.model import events as e
from soth_mitm_tui.actions import ACTIONS, PANES, Action, named, of_pane
from soth_mitm_tui.layout import Layout
from soth_mitm_tui.screens.columns import ColumnList, ColumnsScreen
from soth_mitm_tui.screens.help import HelpScreen
from soth_mitm_tui.screens.setup import SetupScreen
from soth_mitm_tui.viewers.pages import TABS
from tests.tui import cases_bars, cases_run
from tests.tui.script import Script
from tests.tui.stage import Stage, stage

Check = Callable[[Stage, Action, str], Awaitable[None]]
CASES: dict[str, Check] = {}
SCENES: dict[str, Callable[[Script], object]] = {}


def case(action_id: str) -> Callable[[Check], Check]:
    """Register the check of an action."""

    def keep(check: Check) -> Check:
        CASES[action_id] = check
        return check

    return keep


def many(script: Script) -> None:
    """Play sixty exchanges on one connection."""
    conn = script.connect("api.shop.test")
    for number in range(60):
        script.exchange("api.shop.test", "GET", f"/item/{number}", 200, "OK", conn=conn, body=b"x" * 100)


def long_body(script: Script) -> None:
    """Play one exchange with more text than a page."""
    body = b"\n".join(b"line %d" % number for number in range(500))
    script.exchange("api.shop.test", "GET", "/long", 200, "OK", body=body, content_type="text/plain")
    script.exchange("api.shop.test", "GET", "/other", 200, "OK")


def toasts(staged: Stage) -> str:
    """Return what the app has told the person."""
    return "\n".join(notice.message for notice in staged.app._notifications)


async def in_detail(staged: Stage) -> None:
    """Go into the detail."""
    await staged.press("g", "enter")
    assert staged.main.detail.text.has_focus


# --- the list


@case("list.open")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert staged.main.detail.text.has_focus


@case("list.filter")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.type("item/1")
    assert len(staged.main.model) == 11
    assert "valid · 11 of 60" in staged.shown()


@case("list.follow")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert not staged.main.list.following
    many(staged.script)
    await staged.settle()
    assert "60 new below (G)" in staged.shown()
    await staged.press(key)
    assert staged.main.list.at_end


@case("flow.kill")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    assert staged.control.killed == []
    assert "ended already" in toasts(staged)
    _, flow = staged.script.event_stream()
    await staged.settle()
    await staged.press("G", key)
    await staged.until(lambda: staged.control.killed == [flow])
    await staged.press("enter", key)
    await staged.until(lambda: staged.control.killed == [flow, flow])


@case("list.sort")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "Choose a column with" in toasts(staged)
    await staged.press("right")
    while staged.main.list.column != "dur":
        await staged.press("right")
    await staged.press(key)
    assert "sorted by duration" in staged.shown()
    assert "dur▼" in staged.shown()
    assert not staged.main.list.following
    await staged.press("f")
    assert "sort by arrival again to follow" in toasts(staged)
    await staged.press(key)
    assert "dur▲" in staged.shown()
    await staged.press(key)
    assert staged.main.model.by_arrival
    assert staged.main.list.following


@case("list.group")
async def _(staged: Stage, action: Action, key: str) -> None:
    for label in ("by host", "by client", "by connection"):
        await staged.press(key)
        assert label in staged.shown()
        assert "60 flows" in staged.shown()
        assert len(staged.main.model) == 1
    await staged.press(key)
    assert len(staged.main.model) == 60


@case("list.fold")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "Nothing is grouped" in toasts(staged)
    await staged.press("v", key)
    assert len(staged.main.model) == 61
    await staged.press("j", "j", key)
    assert len(staged.main.model) == 1
    assert staged.main.list.group is not None
    await staged.press("enter")
    assert len(staged.main.model) == 61
    assert staged.main.list.has_focus


@case("list.fold-all")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("v", key)
    assert len(staged.main.model) == 61
    await staged.press(key)
    assert len(staged.main.model) == 1


@case("list.left")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert staged.main.list.column == "host"
    await staged.press(key)
    assert staged.main.list.column == "status"


@case("list.right")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key, key)
    assert staged.main.list.column == "path"


def _width(staged: Stage) -> int:
    return next(place.width for place in staged.main.list.places if place.column.id == "host")


@case("list.narrower")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("left")
    before = _width(staged)
    await staged.press(key)
    assert _width(staged) == before - 1


@case("list.wider")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("left")
    before = _width(staged)
    await staged.press(key, key)
    assert _width(staged) == before + 2
    assert staged.app.state.get_as("columns", "widths", dict[str, int], {"host": 0}) == {"host": before + 2}


@case("list.columns")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert isinstance(staged.screen, ColumnsScreen)
    assert "time to first byte" in staged.shown()


@case("list.only")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "Choose a column" in toasts(staged)
    await staged.press("g", "j", "right", key)
    assert staged.main.filter.text == "host:=api.shop.test"
    await staged.press("right", key)
    assert staged.main.filter.text == 'host:=api.shop.test path:"/item/1"'
    assert len(staged.main.model) == 11
    assert staged.main.list.has_focus
    await staged.press("right", key)
    assert "This flow has no media type to filter by" in toasts(staged)


@case("list.without")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("slash")
    await staged.type("item/1 or item/2")
    await staged.press("enter", "g", "right", "right", key)
    assert staged.main.filter.text == '(item/1 or item/2) !path:"/item/1"'
    assert len(staged.main.model) == 11


@case("list.mark-next")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    await staged.until(lambda: staged.control.said == [(1, "●", None, None)])
    assert staged.main.list.position == 1


@case("list.next-marked")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert "No flow in the list is marked" in toasts(staged)
    _say(staged, 5, 9)
    await staged.settle()
    flows = []
    for _ in range(3):
        await staged.press(key)
        flows.append(staged.main.list.selected)
    assert flows == [5, 9, 5]


@case("list.previous-marked")
async def _(staged: Stage, action: Action, key: str) -> None:
    _say(staged, 5, 9)
    await staged.settle()
    flows = []
    for _ in range(3):
        await staged.press(key)
        flows.append(staged.main.list.selected)
    assert flows in ([9, 5, 9], [5, 9, 5])


def _say(staged: Stage, *flows: int) -> None:
    for flow in flows:
        staged.script.publish(e.Annotated("●", f"about {flow}", "red"), flow=flow)


@case("list.delete")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "j", key)
    assert staged.main.model.total == 59
    assert staged.main.list.selected == 3
    assert "Flow #2 deleted from the list · u undoes it" in toasts(staged)
    assert staged.store.index.is_hidden(2)


@case("list.undo")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "Nothing was deleted" in toasts(staged)
    await staged.press("g", "d", "d", key)
    assert staged.main.list.selected == 2
    assert staged.main.model.total == 59
    await staged.press(key)
    assert staged.main.list.selected == 1
    assert staged.main.model.total == 60


@case("flow.mark")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    await staged.until(lambda: staged.control.said == [(1, "●", None, None)])
    _say(staged, 1)
    await staged.settle()
    assert "●" in staged.shown(staged.main.list)
    assert "; about 1" in staged.shown(staged.main.list)
    await staged.press("enter", key)
    await staged.until(lambda: staged.control.said[1:] == [(1, "", None, "")])


@case("flow.marker")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key, "g")
    await staged.until(lambda: staged.control.said == [(1, "●", None, "green")])
    await staged.press(key, "n")
    await staged.until(lambda: staged.control.said[1:] == [(1, "", None, "")])
    await staged.press(key, "o")
    await staged.type("todo")
    await staged.press("enter")
    await staged.until(lambda: staged.control.said[2:] == [(1, "todo", None, None)])
    assert staged.screen is staged.main


@case("flow.comment")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    await staged.type("look here")
    await staged.press("enter")
    await staged.until(lambda: staged.control.said == [(1, None, "look here", None)])
    assert staged.screen is staged.main


@case("list.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key, key)
    assert staged.main.list.position == 2


@case("list.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    assert staged.main.list.position == 58
    assert not staged.main.list.following


@case("list.first")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    assert staged.main.list.position == 0
    assert staged.main.list.top == 0


@case("list.last")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert staged.main.list.position == 59
    assert staged.main.list.following


@case("list.half-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert staged.main.list.position == staged.main.list.page // 2


@case("list.half-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    assert staged.main.list.position == 59 - staged.main.list.page // 2


@case("list.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert staged.main.list.position == staged.main.list.page


@case("list.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    assert staged.main.list.position == 59 - staged.main.list.page


@case("list.clear")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("slash")
    await staged.type("item/1")
    await staged.press("enter")
    assert len(staged.main.model) == 11
    await staged.press(key)
    assert len(staged.main.model) == 60
    assert not staged.main.filter.has_class("-open")
    await staged.press(key)
    assert "no filter to clear" in toasts(staged)


@case("list.overview")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("3", key)
    assert "decision" in staged.shown(staged.main.detail)
    assert staged.main.list.has_focus


@case("list.request")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "curl/8.9.1" in staged.shown(staged.main.detail)


@case("list.response")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "nginx" in staged.shown(staged.main.detail)


# --- the filter bar


# --- the detail


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
    await staged.press("3", "right_curly_bracket", key)
    assert "nginx" not in staged.shown(staged.main.detail)
    await staged.press(key)
    assert "nginx" in staged.shown(staged.main.detail)


def some_json(script: Script) -> None:
    """Play one answer of JSON."""
    body = b'{"a": [1, 2], "b": {"c": [3]}, "d": 4}'
    script.exchange("a.test", "GET", "/", 200, "OK", body=body, content_type="application/json")


@case("detail.fold-all")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_detail(staged)
    await staged.press(key)
    assert "no JSON to fold" in toasts(staged)
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


@case("detail.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press(key)
    assert staged.main.detail.text.cursor == 2
    await staged.press(*[key] * staged.main.detail.text.page)
    assert staged.main.detail.text.top == 3


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
    assert staged.main.detail.text.top == staged.main.detail.text.page // 2


@case("detail.half-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press("ctrl+d", "ctrl+d", key)
    assert staged.main.detail.text.top == staged.main.detail.text.page // 2


@case("detail.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press(key)
    assert staged.main.detail.text.top == staged.main.detail.text.page - 1


@case("detail.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _at_long_body(staged)
    await staged.press("pagedown", "pagedown", key)
    assert staged.main.detail.text.top == staged.main.detail.text.page - 1


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
    assert "Keep the newest flow in sight" in staged.shown()


@case("app.commands")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    await staged.type("colours")
    await staged.until(lambda: "colours  (^t)" in staged.shown())
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


# --- the columns, choices, a line of text


async def _columns(staged: Stage, *keys: str) -> ColumnList:
    await staged.press("g", "c", *keys)
    assert isinstance(staged.screen, ColumnsScreen)
    return staged.screen.list


def _heads(staged: Stage) -> list[str]:
    return [place.column.id for place in staged.main.list.places]


@case("columns.switch")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _columns(staged, "j", key)
    assert _heads(staged)[:2] == ["state", "number"]
    await staged.press(key, "up", key)
    assert _heads(staged)[0] == "time"
    await staged.press("escape")
    assert staged.app.state.get_as("columns", "hidden", list[str], []) == ["number", "state"]


@case("columns.later")
async def _(staged: Stage, action: Action, key: str) -> None:
    columns = await _columns(staged, "j", "j", key)
    assert _heads(staged)[:3] == ["state", "method", "time"]
    assert columns.current.id == "time"


@case("columns.earlier")
async def _(staged: Stage, action: Action, key: str) -> None:
    columns = await _columns(staged, "j", "j", key, key)
    assert _heads(staged)[:2] == ["time", "state"]
    assert columns.current.id == "time"


@case("columns.narrower")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _columns(staged, "j", "j", key)
    assert dict(staged.main.list.columns.widths) == {"time": 7}


@case("columns.wider")
async def _(staged: Stage, action: Action, key: str) -> None:
    await _columns(staged, "j", "j", key)
    assert dict(staged.main.list.columns.widths) == {"time": 9}


@case("columns.reset")
async def _(staged: Stage, action: Action, key: str) -> None:
    before = _heads(staged)
    await _columns(staged, "space", "J", "greater_than_sign")
    assert _heads(staged) != before
    await staged.press(key)
    assert _heads(staged) == before
    assert staged.main.list.columns == Layout()


@case("columns.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    assert (await _columns(staged, key)).at == 1


@case("columns.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    assert (await _columns(staged, "j", "j", key)).at == 1


@case("columns.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("c", key)
    assert staged.screen is staged.main


@case("picker.choose")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "M", key)
    await staged.until(lambda: staged.control.said == [(1, "●", None, "red")])


@case("picker.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "M", key, "enter")
    await staged.until(lambda: staged.control.said == [(1, "●", None, "yellow")])


@case("picker.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "M", key, "enter")
    await staged.until(lambda: staged.control.said == [(1, "", None, "")])


@case("picker.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "M", key)
    assert staged.screen is staged.main
    assert staged.control.said == []


@case("prompt.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "semicolon")
    await staged.type("no")
    await staged.press(key)
    assert staged.screen is staged.main
    assert staged.control.said == []


CASES.update(cases_run.CASES)

for _id in CASES:
    SCENES[_id] = many
CASES.update(cases_bars.CASES)
for _id in (
    "detail.mode",
    "detail.raw",
    *(a.id for a in ACTIONS if a.group in ("Move", "In the text") and a.pane in ("detail", "search")),
):
    SCENES[_id] = long_body
SCENES["detail.fold-all"] = some_json
SCENES["detail.back"] = SCENES["detail.overview"] = many
for _id in ("setup.copy-try", "setup.copy-run", "setup.copy-browser", "setup.close"):
    SCENES[_id] = lambda script: None
SCENES.update(cases_bars.SCENES)


def test_every_action_has_a_case() -> None:
    assert set(CASES) == {action.id for action in ACTIONS}


@pytest.mark.parametrize(
    ("action_id", "key"),
    [(action.id, key) for action in ACTIONS for key in action.keys.split(",")],
)
async def test_an_action_does_what_its_help_says(action_id: str, key: str) -> None:
    async with stage(SCENES[action_id]) as staged:
        await CASES[action_id](staged, named(action_id), key)


def test_no_pane_gives_one_key_two_meanings() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for pane in PANES:
        keys = [key for action in of_pane(pane) for key in action.keys.split(",") if key]
        assert len(keys) == len(set(keys)), pane
