"""The main screen: the list, the detail, and the bars around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget

from soth_mitm_tui.columns import BY_ID
from soth_mitm_tui.composing import is_command
from soth_mitm_tui.setup import Commands, commands, setup_lines
from soth_mitm_tui.status import Rate, status_parts
from soth_mitm_tui.viewmodel import FlowModel
from soth_mitm_tui.widgets.bars import Bar, KeyBar
from soth_mitm_tui.widgets.column_heads import ColumnHeads
from soth_mitm_tui.widgets.detail import Detail
from soth_mitm_tui.widgets.filter_bar import FilterBar
from soth_mitm_tui.widgets.flow_list import FlowList
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.paused_queue import PausedQueue
from soth_mitm_tui.widgets.setup_card import SetupCard

IN_DETAIL = ("detail", "search", "messages", "message", "sift")
"""Panes of the detail."""

TYPING = ("filter", "search", "sift")
"""Panes in which text is typed."""

NARROW = 100
"""Widths below this have room for one pane only."""

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from soth_mitm.clock import Clock
    from soth_mitm.config import Config
    from soth_mitm.control import PausedMessage
    from soth_mitm.record.document import Documents
    from soth_mitm.record.index import Index
    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Line, Span
    from soth_mitm_tui.messages.model import Ask
    from soth_mitm_tui.reading import Reading
    from soth_mitm_tui.source import FlowStore
    from soth_mitm_tui.state import State


class MainScreen(Screen[None]):
    """Shows the flows. Narrow: list or detail; wide: list over detail; very wide: side by side."""

    AUTO_FOCUS = None

    def __init__(
        self,
        index: Index,
        store: FlowStore,
        documents: Documents,
        worker: Worker,
        *,
        config: Config,
        clock: Clock,
        title: str,
        state: State,
        ask: Ask,
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
        self.paused_title = PaneTitle("Paused", id="paused-title")
        self.paused = PausedQueue(id="paused")
        self.list_title = PaneTitle("Flows", id="list-title")
        self.list = FlowList(self.model, state, id="list")
        self.heads = ColumnHeads(self.list, id="heads")
        self.card = SetupCard(self.setup_lines, self.commands, standing=True, id="card")
        self.detail = Detail(
            store, documents, worker, row_of=self.model.row_of, clock=clock, ask=ask, state=state, id="detail"
        )
        self.left = Vertical(id="left")
        self.key_bar = KeyBar(id="keys")
        self.panes: dict[str, Widget] = {
            "list": self.list,
            "paused": self.paused,
            "filter": self.filter,
            "detail": self.detail,
            "search": self.detail.search,
            "messages": self.detail.messages.list,
            "message": self.detail.frame,
            "sift": self.detail.messages.bar,
            "setup": self.card,
        }
        """What carries out the actions of a pane, wherever the focus is."""

    @property
    def soth(self) -> SothApp:
        """The app, as what it is."""
        return cast("SothApp", self.app)

    def compose(self) -> ComposeResult:
        """Lay out the bars and the panes."""
        yield self.status
        yield self.filter
        with Container(id="panes"):
            with self.left:
                yield self.paused_title
                yield self.paused
                yield self.list_title
                yield self.heads
                yield self.list
                yield self.card
            yield self.detail
        yield self.key_bar

    def on_mount(self) -> None:
        """Show what there is."""
        self.paused.display = self.paused_title.display = False
        self.detail.show_tab(self.soth.state.get("detail", "tab", 0))
        self.tick()
        self.soth.filtering.restore()
        (self.list if len(self._index) else self.card).focus()

    # --- what is shown, some times a second

    def tick(self) -> None:
        """Take what is new in the record."""
        flows = self.list
        with flows.guard():
            flows.pull()
            flows.tell_time(self._clock.monotonic_ns())
        empty = self.model.total == 0 and not self.model.filtered and not self.model.deleted
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
        self.soth.debugging.refresh()
        self.refresh_bars()

    def show_paused(self, paused: tuple[PausedMessage, ...], now: int, hosts: dict[int, str]) -> None:
        """Show what is paused above the list, while anything is."""
        queue = self.paused
        if bool(paused) != bool(queue.display):
            queue.display = self.paused_title.display = bool(paused)
            if not paused and queue.has_focus:
                self.list.focus()
        if paused:
            with queue.guard():
                queue.show_paused(paused, now, hosts)
            key, what = ("a", "resume") if queue.has_focus else ("p", "go there")
            first = ((key, "accent"), (f" {what}  ", "muted"))
            note = (*first, ("A", "accent"), (" resume all", "muted"))
            self.paused_title.set((("‖ ", "warn"), (f"Paused {len(paused):,}", "heading")), note)
            self.paused_title.set_bright(queue.has_focus)

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
                pausing=self.soth.debugging.pausing,
                reading=self._reading.state if self._reading is not None else None,
            ),
        )
        self.refresh_list_title()
        self._refresh_keys()

    def refresh_list_title(self) -> None:
        """Say how far the list goes, and how many flows the filter lets through."""
        flows = self.list
        notes = [flows.order_note]
        if astray := flows.astray:
            notes.append(((f"▸ {abs(astray):,} {'above' if astray > 0 else 'below'}", "muted"),))
        if flows.below:
            notes.append(((f"{flows.below:,} new below ", "accent"), ("(G)", "muted")))
        elif flows.following:
            notes.append((("follow", "accent"),))
        note: tuple[Span, ...] = ()
        for each in notes:
            note = (*note, ("  ", "text"), *each) if note and each else (*note, *each)
        empty = self.has_class("-empty")
        name = "Set-up" if empty and self._reading is None else "Flows"
        self.list_title.set(((name, "heading"),), () if empty else note)
        self.soth.filtering.refresh_verdict()

    def _refresh_keys(self) -> None:
        pane = self.pane_of(self.focused)
        name = getattr(pane, "PANE", "app") if pane is not None else "app"
        # This runs with every tick, and most actions need not be asked: no bar shows them.
        reason, registry = self.soth.reason_against, self.soth.registry
        everywhere = registry.shown("app") if name != "app" else ()
        rivals = frozenset(key for action in everywhere for key in action.shown_keys)
        usable = [
            action
            for action in registry.of_pane(name)
            if (action.show or not rivals.isdisjoint(action.shown_keys)) and not reason(action.id)
        ]
        here = [action for action in usable if action.show]
        if name in ("messages", "message"):
            own = frozenset(key for action in registry.of_pane(name) for key in action.shown_keys)
            behind = (each for each in registry.shown("detail") if own.isdisjoint(each.shown_keys))
            here += [action for action in behind if action.pane == "detail" and not reason(action.id)]
        taken = frozenset(key for action in usable if name != "app" for key in action.shown_keys)
        self.key_bar.show_actions(here, everywhere, typing=name in TYPING, taken=taken)
        self.list_title.set_bright(name in ("list", "setup"))
        self.detail.heading.set_bright(name in IN_DETAIL)

    @staticmethod
    def pane_of(widget: Widget | None) -> Widget | None:
        """Return the pane that a widget belongs to."""
        node: object = widget
        while isinstance(node, Widget):
            if getattr(node, "PANE", ""):
                return node
            node = node.parent
        return None

    def on_key(self, event: events.Key) -> None:
        """Say of a key that does nothing here what it would do elsewhere."""
        hints = self.soth.hints
        hints.pressed(event.key)
        if event.key not in self.active_bindings and hints.unknown():
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        """A curl command that is pasted anywhere but into a field becomes a request."""
        if is_command(event.text) and not self.soth.reason_against("app.compose"):
            event.stop()
            self.soth.composing.open(event.text)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Other keys work now."""
        self._refresh_keys()

    def on_resize(self) -> None:
        """Where there is room for one pane only, it is the one with the focus."""
        self._in_detail = self.focus_in_detail
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
        """The key bar has the keys of the tab, and the next run begins with it."""
        self.soth.state.set("detail", "tab", self.detail.plain_tab or None)
        self._refresh_keys()

    def on_flow_list_laid(self) -> None:
        """The heads show the columns and their order."""
        self.heads.refresh()
        self._refresh_keys()

    def on_column_heads_clicked(self, event: ColumnHeads.Clicked) -> None:
        """A click on a head sorts."""
        self.list.sort_by(BY_ID[event.name])

    def on_column_heads_dragged(self, event: ColumnHeads.Dragged) -> None:
        """A drag of an edge resizes."""
        self.list.set_columns(self.list.columns.resize(event.name, event.width))

    def on_flow_list_opened(self) -> None:
        """A double click goes into the flow."""
        self.soth.perform("list.open")

    def on_filter_bar_edited(self, event: FilterBar.Edited) -> None:
        """Judge the filter as it is typed."""
        event.stop()
        if event.text == self.filter.text:  # otherwise the next key is there already, and its text comes
            self.soth.filtering.edited(event.text)

    def on_flow_list_moved(self) -> None:
        """Say how far the list goes."""
        self.refresh_list_title()

    @property
    def current_flow(self) -> int:
        """The flow that an action is about: that of the pane with the focus; 0 for none."""
        return self.detail.flow if self.focus_in_detail else self.list.selected

    @property
    def focus_in_detail(self) -> bool:
        """Whether the detail has the focus."""
        return self.focused is not None and self.detail in self.focused.ancestors_with_self

    def show_detail(self) -> None:
        """Give the detail the focus, and the screen where there is room for one pane only."""
        self._in_detail = True
        self._arrange()
        self.detail.front.focus()

    def open(self) -> None:
        """Go into the selected flow."""
        if self.narrow:
            self.list.bring_cursor()
        self.show_detail()

    def zoom(self) -> None:
        """Give the detail the whole screen, or give it back."""
        self._zoomed = not self._zoomed
        self._arrange()

    def show_list(self) -> None:
        """Give the list the focus."""
        self._in_detail = self._zoomed = False
        self._arrange()
        self.list.focus()
