"""What an edit changes, before it is sent: with the fields that follow from the body."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from soth_mitm.policy.editing.judging import judge
from soth_mitm.record.worker import HERE_LIMIT
from soth_mitm.text import printable
from soth_mitm_tui.diffing.layout import Layout
from soth_mitm_tui.editing.view import View
from soth_mitm_tui.widgets.diff_view import DiffHeads, DiffView

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from soth_mitm.policy.diff import DiffReport
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Span

SPLIT: Final = 120
"""Widths from here on have room for both sides."""


class ChangesView(View):
    """Shows the edit as a diff."""

    NAME: ClassVar[str] = "Changes"
    title = "The changes"
    app: SothApp

    def __init__(self, sheet: Sheet, most: int) -> None:
        super().__init__(sheet, most)
        self.heads, self.diff = DiffHeads(), DiffView()
        self._report: DiffReport | None = None
        self._said = ""

    @classmethod
    def applies(cls, sheet: Sheet, most: int) -> bool:
        """Always."""
        return True

    def compose(self) -> ComposeResult:
        """Lay out the differences."""
        yield self.heads
        yield self.diff

    @property
    def front(self) -> Widget:
        """The differences."""
        return self.diff

    def load(self) -> None:
        """Compare, in another process where that takes long."""
        self.run_worker(self._work(), exclusive=True, group="changes", exit_on_error=False)

    async def _work(self) -> None:
        sheet = self.sheet
        work = partial(judge, sheet.original, sheet.finishing())
        try:
            if len(sheet.parts.data) + len(sheet.first.data) <= HERE_LIMIT:
                judged = work()
            else:
                self.diff.say(("comparing…", "muted"))
                judged = await self.app.worker.run(work)
        except Exception as error:
            self._report = None
            self.diff.say(("✕ ", "bad"), (printable(str(error), 300), "text"))
            return
        self._report, count = judged.report, judged.report.differences
        self._said = "1 difference" if count == 1 else f"{count:,} differences"
        self._said = f"{self._said} · {judged.note}" if judged.note else self._said
        await self._lay_out()

    async def _lay_out(self) -> None:
        report, width = self._report, self.diff.size.width - 1
        if report is None or width < 1:
            return
        split = self.size.width >= SPLIT and not report.equal
        self.heads.display = split
        self.heads.set("As it came", "As it will be sent")
        if report.equal and not report.formal:
            self.diff.say(("Nothing is changed", "muted"))
        else:
            layout = Layout(report, width, split=split)
            for _ in layout.slices():
                await asyncio.sleep(0)
            self.diff.show_layout(layout, keep=False)
        self.post_message(self.Changed())

    def on_resize(self) -> None:
        """Lay out for the new width."""
        if self._report is not None:
            self.run_worker(self._lay_out(), exclusive=True, group="changes", exit_on_error=False)

    def on_key(self, event: events.Key) -> None:
        """Scroll."""
        page = self.diff.page - 1
        by = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": page, "pageup": -page}.get(event.key)
        if by is not None:
            event.stop()
            self.diff.go_to(self.diff.top + by)

    def verdict(self) -> Span | None:
        """Say how much is changed."""
        return (self._said, "muted") if self._said else None
