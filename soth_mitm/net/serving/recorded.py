"""Recorded answers: what a dump has, sent again as it came, in pieces and with its trailers."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import DumpError
from soth_mitm.model.events import Direction
from soth_mitm.model.fields import Fields
from soth_mitm.net.serving.conversing import RecordedConversation
from soth_mitm.net.serving.inner import Answer
from soth_mitm.policy.recorded import Collecting, Deck, Likeness
from soth_mitm.proto.streams import stream_of
from soth_mitm.record.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from soth_mitm.config import ServerReplay
    from soth_mitm.net.serving.arrival import Arrival
    from soth_mitm.net.serving.inner import Asked
    from soth_mitm.policy.recorded import Answered
    from soth_mitm.record.filestore import DumpStore
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.view import FlowView

_PIECE: Final = 64 * 1024
_LONGEST: Final = 60.0
"""Seconds that a recorded gap is waited for at most."""


class Recordings:
    """The dumps whose answers are given again."""

    def __init__(self, settings: ServerReplay) -> None:
        """Open nothing yet.

        Raises:
            ReplayRuleError: what may differ cannot be understood.
        """
        self.settings = settings
        self.deck = Deck(Likeness(settings.ignore), once=settings.once)
        self._stores: list[DumpStore] = []

    async def load(self) -> list[str]:
        """Read the dumps; return one line about each.

        Raises:
            DumpError: one of them cannot be read.
        """
        said = []
        try:
            for name in self.settings.files:
                store = Store.open_dump(Path(name))
                self._stores.append(store)
                before, collecting = self.deck.count, Collecting(self.deck, len(self._stores) - 1)
                await store.load(observe=collecting.take)
                count = self.deck.count - before
                rest = f"; {collecting.without:,} flows have none" if collecting.without else ""
                said.append(f"{name}: {count:,} recorded answers{rest}")
        except BaseException:
            await self.close()
            raise
        return said

    async def answer_of(self, answer: Answered) -> RecordedAnswer | RecordedConversation:
        """Return what gives an answer.

        Raises:
            DumpError: it cannot be read any more. ValueError: not all of it was recorded.
        """
        store = self._stores[answer.store]
        view = await store.view(answer.flow)
        if view is None or view.response is None:
            raise DumpError(f"{store.path}: flow {answer.flow} cannot be read any more")
        paced, name = self.settings.timing, f"flow {view.flow} of {store.path.name}"
        if not answer.early:
            return RecordedAnswer(name, store, view, paced=paced)
        log = store.messages(answer.flow)
        await log.refresh()
        if view.upgraded:
            return RecordedConversation(name, view, log, paced=paced)
        return RecordedAnswer(name, store, view, paced=paced, asked=_times(log))

    async def close(self) -> None:
        """Close the dumps."""
        stores, self._stores = self._stores, []
        for store in stores:
            await store.close()


class RecordedAnswer:
    """Answers with the response of one flow."""

    def __init__(
        self, name: str, store: DumpStore, view: FlowView, *, paced: bool, asked: Sequence[int] | None = None
    ) -> None:
        self.name = name
        self.early = asked is not None
        self._asked = asked or ()
        """When the messages of the request had come, where it went on while it was answered."""
        self._store = store
        self._view = view
        self._paced = paced

    async def has(self, target: bytes) -> bool:
        """See `Answerer`."""
        return True

    async def answer(self, request: Asked) -> Answer:
        """Return the answer; what went on to the client is what counts.

        Raises:
            ValueError: not all of the body was recorded.
        """
        response = self._view.response
        assert response is not None
        missing = response.body_bytes - response.captured_bytes
        if missing > 0:
            raise ValueError(f"{missing:,} of {response.body_bytes:,} bytes of the body were not recorded")
        await request.arrival.reach(bisect_right(self._asked, response.head_mono_ns))
        fields = Fields.of_head(response.forwarded or response.raw).in_http1
        trailers = tuple(response.trailers.in_http1) if response.trailers_raw else ()
        declared = response.fields.get(b"content-length")
        if request.method == b"HEAD":
            length = int(declared) if declared.isdigit() else None
            return Answer(response.status, tuple(fields), b"", length, response.reason)
        nothing = not (response.body_bytes or trailers)
        length = response.body_bytes if declared or nothing else None
        stream = stream_of(response.content_type, path=request.target, streamed=not declared)
        in_pieces = self.early or self._paced or not declared or stream is not None
        body = self._as_it_came(request.arrival) if in_pieces else self._pieces(response.body_bytes)
        return Answer(response.status, tuple(fields), body, length, response.reason, trailers)

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        for start in range(0, size, _PIECE):
            yield await self._read(start, min(_PIECE, size - start))

    async def _as_it_came(self, arrival: Arrival) -> AsyncIterator[bytes]:
        """Yield the pieces that were recorded, each once as much of the request has come as then."""
        request, response = self._view.request, self._view.response
        assert request is not None, "it was asked"
        assert response is not None, "it was answered"
        last = response.head_mono_ns
        for ref in response.refs:
            await arrival.reach(bisect_right(self._asked, ref.mono_ns))
            await asyncio.sleep(min(max(ref.mono_ns - last, 0) / 1e9, _LONGEST) if self._paced else 0)
            last = ref.mono_ns
            yield await self._read(ref.body_offset, ref.length)
        await arrival.reach(bisect_right(self._asked, response.end_mono_ns))
        if self.early and request.complete and request.end_mono_ns <= response.end_mono_ns:
            await arrival.whole()

    async def _read(self, start: int, length: int) -> bytes:
        data = await self._store.body(self._view.flow, Direction.RESPONSE, start, length)
        if len(data) < length:
            raise ConnectionAbortedError("a part of the body is gone from the dump")
        return data


def _times(log: MessageLog) -> Sequence[int]:
    """Return when the messages of a request had come."""
    table = log.table
    entries = (table.entry(position) for position in range(table.dropped, table.end))
    return [
        entry.mono_ns
        for entry in entries
        if entry.direction is Direction.REQUEST and entry.origin != "dropped"
    ]
