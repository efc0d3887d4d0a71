"""The editor, tab by tab."""

from __future__ import annotations

import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm.policy.editing import RequestDraft
from soth_mitm_tui.screens.edit import EditScreen
from tests.tui.stage import Stage, stage

FORM = b"application/x-www-form-urlencoded"
HOSTILE = "\N{RIGHT-TO-LEFT OVERRIDE}\x1b[31m".encode()
REQUEST = RequestDraft(
    scheme="https",
    host="api.shop.test",
    port=443,
    method=b"POST",
    target=b"/orders?dry_run=1&note=a%20b",
    fields=(
        (b"Host", b"api.shop.test"),
        (b"Content-Type", b"application/json"),
        (b"Cookie", b"session=8f14e45f; theme=dark"),
        (b"X-Trace", b"a"),
        (b"X-Trace", b"caf\xc3\xa9 \xff"),
        (b"Content-Length", b"57"),
    ),
    body=b'{"sku":"A-7","qty":3,"gift":null,"tags":["new","gr\xc3\xbcn"]}',
)
KEYS: dict[str, tuple[str, ...]] = {
    "Body": ("down", "down", "end", "left", "0"),
    "Hex": ("down", "right", "4"),
    "Line": (),
    "Headers": ("down", "down", "down", "n", *"X-Debug", "tab", "1"),
    "Query": ("down",),
    "Cookies": ("down", "enter"),
    "Raw": ("down", "down", "shift+end"),
    "Changes": (),
}


async def show(staged: Stage, draft: RequestDraft) -> EditScreen:
    staged.control.debugger.pause(1, draft)
    staged.main.list.go_to_flow(1)
    staged.app.perform("flow.edit")
    await staged.until(lambda: isinstance(staged.screen, EditScreen) and staged.screen.name_shown)
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    return screen


async def drawn(staged: Stage) -> str:
    """Draw the screen once it is what it was a moment before."""
    staged.app.clear_notifications()
    last = ""
    while True:
        await staged.pilot.pause(0.02)
        picture = staged.app.export_screenshot(title="soth-mitm")
        if picture == last:
            return picture
        last = picture


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_a_request_in_each_tab(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """What is changed in one tab is there in the next one."""
    async with stage(size=size) as staged:
        screen = await show(staged, REQUEST)
        for name, keys in KEYS.items():
            await screen.show_tab(name)
            await staged.until(lambda name=name: f"[{name}" in staged.shown())  # type: ignore[misc]
            await staged.keys(*keys)
            if name == "Changes":
                await staged.until(lambda: "differences" in staged.shown())
            assert await drawn(staged) == picture(name=name)
            if keys[-1:] in (("1",), ("enter",)):
                await staged.keys("enter")


async def test_what_is_wrong_and_what_would_act_on_the_terminal(picture: SnapshotAssertion) -> None:
    """A form whose bytes are hostile, JSON with a fault, a header that cannot be sent."""
    form = RequestDraft(
        scheme="https",
        host="a.test",
        port=443,
        method=b"POST",
        target=b"/",
        fields=((b"content-type", FORM), (b"x", HOSTILE)),
        body=b"name=" + HOSTILE + b"&mail=a%40b.test&flag",
    )
    async with stage(size=(80, 24)) as staged:
        screen = await show(staged, form)
        await screen.show_tab("Form")
        assert await drawn(staged) == picture(name="Form")
        screen.sheet.change(
            "test", fields=((b"content-type", b"text/plain"), (b"X: y", b"a\nb")), as_typed=True
        )
        await screen.show_tab("Body")
        await staged.keys("home")
        assert await drawn(staged) == picture(name="hostile")
        await screen.show_tab("Headers")
        await staged.until(lambda: "[Headers" in staged.shown())
        assert await drawn(staged) == picture(name="wrong")
        screen.sheet.change("test", fields=((b"content-type", b"application/json"),), data=b'{\n  "a": 1,\n}')
        await screen.show_tab("Body")
        await staged.keys("end", "space")
        staged.control.debugger.paused = ()
        await staged.until(lambda: "not paused any more" in staged.shown())
        assert await drawn(staged) == picture(name="over")


async def test_a_call_and_a_fault_in_messagepack(picture: SnapshotAssertion) -> None:
    """Binary formats as texts: by number in a call, with widths in MessagePack."""
    order = b"\x0a\x04c_77\x12\x08\x0a\x04p_17\x10\x03\x1d\x00\x00\xc0\x3f\x2a\x02\x00\xff"
    call = msgspec.structs.replace(
        REQUEST,
        target=b"/shop.Orders/Add",
        fields=((b"content-type", b"application/grpc"), (b"te", b"trailers")),
        body=b"\x00\x00\x00\x00" + bytes((len(order),)) + order,
    )
    packed = bytes.fromhex("83a26964cd0007a57072696365ca3fc00000a46d616465d6ff692d0f00")
    async with stage(size=(80, 24)) as staged:
        screen = await show(staged, call)
        await staged.keys("down", "down", "down", "end", "0")
        assert await drawn(staged) == picture(name="call")
        fields = ((b"content-type", b"application/msgpack"),)
        screen.sheet.change("test", fields=fields, data=packed)
        await screen.show_tab("Hex")
        await screen.show_tab("Body")
        await staged.keys("down", "end", "left", "9", "9", "9", "9", "9")
        assert await drawn(staged) == picture(name="msgpack")
