"""Recorded answers: what a dump has, sent again as it came, in pieces and with its trailers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soth_mitm.errors import DumpError
from soth_mitm.model.events import Direction
from soth_mitm.model.fields import Fields
from soth_mitm.net.serving.inner import Answer
from soth_mitm.policy.recorded import Collecting, Deck, Likeness
from soth_mitm.record.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from soth_mitm.config import ServerReplay
    from soth_mitm.net.serving.inner import Asked
    from soth_mitm.policy.recorded import Answered
    from soth_mitm.record.filestore import DumpStore
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

    async def answer_of(self, answer: Answered) -> RecordedAnswer:
        """Return what gives an answer.

        Raises:
            DumpError: it cannot be read any more.
        """
        store = self._stores[answer.store]
        view = await store.view(answer.flow)
        if view is None or view.response is None:
            raise DumpError(f"{store.path}: flow {answer.flow} cannot be read any more")
        return RecordedAnswer(store, view, paced=self.settings.timing)

    async def close(self) -> None:
        """Close the dumps."""
        stores, self._stores = self._stores, []
        for store in stores:
            await store.close()


class RecordedAnswer:
    """Answers with the response of one flow."""

    def __init__(self, store: DumpStore, view: FlowView, *, paced: bool) -> None:
        self.name = f"flow {view.flow} of {store.path.name}"
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
        fields = Fields.of_head(response.forwarded or response.raw).in_http1
        trailers = tuple(response.trailers.in_http1) if response.trailers_raw else ()
        declared = response.fields.get(b"content-length")
        if request.method == b"HEAD":
            length = int(declared) if declared.isdigit() else None
            return Answer(response.status, tuple(fields), b"", length, response.reason)
        length = response.body_bytes if declared else None
        body = self._pieces(response.body_bytes)
        return Answer(response.status, tuple(fields), body, length, response.reason, trailers)

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        if self._paced:
            async for piece in self._at_its_pace(size):
                yield piece
            return
        for start in range(0, size, _PIECE):
            yield await self._read(start, min(_PIECE, size - start))

    async def _at_its_pace(self, size: int) -> AsyncIterator[bytes]:
        response = self._view.response
        assert response is not None
        last = response.head_mono_ns
        for ref in response.refs:
            await asyncio.sleep(min(max(ref.mono_ns - last, 0) / 1e9, _LONGEST))
            last = ref.mono_ns
            yield await self._read(ref.body_offset, ref.length)

    async def _read(self, start: int, length: int) -> bytes:
        data = await self._store.body(self._view.flow, Direction.RESPONSE, start, length)
        if len(data) < length:
            raise ConnectionAbortedError("a part of the body is gone from the dump")
        return data
