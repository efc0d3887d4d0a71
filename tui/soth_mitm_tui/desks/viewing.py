"""Moving, folding, selecting and searching in the detail."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.viewers.bodies import MODES
from soth_mitm_tui.viewers.pages import MESSAGES_TAB, TABS, WITH_BODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.desks.desk import Deed
    from soth_mitm_tui.viewers.viewer import Viewer
    from soth_mitm_tui.widgets.detail import Detail

NO_MESSAGES = "This flow has no messages"

_IN_TEXT = frozenset(
    f"detail.{verb}"
    for verb in (
        "search", "next-match", "previous-match", "mode", "fold", "fold-all", "force", "wrap", "left",
        "right", "sort", "secrets", "select", "select-down", "select-up", "next-section", "previous-section",
    )
)  # fmt: skip
"""What is done in the viewer, which the list of messages takes the place of."""

WRAPPED = "Long lines are wrapped: w lets them run to the side"


class Viewing(Desk):
    """Acts in the viewer of the detail."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self.deeds = {
            **{f"detail.{name.lower()}": self._tab(tab) for tab, name in enumerate((*TABS, MESSAGES_TAB))},
            "detail.next-tab": lambda: self._turn(1),
            "detail.previous-tab": lambda: self._turn(-1),
            **{name: partial(self._move, move) for name, move in self._moves().items()},
            "detail.left": lambda: self.text.move_side(-1),
            "detail.right": lambda: self.text.move_side(1),
            "detail.mode": lambda: self.detail.next_mode(),
            "detail.wrap": lambda: self.text.set_wrap(not self.text.wrap),
            "detail.sort": self._sort,
            "detail.secrets": self._secrets,
            "detail.fold": self._fold,
            "detail.fold-all": self._fold_all,
            "detail.force": self._force,
            "detail.search": lambda: self.detail.searching.open(),
            "detail.next-match": lambda: self.detail.searching.step(1),
            "detail.previous-match": lambda: self.detail.searching.step(-1),
            "search.accept": lambda: self.detail.searching.accept(),
            "search.cancel": lambda: self.detail.searching.cancel(),
            "search.regex": lambda: self.detail.searching.toggle_regex(),
            "search.next": lambda: self.detail.searching.step(1),
            "search.previous": lambda: self.detail.searching.step(-1),
        }

    def _moves(self) -> dict[str, Callable[[], None]]:
        return {
            "detail.down": lambda: self.text.move_cursor(1),
            "detail.up": lambda: self.text.move_cursor(-1),
            "detail.half-down": lambda: self.text.move_page(self.text.page // 2),
            "detail.half-up": lambda: self.text.move_page(-(self.text.page // 2)),
            "detail.page-down": lambda: self.text.move_page(self.text.page - 1),
            "detail.page-up": lambda: self.text.move_page(1 - self.text.page),
            "detail.first": lambda: self.text.to_first(),
            "detail.last": lambda: self.text.to_last(),
            "detail.next-section": lambda: self._section(1),
            "detail.previous-section": lambda: self._section(-1),
            "detail.select": lambda: self.text.select_lines(),
            "detail.select-down": lambda: self.text.stretch_by(1),
            "detail.select-up": lambda: self.text.stretch_by(-1),
        }

    def _move(self, move: Callable[[], None]) -> None:
        self.detail.once_shown(move)

    @property
    def detail(self) -> Detail:
        """The detail."""
        return self.main.detail

    @property
    def text(self) -> Viewer:
        """Its viewer."""
        return self.detail.text

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work on what is shown."""
        detail = self.detail
        if action_id == "detail.messages" and not detail.has_messages:
            return NO_MESSAGES
        if detail.messages.display and action_id in _IN_TEXT:
            return "Open a message first: enter does"
        if action_id == "detail.mode" and detail.tab not in WITH_BODY:
            return f"This tab has one view only; bodies have {len(MODES)}"
        if action_id == "detail.sort" and detail.tab not in WITH_BODY:
            return "There are no headers in this tab"
        if action_id in ("detail.left", "detail.right") and self.text.wrap:
            return WRAPPED
        if action_id == "detail.fold" and not self._foldable() and detail.current_window is None:
            return "There is nothing to fold on this line"
        if action_id == "detail.fold-all" and detail.document is None:
            return "There is nothing to fold in this tab"
        if action_id == "detail.force" and detail.tab not in WITH_BODY:
            return "There is no body in this tab"
        if action_id in ("detail.next-match", "detail.previous-match", "search.next", "search.previous"):
            return detail.searching.reason_against()
        return ""

    def _tab(self, number: int) -> Deed:
        return lambda: self.detail.show_tab(number)

    def _turn(self, by: int) -> None:
        self.detail.show_tab((self.detail.tab + by) % self.detail.tab_count)

    def _section(self, by: int) -> None:
        lines, at = self.text.lines, self.text.cursor + by
        while 0 <= at < len(lines):
            part, _ = lines.place_of(at)
            if not isinstance(lines.parts[part], list):
                at = lines.start_of(part + 1) if by > 0 else lines.start_of(part) - 1
                continue
            line = lines[at]
            if line is not None and line.spans[:1] and line.spans[0][1] == "heading":
                break
            at += by
        self.text.set_cursor(at, centre=True)

    def _sort(self) -> None:
        choices = self.detail.pages.choices
        choices.sorted_fields = not choices.sorted_fields
        self.detail.refresh_page()

    def _secrets(self) -> None:
        choices = self.detail.pages.choices
        choices.secrets = not choices.secrets
        self.detail.refresh_page()
        flows = self.main.list
        flows.secrets = choices.secrets
        flows.refresh()

    def _foldable(self) -> str:
        line = self.detail.current_line
        return line.subject.fold if line is not None and line.subject is not None else ""

    async def _fold(self) -> None:
        fold, window = self._foldable(), self.detail.current_window
        if fold:
            self.detail.pages.choices.turn(fold)
            self.detail.refresh_page()
        elif window is not None:
            line = window[0].folding.line_of(window[1])
            reason = await window[0].fold_around(line)
            if reason:
                self.app.notify(reason, severity="warning", markup=False, timeout=3)
            self.detail.fold_changed(window[0], line)

    async def _fold_all(self) -> None:
        window, at = self.detail.document, self.detail.current_window
        if window is not None:
            line = window.folding.line_of(at[1]) if at is not None else 0
            await window.fold_all()
            self.detail.fold_changed(window, line)

    def _force(self) -> None:
        bodies = self.detail.pages.bodies
        bodies.force = not bodies.force
        self.detail.refresh_page()
