"""A compiled expression: call it with a row, or have a page of rows answered by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from soth_mitm.policy.filters.matching import Searchable, Test, Tree, function_of, tree_of
from soth_mitm.policy.filters.nodes import All, Any, Deep, Node, Not
from soth_mitm.policy.filters.parser import parse
from soth_mitm.policy.filters.tilde import is_tilde, parse_tilde

if TYPE_CHECKING:
    from soth_mitm.policy.filters.deep import DeepTerm

KEPT_TESTS: Final = 64
"""Combinations of answers whose test is kept."""


class Filter:
    """Says whether a row is wanted. Immutable; two of one text are alike.

    A call decides by the row alone: where `deep` terms are asked, it says whether the row may be
    wanted. `judge` tells the three cases apart, and `judge_deep` decides once those are answered.
    """

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self.node = node
        self._numbers: dict[DeepTerm, int] = {}
        _number_deep(node, self._numbers)
        self.deep: tuple[DeepTerm, ...] = tuple(self._numbers)
        """What heads and bodies are asked; empty where rows alone decide."""
        self.tree: Tree = tree_of(node, lambda _, positive: positive)
        """What may be wanted, for whoever keeps rows in columns."""
        self.certain_tree: Tree = tree_of(node, lambda _, positive: not positive)
        """What is wanted whatever the deep terms say."""
        self._tests: dict[tuple[tuple[bool | None, ...], bool], Test] = {}
        self.alone: DeepTerm | None = node.term if isinstance(node, Deep) else None
        """The term that is all of it, where that is a deep one."""
        self.test: Test = function_of(self.tree)
        """What a call does, without the call."""
        self._certain: Test = function_of(self.certain_tree)

    def __call__(self, row: Searchable) -> bool:
        """Say whether a row is wanted, or may be."""
        return self.test(row)

    def __bool__(self) -> bool:
        """Whether there is any term."""
        return self.node != All()

    def __repr__(self) -> str:
        """Return the expression."""
        return f"Filter({self.text!r})"

    def judge(self, row: Searchable) -> bool | None:
        """Say whether a row is wanted; None where that depends on the deep terms."""
        if not self.test(row):
            return False
        return True if not self.deep or self._certain(row) else None

    def judge_deep(self, row: Searchable, answers: Sequence[bool]) -> bool:
        """Say whether a row is wanted, given the answer to each of the `deep` terms."""
        return self._given(row, answers, unknown=False)

    def judge_so_far(self, row: Searchable, answers: Sequence[bool | None]) -> bool | None:
        """Say whether a row is wanted, where some answers may be unknown yet; None where those decide."""
        if not self._given(row, answers, unknown=True):
            return False
        return True if self._given(row, answers, unknown=False) else None

    def _given(self, row: Searchable, answers: Sequence[bool | None], *, unknown: bool) -> bool:
        """Judge with answers; one that is unknown counts for the whole, or against it."""
        given = tuple(answers), unknown
        test = self._tests.get(given)
        if test is None:

            def deep(node: Deep, positive: bool) -> bool:
                answer = answers[self._numbers[node.term]]
                return positive == unknown if answer is None else answer

            test = function_of(tree_of(self.node, deep))
            if len(self._tests) < KEPT_TESTS:
                self._tests[given] = test
        return test(row)


def compile_filter(text: str) -> Filter:
    """Compile an expression; without terms it wants every row.

    Raises:
        FilterError: it cannot be understood; the error says where and what to do.
    """
    return Filter(text, node_of(text))


def node_of(text: str) -> Node:
    """Return what an expression means, in whichever of the two languages it is written.

    Raises:
        FilterError: it cannot be understood.
    """
    return parse_tilde(text) if is_tilde(text) else parse(text)


def _number_deep(node: Node, numbers: dict[DeepTerm, int]) -> None:
    match node:
        case All(parts) | Any(parts):
            for part in parts:
                _number_deep(part, numbers)
        case Not(part):
            _number_deep(part, numbers)
        case Deep(term):
            numbers.setdefault(term, len(numbers))
        case _:
            return
