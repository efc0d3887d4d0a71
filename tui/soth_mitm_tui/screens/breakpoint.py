"""One breakpoint: its expression, judged as it is typed, and the stages at which it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import msgspec
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from soth_mitm.policy.breakpoints import Breakpoint, Stage
from soth_mitm.policy.breakpoints.breakpoint import fault_of
from soth_mitm.policy.filters import compile_filter, explain
from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.debugging import STAGES
from soth_mitm_tui.widgets.menu import Entry, Menu
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import ComposeResult

    from soth_mitm_tui.app import SothApp

_ONCE: Final = "once"


class BreakpointScreen(ModalScreen[None]):
    """Lets a person make or change a breakpoint, and hands it to `take`; closes once that does not raise."""

    PANE: ClassVar[str] = "breakpoint"
    BINDINGS = bindings("breakpoint")
    AUTO_FOCUS = "#breakpoint-expression"
    app: SothApp

    def __init__(self, title: str, made: Breakpoint, take: Callable[[Breakpoint], Awaitable[object]]) -> None:
        super().__init__()
        self._title, self._made, self._take = title, made, take
        self._stages = set(made.stages)
        self._once = made.once
        self.expression = Input(
            made.expression,
            placeholder="what to stop, such as method:POST host:api.  (empty: everything)",
            select_on_focus=False,
            compact=True,
            id="breakpoint-expression",
        )
        self.named = Input(
            made.name, placeholder="a name of its own, if you like", select_on_focus=False, compact=True
        )
        self._verdict = Label("", markup=False)
        self.ticks = Menu(self._entries())
        self.ticks.beside_fields = True

    def compose(self) -> ComposeResult:
        """Lay out the fields, the place for what is wrong, and the stages."""
        with Vertical(id="breakpoint"):
            title = PaneTitle(self._title)
            note = (("tab", "accent"), (" next  ", "muted"), ("space", "accent"), (" tick  ", "muted"))
            title.set(
                note=(*note, ("^s", "accent"), (" keep  ", "muted"), ("esc", "accent"), (" back", "muted"))
            )
            title.set_bright(True)
            yield title
            yield self.expression
            yield self._verdict
            yield self.named
            yield self.ticks

    def on_mount(self) -> None:
        """Judge what is there already."""
        self.ticks.styles.height = len(STAGES) + 1
        self._judge()

    def _entries(self) -> list[Entry]:
        def tick(on: bool) -> str:
            return "✓" if on else "·"

        stages = [
            Entry(stage, tick(stage in self._stages), words, what) for stage, (words, what) in STAGES.items()
        ]
        return [*stages, Entry(_ONCE, tick(self._once), "only once", "the first hit switches it off")]

    def on_input_changed(self) -> None:
        """Judge the expression as it is typed."""
        self._judge()

    def _judge(self) -> None:
        if self._fault:
            self._say(self._fault, wrong=True)
            return
        text = self.expression.value.strip()
        what = f"where {explain(text)}" if compile_filter(text) else "every message"
        self._say(f"Stops {what}, at the stages below")

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._verdict.update(printable(text, 300))
        self._verdict.set_class(wrong, "-wrong")

    def on_input_submitted(self) -> None:
        """Enter keeps it, as ctrl+s does."""
        self.app.perform("breakpoint.keep")

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click ticks a line."""
        event.stop()
        self.action_switch()

    def action_switch(self) -> None:
        """Tick the line, or take its tick away."""
        entry = self.ticks.current
        if entry is None:
            return
        if entry.id == _ONCE:
            self._once = not self._once
        else:
            self._stages ^= {Stage(entry.id)}
        self.ticks.set_entries(self._entries())
        self._judge()

    def action_down(self) -> None:
        """Go to the next line."""
        if self.ticks.has_focus:
            self.ticks.go(self.ticks.cursor + 1)
        else:
            self.focus_next()

    def action_up(self) -> None:
        """Go to the line before."""
        if self.ticks.has_focus and self.ticks.cursor:
            self.ticks.go(self.ticks.cursor - 1)
        else:
            self.focus_previous()

    def takes(self, action_id: str) -> bool:
        """Whether a key is not text that is being typed."""
        return action_id not in ("breakpoint.switch",) or self.ticks.has_focus

    @property
    def _made_now(self) -> Breakpoint:
        return msgspec.structs.replace(
            self._made,
            expression=self.expression.value.strip(),
            name=self.named.value.strip(),
            stages=tuple(stage for stage in STAGES if stage in self._stages),
            once=self._once,
        )

    @property
    def _fault(self) -> str:
        fault = fault_of(self._made_now, "the stages below")
        return f"{fault[:1].upper()}{fault[1:]}"

    async def action_keep(self) -> None:
        """Hand the breakpoint over; what is wrong with it is said, and what was typed stays."""
        if self._fault:
            self._say(self._fault, wrong=True)
            return
        try:
            await self._take(self._made_now)
        except Exception as error:
            self._say(str(error), wrong=True)
        else:
            self.dismiss()

    def action_close(self) -> None:
        """Go back, and change nothing."""
        self.dismiss()
