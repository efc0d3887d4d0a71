"""Sending requests again: one, or all that are marked, and going from a replay to its original."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import SothError
from soth_mitm.record.resending import resend_of
from soth_mitm.text import printable
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.picker import Choice, PickerScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.notifications import SeverityLevel

    from soth_mitm.record.rows import Row
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.replaying import Replay

NO_PROXY: Final = "This is a file: no proxy runs that could send it. soth-mitm replay FILE sends it again"
HIDDEN: Final = "The filter hides flow #{}: esc in the list clears it"
_SLICE: Final = 4096
_LATEST: Final = 1024
"""Flows whose newest replay is remembered; of others it is looked for."""
_KINDS: Final = {
    "tunnel": "This flow passed through without being decrypted: there is no request to send again",
    "bytes": "This flow carried bytes that are no HTTP: there is no request to send again",
    "failed": "This flow failed before there was a request to send again",
}


class Replaying(Desk):
    """Sends recorded requests again."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._came_from = (0, 0)
        """The original and the replay that were last gone between."""
        self.latest: dict[int, int] = {}
        """The newest replay of each flow that was sent again from here."""
        self.deeds = {
            "flow.replay": self._replay,
            "flow.counterpart": self._go_to_counterpart,
        }

    @property
    def row(self) -> Row | None:
        """The row of the flow that is looked at; None for none."""
        flow = self.main.current_flow
        return self.main.model.row_of(flow) if flow else None

    def reason_against(self, action_id: str) -> str:
        """Say why a flow cannot be sent again."""
        row = self.row
        if row is None:
            return "No flow is selected"
        if action_id == "flow.counterpart":
            return ""
        if self.app.read_only:
            return NO_PROXY
        return _KINDS.get(row.kind, "")

    # --- sending

    @property
    def marked(self) -> list[int]:
        """The marked flows in the list that have a request, where the one at hand is among them."""
        model, said = self.main.model, self.app.index.annotation
        marked = [flow for flow in model.marked() if said(flow).mark or said(flow).colour]
        rows = [model.row_of(flow) for flow in marked]
        return [row.flow for row in rows if row is not None and row.kind not in _KINDS]

    async def _replay(self) -> None:
        flow, marked = self.main.current_flow, self.marked
        if flow not in marked or len(marked) < 2:
            await self._send(flow)
            return

        async def chosen(name: str) -> None:
            if name == "this":
                await self._send(flow)
            else:
                await self._send_all(marked)

        choices = [
            Choice("this", "t", f"this flow, #{flow}"),
            Choice("all", "m", f"all {len(marked):,} marked"),
        ]
        self.app.push_screen(PickerScreen("Send again", choices, chosen))

    async def _begin(self, flow: int) -> Replay:
        return await self.app.control.replay(await resend_of(self.app.store, flow))

    async def _send(self, flow: int) -> None:
        try:
            replay = await self._begin(flow)
        except SothError as error:
            self.say(str(error), severity="error")
            return
        again = await replay.begun()
        if again:
            self.note(flow, again)
            self.say(f"Flow #{flow} is sent again as #{again} · % goes there")
        else:
            self.say(f"Flow #{flow} is not sent again: {replay.attempts[0].error or 'the proxy is stopping'}")

    def note(self, flow: int, again: int) -> None:
        """Remember that a flow was sent again."""
        self._came_from = flow, again
        self.latest.pop(flow, None)
        self.latest[flow] = again
        if len(self.latest) > _LATEST:
            del self.latest[next(iter(self.latest))]

    async def _send_all(self, flows: Sequence[int]) -> None:
        """Send flows again in their order; how many at once is the proxy's limit."""
        count, refused = 0, ""
        for flow in flows:
            try:
                await self._begin(flow)
                count += 1
            except SothError as error:
                refused = refused or str(error)
        if refused:
            self.say(f"{count:,} of {len(flows):,} flows are sent again: {refused}", severity="warning")
        else:
            self.say(f"{count:,} flows are sent again · is:replay shows them")

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Tell the person something."""
        seconds = 8 if severity == "error" else 4
        self.app.notify(printable(text, 400), severity=severity, markup=False, timeout=seconds)

    # --- originals

    async def _go_to_counterpart(self) -> None:
        row = self.row
        assert row is not None, "there is one, or the action would not have come this far"
        if row.replay_of:
            self._came_from = row.replay_of, row.flow
            self.go_to(row.replay_of)
            return
        original, replay = self._came_from
        again = (
            replay
            if original == row.flow
            else self.latest.get(row.flow) or await self._latest_replay_of(row.flow)
        )
        if again:
            self._came_from = row.flow, again
            self.go_to(again)
        else:
            self.say(f"Flow #{row.flow} is no replay, and was not sent again: r does", severity="warning")

    async def _latest_replay_of(self, flow: int) -> int:
        """Return the newest replay of a flow; 0 for none. Looked for in slices, from the end."""
        index = self.app.index
        stop = index.dropped + len(index)
        while stop > index.dropped:
            found = index.search(f"replay:{flow}", max(stop - _SLICE, index.dropped), stop)
            if found:
                return index.flows_at(found[-1:])[0]
            stop -= _SLICE
            await asyncio.sleep(0)
        return 0

    def go_to(self, flow: int) -> bool:
        """Select a flow in the list, and say so where that cannot be."""
        if self.main.list.go_to_flow(flow):
            return True
        kept = self.main.model.row_of(flow) is not None
        why = HIDDEN.format(flow) if kept else f"Flow #{flow} is no longer kept: the oldest are dropped first"
        self.say(why, severity="warning")
        return False
