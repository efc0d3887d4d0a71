"""Which flows of a stream are printed, where heads and bodies may be asked as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.coding import undo
from soth_mitm.policy.filters import Scope

if TYPE_CHECKING:
    from soth_mitm.export.collect import Exchange, Message
    from soth_mitm.policy.filters import DeepTerm, Filter, Searchable

LOOKED_AT: Final = 1024 * 1024
"""Bytes of a body, decoded, that a `body:` term is looked for in."""


class Chooser:
    """Judges flows by a filter; without one, every flow is printed."""

    def __init__(self, wanted: Filter | None) -> None:
        self._wanted = wanted
        scopes = {term.scope for term in wanted.deep} if wanted is not None else set()
        self.asks_heads = bool(scopes)
        """Whether heads have to be kept until a flow is judged."""
        self.asks_bodies = Scope.BODY in scopes
        """Whether bodies have to be."""

    def __bool__(self) -> bool:
        """Whether some flows may not be printed."""
        return self._wanted is not None

    def early(self, row: Searchable) -> bool:
        """Say whether a flow that goes on is wanted already, whatever is still to come of its messages."""
        return self._wanted is None or self._wanted.judge(row) is True

    def late(self, row: Searchable, exchange: Exchange) -> bool:
        """Say whether a flow that has ended is wanted."""
        wanted = self._wanted
        if wanted is None:
            return True
        judged = wanted.judge(row)
        if judged is not None:
            return judged
        return wanted.judge_deep(row, [_answer(term, exchange) for term in wanted.deep])


def _answer(term: DeepTerm, exchange: Exchange) -> bool:
    messages = ((exchange.request, False), (exchange.response, True))
    return any(_holds(term, message) for message, response in messages if term.wants(response=response))


def _holds(term: DeepTerm, message: Message) -> bool:
    if term.scope == Scope.HEADER:
        return term.matches_head(message.raw)
    if not message.body:
        return False
    return term.matches_body(undo(bytes(message.body), message.coding, limit=LOOKED_AT).data)
