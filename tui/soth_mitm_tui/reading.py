"""A file instead of a proxy: it is read, then followed while it grows, and the app says how that goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from soth_mitm.clock import Clock, SystemClock
from soth_mitm.errors import DumpError
from soth_mitm.text import printable
from soth_mitm_tui.lines import BLANK, Line, Span, line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from soth_mitm.record.index import Index
    from soth_mitm.record.reader import ReadReport

INTERVAL: Final = 0.25
"""Seconds between two looks at the size of the file."""

FRESH_SECONDS: Final = 60.0
"""A file that was written within so many seconds, and not closed, is taken to be written still."""


class DumpFile(Protocol):
    """What is needed of the store over a file."""

    path: Path

    @property
    def index(self) -> Index: ...
    @property
    def report(self) -> ReadReport: ...
    @property
    def size_bytes(self) -> int: ...
    async def load(
        self, progress: Callable[[int, int], None] | None = None, *, growing: bool = False
    ) -> None: ...
    async def read_more(self) -> int: ...


class Reading:
    """Reads a file into its store. Flows that are open at the end stay so while it is being written."""

    def __init__(
        self,
        store: DumpFile,
        *,
        interval: float = INTERVAL,
        clock: Clock | None = None,
        told: Sequence[str] = (),
    ) -> None:
        """`told` grows by what is known of the file that the store was made of, where it is another one."""
        self._store = store
        self._told = told
        self._clock: Clock = clock or SystemClock()
        self._interval = interval
        self._part = 0.0
        self._loaded = False
        self._growing = False
        self.failure: DumpError | None = None
        """What ended the reading; what was read before can still be looked at."""

    async def run(self) -> None:
        """Read all there is, then look for more until cancelled.

        Raises:
            DumpError: the file cannot be read, is no `.soth`, or of a newer version.
        """
        try:
            await self._load()
            await self._follow()
        except DumpError as error:
            self.failure = error
            raise

    async def _load(self) -> None:
        store = self._store
        self._growing = self._is_fresh()
        await store.load(self._progress, growing=self._growing)
        if self._growing and not (store.report.segments or store.report.blocks):
            await store.load()  # what is no recording says so when it is taken as whole
        self._end_if_closed()
        self._loaded = True

    async def _follow(self) -> None:
        store = self._store
        seen = store.size_bytes
        while True:
            await asyncio.sleep(self._interval)
            size = store.size_bytes
            if size < seen:
                raise DumpError(f"{store.path} became shorter: it was replaced; open it again")
            if size > seen:
                seen = size
                self._growing = True
                await store.read_more()
                self._end_if_closed()

    def _progress(self, done: int, total: int) -> None:
        self._part = done / total if total else 1.0

    def _end_if_closed(self) -> None:
        if self._growing and self._store.report.complete:
            self._growing = False
            self._store.index.end_of_recording()

    def _is_fresh(self) -> bool:
        path = self._store.path
        try:
            files = list(path.glob("*.soth")) if path.is_dir() else [path]
            newest = max((file.stat().st_mtime for file in files), default=0.0)
        except OSError:
            return False
        return self._clock.wall_ns() / 1e9 - newest < FRESH_SECONDS

    # --- in words

    @property
    def state(self) -> Span:
        """How the reading goes, for the status bar."""
        if self.failure is not None:
            return "✕ cannot be read further", "bad"
        if not self._loaded:
            return f"◌ reading, {self._part:.0%}", "accent"
        if self._growing:
            return "● following the file", "good"
        report = self._store.report
        if report.complete and self._told:
            return "▲ read in part", "warn"
        if report.complete:
            return "○ read from the file", "muted"
        if report.damaged_blocks or report.bad_frames:
            return "▲ damaged, the rest is here", "warn"
        return "▲ not closed properly", "warn"

    @property
    def remark(self) -> str:
        """What a person should know about the state of the file, once; empty where it is sound."""
        return printable("; ".join(self.remarks), 400)

    @property
    def remarks(self) -> list[str]:
        """The same, one by one."""
        told: list[str] = [printable(each, 400) for each in self._told]
        if self.failure is not None:
            return [printable(str(self.failure), 400), *told]
        if not self._loaded or self._growing or self._store.report.complete:
            return told
        return [printable(f"{self._store.path.name}: {self._store.report.text()}", 400), *told]

    def lines(self) -> list[Line]:
        """Return what stands in the place of the list while the file has shown no flow."""
        if self.failure is not None:
            return [
                BLANK,
                line(("  ✕ ", "bad"), ("The file cannot be read", "strong")),
                line(("    ", "text"), (self.remark, "text"), indent=4),
            ]
        if not self._loaded:
            return [BLANK, line(("  ◌ ", "accent"), (f"Reading the file, {self._part:.0%}", "text"))]
        if self._growing:
            return [
                BLANK,
                line(("  ● ", "good"), ("No flow in this file yet", "strong")),
                line(("    It is being written; flows appear here as they come.", "text"), indent=4),
            ]
        return [
            BLANK,
            line(("  ○ ", "muted"), ("No flow in this file", "strong")),
            line(("    ", "text"), (printable(self._store.report.text(), 400), "muted"), indent=4),
            *(line(("  ▲ ", "warn"), (printable(each, 400), "text"), indent=4) for each in self._told),
        ]
