"""What both sides of a WebSocket have said, as one body, where it is a conversation with a language model."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.about import About
from soth_mitm.decode.llm.recognise import FIRST, MESSAGES, recognise
from soth_mitm.model.events import MessageForm
from soth_mitm.record.payloads import PayloadRefs, Slice
from soth_mitm_tui.messages.page import PayloadBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.rows import Row

_LOOKED_AT: Final = 4096
_AT_ONCE: Final = 100
_MOST: Final = 20_000
"""Messages that are taken into one body."""


class Talk:
    """The body of the flow that was asked about last; each time only what is new is taken."""

    def __init__(self, log_of: Callable[[int], MessageLog]) -> None:
        self._log_of = log_of
        self._flow = 0
        self._at = 0
        self._slices: list[Slice] = []
        self._size = 0
        self._known: bool | None = None

    async def of(self, row: Row, path: bytes) -> tuple[PayloadBody, About] | None:
        """Return the body of a flow, and what is known of it; None where it is no conversation."""
        if row.form != MessageForm.WEBSOCKET:
            return None
        if row.flow != self._flow:
            self._flow, self._at, self._slices, self._size, self._known = row.flow, 0, [], 0, None
        log = self._log_of(row.flow)
        await log.refresh()
        if row.flow != self._flow:
            return None  # another was asked about meanwhile
        if self._known is None:
            await self._recognise(log, path)
        if not self._known or row.flow != self._flow:
            return None
        await self._take(log)
        if row.flow != self._flow:
            return None
        refs = PayloadRefs(tuple(self._slices), self._size)
        about = About(MESSAGES, path=path, response=True)
        return PayloadBody(refs, self._size, MESSAGES, complete=not row.open), about

    async def _recognise(self, log: MessageLog, path: bytes) -> None:
        table, flow = log.table, self._flow
        for position in range(table.dropped, min(table.end, table.dropped + FIRST)):
            if table.entry(position).label == "text":
                beginning = await log.payload(position, _LOOKED_AT)
                if flow == self._flow and recognise(path, beginning, MESSAGES, response=True) is not None:
                    self._known = True
                    return
        if table.end - table.dropped >= FIRST and flow == self._flow:
            self._known = False

    async def _take(self, log: MessageLog) -> None:
        table, flow = log.table, self._flow
        self._at = max(self._at, table.dropped)
        while flow == self._flow and self._at < min(table.end, _MOST):
            if not self._at % _AT_ONCE:
                await asyncio.sleep(0)
                if flow != self._flow or table.dropped > self._at:
                    return  # the next look goes on
            entry = table.entry(self._at)
            if entry.label == "text" and not entry.cut and entry.origin != "dropped":
                slices = table.place(self._at).slices
                self._slices += slices
                self._size += entry.size if slices else 0
            self._at += 1
