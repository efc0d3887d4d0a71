"""The list of a flow's messages: drawn on demand, followed at its end, at a cost that no number changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.cache import LRUCache
from textual.message import Message
from textual.strip import Strip

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.lines import line
from soth_mitm_tui.messages.rows import Shape, row_spans, shape_of
from soth_mitm_tui.screens.jump import Target
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from textual import events

    from soth_mitm.record.messagetable import Entry
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Line, Span
    from soth_mitm_tui.messages.model import MessageModel
    from soth_mitm_tui.messages.previews import Glance, Previews

CURSOR = "▸"
KEPT_STRIPS = 512
"""Rows that are kept as they were drawn: some screenfuls."""


class MessageList(LineScroll):
    """Shows the rows of a model. The cursor stays on its message, whatever comes or goes around it."""

    PANE: ClassVar[str] = "messages"
    BINDINGS = bindings("messages")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "message-list--cursor",
        "message-list--resting",
    }
    title = "The messages"

    class Moved(Message):
        """The cursor, following, or the number of rows below changed."""

    class Chosen(Message):
        """The person has put the cursor somewhere."""

    class Opened(Message):
        """The message under the cursor is to be looked at."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.model: MessageModel | None = None
        self.previews: Previews | None = None
        self.row: Row | None = None
        """The flow, for the time of day."""
        self.cursor = -1
        """The position of the message under the cursor; -1 for none."""
        self._home = -1
        """The message that the person put the cursor on, for when a filter shows it again."""
        self.following = True
        self.below = 0
        """Rows that came below what is in sight since it was left."""
        self.when_empty: Line = line()
        self._shape = Shape(0, 0, 0, 0, 0)
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(KEPT_STRIPS)

    def show(
        self, model: MessageModel | None, previews: Previews | None, *, following: bool, cursor: int = -1
    ) -> None:
        """Show the messages of another flow, or the same ones through another filter."""
        self.model, self.previews = model, previews
        self._strips.clear()
        self.following, self.below = following, 0
        self.cursor = self._home = cursor
        self.pull()
        self.set_line_count(len(self.model) if self.model is not None else 0)
        if self.following:
            self.to_end()
        else:
            self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    # --- what is new

    def pull(self, *, fresh: bool = True) -> bool:
        """Take what the log has by now; return whether anything changed.

        Without `fresh` it is read, or judged, only now, and came long ago: nothing of it is new.
        """
        model = self.model
        if model is None:
            return False
        taken = model.take()
        shape = self.shape_now()
        if taken == (0, 0) and shape == self._shape:
            return False
        self._shape = shape
        top = self.top
        self.set_line_count(len(model))
        if self.following:
            self.to_end()
        else:
            if taken.dropped:
                self.go_to(top - taken.dropped)
            self.below = self.below + taken.appended * fresh if not self.at_end else 0
            self._keep_cursor()
        self.refresh()
        self.post_message(self.Moved())
        return True

    def shape_now(self) -> Shape:
        """Return the widths of the columns for what there is by now."""
        model = self.model
        assert model is not None
        facts = model.log.facts
        one_way = not facts.from_client and len(facts.started) < 2
        return shape_of(model.log.table, self.size.width, one_way=one_way)

    def _keep_cursor(self) -> None:
        """Keep the cursor on a message that is shown, the nearest one while its own is hidden."""
        model = self.model
        if model is None or not len(model):
            self.cursor = -1
        else:
            self.cursor = model.position(model.row_near(self._home))

    # --- the cursor

    @property
    def home(self) -> int:
        """The message that the cursor belongs on, shown or not; -1 for none."""
        return self._home

    @property
    def cursor_row(self) -> int:
        """The row of the cursor; -1 for none."""
        model = self.model
        return model.row_near(self.cursor) if model is not None and len(model) and self.cursor >= 0 else -1

    def select_row(self, row: int) -> None:
        """Put the cursor on a row, as near as there is one, and bring it into sight; stops following."""
        model = self.model
        if model is None or not len(model):
            return
        self.following = False
        self.cursor = self._home = model.position(max(0, min(row, len(model) - 1)))
        self._show_cursor()
        self.refresh()
        self.post_message(self.Chosen())
        self.post_message(self.Moved())

    def move(self, step: int) -> None:
        """Move the cursor by `step` rows; from out of sight it comes in at the nearer edge first."""
        row = self.cursor_row
        last = self.top + self.page - 1
        if row < self.top or row > last:
            self.select_row(self.top if step > 0 and row < self.top else last)
        else:
            self.select_row(row + step)

    def step(self, step: int) -> bool:
        """Move the cursor by `step` rows from where it is; False where there is no such row."""
        model = self.model
        if model is None or not 0 <= self.cursor_row + step < len(model):
            return False
        self.select_row(self.cursor_row + step)
        return True

    def _show_cursor(self) -> None:
        self._keep_cursor()
        row = self.cursor_row
        if row < 0:
            self.go_to(0)
        elif row < self.top:
            self.go_to(row)
        elif row >= self.top + self.page:
            self.go_to(row - self.page + 1)
        if self.at_end:
            self.below = 0

    def to_end(self) -> None:
        """Bring the newest message into sight, with the cursor on it."""
        model = self.model
        if model is None or not len(model):
            self.cursor = -1
            return
        self.below = 0
        self.cursor = self._home = model.position(len(model) - 1)
        self.go_to(len(model))

    def follow(self, following: bool) -> None:
        """Keep the newest message in sight, or stop doing so."""
        self.following = following
        if following:
            self.to_end()
        self.refresh()
        self.post_message(self.Moved())

    # --- keys

    def action_down(self) -> None:
        """Go to the next message."""
        self.move(1)

    def action_up(self) -> None:
        """Go to the message before."""
        self.move(-1)

    def action_half_down(self) -> None:
        """Go down half a page."""
        self.move(self.page // 2)

    def action_half_up(self) -> None:
        """Go up half a page."""
        self.move(-(self.page // 2))

    def action_page_down(self) -> None:
        """Go down a page."""
        self.move(self.page)

    def action_page_up(self) -> None:
        """Go up a page."""
        self.move(-self.page)

    def action_first(self) -> None:
        """Go to the first message."""
        self.select_row(0)

    def action_last(self) -> None:
        """Go to the newest message, and follow."""
        self.follow(True)

    def action_follow(self) -> None:
        """Keep the newest message in sight, or stop doing so."""
        self.follow(not self.following)

    # --- the mouse and the wheel

    def on_click(self, event: events.Click) -> None:
        """Select the message under the pointer; a second click opens it."""
        model = self.model
        row = event.y + self.top
        if model is None or row >= len(model):
            return
        self.select_row(row)
        if event.chain == 2:
            self.post_message(self.Opened())

    def on_mouse_scroll_up(self) -> None:
        """Whoever turns the wheel wants to look there."""
        if self.following:
            self.following = False
            self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Reaching the end leaves nothing below."""
        super().watch_scroll_y(old_value, new_value)
        if self.at_end and self.below:
            self.below = 0
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the cursor, or the end, in sight."""
        self.pull()
        if self.following:
            self.to_end()
        else:
            self._show_cursor()

    def jump_targets(self) -> list[Target]:
        """Return the messages in sight."""
        count = len(self.model) if self.model is not None else 0
        seen = range(self.top, min(self.top + self.page, count))
        return [Target(0, row - self.top, partial(self.select_row, row)) for row in seen]

    # --- drawing

    def on_focus(self) -> None:
        """The cursor is bright."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor rests."""
        self.refresh()

    def draw_line(self, y: int) -> Strip:
        """Draw the row that is `y` rows below the top."""
        model, width, row = self.model, self.size.width, y + self.top
        if model is None or row >= len(model):
            spans = self.when_empty.spans if model is not None and not len(model) and y == 1 else ()
            return self.strip_of(spans, width, self.base_style)
        position = model.position(row)
        try:
            entry = model.log.table.entry(position)
        except IndexError:
            return Strip.blank(width, self.base_style)  # dropped since the last pull
        previews = self.previews
        glance = previews.get(position) if previews is not None else None
        above = previews.get(model.position(row - 1)) if previews is not None and row else None
        current = position == self.cursor
        key = position, glance is None, above is None, self._shape, width, current, current and self.has_focus
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._row_strip(entry, glance, above, current=current)
        return strip

    def _row_strip(
        self, entry: Entry, glance: Glance | None, above: Glance | None, *, current: bool
    ) -> Strip:
        base, width = self.base_style, self.size.width
        if current:
            name = "message-list--cursor" if self.has_focus else "message-list--resting"
            base += self.get_component_rich_style(name, partial=True)
        wall = entry.mono_ns
        if self.row is not None:
            wall += self.row.started_wall_ns - self.row.started_mono_ns
        shape = self._shape._replace(width=width - 2)
        lead: Span = (CURSOR if current else " ", "accent")
        spans = row_spans(entry, glance, shape, wall_ns=wall, above=above)
        return self.strip_of([lead, *spans], width, base)

    def notify_style_update(self) -> None:
        """Forget rows drawn in the old colours."""
        self._strips.clear()
        super().notify_style_update()
