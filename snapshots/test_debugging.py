"""How breakpoints, and what they have paused, look."""

from __future__ import annotations

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm.model import events as e
from soth_mitm.model.events import Body
from soth_mitm.model.terms import Direction, MessageForm
from soth_mitm.policy.breakpoints import Breakpoint, Stage
from soth_mitm.policy.editing import MessageDraft, RequestDraft, ResponseDraft
from tests.tui.script import Script
from tests.tui.stage import Stage as Staged
from tests.tui.stage import stage

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


async def picture_of(staged: Staged) -> str:
    """Return the screen without what comes and goes."""
    staged.app.clear_notifications()
    await staged.pilot.pause()
    return staged.app.export_screenshot(title="soth-mitm")


async def three_paused(staged: Staged) -> None:
    """Have a request, an edited response and a message of a stream paused, one of them not for long."""
    debugger = staged.control.debugger
    request = debugger.pause(1)
    assert isinstance(request.original, RequestDraft)
    answer = ResponseDraft(status=200, reason=b"OK", body=b'{"total": 3}')
    edited = msgspec.structs.replace(answer, status=503, reason=b"Service Unavailable")
    debugger.pause(2, answer, stage=Stage.RESPONSE_BODY, left=9.0, waited=51.0, name="no 5xx", edited=edited)
    message = MessageDraft(
        form=MessageForm.SSE, direction=Direction.RESPONSE, data=b'{"delta": "Hel"}', label="token"
    )
    debugger.pause(3, message, stage=Stage.MESSAGE_DOWN, left=None, waited=3.0, name="everything")
    await staged.press("g")
    await staged.until(lambda: staged.main.paused.display)


async def some_breakpoints(staged: Staged) -> None:
    """Set breakpoints of all kinds, one of which has stopped something."""
    chosen = (
        Breakpoint(expression="method:POST host:api.shop.test path:/orders", stages=(Stage.REQUEST_BODY,)),
        Breakpoint(expression="status:5xx", stages=(Stage.RESPONSE, Stage.RESPONSE_BODY), name="no 5xx"),
        Breakpoint(expression="is:sse body:delta", stages=(Stage.MESSAGE_DOWN,), once=True),
        Breakpoint(expression="host:cdn.", stages=(Stage.REQUEST,), enabled=False),
        Breakpoint(stages=(Stage.MESSAGE_UP, Stage.MESSAGE_DOWN), name="all messages", given=True),
    )
    debugger = staged.control.debugger
    states = await debugger.set_breakpoints(chosen)
    for _ in range(1204):
        debugger.hit(states[0].breakpoint)
    debugger.hit(states[1].breakpoint)


@SIZES
async def test_what_is_paused_is_pinned_above_the_list(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """A request, an edited response that goes on soon, a message without a deadline."""
    async with stage(size=size) as staged:
        await three_paused(staged)
        await staged.press("p", "j")
        assert await picture_of(staged) == picture


@SIZES
async def test_everything_is_paused(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """The banner, before anything has come."""
    async with stage(size=size) as staged:
        await staged.press("i")
        await staged.until(lambda: "‖ pausing everything" in staged.shown(staged.main.status))
        assert await picture_of(staged) == picture


@SIZES
async def test_leaving_asks_what_becomes_of_it(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """The choices of `q` while three messages are paused."""
    async with stage(size=size) as staged:
        await three_paused(staged)
        await staged.press("q")
        assert "3 messages are paused" in staged.shown()
        assert await picture_of(staged) == picture


@SIZES
@pytest.mark.parametrize("some", [True, False], ids=["some", "none"])
async def test_the_breakpoints(some: bool, size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Named and not, on and off, once, of the settings, with their hits; and where there is none."""
    async with stage(size=size) as staged:
        if some:
            await some_breakpoints(staged)
        await staged.press("B")
        if some:
            await staged.until(lambda: "1,204 hits" in staged.shown())
        assert await picture_of(staged) == picture


@SIZES
@pytest.mark.parametrize(
    "typed", ["", "(host:api", "status:5xx", "method:POST -body:x"], ids=["new", "wrong", "never", "right"]
)
async def test_one_breakpoint(typed: str, size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Everything, an expression that cannot be read, one that can stop nothing there, one that can."""
    async with stage(size=size) as staged:
        await staged.press("B", "n")
        await staged.type(typed)
        assert await picture_of(staged) == picture


@SIZES
async def test_a_breakpoint_from_a_flow(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """What `b` proposes for the selected flow, with the stages ticked."""
    async with stage(size=size) as staged:
        await staged.press("g", "b")
        assert await picture_of(staged) == picture


def decided(script: Script) -> None:
    """Have a request paused and edited, its response changed by a rule and dropped at a breakpoint."""
    conn = script.connect("api.shop.test")
    flow = script.request(conn, "api.shop.test", "POST", "/orders", body=b'{"qty": 7}')

    def tell(body: Body) -> None:
        script.publish(body, conn=conn, flow=flow)

    tell(e.Paused(1, Direction.REQUEST, Stage.REQUEST_BODY, "orders", 60.0))
    script.wait(8.2)
    tell(e.Resumed(1, Direction.REQUEST, "edited", 8_200_000_000))
    tell(e.MessageChanged(Direction.REQUEST, "person", "a body of 10 bytes", target="https://old.shop.test"))
    tell(e.RuleApplied("cart mock", "set-header", "X-Env: test"))
    tell(e.Paused(2, Direction.RESPONSE, Stage.RESPONSE, "no 5xx", 60.0))
    script.wait(60)
    tell(e.Resumed(2, Direction.RESPONSE, "deadline", 60_000_000_000))
    tell(e.Paused(3, Direction.RESPONSE, Stage.RESPONSE_BODY, "everything", 60.0))
    script.wait(2)
    tell(e.Resumed(3, Direction.RESPONSE, "dropped", 2_000_000_000))
    tell(e.FlowClosed("killed"))


@SIZES
async def test_the_overview_tells_what_was_done_to_a_flow(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """Three pauses with their ends, a rule, and what changed."""
    async with stage(decided, size=size) as staged:
        await staged.press("G", "enter")
        await staged.until(lambda: "On its way" in staged.shown())
        assert await picture_of(staged) == picture
