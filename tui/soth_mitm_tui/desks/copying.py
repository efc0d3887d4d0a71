"""Copying a flow, or what is selected in it, and saying what went where."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import SothError
from soth_mitm.export import copying
from soth_mitm.export.copying import COPY_KINDS, Copied, CopyKind, why_not
from soth_mitm.export.raw import COPIED_BODY
from soth_mitm.record.worker import HERE_LIMIT
from soth_mitm.text import human_size, printable
from soth_mitm_tui import clipboard
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.copy import CopyScreen
from soth_mitm_tui.widgets.menu import Entry

if TYPE_CHECKING:
    from soth_mitm.record.view import FlowView, MessageView
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.desks.desk import Deed

NO_FLOW: Final = "No flow is selected"
_KINDS: Final = {f"copy.{kind.id.replace('_', '-')}": kind for kind in COPY_KINDS}


class Copying(Desk):
    """Offers what can be copied of the flow that is looked at."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._again: CopyKind | None = None
        self.deeds = {
            "flow.copy": self._open,
            "flow.copy-again": self._repeat,
            **{action_id: self._deed(kind) for action_id, kind in _KINDS.items()},
        }

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to copy; an entry of the menu says why it is dim."""
        menu = self.app.screen
        if isinstance(menu, CopyScreen):
            return menu.reason(action_id)
        if action_id == "flow.copy" and self._selected():
            return ""
        if not self.main.current_flow:
            return NO_FLOW
        if action_id == "flow.copy-again" and self._again is None:
            return "Nothing was copied yet: y shows what can be copied"
        return ""

    # --- the menu

    def _selected(self) -> str:
        in_detail = self.main.pane_of(self.main.focused) is self.main.detail
        return self.main.detail.selected_text() if in_detail else ""

    def _value(self) -> tuple[str, str] | None:
        """Return name and value of the current line; None where it is about no value."""
        line = self.main.detail.current_line
        if self.main.pane_of(self.main.focused) is not self.main.detail or line is None:
            return None
        if self.main.detail.current_window is not None:
            return self.main.detail.current_path() or "Value", ""  # `_whole_value` has the value itself
        return self.main.detail.current_value() if line.subject is not None else None

    async def _whole_value(self) -> tuple[str, str] | None:
        """Return name and value of the current line; of JSON all of an object or array that begins there."""
        return await self.main.detail.whole_value() if self._value() is not None else None

    async def _open(self) -> None:
        text = await self.main.detail.whole_selection() if self._selected() else ""
        if text:
            await self.put("the selection", text)
            return
        view = await self._view()
        if view is None:
            self._say(NO_FLOW, failed=True)
            return
        value = self._value()
        self.app.push_screen(CopyScreen([_entry(kind, view, value) for kind in COPY_KINDS], view.flow))

    async def _view(self) -> FlowView | None:
        return await self.app.store.view(self.main.current_flow)

    # --- copying

    def _deed(self, kind: CopyKind) -> Deed:
        return lambda: self._copy(kind)

    def _repeat(self) -> Deed | object:
        assert self._again is not None
        return self._copy(self._again)

    async def _copy(self, kind: CopyKind) -> None:
        """Copy what a kind makes of the flow; the menu goes, the flow under it stays."""
        if isinstance(self.app.screen, CopyScreen):
            self.app.screen.dismiss()
        self._again = kind
        view = await self._view()
        if view is None:
            self._say(NO_FLOW, failed=True)
            return
        try:
            copied = await self._text(kind, view)
        except SothError as error:
            self._say(f"Not copied: {error}", failed=True)
            return
        await self.put(copied.what, copied.text)

    async def _text(self, kind: CopyKind, view: FlowView) -> Copied:
        request = await self._body(view, view.request) if kind.request_body else b""
        response = await self._body(view, view.response) if kind.response_body else b""
        value = await self._whole_value() if kind.id == "json_value" else None
        make = partial(
            copying.copy_text,
            kind.id,
            view,
            request_body=request,
            response_body=response,
            value=value[1] if value is not None else None,
        )
        small = len(request) + len(response) <= HERE_LIMIT // 4
        copied = make() if small else await self.app.worker.run(make)
        return copied if value is None else copied._replace(what=value[0])

    async def _body(self, view: FlowView, message: MessageView | None) -> bytes:
        """Return a body, as much of it as may be copied and one byte more."""
        if message is None:
            return b""
        direction = message.direction
        body = bytearray()
        while len(body) <= COPIED_BODY:
            piece = await self.app.store.body(view.flow, direction, start=len(body), length=256 * 1024)
            if not piece:
                break
            body += piece
        return bytes(body[: COPIED_BODY + 1])

    async def put(self, what: str, text: str) -> None:
        """Copy a text, and say what went where; what cannot be copied is offered to be saved."""
        outcome = await clipboard.copy(
            what, text, write=self.app.write_to_terminal, local=self.app.local_clipboard
        )
        self._say(outcome.said, failed=not outcome.copied)
        if outcome.to_file:
            self.app.saving.offer_text(what, text)

    def _say(self, text: str, *, failed: bool) -> None:
        self.app.notify(
            printable(text, 300), severity="warning" if failed else "information", markup=False, timeout=4
        )


def _entry(kind: CopyKind, view: FlowView, value: tuple[str, str] | None) -> Entry:
    reason = why_not(kind.id, view)
    if kind.id == "json_value" and value is None:
        reason = "put the cursor on a value in the detail first"
    return Entry(
        f"copy.{kind.id.replace('_', '-')}",
        kind.key,
        kind.label,
        _note(kind, view),
        printable(reason.removeprefix(f"flow {view.flow} ").partition(";")[0], 100),
    )


def _note(kind: CopyKind, view: FlowView) -> str:
    bodies = {"request_body": view.request, "response_body": view.response}
    message = bodies.get(kind.id)
    size = f" · {human_size(message.body_bytes)} bytes as it came" if message is not None else ""
    return f"{kind.explanation}{size}"
