"""Reading the messages of a flow back, in order and as they come, out of the blocks they lie in.

    log = store.messages(flow)
    await log.refresh()                     # takes what has been recorded since, and that alone
    log.table.entry(0), log.facts           # columns, at any time, also while `refresh` is under way
    await log.details(range(0, 40))         # what a line shows besides, and the beginning of the payload
    await log.payload(0, most=65536)        # as much of it as was recorded

Blocks are read in threads; folding happens on the caller's loop, in slices of two milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from soth_mitm.errors import DumpError
from soth_mitm.model.events import FlowClosed
from soth_mitm.record.frames import frame_at, frames_in
from soth_mitm.record.messages import MessageFold, head_of
from soth_mitm.record.messagetable import SeenHead
from soth_mitm.record.payloads import WHOLE, PayloadRefs, Slice, read_slices
from soth_mitm.record.threads import in_thread

if TYPE_CHECKING:
    from soth_mitm.record.index import Index
    from soth_mitm.record.messages import MessageFacts
    from soth_mitm.record.messagetable import MessageTable, Place
    from soth_mitm.record.runs import Runs

SLICE_SECONDS: Final = 0.002
"""How long the loop is kept at a time."""

BEGINNING: Final = 1024
"""Bytes of a payload that come with its details."""

LOGS: Final = 3
"""Flows whose messages are kept, so that looking again reads only what is new."""

_BLOCKS_AT_ONCE: Final = 8
_FRAMES_AT_ONCE: Final = 64


class LogStore(Protocol):
    """What is needed of a store."""

    @property
    def index(self) -> Index: ...
    def catch_up(self) -> None: ...
    def read_block(self, number: int, /) -> bytes: ...


class Detail(NamedTuple):
    """What is shown of one message besides its columns."""

    position: int
    head: SeenHead
    beginning: bytes
    """The payload, or how it begins; empty where nothing of it was recorded."""
    captured: int
    """Bytes of it that can be read back."""


class Located(NamedTuple):
    """Where one message lies."""

    position: int
    place: Place


class MessageLog:
    """The messages of one flow. Its coroutines belong to one loop."""

    def __init__(self, flow: int, store: LogStore, *, runs: Runs, most: int) -> None:
        self.flow = flow
        self.fold = MessageFold(most=most)
        self.finished = False
        """Nothing can follow any more."""
        self.missing_blocks = 0
        """Blocks of the flow that are gone or damaged."""
        self.progress = 0.0
        """How much of what is recorded has been read, while a `refresh` is under way."""
        self._store, self._runs = store, runs
        self._lock = asyncio.Lock()
        self._block, self._offset = 0, 0

    @property
    def table(self) -> MessageTable:
        """The columns."""
        return self.fold.table

    @property
    def facts(self) -> MessageFacts:
        """What is known of all of them."""
        return self.fold.facts

    async def refresh(self, begun: Callable[[], None] | None = None) -> bool:
        """Take what was recorded since; return whether there was anything.

        `begun` is called when the first block has been read and there are more: there is something to see.
        """
        async with self._lock:
            if self.finished:
                return False
            seq = self.fold.seq
            self._store.catch_up()
            blocks = [block for block in self._store.index.blocks_of(self.flow) if block >= self._block]
            done = 0
            while done < len(blocks):
                some = blocks[done : done + (_BLOCKS_AT_ONCE if done else 1)]
                payloads = await in_thread(partial(self._payloads, some))
                for block, payload in zip(some, payloads, strict=True):
                    if block != self._block:
                        self._block, self._offset = block, 0
                    await self._take(block, payload)
                done += len(some)
                self.progress = done / len(blocks)
                if begun is not None and done == 1 < len(blocks):
                    begun()
            return self.fold.seq > seq

    async def _take(self, block: int, payload: bytes | None) -> None:
        if payload is None:
            self.missing_blocks += 1
            return
        own = self.flow - self._runs.shift_of(block).flow
        take = self.fold.take
        started = perf_counter()
        for count, frame in enumerate(frames_in(payload, self._offset)):
            if not count % _FRAMES_AT_ONCE and perf_counter() - started > SLICE_SECONDS:
                await asyncio.sleep(0)
                started = perf_counter()
            self._offset = frame.end
            if frame.flow == own:
                take(payload, frame, block)
                if frame.kind == FlowClosed.KIND:
                    self.finished = True

    def _payloads(self, blocks: Iterable[int]) -> list[bytes | None]:
        return [self._payload(block) for block in blocks]

    def _payload(self, block: int) -> bytes | None:
        try:
            return self._store.read_block(block)
        except DumpError:
            return None

    # --- what a message holds ---------------------------------------------------------------------

    async def details(self, positions: Iterable[int], *, most: int = BEGINNING) -> list[Detail]:
        """Return the details of some messages, a screenful at a time; those that are gone are left out.

        With them come up to `most` bytes of each payload.
        """
        found = self.located(positions)
        return await in_thread(lambda: list(self._read_details(found, most)))

    def _read_details(self, located: list[Located], most: int) -> Iterator[Detail]:
        blocks: dict[int, bytes | None] = {}

        def block_of(number: int) -> bytes:
            if number not in blocks:
                blocks[number] = self._payload(number)
            payload = blocks[number]
            if payload is None:
                raise DumpError(f"block {number} is gone")
            return payload

        for position, place in located:
            try:
                payload = block_of(place.block)
            except DumpError:
                yield Detail(position, SeenHead(), b"", 0)
                continue
            frame = frame_at(payload, place.frame)
            head = head_of(payload, frame) if frame is not None else None
            beginning, captured = bytearray(), 0
            with contextlib.suppress(DumpError):
                for each in place.slices:
                    if len(beginning) < most or each.stop == WHOLE:
                        data = next(read_slices([each], block_of))
                        beginning += data[: most - len(beginning)]
                        captured += len(data)
                    else:
                        captured += each.stop - each.start
            yield Detail(position, head or SeenHead(), bytes(beginning), captured)

    async def refs(self, position: int) -> PayloadRefs:
        """Return the payload of a message for a document to read.

        Raises:
            IndexError: there is no such message, or no longer.
        """
        slices = self.table.place(position).slices
        (detail,) = await self.details((position,))
        return PayloadRefs(slices, detail.captured)

    async def payload(self, position: int, most: int) -> bytes:
        """Return up to `most` bytes of a payload, as far as it was recorded without a gap.

        Raises:
            IndexError: there is no such message, or no longer.
        """
        slices = self.table.place(position).slices
        return await in_thread(lambda: self._join(slices, most))

    async def original(self, position: int, most: int) -> bytes | None:
        """Return up to `most` bytes of a message as it came; None where it is what went on, or not kept."""
        found = self.table.originals.get(position)
        if found is None:
            return None
        return await in_thread(lambda: self._join(found.slices, most))

    def _join(self, slices: Sequence[Slice], most: int) -> bytes:
        joined = bytearray()
        with contextlib.suppress(DumpError):
            for data in read_slices(slices, self._store.read_block):
                joined += data
                if len(joined) >= most:
                    break
        return bytes(joined[:most])

    def located(self, positions: Iterable[int]) -> list[Located]:
        """Return where some messages and their payloads lie; those that are gone are left out."""
        found: list[Located] = []
        for position in positions:
            with contextlib.suppress(IndexError):
                found.append(Located(position, self.table.place(position)))
        return found


class MessageLogs:
    """The logs of the flows that were asked about last."""

    def __init__(self, store: LogStore, *, runs: Runs, most: int) -> None:
        self._make = partial(MessageLog, store=store, runs=runs, most=most)
        self._logs: OrderedDict[int, MessageLog] = OrderedDict()

    def log(self, flow: int) -> MessageLog:
        """Return the log of a flow, the same one as long as it is kept."""
        log = self._logs.get(flow)
        if log is None:
            log = self._logs[flow] = self._make(flow)
            if len(self._logs) > LOGS:
                self._logs.popitem(last=False)
        self._logs.move_to_end(flow)
        return log
