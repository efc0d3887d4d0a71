"""The help for the pane that had the focus, from the registry of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm_tui.actions import DEFAULT, PANES, Registry, bindings
from soth_mitm_tui.help import help_lines
from soth_mitm_tui.viewers.content import Joined
from soth_mitm_tui.widgets.line_view import LineView
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from textual.app import ComposeResult


class HelpScreen(ModalScreen[None]):
    """Shows every key of a pane."""

    PANE: ClassVar[str] = "help"
    BINDINGS = bindings("help")
    AUTO_FOCUS = "LineView"

    def __init__(self, pane: str, registry: Registry = DEFAULT, *, problems: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.pane = pane
        self._registry, self._problems = registry, problems

    def compose(self) -> ComposeResult:
        """Lay out the title and the text."""
        with Vertical(id="help"):
            title = PaneTitle(f"Help: {PANES[self.pane]}")
            title.set(note=(("esc", "accent"), (" back", "muted")))
            title.set_bright(True)
            yield title
            yield LineView()

    def on_mount(self) -> None:
        """Fill in the text."""
        self.query_one(LineView).show(Joined(help_lines(self.pane, self._registry, problems=self._problems)))

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
