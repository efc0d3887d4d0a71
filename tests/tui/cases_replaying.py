"""The actions that send requests again."""

from __future__ import annotations

import json
from collections.abc import Callable

from textual.events import Paste

from soth_mitm.model import events as e
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.compose import ComposeScreen
from soth_mitm_tui.screens.edit import EditScreen
from soth_mitm_tui.screens.picker import PickerScreen
from soth_mitm_tui.screens.replay import ReplayScreen
from soth_mitm_tui.screens.results import ResultsScreen
from tests.tui.cases import CASES, case, toasts
from tests.tui.cases_comparing import ORDER, orders, refused
from tests.tui.resending import Answer
from tests.tui.script import Script
from tests.tui.stage import Stage

__all__ = ["CASES", "SCENES"]


def mark(staged: Stage, *flows: int) -> None:
    """Mark flows, as the proxy tells it."""
    for flow in flows:
        staged.script.publish(e.Annotated(mark="●"), flow=flow)


@case("flow.replay")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    await staged.until(lambda: "Flow #1 is sent again as #61" in toasts(staged))
    (replay,) = staged.control.replays
    assert (replay.of, replay.resend.draft.target) == (1, b"/item/0")
    await staged.press("G")
    assert "↻ of 1  /item/0" in staged.shown(staged.main.list)
    assert "↻ replay of 1" in staged.shown(staged.main.detail)
    mark(staged, 2, 3)
    await staged.settle()
    await staged.press("g", "j", key)
    assert isinstance(staged.screen, PickerScreen)
    await staged.press("m")
    await staged.until(lambda: "2 flows are sent again" in toasts(staged))
    assert [each.of for each in staged.control.replays] == [1, 2, 3]
    staged.control.refusal = "the proxy is stopping"
    await staged.press("g", key)
    await staged.until(lambda: "the proxy is stopping" in toasts(staged))


@case("flow.counterpart")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "j", key)
    await staged.until(lambda: "Flow #2 is no replay" in toasts(staged))
    await staged.press("r")
    await staged.until(lambda: "sent again as #61" in toasts(staged))
    await staged.press(key)
    await staged.until(lambda: staged.main.list.selected == 61)
    await staged.press(key)
    assert staged.main.list.selected == 2
    staged.app.replaying._came_from = (0, 0)
    await staged.press(key)
    await staged.until(lambda: staged.main.list.selected == 61)


# --- several times


async def asked(staged: Stage) -> ReplayScreen:
    """Open the dialog for the order."""
    await staged.press("g", "ctrl+r")
    screen = staged.screen
    assert isinstance(screen, ReplayScreen)
    return screen


async def results(staged: Stage, times: str = "3") -> ResultsScreen:
    """Send the order some times: it is answered as before, otherwise, and not at all."""
    same = json.dumps(ORDER).encode()
    staged.control.answers = [
        Answer(201, same, "application/json"),
        refused(),
        Answer(error="refused: nothing listens at api.shop.test port 443"),
    ]
    await asked(staged)
    await staged.press(*times, "enter")
    screen = staged.screen
    assert isinstance(screen, ResultsScreen)
    await staged.until(lambda: sum(entry.settled for entry in screen.run.entries) == 3)
    return screen


async def again(staged: Stage) -> ResultsScreen:
    """Show results, those of before where there are some."""
    if not staged.app.replaying.runs:
        return await results(staged)
    staged.app.perform("app.results")
    await staged.pilot.pause()
    screen = staged.screen
    assert isinstance(screen, ResultsScreen)
    return screen


@case("flow.replay-several")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert "Sends it 10 times, 2 at once, to https://api.shop.test" in staged.shown()
    await staged.press("escape")
    mark(staged, 1, 2)
    await staged.settle()
    await staged.press("g", key, "m")
    await staged.until(lambda: "2 marked flows" in staged.shown() or isinstance(staged.screen, ReplayScreen))
    await staged.press("1", "enter")
    await staged.until(lambda: [each.of for each in staged.control.replays] == [1, 2])
    await staged.until(lambda: "2 of 2 answered" in staged.shown())


@case("app.results")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press(key)
    assert "ctrl+r does" in toasts(staged)
    shown = await results(staged)
    await staged.press("escape", key)
    screen = staged.screen
    assert isinstance(screen, ResultsScreen)
    assert screen.run is shown.run


@case("several.send")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await asked(staged)
    for field, typed, said in (
        ("to", "ftp://x", "the scheme ftp is neither http nor https"),
        ("times", "0", "'0' is no number from 1 to 10,000"),
        ("concurrency", "33", "'33' is no number from 1 to 32"),
        ("timeout", "soon", "'soon' is no time"),
        ("ignore", "json:id", "does not begin with $"),
    ):
        before, screen.fields[field].value = screen.fields[field].value, typed
        await staged.press(key)
        assert staged.screen is screen
        assert said in " ".join(staged.shown().split()), field
        assert screen.fields[field].value == typed
        screen.fields[field].value = before
    screen.fields["to"].value = "http://127.0.0.1:3000"
    screen.fields["timeout"].value = "500ms"
    await staged.press(key)
    await staged.until(lambda: bool(staged.control.replays))
    replay = staged.control.replays[-1]
    draft = replay.resend.draft
    assert (draft.scheme, draft.host, draft.port, draft.fields[0][1]) == (
        "http", "127.0.0.1", 3000, b"127.0.0.1:3000"
    )  # fmt: skip
    assert (replay.times, replay.how) == (10, {"concurrency": 2, "timeout": 0.5, "gaps": False})
    staged.app.replaying._texts = {"times": "10", "concurrency": "2"}


@case("several.switch")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await asked(staged)
    screen.ticks.focus()
    await staged.press(key)
    assert screen.judged.plan.keep_host


@case("several.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await asked(staged)
    await staged.press(key)
    assert screen.fields["concurrency"].has_focus


@case("several.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await asked(staged)
    await staged.press(key)
    assert screen.fields["to"].has_focus


@case("several.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await asked(staged)
    before = len(staged.control.replays)
    await staged.press(key)
    assert (staged.screen, len(staged.control.replays)) == (staged.main, before)


@case("results.open")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await results(staged)
    await staged.until(lambda: "2 of 3 answered · ✕ 1 failed · ≠ 1 differs · = 1 the same" in staged.shown())
    assert "422  9.0ms   15ms    86  ≠ 6 differ: line, $.id, $.qty, …" in staged.shown()
    assert "✕ refused: nothing listens" in staged.shown()
    flow = screen.run.entries[1].flow
    await staged.press("j", key)
    await staged.until(lambda: staged.screen is staged.main)
    assert staged.main.detail.flow == flow


@case("results.diff")
async def _(staged: Stage, action: Action, key: str) -> None:
    await again(staged)
    await staged.press("j", key)
    await staged.until(lambda: "#1 original" in staged.shown() and "6 differ" in staged.shown())


@case("results.cancel")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await results(staged, "5")
    assert not screen.run.finished
    await staged.press(key)
    await staged.until(lambda: screen.run.finished and "2 not sent" in staged.shown())
    await staged.press(key)
    assert "It is over already" in toasts(staged)


@case("results.again")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await again(staged)
    before = screen.run
    await staged.until(lambda: before.finished)
    await staged.press(key)
    await staged.until(lambda: len(screen.run.entries) == len(before.entries) and screen.run is not before)
    assert screen.run.plan == before.plan
    await screen.run.stop()


async def moves(staged: Stage, key: str, *, begin: int, end: int) -> None:
    """Check where a key moves the cursor to."""
    screen = await again(staged)
    screen.list.go(begin)
    await staged.press(key)
    await staged.until(lambda: screen.list.cursor == end)


@case("results.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await moves(staged, key, begin=0, end=1)


@case("results.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await moves(staged, key, begin=2, end=1)


@case("results.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await moves(staged, key, begin=0, end=4)


@case("results.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await moves(staged, key, begin=2, end=0)


@case("results.first")
async def _(staged: Stage, action: Action, key: str) -> None:
    await moves(staged, key, begin=2, end=0)


@case("results.last")
async def _(staged: Stage, action: Action, key: str) -> None:
    await moves(staged, key, begin=0, end=4)


@case("results.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await again(staged)
    await staged.press(key)
    assert staged.screen is staged.main


# --- edited, and new


@case("flow.edit-replay")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    screen.sheet.change("test", method="PUT")
    await staged.press("escape")
    await staged.until(lambda: "what you typed is kept" in toasts(staged))
    await staged.press(key)
    staged.control.refusal = "the field x is no field"
    await staged.press("ctrl+s")
    await staged.until(lambda: "the field x is no field" in staged.shown())
    staged.control.refusal = ""
    await staged.press("ctrl+s")
    await staged.until(lambda: staged.main.list.selected == 4)
    (replay,) = staged.control.replays
    assert (replay.of, replay.resend.draft.method) == (1, b"PUT")
    assert "Sent as #4, edited" in toasts(staged)


@case("app.compose")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert isinstance(staged.screen, ComposeScreen)
    assert "GET https://api.shop.test/ · 2 fields" in staged.shown()
    await staged.press("escape")
    staged.app.post_message(Paste("curl 'https://api.shop.test/x' -d @orders.json"))
    await staged.until(lambda: "column 32: -d sends what is in the file orders.json" in staged.shown())
    await staged.press("ctrl+s")
    assert "This is no request yet" in toasts(staged)
    assert "-d @orders.json" in staged.shown(), "what was pasted stays"


async def written(staged: Stage, text: str) -> ComposeScreen:
    """Write a request."""
    await staged.press("g", "N")
    screen = staged.screen
    assert isinstance(screen, ComposeScreen)
    screen.area.text = text
    await staged.until(lambda: screen.read == text)
    return screen


@case("compose.edit")
async def _(staged: Stage, action: Action, key: str) -> None:
    await written(staged, "delete https://api.shop.test:8443/orders/7")
    await staged.until(lambda: "DELETE https://api.shop.test:8443/orders/7 · 3 fields" in staged.shown())
    await staged.press("enter")
    assert isinstance(staged.screen, EditScreen)
    assert "goes as a row of its own" in staged.shown()


@case("compose.send")
async def _(staged: Stage, action: Action, key: str) -> None:
    await written(staged, "curl -k https://api.shop.test/ -d a=1")
    await staged.until(lambda: "· -k: whether certificates are verified" in staged.shown())
    staged.control.refusal = "the proxy is stopping"
    await staged.press(key)
    await staged.until(lambda: "the proxy is stopping" in staged.shown())
    staged.control.refusal = ""
    staged.control.answers = [Answer()]
    await staged.press(key)
    await staged.until(lambda: staged.screen is staged.main)
    replay = staged.control.replays[-1]
    assert (replay.of, replay.resend.draft.method, replay.resend.draft.body) == (0, b"POST", b"a=1")


@case("compose.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await written(staged, "https://api.shop.test")
    await staged.press(key)
    assert staged.screen is staged.main


SCENES: dict[str, Callable[[Script], object]] = {
    "several": orders, "results": orders, "flow.replay-several": orders, "app.results": orders,
    "compose": orders, "flow.edit-replay": orders, "app.compose": orders,
}  # fmt: skip
