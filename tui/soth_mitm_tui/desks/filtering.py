"""The filter: from what is typed, and the saved filters that are on, to what the list shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.policy.filters import Filter, FilterError, complete, explain, negated
from soth_mitm.policy.filters.filter import node_of
from soth_mitm.policy.filters.nodes import All
from soth_mitm.text import printable
from soth_mitm_tui.deepfilter import DeepFilter
from soth_mitm_tui.desks.deep import DeepRun
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.lines import BLANK, line
from soth_mitm_tui.savedfilters import SavedFilters

if TYPE_CHECKING:
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Line
    from soth_mitm_tui.widgets.filter_bar import FilterBar

SCAN_INTERVAL: Final = 0.008
"""Seconds between two slices of a scan."""


class Filtering(Desk):
    """Judges the filter as it is typed, and has the list show what matches."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.saved = SavedFilters(app.state)
        self.deep = DeepRun(app)
        self._off = False
        self._scanning = False
        self._place = 0
        """How many steps back in the history what is typed stands."""
        self._draft = ""
        self.deeds = {
            "list.filter": self._open,
            "app.search": self._search,
            "list.clear": lambda: self.leave(clear=True),
            "list.filter-off": self._switch,
            "filter.accept": lambda: self.leave(clear=False),
            "filter.clear": self._escape,
            "filter.complete": self._complete,
            "filter.next": lambda: self._step(1),
            "filter.previous": lambda: self._step(-1),
            "filter.negate": self._negate,
        }

    @property
    def bar(self) -> FilterBar:
        """The filter bar."""
        return self.main.filter

    def reason_against(self, action_id: str) -> str:
        """Say why there is nothing to clear or to switch."""
        nothing = not (self.bar.text.strip() or self.saved.on)
        if action_id == "list.clear" and nothing and not self.main.model.filtered:
            return "There is no filter to clear"
        if action_id == "list.filter-off" and nothing:
            return "There is no filter to switch off: / makes one"
        return ""

    # --- coming and going

    def restore(self) -> None:
        """Put the filter of the last run on again."""
        self.bar.set_chips(tuple(self.saved.on))
        if self.saved.last:
            self.bar.put(self.saved.last)
        elif self.saved.on:
            self.judge()

    def _open(self) -> None:
        self._place = 0
        self.bar.open()
        self._explain()

    def _search(self) -> None:
        """Open the bar for a search in all bodies."""
        text = self.bar.text.strip()
        if "body:" not in text:
            self.bar.put(f"{text} body:".strip())
        self.main.show_list()
        self._open()

    def _escape(self) -> None:
        """Leave what is transient, the words first, then a search, then the filter."""
        if self.bar.words.is_open:
            self.bar.words.display = False
        elif self.deep.cancel():
            self.refresh_verdict()
        else:
            self.leave(clear=True)

    def leave(self, *, clear: bool) -> None:
        """Go to the list, with the filter or without. What is cleared stays in the history."""
        text = self.bar.text.strip()
        if text:
            self.saved.remember(text)
        if clear and self.main.focused is not self.bar.field and self.deep.cancel():
            self.refresh_verdict()
            return
        if clear:
            self.saved.all_off()
        if clear or not (text or self.saved.on):
            self._off = False
            self.deep.set(None)
            self.bar.set_off(False)
            self.bar.set_chips(tuple(self.saved.on))
            self.bar.reset()
            self.main.list.set_filter(None)
        self.saved.last = "" if clear else text
        self.bar.words.display = False
        if not self.bar.has_class("-wrong"):
            self.bar.explain("")
        self.main.show_list()

    def close(self) -> None:
        """End the process that searches."""
        self.deep.close()

    # --- judging

    def edited(self, text: str) -> None:
        """Judge the filter as it is typed; a wrong one leaves the list as it was."""
        self._off = False
        self.bar.set_off(False)
        self.judge()
        if self.main.focused is self.bar.field:
            self.offer()

    def offer(self) -> None:
        """Show the words that fit where the cursor is; none where nothing was typed yet."""
        bar = self.bar
        before = bar.text[: bar.field.cursor_position]
        begun = before.strip() and not before.endswith(" ")
        bar.offer(complete(bar.text, bar.field.cursor_position)[:] if begun else ())

    def judge(self) -> None:
        """Have the list show what the text and the saved filters want."""
        bar, text = self.bar, self.bar.text.strip()
        if self._off or not (text or self.saved.on):
            self._set(None)
            bar.set_verdict("off · ^e puts it on" if self._off else "", "muted")
            bar.explain("")
            return
        try:
            wanted = self._compiled(bar.text)
        except FilterError as error:
            bar.set_verdict("✕ not valid", "bad")
            bar.explain(printable(f"column {error.column + 1}: {error.message}", 300), wrong=True)
            return
        bar.remove_class("-wrong")
        self._set(wanted)
        self._explain()
        self.refresh_verdict()

    def _compiled(self, text: str) -> Filter:
        """Return the filter that wants what the text and every saved filter that is on want."""
        nodes = [node_of(text)] if text.strip() else []
        for saved in self.saved.texts:
            try:
                nodes.append(node_of(saved))
            except FilterError as error:
                raise FilterError(error.column, f"in a saved filter: {error.message}") from error
        return Filter(" ".join([text, *self.saved.texts]), nodes[0] if len(nodes) == 1 else All(tuple(nodes)))

    def _set(self, wanted: Filter | None) -> None:
        main = self.main
        deep = DeepFilter(wanted) if wanted is not None and wanted.deep else None
        self.deep.set(deep)
        main.list.when_empty = self._when_empty()
        main.list.set_filter(deep or wanted)
        if main.model.scanning and not self._scanning:
            self._scanning = True
            self.app.set_timer(SCAN_INTERVAL, self._scan)

    def _say_empty(self) -> None:
        lines = self._when_empty()
        if lines != self.main.list.when_empty:
            self.main.list.when_empty = lines
            self.main.list.refresh()

    def _when_empty(self) -> tuple[Line, ...]:
        names = [f"[{name}]" for name in self.saved.on]
        shown = printable(" ".join([*names, self.bar.text.strip()]), 60)
        if self.deep.running:
            return (
                BLANK,
                line(("  ◌ ", "accent"), ("Nothing found yet for ", "text"), (shown, "strong")),
                line(("  esc", "accent"), (" in the filter stops the search", "muted")),
            )
        return (
            BLANK,
            line(("  No flow matches ", "text"), (shown, "strong")),
            line(("  esc", "accent"), (" shows all of them again", "muted")),
        )

    def _explain(self) -> None:
        bar = self.bar
        if self.main.focused is not bar.field or bar.has_class("-wrong"):
            return
        if not bar.text.strip():
            bar.explain("")
            return
        try:
            bar.explain(printable(f"shows: {explain(bar.text)}", 300))
        except FilterError:
            bar.explain("")

    def _scan(self) -> None:
        main = self.main
        with main.list.guard():
            main.list.scan()
        if main.model.scanning:
            self.app.set_timer(SCAN_INTERVAL, self._scan)
        else:
            self._scanning = False
            main.refresh_list_title()

    def refresh_verdict(self) -> None:
        """Say how many flows match by now, and how far a search is."""
        bar, model = self.bar, self.main.model
        if not model.filtered or bar.has_class("-wrong"):
            return
        self.deep.go_on()
        said = self.deep.words(scanning=model.scanning)
        if said is not None:
            bar.set_verdict(*said)
            if not len(model):
                self._say_empty()
            return
        words = "searching" if model.scanning else "valid"
        bar.set_verdict(f"{words} · {model.matching:,} of {model.total:,}", "good")

    # --- changing what is typed

    def _complete(self) -> None:
        bar = self.bar
        if bar.words.is_open:
            bar.take()
        else:
            bar.offer(complete(bar.text, bar.field.cursor_position))

    def _step(self, step: int) -> None:
        """Go through the words that are shown, else through the history; down from there, to the list."""
        bar = self.bar
        if bar.words.is_open:
            bar.words.step(step)
            return
        history = self.saved.history
        if step > 0 and not self._place:
            self.leave(clear=False)
            return
        place = self._place - step
        if not 0 <= place <= len(history):
            return
        if not self._place:
            self._draft = bar.text
        self._place = place
        bar.put(history[-place] if place else self._draft)
        bar.call_after_refresh(self._hide_words)

    def _hide_words(self) -> None:
        self.bar.words.display = False

    def _negate(self) -> None:
        text = negated(self.bar.text)
        if text:
            self.bar.put(text)
            self.bar.call_after_refresh(self._hide_words)

    def _switch(self) -> None:
        """Switch the filter off, or on again, without losing it."""
        self._off = not self._off
        self.bar.set_off(self._off)
        self.judge()
