"""The actions that compare, and those of a comparison."""

from __future__ import annotations

import json
from collections.abc import Callable

from soth_mitm.model import events as e
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.diff import DiffScreen
from tests.decode.llm.dialects import MESSAGES_STREAMED
from tests.tui.cases import CASES, case, toasts
from tests.tui.resending import Answer
from tests.tui.script import Script
from tests.tui.stage import Stage
from tests.tui.talks import chat

__all__ = ["CASES", "SCENES", "orders"]

ORDER = {"id": "o_81", "sku": "A-7", "qty": 3, "notes": "as ever", "lines": [{"sku": "A-7"}]}
REFUSED = {"error": "qty over stock", "sku": "A-7", "qty": 30, "notes": "as never", "lines": []}


def orders(script: Script) -> None:
    """Play an order whose answer can be told from that of its replay, and a long text."""
    conn = script.connect("api.shop.test")
    order = json.dumps(ORDER).encode()
    script.exchange(
        "api.shop.test", "POST", "/orders?dry_run=1", 201, "Created", conn=conn, body=order,
        content_type="application/json",
    )  # fmt: skip
    for words in ("{}", "a{}"):
        text = "\n".join(words.format(number) for number in range(99)).encode()
        script.exchange(
            "api.shop.test", "GET", "/notes", 200, "OK", conn=conn, body=text, content_type="text/plain"
        )


def refused() -> Answer:
    """Return what comes back when the order is sent again."""
    return Answer(422, json.dumps(REFUSED).encode(), "application/json", after=0.009)


def order_again() -> list[Answer]:
    """Return what comes back of one time after the other."""
    same = json.dumps(ORDER).encode()
    answers = [Answer(201, same, "application/json", after=0.011 + number / 500) for number in range(4)]
    return [refused(), answers[0], answers[1], Answer(error="refused: nothing listens there"), *answers[2:]]


async def compared(staged: Stage) -> DiffScreen:
    """Compare the order with its replay."""
    if not staged.app.replaying.latest:
        staged.control.answers = [refused()]
        await staged.press("g", "r")
        await staged.until(lambda: staged.app.replaying.latest)
    await staged.press("g", "D")
    screen = staged.screen
    assert isinstance(screen, DiffScreen)
    await staged.until(lambda: screen.view.layout_of is not None)
    return screen


@case("flow.diff")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert "Flow #1 is picked: D on another one compares both" in toasts(staged)
    await staged.press("j", key)
    assert isinstance(staged.screen, DiffScreen)
    await staged.until(lambda: "/notes" in staged.shown())
    await staged.press("escape")
    screen = await compared(staged)
    assert screen.report is not None
    assert (screen.report.differences, screen.noise) == (6, False)
    assert "- #1 original  201" in staged.shown()
    await staged.press("escape")
    for flow in (2, 3):
        staged.script.publish(e.Annotated(mark="●"), flow=flow)
    await staged.settle()
    await staged.press("g", "j", key)
    await staged.until(lambda: "99 differ" in staged.shown())


def agent(script: Script) -> None:
    """Play two turns of one conversation with a model, another in between, and a call of another kind."""

    def turn(*messages: object, answer: bytes = b"") -> None:
        body = json.dumps({"model": "m-1", "max_tokens": 9, "messages": messages}).encode()
        conn = script.connect("api.llm.test")
        fields = (("content-type", "application/json"),)
        flow = script.request(conn, "api.llm.test", "POST", "/v1/messages", body=body, fields=fields)
        script.respond(conn, flow, 200, "OK", body=answer, content_type="text/event-stream")

    asked, used = {"role": "user", "content": "Weather?"}, {"type": "tool_use", "id": "c1", "name": "weather"}
    given = {"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}
    turn(asked, answer=MESSAGES_STREAMED.body)
    turn({"role": "user", "content": "Another matter"})
    turn(asked, {"role": "assistant", "content": [used]}, {"role": "user", "content": [given]})
    script.exchange("api.llm.test", "GET", "/v1/models", 200, "OK", body=b"{}")


@case("flow.turn")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", key)
    await staged.until(lambda: "Flow #4 is no request to a language model" in toasts(staged))
    await staged.press("g", key)
    await staged.until(lambda: "No earlier flow to api.llm.test shares a message with #1" in toasts(staged))
    await staged.press("j", "j", key)
    await staged.until(lambda: "all of the earlier prompt is the same" in staged.shown())
    for words in ("#1 turn before", "#3", "messages[2] · user", "sunny", "Calls of tools and their results"):
        assert words in staged.shown()


@case("flow.turn-after")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("G", "k", key)
    await staged.until(lambda: "No later flow to api.llm.test goes on from #3" in toasts(staged))
    await staged.press("g", key)
    await staged.until(lambda: "all of the earlier prompt is the same" in staged.shown())
    for words in ("#3 turn after", "#1", "weather", "sunny", "Calls of tools and their results"):
        assert words in staged.shown()


@case("messages.diff")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", "enter")
    await staged.until(lambda: staged.main.detail.messages.list.has_focus)
    await staged.press("g", key)
    assert "Message 1 is picked" in toasts(staged)
    await staged.press("j", key)
    await staged.until(lambda: "+ message 2" in staged.shown() and "differ" in staged.shown())
    await staged.press("escape", "g", *"jjjjjjjjj", key)
    await staged.until(lambda: "as the server wrote it" in staged.shown(), seconds=3)
    assert "rewritten by the handler" in staged.shown()


@case("diff.next")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await compared(staged)
    await staged.press(key)
    assert (screen.view.at, "1 of 6 differ" in staged.shown()) == (0, True)


@case("diff.previous")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await compared(staged)
    await staged.press("n", "n", key)
    assert screen.view.at == 0
    await staged.press(key)
    assert "This is the first difference" in toasts(staged)


@case("diff.noise")
async def _(staged: Stage, action: Action, key: str) -> None:
    staged.app.state.set("replay", "ignore", ["json:$.id"])
    screen = await compared(staged)
    report = screen.report
    assert report is not None
    assert (report.differences, report.ignored) == (5, 1)
    await staged.press(key)
    await staged.until(lambda: screen.report is not report)
    assert screen.report is not None
    assert screen.report.differences == 6
    staged.app.state.set("replay", "ignore", None)


@case("diff.side")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await compared(staged)
    assert screen.split
    assert "~ $.qty  3  " in staged.shown()
    await staged.press(key)
    await staged.until(lambda: "- $.qty  3" in staged.shown() and "+ $.qty  30" in staged.shown())


@case("diff.all")
async def _(staged: Stage, action: Action, key: str) -> None:
    await compared(staged)
    assert "user-agent" not in staged.shown()
    await staged.press(key)
    await staged.until(lambda: "user-agent: curl/8.9.1" in staged.shown())


@case("diff.copy")
async def _(staged: Stage, action: Action, key: str) -> None:
    await compared(staged)
    await staged.press(key)
    await staged.until(lambda: "Differences, " in toasts(staged))


async def scrolls(staged: Stage, key: str, *, begin: int, end: tuple[int, int]) -> None:
    """Check where a key scrolls to, from somewhere, in texts of which nothing is the same."""
    staged.app.comparing.compare(2, 3)
    screen = staged.screen
    assert isinstance(screen, DiffScreen)
    await staged.until(lambda: screen.view.max_scroll_y > 60)
    screen.view.go_to(begin)
    await staged.press(key)
    await staged.until(lambda: end[0] <= screen.view.top <= end[1])


@case("diff.down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await scrolls(staged, key, begin=0, end=(1, 1))


@case("diff.up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await scrolls(staged, key, begin=4, end=(3, 3))


@case("diff.page-down")
async def _(staged: Stage, action: Action, key: str) -> None:
    await scrolls(staged, key, begin=0, end=(30, 40))


@case("diff.page-up")
async def _(staged: Stage, action: Action, key: str) -> None:
    await scrolls(staged, key, begin=40, end=(2, 10))


@case("diff.first")
async def _(staged: Stage, action: Action, key: str) -> None:
    await scrolls(staged, key, begin=6, end=(0, 0))


@case("diff.last")
async def _(staged: Stage, action: Action, key: str) -> None:
    await scrolls(staged, key, begin=0, end=(61, 99))


@case("diff.close")
async def _(staged: Stage, action: Action, key: str) -> None:
    await compared(staged)
    await staged.press(key)
    assert staged.screen is staged.main


SCENES: dict[str, Callable[[Script], object]] = {
    "flow.turn": agent,
    "flow.turn-after": agent,
    "flow.diff": orders,
    "diff": orders,
    "messages.diff": chat,
}
