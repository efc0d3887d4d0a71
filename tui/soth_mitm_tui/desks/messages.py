"""The messages of a flow: opening them, filtering, going from one to the next, and copying."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import SothError
from soth_mitm.export.messages import MessageCopy, payload_text
from soth_mitm.export.raw import COPIED_BODY
from soth_mitm.record.worker import HERE_LIMIT
from soth_mitm.text import human_size, printable
from soth_mitm_tui.clipboard import OSC52_LIMIT
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.messages.writing import copied_lines, time_shift
from soth_mitm_tui.screens.picker import Choice, PickerScreen

if TYPE_CHECKING:
    from soth_mitm.policy.filters.messages import MessageFilter
    from soth_mitm.record.messagelog import Located, MessageLog
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.widgets.detail import Detail
    from soth_mitm_tui.widgets.message_pane import MessagePane

ASKED_HERE: Final = 64 * 1024
"""Bytes of payloads that are searched here: a millisecond, where a process takes longer to be asked."""

LOCATED_AT_ONCE: Final = 256
"""Messages whose places are looked up before the loop goes on."""

EACH: Final = 128
"""What a message counts for besides its payload."""

NONE: Final = "No message is selected"

_KINDS: Final[tuple[tuple[MessageCopy, str, str], ...]] = (
    ("text", "t", "payload as text"),
    ("json", "j", "payload as JSON, laid out"),
    ("hex", "h", "payload as a hex dump"),
    ("base64", "b", "payload in Base64"),
)


def _size(log: MessageLog, positions: list[int]) -> int:
    """Return about how many bytes it takes to search some messages."""
    return sum(log.table.size(position) + EACH for position in positions)


class Messages(Desk):
    """Acts on the messages of the flow that is looked at."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "messages.open": self._open,
            "messages.filter": lambda: self.pane.open_filter(),
            "messages.direction": lambda: self.pane.turn_direction(),
            "messages.copy": self._offer,
            "messages.save": self._save,
            "message.next": lambda: self._step(1),
            "message.previous": lambda: self._step(-1),
            "message.copy": self._copy_here,
            "message.close": lambda: self.detail.step_out(),
            "sift.accept": lambda: self.pane.accept_filter(),
            "sift.clear": self._clear,
        }

    @property
    def detail(self) -> Detail:
        """The detail."""
        return self.main.detail

    @property
    def pane(self) -> MessagePane:
        """The messages in it."""
        return self.main.detail.messages

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work on what is shown."""
        flows = self.pane.list
        if action_id in ("messages.open", "messages.copy", "messages.save", "message.copy"):
            return "" if flows.cursor >= 0 else NONE
        if action_id == "message.next" and (flows.model is None or flows.cursor_row + 1 >= len(flows.model)):
            return "This is the last message"
        if action_id == "message.previous" and flows.cursor_row <= 0:
            return "This is the first message"
        return ""

    # --- going

    def _open(self) -> None:
        self.detail.open_message(self.pane.list.cursor)

    def _step(self, by: int) -> None:
        if self.pane.list.step(by):
            self.detail.open_message(self.pane.list.cursor)

    def _clear(self) -> None:
        self.pane.clear_filter()
        self.pane.list.focus()

    async def _save(self) -> None:
        await self.app.saving.open()

    # --- asking payloads

    async def ask(self, log: MessageLog, wanted: MessageFilter, positions: list[int]) -> list[int]:
        """Return those positions whose payload is wanted.

        A process of its own reads and searches them, unless they are few and a plain text is looked for.
        """
        terms = wanted.payload_terms
        if not any(term.is_pattern for term in terms) and _size(log, positions) <= ASKED_HERE:
            details = await log.details(positions, most=ASKED_HERE)
            found = ((each, tuple(term.matches_body(each.beginning) for term in terms)) for each in details)
            return [each.position for each, answer in found if wanted.wants_payload(answer)]
        located: list[Located] = []
        for at in range(0, len(positions), LOCATED_AT_ONCE):
            located += log.located(positions[at : at + LOCATED_AT_ONCE])
            await asyncio.sleep(0)
        slices = [each.place.slices for each in located]
        answers = await self.app.filtering.deep.search.payloads(slices, terms)
        both = zip(located, answers, strict=True)
        return [each.position for each, answer in both if wanted.wants_payload(answer)]

    # --- copying

    async def _copy_here(self) -> None:
        text = await self.detail.whole_selection()
        if text:
            await self.app.copying.put("the selection", text)
        else:
            await self._offer()

    async def _offer(self) -> None:
        log, position = self.pane.message_log, self.pane.list.cursor
        if log is None:
            return
        try:
            entry = log.table.entry(position)
        except IndexError:
            return
        model = self.pane.list.model
        shown = len(model) if model is not None else 0
        choices = [Choice(kind, letter, label) for kind, letter, label in _KINDS]
        if self.detail.message >= 0 and self.detail.current_window is not None:
            choices.insert(0, Choice("value", "v", f"value of {self.detail.current_path() or 'this line'}"))
        choices.append(Choice("line", "l", "message as a JSON line"))
        choices.append(Choice("all", "a", f"all {shown:,} that are shown, as JSON lines"))
        title = f"Copy of message {entry.number:,}"
        self.app.push_screen(PickerScreen(title, choices, partial(self._copy, log, position)))

    async def _copy(self, log: MessageLog, position: int, kind: str) -> None:
        try:
            if kind == "value":
                value = await self.detail.whole_value()
                if value is not None:
                    await self.app.copying.put(*value)
            elif kind in ("line", "all"):
                await self._copy_lines(log, position, whole=kind == "all")
            else:
                await self._copy_payload(log, position, next(each for each, _, _ in _KINDS if each == kind))
        except (SothError, IndexError) as error:
            self._say(f"Not copied: {error}")

    async def _copy_payload(self, log: MessageLog, position: int, kind: MessageCopy) -> None:
        entry = log.table.entry(position)
        data = await log.payload(position, COPIED_BODY + 1)
        if len(data) > COPIED_BODY:
            self._say(f"Not copied: message {entry.number:,} has {human_size(entry.size)} bytes; w saves it")
            return
        if entry.size and not data:
            self._say(f"Not copied: message {entry.number:,} was not recorded")
            return
        make = partial(payload_text, kind, data)
        text = make() if len(data) <= HERE_LIMIT else await self.app.worker.run(make)
        await self.app.copying.put(f"message {entry.number:,}", text)

    async def _copy_lines(self, log: MessageLog, position: int, *, whole: bool) -> None:
        model, row = self.pane.list.model, self.pane.list.row
        if model is None or row is None:
            return
        positions = model.positions() if whole else (position,)
        shift = time_shift(row)
        text = await copied_lines(log, positions, shift, self.app.worker, most=4 * OSC52_LIMIT)
        if text is None:
            self._say(f"Too much to copy: {len(positions):,} messages; save them instead")
            await self.app.saving.open()
            return
        count = f"{len(positions):,} messages" if whole else f"message {log.table.entry(position).number:,}"
        await self.app.copying.put(count, text)

    def _say(self, text: str) -> None:
        self.app.notify(printable(text, 300), severity="warning", markup=False, timeout=4)
