"""The detail of one flow: tabs over one viewer or the list of messages, and a search in what is shown."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final

from textual.message import Message

from soth_mitm.text import human_duration, human_size
from soth_mitm_tui import columns
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.lines import BLANK, Span, line
from soth_mitm_tui.overview import url
from soth_mitm_tui.viewers.bodies import MODES, Bodies
from soth_mitm_tui.viewers.content import EMPTY, Joined
from soth_mitm_tui.viewers.layout import TOP, Place
from soth_mitm_tui.viewers.pages import MADE_TO_MEASURE, MESSAGES, MESSAGES_TAB, RESPONSE, TABS, Pages, Wanted
from soth_mitm_tui.viewers.showing import Showing
from soth_mitm_tui.widgets.detail_lines import DetailLines
from soth_mitm_tui.widgets.message_frame import MessageFrame
from soth_mitm_tui.widgets.message_pane import MessagePane
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.widget import Widget

    from soth_mitm.clock import Clock
    from soth_mitm.record.document import Documents
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView
    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.messages.model import Ask
    from soth_mitm_tui.source import FlowStore
    from soth_mitm_tui.state import State

DEBOUNCE: Final = 0.07
KEYS_AHEAD: Final = 100
"""Moves that wait for what they are meant for; of more, the first are forgotten."""
PATH_ROOM: Final = 60
"""Most characters of a path in the title."""


def _state_of(row: Row) -> tuple[object, ...]:
    """Return what is different once a flow has something new to show."""
    return row.last_mono_ns, row.state, row.repeats, row.mark, row.comment, row.colour


class Detail(DetailLines):
    """Follows the selected flow a moment later, and what it shows grows with the flow."""

    class Turned(Message):
        """Another tab is shown: other keys work."""

    PANE: ClassVar[str] = "detail"
    BINDINGS = bindings("detail")
    title = "The detail"

    def __init__(
        self,
        store: FlowStore,
        documents: Documents,
        worker: Worker,
        *,
        row_of: Callable[[int], Row | None],
        clock: Clock,
        ask: Ask,
        state: State,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(worker, id=id)
        self.heading = PaneTitle("No flow", id="detail-title")
        self.tabs = Tabs(TABS, id="detail-tabs")
        self.frame = MessageFrame(self.text, self.search, id="detail-frame")
        self.messages = MessagePane(clock, ask, log_of=store.messages, id="detail-messages")
        self.messages.display = False
        self._store = store
        self._row_of, self._clock = row_of, clock
        bodies = Bodies(documents, start=self._start, changed=self._come)
        self.pages = Pages(bodies, Showing(state), clock, store=store, row_of=row_of)
        self.flow = 0
        """The flow that is shown, or about to be; 0 for none."""
        self.tab = 0
        self.message = -1
        """The position of the message that is looked at; -1 for none."""
        self.has_messages = False
        """Whether the flow that is shown has messages, and with them one more tab."""
        self.plain_tab = 0
        """The tab of flows without messages."""
        self._message_tab, self._call_tab = MESSAGES, RESPONSE
        self._call = False
        """The flow that is shown is a call to a language model: its answer is shown first."""
        self._arrived = self._chosen = False
        """Whether the flow was shown since it was selected; whether its tab is the person's choice."""
        self.mode = 0
        self._seen: tuple[object, ...] = ()
        self._shown: Wanted | None = None
        self._moves: deque[Callable[[], None]] = deque(maxlen=KEYS_AHEAD)
        """What is to be done in what is wanted, once it is shown."""
        self._places: dict[int, Place] = {}
        self._timer: Timer | None = None
        self._busy = False
        self._stale = False
        self._width = 0
        self._sizes: tuple[Span, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the title, the tabs, the viewer and the search under it."""
        yield self.heading
        yield self.tabs
        yield self.frame
        yield self.messages

    def fail(self, error: Exception) -> None:
        """Show the card in the viewer, which has the room for it."""
        self.text.fail(error)

    @property
    def showing(self) -> int:
        """The flow that is on the screen; 0 for none."""
        return self._shown.flow if self._shown is not None else 0

    @property
    def loading_now(self) -> bool:
        """Whether something is being read that is not shown yet."""
        bodies = self.pages.bodies
        listed = self.in_messages and self.messages.unsettled
        return self._busy or self._stale or bodies.unsettled or bodies.busy or listed

    @property
    def in_messages(self) -> bool:
        """Whether the messages, or one of them, are what is looked at."""
        return self.tab == MESSAGES

    @property
    def front(self) -> Widget:
        """What has the focus when the detail has it."""
        return self.messages.list if self.messages.display else self.text

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self.run_worker(work, group="lines", exit_on_error=False)

    def _come(self) -> None:
        with self.guard():
            self.text.come()

    # --- which flow

    def select(self, flow: int) -> None:
        """Show a flow, once the cursor has rested on it for a moment."""
        if flow == self.flow:
            return
        self.flow = flow
        self.message = -1
        self._moves.clear()
        self._arrived = self._chosen = False
        self.pages.bodies.forget()
        self._places.clear()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE, self._load)

    @property
    def _in_sight(self) -> bool:
        return self.display and self.size.height > 0

    def on_resize(self, event: events.Resize) -> None:
        """Read what was passed over out of sight; what was made for another width is made anew."""
        measured = self.tab in MADE_TO_MEASURE and event.size.width != self._width
        if self.showing != self.flow or measured:
            self._load()
        self._width = event.size.width

    def tick(self) -> None:
        """Look whether the flow has moved on; called some times a second while this is in sight."""
        row = self._row_of(self.flow) if self.flow else None
        if row is None or not self._in_sight:
            return
        seen = _state_of(row)
        told = (row.llm is not None) > self._call and not self._chosen  # the answer may be what to show now
        if self.in_messages and self.showing == self.flow and not (self.pages.bodies.unsettled or told):
            # The list takes what is new by itself, and a message that is open does not change.
            self._seen = seen
            self._set_title(row)
            self.messages.show(row)
            return
        if (seen != self._seen or self.pages.bodies.unsettled) and self.showing == self.flow:
            self._seen = seen
            self._load()

    # --- loading

    def refresh_page(self) -> None:
        """Make the page anew, at the same place: what is folded or masked has changed."""
        self._load()

    def _load(self) -> None:
        """Read and show the flow; while that is under way, once more is enough for all calls."""
        if not self._in_sight:
            self._shown = None
            self.text.show(EMPTY)
            self.messages.forget()
            return
        if self._busy:
            self._stale = True
            return
        self._busy = True
        self.run_worker(self._load_now(), group="detail", exit_on_error=False)

    async def _load_now(self) -> None:
        try:
            with self.guard():
                await self._read()
        finally:
            self._busy = False
            if self._stale:
                self._stale = False
                self._load()

    def _wanted(self) -> Wanted:
        return Wanted(self.flow, self.tab, MODES[self.mode], self.message)

    async def _read(self) -> None:
        wanted = self._wanted()
        row = self._row_of(wanted.flow) if wanted.flow else None
        if row is None:
            self._empty(wanted.flow)
            return
        seen = _state_of(row)
        self._choose_tab(row)
        wanted = self._wanted()
        if wanted.tab == MESSAGES:
            # Without the view, which takes long where a flow has 100,000 messages.
            self._set_title(row)
            self.messages.show(row)
            if wanted.message < 0 or self.messages.message_log is None:
                self._seen, self._shown = seen, wanted
                self._moves.clear()
                self._arrange()
                return
            content = await self.pages.message(wanted, self.messages.message_log, row)
        else:
            view = await self._store.view(wanted.flow)
            if wanted.flow != self.flow or view is None:
                return
            self._set_title(row, view)
            width = self.text.scrollable_content_region.width
            content = await self.pages.page(wanted, view, row, width=width)
        if wanted != self._wanted():
            self._stale = True
            return
        self._seen = seen
        self._show(wanted, content)
        while self._moves:
            self._moves.popleft()()

    def once_shown(self, move: Callable[[], None]) -> None:
        """Move in what is wanted: what is still shown while that is being read is not what was meant."""
        if not self.flow or self._shown == self._wanted():
            move()
        else:
            self._moves.append(move)

    def _show(self, wanted: Wanted, content: Joined) -> None:
        before, self._shown = self._shown, wanted
        self._arrange()
        if before == wanted:
            self.text.extend(content)
            self.searching.grown()
            return
        same = before is not None and before[:2] == wanted[:2] and before.message == wanted.message
        place = self.text.place if same else self._places.get(wanted.tab, TOP)
        self.text.show(content, place=place)
        self.searching.again()

    def _choose_tab(self, row: Row) -> None:
        """Show the messages first where there are any, and of a call to a language model its answer.

        That is so unless the person wants another tab for such flows.
        """
        had = self.has_messages, self._call
        self.has_messages, self._call = bool(row.form), row.llm is not None
        # Of a flow whose messages begin while it is looked at, nobody chose the tab.
        begun = (self.has_messages, self._call) > had and not self.front.has_focus
        if not self._chosen and (begun or not self._arrived):
            self._arrived = True
            self._turn_to(self._usual_tab())
        elif self.tab == MESSAGES and not self.has_messages:
            self._turn_to(self.plain_tab)

    def _usual_tab(self) -> int:
        if self._call:
            return self._call_tab
        return self._message_tab if self.has_messages else self.plain_tab

    def _turn_to(self, tab: int) -> None:
        if tab != self.tab:
            self.tab = tab
            self.post_message(self.Turned())

    def _arrange(self) -> None:
        """Show the list of messages or the viewer, and let the focus go along."""
        listing = self.tab == MESSAGES and self.message < 0 and self.has_messages
        active = self.tab == MESSAGES and self.message >= 0
        if (listing, active) == (self.messages.display, self.frame.active):
            return
        focused = self.has_focus_within
        self.frame.active = active
        self.messages.display, self.frame.display = listing, not listing
        if focused:
            self.front.focus()
        self.post_message(self.Turned())

    def _empty(self, flow: int) -> None:
        self._shown = None
        self.has_messages, self._call, self.message = False, False, -1
        self.tabs.set_names(TABS)
        self.messages.forget()
        self._arrange()
        words = (
            "This flow is no longer kept: the oldest are dropped first."
            if flow
            else "Select a flow to see it here."
        )
        self.heading.set((("No flow", "heading"),), ())
        self._sizes = ()
        self.tabs.set_note(())
        self.text.show(Joined([BLANK, line((f"  {words}", "muted"))]))

    # --- title

    def _set_title(self, row: Row, view: FlowView | None = None) -> None:
        name, address = columns.method(row), url(row, view)
        if not self.pages.choices.secrets:
            address = columns.masked(address)
        title: tuple[Span, ...] = ((f"{name} {address}", "heading"),)
        self.heading.set(title, self._state(row))
        sizes = f"{human_size(row.request_bytes)} ↑ {human_size(row.response_bytes)} ↓"
        self._sizes = ((f"{sizes} {human_duration(row.duration_ns)}", "muted"),)
        self.tabs.set_names((*TABS, MESSAGES_TAB) if self.has_messages else TABS)
        self.tabs.choose(self.tab)
        self.set_note()

    def set_note(self) -> None:
        """Say at the right of the tabs what is selected, where the line stands, or how large it all is."""
        chosen, path = self.text.selection, self.current_path()
        if chosen is not None and not chosen.empty:
            count = f"{chosen.line_count:,} lines" if chosen.line_count > 1 else "1 line"
            if not chosen.whole_lines and chosen.line_count == 1:
                count = f"{len(self.text.selected_text()):,} characters"
            self.tabs.set_note(((f"{count} selected", "accent"), (" · y copies", "muted")))
        elif path:
            shown = path if len(path) <= PATH_ROOM else "…" + path[1 - PATH_ROOM :]
            self.tabs.set_note(((shown, "key"),))
        else:
            self.tabs.set_note(self._sizes)

    @staticmethod
    def _state(row: Row) -> tuple[Span, ...]:
        text, tone = columns.status(row)
        if row.state == "streaming":
            return ((text, tone), (" streaming", "accent"))
        if row.open:
            return (("open", "accent"),)
        return ((text, tone),)

    # --- tabs and modes

    def show_tab(self, tab: int) -> None:
        """Show another tab, at the place where it was left."""
        self.message = -1
        self._moves.clear()
        if self._call:
            self._call_tab = tab
        elif self.has_messages:
            self._message_tab = tab
        else:
            self.plain_tab = tab
        self._chosen = True
        if tab == self.tab:
            self._load()
            return
        if not self.in_messages:
            self._places[self.tab] = self.text.place
        self.tab = tab
        self.tabs.choose(tab)
        self._load()
        self.post_message(self.Turned())

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """A click on a tab shows it."""
        event.stop()
        self.show_tab(event.number)
        self.front.focus()

    @property
    def tab_count(self) -> int:
        """How many tabs there are for this flow."""
        return len(self.tabs.names)

    def open_message(self, position: int) -> None:
        """Look at one message; keys that follow at once are for it."""
        if self.message < 0:
            self.text.show(EMPTY)
        self.message = position
        self._moves.clear()
        self._arrange()
        self._load()

    def next_mode(self) -> None:
        """Show bodies in the next of their views."""
        self.mode = (self.mode + 1) % len(MODES)
        self._load()

    def step_out(self) -> bool:
        """Leave what is transient, the selection first, then the search; False where nothing is."""
        if self.messages.display:
            return self.messages.clear_filter()
        if self.text.selection is not None:
            return self.text.clear_selection()
        if self.searching.leave():
            return True
        if self.message < 0:
            return False
        self.message = -1
        self._load()
        return True
