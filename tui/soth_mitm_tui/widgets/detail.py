"""The detail of one flow: five tabs over one viewer, and a search in what it shows."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Vertical
from textual.message import Message

from soth_mitm.record.document import WorkerError
from soth_mitm.text import human_duration, human_size
from soth_mitm_tui import columns
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.lines import BLANK, Line, Span, line
from soth_mitm_tui.overview import url
from soth_mitm_tui.viewers.bodies import MODES, Bodies
from soth_mitm_tui.viewers.content import EMPTY, Joined
from soth_mitm_tui.viewers.layout import TOP, Place
from soth_mitm_tui.viewers.pages import MADE_TO_MEASURE, TABS, Pages, Wanted
from soth_mitm_tui.viewers.searching import Searching
from soth_mitm_tui.viewers.selection import COPY_LIMIT, piece_of
from soth_mitm_tui.viewers.viewer import Viewer
from soth_mitm_tui.viewers.window import Window
from soth_mitm_tui.widgets.guarded import Guarded
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.search_bar import SearchBar
from soth_mitm_tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from soth_mitm.clock import Clock
    from soth_mitm.record.document import Documents
    from soth_mitm.record.rows import Row
    from soth_mitm.record.view import FlowView
    from soth_mitm.record.worker import Worker
    from soth_mitm_tui.source import FlowStore

DEBOUNCE: Final = 0.07
PATH_ROOM: Final = 60
"""Most characters of a path in the title."""


def _state_of(row: Row) -> tuple[object, ...]:
    """Return what is different once a flow has something new to show."""
    return row.last_mono_ns, row.state, row.repeats, row.mark, row.comment, row.colour


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
        documents: Documents,
        worker: Worker,
        *,
        row_of: Callable[[int], Row | None],
        clock: Clock,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.heading = PaneTitle("No flow", id="detail-title")
        self.tabs = Tabs(TABS, id="detail-tabs")
        self.text = Viewer(id="detail-text")
        self.search = SearchBar(id="search")
        self.searching = Searching(self.text, self.search, worker)
        self._store = store
        self._row_of, self._clock = row_of, clock
        bodies = Bodies(documents, start=self._start, changed=self._come)
        self.pages = Pages(bodies, clock)
        self.flow = 0
        """The flow that is shown, or about to be; 0 for none."""
        self.tab = 0
        self.mode = 0
        self._seen: tuple[object, ...] = ()
        self._shown: Wanted | None = None
        self._places: dict[int, Place] = {}
        self._timer: Timer | None = None
        self._busy = False
        self._stale = False
        self._width = 0
        self._path = (-1, "")
        self._sizes: tuple[Span, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the title, the tabs, the viewer and the search under it."""
        yield self.heading
        yield self.tabs
        yield self.text
        yield self.search

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
        return self._busy or self._stale or self.pages.bodies.unsettled or self.pages.bodies.busy

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
        return Wanted(self.flow, self.tab, MODES[self.mode])

    async def _read(self) -> None:
        wanted = self._wanted()
        row = self._row_of(wanted.flow) if wanted.flow else None
        if row is None:
            self._empty(wanted.flow)
            return
        seen = _state_of(row)
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

    def _show(self, wanted: Wanted, content: Joined) -> None:
        before, self._shown = self._shown, wanted
        if before == wanted:
            self.text.extend(content)
            self.searching.grown()
            return
        same = before is not None and before.flow == wanted.flow and before.tab == wanted.tab
        place = self.text.place if same else self._places.get(wanted.tab, TOP)
        self.text.show(content, place=place)
        self.searching.again()

    def _empty(self, flow: int) -> None:
        self._shown = None
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

    def _set_title(self, row: Row, view: FlowView) -> None:
        name = columns.method(row)
        title: tuple[Span, ...] = ((f"{name} {url(row, view)}", "heading"),)
        self.heading.set(title, self._state(row))
        sizes = f"{human_size(row.request_bytes)} ↑ {human_size(row.response_bytes)} ↓"
        self._sizes = ((f"{sizes} {human_duration(row.duration_ns)}", "muted"),)
        self._set_note()

    def _set_note(self) -> None:
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

    def on_viewer_moved(self, event: Viewer.Moved) -> None:
        """Say where the current line stands."""
        event.stop()
        self._path = (-1, "")
        self._set_note()
        at = self.current_window
        if at is not None:
            self.run_worker(self._find_path(*at), group="path", exclusive=True, exit_on_error=False)

    async def _find_path(self, window: Window, row: int) -> None:
        line = self.text.cursor
        with contextlib.suppress(WorkerError):  # the line itself says what is wrong
            self._path = line, await window.path_at(row)
            self._set_note()

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
        self._places[self.tab] = self.text.place
        self.tab = tab
        self.tabs.choose(tab)
        self._load()
        self.post_message(self.Turned())

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """A click on a tab shows it."""
        event.stop()
        self.show_tab(event.number)
        self.text.focus()

    def next_mode(self) -> None:
        """Show bodies in the next of their views."""
        self.mode = (self.mode + 1) % len(MODES)
        self._load()

    # --- what is looked at, for others

    @property
    def current_line(self) -> Line | None:
        """The line under the cursor."""
        return self.text.current_line

    @property
    def current_window(self) -> tuple[Window, int] | None:
        """The JSON that the current line is in, and its row there; None where it is in none."""
        lines = self.text.lines
        if not lines:
            return None
        part, row = lines.place_of(self.text.cursor)
        window = lines.parts[part] if part < len(lines.parts) else None
        return (window, row) if isinstance(window, Window) and window.is_json else None

    @property
    def document(self) -> Window | None:
        """The JSON of this tab; None where it has none."""
        at = self.current_window
        parts = self.text.lines.parts
        found = (part for part in parts if isinstance(part, Window) and part.is_json)
        return at[0] if at is not None else next(found, None)

    def fold_changed(self, window: Window, line: int) -> None:
        """Show a document of which something was folded or opened; one of its lines is the current one."""
        content = Joined(*self.text.lines.parts)
        self.text.extend(content)
        self.searching.grown()
        part = next(number for number, each in enumerate(content.parts) if each is window)
        self.text.set_cursor(content.start_of(part) + window.folding.row_of(line))

    def current_value(self) -> tuple[str, str] | None:
        """Return the name and the value of the current line; None where it is about nothing.

        Of JSON it is the scalar on the line; `whole_value` has objects and arrays.
        """
        at = self.current_line
        if at is None:
            return None
        about = at.subject
        if about is not None:
            name = self.current_path() if self.current_window is not None else about.what
            return (name or about.what, about.value) if about.value else None
        text = at.text[at.lead :].strip()
        return ("Line", text) if text else None

    async def whole_value(self) -> tuple[str, str] | None:
        """Return the name and the whole value of the current line; of JSON, all of an object or array.

        Raises:
            WorkerError: it is larger than 1 MiB, or has no end yet.
        """
        at = self.current_window
        if at is None:
            return self.current_value()
        return await at[0].path_at(at[1]), await at[0].value_at(at[1])

    def current_filter(self) -> str:
        """Return the filter for all flows that have the same value; empty where there is none."""
        about = self.current_line.subject if self.current_line is not None else None
        return about.filter if about is not None else ""

    def current_path(self) -> str:
        """Return where the current line stands in its document; empty where it is in none."""
        line, path = self._path
        return path if line == self.text.cursor else ""

    def selected_text(self) -> str:
        """Return what is selected by keys or the mouse, as far as its lines have been read."""
        return self.text.selected_text()

    async def whole_selection(self) -> str:
        """Return what is selected, and read what of it is still to come; at most `COPY_LIMIT` characters."""
        chosen, lines = self.text.selection, self.text.lines
        if chosen is None:
            return ""
        parts: list[str] = []
        size = 0
        for number in range(chosen.first.line, min(chosen.last.line + 1, len(lines))):
            if lines[number] is None:
                part, row = lines.place_of(number)
                window = lines.parts[part]
                if isinstance(window, Window):
                    await window.fetch(row)
            parts.append(piece_of(lines, chosen, number))
            size += len(parts[-1])
            if size > COPY_LIMIT:
                break
        return "".join(parts)[:COPY_LIMIT]

    def step_out(self) -> bool:
        """Leave what is transient, the selection first, then the search; False where nothing is."""
        if self.text.selection is not None:
            return self.text.clear_selection()
        return self.searching.leave()
