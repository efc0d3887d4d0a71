"""The flow list: any number of rows, one screenful of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.message import Message
from textual.strip import Strip

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.columns import head_spans, row_spans
from soth_mitm_tui.lines import TONE_CLASSES, Line
from soth_mitm_tui.viewmodel import FlowModel, Update
from soth_mitm_tui.widgets.line_scroll import LineScroll, Toned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from soth_mitm.record.index import RowFilter


class ColumnHeads(Toned):
    """The names of the list's columns."""

    def draw_line(self, y: int) -> Strip:
        """Draw the one line; the list's scrollbar takes the last cell."""
        spans = head_spans(max(1, self.size.width - 1))
        return self.strip_of([(" ", "text"), *spans], self.size.width, self.base_style)


class FlowList(LineScroll):
    """Shows the rows of a `FlowModel`, with a cursor that stays on its flow whatever moves.

    Following means that the end of the list stays in sight; whoever moves the cursor or the wheel
    stops it, and then the number of rows that came below is kept.
    """

    class Selected(Message):
        """The cursor is on another flow; 0 for none."""

        def __init__(self, flow: int) -> None:
            super().__init__()
            self.flow = flow

    class Opened(Message):
        """The flow under the cursor is to be looked at."""

    class Moved(Message):
        """Following, the number of rows below, or the number of rows changed."""

    PANE: ClassVar[str] = "list"
    BINDINGS = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONE_CLASSES, "flow-list--cursor"}

    title = "The flow list"

    def __init__(
        self,
        model: FlowModel,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.model = model
        self.following = True
        self.selected = 0
        """The flow under the cursor; 0 for none."""
        self.below = 0
        """Rows that came below what is in sight since it was left."""
        self._home = 0
        """The flow to come back to, once no filter hides it; 0 for none."""
        self._followed = True
        """Whether the list followed before there was a filter."""
        self.when_empty: Sequence[Line] = ()
        """What stands in a list without rows."""
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)

    # --- drawing

    def draw_line(self, y: int) -> Strip:
        """Draw the row that is `y` lines below the top."""
        position = y + self.top
        base = self.base_style
        width = self.size.width
        if position >= len(self.model):
            lines = () if len(self.model) else self.when_empty
            return self.strip_of(lines[y].spans if y < len(lines) else (), width, base)
        row = self.model.row_at(position)
        current = row.flow == self.selected
        key = (
            row.flow, row.last_mono_ns, row.state, row.repeats, row.outcome, row.request_bytes, row.status,
            width, current, current and self.has_focus,
        )  # fmt: skip
        strip = self._strips.get(key)
        if strip is None:
            spans = row_spans(row, width)
            if current:
                base = self.cursor_style
                if not self.has_focus:
                    base = base + Style(bold=False)
            body = self.strip_of(spans, width - 1, base)
            mark = Segment("▸" if current else " ", self.tone("accent", base))
            strip = Strip([mark, *body], width)
            self._strips[key] = strip
        return strip

    @property
    def cursor_style(self) -> Style:
        """The style of the row under the cursor."""
        return self.base_style + self.get_component_rich_style("flow-list--cursor", partial=True)

    def notify_style_update(self) -> None:
        """Forget rows drawn in the old colours."""
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Keep the cursor, or the end, in sight."""
        self.set_line_count(len(self.model))
        if self.following:
            self.go_to(len(self.model))
        else:
            self._show_cursor()

    def _refresh_position(self, position: int | None) -> None:
        if position is not None:
            self.refresh_lines(position)

    # --- traffic

    def pull(self) -> bool:
        """Take what is new; return whether anything was."""
        update = self.model.pull()
        if update == Update(0, frozenset(), 0):
            return False
        self._apply(update)
        return True

    def _apply(self, update: Update) -> None:
        top = self.top
        self.set_line_count(len(self.model))
        if self.following:
            self.go_to(len(self.model))
        else:
            if update.dropped:
                self.go_to(top - update.dropped)
            self.below = self.below + update.appended if not self.at_end else 0
        self._settle_cursor()
        if update.changed is None or update.dropped:
            self.refresh()
        else:
            self._refresh_some(update)
        if update.appended or update.dropped:
            self.post_message(self.Moved())

    def _refresh_some(self, update: Update) -> None:
        assert update.changed is not None
        first, last = self.top, self.top + self.page
        changed = [position for position in update.changed if first <= position < last]
        new = len(self.model) - update.appended
        if len(changed) + update.appended > self.page // 2:
            self.refresh()
            return
        for position in changed:
            self.refresh_lines(position)
        if update.appended and new < last:
            self.refresh_lines(new, min(update.appended, last - new))

    def set_filter(self, matcher: RowFilter | None) -> None:
        """Show only what matches. The newest rows are looked at first, the others in slices."""
        if not self.model.filtered:
            self._followed = self.following
        self.model.set_filter(matcher)
        self.following = self._followed
        self.below = 0
        if matcher is not None:
            self.model.scan()
        self._settle_cursor()
        self.refit()

    def scan(self) -> None:
        """Look at one more slice of older rows."""
        found = self.model.scan()
        if found:
            top = self.top
            self.set_line_count(len(self.model))
            self.go_to(len(self.model) if self.following else top + found)
            if self._settle_cursor() and not self.following:
                self._show_cursor()
            self.refresh()

    def refit(self) -> None:
        """Adapt to a list that is another one now."""
        self.set_line_count(len(self.model))
        if self.following:
            self.go_to(len(self.model))
        else:
            self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def _settle_cursor(self) -> bool:
        """Keep the cursor on a row that is shown, the nearest one while a filter hides its own.

        Its own is taken again as soon as it is shown. Returns whether the cursor has moved.
        """
        before, model = self.selected, self.model
        if self._home and model.row_of(self._home) is None:
            self._home = 0
        wanted = self._home or before
        if not len(model):
            self._home, flow = wanted, 0
        elif not wanted:
            flow = model.flow_at(0)
        elif model.position_of(wanted) is not None:
            self._home, flow = 0, wanted
        else:
            self._home, flow = wanted, model.flow_at(model.position_near(wanted))
        self._select(flow)
        return flow != before

    # --- cursor

    @property
    def position(self) -> int | None:
        """Where the cursor is; None where its flow is not shown."""
        return self.model.position_of(self.selected) if self.selected else None

    def _select(self, flow: int) -> None:
        if flow == self.selected:
            return
        old = self.position
        self.selected = flow
        self._refresh_position(old)
        self._refresh_position(self.position)
        self.post_message(self.Selected(flow))

    def select_position(self, position: int) -> None:
        """Put the cursor on a position, as near as there is one, and bring it into sight."""
        if not len(self.model):
            return
        self._stop_following()
        self._home = 0
        position = max(0, min(position, len(self.model) - 1))
        self._select(self.model.flow_at(position))
        self._show_cursor()

    def move(self, step: int) -> None:
        """Move the cursor by `step` rows; from out of sight it comes in at the nearer edge first."""
        position = self.position
        if position is None:
            position = self.model.position_near(self.selected)
        last = min(self.top + self.page, len(self.model)) - 1
        if position < self.top or position > last:
            self.select_position(last if step < 0 or position > last else self.top)
        else:
            self.select_position(position + step)

    def bring_cursor(self) -> None:
        """Put a cursor that is out of sight on the nearest row in sight."""
        position, last = self.position, min(self.top + self.page, len(self.model)) - 1
        if position is not None and not self.top <= position <= last:
            self._home = 0
            self._select(self.model.flow_at(self.top if position < self.top else last))

    def step(self, step: int) -> None:
        """Move the cursor by `step` rows from where it is, in sight or not."""
        position = self.position
        self.select_position(0 if position is None else position + step)

    def _show_cursor(self) -> None:
        position = self.position
        if position is None:
            self.go_to(self.top)
        elif position < self.top:
            self.go_to(position)
        elif position >= self.top + self.page:
            self.go_to(position - self.page + 1)
        if self.at_end:
            self.below = 0

    def _stop_following(self) -> None:
        self._followed = False
        if self.following:
            self.following = False
            self.below = 0
            self.post_message(self.Moved())

    # --- actions

    def action_down(self) -> None:
        """Select the next flow."""
        self.move(1)

    def action_up(self) -> None:
        """Select the flow before."""
        self.move(-1)

    def action_first(self) -> None:
        """Select the oldest flow."""
        self.select_position(0)

    def action_last(self) -> None:
        """Select the newest flow, and follow."""
        self.select_position(len(self.model) - 1)
        self._follow(True)

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

    def action_follow(self) -> None:
        """Keep the newest flow in sight, or stop doing so."""
        self._follow(not self.following)

    def _follow(self, following: bool) -> None:
        self.following = self._followed = following
        self.below = 0
        if following:
            self.go_to(len(self.model))
        self.post_message(self.Moved())

    # --- mouse

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; a second click opens it."""
        position = event.y + self.top
        if position >= len(self.model):
            return
        self.select_position(position)
        if event.chain == 2:
            self.post_message(self.Opened())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Leaving the end by hand stops following; reaching it leaves nothing below."""
        super().watch_scroll_y(old_value, new_value)
        if self.at_end and self.below:
            self.below = 0
            self.post_message(self.Moved())
        elif not self.at_end:
            self._stop_following()
