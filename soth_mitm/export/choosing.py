"""Which flows of a stream are printed, where heads and bodies may be asked as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from soth_mitm.decode.coding import undo
from soth_mitm.export.collect import BODY_BYTES
from soth_mitm.policy.filters import Scope, SideOf

if TYPE_CHECKING:
    from soth_mitm.export.collect import Exchange, Message
    from soth_mitm.policy.filters import DeepTerm, Filter, Searchable

LOOKED_AT: Final = 1024 * 1024
"""Bytes of a body, as it came and decoded, that a `body:` term is looked for in."""

GROWTH: Final = 4
"""A body that still comes is looked at again once it has grown by one part in so many."""


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

    def body_bytes(self, *, printed: bool) -> int:
        """Return how many bytes of a body have to be kept, `printed` if bodies are."""
        return LOOKED_AT if self.asks_bodies else BODY_BYTES if printed else 0

    def early(self, row: Searchable, exchange: Exchange) -> bool:
        """Say whether a flow whose response has begun is wanted, whatever is still to come of it.

        Can be asked at every piece of a body: it looks only at one that has grown enough since.
        """
        wanted = self._wanted
        if wanted is None:
            return True
        if not wanted.deep:
            return wanted(row)
        kept = exchange.kept
        if kept and kept * GROWTH < exchange.judged_at * (GROWTH + 1):
            return False
        exchange.judged_at = kept
        return wanted.judge_so_far(row, [_so_far(term, exchange) for term in wanted.deep]) is True

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


def _so_far(term: DeepTerm, exchange: Exchange) -> bool | None:
    """Answer for a flow whose heads are known, where it has any; None where more of a body may come."""
    if _answer(term, exchange):
        return True
    ended = term.side == SideOf.REQUEST and exchange.request.complete
    return False if ended or term.scope == Scope.HEADER else None


def _holds(term: DeepTerm, message: Message) -> bool:
    if term.scope == Scope.HEADER:
        return term.matches_head(message.raw)
    if not message.body:
        return False
    return term.matches_body(undo(bytes(message.body), message.coding, limit=LOOKED_AT).data)
