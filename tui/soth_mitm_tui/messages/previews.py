"""How messages begin, one line each, read when they come into sight."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.cache import LRUCache

from soth_mitm.decode.about import is_call
from soth_mitm.decode.preview import Preview, preview

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from soth_mitm.record.messagelog import Detail, MessageLog

KEPT: Final = 2048
"""Lines that are kept."""

AT_ONCE: Final = 256
"""Most that are read at once; far more than a page has."""

SLICE_SECONDS: Final = 0.002
"""How long the loop is kept at a time."""

CHARS: Final = 400
"""Characters of a line: more than any screen shows of it."""


class Glance(NamedTuple):
    """What a line shows of one message besides its columns."""

    detail: Detail
    preview: Preview


class Previews:
    """Gives glances, and reads those that are missing; `changed` is called when some have come."""

    def __init__(
        self,
        log: MessageLog,
        *,
        start: Callable[[Coroutine[None, None, None]], object],
        changed: Callable[[], None],
    ) -> None:
        self._log = log
        self._start, self._changed = start, changed
        self._kept: LRUCache[int, Glance] = LRUCache(KEPT)
        self._wanted: set[int] = set()
        self.busy = False
        """Whether lines in sight are on their way."""

    def get(self, position: int) -> Glance | None:
        """Return a glance; None where it is still to come, which has it read."""
        found = self._kept.get(position)
        if found is None and len(self._wanted) < AT_ONCE:
            self._wanted.add(position)
            if not self.busy:
                self.busy = True
                self._start(self._read())
        return found

    async def _read(self) -> None:
        try:
            while self._wanted:
                wanted, self._wanted = sorted(self._wanted), set()
                details = await self._log.details(wanted)
                since = perf_counter()
                for detail in details:
                    self._kept[detail.position] = self.glance(detail)
                    if perf_counter() - since > SLICE_SECONDS:
                        await asyncio.sleep(0)
                        since = perf_counter()
                self._changed()
        finally:
            self.busy = False

    def glance(self, detail: Detail) -> Glance:
        """Return what is shown of a message whose beginning was read."""
        whole = len(detail.beginning) == detail.captured
        call = is_call(self._log.facts.form, detail.head.label)
        return Glance(detail, preview(detail.beginning, CHARS, whole=whole, call=call))
