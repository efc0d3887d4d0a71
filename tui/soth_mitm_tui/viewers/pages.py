"""What each tab of the detail shows of a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.model.events import Direction
from soth_mitm_tui.lines import BLANK, Line, heading, line
from soth_mitm_tui.message import about_body, absence, no_message
from soth_mitm_tui.messages.asked import Asked
from soth_mitm_tui.messages.page import GONE, PayloadBody, about_payload, message_head
from soth_mitm_tui.messages.talk import Talk
from soth_mitm_tui.overview import overview
from soth_mitm_tui.timing import timing_page
from soth_mitm_tui.viewers.bodies import How
from soth_mitm_tui.viewers.choices import Choices
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.viewers.heads import head_lines, raw_lines, trailer_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.clock import Clock
    from soth_mitm.decode.about import About
    from soth_mitm.record.document import Mode
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView, MessageView
    from soth_mitm_tui.source import FlowStore
    from soth_mitm_tui.viewers.bodies import Bodies
    from soth_mitm_tui.viewers.content import Part
    from soth_mitm_tui.viewers.showing import Showing

TABS: Final = ("Overview", "Request", "Response", "Timing", "Raw")
"""Those of every flow."""

MESSAGES_TAB: Final = "Messages"
"""The last tab, of flows that have messages."""

OVERVIEW, REQUEST, RESPONSE, TIMING, RAW, MESSAGES = range(6)

MADE_TO_MEASURE: Final = frozenset({OVERVIEW, TIMING})
"""Tabs that are made for one width."""

WITH_BODY: Final = frozenset({REQUEST, RESPONSE, RAW, MESSAGES})


class Wanted(NamedTuple):
    """What is to be shown; two that are equal show the same, later or not."""

    flow: int
    tab: int
    mode: Mode
    message: int = -1
    """The position of the message that is open in its tab; -1 for none."""


class Pages:
    """Makes the pages of one flow after the other."""

    def __init__(
        self,
        bodies: Bodies,
        showing: Showing,
        clock: Clock,
        *,
        store: FlowStore,
        row_of: Callable[[int], Row | None],
    ) -> None:
        self.bodies = bodies
        self.showing = showing
        self.about: About | None = None
        """What is known of the body on the page; None where there is none whose decoder can be chosen."""
        self.choices = Choices()
        self._clock = clock
        self._store = store
        self._talk = Talk(store.messages)
        self._asked = Asked(store, row_of)

    async def page(self, wanted: Wanted, view: FlowView, row: Row, *, width: int) -> Joined:
        """Return what a tab shows of a flow by now."""
        now = self._clock.wall_ns()
        self._begin()
        if wanted.tab == OVERVIEW:
            return Joined(overview(view, row, now_wall_ns=now, width=width, secrets=self.choices.secrets))
        if wanted.tab == TIMING:
            return Joined(timing_page(view, row, width))
        if wanted.tab == RAW:
            return await self._raw(view, row, wanted.mode)
        request = wanted.tab == REQUEST
        message = view.request if request else view.response
        if message is None or not message.raw:
            direction = Direction.REQUEST if request else Direction.RESPONSE
            return Joined(no_message(direction, view, row))
        head = head_lines(message, view, self.choices, now_wall_ns=now)
        tail = trailer_lines(message, self.choices)
        talk = None if request else await self._talk.of(row, view.request.path if view.request else b"")
        if talk is not None:
            body, about = talk
            how = self._how(wanted.flow, about)
            return Joined(head, *await self.bodies.talk(body, wanted.flow, wanted.mode, how), tail)
        missing = absence(message, view, row)
        if missing:
            return Joined([*head, heading("Body", missing)], tail)
        about = about_body(message, view)
        if not request:
            about = about._replace(asked=await self._asked.of(view, row))
        how = self._how(wanted.flow, about)
        return Joined(head, *await self.bodies.parts(message, wanted.mode, how), tail)

    def _begin(self) -> None:
        self.bodies.begin()
        self.about = None

    def _how(self, flow: int, about: About) -> How:
        self.about = about
        return How(about, self.showing.decoder(flow, about))

    async def message(self, wanted: Wanted, log: MessageLog, row: Row) -> Joined:
        """Return the page of one message."""
        self._begin()
        position = wanted.message
        try:
            entry = log.table.entry(position)
        except IndexError:
            return Joined([BLANK, line((f"  {GONE}", "muted"))])
        (detail,) = await log.details((position,))
        head = message_head(log, entry, detail, row)
        if not entry.size:
            return Joined([*head, heading("Payload", "empty")])
        if not detail.captured:
            return Joined([*head, heading("Payload", "not recorded, or no longer in the record")])
        about = about_payload(log.facts.form, entry, row)
        body = PayloadBody(await log.refs(position), entry.size, about.content_type)
        how = self._how(wanted.flow, about)
        return Joined(head, *await self.bodies.payload(body, position, wanted.mode, how))

    # --- as it came

    async def _raw(self, view: FlowView, row: Row, mode: Mode) -> Joined:
        parts: list[Part | list[Line]] = []
        for title, direction in (("Request", Direction.REQUEST), ("Response", Direction.RESPONSE)):
            message = view.request if direction == Direction.REQUEST else view.response
            if message is None or not message.raw:
                parts.append(no_message(direction, view, row))
                continue
            parts += await self._raw_message(title, view, row, message, mode)
        return Joined(*parts)

    async def _raw_message(
        self, title: str, view: FlowView, row: Row, message: MessageView, mode: Mode
    ) -> list[Part | list[Line]]:
        note = f"as it came, {len(message.raw):,} bytes of head"
        head = [BLANK, heading(title, note), *raw_lines(message.raw, self.choices)]
        if message.forwarded:
            head += [BLANK, heading(f"{title} as it went on", "changed by the proxy as it must")]
            head += raw_lines(message.forwarded, self.choices)
        missing = absence(message, view, row)
        if missing:
            return [[*head, line((f"  ({missing})", "muted"), indent=2)]]
        tail = [BLANK]
        if message.trailers_raw:
            tail = [BLANK, heading("Trailers"), *raw_lines(message.trailers_raw, self.choices), BLANK]
        raw = await self.bodies.as_they_came(message, "hex" if mode == "hex" else "raw")
        return [head, *raw, tail]
