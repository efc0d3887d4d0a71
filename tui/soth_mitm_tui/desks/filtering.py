"""The filter: from what is typed to what the list shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.policy.filters import FilterError, compile_filter
from soth_mitm.text import printable
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.lines import BLANK, line

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp

SCAN_INTERVAL: Final = 0.008
"""Seconds between two slices of a scan."""


class Filtering(Desk):
    """Judges the filter as it is typed, and has the list show what matches."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            "list.filter": lambda: self.main.filter.open(),
            "list.clear": lambda: self.leave(clear=True),
            "filter.accept": lambda: self.leave(clear=not self.main.filter.text.strip()),
            "filter.clear": lambda: self.leave(clear=True),
        }

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to clear."""
        if action_id == "list.clear" and not self.main.model.filtered:
            return "There is no filter to clear"
        return ""

    def leave(self, *, clear: bool) -> None:
        """Go to the list, with the filter or without."""
        if clear:
            self.main.filter.reset()
            self.main.list.set_filter(None)
        self.main.show_list()

    def edited(self, text: str) -> None:
        """Judge the filter as it is typed; a wrong one leaves the list as it was."""
        main, text = self.main, text.strip()
        if not text:
            main.list.set_filter(None)
            main.filter.set_verdict("", "")
            return
        try:
            matcher = compile_filter(text)
        except FilterError as error:
            main.filter.set_verdict(printable(f"column {error.column + 1}: {error.message}"), "bad")
            return
        main.list.when_empty = (
            BLANK,
            line(("  No flow matches ", "text"), (printable(text, 60), "strong")),
            line(("  esc", "accent"), (" shows all of them again", "muted")),
        )
        main.list.set_filter(matcher)
        self.refresh_verdict()
        if main.model.scanning:
            self.app.set_timer(SCAN_INTERVAL, self._scan)

    def _scan(self) -> None:
        main = self.main
        with main.list.guard():
            main.list.scan()
        if main.model.scanning:
            self.app.set_timer(SCAN_INTERVAL, self._scan)
        else:
            main.refresh_list_title()

    def refresh_verdict(self) -> None:
        """Say how many flows match by now."""
        bar, model = self.main.filter, self.main.model
        if not model.filtered or bar.has_class("-wrong") or not bar.text.strip():
            return
        words = "searching" if model.scanning else "valid"
        bar.set_verdict(f"{words} · {len(model):,} of {model.total:,}", "good")
