"""Bodies of binary formats in the editor: texts that are written as bytes while they are typed."""

from __future__ import annotations

import gzip
import struct

from soth_mitm.model.terms import Direction, MessageForm
from soth_mitm.policy.breakpoints import Stage as At
from soth_mitm.policy.editing import Draft, MessageDraft, ResponseDraft
from soth_mitm_tui.editing.binary_view import BinaryView
from soth_mitm_tui.screens.edit import EditScreen
from tests.tui.sharing import turn
from tests.tui.stage import Stage, stage

MAP = bytes.fromhex("82a26964cd0007a57072696365") + bytes.fromhex("92ca3fc00000cb3ff8000000000000")
ORDER = b"\x0a\x04c_77\x12\x08\x0a\x04p_17\x10\x03\x1d\x00\x00\xc0\x3f"


def frame(payload: bytes, *, compressed: bool = False) -> bytes:
    payload = gzip.compress(payload, mtime=7) if compressed else payload
    return struct.pack(">BI", int(compressed), len(payload)) + payload


async def opened(staged: Stage, draft: Draft, *, stage: At = At.RESPONSE_BODY) -> EditScreen:
    staged.control.debugger.pause(1, draft, stage=stage)
    staged.app.debugging.refresh()
    staged.main.list.go_to_flow(1)
    staged.app.perform("flow.edit")

    def ready() -> bool:
        screen = staged.screen
        if not (isinstance(screen, EditScreen) and screen.name_shown):
            return False
        view = screen.view
        return isinstance(view, BinaryView) and not view.editor.read_only

    await staged.until(ready)
    screen = staged.screen
    assert isinstance(screen, EditScreen)
    return screen


def answer(kind: bytes, body: bytes, *fields: tuple[bytes, bytes]) -> ResponseDraft:
    return ResponseDraft(status=200, reason=b"OK", fields=((b"content-type", kind), *fields), body=body)


async def sent(staged: Stage) -> Draft:
    """Send what is edited, and return it as it then is."""
    paused = staged.control.debugger.paused[0]
    kept: list[Draft] = []
    edit = staged.control.debugger.edit

    async def remember(number: int, draft: Draft) -> bool:
        kept.append(draft)
        return await edit(number, draft)

    staged.control.debugger.edit = remember  # type: ignore[method-assign]
    await staged.keys("ctrl+s")
    await staged.until(lambda: paused.number not in [each.number for each in staged.control.debugger.paused])
    staged.control.debugger.edit = edit  # type: ignore[method-assign]
    return kept[-1]


async def messagepack_changes_where_it_is_touched_and_a_fault_keeps_the_text(staged: Stage) -> None:
    screen = await opened(staged, answer(b"application/msgpack", MAP))
    assert list(screen.views) == ["Line", "Headers", "Body", "Hex", "Raw", "Changes"]
    assert '"id": uint16 7,' in staged.shown()
    assert "float32 1.5," in staged.shown()
    assert not screen.sheet.edited
    await staged.keys("down", "end", "left", "0")
    assert "MessagePack · 28 bytes" in staged.shown()
    assert screen.sheet.parts.data == MAP.replace(b"\xcd\x00\x07", b"\xcd\x00\x46")
    await staged.keys("0", "0", "0", "ctrl+s")
    assert "Not sent: Body: line 2:16: this does not fit uint16" in staged.shown()
    await staged.keys("escape", "e")
    await staged.until(lambda: '"id": uint16 70000,' in staged.shown())
    await staged.keys("down", "end", "left", "backspace")
    draft = await sent(staged)
    assert isinstance(draft, ResponseDraft)
    assert draft.body == MAP.replace(b"\xcd\x00\x07", b"\xcd\x1b\x58")


async def what_is_changed_as_bytes_is_there_as_text_and_takes_the_place_of_a_fault(staged: Stage) -> None:
    screen = await opened(staged, answer(b"application/msgpack", MAP))
    await staged.keys("x")
    assert "[Body ✕" in staged.shown()
    await screen.show_tab("Hex")
    await staged.keys("right", "right", "right", "right", *"cd0009")
    assert not screen.sheet.faults()
    await screen.show_tab("Body")
    await staged.until(lambda: '"id": uint16 9,' in staged.shown())
    await screen.show_tab("Hex")
    await staged.keys("ctrl+end", "backspace")
    await screen.show_tab("Body")
    await staged.until(lambda: "MessagePack, but no text can be made of it" in staged.shown())
    await staged.keys("escape", "u")


async def a_call_compresses_again_what_is_touched_alone(staged: Stage) -> None:
    came = frame(ORDER, compressed=True) + frame(ORDER[:6], compressed=True)
    fields = ((b"grpc-encoding", b"gzip"),)
    screen = await opened(staged, answer(b"application/grpc", came, *fields))
    assert '1: "c_77"' in staged.shown()
    assert "message compressed {" in staged.shown()
    assert not screen.sheet.edited
    await staged.keys("ctrl+end", "up", "end", "left", "8")
    draft = await sent(staged)
    assert isinstance(draft, ResponseDraft)
    assert draft.body is not None
    first = frame(ORDER, compressed=True)
    assert draft.body.startswith(first)
    flag, size = struct.unpack(">BI", draft.body[len(first) : len(first) + 5])
    assert (flag, size) == (1, len(draft.body) - len(first) - 5)
    assert gzip.decompress(draft.body[len(first) + 5 :]) == b"\x0a\x05c_778"


async def a_message_of_a_call_and_one_of_a_websocket_are_edited_so_too(staged: Stage) -> None:
    made = MessageDraft(form=MessageForm.GRPC, direction=Direction.REQUEST, data=ORDER, label="message")
    screen = await opened(staged, made, stage=At.MESSAGE_UP)
    assert list(screen.views) == ["Body", "Hex", "Changes"]
    assert "2 {" in staged.shown()
    await staged.keys("down", "down", "down", "end", "0")
    assert "3: float 1.5" in screen.as_text
    draft = await sent(staged)
    assert isinstance(draft, MessageDraft)
    assert draft.data == ORDER.replace(b"\x10\x03", b"\x10\x1e")
    binary = MessageDraft(form=MessageForm.WEBSOCKET, direction=Direction.REQUEST, data=MAP, label="binary")
    screen = await opened(staged, binary, stage=At.MESSAGE_UP)
    assert '"price": [' in staged.shown()
    text = MessageDraft(form=MessageForm.GRPC, direction=Direction.REQUEST, data=b'{"a":1}', label="message")
    await staged.keys("escape")
    staged.control.debugger.pause(2, text, stage=At.MESSAGE_UP)
    staged.app.debugging.refresh()
    staged.main.list.go_to_flow(2)
    staged.app.perform("flow.edit")
    await staged.until(lambda: "JSON · valid" in staged.shown())


async def test_binary_bodies_in_the_editor() -> None:
    checks = (
        messagepack_changes_where_it_is_touched_and_a_fault_keeps_the_text,
        what_is_changed_as_bytes_is_there_as_text_and_takes_the_place_of_a_fault,
        a_call_compresses_again_what_is_touched_alone,
        a_message_of_a_call_and_one_of_a_websocket_are_edited_so_too,
    )
    async with stage() as staged:
        for check in checks:
            async with turn(staged, check.__name__):
                await check(staged)
