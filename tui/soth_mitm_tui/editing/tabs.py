"""The views of the editor, and the line of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm_tui.editing.binary_view import BinaryView
from soth_mitm_tui.editing.body_view import BodyView
from soth_mitm_tui.editing.changes_view import ChangesView
from soth_mitm_tui.editing.grid_view import CookiesView, FormView, HeadersView, QueryView
from soth_mitm_tui.editing.hex_view import HexView
from soth_mitm_tui.editing.line_view import LineForm
from soth_mitm_tui.editing.outside_view import OutsideView
from soth_mitm_tui.editing.raw_view import RawView
from soth_mitm_tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soth_mitm.policy.editing.checks import Fault
    from soth_mitm.policy.editing.sheet import Sheet
    from soth_mitm_tui.editing.view import View
    from soth_mitm_tui.lines import Span

VIEWS: Final[tuple[type[View], ...]] = (
    LineForm,
    HeadersView,
    QueryView,
    FormView,
    CookiesView,
    BodyView,
    BinaryView,
    OutsideView,
    HexView,
    RawView,
    ChangesView,
)


def views_of(sheet: Sheet, most: int) -> dict[str, type[View]]:
    """Return the views that have a meaning for a message, by their names."""
    return {view.NAME: view for view in VIEWS if view.applies(sheet, most)}


def tab_of(fault: Fault) -> str:
    """Return the name of the view that shows what a fault is about."""
    if fault.field:
        return "Headers"
    return fault.place if fault.place[:1].isupper() else "Line"


class EditTabs(Tabs):
    """The names of the views; one that holds a fault is marked."""

    def __init__(self) -> None:
        super().__init__((), id="edit-tabs")

    def show_state(self, names: Sequence[str], chosen: str, sheet: Sheet, faults: Sequence[Fault]) -> None:
        """Show the names of the views, and which of them holds a fault."""
        wrong = {tab_of(fault) for fault in faults}
        self.set_names(tuple(f"{name} ✕" if name in wrong else name for name in names))
        self.choose(list(names).index(chosen))
        typed: tuple[Span, ...] = (("sent as typed ", "warn"),) if sheet.parts.as_typed else ()
        edited: tuple[Span, ...] = (("edited ", "accent"),) if sheet.edited else ()
        self.set_note((*typed, *edited))
