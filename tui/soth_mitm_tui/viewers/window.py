"""A document as a part of a page: the lines around what is in sight, read while the person looks."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from textual.cache import LRUCache

from soth_mitm.record.document import WorkerError
from soth_mitm.text import printable
from soth_mitm_tui.lines import line
from soth_mitm_tui.viewers.content import Tint, plain, tinted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from soth_mitm.record.document import BodyOf, Document, Found
    from soth_mitm.text import SafeText
    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.viewers.hits import Query

KEPT_LINES: Final = 2048
"""Lines of a document that are kept; one has 4,000 characters at most."""

AT_ONCE: Final = 128
"""Lines that are asked for at once."""

AROUND: Final = 96
"""Lines above and below what is in sight that are read before they are looked at."""

READING_SECONDS: Final = 0.1
"""How often a search looks whether all of the body has been read."""

PIECE: Final = 4000
"""A line of so many characters goes on in the next one."""


class Window:
    """Reads lines when they are wanted, nearest first, and calls `changed` when some have come."""

    def __init__(
        self,
        document: Document,
        *,
        start: Callable[[Coroutine[None, None, None]], object],
        changed: Callable[[], None],
    ) -> None:
        self.document = document
        self.tint: Tint = plain
        self._start, self._changed = start, changed
        self._kept: LRUCache[int, SafeText] = LRUCache(KEPT_LINES)
        self._version = 0
        self._count = 0
        self._captured = 0
        self._wanted = (0, 0)
        # A document is asked for one thing after the other: it may have to hand itself over first.
        self._lock = asyncio.Lock()
        self.trouble = ""
        """Why lines could not be read; tried again when more has come."""
        self.busy = False
        """Whether lines that are in sight are on their way."""

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Line | None:
        text = self._kept.get(index)
        if text is None:
            return line((f"  ✕ {self.trouble}", "bad"), indent=4) if self.trouble else None
        made = tinted(text, self.tint)
        return made._replace(goes_on=True) if len(text) == PIECE else made

    # --- how far it is

    async def update(self, message: BodyOf) -> None:
        """Take what has come since; the new lines are there, as far as they are a screenful."""
        before = self._count
        self.trouble = ""
        self._captured = message.refs.captured
        async with self._lock:
            info = await self.document.follow(message)
        if info.version != self._version:
            self._version = info.version
            self._kept.clear()
            before = 0
        elif before:
            self._kept.discard(before - 1)  # it may have grown
        self._count = info.lines
        first = max(before - 1, 0)
        if info.lines > first + AT_ONCE and before:
            first = info.lines - AT_ONCE
        await self._read(first, min(info.lines, first + AT_ONCE))

    # --- reading

    def want(self, first: int, stop: int) -> None:
        """See `Asking`."""
        self._wanted = first, stop
        if not self.busy and not self.trouble and self._next() is not None:
            self.busy = True
            self._start(self._load())

    def _next(self) -> tuple[int, int] | None:
        """Return the lines to be read next: those in sight, then those below, then those above."""
        first, stop = self._wanted
        for low, high in ((first, stop), (stop, stop + AROUND), (first - AROUND, first)):
            low, high = max(low, 0), min(high, self._count)
            missing = next((number for number in range(low, high) if number not in self._kept), None)
            if missing is not None:
                return missing, min(missing + AT_ONCE, max(high, missing + 1))
        return None

    async def _load(self) -> None:
        try:
            while (wanted := self._next()) is not None:
                if not await self._read(*wanted):
                    break
                self._changed()
        except WorkerError as error:
            self.trouble = printable(str(error))
            self._changed()
        finally:
            self.busy = False

    async def _read(self, first: int, stop: int) -> bool:
        """Read lines; False where there were none, although there should be."""
        while first < stop:
            version = self._version
            async with self._lock:
                lines = await self.document.lines(first, stop - first)
            if version != self._version:
                return True
            if not lines:
                return False
            for number, text in enumerate(lines, first):
                self._kept[number] = text
            first += len(lines)
        return True

    # --- searching

    async def search(self, query: Query, reading: Callable[[float], None]) -> AsyncGenerator[Found, None]:
        """Search all of the document, once it is there; `reading` is told how much of it is."""
        document = self.document
        async with self._lock:
            info = await document.refresh()
        while not info.settled:
            reading(info.taken_bytes / max(self._captured, 1))
            await asyncio.sleep(READING_SECONDS)
            async with self._lock:
                info = await document.refresh()
        found_so_far = document.search(query.text, regex=query.regex, case=query.case)
        async with contextlib.aclosing(found_so_far):
            async for found in found_so_far:
                yield found
