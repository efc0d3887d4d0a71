"""Which columns the flow list shows at a width, where they stand, and what a person chose about them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from soth_mitm.text import human_duration
from soth_mitm_tui.columns import BY_ID, COLUMNS, Column, fit, target
from soth_mitm_tui.waterfall import NO_SCALE, Scale, bar

if TYPE_CHECKING:
    from soth_mitm.record.rows import Row
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.state import State

GAP: Final = 1
LEAD: Final = 1
"""Cells in front of the first column, for the sign of the cursor; one more stays free at the end."""
WIDEST: Final = 120
_HOST_MOST: Final = 28
_SECTION: Final = "columns"


class Place(msgspec.Struct, frozen=True):
    """A column at its place: the first cell, counted from the left edge of the list, and how many."""

    column: Column
    left: int
    width: int

    @property
    def right(self) -> int:
        """The cell behind the last one."""
        return self.left + self.width


class Layout(msgspec.Struct, frozen=True):
    """What a person chose; what is not chosen goes by the width of the list."""

    order: tuple[str, ...] = ()
    shown: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    widths: tuple[tuple[str, int], ...] = ()

    @property
    def columns(self) -> list[Column]:
        """Every column in the chosen order; one that is in no order yet stands where it would."""
        chosen = [BY_ID[name] for name in self.order if name in BY_ID]
        for at, column in enumerate(COLUMNS):
            if column not in chosen:
                before = COLUMNS[at - 1] if at else None
                chosen.insert(chosen.index(before) + 1 if before in chosen else 0, column)
        return chosen

    def shows(self, column: Column, width: int, *, talks: bool = False) -> bool:
        """Say whether a list of `width` cells should have a column, if there is room.

        `talks` says that flows in it carry messages.
        """
        if column.id in self.shown:
            return True
        fits = width >= column.from_width and (talks or not column.talks)
        return fits and column.id not in self.hidden

    def width_of(self, column: Column) -> int:
        """Return the chosen width of a column, 0 where none was chosen."""
        return dict(self.widths).get(column.id, 0)

    # --- choosing

    def show(self, name: str, shown: bool) -> Layout:
        """Show a column, or hide it."""
        return msgspec.structs.replace(
            self,
            shown=self.shown | {name} if shown else self.shown - {name},
            hidden=self.hidden - {name} if shown else self.hidden | {name},
        )

    def move(self, name: str, step: int) -> Layout:
        """Move a column by `step` places among all columns, as far as there are any."""
        order = [column.id for column in self.columns]
        at = order.index(name)
        order.insert(max(0, min(at + step, len(order) - 1)), order.pop(at))
        return msgspec.structs.replace(self, order=tuple(order))

    def resize(self, name: str, width: int) -> Layout:
        """Give a column a width, within what can be read and what a screen has; 0 takes it back."""
        widths = {each: cells for each, cells in self.widths if each != name}
        if width:
            widths[name] = max(2, min(width, WIDEST))
        return msgspec.structs.replace(self, widths=tuple(sorted(widths.items())))

    # --- keeping

    def save(self, state: State) -> None:
        """Remember it for the next run."""
        state.set(_SECTION, "order", list(self.order) or None)
        state.set(_SECTION, "shown", sorted(self.shown) or None)
        state.set(_SECTION, "hidden", sorted(self.hidden) or None)
        state.set(_SECTION, "widths", dict(self.widths) or None)


def load_layout(state: State) -> Layout:
    """Return the layout of the last run; names that are no columns any more are passed over."""
    none: dict[str, int] = {}
    widths = state.get_as(_SECTION, "widths", dict[str, int], none)
    layout = Layout(
        order=tuple(dict.fromkeys(state.get_as(_SECTION, "order", list[str], []))),
        shown=frozenset(state.get_as(_SECTION, "shown", list[str], [])),
        hidden=frozenset(state.get_as(_SECTION, "hidden", list[str], [])),
    )
    for name, width in widths.items():
        if name in BY_ID and width > 0:
            layout = layout.resize(name, width)
    return layout


@lru_cache(maxsize=256)
def places(
    width: int,
    layout: Layout = Layout(),  # noqa: B008 - it is frozen
    *,
    talks: bool = False,
) -> tuple[Place, ...]:
    """Give the columns of a list of `width` cells their places.

    Where room is short, columns go that are the first to go, but never the last one.
    """
    columns = [column for column in layout.columns if layout.shows(column, width, talks=talks)]
    columns = columns or [BY_ID["path"]]
    while len(columns) > 1 and _needed(columns, layout) > width:
        columns.remove(max(reversed(columns), key=lambda column: column.from_width))
    widths = _widths(columns, width, layout)
    placed: list[Place] = []
    left = LEAD
    for column in columns:
        placed.append(Place(column, left, widths[column.id]))
        left += widths[column.id] + GAP
    return tuple(placed)


def _needed(columns: list[Column], layout: Layout) -> int:
    return sum((layout.width_of(column) or column.width) + GAP for column in columns) + LEAD


def _widths(columns: list[Column], width: int, layout: Layout) -> dict[str, int]:
    widths = {column.id: layout.width_of(column) or column.width for column in columns}
    if len(columns) == 1:
        return {columns[0].id: max(1, width - LEAD - GAP)}
    free = [column for column in columns if column.stretch and not layout.width_of(column)]
    spare = width - _needed(columns, layout) + sum(column.width for column in free)
    if [column.id for column in free] == ["host"]:
        widths["host"] = min(spare, 2 * _HOST_MOST)
    elif len(free) > 1:
        widths["host"] = min(_HOST_MOST, max(BY_ID["host"].width, spare * 3 // 8))
        widths["path"] = spare - widths["host"]
    elif free:
        widths["path"] = spare
    return widths


class Around(NamedTuple):
    """What a cell depends on besides its row."""

    scale: Scale = NO_SCALE
    counts: bool = True
    """Whether the path says how many messages there were, as no column does."""
    now_ns: int = 0
    """The monotonic time."""
    secrets: bool = False
    """Whether secrets in the path are in the open."""


ALONE: Final = Around()


def cell_spans(row: Row, place: Place, around: Around = ALONE) -> list[Span]:
    """Return what a column says about a row, in exactly its width."""
    column = place.column
    if column.id == "waterfall":
        spans = bar(row, around.scale, place.width)
    elif column.id == "last":
        spans = _since(row, around.now_ns)
    elif column.id == "path":
        spans = target(row, counts=around.counts, secrets=around.secrets)
    else:
        spans = column.spans(row)
    return fit(spans, place.width, right=column.right)


def _since(row: Row, now_ns: int) -> tuple[Span, ...]:
    """Return how long ago a flow with messages that goes on was last heard of."""
    if not (row.open and row.messages):
        return ()
    last = row.started_mono_ns + row.last_message_ns
    return ((human_duration(max(now_ns - last, 0)), "muted"),)
