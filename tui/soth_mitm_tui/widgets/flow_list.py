"""The flow list: any number of rows, one screenful of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.cache import LRUCache
from textual.message import Message
from textual.strip import Strip

from soth_mitm.model.annotation import COLOURS
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.groups import Group
from soth_mitm_tui.layout import GAP, LEAD, Around, cell_spans
from soth_mitm_tui.lines import BLANK, Line, line
from soth_mitm_tui.waterfall import NO_SCALE, Scale, scale_of
from soth_mitm_tui.widgets.column_list import SECTION, ColumnList
from soth_mitm_tui.widgets.group_line import group_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events

    from soth_mitm.record.rows import Row
    from soth_mitm_tui.state import State
    from soth_mitm_tui.viewmodel import FlowModel


class FlowList(ColumnList):
    """Shows the rows of a `FlowModel` in columns, and remembers how a person wants them."""

    class Opened(Message):
        """The flow under the cursor is to be looked at."""

    PANE: ClassVar[str] = "list"
    BINDINGS = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "flow-list--cursor",
        "flow-list--resting",
        "flow-list--cell",
        *(f"flow-list--{colour}" for colour in COLOURS),
    }

    title = "The flow list"

    def __init__(
        self,
        model: FlowModel,
        state: State,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(model, state, id=id)
        self.when_empty: Sequence[Line] = ()
        """What stands in a list without rows."""
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)
        self._scale_for: tuple[int, int, int, int] | None = None
        self._scale: Scale = NO_SCALE
        self._now_ns = 0
        self.secrets = False
        """Whether secrets in paths are in the open."""

    # --- drawing

    def draw_line(self, y: int) -> Strip:
        """Draw the row that is `y` lines below the top."""
        position = y + self.top
        width = self.size.width
        if position >= len(self.model):
            lines = () if len(self.model) else self._empty_lines()
            return self.strip_of(lines[y].spans if y < len(lines) else (), width, self.base_style)
        try:
            entry = self.model.at(position)
        except IndexError:
            return Strip.blank(width, self.base_style)  # retention was quicker than the next pull
        if isinstance(entry, Group):
            return self._group_strip(entry, width)
        current = entry.flow == self.cursor
        key = (
            entry.flow, entry.last_mono_ns, entry.state, entry.repeats, entry.outcome, entry.request_bytes,
            entry.status, entry.mark, entry.colour, entry.comment, width, self._layout_number,
            entry.messages, self._around_of(entry), current, current and self.has_focus,
            current and self.column,
        )  # fmt: skip
        if entry.form and not self.talks:
            self.talks = True
            self.call_after_refresh(self._lay_anew)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._row_strip(entry, width, current=current)
        return strip

    def _row_strip(self, row: Row, width: int, *, current: bool) -> Strip:
        base = self._line_style(current=current)
        if row.colour and not current:
            base += self.get_component_rich_style(f"flow-list--{row.colour}", partial=True)
        around = self._around_of(row)
        segments = [Segment(("▸" if current else " ") * LEAD, self.tone("accent", base))]
        gap = Segment(" " * GAP, base)
        for place in self.places:
            if len(segments) > 1:
                segments.append(gap)
            style = base
            if current and place.column.id == self.column:
                style = base + self.get_component_rich_style("flow-list--cell", partial=True)
            spans = cell_spans(row, place, around)
            segments += [Segment(text, self.tone(tone, style)) for text, tone in spans]
        return Strip(segments).crop_extend(0, width, base)

    def _group_strip(self, group: Group, width: int) -> Strip:
        current = -group.id == self.cursor
        base = self._line_style(current=current)
        lead = ("▸" if current else " ") * LEAD
        return self.strip_of([(lead, "accent"), *group_spans(group, width - LEAD - 1)], width, base)

    def _line_style(self, *, current: bool) -> Style:
        if not current:
            return self.base_style
        name = "flow-list--cursor" if self.has_focus else "flow-list--resting"
        return self.base_style + self.get_component_rich_style(name, partial=True)

    def _empty_lines(self) -> list[Line]:
        hidden, deleted = self.model.total, self.model.deleted
        if not self.model.filtered and deleted:
            count = "The only flow was" if deleted == 1 else f"All {deleted:,} flows were"
            words = (f"  {count} deleted from the list: ", "text"), ("u", "accent"), (" undoes it", "text")
            return [BLANK, line(*words)]
        if not self.model.filtered or not hidden:
            return list(self.when_empty)
        count = "1 flow is" if hidden == 1 else f"{hidden:,} flows are"
        return [*self.when_empty, BLANK, line((f"  {count} hidden", "muted"))]

    def _around_of(self, row: Row) -> Around:
        """Return what the cells of a row depend on, of what the columns in sight need."""
        names = {place.column.id for place in self.places}
        return Around(
            self._scale if "waterfall" in names else NO_SCALE,
            "messages" not in names,
            self._now_ns if "last" in names and row.open and row.messages else 0,
            self.secrets,
        )

    def tell_time(self, now_ns: int) -> None:
        """Let the times since the last messages go on; called some times a second."""
        if not self.talks or now_ns // 1_000_000_000 == self._now_ns // 1_000_000_000:
            return
        self._now_ns = now_ns
        if any(place.column.id == "last" for place in self.places):
            for position in range(self.top, min(self.top + self.page, len(self.model))):
                entry = self.model.at(position)
                if not isinstance(entry, Group) and entry.open and entry.messages:
                    self.refresh_lines(position)

    @property
    def _has_waterfall(self) -> bool:
        return any(place.column.id == "waterfall" for place in self.places)

    def _fit_scale(self) -> None:
        """Scale the waterfall to what is in sight."""
        if not self._has_waterfall:
            return
        now = (self.top, self.page, self.model.revision, len(self.model))
        if now == self._scale_for:
            return
        self._scale_for = now
        positions = range(self.top, min(self.top + self.page, len(self.model)))
        entries = [self.model.at(position) for position in positions]
        scale = scale_of(entry for entry in entries if not isinstance(entry, Group))
        if scale != self._scale:
            self._scale = scale
            self.refresh()

    def pull(self) -> bool:
        """Take what is new; return whether anything was."""
        pulled = super().pull()
        self._fit_scale()
        return pulled

    def refit(self) -> None:
        """Adapt to a list that is another one now."""
        super().refit()
        self._fit_scale()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scale the waterfall to what has come into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._fit_scale()

    def notify_style_update(self) -> None:
        """Forget rows drawn in the old colours."""
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Keep the cursor, or the end, in sight."""
        self.refit()

    # --- moving

    def action_down(self) -> None:
        """Select the next flow."""
        self.move(1)

    def action_up(self) -> None:
        """Select the flow before."""
        self.move(-1)

    def action_first(self) -> None:
        """Select the first row."""
        self.select_position(0)

    def action_last(self) -> None:
        """Select the last row, and follow where the newest one is the last."""
        self.select_position(len(self.model) - 1)
        if self.model.by_arrival:
            self._set_follow(True)

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
        self._set_follow(not self.following)

    def _set_follow(self, following: bool) -> None:
        self.follow(following)
        self._state.set(SECTION, "follow", following)

    # --- deleting, and marks

    def delete(self) -> list[int]:
        """Take the row or the group under the cursor out of the list; return the flows."""
        model, position = self.model, self.position
        flows = model.hide(model.numbers_of(self.cursor))
        self._home = 0
        if position is not None and len(model):
            self._select(model.flow_at(min(position, len(model) - 1)))
        self._refold()
        return flows

    def put_back(self, flows: list[int]) -> None:
        """Put rows back where they were, with the cursor on the first of them."""
        self.model.unhide(flows)
        self.model.settle()
        self._refold()
        if flows and self.model.position_of(flows[0]) is not None:
            self.select_position(self.model.position_of(flows[0]) or 0)

    def go_to_flow(self, flow: int) -> bool:
        """Select a flow; return False where it is not shown."""
        position = self.model.position_of(flow)
        if position is None:
            return False
        self.select_position(position)
        return True

    def go_to_marked(self, step: int) -> bool:
        """Select the next marked flow, or the one before, round the end; return False where there is none."""
        model, here = self.model, self.position
        marked = model.marked()
        if not marked:
            return False
        positions = [model.position_of(flow) or 0 for flow in marked]
        if step > 0:
            beyond = [each for each in positions if here is None or each > here]
            self.select_position(beyond[0] if beyond else positions[0])
        else:
            beyond = [each for each in positions if here is None or each < here]
            self.select_position(beyond[-1] if beyond else positions[-1])
        return True

    # --- groups

    def action_fold(self) -> None:
        """Fold the group of the cursor, or unfold it."""
        self.toggle_group()

    def group_toggled(self) -> bool:
        """Fold or unfold the group under the cursor; return False where there is none."""
        if self.group is None:
            return False
        self.toggle_group()
        return True

    def toggle_group(self) -> None:
        """Fold or unfold the group under the cursor, or the one that the flow under it is in."""
        tree = self.model.tree
        group = self.group or self.model.group_around(self.cursor)
        if tree is None or group is None:
            return
        tree.fold(group, folded=not group.folded)
        if group.folded:
            self._home = 0
            self._select(-group.id)
        self._refold()

    def action_fold_all(self) -> None:
        """Fold every group, or unfold them all."""
        tree = self.model.tree
        if tree is not None:
            tree.fold_all(folded=not tree.all_folded)
            self._refold()

    def _refold(self) -> None:
        self.set_line_count(len(self.model))
        self._settle_cursor()
        self._show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now; empty where it does."""
        if action_id == "list.follow" and self.model.sorting is not None:
            head = self.model.sorting.column.name
            return f"Sorted by {head}, the newest flow may be anywhere: sort by arrival again to follow"
        if action_id in ("list.fold", "list.fold-all") and self.model.tree is None:
            return "Nothing is grouped: v groups the flows"
        return super().reason_against(action_id)

    # --- mouse

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; a second click opens it, one on a group folds it."""
        position = event.y + self.top
        if position >= len(self.model):
            return
        self.select_position(position)
        if self.group is not None:
            self.toggle_group()
        elif event.chain == 2:
            self.post_message(self.Opened())
