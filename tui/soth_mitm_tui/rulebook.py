"""The rules as the app lists them: by folder, with those that cannot work beside the others; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from soth_mitm.policy.rules import Rule, RuleError, check, described, from_table, name_of
from soth_mitm_tui.ruleforms import table_of


class Item(NamedTuple):
    """A rule of the list."""

    rule: Rule | None
    """None where what is kept is no rule that can work."""
    hits: int = 0
    from_file: bool = False
    kept: object = None
    """What stands in the state where it is no rule: it is kept as it is."""
    fault: str = ""

    @property
    def table(self) -> Mapping[str, Any]:
        """The rule as a table."""
        if self.rule is not None:
            return table_of(self.rule)
        return self.kept if isinstance(self.kept, dict) else {}

    @property
    def folder(self) -> str:
        """The folder that it stands in; empty for none."""
        return self.rule.folder if self.rule is not None else str(self.table.get("folder", ""))

    @property
    def title(self) -> str:
        """Its name, or what it does."""
        if self.rule is not None:
            return self.rule.title
        return str(self.table.get("name") or self.table.get("do") or "no rule")

    @property
    def does(self) -> str:
        """What it does, in words."""
        if self.rule is None:
            return self.fault
        action = self.rule.action
        return f"{name_of(action)} {described(action)}".strip()


class Row(NamedTuple):
    """A line of the list: a rule, or a folder over its rules."""

    item: Item | None
    at: int
    """Which rule it is; of a folder, its first one."""
    folder: str = ""
    from_file: bool = False
    size: int = 0
    on: int = 0
    """How many rules of the folder there are, and how many are on."""
    folded: bool = False


def read(kept: object) -> Item:
    """Return a rule as it was kept, or why it cannot work."""
    if not isinstance(kept, dict):
        return Item(None, kept=kept, fault="this is no table of a rule")
    try:
        rule = from_table(kept, "this rule")
        check(rule)
    except RuleError as error:
        return Item(None, kept=kept, fault=bare(error))
    return Item(rule)


def bare(error: RuleError) -> str:
    """Return what is wrong with a rule that is named already."""
    text = str(error)
    return re.sub(r"^(this rule|the rule ('[^']*'|\"[^\"]*\")): ", "", text)


def to_keep(items: Sequence[Item]) -> list[object]:
    """Return what is kept of rules that are not of the settings' file."""
    return [
        table_of(item.rule) if item.rule is not None else item.kept for item in items if not item.from_file
    ]


def rows_of(items: Sequence[Item], folded: frozenset[str] | set[str] = frozenset()) -> list[Row]:
    """Return the lines: rules that follow each other in one folder stand below its name."""
    rows: list[Row] = []
    for start, end in blocks(items):
        item = items[start]
        if not item.folder:
            rows.append(Row(item, start, from_file=item.from_file))
            continue
        part = items[start:end]
        on = sum(each.rule is not None and each.rule.enabled for each in part)
        shut = item.folder in folded
        rows.append(Row(None, start, item.folder, item.from_file, len(part), on, shut))
        if not shut:
            rows += [
                Row(each, start + at, item.folder, item.from_file, folded=False)
                for at, each in enumerate(part)
            ]
    return rows


def blocks(items: Sequence[Item]) -> list[tuple[int, int]]:
    """Return the runs of rules that move as one: those of a folder, and each one without a folder."""
    found: list[tuple[int, int]] = []
    for at, item in enumerate(items):
        if found and item.folder:
            before = items[at - 1]
            if before.folder == item.folder and before.from_file == item.from_file:
                found[-1] = (found[-1][0], at + 1)
                continue
        found.append((at, at + 1))
    return found


def placed(items: Sequence[Item], item: Item, at: int | None = None) -> list[Item]:
    """Return the rules with one more, at a place or at the end; those of its folder stay together."""
    order = list(items)
    at = len(order) if at is None else min(at, len(order))
    around = order[max(0, at - 1) : at + 1]
    if item.folder and not any(not each.from_file and each.folder == item.folder for each in around):
        mates = [n for n, each in enumerate(order) if not each.from_file and each.folder == item.folder]
        at = mates[-1] + 1 if mates else at
    order.insert(at, item)
    return order


def moved(items: Sequence[Item], at: int, step: int, *, whole: bool) -> list[Item] | None:
    """Return the rules with one, or its `whole` folder, a place on; None where it cannot go there."""
    order = list(items)
    spans = blocks(order)
    number = next(n for n, (start, end) in enumerate(spans) if start <= at < end)
    start, end = spans[number]
    if not whole and end - start > 1:
        to = at + step
        if not start <= to < end:
            return None
        order.insert(to, order.pop(at))
        return order
    if not 0 <= number + step < len(spans):
        return None
    other = spans[number + step]
    if order[other[0]].from_file or order[start].from_file:
        return None
    first, second = sorted(((start, end), other))
    return [
        *order[: first[0]],
        *order[second[0] : second[1]],
        *order[first[0] : first[1]],
        *order[second[1] :],
    ]
