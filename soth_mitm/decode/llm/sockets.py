"""Follows the conversation on a WebSocket by its messages, and says what is known of it as an event.

Many answers follow each other on one: tokens, cost, stalls and the time of text are those of all together,
the time to the first token, the reason to stop and an error those of the latest. Of the text nothing is kept.
Nothing here knows a clock, and nothing raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from soth_mitm.decode.llm.following import facts_of
from soth_mitm.decode.llm.prices import cost_of
from soth_mitm.decode.llm.reader import Reader
from soth_mitm.decode.llm.recognise import FIRST, MESSAGES, is_sound, recognise

if TYPE_CHECKING:
    from soth_mitm.decode.llm.conversation import Conversation
    from soth_mitm.model.events import LlmFacts


class SocketFollowing:
    """The conversation of one WebSocket, message by message, as both sides send them."""

    def __init__(self, path: bytes, *, wall_ns: int = 0) -> None:
        """`wall_ns` is the time, for prices that hold until some day."""
        self._path = path
        self._wall_ns = wall_ns
        self._looked_at = 0
        self._reader: Reader | None = None
        self._asked_ns = -1
        """When the answer was asked for that comes next."""
        self._from_ns = -1
        """When the latest answer was asked for."""
        self._text_ns = -1
        """The time of text of the answers before the latest."""
        self._cost = 0
        """Of the answers that have ended; -1 where that of one is not known."""
        self._priced = ""
        self.over = False
        """It is no conversation: nothing more has to be fed."""

    def feed(self, data: bytes, *, sent: bool, now_ns: int) -> LlmFacts | None:
        """Take a whole text, `sent` by the client or not; return what is known where that has changed."""
        reader = self._reader
        if reader is None:
            reader = self._recognise(data)
            if reader is None:
                return None
            reader.feed("", data, now_ns=-1)
            self._note_asked(reader.conversation, 0, now_ns)
            return self._facts(reader.conversation, final=False)
        if is_sound(data):
            return None
        talk = reader.conversation
        asked, begun, ended, first = talk.asked, talk.turns, talk.turns_ended, talk.first_ns
        reader.feed("", data, now_ns=-1 if sent else now_ns)
        self._note_asked(talk, asked, now_ns)
        if talk.turns != begun:
            self._begin(talk, now_ns)
            return None
        if talk.turns_ended != ended:
            self._settle(talk)
        elif talk.first_ns == first:
            return None
        return self._facts(talk, final=False)

    def finish(self) -> LlmFacts | None:
        """Return what is known where no more comes; None where that is nothing."""
        reader, self.over = self._reader, True
        return self._facts(reader.conversation, final=True) if reader is not None else None

    # --- inside ---------------------------------------------------------------------------------

    def _recognise(self, data: bytes) -> Reader | None:
        self._looked_at += 1
        known = recognise(self._path, data, MESSAGES, response=True)
        if known is not None:
            self._reader = Reader(known.dialect, path=self._path, keep=0)
        else:
            self.over = self._looked_at >= FIRST
        return self._reader

    def _note_asked(self, talk: Conversation, before: int, now_ns: int) -> None:
        if talk.asked != before:
            self._asked_ns = now_ns

    def _begin(self, talk: Conversation, now_ns: int) -> None:
        self._text_ns = self._texts(talk)
        talk.first_ns = talk.last_ns = -1
        self._from_ns = self._asked_ns if self._asked_ns >= 0 else now_ns
        self._asked_ns = -1

    def _texts(self, talk: Conversation) -> int:
        """Return the time of text of all answers; -1 where none has any."""
        if talk.first_ns < 0:
            return self._text_ns
        return max(self._text_ns, 0) + talk.last_ns - talk.first_ns

    def _settle(self, talk: Conversation) -> None:
        usage = talk.turn
        cost = (
            cost_of(talk.model, usage, tier=talk.tier, wall_ns=self._wall_ns) if usage is not None else None
        )
        if cost is None:
            self._cost = -1
        elif self._cost >= 0:
            self._cost += cost.nano
            self._priced = cost.date

    def _facts(self, talk: Conversation, *, final: bool) -> LlmFacts:
        timed = talk.first_ns >= 0 <= self._from_ns
        known = self._cost >= 0 and talk.turns_ended > 0 and not (final and talk.turns > talk.turns_ended)
        return msgspec.structs.replace(
            facts_of(talk, final=False),
            final=final,
            complete=talk.turns == talk.turns_ended and not talk.error,
            first_ns=max(talk.first_ns - self._from_ns, 0) if timed else -1,
            text_ns=self._texts(talk),
            cost=self._cost if known else -1,
            priced=self._priced if known else "",
            turns=talk.turns,
        )
