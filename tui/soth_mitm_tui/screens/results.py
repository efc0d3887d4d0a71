"""What comes of a run of replays, while it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.bars import KeyBar
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.result_list import Figures, ResultList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.runs import Run

LOOK = 0.2
"""Seconds between two looks at how it goes."""


class ResultsScreen(ModalScreen[None]):
    """Shows a run, which goes on when this is closed."""

    PANE: ClassVar[str] = "results"
    BINDINGS = bindings("results")
    AUTO_FOCUS = "ResultList"
    app: SothApp

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._title = PaneTitle("Replay")
        self._title.set_bright(True)
        self._figures = Figures()
        self.list = ResultList(run)
        self._keys = KeyBar(id="results-keys")

    @property
    def run(self) -> Run:
        """What is shown."""
        return self.list.run

    def compose(self) -> ComposeResult:
        """Lay out the title, the figures, the rows and the keys."""
        with Vertical(id="results"):
            yield self._title
            yield self._figures
            yield self.list
            yield self._keys

    def on_mount(self) -> None:
        """Begin to look."""
        self.look()
        self.set_interval(LOOK, self.look)

    def show_run(self, run: Run) -> None:
        """Show another run."""
        self.list.show_run(run)
        self.look()

    def look(self) -> None:
        """Show how it stands now."""
        run = self.run
        with self.list.guard():
            self._figures.show_run(run)
            self.list.update()
        at_once = f" · {run.plan.concurrency:,} at once" if run.plan.concurrency > 1 else ""
        state: Span = ("over", "muted") if run.finished else ("under way", "accent")
        self._title.set(((run.title, "heading"),), (state, (at_once, "muted")))
        registry = self.app.registry
        shown = [each for each in registry.shown(self.PANE) if not self.app.reason_against(each.id)]
        self._keys.show_actions(shown, (), typing=False, taken=frozenset())

    def action_down(self) -> None:
        """Go to the next row."""
        self.list.go(self.list.cursor + 1)

    def action_up(self) -> None:
        """Go to the row before."""
        self.list.go(self.list.cursor - 1)

    def action_page_down(self) -> None:
        """Go down a page."""
        self.list.go(self.list.cursor + self.list.page)

    def action_page_up(self) -> None:
        """Go up a page."""
        self.list.go(self.list.cursor - self.list.page)

    def action_first(self) -> None:
        """Go to the first row."""
        self.list.go(0)

    def action_last(self) -> None:
        """Go to the last row."""
        self.list.go(len(self.run.entries) - 1)

    def action_close(self) -> None:
        """Go back; what is under way goes on."""
        self.dismiss()
