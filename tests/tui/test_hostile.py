"""Whatever bytes a peer sends, the terminal gets none of its own commands from us."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from textual.color import Color

from soth_mitm.model import events as e
from soth_mitm_tui.safe import ControlFilter
from tests.tui.script import HOSTILE, Script
from tests.tui.stage import Stage, stage

BYTES = st.one_of(
    st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))
)
FORBIDDEN = {
    chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def emitted(staged: Stage) -> str:
    """Return every character of the finished screen."""
    strips = staged.app.screen._compositor.render_strips()
    return "".join(segment.text for strip in strips for segment in strip)


def play(script: Script, data: bytes) -> None:
    """Put bytes wherever a peer can put any."""
    text = data.decode("utf-8", "replace")
    conn = script.connect("a.test" + text[:10])
    flow = script.new_flow(conn, e.FlowOpened(e.FlowKind.HTTP, "https", text, 443, text, intercepted=True))
    raw = b"GET " + data + b" HTTP/1.1\r\n" + data + b": " + data + b"\r\n\r\n"
    script.publish(e.RequestHead(data, data, text, raw, data, data), conn=conn, flow=flow)
    script.publish(e.FlowBound(conn, conn + 1, False, text), conn=conn, flow=flow)
    script.publish(e.Noted(text, text), conn=conn, flow=flow)
    script.publish(e.Anomaly(text, e.Direction.REQUEST, text), conn=conn, flow=flow)
    script.publish(e.HandlerFailed(text, text, "open"), conn=conn, flow=flow)
    script.publish(e.RequestEnd(0, len(raw)), conn=conn, flow=flow)
    script.publish(e.ResponseHead(200, data, text, raw, data, b""), conn=conn, flow=flow)
    script.chunks(conn, flow, e.Direction.RESPONSE, data)
    script.publish(e.GuardTripped(text, e.Direction.RESPONSE, text, 502, text), conn=conn, flow=flow)
    script.publish(e.ResponseEnd(len(data), len(data), data), conn=conn, flow=flow)
    script.publish(e.FlowClosed(text, text), conn=conn, flow=flow)


async def look_everywhere(data: bytes) -> None:
    """Show the bytes in the list, each tab and view, a message, the filter and its empty list."""
    async with stage(lambda script: play(script, data), size=(100, 60)) as staged:
        script = staged.script
        script.publish(e.Notice("warning", data.decode("utf-8", "replace")))
        staged.store.catch_up()
        seen = ""
        for key in ("enter", "2", "U", "3", "v", "v", "v", "4", "5"):
            await staged.press(key)
            seen += emitted(staged)
        staged.main.filter.open()
        staged.main.filter.field.value = data.decode("utf-8", "replace")
        await staged.settle()
        seen += emitted(staged)
        assert not FORBIDDEN & set(seen)
        assert staged.app.failure is None
        assert staged.main.detail.text.failure is None
        assert staged.main.list.failure is None


@example(data=HOSTILE)
@example(data=b"\x1b]0;t\x07[@click=app.quit]x[/b]")
@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # an app is too slow a thing to shrink with
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=BYTES)
def test_no_byte_of_a_peer_commands_the_terminal(data: bytes) -> None:
    asyncio.run(look_everywhere(data))


@given(text=st.text(max_size=60))
def test_the_last_door_replaces_what_was_forgotten(text: str) -> None:
    strip = ControlFilter().apply([Segment(text), Segment("plain")], Color(0, 0, 0))
    shown = "".join(segment.text for segment in strip)
    assert not FORBIDDEN & set(shown)
    assert len(shown) == len(text) + 5


async def test_markup_in_a_path_is_text_and_not_a_link() -> None:
    async with stage(lambda script: script.hostile()) as staged:
        await staged.press("enter")
        assert "[@click=app.quit]x[/b]" in staged.shown()
        await staged.pilot.click("#detail-title", offset=(30, 0))
        await staged.pilot.click("#list", offset=(60, 0))
        await staged.settle()
        assert staged.control.drains == []
