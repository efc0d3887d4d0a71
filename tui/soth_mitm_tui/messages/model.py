"""Which messages of a flow are shown: all of them, or those that a filter wants, in the order they came."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from soth_mitm.policy.filters.messages import MessageFilter
    from soth_mitm.record.messagelog import MessageLog

BATCH: Final = 2048
"""Messages whose columns are judged at once."""

SLICE_SECONDS: Final = 0.003
"""How long the loop is kept at a time."""

Ask = Callable[["MessageLog", "MessageFilter", list[int]], Awaitable[list[int]]]
"""Asks payloads: returns those positions whose payload is wanted, in order."""


class Taken(NamedTuple):
    """What changed in what is shown."""

    appended: int = 0
    dropped: int = 0
    """Rows at the head that are gone."""


class MessageModel:
    """Rows over positions of a log; rows count from 0 and shift when messages at the head are dropped."""

    def __init__(self, log: MessageLog, wanted: MessageFilter | None = None) -> None:
        self.log = log
        self.filter = wanted
        self._found = array("q")
        self._shown = 0
        self._judged = log.table.dropped
        self._end = log.table.end
        self._dropped = log.table.dropped
        self.judging = False

    @property
    def filtered(self) -> bool:
        """Whether a filter hides messages."""
        return self.filter is not None

    def __len__(self) -> int:
        return self._shown if self.filter is not None else self._end - self._dropped

    @property
    def total(self) -> int:
        """Messages that are kept, hidden ones included."""
        return self._end - self._dropped

    def position(self, row: int) -> int:
        """Return the position of a row."""
        return self._found[row] if self.filter is not None else self._dropped + row

    def positions(self) -> Sequence[int]:
        """Return the positions of all rows by now."""
        return self._found[: self._shown] if self.filter is not None else range(self._dropped, self._end)

    def row_near(self, position: int) -> int:
        """Return the row of a position; where it is not shown, that of the next one, or the last row."""
        if self.filter is None:
            row = position - self._dropped
        else:
            row = bisect_left(self._found, position, 0, self._shown)
        return max(0, min(row, len(self) - 1))

    def shows(self, position: int) -> bool:
        """Whether a position has a row."""
        row = self.row_near(position)
        return bool(len(self)) and self.position(row) == position

    # --- what is new

    @property
    def pending(self) -> int:
        """Messages that the filter has not judged yet."""
        table = self.log.table
        return table.end - max(self._judged, table.dropped) if self.filter is not None else 0

    def take(self) -> Taken:
        """Take what the log has by now; with a filter, what was judged."""
        table = self.log.table
        if self.filter is None:
            taken = Taken(table.end - self._end, min(table.dropped, self._end) - self._dropped)
        else:
            dropped = bisect_left(self._found, table.dropped)
            del self._found[:dropped]
            before = max(self._shown - dropped, 0)
            self._shown = len(self._found)
            taken = Taken(self._shown - before, dropped)
        self._end, self._dropped = table.end, table.dropped
        return taken

    async def judge(self, ask: Ask) -> None:
        """Judge what is new, batch by batch; what was found shows at once. To cancel it loses nothing.

        Raises:
            WorkerError: payloads cannot be asked.
        """
        wanted, table = self.filter, self.log.table
        if wanted is None or self.judging:
            return
        self.judging = True
        started = perf_counter()
        try:
            while self._judged < table.end:
                start, stop = max(self._judged, table.dropped), min(self._judged + BATCH, table.end)
                found = list(range(start, stop))
                if wanted.judges_columns:
                    found = table.select(start, stop, wanted)
                if found and wanted.payload_terms:
                    found = await ask(self.log, wanted, found)
                self._found.extend(found)
                self._judged = max(stop, start)
                if perf_counter() - started > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    started = perf_counter()
        finally:
            self.judging = False
