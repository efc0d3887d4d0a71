"""The actions of the editor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from soth_mitm.policy.editing import RequestDraft
from soth_mitm_tui.actions import Action
from soth_mitm_tui.screens.edit import EditScreen
from soth_mitm_tui.screens.help import HelpScreen
from tests.tui.cases import CASES, case, toasts
from tests.tui.cases_debugger import in_queue, paused
from tests.tui.stage import Stage

__all__ = ["CASES"]


async def opened(staged: Stage) -> EditScreen:
    """Open the editor of a paused request, at its body."""
    staged.control.debugger.pause(1)
    staged.main.list.go_to_flow(1)
    staged.app.perform("flow.edit")
    await staged.until(lambda: isinstance(staged.screen, EditScreen) and staged.screen.name_shown)
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    return screen


def draft_of(staged: Stage) -> RequestDraft:
    """Return the draft of the message that is paused."""
    draft = staged.control.debugger.paused[0].draft
    assert isinstance(draft, RequestDraft)
    return draft


async def changed(staged: Stage) -> EditScreen:
    """Put a three where there was none, in front of the quantity: 33."""
    screen = await opened(staged)
    await staged.keys("down", "down", "end", "3")
    assert screen.sheet.parts.data == b'{"sku": "A-7", "qty": 33}'
    return screen


@contextmanager
def own_editor(staged: Stage, command: str) -> Iterator[None]:
    """Have an editor of the person's own, and a terminal that can be handed to it."""
    os.environ["EDITOR"] = command
    staged.app.suspend = nullcontext  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        del os.environ["EDITOR"]


@case("flow.edit")
async def _(staged: Stage, action: Action, key: str) -> None:
    await staged.press("g", key)
    assert "Nothing of this flow is paused" in toasts(staged)
    await paused(staged)
    await staged.keys(key)
    assert isinstance(staged.screen, EditScreen)
    await staged.until(lambda: staged.control.debugger.paused[0].editing)


@case("paused.edit")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_queue(staged)
    await staged.keys(key)
    assert isinstance(staged.screen, EditScreen)
    assert "waits, no deadline" in staged.shown()


@case("paused.answer")
async def _(staged: Stage, action: Action, key: str) -> None:
    await in_queue(staged)
    await staged.keys(key)
    assert "Answer to POST" in staged.shown()
    await staged.keys("ctrl+s")
    await staged.until(lambda: staged.control.debugger.ended == [(1, "answered 200")])
    assert staged.screen is staged.main


@case("edit.send")
async def _(staged: Stage, action: Action, key: str) -> None:
    await changed(staged)
    await staged.keys(key)
    await staged.until(lambda: staged.control.debugger.ended == [(1, "resumed")])
    assert staged.control.debugger.sent == [b'{"sku": "A-7", "qty": 33}']
    assert staged.screen is staged.main


@case("edit.as-typed")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await opened(staged)
    await staged.keys(key)
    assert "sent as typed" in staged.shown()
    assert screen.sheet.parts.as_typed
    await staged.keys(key)
    assert not screen.sheet.edited


@case("edit.answer")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged)
    await staged.keys(key)
    assert "Answer to POST" in staged.shown()
    await staged.keys("ctrl+s")
    await staged.until(lambda: staged.screen is staged.main)
    assert staged.control.debugger.ended == [(1, "answered 200")]


@case("edit.external")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await opened(staged)
    await staged.keys(key)
    assert "No editor is set" in staged.shown(), "it says which variables name one"
    with own_editor(staged, "sed -i s/3/7/"):
        await staged.keys(key)
        await staged.until(lambda: screen.sheet.edited)
    assert screen.sheet.parts.data == b'{"sku": "A-7", "qty": 7}'


@case("edit.undo")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await changed(staged)
    await staged.keys(key)
    assert not screen.sheet.edited
    assert '"qty": 3\n' in staged.shown()


@case("edit.step-back")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await changed(staged)
    await staged.keys("f8", "f6", "f6")
    await staged.keys(key)
    assert screen.sheet.edited


@case("edit.drop")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged)
    await staged.keys(key)
    await staged.until(lambda: staged.control.debugger.ended == [(1, "dropped")])


@case("edit.lay-out")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await opened(staged)
    await staged.keys(key)
    assert screen.sheet.parts.data == b'{\n  "sku": "A-7",\n  "qty": 3\n}'


@case("edit.copy")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged)
    await staged.keys(key)
    await staged.until(lambda: "Message," in toasts(staged))


@case("edit.next")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await opened(staged)
    before = screen.name_shown
    for _ in screen.views:
        await staged.keys(key)
    assert screen.name_shown == before


@case("edit.previous")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await opened(staged)
    before = screen.name_shown
    await staged.keys(key)
    assert screen.name_shown != before
    await staged.keys("f6")
    assert screen.name_shown == before


@case("edit.help")
async def _(staged: Stage, action: Action, key: str) -> None:
    await opened(staged)
    await staged.keys(key)
    assert isinstance(staged.screen, HelpScreen)
    assert "Write a response in the place of the server" in staged.shown()


@case("edit.keep")
async def _(staged: Stage, action: Action, key: str) -> None:
    await changed(staged)
    await staged.keys(key)
    await staged.until(lambda: staged.screen is staged.main)
    assert draft_of(staged).body == b'{"sku": "A-7", "qty": 33}'
    await staged.until(lambda: "edited" in staged.shown(staged.main.paused))
    assert not staged.control.debugger.paused[0].editing


# --- rows


async def in_headers(staged: Stage, *fields: tuple[bytes, bytes]) -> EditScreen:
    """Open the editor at the header fields, with the cursor on the value of the first."""
    screen = await opened(staged)
    screen.sheet.change("test", fields=fields or ((b"a", b"1"), (b"b", b"2"), (b"a", b"3")))
    await screen.show_tab("Headers")
    await staged.pilot.pause()
    return screen


@case("grid.edit")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await in_headers(staged)
    await staged.keys("down", key, "backspace", "9", "enter")
    assert screen.sheet.parts.fields == ((b"a", b"1"), (b"b", b"9"), (b"a", b"3"))
    await staged.keys(key, "x", "escape")
    assert screen.sheet.parts.fields[1] == (b"b", b"9"), "escape puts back what was there"


@case("grid.add")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await in_headers(staged)
    await staged.keys(key, "c", "tab", "4", "enter")
    assert screen.sheet.parts.fields == ((b"a", b"1"), (b"c", b"4"), (b"b", b"2"), (b"a", b"3"))


@case("grid.remove")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await in_headers(staged)
    await staged.keys(key)
    assert screen.sheet.parts.fields == ((b"b", b"2"), (b"a", b"3"))
    await staged.keys("ctrl+z")
    assert screen.sheet.parts.fields[0] == (b"a", b"1")


@case("grid.later")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await in_headers(staged)
    await staged.keys(key)
    assert screen.sheet.parts.fields == ((b"b", b"2"), (b"a", b"1"), (b"a", b"3"))
    await staged.keys(key, key)
    assert "It is the last row" in toasts(staged)


@case("grid.earlier")
async def _(staged: Stage, action: Action, key: str) -> None:
    screen = await in_headers(staged)
    await staged.keys("down", "down", key)
    assert screen.sheet.parts.fields == ((b"a", b"1"), (b"a", b"3"), (b"b", b"2"))
