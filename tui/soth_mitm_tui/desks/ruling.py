"""The rules: listed, made, changed, moved, switched, copied, and kept from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from soth_mitm.errors import SothError
from soth_mitm.policy.rules import Rule, RuleError, check
from soth_mitm.text import printable
from soth_mitm_tui.desks.desk import Desk
from soth_mitm_tui.desks.flows import NO_PROXY
from soth_mitm_tui.fromflow import PROPOSALS, Proposal, why_not
from soth_mitm_tui.rulebook import Item, Row, bare, moved, placed, read, rows_of, to_keep
from soth_mitm_tui.ruleforms import ACTIONS, TABLE, as_toml, summary, texts_of
from soth_mitm_tui.screens.picker import Choice, PickerScreen
from soth_mitm_tui.screens.rule import RuleScreen
from soth_mitm_tui.screens.rules import RulesScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from soth_mitm.record.rows import Row as FlowRow
    from soth_mitm_tui.app import SothApp
    from soth_mitm_tui.debugging import Debugger

_LETTERS = "abcdefghilmnoprst"
"""Of the actions: without those that move the cursor or close the list."""
_ON_ONE = ("rules.duplicate", "rules.folder")
_ON_ANY = (
    "rules.edit",
    "rules.switch",
    "rules.delete",
    "rules.copy",
    "rules.later",
    "rules.earlier",
    *_ON_ONE,
)
_OF_OURS = ("rules.switch", "rules.delete", "rules.later", "rules.earlier", "rules.folder")


class ActionPicker(PickerScreen):
    """The list of actions, with what each one does."""


class Ruling(Desk):
    """Acts on the rules."""

    def __init__(self, app: SothApp) -> None:
        super().__init__(app)
        self._broken: list[tuple[int, Item]] = []
        """What is kept and cannot work, with its place among the rules of the app."""
        self._deleted: list[tuple[int, list[Item]]] = []
        self._folded: set[str] = set()
        self._rows: list[Row] = []
        self._seen: object = None
        self.deeds = {
            "flow.rule": self._from_flow,
            "breakpoints.tab": self._show,
            "rules.tab": self._show_breakpoints,
            "rules.add": lambda: self.choose_action(self._add),
            "rules.edit": self._edit,
            "rules.switch": self._switch,
            "rules.folder": self._switch_folder,
            "rules.duplicate": self._duplicate,
            "rules.delete": self._delete,
            "rules.undo": self._put_back,
            "rules.later": lambda: self._move(1),
            "rules.earlier": lambda: self._move(-1),
            "rules.copy": self._copy,
            "rules.copy-all": self._copy_all,
            "rules.fold": self._fold,
        }

    # --- what there is

    @property
    def _debugger(self) -> Debugger | None:
        return self.app.control.debugger

    @property
    def items(self) -> list[Item]:
        """The rules: those of the settings' file, then the app's, with those that cannot work."""
        debugger = self._debugger
        if debugger is None:
            return []
        states = debugger.rules
        own = [Item(state.rule, state.hits) for state in states if not state.from_file]
        for at, item in self._broken:
            own.insert(min(at, len(own)), item)
        return [Item(state.rule, state.hits, from_file=True) for state in states if state.from_file] + own

    @property
    def rows(self) -> list[Row]:
        """The lines of the list."""
        debugger = self._debugger
        seen = (debugger and debugger.rules_revision, tuple(self._folded), tuple(self._broken))
        if seen != self._seen:
            self._seen, self._rows = seen, rows_of(self.items, self._folded)
        return self._rows

    @property
    def _screen(self) -> RulesScreen | None:
        return next((each for each in self.app.screen_stack if isinstance(each, RulesScreen)), None)

    @property
    def _row(self) -> Row | None:
        return self._screen.list.current if self._screen is not None else None

    @property
    def _flow(self) -> FlowRow | None:
        flow = self.main.current_flow
        return self.main.model.row_of(flow) if flow else None

    @property
    def _elsewhere(self) -> str:
        file = printable(self.app.settings.name, 40)
        return f"This stands in {file} and is changed there; C makes a rule of your own of it"

    def reason_against(self, action_id: str) -> str:
        """Say why an action does not work now."""
        if self._debugger is None:
            return NO_PROXY
        if action_id == "flow.rule":
            return "" if self._flow is not None else "No flow is selected"
        if action_id == "rules.undo":
            return "" if self._deleted else "No rule was deleted"
        if action_id == "rules.copy-all":
            return "" if any(not item.from_file for item in self.items) else "The app has no rule of its own"
        row = self._row
        if action_id in _ON_ANY and row is None:
            return "No rule is there"
        if row is not None and row.from_file and action_id in _OF_OURS:
            return self._elsewhere
        if row is not None and row.item is None and action_id == "rules.duplicate":
            return "This is a folder: choose one of its rules"
        if action_id in ("rules.folder", "rules.fold") and (row is None or not row.folder):
            return "This rule stands in no folder: enter gives it one"
        return ""

    # --- from run to run

    async def begin(self) -> None:
        """Set the rules that were kept; those that cannot work are kept, and said."""
        if self._debugger is None:
            return
        kept: list[Any] = self.app.state.get_as(TABLE, "list", list[Any], [])
        items = [read(each) for each in kept]
        if not items:
            return
        await self._take(items)
        if self._broken:
            count = "1 kept rule" if len(self._broken) == 1 else f"{len(self._broken)} kept rules"
            self.app.notify(
                f"{count} cannot work, and stays as it is: B, tab shows why", severity="warning", markup=False
            )

    async def _take(self, items: Sequence[Item]) -> None:
        """Put rules in force, in the place of all of the app's own; what cannot work is put aside."""
        debugger = self._debugger
        assert debugger is not None, "there is one, or the action would not have come this far"
        judged = [_judged(item) for item in items]
        await debugger.set_rules([item.rule for item in judged if item.rule is not None])
        self._broken = [(at, item) for at, item in enumerate(judged) if item.rule is None]
        self._seen = None

    async def _set(self, items: Sequence[Item]) -> None:
        own = [item for item in items if not item.from_file]
        await self._take(own)
        self.app.state.set(TABLE, "list", to_keep(own) or None)
        if self._screen is not None:
            self._screen.look()

    # --- the screen

    def _show(self) -> None:
        self.app.switch_screen(RulesScreen())

    def _show_breakpoints(self) -> None:
        from soth_mitm_tui.screens.breakpoints import BreakpointsScreen

        self.app.switch_screen(BreakpointsScreen())

    def _fold(self) -> None:
        row, screen = self._row, self._screen
        if row is None or screen is None:
            return
        self._folded ^= {row.folder}
        screen.look()
        for at, each in enumerate(screen.list.rows):
            if each.item is None and each.folder == row.folder and each.from_file == row.from_file:
                screen.list.go(at)
                break

    # --- making and changing

    def choose_action(self, take: Callable[[str], Awaitable[object]], current: str = "") -> None:
        """Let a person choose what a rule does."""
        width = max(len(name) for name in ACTIONS)
        choices = [
            Choice(name, letter, f"{name:<{width}}  {summary(name, short=self.app.size.width < 112)}")
            for name, letter in zip(ACTIONS, _LETTERS, strict=False)
        ]
        self.app.push_screen(ActionPicker("What the rule does", choices, take, current=current))

    async def _add(self, kind: str, texts: Mapping[str, str] | None = None) -> None:
        row = self._row
        folder = row.folder if row is not None and not row.from_file else ""
        self.ask("New rule", kind, texts or {"folder": folder}, self._keep_new)

    def ask(
        self,
        title: str,
        kind: str,
        texts: Mapping[str, str],
        take: Callable[[Rule], Awaitable[object]],
        *,
        base: Rule | None = None,
    ) -> None:
        """Show the form of a rule."""
        self.app.push_screen(RuleScreen(title, kind, texts, take, base=base))

    async def _keep_new(self, rule: Rule) -> None:
        check(rule)
        await self._set(placed(self.items, Item(msgspec.structs.replace(rule, id=0))))
        self._go_to_last(rule)
        self.app.notify("The rule is in force: B, tab lists them all", markup=False, timeout=3)

    def _go_to_last(self, rule: Rule) -> None:
        screen = self._screen
        if screen is None:
            return
        found = [
            at for at, row in enumerate(screen.list.rows) if row.item and row.item.rule and
            row.item.rule.action == rule.action and not row.from_file
        ]  # fmt: skip
        if found:
            screen.list.go(found[-1])
            screen.look()

    def _edit(self) -> None:
        row = self._row
        if row is None:
            return
        if row.item is None:
            self._fold()
            return
        if row.from_file:
            self.app.notify(self._elsewhere, severity="warning", markup=False, timeout=4)
            return
        table, at, before = row.item.table, row.at, row.item
        kind = str(table.get("do"))
        if kind not in ACTIONS:
            self.app.notify(
                printable(f"{before.fault}: change it in state.toml, or delete it with d", 300),
                severity="warning", markup=False,
            )  # fmt: skip
            return

        async def take(rule: Rule) -> None:
            check(rule)
            items = self.items
            same = next(
                (
                    n for n, each in enumerate(items)
                    if each.rule is not None and before.rule is not None and each.rule.id == before.rule.id
                ),
                at,
            )  # fmt: skip
            rest = [*items[:same], *items[same + 1 :]]
            await self._set(placed(rest, Item(rule), same))

        self.ask("Rule", kind, texts_of(table), take, base=before.rule)

    def _duplicate(self) -> None:
        row = self._row
        if row is None or row.item is None:
            return
        table = dict(row.item.table)
        kind = str(table.get("do"))
        if kind not in ACTIONS:
            self.app.notify("What it does is not known: it cannot be duplicated", markup=False)
            return
        if table.get("name"):
            table["name"] = f"{table['name']} copy"
        self.ask("New rule", kind, texts_of(table), self._keep_new)

    # --- in the list

    def _span(self, row: Row) -> range:
        """Return the rules that a line stands for."""
        return range(row.at, row.at + (row.size if row.item is None else 1))

    async def _switch(self) -> None:
        row = self._row
        if row is not None:
            await self._switch_all(self._span(row))

    async def _switch_folder(self) -> None:
        row = self._row
        head = next(
            (
                each for each in rows_of(self.items) if each.item is None and row is not None
                and each.folder == row.folder and each.from_file == row.from_file
                and each.at <= row.at < each.at + each.size
            ),
            None,
        )  # fmt: skip
        if head is not None:
            await self._switch_all(self._span(head))

    async def _switch_all(self, which: range) -> None:
        items = self.items
        rules = [items[at].rule for at in which]
        on = not any(rule.enabled for rule in rules if rule is not None)
        for at, rule in zip(which, rules, strict=True):
            if rule is not None:
                items[at] = items[at]._replace(rule=msgspec.structs.replace(rule, enabled=on))
        await self._set(items)

    async def _delete(self) -> None:
        row = self._row
        if row is None:
            return
        items, which = self.items, self._span(row)
        gone = [items[at] for at in which]
        before = sum(item.from_file for item in items)
        await self._set([item for at, item in enumerate(items) if at not in which])
        self._deleted.append((which.start - before, gone))
        what = f"Rule {printable(gone[0].title, 60)}" if row.item is not None else f"{len(gone)} rules"
        self.app.notify(f"{what} deleted · u puts back", markup=False)

    async def _put_back(self) -> None:
        at, gone = self._deleted[-1]
        items = self.items
        at += sum(item.from_file for item in items)
        await self._set([*items[:at], *gone, *items[at:]])
        self._deleted.pop()

    async def _move(self, step: int) -> None:
        row, screen = self._row, self._screen
        if row is None or screen is None:
            return
        order = moved(self.items, row.at, step, whole=row.item is None)
        if order is None:
            self.app.notify(
                "It cannot go further; a folder moves as a whole, on its own line", markup=False, timeout=3
            )
            return
        target = row.item if row.item is not None else self.items[row.at]
        await self._set(order)
        for at, each in enumerate(screen.list.rows):
            same = (
                each.item == target
                if row.item is not None
                else each.item is None and each.folder == row.folder
            )
            if same and each.from_file == row.from_file:
                screen.list.go(at)
                break
        screen.look()

    async def _copy(self) -> None:
        row = self._row
        if row is not None:
            await self._put([self.items[at] for at in self._span(row)])

    async def _copy_all(self) -> None:
        await self._put([item for item in self.items if not item.from_file])

    async def _put(self, items: Sequence[Item]) -> None:
        what = "rule as TOML" if len(items) == 1 else f"{len(items)} rules as TOML"
        await self.app.copying.put(what, as_toml([item.table for item in items]))

    # --- from a flow

    async def _from_flow(self) -> None:
        row = self._flow
        view = await self.app.store.view(row.flow) if row is not None else None
        if row is None or view is None:
            return
        reasons = {each.id: why_not(each.id, view) for each in PROPOSALS}

        async def chosen(name: str) -> None:
            if reasons[name]:
                self.app.notify(reasons[name], severity="warning", markup=False, timeout=3)
                return
            proposal = next(each for each in PROPOSALS if each.id == name)
            await self._propose(proposal, row, row.flow)

        choices = [
            Choice(each.id, each.letter, each.label, "✕" if reasons[each.id] else " ", "muted")
            for each in PROPOSALS
        ]
        self.app.push_screen(PickerScreen("Rule from this flow", choices, chosen))

    async def _propose(self, proposal: Proposal, row: FlowRow, flow: int) -> None:
        try:
            made = await proposal.make(self.app.store, flow, row, self.app.config.directory / "rule-files")
        except (SothError, OSError) as error:
            self.app.notify(
                printable(f"No rule is made of it: {error}", 300), severity="warning", markup=False
            )
            return
        if made.saved is not None:
            self.app.notify(f"Its body is saved in {printable(str(made.saved))}", markup=False, timeout=6)
        self.ask("Rule from this flow", proposal.action, made.texts, self._keep_new)


def _judged(item: Item) -> Item:
    """Return a rule, put aside where it cannot work (any more)."""
    if item.rule is None:
        return read(item.kept)._replace(kept=item.kept)
    try:
        check(item.rule)
    except RuleError as error:
        return Item(None, kept=item.table, fault=bare(error))
    return item
