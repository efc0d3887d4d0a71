"""The dialog that sends requests again: where to, how often, how many at once, for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.plans import FIELDS, Judged, judge
from soth_mitm_tui.widgets.menu import Entry, Menu
from soth_mitm_tui.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.app import ComposeResult

    from soth_mitm.config import Limits
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.plans import Plan

NAMES: Final = {
    "to": "to", "times": "times", "concurrency": "at once", "timeout": "timeout", "ignore": "may differ",
}  # fmt: skip
_KEEP, _GAPS = "keep-host", "gaps"
_NUMBERS: Final = ("times", "concurrency")
"""Fields in which what is typed at first takes the place of what stands there."""


class ReplayScreen(ModalScreen[None]):
    """Asks how requests are to be sent again, judges it as it is typed, and hands the plan to `take`."""

    PANE: ClassVar[str] = "several"
    BINDINGS = bindings("several")
    AUTO_FOCUS = "#several-times"
    app: SothApp

    def __init__(
        self,
        title: str,
        take: Callable[[Plan, dict[str, str]], object],
        *,
        own: str,
        texts: Mapping[str, str],
        limits: Limits,
        websocket: bool,
        keep_host: bool = False,
    ) -> None:
        """Ask; `own` is the server of the request, `texts` is what stands in the fields at first."""
        super().__init__()
        self._title, self._take, self._own, self._limits = title, take, own, limits
        self._keep_host, self._gaps, self._websocket = keep_host, False, websocket
        hints = self._hints()
        self.fields = {
            name: Input(
                texts.get(name, ""),
                placeholder=hints[name][0],
                select_on_focus=name in _NUMBERS,
                compact=True,
                id=f"several-{name}",
            )
            for name in FIELDS
        }
        self._notes = {name: Label(hints[name][1], markup=False, classes="note") for name in FIELDS}
        self.ticks = Menu(self._entries())
        self.ticks.beside_fields = True
        self._verdict = Label("", id="several-verdict", markup=False)

    def _hints(self) -> dict[str, tuple[str, str]]:
        limits = self._limits
        return {
            "to": (self._own, "another server: https://staging.test"),
            "times": ("1", f"1 to {limits.replay_times:,}"),
            "concurrency": ("1", f"1 to {limits.replay_concurrency:,}"),
            "timeout": (f"{limits.replay_timeout:g}", "seconds in which nothing moves"),
            "ignore": ("dates, request ids", "json:$.id  field:NAME  like:REGEX"),
        }

    def compose(self) -> ComposeResult:
        """Lay out the fields with their notes, the ticks, and what will happen."""
        with Vertical(id="several", classes="menu-box"):
            title = PaneTitle(self._title)
            keys = (("tab", " next  "), ("space", " tick  "), ("enter", " send  "), ("esc", " back"))
            title.set(note=tuple(span for key, words in keys for span in ((key, "accent"), (words, "muted"))))
            title.set_bright(True)
            yield title
            for name in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(NAMES[name], markup=False, classes="name")
                    yield self.fields[name]
                    yield self._notes[name]
            yield self.ticks
            yield self._verdict

    def on_mount(self) -> None:
        """Judge what is there already."""
        self.ticks.styles.height = len(self.ticks.entries)
        self._judge()

    def _entries(self) -> list[Entry]:
        def tick(on: bool) -> str:
            return "✓" if on else "·"

        entries = [
            Entry(_KEEP, tick(self._keep_host), "keep the Host field", "although it goes to another server")
        ]
        if self._websocket:
            entries.append(Entry(_GAPS, tick(self._gaps), "keep the gaps", "between the client's messages"))
        return entries

    @property
    def texts(self) -> dict[str, str]:
        """What is typed, by field."""
        return {name: field.value for name, field in self.fields.items()}

    @property
    def judged(self) -> Judged:
        """What is typed, as a plan."""
        return judge(self.texts, keep_host=self._keep_host, gaps=self._gaps, limits=self._limits)

    def on_input_changed(self) -> None:
        """Judge what is typed."""
        self._judge()

    def _judge(self) -> None:
        plan, faults = self.judged
        for name, note in self._notes.items():
            wrong = name in faults
            note.update("✕ not understood" if wrong else self._hints()[name][1])
            note.set_class(wrong, "-wrong")
        if faults:
            name = next(iter(faults))
            self._say(f"{NAMES[name]}: {faults[name]}", wrong=True)
        else:
            self._say(_sentence(plan, self._own))

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._verdict.update(printable(text, 400))
        self._verdict.set_class(wrong, "-wrong")

    def on_input_submitted(self) -> None:
        """Enter sends."""
        self.app.perform("several.send")

    def on_menu_chosen(self, event: Menu.Chosen) -> None:
        """A click ticks a line."""
        event.stop()
        self.action_switch()

    def takes(self, action_id: str) -> bool:
        """Whether a key is not text that is being typed."""
        return action_id != "several.switch" or self.ticks.has_focus

    def action_switch(self) -> None:
        """Tick the line, or take its tick away."""
        entry = self.ticks.current
        if entry is not None and entry.id == _KEEP:
            self._keep_host = not self._keep_host
        else:
            self._gaps = not self._gaps
        self.ticks.set_entries(self._entries())

    def action_down(self) -> None:
        """Go to the next field, or line."""
        if self.ticks.has_focus and self.ticks.cursor + 1 < len(self.ticks.entries):
            self.ticks.go(self.ticks.cursor + 1)
        else:
            self.focus_next()

    def action_up(self) -> None:
        """Go to the field, or line, before."""
        if self.ticks.has_focus and self.ticks.cursor:
            self.ticks.go(self.ticks.cursor - 1)
        else:
            self.focus_previous()

    def action_send(self) -> None:
        """Send; what is wrong stays to be mended."""
        plan, faults = self.judged
        if faults:
            name = next(iter(faults))
            self.fields[name].focus()
            return
        texts = self.texts
        self.dismiss()
        self._take(plan, texts)

    def action_close(self) -> None:
        """Go back, and send nothing."""
        self.dismiss()


def _sentence(plan: Plan, own: str) -> str:
    times = "once" if plan.times == 1 else f"{plan.times:,} times"
    together = min(plan.concurrency, plan.times)
    pace = "" if plan.times == 1 else ", one after the other" if together == 1 else f", {together:,} at once"
    return f"Sends it {times}{pace}, to {plan.to or own}; each time is a row of its own"
