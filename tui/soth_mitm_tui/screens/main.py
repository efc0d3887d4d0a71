"""The main screen: the list, the detail, and the bars around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget

from soth_mitm.policy.filters import FilterError, compile_words
from soth_mitm.text import printable
from soth_mitm_tui.actions import named, of_pane
from soth_mitm_tui.lines import BLANK, Line, Span, line
from soth_mitm_tui.overview import url
from soth_mitm_tui.setup import Commands, commands, setup_lines
from soth_mitm_tui.status import Rate, status_parts
from soth_mitm_tui.viewmodel import FlowModel
from soth_mitm_tui.widgets.bars import Bar, KeyBar
from soth_mitm_tui.widgets.detail import Detail
from soth_mitm_tui.widgets.filter_bar import FilterBar
from soth_mitm_tui.widgets.flow_list import ColumnHeads, FlowList
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.setup_card import SetupCard

NARROW = 100
"""Widths below this have room for one pane only."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult

    from soth_mitm.clock import Clock
    from soth_mitm.config import Config
    from soth_mitm.record.index import Index
    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.reading import Reading
    from soth_mitm_tui.source import FlowStore

SCAN_INTERVAL = 0.008


class MainScreen(Screen[None]):
    """Shows the flows. Narrow: list or detail; wide: list over detail; very wide: side by side."""

    AUTO_FOCUS = None

    def __init__(
        self,
        index: Index,
        store: FlowStore,
        worker: Worker,
        *,
        config: Config,
        clock: Clock,
        title: str,
        reading: Reading | None = None,
    ) -> None:
        super().__init__()
        self._reading = reading
        self._in_detail = self._zoomed = False
        self._index = index
        self._config, self._clock, self._product = config, clock, title
        self.model = FlowModel(index)
        self.draining = ""
        self._rate = Rate()
        self.status = Bar(id="status")
        self.filter = FilterBar(id="filter")
        self.list_title = PaneTitle("Flows", id="list-title")
        read_only = reading is not None
        self.list = FlowList(self.model, read_only=read_only, id="list")
        self.card = SetupCard(self.setup_lines, self.commands, standing=True, id="card")
        self.detail = Detail(
            store, worker, row_of=self.model.row_of, clock=clock, read_only=read_only, id="detail"
        )
        self.left = Vertical(id="left")
        self.key_bar = KeyBar(id="keys")

    def compose(self) -> ComposeResult:
        """Lay out the bars and the panes."""
        yield self.status
        yield self.filter
        with Container(id="panes"):
            with self.left:
                yield self.list_title
                yield ColumnHeads(id="heads")
                yield self.list
                yield self.card
            yield self.detail
        yield self.key_bar

    def on_mount(self) -> None:
        """Show what there is."""
        self.tick()
        (self.list if len(self._index) else self.card).focus()

    # --- what is shown, some times a second

    def tick(self) -> None:
        """Take what is new in the record."""
        flows = self.list
        with flows.guard():
            flows.pull()
        empty = self.model.total == 0 and not self.model.filtered
        if empty != self.has_class("-empty"):
            self.set_class(empty, "-empty")
            self._arrange()
            card = self.card
            if not empty and (card.has_focus or self.focused is None):
                flows.focus()
        if empty:
            card = self.card
            with card.guard():
                card.update()
        else:
            with self.detail.guard():
                self.detail.tick()
        self.refresh_bars()

    def refresh_bars(self) -> None:
        """Say in the bars what has changed."""
        index, facts = self._index, self._index.session
        total = index.dropped + len(index)
        self.status.set(
            status_parts(
                facts,
                self._config,
                title=self._product,
                flows=len(index),
                dropped=index.dropped,
                rate=self._rate.update(self._clock.monotonic_ns(), total),
                draining=self.draining,
                reading=self._reading.state if self._reading is not None else None,
            ),
        )
        self._refresh_list_title()
        self._refresh_keys()

    def _refresh_list_title(self) -> None:
        flows, model = self.list, self.model
        note: tuple[Span, ...] = ()
        if flows.below:
            note = ((f"{flows.below:,} new below ", "accent"), ("(G)", "muted"))
        elif flows.following:
            note = (("follow", "accent"),)
        empty = self.has_class("-empty")
        name = "Set-up" if empty and self._reading is None else "Flows"
        self.list_title.set(((name, "heading"),), () if empty else note)
        if model.filtered:
            self._refresh_verdict()

    def _refresh_keys(self) -> None:
        pane = self.pane_of(self.focused)
        name = getattr(pane, "PANE", "app") if pane is not None else "app"
        reason = getattr(pane, "reason_against", lambda _: "")
        here = [action for action in of_pane(name) if action.show and not reason(action.id)]
        everywhere = [action for action in of_pane("app") if action.show and name != "app"]
        taken = frozenset(
            key
            for action in of_pane(name)
            if name != "app" and not reason(action.id)
            for key in action.shown_keys
        )
        self.key_bar.show_actions(here, everywhere, typing=name == "filter", taken=taken)
        self.list_title.set_bright(name in ("list", "setup"))
        self.detail.heading.set_bright(name == "detail")

    @staticmethod
    def pane_of(widget: Widget | None) -> Widget | None:
        """Return the pane that a widget belongs to."""
        node: object = widget
        while isinstance(node, Widget):
            if hasattr(node, "PANE"):
                return node
            node = node.parent
        return None

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Other keys work now."""
        self._refresh_keys()

    def on_resize(self) -> None:
        """Where there is room for one pane only, it is the one with the focus."""
        self._in_detail = self.pane_of(self.focused) is self.detail
        self._arrange()

    @property
    def narrow(self) -> bool:
        """Whether there is room for one pane only."""
        return self.app.size.width < NARROW

    def _arrange(self) -> None:
        """Show the panes that have room. A class of the screen would style every widget anew for it."""
        empty = self.has_class("-empty")
        alone = self._zoomed or self.narrow
        self.detail.display = not empty and (self._in_detail or not self.narrow)
        self.left.display = empty or not (alone and self._in_detail)

    # --- the card

    def setup_lines(self) -> list[Line]:
        """Return the set-up card as it stands, or what is to say about a file without flows."""
        if self._reading is not None:
            return self._reading.lines()
        return setup_lines(self._index.session, self._config, flows=len(self._index))

    def commands(self) -> Commands | None:
        """Return the one-liners of the set-up card; None where no proxy runs."""
        if self._reading is not None:
            return None
        return commands(self._index.session, self._config)

    # --- what the panes ask for

    def on_flow_list_selected(self, event: FlowList.Selected) -> None:
        """The detail follows the cursor."""
        self.detail.select(event.flow)
        self._refresh_keys()

    def on_detail_turned(self) -> None:
        """The key bar has the keys of the tab."""
        self._refresh_keys()

    def on_flow_list_moved(self) -> None:
        """Say how far the list goes."""
        self._refresh_list_title()

    def on_flow_list_verb(self, event: FlowList.Verb) -> None:
        """Do what the list cannot do by itself."""
        self._do("list", event.verb)

    def on_detail_verb(self, event: Detail.Verb) -> None:
        """Do what the detail cannot do by itself."""
        self._do("detail", event.verb)

    def _do(self, pane: str, verb: str) -> None:
        widget: FlowList | Detail = self.list if pane == "list" else self.detail
        reason = widget.reason_against(f"{pane}.{verb}")
        if reason:
            self.notify(reason, severity="warning", markup=False, timeout=3)
            return
        verbs: dict[str, Callable[[], object]] = {
            "open": self._open,
            "back": self.show_list,
            "leave": lambda: (
                self.app.call_later(self.app.run_action, "quit") if self.draining else self.show_list()
            ),
            "overview": lambda: self._show_tab(0),
            "request": lambda: self._show_tab(1),
            "response": lambda: self._show_tab(2),
            "filter": self.filter.open,
            "clear": lambda: self._leave_filter(clear=True),
            "zoom": self._zoom,
            "next": lambda: self.list.step(1),
            "previous": lambda: self.list.step(-1),
            "copy-url": lambda: self._copy_url(widget),
            "kill": lambda: self.app.call_later(self.app.run_action, f"app.kill({self._flow_of(widget)})"),
        }
        verbs[verb]()

    def _flow_of(self, widget: FlowList | Detail) -> int:
        return widget.selected if isinstance(widget, FlowList) else widget.flow

    def _copy_url(self, widget: FlowList | Detail) -> None:
        row = self.model.row_of(self._flow_of(widget))
        if row is not None:
            self.post_message(SetupCard.Copied("URL", url(row)))

    def show_detail(self) -> None:
        """Give the detail the focus, and the screen where there is room for one pane only."""
        self._in_detail = True
        self._arrange()
        self.detail.text.focus()

    def _open(self) -> None:
        if self.narrow:
            self.list.bring_cursor()
        self.show_detail()

    def _zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._arrange()

    def _show_tab(self, tab: int) -> None:
        self.detail.show_tab(tab)
        if self.narrow:
            self._open()

    def show_list(self) -> None:
        """Give the list the focus."""
        self._in_detail = self._zoomed = False
        self._arrange()
        self.list.focus()

    # --- filter

    def on_filter_bar_edited(self, event: FilterBar.Edited) -> None:
        """Judge the filter as it is typed; a wrong one leaves the list as it was."""
        event.stop()
        text = event.text.strip()
        if not text:
            self.list.set_filter(None)
            self.filter.set_verdict("", "")
            return
        try:
            matcher = compile_words(text)
        except FilterError as error:
            self.filter.set_verdict(printable(f"column {error.column + 1}: {error.message}"), "bad")
            return
        self.list.when_empty = (
            BLANK,
            line(("  No flow matches ", "text"), (printable(text, 60), "strong")),
            line(("  esc", "accent"), (" shows all of them again", "muted")),
        )
        self.list.set_filter(matcher)
        self._refresh_verdict()
        if self.model.scanning:
            self.set_timer(SCAN_INTERVAL, self._scan)

    def _scan(self) -> None:
        with self.list.guard():
            self.list.scan()
        if self.model.scanning:
            self.set_timer(SCAN_INTERVAL, self._scan)
        else:
            self._refresh_list_title()

    def _refresh_verdict(self) -> None:
        bar = self.filter
        if bar.has_class("-wrong") or not bar.text.strip():
            return
        words = "searching" if self.model.scanning else "valid"
        bar.set_verdict(f"{words} · {len(self.model):,} of {self.model.total:,}", "good")

    def on_filter_bar_left(self, event: FilterBar.Left) -> None:
        """Go to the list, with the filter or without."""
        event.stop()
        self._leave_filter(clear=event.clear)

    def _leave_filter(self, *, clear: bool) -> None:
        if clear:
            self.filter.reset()
            self.list.set_filter(None)
        self.show_list()

    # --- the palette

    def perform(self, action_id: str) -> None:
        """Carry out an action of the list or the detail, wherever the focus is."""
        action = named(action_id)
        widget: Widget = self.list if action.pane == "list" else self.detail
        if action.pane == "detail" and action.verb != "back":
            self.show_detail()
        getattr(widget, f"action_{action.verb}")()
