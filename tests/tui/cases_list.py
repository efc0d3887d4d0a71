"""The actions of the list, and of the screens that belong to it."""

from __future__ import annotations

from soth_mitm.model import events as e
from soth_mitm.policy.learning import Learned
from soth_mitm_tui.actions import Action
from soth_mitm_tui.layout import Layout
from soth_mitm_tui.screens.columns import ColumnList, ColumnsScreen
from tests.tui.cases import CASES, case, many, toasts
from tests.tui.stage import Stage

# --- the list

__all__ = ["CASES"]


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


@case("flow.intercept-again")
async def _(staged: Stage, action: Action, key: str) -> None:
    staged.script.exchange("api.shop.test", "GET", "/", 200, "OK")
    await staged.settle()
    await staged.press("G", key)
    assert "does not pass through" in toasts(staged)
    assert staged.control.forgotten == []
    staged.script.tunnel("pinned.test")
    await staged.settle()
    await staged.press("G", key)
    assert "pinned.test does not pass through because of refusals" in toasts(staged)
    staged.control.passed = ((Learned("pinned.test", 3, 1100.0), 600.0),)
    await staged.press(key)
    assert "pinned.test is intercepted again" in toasts(staged)
    assert staged.control.forgotten == ["pinned.test", "pinned.test"]


@case("flow.probe")
async def _(staged: Stage, action: Action, key: str) -> None:
    staged.script.exchange("api.shop.test", "GET", "/", 200, "OK")
    await staged.settle()
    await staged.press("G", key)
    await staged.until(lambda: "1 checks went well" in staged.shown())
    assert "api.shop.test port 443 is met with TLSv1.3" in staged.shown()
    await staged.press("escape")
    assert staged.screen is staged.main


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
    for label in ("by host", "by client", "by program", "by connection"):
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
    await staged.until(lambda: staged.main.list.position == staged.main.list.page // 2)


@case("list.half-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    await staged.until(lambda: staged.main.list.position == 59 - staged.main.list.page // 2)


@case("list.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    await staged.until(lambda: staged.main.list.position == staged.main.list.page)


@case("list.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    await staged.until(lambda: staged.main.list.position == 59 - staged.main.list.page)


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
