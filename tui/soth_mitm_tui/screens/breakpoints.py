"""The breakpoints: which there are, what they have stopped, and which of them are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.debugging import stages_text
from soth_mitm_tui.widgets.menu import Entry, Menu, OverMenu
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from soth_mitm.policy.breakpoints import BreakpointState
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.keptbreaks import Broken


class BreakpointsScreen(OverMenu, ModalScreen[None]):
    """Lists the breakpoints in the order in which they are asked."""

    PANE: ClassVar[str] = "breakpoints"
    BINDINGS = bindings("breakpoints")
    AUTO_FOCUS = "Menu"
    app: SothApp

    def __init__(self) -> None:
        super().__init__()
        self.menu = Menu()
        self.menu.most_label = 60
        self.menu.when_empty = (
            ("No breakpoint is set: ", "muted"),
            ("n", "accent"),
            (" sets one, ", "muted"),
            ("b", "accent"),
            (" on a flow one for messages like it", "muted"),
        )

    def compose(self) -> ComposeResult:
        """Lay out the title and the breakpoints."""
        with Vertical(id="breakpoints", classes="menu-box"):
            tabs = Tabs(("Breakpoints", "Rules"))
            tabs.set_note((("tab", "accent"), (" rules  ", "muted"), ("esc", "accent"), (" back", "muted")))
            yield tabs
            yield self.menu
            keys = (("space", " on, off  "), ("n", " new  "), ("enter", " change  "), ("d", " delete  "))
            note = [
                span
                for key, words in (*keys, ("J K", " move"))
                for span in ((key, "accent"), (words, "muted"))
            ]
            footer = PaneTitle("")
            footer.set((), tuple(note))
            yield footer

    def on_mount(self) -> None:
        """Show them, and their hits as they rise."""
        self.look()
        self.set_interval(0.5, self.look)

    def look(self) -> None:
        """Show what is there now, and below it what is kept and cannot work."""
        desk = self.app.debugging
        entries = [*map(_entry, desk.states), *map(_left_out, desk.broken)]
        if entries != self.menu.entries or not entries:
            self.menu.styles.height = max(1, min(len(entries), 16))
            self.menu.set_entries(entries)

    @property
    def at(self) -> int:
        """Where the cursor is."""
        return self.menu.cursor

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click switches a breakpoint on or off."""
        event.stop()
        self.app.perform("breakpoints.switch")

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """A click on the other tab shows it."""
        event.stop()
        if event.number == 1:
            self.app.perform("breakpoints.tab")

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()


def _left_out(broken: Broken) -> Entry:
    why = f"left out: {broken.fault}"
    return Entry("", "✕", printable(broken.title), reason=printable(why, 300))


def _entry(state: BreakpointState) -> Entry:
    made = state.breakpoint
    expression = printable(made.expression) or "everything"
    label = printable(made.name) or expression
    more = " · once" if made.once else ""
    more += " · of the settings" if made.given else ""
    hits = "no hit yet" if not state.hits else "1 hit" if state.hits == 1 else f"{state.hits:,} hits"
    shown = f"  {expression}" if made.name else ""
    return Entry(
        str(made.id),
        "●" if made.enabled else "○",
        label,
        f"{hits} · {stages_text(made.stages)}{more}{shown}",
    )
