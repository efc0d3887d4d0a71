"""How the messages of a flow look. Read a changed picture as a person would."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from soth_mitm_tui.state import State
from tests.tui.script import Script
from tests.tui.stage import stage
from tests.tui.talks import Talk, answer, chat, everything, hostile, model

SMALL, USUAL = (80, 24), (120, 40)
BOTH = pytest.mark.parametrize("size", [SMALL, USUAL], ids=["80x24", "120x40"])


@BOTH
async def test_a_chat_over_a_websocket(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """All that messages may be: both directions, control frames, compressed, in frames, changed, dropped."""
    async with stage(chat, size=size) as staged:
        await staged.press("G", "enter")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@BOTH
async def test_an_event_stream_that_was_left_at_its_end(
    size: tuple[int, int], picture: SnapshotAssertion
) -> None:
    """Events that came while the person looked at older ones."""

    def scene(script: Script) -> None:
        talks.append(answer(script))

    talks: list[Talk] = []
    async with stage(scene, size=size) as staged:
        await staged.press("G", "enter")
        await staged.press("k", "k")
        for number in range(12):
            talks[0].event({"type": "ping", "n": number}, "ping")
        await staged.until(lambda: "12 new below" in staged.shown())
        await staged.settle()
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@BOTH
async def test_one_message(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """A message that a handler changed, as it was sent."""
    async with stage(chat, size=size) as staged:
        await staged.press("G", "enter")
        await staged.press("k", "k", "enter", "j", "j", "j")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@BOTH
async def test_a_filter_over_messages(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """A text and a direction; the filter stays in sight."""
    async with stage(chat, size=size) as staged:
        await staged.press("G", "enter")
        await staged.press("slash")
        staged.main.detail.messages.bar.field.value = "↓ type !welcome"
        await staged.until(lambda: "of 12 messages" in staged.shown())
        await staged.press("enter")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@BOTH
async def test_hostile_messages(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Control sequences in labels, ids and payloads, wide characters, a megabyte."""
    async with stage(hostile, size=size) as staged:
        await staged.press("G", "enter")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@pytest.mark.parametrize("look", ["light", "no-color", "ansi"])
async def test_the_other_looks(
    look: str, monkeypatch: pytest.MonkeyPatch, picture: SnapshotAssertion
) -> None:
    """The chat on a light ground, without colours, and in the terminal's own."""
    state = State()
    if look == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        state.set("look", "theme", f"soth-{look}")
    async with stage(chat, state=state) as staged:
        await staged.press("G", "enter")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


async def test_flows_of_every_kind_beside_their_messages(picture: SnapshotAssertion) -> None:
    """A very wide screen: the list at the left, a call of gRPC at the right."""
    async with stage(everything, size=(180, 50)) as staged:
        await staged.press("G", "k", "k")
        await staged.press("enter")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


async def test_what_can_be_copied_of_a_message(picture: SnapshotAssertion) -> None:
    """The menu over the list."""
    async with stage(chat, size=SMALL) as staged:
        await staged.press("G", "enter")
        await staged.press("y")
        assert staged.app.export_screenshot(title="soth-mitm") == picture


@BOTH
async def test_what_a_model_says_while_it_is_said(size: tuple[int, int], picture: SnapshotAssertion) -> None:
    """Thinking is quiet, prose wraps at words and hangs below bullets, arguments of tools are JSON."""
    async with stage(model, size=size) as staged:
        await staged.press("G", "enter")
        await staged.until(lambda: "assistant · thinking" in staged.shown())
        await staged.press("end")
        await staged.until(lambda: "Paris" in staged.shown())
        await staged.settle()
        assert staged.app.export_screenshot(title="soth-mitm") == picture
