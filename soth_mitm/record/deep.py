"""`header:` and `body:`: terms that only the recorded bytes can answer, over any number of flows.

    deep = DeepSearch(store)
    async for progress in deep.search(flows, terms):      # newest first; close it to cancel
        progress.done, progress.total, progress.found     # [(flow, (True, False)), …] since the last one
    await deep.answers([flow], terms)                     # the same for a few, for a list that is live
    deep.close()

A process of its own reads the blocks of the spill by file and offset, undoes content codings, and
sends back answers alone. What was answered is kept until the flow changes. It is another process
than that of the documents, so that a body can be looked at while all of them are searched.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from soth_mitm.errors import DumpError
from soth_mitm.model.limits import DEFAULTS
from soth_mitm.record.lane import DEADLINE, Lane, LaneDied, WorkerError
from soth_mitm.record.pieces import BlockPlace, BlockSource
from soth_mitm.record.probing import Answers, Candidate, Probing, Term

if TYPE_CHECKING:
    from soth_mitm.config import Limits
    from soth_mitm.record.index import Index
    from soth_mitm.record.payloads import Slice

__all__ = ["Answers", "DeepSearch", "DeepStore", "Progress", "Term", "WorkerError"]

BATCH: Final = 512
"""Flows that are asked about at once."""

SLICE_SECONDS: Final = 0.002

KEPT_QUESTIONS: Final = 4
"""Sets of terms whose answers are kept."""

KEPT_ANSWERS: Final = 250_000
"""Answers that are kept of each."""

_STAMP_BITS: Final = 48


class DeepStore(BlockSource, Protocol):
    """What is needed of a store."""

    @property
    def index(self) -> Index: ...
    def catch_up(self) -> None: ...
    def shift_of_flow(self, block: int) -> int: ...


class Progress(NamedTuple):
    """How far a search is."""

    done: int
    """Flows that were answered."""
    total: int
    found: list[tuple[int, Answers]]
    """Every flow that was answered since, with one answer a term, no as well as yes."""


class DeepSearch:
    """Searches over the flows of one store. Its coroutines belong to one loop."""

    def __init__(self, store: DeepStore, *, limits: Limits | None = None, deadline: float = DEADLINE) -> None:
        name = "search_body_bytes"
        self.most_bytes = int(getattr(limits, name) if limits is not None else DEFAULTS[name])
        """Decoded bytes of a body that are searched."""
        self.lane = Lane(Probing, name="soth-search", deadline=deadline, advice="make the expression simpler")
        self._store = store
        self._kept: OrderedDict[tuple[Term, ...], dict[int, int]] = OrderedDict()
        self._generation = 0
        self._turn = 0
        self._asking = asyncio.Lock()

    async def warm(self) -> None:
        """Start the process now, so that the first search does not wait for it."""
        await self.lane.warm()

    async def answers(self, flows: Sequence[int], terms: Sequence[Term]) -> list[tuple[int, Answers]]:
        """Return the answers about some flows, in no certain order; those that are gone are left out.

        Raises:
            WorkerError: the process died, or did not answer in time.
        """
        found: list[tuple[int, Answers]] = []
        async for progress in self.search(flows, terms):
            found += progress.found
        return found

    async def search(self, flows: Sequence[int], terms: Sequence[Term]) -> AsyncGenerator[Progress, None]:
        """Ask the terms about each flow, in the order given; yield what was found since, the first
        time at once, then several times a second, until `done` is `total`.

        To close it is to cancel it, which takes 100 ms at most, even where an expression would never
        end. What was answered by then is kept, so that the same search goes on from there.

        Raises:
            WorkerError: the process died, or did not answer in time.
        """
        asked = tuple(terms)
        kept = self._answers_to(asked)
        total, done = len(flows), 0
        yield Progress(0, total, [])
        for start in range(0, total, BATCH):
            known: list[tuple[int, Answers]] = []
            candidates, stamps = await self._candidates(flows[start : start + BATCH], len(asked), kept, known)
            done = min(start + BATCH, total) - len(candidates)
            if known or not candidates:
                yield Progress(done, total, known)
            if not candidates:
                continue
            batch = self._asked(asked, candidates)
            try:
                async for found in batch:
                    self._keep(kept, stamps, found)
                    done += len(found)
                    yield Progress(done, total, found)
            finally:
                await batch.aclose()

    async def _asked(
        self, terms: tuple[Term, ...], candidates: list[Candidate]
    ) -> AsyncGenerator[list[tuple[int, Answers]], None]:
        """Ask about a batch; where the process was ended meanwhile, once more about what is left of it."""
        answered: set[int] = set()
        async with self._asking:
            for again in (True, False):
                left = [candidate for candidate in candidates if candidate.flow not in answered]
                try:
                    await self._hand_over(left)
                    stream = self.lane.stream(
                        "ask", terms, left, self.most_bytes, generation=self._generation
                    )
                    async with aclosing(stream):
                        async for found in stream:
                            answered.update(flow for flow, _ in found)
                            yield found
                    return
                except LaneDied:
                    if not again:
                        raise

    async def payloads(self, items: Sequence[Sequence[Slice]], terms: Sequence[Term]) -> list[Answers]:
        """Return the answers about the payloads of some messages, in their order; a few thousand at a time.

        To cancel it takes 100 ms at most, even where an expression would never end. What is gone from
        the record matches nothing.

        Raises:
            WorkerError: the process died, or did not answer in time.
        """
        blocks = {each.block for slices in items for each in slices}
        async with self._asking:
            for again in (True, False):
                try:
                    await self._give_blocks(blocks)
                    answers: list[Answers] = await self.lane.call(
                        "payloads", tuple(terms), items, self.most_bytes, generation=self._generation
                    )
                    return answers
                except LaneDied:
                    if not again:
                        raise
        raise AssertionError("it returns or raises")

    def close(self) -> None:
        """End the process; a later search starts another one."""
        self.lane.close()

    # --- what is kept -----------------------------------------------------------------------------

    def _answers_to(self, terms: tuple[Term, ...]) -> dict[int, int]:
        kept = self._kept.setdefault(terms, {})
        self._kept.move_to_end(terms)
        while len(self._kept) > KEPT_QUESTIONS:
            self._kept.popitem(last=False)
        return kept

    @staticmethod
    def _keep(kept: dict[int, int], stamps: dict[int, int], found: list[tuple[int, Answers]]) -> None:
        for flow, answers in found:
            bits = sum(1 << at for at, yes in enumerate(answers) if yes)
            kept[flow] = bits << _STAMP_BITS | stamps[flow]
        while len(kept) > KEPT_ANSWERS:
            del kept[next(iter(kept))]

    async def _candidates(
        self, flows: Sequence[int], terms: int, kept: dict[int, int], known: list[tuple[int, Answers]]
    ) -> tuple[list[Candidate], dict[int, int]]:
        """Return the flows that must be asked about, in slices; what is known already goes into `known`."""
        self._store.catch_up()
        candidates: list[Candidate] = []
        stamps: dict[int, int] = {}
        started = perf_counter()
        for flow in flows:
            if perf_counter() - started > SLICE_SECONDS:
                await asyncio.sleep(0)
                started = perf_counter()
            stamp = self._stamp(flow)
            if stamp < 0:
                continue
            before = kept.get(flow)
            if before is not None and before & (1 << _STAMP_BITS) - 1 == stamp:
                bits = before >> _STAMP_BITS
                known.append((flow, tuple(bool(bits >> at & 1) for at in range(terms))))
                continue
            stamps[flow] = stamp
            blocks = self._store.index.blocks_of(flow)
            shift = self._store.shift_of_flow
            candidates.append(Candidate(flow, tuple((block, flow - shift(block)) for block in blocks)))
        return candidates, stamps

    def _stamp(self, flow: int) -> int:
        """Return a number that is another one once the flow has changed; -1 for one that is gone."""
        index = self._store.index
        number = index.number_of(flow)
        if number is None:
            return -1
        try:
            row = index.row(number)
        except IndexError:
            return -1
        seen = (row.last_mono_ns, row.request_bytes, row.response_bytes, row.state, row.status)
        return hash(seen) & (1 << _STAMP_BITS) - 1

    # --- blocks -----------------------------------------------------------------------------------

    async def _hand_over(self, candidates: list[Candidate]) -> None:
        await self._give_blocks({number for each in candidates for number, _ in each.blocks})

    async def _give_blocks(self, blocks: Iterable[int]) -> None:
        """Tell the process where the blocks lie, and hand over those that lie in no file."""
        if not self.lane.pid or self._generation != self.lane.generation:
            self._generation = await self.lane.start()
        numbers = sorted(blocks)
        self._turn += 1
        await asyncio.to_thread(self._tell, numbers, self._turn)

    def _tell(self, numbers: list[int], turn: int) -> None:
        places: dict[int, BlockPlace] = {}
        missing: list[int] = []
        for number in numbers:
            place = self._store.place_of(number)
            if place is not None:
                places[number] = place
            else:
                missing.append(number)
        self.lane.post("places", places, generation=self._generation)
        for number in missing:
            if turn != self._turn:
                return  # it was cancelled, and the next question is being prepared
            try:
                payload = self._store.read_block(number)
            except DumpError:
                continue  # retention has removed it
            self.lane.post("hand", number, payload, generation=self._generation)
