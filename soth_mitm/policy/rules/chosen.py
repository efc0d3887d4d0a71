"""All rules of a run: those of the settings first, then those that the app has made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from soth_mitm.policy.rules.rule import Rule, check


class RuleState(NamedTuple):
    """A rule, and how often it was applied."""

    rule: Rule
    hits: int
    from_file: bool
    """It stands in the settings' file, and is changed there."""


class RuleSet:
    """Keeps the rules and counts what they do."""

    def __init__(self) -> None:
        self._from_file: tuple[Rule, ...] = ()
        self._own: tuple[Rule, ...] = ()
        self._hits: dict[int, int] = {}
        self._highest = 0
        self.revision = 0
        """Rises with each change, hits among them."""

    @property
    def states(self) -> tuple[RuleState, ...]:
        """The rules in the order in which they are asked."""
        return tuple(
            RuleState(rule, self._hits.get(rule.id, 0), from_file)
            for rules, from_file in ((self._from_file, True), (self._own, False))
            for rule in rules
        )

    @property
    def enabled(self) -> tuple[Rule, ...]:
        """Those that are in force, in their order."""
        return tuple(rule for rule in (*self._from_file, *self._own) if rule.enabled)

    def replace(self, rules: Sequence[Rule], *, from_file: bool = False) -> None:
        """Replace one of the two lists. Rules without an id get one; hits stay with the id.

        Raises:
            RuleError: one of them cannot work; nothing has changed.
        """
        for rule in rules:
            check(rule)
        if from_file:
            self._from_file = self._numbered(rules, taken={rule.id for rule in self._own})
        else:
            self._own = self._numbered(rules, taken={rule.id for rule in self._from_file})
        there = {rule.id for rule in (*self._from_file, *self._own)}
        self._hits = {number: hits for number, hits in self._hits.items() if number in there}
        self.revision += 1

    def _numbered(self, rules: Iterable[Rule], *, taken: set[int]) -> tuple[Rule, ...]:
        numbered: list[Rule] = []
        for rule in rules:
            if rule.id <= 0 or rule.id in taken:
                self._highest += 1
                rule = msgspec.structs.replace(rule, id=self._highest)
            self._highest = max(self._highest, rule.id)
            taken.add(rule.id)
            numbered.append(rule)
        return tuple(numbered)

    def hit(self, rule: Rule) -> None:
        """Count that a rule was applied."""
        self.revision += 1
        self._hits[rule.id] = self._hits.get(rule.id, 0) + 1
