"""Expressions that are asked of every message: what a site and a method decide is decided once.

Most rules and breakpoints name a host, a method, or a status that no request has. What of them is left
to ask of the next message to the same site is usually nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from soth_mitm.policy.filters.deep import Scope, SideOf
from soth_mitm.policy.filters.matching import Leaf, Test, Tree, function_of, narrowed, tree_of
from soth_mitm.policy.subject import UNCHANGING

if TYPE_CHECKING:
    from collections.abc import Callable

    from soth_mitm.policy.filters import Filter
    from soth_mitm.policy.filters.nodes import Deep
    from soth_mitm.policy.subject import Subject

_OF_RESPONSES: Final = UNCHANGING | {"scheme", "host", "port", "sni", "method"}
_OF_REQUESTS: Final = _OF_RESPONSES | {"status", "state"}


class Question:
    """An expression, and what of it has to be asked of a message at hand."""

    def __init__(self, wanted: Filter, *, undecided: bool = True) -> None:
        """Ask for what `wanted` says; `undecided` is the answer where a body that is not known decides."""
        self.wanted = wanted
        self._undecided = undecided
        self._tree = tree_of(wanted.node, _necessary)
        self.asks: Callable[[Subject], bool] = self._function(self._tree)
        """Whether a message is meant."""

    def of(self, subject: Subject, *, response: bool) -> Callable[[Subject], bool] | None:
        """Return what is to be asked of each request, or response, of one site and method.

        `subject` is one of them. None: no such message is meant, whatever else it holds.
        """
        left = narrowed(self._tree, _OF_RESPONSES if response else _OF_REQUESTS, subject)
        return None if left is False else self._function(left)

    def _function(self, tree: Tree) -> Callable[[Subject], bool]:
        may_be, wanted = function_of(tree), self.wanted
        if not wanted.deep:
            return may_be
        undecided = self._undecided

        def asks(subject: Subject) -> bool:
            if not may_be(subject):
                return False
            judged = subject.judge(wanted)
            return undecided if judged is None else judged

        return asks


def _necessary(node: Deep, positive: bool) -> Tree:
    """Return what has to be so for a term about heads or bodies to hold: cheap, and false for most."""
    term = node.term
    needle = term.needle
    if not positive or term.scope is not Scope.HEADER or b"\n" in needle:
        return positive
    if term.side is SideOf.RESPONSE:
        holds = lambda subject: needle in subject.response_lower  # noqa: E731
    elif term.side is SideOf.REQUEST:
        holds = lambda subject: needle in subject.lower  # noqa: E731
    else:
        holds = lambda subject: needle in subject.lower or needle in subject.response_lower  # noqa: E731
    return Leaf(frozenset(("heads",)), cast("Test", holds))
