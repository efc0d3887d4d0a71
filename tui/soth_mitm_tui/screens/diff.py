"""Two things side by side, or one below the other, with what differs brought out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm.policy.diff import NOTHING
from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.diffing.layout import Layout, as_text
from soth_mitm_tui.diffing.sources import HERE
from soth_mitm_tui.widgets.bars import KeyBar
from soth_mitm_tui.widgets.diff_view import DiffHeads, DiffView
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from soth_mitm.policy.diff import DiffReport, Ignore
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.diffing.sources import Comparison, Loaded
    from soth_mitm_tui.lines import Span

SPLIT: Final = 120
"""Widths from here on have room for both sides."""
STEPS: Final = ("load", "compare", "lay out")
LOOK: Final = 0.5
"""Seconds between two looks at whether what is compared has changed."""


class DiffScreen(ModalScreen[None]):
    """Compares two things; large ones in a process of its own, and again while they grow."""

    PANE: ClassVar[str] = "diff"
    BINDINGS = bindings("diff")
    AUTO_FOCUS = "DiffView"
    app: SothApp

    def __init__(self, comparison: Comparison, ignore: Ignore) -> None:
        """Compare; `ignore` has the rules for what may differ, which a key switches on and off."""
        super().__init__()
        self._comparison, self._rules = comparison, ignore
        self.noise = comparison.noise
        self.report: DiffReport | None = None
        self.side_by_side: bool | None = None
        """What the person wants; None for what the width allows."""
        self.everything = False
        self.heads, self.view = DiffHeads(), DiffView()
        self._title = PaneTitle("Differences")
        self._title.set_bright(True)
        self._keys = KeyBar(id="diff-keys")
        self._loaded: Loaded | None = None
        self._stamp: object = None
        self._busy = False
        self._wanted = len(STEPS)

    def compose(self) -> ComposeResult:
        """Lay out the title, the differences and the keys."""
        with Vertical(id="diff"):
            yield self._title
            yield self.heads
            yield self.view
            yield self._keys

    def on_mount(self) -> None:
        """Begin to compare."""
        self.view.say(("comparing…", "muted"))
        self._say()
        self._start("load")
        self.set_interval(LOOK, self._look)

    def _look(self) -> None:
        if not self._busy and self._comparison.stamp() != self._stamp:
            self._start("load")

    def _start(self, step: str) -> None:
        """Do a step and those behind it: `load`, `compare`, `lay out`; what is under way is done again."""
        self._wanted = min(self._wanted, STEPS.index(step))
        if not self._busy:
            self._busy = True
            self.run_worker(self._work(), group="diff", exit_on_error=False)

    async def _work(self) -> None:
        try:
            while self._wanted < len(STEPS):
                step, self._wanted = self._wanted, len(STEPS)
                if step == 0 or self._loaded is None:
                    self._stamp = self._comparison.stamp()
                    self._loaded = await self._comparison.load()
                if step <= 1 or self.report is None:
                    call = self._loaded.with_ignore(NOTHING if self.noise else self._rules)
                    heavy = self._loaded.size > HERE
                    self.report = await self.app.worker.run(call) if heavy else call()
                await self._lay_out(self.report)
        except Exception as error:
            self.report = None
            self.view.say(("✕ ", "bad"), (printable(str(error), 300), "text"))
            self._say()
        finally:
            self._busy = False

    # --- showing

    @property
    def split(self) -> bool:
        """Whether both sides stand beside each other."""
        return self.app.size.width >= SPLIT if self.side_by_side is None else self.side_by_side

    async def _lay_out(self, report: DiffReport) -> None:
        before, width = self.view.layout_of, self.view.size.width - 1
        layout = Layout(report, width, split=self.split, everything=self.everything)
        for _ in layout.slices():
            await asyncio.sleep(0)
        self.view.show_layout(layout, keep=before is not None)
        self._say()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the new width."""
        if self.report is not None:
            self._start("lay out")

    def _say(self) -> None:
        left, right = self._comparison.names()
        self.heads.display = self.split
        if self.split:
            self.heads.set(left.text, right.text)
            self._title.set((("Differences", "heading"),), self._note())
        else:
            what = f"   {left.what}" if left.what == right.what else ""
            names = (left.short, right.short) if what else (left.text, right.text)
            signs: tuple[Span, Span] = ("- ", "bad"), ("  + ", "good")
            title = signs[0], (names[0], "heading"), signs[1], (names[1], "heading"), (what, "muted")
            self._title.set(title, self._note())
        registry = self.app.registry
        shown = [each for each in registry.shown(self.PANE) if not self.app.reason_against(each.id)]
        self._keys.show_actions(shown, (), typing=False, taken=frozenset())

    def _note(self) -> tuple[Span, ...]:
        report, layout = self.report, self.view.layout_of
        if report is None or layout is None:
            return ()
        notes: list[Span] = []
        if report.differences:
            at = f"{self.view.at + 1:,} of " if self.view.at >= 0 else ""
            count = len(layout.stops) if at else report.differences
            notes.append((f"{at}{count:,} differ{'s' if count == 1 and not at else ''}", "accent"))
        else:
            notes.append(("no difference", "good"))
        if report.ignored:
            notes += [(" · ", "muted"), (f"{report.ignored:,} ignored", "muted")]
        return tuple(notes)

    # --- actions

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now."""
        if action_id in ("diff.close", "diff.side"):
            return ""
        if self.report is None:
            return "There is nothing to show yet"
        layout = self.view.layout_of
        if action_id in ("diff.next", "diff.previous") and (layout is None or not layout.stops):
            return "Nothing differs"
        return ""

    def action_next(self) -> None:
        """Go to the next difference."""
        self._step(1, "This is the last difference")

    def action_previous(self) -> None:
        """Go to the difference before."""
        self._step(-1, "This is the first difference")

    def _step(self, step: int, end: str) -> None:
        if not self.view.step(step):
            self.app.notify(end, markup=False, timeout=2)
        self._say()

    def action_noise(self) -> None:
        """Count what the rules ignore, or leave it out."""
        self.noise = not self.noise
        self._start("compare")

    def action_side(self) -> None:
        """Show both sides beside each other, or one below the other."""
        self.side_by_side = not self.split
        self._start("lay out")

    def action_all(self) -> None:
        """Show fields that are the same as well, or count them."""
        self.everything = not self.everything
        self._start("lay out")

    def action_copy(self) -> None:
        """Copy the differences as text."""
        if self.report is not None:
            left, right = self._comparison.names()
            self.app.copy("Differences", as_text(self.report, (left.text, right.text)))

    def action_down(self) -> None:
        """Scroll down."""
        self.view.go_to(self.view.top + 1)

    def action_up(self) -> None:
        """Scroll up."""
        self.view.go_to(self.view.top - 1)

    def action_page_down(self) -> None:
        """Scroll down a page."""
        self.view.go_to(self.view.top + self.view.page - 1)

    def action_page_up(self) -> None:
        """Scroll up a page."""
        self.view.go_to(self.view.top - self.view.page + 1)

    def action_first(self) -> None:
        """Go to the top."""
        self.view.go_to(0)

    def action_last(self) -> None:
        """Go to the end."""
        self.view.go_to(self.view.max_scroll_y)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
