"""The editor of what is paused: it goes back to the breakpoint, or an answer goes in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.about import About, message_type
from soth_mitm.errors import SothError
from soth_mitm.model.terms import Direction
from soth_mitm.policy.editing import MessageDraft, RequestDraft, ResponseDraft
from soth_mitm.record.resending import Resend
from soth_mitm_tui.columns import host
from soth_mitm_tui.debugging import named
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.desks.flows import NO_PROXY
from soth_mitm_tui.editing.destination import Destination, Standing
from soth_mitm_tui.screens.edit import EditResult, EditScreen

if TYPE_CHECKING:
    from soth_mitm.control import PausedMessage
    from soth_mitm.policy.editing import Draft
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.debugging import Debugger

OVER: Final = "It is not paused any more: its client left, or it was let go or killed"

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
            if result.sheet.faults() and there:
                self.app.notify("Kept as typed: it cannot be sent yet, e goes on", markup=False, timeout=5)
        if key[1] == "answer" and result.how in ("sent", "dropped"):
            screen = self.app.screen
            if isinstance(screen, EditScreen):
                screen.answered()
        self.app.debugging.refresh()

    def _forget(self) -> None:
        """Forget what was typed for messages that are not paused any more."""
        there = {each.number for each in self.app.debugging.paused}
        self._sheets = {key: sheet for key, sheet in self._sheets.items() if key[0] in there}
