"""Comparing: a replay with its original, a flow before and after, any two flows, any two messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.model.events import MessageForm
from soth_mitm.policy.diff import DEFAULTS, Ignore, IgnoreError
from soth_mitm.record.lane import WorkerError
from soth_mitm.text import printable
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.desks.messages import NONE
from soth_mitm_tui.desks.replaying import RULES, SECTION
from soth_mitm_tui.diffing import sources, turns
from soth_mitm_tui.screens.diff import DiffScreen

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.diffing.sources import Comparison


class Comparing(Desk):
    """Opens comparisons, and remembers what was picked for one."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.picked = 0
        """The flow that was picked to be compared; 0 for none."""
        self._message = (0, -1)
        """The flow and the position of the message that was picked."""
        self.deeds = {
            "flow.diff": self._flows,
            "messages.diff": self._messages,
            "flow.turn": self._turn,
            "flow.turn-after": self._turn_after,
        }

    @property
    def _row(self) -> Row | None:
        flow = self.main.current_flow
        return self.main.model.row_of(flow) if flow else None

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to compare."""
        if action_id == "messages.diff":
            return "" if self.main.detail.messages.list.cursor >= 0 else NONE
        return "" if self._row is not None else "No flow is selected"

    @property
    def ignore(self) -> Ignore:
        """The rules for what may differ: those that hold from the start, and the person's own."""
        own: list[str] = self.app.state.get_as(SECTION, RULES, list[str], [])
        try:
            return Ignore((*DEFAULTS, *own))
        except IgnoreError:
            return Ignore(DEFAULTS)

    def show(self, comparison: Comparison) -> None:
        """Open a comparison."""
        self.app.push_screen(DiffScreen(comparison, self.ignore))

    # --- flows

    def _flows(self) -> None:
        row = self._row
        assert row is not None, "there is one, or the action would not have come this far"
        other = self._partner(row)
        if other:
            self.picked = 0
            self.compare(*other)
        elif row.modified and not row.generated and self.picked != row.flow:
            self.show_changes(row.flow)
        elif self.picked == row.flow:
            self.picked = 0
            self._say(f"Flow #{row.flow} is not picked any more")
        else:
            self.picked = row.flow
            self._say(f"Flow #{row.flow} is picked: D on another one compares both")

    def _partner(self, row: Row) -> tuple[int, int] | None:
        """Return the two flows that are meant by a flow; None where it is the first of two."""
        model = self.main.model
        if self.picked and self.picked != row.flow and model.row_of(self.picked) is not None:
            return self.picked, row.flow
        marked = self.app.replaying.marked
        if row.flow in marked and len(marked) == 2:
            return marked[0], marked[1]
        if row.replay_of and model.row_of(row.replay_of) is not None:
            return row.replay_of, row.flow
        again = self.app.replaying.latest.get(row.flow, 0)
        return (row.flow, again) if again and model.row_of(again) is not None else None

    def compare(self, left: int, right: int) -> None:
        """Compare two flows."""
        self.app.store.catch_up()
        self.main.tick()  # under another screen it is brought up to date but once a second
        row_of = self.main.model.row_of
        one, other = row_of(left), row_of(right)
        if one is None or other is None:
            self._say("One of the flows is no longer kept: the oldest are dropped first")
            return
        replay = other.replay_of == left
        roles = ("original", "replay") if replay else ("", "")
        self.show(sources.two_flows(self.app.store, (one, other), roles=roles, row_of=row_of))

    def show_changes(self, flow: int) -> None:
        """Compare a flow's messages as they came with what went on in their place."""
        row_of = self.main.model.row_of
        row = row_of(flow)
        if row is not None:
            self.show(sources.before_and_after(self.app.store, row, row_of=row_of))

    async def _turn(self) -> None:
        """Compare a request to a model with the turn before, or the last two turns of a WebSocket."""
        row, store = self._row, self.app.store
        if row is None:
            return
        store.catch_up()
        log = store.messages(row.flow) if row.form == MessageForm.WEBSOCKET else None
        if log is not None and await turns.is_talk(log, row):
            self.show(turns.last_turns(log, row, name=sources.name_of(row, "last turn")))
            return
        none = f"No earlier flow to {printable(row.host, 60)} shares a message with #{row.flow}"
        before = await self._other_turn(row, turns.previous, "before", none=none)
        if before is not None:
            names = sources.name_of(before, "turn before"), sources.name_of(row)
            self.show(turns.two_turns(store, before, row, names=names))

    async def _turn_after(self) -> None:
        """Compare a request to a model with the turn after, where the results of its tools are."""
        row, store = self._row, self.app.store
        if row is None:
            return
        store.catch_up()
        none = f"No later flow to {printable(row.host, 60)} goes on from #{row.flow}"
        after = await self._other_turn(row, turns.following, "after", none=none)
        if after is not None:
            names = sources.name_of(row), sources.name_of(after, "turn after")
            self.show(turns.two_turns(store, row, after, names=names))

    async def _other_turn(self, row: Row, find: turns.Find, which: str, *, none: str) -> Row | None:
        """Return another turn of the conversation of a flow; say why where there is none."""
        store, row_of = self.app.store, self.main.model.row_of
        if not await turns.is_turn(store, row):
            self._say(f"Flow #{row.flow} is no request to a language model that is known here")
            return None
        try:
            found = await find(store, self.app.worker, row, row_of)
        except WorkerError as error:
            self._say(printable(f"The turn {which} could not be found: {error}", 300))
            return None
        other = row_of(found) if found else None
        if other is None:
            self._say(none)
        return other

    # --- messages

    def _messages(self) -> None:
        pane, flow = self.main.detail.messages, self.main.detail.flow
        log, position = pane.message_log, pane.list.cursor
        if log is None:
            return
        try:
            entry = log.table.entry(position)
            number = entry.number
            before = log.table.entry(self._message[1]).number if self._message[0] == flow else 0
        except IndexError:
            self._message = (0, -1)
            self._say("The message that was picked is no longer kept")
            return
        if self._message == (flow, position):
            self._message = (0, -1)
            self._say(f"Message {number:,} is not picked any more")
        elif before:
            first, self._message = self._message[1], (0, -1)
            names = sources.Name(f"message {before:,} of #{flow}"), sources.Name(f"message {number:,}")
            self.show(sources.two_messages(log, first, position, names=names))
        elif entry.origin == "dropped" or position in log.table.originals:
            self.show(sources.changed_message(log, position, name=f"message {number:,} of #{flow}"))
        else:
            self._message = flow, position
            self._say(f"Message {number:,} is picked: D on another one compares both")

    def _say(self, text: str) -> None:
        self.app.notify(text, markup=False, timeout=4)
