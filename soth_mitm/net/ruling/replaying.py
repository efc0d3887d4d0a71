"""Server replay as a part of the chain: requests that were recorded get their recorded answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import DumpError
from soth_mitm.hooks.decisions import Block
from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.model.events import Noted, RuleApplied
from soth_mitm.net.chain import Asks, Part
from soth_mitm.net.serving.inner import InnerSupply
from soth_mitm.policy.recorded import Wanted, method_of

if TYPE_CHECKING:
    from soth_mitm.hooks.decisions import Decision
    from soth_mitm.net.chain import Turn
    from soth_mitm.net.serving.recorded import Recordings
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.subject import Subject

NAME: Final = "server replay"


class ReplayPart(Part):
    """Answers from dumps."""

    name = NAME
    asks = Asks.REQUEST

    def __init__(self, shared: Shared, recordings: Recordings) -> None:
        self._shared = shared
        self._recordings = recordings
        self._fails = recordings.settings.extra == "fail"

    def wants_request(self, subject: Subject) -> bool:
        """See `chain.Part`."""
        return self._fails or bool(self._recordings.deck.bodies(_wanted(subject)))

    async def request(self, turn: Turn) -> Decision | None:
        """See `chain.Part`."""
        deck, wanted = self._recordings.deck, _wanted(turn.subject)
        digest = b""
        by_head = turn.streams or deck.goes_by_head(wanted)
        if deck.likeness.asks_body and any(deck.bodies(wanted)) and not by_head:
            try:
                body = await turn.body()
            except BodyTooLarge as error:
                return self._without(turn, f"its body cannot be compared: {error}")
            digest = hashlib.sha256(body).digest() if body else b""
        answer = deck.take(wanted, digest)
        if answer is None:
            if deck.bodies(wanted):
                return self._without(turn, "it was recorded with another body, or all answers were given")
            return self._without(turn, "it was not recorded")
        try:
            answerer = await self._recordings.answer_of(answer)
        except (DumpError, ValueError) as error:
            return self._without(turn, str(error))
        turn.flow.emit(RuleApplied(NAME, "answer", answerer.name))
        turn.serve(InnerSupply(self._shared, answerer))
        return None

    def _without(self, turn: Turn, why: str) -> Block | None:
        if not self._fails:
            turn.flow.emit(Noted("not_recorded", f"no recorded answer: {why}"))
            return None
        turn.flow.emit(RuleApplied(NAME, "fail", why))
        return Block(502, f"no recorded answer to this request: {why}")


def _wanted(subject: Subject) -> Wanted:
    method = method_of(subject.method.encode(), subject.lower)
    return Wanted(subject.scheme, subject.host, subject.port, method, subject.target)
