"""The actions of copying, saving and filtering, each by its keys; `test_actions` runs them."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from soth_mitm_tui.actions import Action
from soth_mitm_tui.actions.copying import COPY_ACTIONS
from soth_mitm_tui.screens.copy import CopyScreen
from soth_mitm_tui.screens.save import SaveScreen
from soth_mitm_tui.screens.saved import SavedScreen
from tests.tui.script import Script
from tests.tui.stage import Stage

Check = Callable[[Stage, Action, str], Awaitable[None]]
CASES: dict[str, Check] = {}
SCENES: dict[str, Callable[[Script], object]] = {}


def case(action_id: str) -> Callable[[Check], Check]:
    """Register the check of an action."""

    def keep(check: Check) -> Check:
        CASES[action_id] = check
        return check

    return keep


def order(script: Script) -> None:
    """Play one exchange with JSON both ways, and one of another host."""
    body = json.dumps({"sku": "A-7", "quantity": 3}).encode()
    conn = script.connect("api.shop.test")
    flow = script.request(
        conn,
        "api.shop.test",
        "POST",
        "/orders",
        body=body,
        fields=(("content-type", "application/json"), ("content-length", str(len(body)))),
    )
    script.respond(conn, flow, 201, "Created", body=b'{"id": "o_81"}', content_type="application/json")
    script.exchange("cdn.shop.test", "GET", "/app.js", 200, "OK", body=b"x" * 50)


def told(staged: Stage) -> str:
    """Return what the app has told the person."""
    return "\n".join(notice.message for notice in staged.app._notifications)


# --- copying

_COPIED = {
    "copy.url": "Copied URL, 28 bytes, to the terminal (OSC 52)",
    "copy.curl": "Copied curl command, ",
    "copy.request-headers": "Copied request headers, ",
    "copy.response-headers": "Copied response headers, ",
    "copy.request-body": "Copied request body, 29 bytes",
    "copy.response-body": "Copied response body, 14 bytes",
    "copy.request-raw": "Copied raw request, ",
    "copy.response-raw": "Copied raw response, ",
    "copy.python": "Copied Python program, ",
    "copy.requests": "Copied Python program, ",
    "copy.httpie": "Copied HTTPie command, ",
    "copy.wget": "Copied wget command, ",
    "copy.fetch": "Copied JavaScript, ",
    "copy.markdown": "Copied Markdown summary, ",
    "copy.json-value": "Copied content-type, 16 bytes",
}


def _copies(words: str) -> Check:
    async def check(staged: Stage, action: Action, key: str) -> None:
        await staged.press("g")
        if action.id == "copy.json-value":
            await staged.press("y", key)
            assert "put the cursor on a value" in told(staged)
            await staged.press("escape", "enter", "2", "g", *["j"] * 7)
            assert staged.main.detail.current_value() == ("content-type", "application/json")
        await staged.press("y")
        assert "Copy of flow #1" in staged.shown()
        await staged.press(key)
        await staged.until(lambda: words in told(staged))
        assert not isinstance(staged.screen, CopyScreen)

    return check


for _action in COPY_ACTIONS:
    if _action.id in _COPIED:
        CASES[_action.id] = _copies(_COPIED[_action.id])


@case("flow.copy")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert "curl command" in staged.shown()
    await staged.press("escape", "enter", "V", "j", key)
    await staged.until(lambda: "Copied the selection" in told(staged))
    assert staged.screen is staged.main


@case("flow.copy-again")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert "Nothing was copied yet" in told(staged)
    await staged.press("y", "h")
    await staged.until(lambda: told(staged).count("Copied request headers") == 1)
    await staged.press("j", key)
    await staged.until(lambda: told(staged).count("Copied request headers") == 2)


@case("copy.choose")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "y", key)
    await staged.until(lambda: "Copied URL" in told(staged))


@case("copy.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "y", key, "enter")
    await staged.until(lambda: "Copied curl command" in told(staged))


@case("copy.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "y", "down", "down", key, "enter")
    await staged.until(lambda: "Copied curl command" in told(staged))


@case("copy.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "y", key)
    assert staged.screen is staged.main
    assert "Copied" not in told(staged)


# --- saving


def dialog(staged: Stage) -> SaveScreen:
    """Return the dialog that is open."""
    assert isinstance(staged.screen, SaveScreen)
    return staged.screen


def fresh(name: str) -> Path:
    """Return a path in the home directory of the tests at which nothing is."""
    path = Path.home() / name
    path.unlink(missing_ok=True)
    return path


async def saved(staged: Stage, path: Path) -> None:
    """Wait until a file is there, and the dialog is gone."""
    await staged.until(lambda: "Saved" in told(staged))
    assert staged.screen is staged.main
    assert path.stat().st_size > 0


@case("list.save")
async def _(staged: Stage, action: Action, key: str) -> None:
    path = fresh("all.soth")
    await staged.press("g", key)
    assert dialog(staged).scope.id == "all"
    dialog(staged).set_path("~/all.soth")
    await staged.press("enter")
    await saved(staged, path)
    assert "Saved all flows" in told(staged)


@case("flow.save")
async def _(staged: Stage, action: Action, key: str) -> None:
    path = fresh("answer.json")
    await staged.press("g", "enter", "3", key)
    assert dialog(staged).scope.id == "response-body"
    assert dialog(staged).field.value == "orders.json"
    dialog(staged).set_path(str(path))
    await staged.press("enter")
    await saved(staged, path)
    assert path.read_bytes() == b'{"id": "o_81"}'


@case("save.save")
async def _(staged: Stage, action: Action, key: str) -> None:
    path = fresh("there.soth")
    path.write_bytes(b"something")
    await staged.press("g", "w")
    dialog(staged).set_path(str(path))
    await staged.press(key)
    assert "exists already, 9 bytes: enter again overwrites it" in staged.shown()
    assert path.read_bytes() == b"something"
    await staged.press(key)
    await saved(staged, path)
    assert path.read_bytes() != b"something"


@case("save.complete")
async def _(staged: Stage, action: Action, key: str) -> None:
    (Path.home() / "recordings" / "may").mkdir(parents=True, exist_ok=True)
    (Path.home() / "recordings" / "march").mkdir(exist_ok=True)
    await staged.press("g", "w")
    dialog(staged).set_path("~/recor")
    await staged.press(key)
    await staged.until(lambda: dialog(staged).field.value == "~/recordings/")
    await staged.press(key)
    await staged.until(lambda: dialog(staged).field.value == "~/recordings/ma")
    await staged.until(lambda: "march/  may/" in staged.shown())


@case("save.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "w", "up", "up", "up", key)
    assert dialog(staged).scope.id == "marked"
    assert "no flow is marked" in staged.shown()


@case("save.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "w", key, key, key)
    assert dialog(staged).scope.id == "flow"
    assert dialog(staged).field.value == "flow-1.soth"


@case("save.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "w", key)
    assert staged.screen is staged.main
    assert not [name for name in os.listdir() if name.endswith(".soth")]


# --- filtering


async def paths(staged: Stage, *wanted: str) -> None:
    """Wait until the list shows these paths, and no other one."""
    model = staged.main.model

    def shown() -> list[str]:
        rows = [model.row_of(model.flow_at(position)) for position in range(len(model))]
        return [row.path for row in rows if row is not None]

    await staged.until(lambda: shown() == list(wanted))


async def typed(staged: Stage, text: str) -> None:
    """Type a filter."""
    await staged.press("slash")
    await staged.type(text)


@case("filter.accept")
async def _(staged: Stage, action: Action, key: str) -> None:
    await typed(staged, "orders")
    await staged.press(key)
    assert staged.main.list.has_focus
    await paths(staged, "/orders")


@case("filter.clear")
async def _(staged: Stage, action: Action, key: str) -> None:
    await typed(staged, "stat")
    assert "status:" in staged.shown()
    await staged.press(key)
    assert "status:" not in staged.shown()
    assert staged.main.filter.text == "stat"
    await staged.press(key)
    await paths(staged, "/orders", "/app.js")
    await staged.press("slash", "up")
    assert staged.main.filter.text == "stat"


@case("filter.complete")
async def _(staged: Stage, action: Action, key: str) -> None:
    await typed(staged, "stat")
    assert "status:" in staged.shown(staged.main.filter.words)
    await staged.press(key)
    assert staged.main.filter.text == "status:"
    await staged.press(key)
    assert staged.main.filter.text == "status:2xx"
    await paths(staged, "/orders", "/app.js")


@case("filter.next")
async def _(staged: Stage, action: Action, key: str) -> None:
    await typed(staged, "status:")
    await staged.press(key, key, "enter")
    assert staged.main.filter.text == "status:3xx"
    assert staged.main.filter.field.has_focus
    await paths(staged)
    await staged.press(key)
    assert staged.main.list.has_focus


@case("filter.previous")
async def _(staged: Stage, action: Action, key: str) -> None:
    await typed(staged, "app.js")
    await staged.press("enter", "escape", "slash")
    await staged.type("draft")
    await staged.press(key)
    assert staged.main.filter.text == "app.js"
    await staged.press("down")
    assert staged.main.filter.text == "draft"


@case("filter.negate")
async def _(staged: Stage, action: Action, key: str) -> None:
    await typed(staged, "app.js")
    await staged.press(key)
    assert staged.main.filter.text == "!(app.js)"
    await paths(staged, "/orders")
    await staged.press(key)
    await paths(staged, "/app.js")


@case("filter.save")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("slash", key)
    assert "Type a filter first" in told(staged)
    await staged.type("app.js")
    await staged.press(key)
    await staged.type("scripts")
    await staged.press("enter")
    assert "[scripts]" in staged.shown(staged.main.filter)
    assert staged.main.filter.text == ""
    await paths(staged, "/app.js")
    await staged.type("orders")
    await paths(staged)
    await staged.press("enter", "escape")
    await paths(staged, "/orders", "/app.js")
    assert [each.text for each in staged.app.filtering.saved.saved] == ["app.js"]


async def with_saved(staged: Stage) -> None:
    """Have two filters with names, and the list of them open."""
    staged.app.filtering.saved.add("scripts", "app.js")
    staged.app.filtering.saved.add("shop", "host:api")
    await staged.press("F")
    assert isinstance(staged.screen, SavedScreen)


@case("list.saved-filters")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "No filter has a name yet" in staged.shown()


@case("saved.apply")
async def _(staged: Stage, action: Action, key: str) -> None:
    await with_saved(staged)
    await staged.press(key)
    await paths(staged, "/app.js")
    await staged.press("down", key)
    await paths(staged)
    await staged.press("up", key)
    await paths(staged, "/orders")
    await staged.press("escape")
    assert "[shop]" in staged.shown(staged.main.filter)


@case("saved.delete")
async def _(staged: Stage, action: Action, key: str) -> None:
    await with_saved(staged)
    await staged.press("enter", key)
    await paths(staged, "/orders", "/app.js")
    assert [each.name for each in staged.app.filtering.saved.saved] == ["shop"]


@case("saved.rename")
async def _(staged: Stage, action: Action, key: str) -> None:
    await with_saved(staged)
    await staged.press("enter", key)
    await staged.type("2")
    await staged.press("enter")
    assert isinstance(staged.screen, SavedScreen)
    assert staged.app.filtering.saved.on == ["scripts2"]
    await staged.until(lambda: "scripts2" in staged.shown())


@case("saved.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await with_saved(staged)
    await staged.press(key, "enter")
    await paths(staged, "/orders")


@case("saved.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await with_saved(staged)
    await staged.press("down", key, "enter")
    await paths(staged, "/app.js")


@case("saved.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await with_saved(staged)
    await staged.press(key)
    assert staged.screen is staged.main


@case("list.filter-off")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "There is no filter to switch off" in told(staged)
    await typed(staged, "app.js")
    await staged.press("enter", key)
    await paths(staged, "/orders", "/app.js")
    assert staged.main.filter.text == "app.js"
    assert "off" in staged.shown(staged.main.filter)
    await staged.press(key)
    await paths(staged, "/app.js")


@case("app.search")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert staged.main.filter.text == "body:"
    await staged.type("o_81")
    assert "searching bodies" in staged.shown()
    await paths(staged, "/orders")
    await staged.until(lambda: "valid · 1 of 2" in staged.shown())


for _id in CASES:
    SCENES[_id] = order
