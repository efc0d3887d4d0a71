"""Jump mode: which places there are, and going to the one that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Offset
from textual.widget import Widget

from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.screens.jump import Jumpable, JumpScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm_tui.app import SothApp


class Jumping(Desk):
    """Offers a letter for each pane and for every place in one."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {"app.jump": self._jump}

    def _jump(self) -> None:
        self.app.push_screen(JumpScreen(self._spots()), self._go)

    def _go(self, act: Callable[[], object] | None) -> None:
        if act is not None:
            act()

    def _spots(self) -> Iterator[tuple[Offset, Callable[[], object]]]:
        screen = self.app.screen
        for widget in screen.walk_children(Widget, with_self=False):
            region = widget.region
            if not widget.is_on_screen or not region:
                continue
            if widget.can_focus:
                yield Offset(region.x, region.y), widget.focus
            if isinstance(widget, Jumpable):
                for x, y, act in widget.jump_targets():
                    if x < region.width and y < region.height:
                        yield Offset(region.x + x, region.y + y), act
