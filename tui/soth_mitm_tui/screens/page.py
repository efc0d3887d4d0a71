"""The screens that say how a run goes: a title, and one page that is kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from soth_mitm_tui.actions import bindings
from soth_mitm_tui.widgets.page import Entry, Page
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from soth_mitm_tui.lines import Span

INTERVAL = 0.25
"""Seconds between two looks at what is new."""


_LEADS: tuple[Span, ...] = (
    ("j k", "accent"),
    (" choose  ", "muted"),
    ("enter", "accent"),
    (" flows  ", "muted"),
    ("s", "accent"),
    (" sort  ", "muted"),
)
_LOG: tuple[Span, ...] = (("l", "accent"), (" level  ", "muted"), ("/", "accent"), (" find  ", "muted"))


class PageScreen(ModalScreen[str | None]):
    """Shows one page; the result is the filter of the entry that was chosen, None without one."""

    PANE: ClassVar[str] = "page"
    BINDINGS = bindings("page")
    AUTO_FOCUS = "Page"

    def __init__(
        self,
        title: str,
        make: Callable[[int], Iterable[Entry]],
        *,
        name: str,
        tick: Callable[[], object] | None = None,
        follows: bool = False,
    ) -> None:
        """Show what `make` returns for a width; `tick` is called before each look."""
        super().__init__(name=name)
        self._heading = PaneTitle(title)
        self.page = Page(make, follows=follows)
        self.page.title = title
        self._on_tick = tick
        more = {"log": _LOG, "overview": _LEADS}.get(name, ())
        self._note: tuple[Span, ...] = (*more, ("esc", "accent"), (" back", "muted"))

    def compose(self) -> ComposeResult:
        """Lay out the title and the page."""
        with Vertical(id="run-page"):
            self._heading.set(note=self._note)
            self._heading.set_bright(True)
            yield self._heading
            yield self.page

    def on_mount(self) -> None:
        """Begin to look."""
        self._look()
        self.set_interval(INTERVAL, self._look)

    def retitle(self, title: str) -> None:
        """Show another title, over what the page now says."""
        self._heading.set(((title, "heading"),), self._note)
        self._look()

    def _look(self) -> None:
        with self.page.guard():
            if self._on_tick is not None:
                self._on_tick()
        self.page.update()

    def on_page_chosen(self, event: Page.Chosen) -> None:
        """Leave for the flows that the entry is about."""
        self.dismiss(event.leads)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)

    def action_choose(self) -> None:
        """Show the flows that the entry is about."""
        self.page.choose()

    def action_down(self) -> None:
        """Go to the next entry."""
        self.page.move(1)

    def action_up(self) -> None:
        """Go to the entry before."""
        self.page.move(-1)

    def action_page_down(self) -> None:
        """Scroll down a page."""
        self.page.go_to(self.page.top + self.page.page - 1)

    def action_page_up(self) -> None:
        """Scroll up a page."""
        self.page.go_to(self.page.top - self.page.page + 1)

    def action_first(self) -> None:
        """Go to the top."""
        self.page.go_to(0)

    def action_last(self) -> None:
        """Go to the end, and stay there while it grows."""
        self.page.go_to(self.page.max_scroll_y)
