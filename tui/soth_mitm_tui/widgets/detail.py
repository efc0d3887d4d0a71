"""The detail of one flow: three tabs over one viewer, each made when it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from textual.containers import Vertical
from textual.message import Message

from soth_mitm.model.events import Direction
from soth_mitm.record.worker import Worker, WorkerError
from soth_mitm.text import human_duration, human_size
from soth_mitm_tui import columns
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.joined import Joined
from soth_mitm_tui.lines import BLANK, Span, heading, line
from soth_mitm_tui.message import (
    absence,
    body_end,
    body_heading,
    head_lines,
    no_message,
    tint_for,
    trailer_lines,
)
from soth_mitm_tui.overview import overview, url
from soth_mitm_tui.source import MODES, BodyReader, FlowStore
from soth_mitm_tui.widgets.guarded import Guarded
from soth_mitm_tui.widgets.line_view import LineView, Tint, plain
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from soth_mitm.clock import Clock
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView

TABS: Final = ("Overview", "Request", "Response")
DEBOUNCE: Final = 0.07
LARGE: Final = 64 * 1024
LARGE_INTERVAL_NS: Final = 500_000_000


class Page(NamedTuple):
    """What a tab shows."""

    lines: Joined
    tint: Tint = plain


class Detail(Guarded, Vertical):
    """Follows the selected flow a moment later, and what it shows grows with the flow."""

    class Turned(Message):
        """Another tab is shown: other keys work."""

    PANE: ClassVar[str] = "detail"
    BINDINGS = bindings("detail")
    title = "The detail"

    def __init__(
        self,
        store: FlowStore,
        worker: Worker,
        *,
        row_of: Callable[[int], Row | None],
        clock: Clock,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.heading = PaneTitle("No flow", id="detail-title")
        self.tabs = Tabs(TABS, id="detail-tabs")
        self.text = LineView(id="detail-text")
        self._store, self._worker = store, worker
        self._row_of, self._clock = row_of, clock
        self.flow = 0
        """The flow that is shown, or about to be; 0 for none."""
        self.tab = 0
        self.mode = 0
        self._seen = (0, "", 0)
        self._shown: tuple[int, int, int] | None = None
        self._tops: dict[int, int] = {}
        self._bodies: dict[Direction, BodyReader] = {}
        self._timer: Timer | None = None
        self._busy = False
        self._stale = False
        self._large_at = 0
        self._width = 0

    def compose(self) -> ComposeResult:
        """Lay out the title, the tabs and the viewer."""
        yield self.heading
        yield self.tabs
        yield self.text

    def fail(self, error: Exception) -> None:
        """Show the card in the viewer, which has the room for it."""
        self.text.fail(error)

    @property
    def showing(self) -> int:
        """The flow that is on the screen; 0 for none."""
        return self._shown[0] if self._shown is not None else 0

    @property
    def loading_now(self) -> bool:
        """Whether something is being read that is not shown yet."""
        return self._busy or self._stale

    # --- which flow

    def select(self, flow: int) -> None:
        """Show a flow, once the cursor has rested on it for a moment."""
        if flow == self.flow:
            return
        self.flow = flow
        self._bodies.clear()
        self._tops.clear()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE, self._load)

    @property
    def _in_sight(self) -> bool:
        return self.display and self.size.height > 0

    def on_resize(self, event: events.Resize) -> None:
        """Read what was passed over out of sight; what was made for another width is made anew."""
        if self.showing != self.flow or (self.tab == 0 and event.size.width != self._width):
            self._load()
        self._width = event.size.width

    def tick(self) -> None:
        """Look whether the flow has moved on; called some times a second while this is in sight."""
        row = self._row_of(self.flow) if self.flow else None
        if row is None or not self._in_sight:
            return
        seen = (row.last_mono_ns, row.state, row.repeats)
        if seen != self._seen and self._shown is not None and self._shown[0] == self.flow:
            now = self._clock.monotonic_ns()
            large = any(body.size > LARGE for body in self._bodies.values())
            if large and row.open and now - self._large_at < LARGE_INTERVAL_NS:
                return
            self._large_at = now
            self._seen = seen
            self._load()

    # --- loading

    def _load(self) -> None:
        """Read and show the flow; while that is under way, once more is enough for all calls."""
        if not self._in_sight:
            self._shown = None
            self.text.show(Joined(()))
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

    async def _read(self) -> None:
        flow, tab, mode = self.flow, self.tab, self.mode
        row = self._row_of(flow) if flow else None
        if row is None:
            self._empty(flow)
            return
        seen = (row.last_mono_ns, row.state, row.repeats)
        view = await self._store.view(flow)
        if flow != self.flow or view is None:
            return
        self._set_title(row, view)
        page = await self._page(tab, view, row)
        if (flow, tab, mode) != (self.flow, self.tab, self.mode):
            self._stale = True
            return
        self._seen = seen
        if self._shown == (flow, tab, mode):
            self.text.extend(page.lines, page.tint)
        else:
            same = self._shown is not None and self._shown[:2] == (flow, tab)
            top = self.text.top if same else self._tops.get(tab, 0)
            self._shown = (flow, tab, mode)
            self.text.show(page.lines, page.tint, top=top)

    def _empty(self, flow: int) -> None:
        self._shown = None
        words = (
            "This flow is no longer kept: the oldest are dropped first."
            if flow
            else "Select a flow to see it here."
        )
        self.heading.set((("No flow", "heading"),), ())
        self.tabs.set_note(())
        self.text.show(Joined([BLANK, line((f"  {words}", "muted"))]))

    async def _page(self, tab: int, view: FlowView, row: Row) -> Page:
        if tab == 0:
            width = self.text.scrollable_content_region.width
            return Page(Joined(overview(view, row, now_wall_ns=self._clock.wall_ns(), width=width)))
        direction = Direction.REQUEST if tab == 1 else Direction.RESPONSE
        message = view.request if tab == 1 else view.response
        if message is None or not message.raw:
            return Page(Joined(no_message(direction, view, row)))
        head = head_lines(message, view)
        missing = absence(message, view, row)
        if missing:
            return Page(Joined([*head, heading("Body", missing), *trailer_lines(message)]))
        reader = self._bodies.get(direction)
        if reader is None:
            reader = self._bodies[direction] = BodyReader(self._store, self._worker, view.flow, direction)
        mode = MODES[self.mode]
        try:
            body = await reader.render(message, mode)
        except WorkerError as error:
            return Page(Joined([*head, line((f"  ✕ {error}", "bad"), indent=4)]))
        head += body_heading(message, body, mode)
        return Page(Joined(head, body.lines, body_end(message, body)), tint_for(body, message.content_type))

    # --- title

    def _set_title(self, row: Row, view: FlowView) -> None:
        name = columns.method(row)
        title: tuple[Span, ...] = ((f"{name} {url(row, view)}", "heading"),)
        self.heading.set(title, self._state(row))
        sizes = f"{human_size(row.request_bytes)} ↑ {human_size(row.response_bytes)} ↓"
        sizes += f" {human_duration(row.duration_ns)}"
        self.tabs.set_note(((sizes, "muted"),))

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
        if tab == self.tab:
            return
        self._tops[self.tab] = self.text.top
        self.tab = tab
        self.tabs.choose(tab)
        self._load()
        self.post_message(self.Turned())

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """A click on a tab shows it."""
        event.stop()
        self.show_tab(event.number)
        self.text.focus()

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        if action_id == "detail.mode" and self.tab == 0:
            return "The overview has one view only; the request and the response have more"
        return ""

    def action_mode(self) -> None:
        """Show the body in the next view."""
        self.mode = (self.mode + 1) % len(MODES)
        self._load()

    def action_next_tab(self) -> None:
        """Show the tab to the right."""
        self.show_tab((self.tab + 1) % len(TABS))

    def action_previous_tab(self) -> None:
        """Show the tab to the left."""
        self.show_tab((self.tab - 1) % len(TABS))

    def action_overview(self) -> None:
        """Show the overview."""
        self.show_tab(0)

    def action_request(self) -> None:
        """Show the request."""
        self.show_tab(1)

    def action_response(self) -> None:
        """Show the response."""
        self.show_tab(2)

    # --- moving

    def action_down(self) -> None:
        """Scroll down a line."""
        self.text.move(1)

    def action_up(self) -> None:
        """Scroll up a line."""
        self.text.move(-1)

    def action_half_down(self) -> None:
        """Scroll down half a page."""
        self.text.move(self.text.page // 2)

    def action_half_up(self) -> None:
        """Scroll up half a page."""
        self.text.move(-(self.text.page // 2))

    def action_page_down(self) -> None:
        """Scroll down a page."""
        self.text.move(self.text.page - 1)

    def action_page_up(self) -> None:
        """Scroll up a page."""
        self.text.move(1 - self.text.page)

    def action_first(self) -> None:
        """Go to the top."""
        self.text.to_top()

    def action_last(self) -> None:
        """Go to the end, and stay there while it grows."""
        self.text.to_end()
