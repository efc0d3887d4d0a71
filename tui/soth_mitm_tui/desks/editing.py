"""The editor of what is paused: it goes back to the breakpoint, or an answer goes in its place."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.about import About, message_type
from soth_mitm.errors import SothError
from soth_mitm.model.terms import Direction
from soth_mitm.policy.editing import MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.policy.editing.sheet import Sheet
from soth_mitm.record.resending import Resend
from soth_mitm_tui.columns import host
from soth_mitm_tui.debugging import named
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.desks.flows import NO_PROXY
from soth_mitm_tui.editing.destination import Destination, Standing
from soth_mitm_tui.screens.edit import EditResult, EditScreen

if TYPE_CHECKING:
    from soth_mitm.control import Lapsed, PausedMessage
    from soth_mitm.policy.editing import Draft
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.debugging import Debugger

OVER: Final = "It is not paused any more: its client left, or it was let go or killed"

LATE: Final = {
    "deadline": "The time was over, so #{} went on as it came",
    "client_gone": "The client of #{} has left",
    "upstream_gone": "The server of #{} has left",
}
KEPT: Final = 32
"""Messages that are not paused any more, and whose edits are kept as they were typed."""
EMPTY: Final = ResponseDraft(
    status=200, reason=b"OK", fields=((b"Content-Type", b"application/json"),), body=b""
)
"""What an answer begins as."""


class Paused(Destination):
    """A message at a breakpoint: it goes on from there, edited."""

    send_label = "send on"
    verbs: frozenset[str] = frozenset({"answer", "drop"})

    def __init__(self, desk: Editing, paused: PausedMessage) -> None:
        self._desk, self.paused = desk, paused
        self.title = f"‖ {desk.words_for(paused)}"
        if isinstance(paused.original, MessageDraft):
            self.verbs = self.verbs - {"answer"}

    @property
    def _debugger(self) -> Debugger:
        return self._desk.debugger

    @property
    def is_paused(self) -> bool:
        """Whether it is there still."""
        return any(each.number == self.paused.number for each in self._desk.app.debugging.paused)

    def standing(self) -> Standing:
        """Say whether it is paused still."""
        if self.is_paused:
            return Standing(("waits, no deadline", "muted"))
        return Standing(("not paused any more", "warn"), OVER, self._instead)

    @property
    def _instead(self) -> str:
        whole = isinstance(self.paused.original, RequestDraft) and self.paused.original.body is not None
        return f"send as a replay of #{self.paused.flow}" if whole else ""

    async def opened(self) -> None:
        """Suspend the deadline."""
        await self._debugger.editing(self.paused.number, True)

    async def closed(self) -> None:
        """Let the deadline run on."""
        await self._debugger.editing(self.paused.number, False)
        self._desk.app.debugging.refresh()

    async def send(self, draft: Draft) -> None:
        """Send it on with its edits; as a replay, once it is not paused any more."""
        number = self.paused.number
        if not self.is_paused and isinstance(draft, RequestDraft):
            await self._desk.app.composing.send(Resend(draft, of=self.paused.flow))
            return
        if not (await self._debugger.edit(number, draft) and await self._debugger.resume(number)):
            raise SothError(OVER)

    async def keep(self, draft: Draft) -> None:
        """Keep the edits for when it is sent on."""
        if not await self._debugger.edit(self.paused.number, draft):
            raise SothError(OVER)

    def answer(self) -> None:
        """Write a response in the place of the server."""
        self._desk.write_answer(self.paused)

    async def drop(self) -> None:
        """Send nothing on."""
        if not await self._debugger.drop(self.paused.number):
            raise SothError(OVER)


class Answer(Paused):
    """A response that is written in the place of the server's."""

    send_label = "answer"
    verbs: frozenset[str] = frozenset({"drop"})

    def __init__(self, desk: Editing, paused: PausedMessage) -> None:
        super().__init__(desk, paused)
        self.title = f"Answer to {desk.words_for(paused)}"

    @property
    def _instead(self) -> str:
        return ""

    async def send(self, draft: Draft) -> None:
        """Answer the client."""
        assert isinstance(draft, ResponseDraft)
        if not await self._debugger.respond(self.paused.number, draft):
            raise SothError(OVER)

    async def keep(self, draft: Draft) -> None:
        """The desk keeps what was typed."""


class Editing(Desk):
    """Opens editors for what is paused, and keeps what they were left with."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._sheets: dict[tuple[int, str], Sheet] = {}
        """What was typed and not sent, by the number of the pause and what is edited."""
        self._seen: deque[PausedMessage] = deque(maxlen=KEPT)
        """What an editor was opened for."""
        self._late: dict[int, tuple[PausedMessage, str, Sheet]] = {}
        """What was typed, and not sent in time, by the flow; of requests, composing keeps it."""
        self._looked_at: set[int] = set()
        """The pauses that are known to have ended without a decision."""
        self.deeds = {
            "flow.edit": self._edit,
            "paused.edit": self._edit,
            "paused.answer": self._answer,
        }

    @property
    def debugger(self) -> Debugger:
        """The debugger of the proxy."""
        debugger = self.app.debugging.debugger
        assert debugger is not None, "there is one, or the action would not have come this far"
        return debugger

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to edit."""
        if self.app.debugging.debugger is None:
            return NO_PROXY
        current = self.app.debugging.current
        if current is None and action_id != "paused.answer" and self.main.current_flow in self._late:
            return ""
        if current is None:
            return "Nothing of this flow is paused: b sets a breakpoint"
        if action_id == "paused.answer" and isinstance(current.original, MessageDraft):
            return "A message of a stream cannot be answered with a response"
        return ""

    def words_for(self, paused: PausedMessage) -> str:
        """Return what is paused in a few words; of a response and a message also what was asked for."""
        words = named(paused)
        row = None if isinstance(paused.draft, RequestDraft) else self.main.model.row_of(paused.flow)
        return words if row is None else f"{words} · {row.method} {host(row)}{row.path}"

    def unfinished(self, number: int) -> bool:
        """Whether there are edits of a paused message that cannot be sent yet."""
        sheet = self._sheets.get((number, "edit"))
        return sheet is not None and bool(sheet.faults())

    def forget(self, number: int) -> None:
        """Forget what was typed for a paused message, and could not be sent."""
        self._sheets.pop((number, "edit"), None)

    def _edit(self) -> None:
        paused = self.app.debugging.current
        if paused is not None:
            self._open(Paused(self, paused), paused, "edit", paused.draft, paused.original)
            return
        paused, what, sheet = self._late[self.main.current_flow]
        destination = (Answer if what == "answer" else Paused)(self, paused)
        self.app.push_screen(EditScreen(sheet.kept, destination, original=sheet.original, sheet=sheet))

    def _answer(self) -> None:
        paused = self.app.debugging.current
        if paused is not None:
            self.write_answer(paused)

    def write_answer(self, paused: PausedMessage) -> None:
        """Open an editor for a response in the place of the server's."""
        self._open(Answer(self, paused), paused, "answer", EMPTY, EMPTY)

    def _open(
        self, destination: Paused, paused: PausedMessage, what: str, draft: Draft, original: Draft
    ) -> None:
        self._forget()
        if paused not in self._seen:
            self._seen.append(paused)
        key = paused.number, what
        sheet = self._sheets.get(key)
        if sheet is not None and what == "edit" and not sheet.faults():
            sheet = None  # what could be sent is in the draft
        screen = EditScreen(
            draft,
            destination,
            original=original,
            sheet=sheet,
            about=self._about(paused),
            most=self.app.config.limits.edit_bytes,
        )

        def left(result: EditResult | None) -> None:
            if result is not None:
                self._left(key, result)

        self.app.push_screen(screen, left)

    def _about(self, paused: PausedMessage) -> About:
        """Return what is known of a paused message that is not in its draft."""
        row, draft = self.main.model.row_of(paused.flow), paused.original
        about = About(
            path=row.path.encode("utf-8", "replace") if row is not None else b"",
            response=paused.direction == Direction.RESPONSE,
        )
        if not isinstance(draft, MessageDraft):
            return about
        named = row.content_type.encode("latin-1", "replace") if row is not None else b""
        kind = message_type(draft.form, draft.label, named)
        return about._replace(content_type=kind, form=draft.form, label=draft.label)

    def _left(self, key: tuple[int, str], result: EditResult) -> None:
        self._sheets.pop(key, None)
        if result.how == "kept" and result.sheet.changed and (result.draft is None or key[1] == "answer"):
            self._sheets[key] = result.sheet
            there = any(each.number == key[0] for each in self.app.debugging.paused)
            lapsed = next((each for each in self.debugger.lapsed if each.number == key[0]), None)
            if lapsed is not None:
                self._keep(lapsed, key[1], self._sheets.pop(key))
            elif result.sheet.faults() and there:
                self.app.notify("Kept as typed: it cannot be sent yet, e goes on", markup=False, timeout=5)
        self.app.run_worker(self.debugger.unfinished(key[0], key in self._sheets), exit_on_error=False)
        if key[1] == "answer" and result.how in ("sent", "dropped"):
            screen = self.app.screen
            if isinstance(screen, EditScreen):
                screen.answered()
        self.app.debugging.refresh()

    # --- what ended before it was sent

    def look(self) -> None:
        """Keep with its flow what was typed for messages whose pause ended without a decision."""
        ended = self.debugger.lapsed
        fresh = [each for each in ended if each.number not in self._looked_at]
        self._looked_at = {each.number for each in ended}
        for lapsed in fresh:
            if self._is_open(lapsed.number):
                continue
            for what in ("edit", "answer"):
                sheet = self._sheets.pop((lapsed.number, what), None)
                if sheet is None and what == "edit" and lapsed.draft != lapsed.original:
                    sheet = Sheet(
                        lapsed.draft, original=lapsed.original, most=self.app.config.limits.edit_bytes
                    )
                if sheet is not None:
                    self._keep(lapsed, what, sheet)

    def _is_open(self, number: int) -> bool:
        destinations = (
            screen.destination for screen in self.app.screen_stack if isinstance(screen, EditScreen)
        )
        return any(isinstance(each, Paused) and each.paused.number == number for each in destinations)

    def _keep(self, lapsed: Lapsed, what: str, sheet: Sheet) -> None:
        flow, key = lapsed.flow, "e"
        if isinstance(sheet.original, RequestDraft):
            self.app.composing.keep(flow, sheet)
            key = "R"
        else:
            paused = next((each for each in self._seen if each.number == lapsed.number), None)
            if paused is None:
                return
            self._late[flow] = paused, what, sheet
            if len(self._late) > KEPT:
                del self._late[next(iter(self._late))]
        said = f"{LATE[lapsed.how].format(flow)}; what you typed is kept: {key} on the flow opens it"
        self.app.notify(said, severity="warning", markup=False, timeout=8)

    def _forget(self) -> None:
        """Forget what was typed for messages about which somebody has decided."""
        self.look()
        there = {each.number for each in self.app.debugging.paused}
        self._sheets = {key: sheet for key, sheet in self._sheets.items() if key[0] in there}
