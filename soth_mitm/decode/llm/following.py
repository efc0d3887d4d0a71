"""Follows a call to a model by the bytes of its answer, and says what is known of it as an event.

Of the text nothing is kept; what is kept is bounded by `MESSAGE` and by the limits of a `Conversation`.
Nothing here knows a clock, and nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.llm.framing import Objects
from soth_mitm.decode.llm.prices import cost_of
from soth_mitm.decode.llm.reader import Reader
from soth_mitm.decode.llm.recognise import LOOKED_AT, STREAMS, recognise
from soth_mitm.model.events import LlmFacts
from soth_mitm.proto.splitting import Found, SplitError, Splitter
from soth_mitm.proto.streams import splitter_of, stream_of
from soth_mitm.text import printable

if TYPE_CHECKING:
    from soth_mitm.decode.llm.conversation import Conversation

MESSAGE: Final = 1024 * 1024
"""Bytes of one message, or of an answer in one piece, that are read; of a longer one nothing is known."""

_STEP: Final = 8 * 1024
_NAME: Final = 120
_ERROR: Final = 400
_EVENT: Final = re.compile(rb"(?m)^data:[^\r\n]*[\r\n]")


class Following:
    """One answer, as its bytes come."""

    def __init__(self, path: bytes, media_type: bytes, *, head_ns: int, wall_ns: int = 0) -> None:
        """`head_ns` is when the head of the answer came, by the clock of `feed`; `wall_ns` is the time."""
        self._path = path
        self._type = media_type
        self._head_ns = head_ns
        self._wall_ns = wall_ns
        self._beginning = b""
        self._reader: Reader | None = None
        self._told = False
        self._streamed = media_type in STREAMS
        self._splitter: Splitter | None = None
        self._objects: Objects | None = None
        """What finds the messages: one of both, once it is known that this is a conversation."""
        self._parts: list[bytes] = []
        self._size = 0
        self.over = False
        """It is no conversation: nothing more has to be fed."""

    def feed(self, data: bytes, now_ns: int) -> Iterator[LlmFacts | None]:
        """Take the next bytes; yield between steps, and what is known when the first text is there."""
        if self._reader is None:
            data = self._beginning + data
            self._recognise(data)
            if self._reader is None:
                return
        reader = self._reader
        for start in range(0, len(data), _STEP):
            for label, message in self._messages(data[start : start + _STEP]):
                reader.feed(label, message, now_ns=now_ns if self._streamed else -1)
                if not self._told and reader.conversation.first_ns >= 0:
                    self._told = True
                    yield self._facts(final=False)
                else:
                    yield None
            yield None

    def finish(self) -> LlmFacts | None:
        """Return what is known where no more comes; None where that is nothing."""
        reader, self.over = self._reader, True
        if reader is None:
            return None
        talk = reader.conversation
        known = talk.model or talk.error or talk.usage.output is not None or talk.blocks
        return self._facts(final=True) if known else None

    # --- inside ---------------------------------------------------------------------------------

    def _recognise(self, data: bytes) -> None:
        known = recognise(self._path, data, self._type, response=True)
        if known is not None:
            self._beginning = b""
            self._streamed = self._streamed or b"ndjson" in self._type or data.lstrip()[:1] == b"["
            self._reader = Reader(known.dialect, path=self._path, keep=0)
            self._splitter = _splitter(self._type)
            self._objects = Objects(longest=MESSAGE) if self._splitter is None else None
        elif len(data) >= LOOKED_AT or (self._streamed and _EVENT.search(data)):
            self.over, self._beginning = True, b""
        else:
            self._beginning = data

    def _messages(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        if self._splitter is None:
            for value in self._objects.feed(data) if self._objects is not None else ():
                yield "", value
            return
        try:
            yield from self._events(self._splitter, data)
        except SplitError as error:
            self._splitter, self._objects = None, Objects(longest=MESSAGE)
            if self._reader is not None:
                self._reader.conversation.put(error=error.detail)

    def _events(self, splitter: Splitter, data: bytes) -> Iterator[tuple[str, bytes]]:
        for item in splitter.feed(data):
            self._size += len(item.data)
            if self._size <= MESSAGE:
                self._parts.append(item.data)
            else:
                self._parts.clear()
            if isinstance(item, Found):
                whole, fits = b"".join(self._parts), self._size <= MESSAGE
                self._size = 0
                self._parts.clear()
                if item.damaged and self._reader is not None:
                    self._reader.conversation.odd("damaged messages")
                elif fits:
                    yield "" if item.label == "message" else item.label, whole

    def _facts(self, *, final: bool) -> LlmFacts:
        assert self._reader is not None
        return facts_of(self._reader.conversation, final=final, head_ns=self._head_ns, wall_ns=self._wall_ns)


def _splitter(media_type: bytes) -> Splitter | None:
    stream = stream_of(media_type, path=b"", streamed=False) if media_type in STREAMS else None
    return splitter_of(stream, media_type, keep=True) if stream is not None else None


def facts_of(talk: Conversation, *, final: bool, head_ns: int = -1, wall_ns: int = 0) -> LlmFacts:
    """Return what is known of a conversation."""
    usage = talk.usage
    complete = (talk.ended or bool(talk.stop_reason)) and not talk.error
    cost = cost_of(talk.model, usage, tier=talk.tier, wall_ns=wall_ns) if final and complete else None
    timed = talk.first_ns >= 0 and head_ns >= 0
    return LlmFacts(
        str(talk.dialect),
        printable(talk.model, _NAME),
        final,
        complete,
        _count(usage.all_input),
        _count(usage.all_output),
        _count(usage.cached),
        _count(usage.written),
        _count(usage.thinking),
        max(talk.first_ns - head_ns, 0) if timed else -1,
        talk.last_ns - talk.first_ns if timed else -1,
        talk.longest_gap_ns,
        talk.stalls,
        printable(talk.stop_reason, _NAME),
        printable(talk.error, _ERROR),
        -1 if cost is None else cost.nano,
        "" if cost is None else cost.date,
    )


def _count(number: int | None) -> int:
    return -1 if number is None else number
