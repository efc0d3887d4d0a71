"""The rules: what they do to which messages, how often they did, and which of them are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from soth_mitm.policy.filters import FilterError, explain
from soth_mitm.text import printable
from soth_mitm_tui.actions import bindings
from soth_mitm_tui.columns import fit
from soth_mitm_tui.widgets.line_scroll import Toned
from soth_mitm_tui.widgets.pane_title import PaneTitle
from soth_mitm_tui.widgets.rule_list import RuleList, widths
from soth_mitm_tui.widgets.tabs import Tabs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.strip import Strip

    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.lines import Span
    from soth_mitm_tui.rulebook import Item, Row

TABS: Final = ("Breakpoints", "Rules")
_KEYS: Final = (
    ("space", " on, off  "), ("n", " new  "), ("enter", " change  "), ("d", " delete  "), ("J K", " move  "),
    ("y", " copy  "), ("?", " all"),
)  # fmt: skip


class RuleHeads(Toned):
    """The names of the columns."""

    def draw_line(self, y: int) -> Strip:
        """Draw the one line."""
        name, when, does = widths(self.size.width - 3)
        cells = (("rule", name), ("for", when), ("does", does))
        spans: list[Span] = [("    ", "text")]
        for text, width in cells:
            spans += [*fit(((text, "muted"),), width), ("  ", "text")]
        spans = [*spans[:-1], (f"{'hits':>8}", "muted")]
        return self.strip_of(spans, self.size.width, self.base_style)


class RulesScreen(ModalScreen[None]):
    """Lists the rules in the order in which they are asked."""

    PANE: ClassVar[str] = "rules"
    BINDINGS = bindings("rules")
    AUTO_FOCUS = "RuleList"
    app: SothApp

    def __init__(self) -> None:
        super().__init__()
        self.list = RuleList()
        self._about = Label("", markup=False, id="rules-about")
        self._seen: object = None

    def compose(self) -> ComposeResult:
        """Lay out the tabs, the rules, and more of the one under the cursor."""
        with Vertical(id="rules", classes="menu-box"):
            tabs = Tabs(TABS)
            tabs.choose(1)
            tabs.set_note(
                (("tab", "accent"), (" breakpoints  ", "muted"), ("esc", "accent"), (" back", "muted"))
            )
            yield tabs
            yield RuleHeads()
            yield self.list
            yield self._about
            keys = PaneTitle("")
            keys.set((), tuple(span for key, words in _KEYS for span in ((key, "accent"), (words, "muted"))))
            yield keys

    def on_mount(self) -> None:
        """Show them, and their hits as they rise."""
        self.list.settings = printable(self.app.settings.name, 24)
        self.look()
        self.set_interval(0.25, self.look)

    def look(self) -> None:
        """Show what is there now."""
        self.show_rows(self.app.ruling.rows)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show rules with their hits."""
        self.list.styles.height = max(1, min(len(rows), 24))
        self.list.set_rows(rows)
        seen = (self.list.current, self.list.cursor)
        if seen != self._seen:
            self._seen = seen
            text, wrong = about(self.list.current, str(self.app.settings))
            self._about.update(text)
            self._about.set_class(wrong, "-wrong")

    def on_rule_list_chosen(self, event: RuleList.Chosen) -> None:
        """A click on the line of the cursor switches it."""
        event.stop()
        self.app.perform("rules.switch")

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """A click on the other tab shows it."""
        event.stop()
        if event.number == 0:
            self.app.perform("rules.tab")

    def action_down(self) -> None:
        """Go to the next line."""
        self.list.go(self.list.cursor + 1)
        self.look()

    def action_up(self) -> None:
        """Go to the line before."""
        self.list.go(self.list.cursor - 1)
        self.look()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()


def about(row: Row | None, settings: str) -> tuple[str, bool]:
    """Say more of a line, and whether that is a fault."""
    if row is None:
        return "", False
    change = (
        f"It stands in {settings}: change it there, and SIGUSR1 has it read again; C copies it to the app"
    )
    if row.item is None:
        if row.from_file:
            return change.replace("It stands", "They stand").replace("it there", "them there"), False
        return "Rules of a folder stand together: space switches all of them, J and K move them", False
    item: Item = row.item
    if item.rule is None:
        return f"Kept, and left out: {printable(item.fault, 300)}", True
    try:
        told = explain(item.rule.expression) if item.rule.expression else ""
    except FilterError as error:
        return printable(str(error), 300), True
    said = f"{printable(item.does, 200)} · {'where ' + told if told else 'every message'}"
    return f"{printable(said, 400)}\n{printable(change)}" if item.from_file else printable(said, 400), False
