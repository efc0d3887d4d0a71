"""Requests that a person has written: recorded ones that were edited, and new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from soth_mitm.errors import SothError
from soth_mitm.policy.editing import RequestDraft
from soth_mitm.policy.retargeting import Site
from soth_mitm.record.resending import Resend, resend_of
from soth_mitm_tui.columns import host, masked, method
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.editing.destination import Destination, Standing
from soth_mitm_tui.screens.compose import ComposeScreen
from soth_mitm_tui.screens.edit import EditResult, EditScreen

if TYPE_CHECKING:
    from soth_mitm.policy.composing import Pasted
    from soth_mitm.policy.editing import Draft
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.app import SothApp

SHEETS: Final = 32
"""Requests whose editor was left without sending, and that are kept as they were typed."""
EXAMPLE: Final = Site("https", "example.com", 443)


class Outbox(Destination):
    """A request that is sent from here as a row of its own; `of` is the flow that it was recorded in."""

    send_label = "send"

    def __init__(self, desk: Composing, resend: Resend, title: str) -> None:
        self._desk, self._resend, self.title = desk, resend, title

    def standing(self) -> Standing:
        """Say what becomes of it."""
        said = f"goes as a replay of #{self._resend.of}" if self._resend.of else "goes as a row of its own"
        return Standing((said, "muted"))

    async def send(self, draft: Draft) -> None:
        """Send it."""
        assert isinstance(draft, RequestDraft), "a request was edited"
        resend = msgspec.structs.replace(self._resend, draft=draft)
        if draft.body is not None:
            resend = msgspec.structs.replace(resend, read=None, length=0)
        elif resend.read is None:  # only its head was edited, and the body is in the recorded draft
            draft = msgspec.structs.replace(draft, body=self._resend.draft.body)
            resend = msgspec.structs.replace(resend, draft=draft)
        await self._desk.send(resend)


class Composing(Desk):
    """Opens editors for requests, and sends what they make."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._sheets: dict[int, Sheet] = {}
        """What was typed and not sent, by the flow that it was made of; 0 for a new request."""
        self.deeds = {"flow.edit-replay": self._edit_and_replay, "app.compose": self.open}

    def reason_against(self, action_id: str) -> str:
        """Say why nothing can be sent."""
        if action_id == "flow.edit-replay":
            return self.app.replaying.reason_against("flow.replay")
        if self.app.read_only:
            return "This is a file: no proxy runs that could send a request"
        return ""

    async def send(self, resend: Resend) -> None:
        """Send a request, and go to its row; raises `ReplayError` where it cannot be sent."""
        replaying = self.app.replaying
        replay = await self.app.control.replay(resend)
        flow = await replay.begun()
        if not flow:
            raise SothError(replay.attempts[0].error or "it was not sent: the proxy is stopping")
        if resend.of:
            replaying.note(resend.of, flow)
            replaying.say(f"Sent as #{flow}, edited · D compares it with #{resend.of}")
        else:
            replaying.say(f"Sent as #{flow}")
        if replaying.go_to(flow):
            self.main.list.follow(False)

    # --- a recorded one

    async def _edit_and_replay(self) -> None:
        row = self.app.replaying.row
        assert row is not None, "there is one, or the action would not have come this far"
        try:
            resend = await resend_of(self.app.store, row.flow)
        except SothError as error:
            self.app.replaying.say(str(error), severity="error")
            return
        limits = self.app.config.limits
        if resend.read is not None and resend.length <= limits.edit_bytes:
            draft = msgspec.structs.replace(resend.draft, body=await resend.read(0, resend.length))
            resend = msgspec.structs.replace(resend, draft=draft, read=None, length=0)
        title = f"↻ Edit and replay #{row.flow} {method(row)} {host(row)}{masked(row.path)}"
        self._edit(resend, title)

    def _edit(self, resend: Resend, title: str) -> None:
        sheet = self._sheets.pop(resend.of, None) if resend.of else None
        screen = EditScreen(
            resend.draft, Outbox(self, resend, title), sheet=sheet, most=self.app.config.limits.edit_bytes
        )

        def left(result: EditResult | None) -> None:
            if result is not None and result.how == "kept" and result.sheet.changed and resend.of:
                self.keep(resend.of, result.sheet)
                self.app.replaying.say("Not sent; what you typed is kept: R on the flow goes on")

        self.app.push_screen(screen, left)

    def keep(self, flow: int, sheet: Sheet) -> None:
        """Keep what was typed for a request of a flow, for the next time that its editor is opened."""
        self._sheets[flow] = sheet
        if len(self._sheets) > SHEETS:
            del self._sheets[next(iter(self._sheets))]

    # --- a new one

    def open(self, text: str = "") -> None:
        """Ask for a request, beginning with a text."""
        row = self.app.replaying.row
        known = row is not None and row.scheme in ("http", "https") and row.host
        site = Site(row.scheme, row.host, row.port) if known and row is not None else EXAMPLE

        def edit(pasted: Pasted) -> None:
            self._edit(Resend(pasted.draft, h2c=pasted.h2c), "New request")

        async def send(pasted: Pasted) -> None:
            await self.send(Resend(pasted.draft, h2c=pasted.h2c))

        self.app.push_screen(ComposeScreen(site, edit=edit, send=send, text=text))
