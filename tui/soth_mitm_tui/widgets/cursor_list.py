"""The places of a list: what is in sight, where the cursor is, and whether the newest row is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.message import Message

from soth_mitm_tui.arrival import NO_UPDATE, Update
from soth_mitm_tui.widgets.line_scroll import LineScroll

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soth_mitm.record.index import RowFilter
    from soth_mitm_tui.arranging import Sorting
    from soth_mitm_tui.groups import Group, Grouping
    from soth_mitm_tui.viewmodel import FlowModel

SETTLE_INTERVAL: Final = 0.004
"""Seconds between two slices of putting rows into another order."""

FIRST_SLICE_NS: Final = 1_000_000
"""How long rows are put in order at once; a short list needs no second slice."""


class CursorList(LineScroll):
    """Keeps the cursor on its flow, and what is in sight in its place, whatever moves.

    Following means that the newest row stays in sight; whoever moves the cursor or the wheel stops
    it, and then the number of rows that came below is kept. A sorted list cannot be followed: its
    newest row may be anywhere.
    """

    class Selected(Message, namespace="flow_list"):
        """The cursor is on another flow; 0 for none."""

        def __init__(self, flow: int) -> None:
            super().__init__()
            self.flow = flow

    class Moved(Message, namespace="flow_list"):
        """Following, the number of rows below, the order, or the number of rows changed."""

    def __init__(
        self,
        model: FlowModel,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.model = model
        self.following = True
        self.cursor = 0
        """The key (`FlowModel`) of what is under the cursor; 0 for nothing."""
        self.below = 0
        """Rows that came below what is in sight since it was left."""
        self._home = 0
        """The key to come back to, once no filter hides it; 0 for none."""
        self._followed = True
        """Whether the list followed before there was a filter or an order of its own."""
        self._settling = False

    @property
    def selected(self) -> int:
        """The flow under the cursor; 0 for none, and on a group."""
        return max(0, self.cursor)

    @property
    def group(self) -> Group | None:
        """The group under the cursor; None on a flow."""
        return self.model.group(self.cursor)

    @property
    def position(self) -> int | None:
        """Where the cursor is; None where its flow is not shown."""
        return self.model.position_of(self.cursor) if self.cursor else None

    @property
    def astray(self) -> int:
        """How many rows above what is in sight the cursor is, or below as a negative number; 0 in sight."""
        position = self.position
        if position is None or self.top <= position < self.top + self.page:
            return 0
        return self.top - position if position < self.top else self.top + self.page - 1 - position

    # --- traffic

    def pull(self) -> bool:
        """Take what is new; return whether anything was."""
        if self.model.in_step:
            return False
        anchor = self._anchor()
        update = self.model.pull()
        if update == NO_UPDATE:
            return False
        self._apply(update, anchor)
        self._settle_soon()
        return True

    def _anchor(self) -> tuple[int, int] | None:
        """Return a key in sight and its line, for lists whose rows move; None where the top stays."""
        model = self.model
        if model.by_arrival or not self.top or not len(model):
            return None
        position = self.position
        if position is None or not self.top <= position < self.top + self.page:
            position = min(self.top, len(model) - 1)
        return model.flow_at(position), position - self.top

    def _hold(self, anchor: tuple[int, int] | None) -> None:
        if anchor is not None:
            key, line = anchor
            self.go_to(self.model.position_near(key) - line)

    def _apply(self, update: Update, anchor: tuple[int, int] | None) -> None:
        top = self.top
        self.set_line_count(len(self.model))
        if self.following:
            self._show_newest()
        elif anchor is not None:
            self._hold(anchor)
        else:
            if update.dropped:
                self.go_to(top - update.dropped)
            self.below = self.below + update.appended if self.model.by_arrival and not self.at_end else 0
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
        # Of the new rows, only those in sight count: below it they change nothing that is drawn.
        new = max(len(self.model) - update.appended, first)
        fresh = max(0, min(len(self.model), last) - new)
        if len(changed) + fresh > self.page // 2:
            self.refresh()
            return
        for position in changed:
            self.refresh_lines(position)
        if fresh:
            self.refresh_lines(new, fresh)

    def refit(self) -> None:
        """Adapt to a list that is another one now."""
        self.set_line_count(len(self.model))
        if self.following:
            self._show_newest()
        else:
            self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    # --- filter and order

    def set_filter(self, matcher: RowFilter | None) -> None:
        """Show only what matches. The newest rows are looked at first, the others in slices."""
        if not self.model.filtered:
            self._followed = self.following
        self.model.set_filter(matcher)
        self.following = self._followed and self.model.sorting is None
        self.below = 0
        if matcher is not None:
            self.model.scan()
        self.model.settle(FIRST_SLICE_NS)
        self._settle_cursor()
        self.refit()
        self._settle_soon()

    def scan(self) -> None:
        """Look at one more slice of older rows."""
        anchor = self._anchor()
        found = self.model.scan()
        if not found:
            return
        self.model.settle(0)
        top = self.top
        self.set_line_count(len(self.model))
        if self.following:
            self._show_newest()
        elif self.model.by_arrival:
            self.go_to(top + found)
        else:
            self._hold(anchor)
        if self._settle_cursor() and not self.following:
            self._show_cursor()
        self.refresh()
        self._settle_soon()

    def judge(self, flows: Iterable[int]) -> None:
        """Show or hide flows about which the filter has learnt something; what is in sight stays there."""
        model, position = self.model, self.position
        if position is None or not self.top <= position < self.top + self.page:
            position = min(self.top, len(model) - 1)
        held = (model.flow_at(position), position - self.top) if len(model) else None
        model.judge(flows)
        model.settle(0)
        self.set_line_count(len(model))
        if self.following:
            self._show_newest()
        else:
            self._hold(held)
        if self._settle_cursor() and not self.following:
            self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())
        self._settle_soon()

    def order_by(self, sorting: Sorting | None, grouping: Grouping | None) -> None:
        """Show the rows in another order; None and None is that of their arrival."""
        was_sorted = self.model.sorting is not None
        if sorting is not None and not was_sorted:
            self._followed = self.following
        self.model.arrange(sorting, grouping)
        self.following = sorting is None and (self._followed if was_sorted else self.following)
        self.below = 0
        self.model.settle(FIRST_SLICE_NS)
        self._settle_cursor()
        self.refit()
        self._settle_soon()

    def _settle_soon(self) -> None:
        if self.model.arranging and not self._settling and self.is_attached:
            self._settling = True
            self.set_timer(SETTLE_INTERVAL, self._settle)

    def _settle(self) -> None:
        self._settling = False
        with self.guard():
            anchor = self._anchor()
            if self.model.settle():
                self.set_line_count(len(self.model))
                if self.following:
                    self._show_newest()
                elif anchor is not None:
                    self._hold(anchor)
                if self._settle_cursor() and not self.following:
                    self._show_cursor()
                self.refresh()
            if not self.model.arranging:
                self.post_message(self.Moved())
        self._settle_soon()

    def _settle_cursor(self) -> bool:
        """Keep the cursor on a row that is shown, the nearest one while a filter hides its own.

        Its own is taken again as soon as it is shown. Returns whether the cursor has moved.
        """
        before, model = self.cursor, self.model
        if self._home and model.row_of(self._home) is None and model.group(self._home) is None:
            self._home = 0
        wanted = self._home or before
        if wanted < 0 and model.group(wanted) is None:
            wanted = 0
        if not len(model):
            self._home, key = wanted, 0
        elif not wanted:
            key = model.flow_at(0)
        elif model.position_of(wanted) is not None:
            self._home, key = 0, wanted
        else:
            self._home, key = wanted, model.flow_at(model.position_near(wanted))
        self._select(key)
        return key != before

    # --- cursor

    def _select(self, key: int) -> None:
        if key == self.cursor:
            return
        old, before = self.position, self.selected
        self.cursor = key
        for position in (old, self.position):
            if position is not None:
                self.refresh_lines(position)
        if before != self.selected or key <= 0:
            self.post_message(self.Selected(self.selected))

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
            position = self.model.position_near(self.cursor)
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

    # --- following

    def _show_newest(self) -> None:
        if self.model.by_arrival:
            self.go_to(len(self.model))
            return
        position = self.model.newest
        if position is not None and not self.top <= position < self.top + self.page:
            self.go_to(position - self.page + 1)

    def follow(self, following: bool) -> None:
        """Keep the newest flow in sight, or stop doing so."""
        self.following = self._followed = following
        self.below = 0
        if following:
            self._show_newest()
        self.post_message(self.Moved())

    def _stop_following(self) -> None:
        self._followed = False
        if self.following:
            self.following = False
            self.below = 0
            self.post_message(self.Moved())

    def on_mouse_scroll_up(self) -> None:
        """Whoever turns the wheel wants to look there."""
        self._stop_following()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Leaving the end by hand stops following; reaching it leaves nothing below."""
        super().watch_scroll_y(old_value, new_value)
        if self.at_end and self.below:
            self.below = 0
            self.post_message(self.Moved())
        elif not self.at_end and self.model.by_arrival:
            self._stop_following()
