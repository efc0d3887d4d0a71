"""The editor: one draft in many views, what is wrong with it, and where it goes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest

from soth_mitm.config import Config, Limits
from soth_mitm.errors import SothError
from soth_mitm.model.terms import Direction, MessageForm
from soth_mitm.policy.breakpoints import Stage as At
from soth_mitm.policy.editing import Draft, MessageDraft, RequestDraft, ResponseDraft
from soth_mitm_tui.editing.destination import Destination
from soth_mitm_tui.editing.grid_view import HeadersView
from soth_mitm_tui.screens.edit import EditResult, EditScreen
from tests.tui.cases import toasts
from tests.tui.sharing import turn
from tests.tui.stage import Stage, stage

REQUEST = RequestDraft(
    scheme="https",
    host="api.test",
    port=443,
    method=b"POST",
    target=b"/orders?a=1",
    fields=((b"Content-Type", b"application/json"), (b"Cookie", b"s=1; t=2"), (b"Content-Length", b"7")),
    body=b'{"a":1}',
)


RESPONSE = ResponseDraft(
    status=200, reason=b"OK", fields=((b"Content-Type", b"application/json"),), body=b'{"a":1}'
)


class Desk(Destination):
    """Remembers what it was given; refuses while it has a reason."""

    title = "A request"

    def __init__(self) -> None:
        self.sent: list[Draft] = []
        self.kept: list[Draft] = []
        self.refuses = ""

    async def send(self, draft: Draft) -> None:
        if self.refuses:
            raise SothError(self.refuses)
        self.sent.append(draft)

    async def keep(self, draft: Draft) -> None:
        self.kept.append(draft)


CHECKS: list[Callable[[Stage], Awaitable[None]]] = []


def scene(check: Callable[[Stage], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
    """Have a check made by `test_the_editor`."""
    CHECKS.append(check)
    return check


async def opened(
    staged: Stage, draft: Draft = REQUEST, *, most: int = 256 * 1024
) -> tuple[EditScreen, Desk, list[EditResult | None]]:
    desk, results = Desk(), list[EditResult | None]()
    screen = EditScreen(draft, desk, most=most)
    await staged.app.push_screen(screen, results.append)
    await staged.until(lambda: screen.name_shown)
    return screen, desk, results


async def go_to(staged: Stage, screen: EditScreen, name: str) -> None:
    await screen.show_tab(name)
    await staged.pilot.pause()


@scene
async def an_edit_in_one_tab_is_seen_in_the_others_and_goes_as_one(staged: Stage) -> None:
    screen, desk, results = await opened(staged)
    assert list(screen.views) == ["Line", "Headers", "Query", "Cookies", "Body", "Hex", "Raw", "Changes"]
    await staged.keys("down", "end", "0")
    await go_to(staged, screen, "Query")
    await staged.keys("enter", "2", "enter", "n", "b", "tab", "space", "enter")
    await go_to(staged, screen, "Cookies")
    await staged.keys("d")
    await go_to(staged, screen, "Line")
    assert "/orders?a=12&b=%20" in staged.shown()
    await go_to(staged, screen, "Raw")
    assert "POST /orders?a=12&b=%20 HTTP/1.1" in staged.shown()
    assert '{"a":10}' in staged.shown()
    await staged.keys("delete", "delete", "delete", "delete", *"PUT", "end")
    await go_to(staged, screen, "Changes")
    await staged.until(lambda: "│~ Content-Length: 8" in staged.shown())
    assert "~ $.a  10" in staged.shown()
    await staged.keys("ctrl+s")
    await staged.until(lambda: results)
    (draft,) = desk.sent
    assert isinstance(draft, RequestDraft)
    assert (draft.method, draft.target, draft.body) == (b"PUT", b"/orders?a=12&b=%20", b'{"a":10}')
    assert draft.fields[1:] == ((b"Cookie", b"t=2"), (b"Content-Length", b"8"))
    assert results[0] is not None
    assert results[0].how == "sent"


@scene
async def a_header_with_a_line_break_is_refused_in_its_place_and_stays_typed(staged: Stage) -> None:
    screen, desk, results = await opened(staged)
    await go_to(staged, screen, "Headers")
    await staged.keys("enter", "backslash", "n", "enter")
    assert "The value of header 1 cannot hold a line break (at byte 17)" in staged.shown()
    assert "[Headers ✕]" in staged.shown()
    await staged.keys("ctrl+s")
    assert not desk.sent
    assert "Not sent: the value of header 1" in staged.shown()
    await staged.keys("escape")
    assert results[0] is not None
    assert results[0].draft is None
    assert results[0].sheet.parts.fields[0][1] == b"application/json\n"
    again = EditScreen(REQUEST, desk, sheet=results[0].sheet)
    await staged.app.push_screen(again)
    await staged.until(lambda: again.name_shown)
    await go_to(staged, again, "Headers")
    assert r"application/json\n" in staged.shown()


@scene
async def a_pasted_line_break_shows_in_a_field_and_does_not_cut_it(staged: Stage) -> None:
    screen, _, _ = await opened(staged)
    await go_to(staged, screen, "Headers")
    await staged.keys("enter")
    view = screen.view
    assert isinstance(view, HeadersView)
    from textual.events import Paste

    view.cell.post_message(Paste("; a\r\nX: 1"))
    await staged.settle()
    assert screen.sheet.parts.fields[0][1] == b"application/json; a\r\nX: 1"


@scene
async def json_is_judged_while_it_is_typed_with_the_place_of_the_fault(staged: Stage) -> None:
    _, desk, _ = await opened(staged)
    assert "JSON · valid" in staged.shown()
    await staged.keys("down", "end", "comma")
    assert "JSON · line 2:9: nothing follows after this comma" in staged.shown()
    await staged.keys("ctrl+s")
    await staged.until(lambda: desk.sent)  # a person may mean it
    draft = desk.sent[0]
    assert isinstance(draft, RequestDraft)
    assert draft.body == b'{\n  "a": 1,\n}'


@scene
async def a_long_line_of_json_is_laid_out_and_sent_as_one_line(staged: Stage) -> None:
    body = b"[" + b",".join(b'{"id":%d}' % number for number in range(300)) + b"]"
    screen, desk, _ = await opened(staged, msgspec.structs.replace(REQUEST, body=body))
    await staged.until(lambda: "JSON · valid · sent on one line, as it came" in staged.shown())
    assert not screen.sheet.edited
    await staged.keys("down", "down", "end", "7")
    await staged.until(lambda: "JSON · line 3:11" in staged.shown())
    await staged.keys("backspace", "backspace", "5")
    await staged.until(lambda: screen.sheet.parts.data == body.replace(b'"id":0', b'"id":5'))
    await staged.keys("ctrl+s")
    await staged.until(lambda: desk.sent)


@scene
async def a_status_that_is_none_is_said_and_the_usual_reason_follows_the_status(staged: Stage) -> None:
    answer = ResponseDraft(status=200, reason=b"OK", fields=(), body=b"")
    _, desk, _ = await opened(staged, answer)
    await staged.keys("backspace", "backspace", "backspace", "x")
    assert "The status is no number" in staged.shown()
    await staged.keys("backspace", *"404", "ctrl+s")
    await staged.until(lambda: desk.sent)
    draft = desk.sent[0]
    assert isinstance(draft, ResponseDraft)
    assert (draft.status, draft.reason) == (404, b"Not Found")


@scene
async def a_whole_url_pasted_as_the_target_is_taken_apart(staged: Stage) -> None:
    screen, _, _ = await opened(staged)
    await go_to(staged, screen, "Line")
    await staged.keys("ctrl+u")
    assert "The target is missing" in staged.shown()
    from textual.events import Paste

    screen.view.front.post_message(Paste("http://other.test:81/x?y#z"))
    await staged.settle()
    assert (screen.sheet.parts.place, screen.sheet.parts.target) == ("http://other.test:81", "/x?y")


@scene
async def what_the_destination_refuses_is_shown_and_the_editor_stays(staged: Stage) -> None:
    screen, desk, results = await opened(staged)
    desk.refuses = "api.test cannot be reached"
    await staged.keys("down", "end", "0", "ctrl+s")
    assert "api.test cannot be reached" in staged.shown()
    assert staged.screen is screen
    assert screen.sheet.edited
    desk.refuses = ""
    await staged.keys("ctrl+s")
    await staged.until(lambda: results)


@scene
async def a_message_of_a_websocket_has_its_text_and_its_bytes(staged: Stage) -> None:
    made = MessageDraft(form=MessageForm.WEBSOCKET, direction=Direction.REQUEST, data=b"hi", label="text")
    screen, desk, _ = await opened(staged, made)
    assert list(screen.views) == ["Body", "Hex", "Changes"]
    await go_to(staged, screen, "Hex")
    await staged.keys("4", "8", "end", "insert", "2", "1", "ctrl+t", "question_mark", "ctrl+s")
    await staged.until(lambda: desk.sent)
    draft = desk.sent[0]
    assert isinstance(draft, MessageDraft)
    assert draft.data == b"Hi!?"


@scene
async def bytes_that_are_no_text_are_edited_as_bytes_alone(staged: Stage) -> None:
    answer = ResponseDraft(status=200, fields=((b"content-type", b"image/png"),), body=b"\x89PNG\x00\xff")
    screen, _, _ = await opened(staged, answer)
    assert "image/png, 6 bytes, no text." in staged.shown()
    await go_to(staged, screen, "Raw")
    assert "the body, 6 bytes, is no short text: it stays" in staged.shown()
    await go_to(staged, screen, "Hex")
    await staged.keys("delete", "delete", "delete", "backspace")
    assert screen.sheet.parts.data == b"G\x00\xff"


@scene
async def a_body_beyond_the_limit_is_left_to_ones_own_editor(staged: Stage) -> None:
    screen, _, _ = await opened(staged, most=6)
    assert "more than the 6 that are edited here" in staged.shown()
    assert "Hex" not in screen.views


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where files are made that are given to an editor."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


async def in_own_editor(staged: Stage, command: str, monkeypatch: pytest.MonkeyPatch) -> EditScreen:
    monkeypatch.setenv("EDITOR", command)
    monkeypatch.setattr(staged.app, "suspend", nullcontext)
    screen, _, _ = await opened(staged)
    await staged.keys("f4")
    return screen


FAILING = (
    ("no-such-editor -w", "$EDITOR names no-such-editor, which is not there", False),
    ("'", "$EDITOR cannot be read", False),
    ("false", "false ended with 1: nothing is taken from it", False),
    ("sh -c 'kill -INT $$'", "sh was ended by SIGINT", False),
    ("sh -c 'echo {} > \"$0\"; exit 3'", "what was written is kept in", True),
    ('sh -c \'printf "\\377" > "$0"\'', "what was written is kept in", True),
)


async def test_an_editor_that_fails_is_said_and_what_it_wrote_is_kept(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(size=(160, 30)) as staged:
        for command, said, kept in FAILING:
            async with turn(staged, command):
                screen = await in_own_editor(staged, command, monkeypatch)
                await staged.until(lambda said=said: said in staged.shown())  # type: ignore[misc]
                assert not screen.sheet.edited
                files = list(own.glob("soth-mitm-*/message.json"))
                assert bool(files) == kept
                assert all(os.stat(file).st_mode & 0o077 == 0 for file in files)
                for file in files:
                    file.unlink()
        async with turn(staged, "a line end that an editor adds is not taken, and its file goes"):
            screen = await in_own_editor(staged, 'sh -c \'sed -i s/1/5/ "$0"; echo >> "$0"\'', monkeypatch)
            await staged.until(lambda: screen.sheet.edited)
            assert screen.sheet.parts.data == b'{"a":5}'
            await staged.until(lambda: not list(own.glob("soth-mitm-*/*")))
        async with turn(staged, "a terminal that cannot be handed over is said"):
            monkeypatch.undo()
            monkeypatch.setenv("EDITOR", "true")
            await opened(staged)
            await staged.keys("f4")
            await staged.until(lambda: "This terminal cannot be handed to an editor" in staged.shown())


@scene
async def a_pause_that_ends_under_the_editor_is_said_and_nothing_typed_is_lost(
    staged: Stage,
) -> None:
    staged.control.debugger.pause(1)
    await staged.keys("g", "e")
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    await staged.keys("down", "down", "end", "0")
    staged.control.debugger.paused = ()
    await staged.until(lambda: "It is not paused any more" in staged.shown())
    assert "^s send as a replay of #1 · f12 copies" in staged.shown()
    await staged.keys("f12")
    await staged.until(lambda: "Message," in toasts(staged))
    await staged.keys("f9")
    assert staged.screen is screen, "there is nothing to drop"
    await staged.keys("ctrl+s")
    await staged.until(lambda: staged.screen is staged.main)
    sent = staged.control.replays[-1].resend
    assert sent.of == 1
    assert sent.draft.body == b'{"sku": "A-7", "qty": 30}'


@scene
async def edits_that_cannot_be_sent_are_kept_and_hold_the_message(staged: Stage) -> None:
    staged.control.debugger.pause(1)
    await staged.keys("g", "e", "f5", "f5", "f5", "enter", "backslash", "r", "enter", "escape")
    await staged.until(lambda: "it cannot be sent yet" in toasts(staged))
    await staged.keys("a")
    assert "The edits cannot be sent yet" in toasts(staged)
    staged.control.debugger.pause(2)
    await staged.keys("A")
    await staged.until(lambda: "1 message goes on; 1 stays" in toasts(staged))
    assert [each.number for each in staged.control.debugger.paused] == [1]
    await staged.keys("e")
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    assert screen.sheet.parts.fields[0][1].endswith(b"\r")
    await staged.keys("escape", "p", "u", "a")
    await staged.until(lambda: staged.control.debugger.ended == [(2, "resumed"), (1, "resumed")])


@scene
async def what_was_typed_when_the_time_is_over_is_kept_with_its_flow(staged: Stage) -> None:
    debugger = staged.control.debugger
    debugger.pause(1)
    await staged.keys("g", "e", "f5", "f5", "f5", "enter", "backslash", "r", "enter", "escape")
    await staged.until(lambda: debugger.typed == {1})
    debugger.lapse(1)
    await staged.until(lambda: "#1 went on as it came; what you typed is kept: R" in toasts(staged))
    await staged.keys("R")
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    assert screen.sheet.parts.fields[0][1].endswith(b"\r")
    await staged.keys("escape")
    staged.app.clear_notifications()
    # What could be sent is in the draft, and what a response became as well.
    debugger.pause(1, RESPONSE, stage=At.RESPONSE_BODY)
    await staged.keys("e", "down", "down", "end", "0", "escape")
    await staged.until(lambda: bool(debugger.paused) and debugger.paused[0].draft != RESPONSE)
    debugger.lapse(2, "client_gone")
    await staged.until(lambda: "The client of #1 has left; what you typed is kept: e" in toasts(staged))
    await staged.keys("e")
    again = staged.screen
    assert isinstance(again, EditScreen)
    assert again.sheet.parts.data.endswith(b"}0")
    assert "It is not paused any more" in staged.shown()


@scene
async def a_response_in_place_of_a_message_is_refused(staged: Stage) -> None:
    made = MessageDraft(form=MessageForm.SSE, direction=Direction.RESPONSE, data=b"x", label="tick")
    staged.control.debugger.pause(1, made, stage=At.MESSAGE_DOWN)
    await staged.keys("g")
    await staged.until(lambda: staged.main.paused.display)
    await staged.keys("p", "w")
    assert "A message of a stream cannot be answered" in toasts(staged)
    await staged.keys("e")
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    assert list(screen.views) == ["Line", "Body", "Hex", "Changes"]
    await staged.keys("f3")
    assert staged.screen is screen


async def test_the_limit_of_the_settings_holds() -> None:
    async with stage(config=Config(limits=Limits(edit_bytes=4))) as staged:
        staged.control.debugger.pause(1)
        await staged.keys("g", "e")
        assert "more than the 4 that are edited here" in staged.shown()


async def test_the_editor() -> None:
    async with stage() as staged:
        for check in CHECKS:
            async with turn(staged, getattr(check, "__name__", "")):
                await check(staged)
