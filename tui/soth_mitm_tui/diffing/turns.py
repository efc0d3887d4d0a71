"""Finding the turn before a request to a model, or after it: by what it continues, or by its messages."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from soth_mitm.decode.llm.recognise import FIRST, MESSAGES, recognise
from soth_mitm.decode.llm.recognise import LOOKED_AT as LOOKED
from soth_mitm.decode.llm.turns import common
from soth_mitm.model.events import Direction
from soth_mitm.policy.diff import (
    MOST_TURN,
    Side,
    answers_to,
    compare_last_turns,
    compare_turns,
    fingerprint_of,
    links_of_side,
)
from soth_mitm.record.comparing import sample_of
from soth_mitm_tui.diffing.sources import Comparison, Loaded, Name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from soth_mitm.decode.llm.continuing import Links
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.rows import Row
    from soth_mitm.record.store import Store
    from soth_mitm.record.worker import Worker

LOOKED_AT: Final = 5_000
"""Flows before or after a turn among which another of its conversation is looked for."""

MOST_READ: Final = 32
"""Requests of them that are read."""

_AT_ONCE: Final = 100
_HOLE: Final = 200
"""Flows that are not there, one after the other, beyond which no more are looked for."""
_BEGINNING: Final = 4096
_PIECE: Final = re.compile(rb'"type"\s*:\s*"(?:response\.[\w.]+\.delta|input_audio_buffer\.append)"')
"""What comes again as a whole, or is sound."""


class Find(Protocol):
    """What finds another turn of a conversation: `previous`, or `following`."""

    def __call__(
        self, store: Store, worker: Worker, row: Row, row_of: Callable[[int], Row | None], /
    ) -> Awaitable[int]:
        """Return its flow, or 0."""
        ...


async def is_turn(store: Store, row: Row) -> bool:
    """Return whether a flow is a request to a language model, in a dialect that is known."""
    if row.method != "POST" or row.request_bytes <= 0:
        return False
    beginning = await store.body(row.flow, Direction.REQUEST, 0, 4096)
    known = recognise(_path(row), beginning, b"application/json", response=False)
    return known is not None or bool(row.request_bytes and beginning[:1] not in (b"{", b"["))


async def previous(store: Store, worker: Worker, row: Row, row_of: Callable[[int], Row | None]) -> int:
    """Return the flow of the turn before; 0 where none of the flows before is that.

    It is the one that the request says it continues, or else the one that shares most messages; of those
    that share equally many the latest. One all of whose messages come again is taken.
    """
    now = await _look(store, worker, row)
    best, most = 0, 0
    async for flow in _others(range(row.flow - 1, max(row.flow - LOOKED_AT, 0), -1), row, row_of):
        other = row_of(flow)
        if other is None:
            continue
        before = await _look(store, worker, other, answer=bool(now.links.after))
        if _continues(now, before):
            return flow
        shared = common(before.messages, now.messages)
        if shared > most:
            best, most = flow, shared
        if shared and shared == len(before.messages) and not any(now.links):
            break
    return best


async def following(store: Store, worker: Worker, row: Row, row_of: Callable[[int], Row | None]) -> int:
    """Return the first later flow that goes on from this one, with its messages or by its answer; or 0."""
    now = await _look(store, worker, row, answer=True)
    async for flow in _others(range(row.flow + 1, row.flow + LOOKED_AT), row, row_of):
        other = row_of(flow)
        if other is None:
            continue
        after = await _look(store, worker, other)
        shared = common(now.messages, after.messages)
        if _continues(after, now) or 0 < shared == len(now.messages) < len(after.messages):
            return flow
    return 0


class _Looked(NamedTuple):
    """What a turn is told from others by."""

    messages: tuple[bytes, ...]
    links: Links
    answer: str


def _look_at(side: Side) -> _Looked:
    return _Looked(fingerprint_of(side), links_of_side(side), answers_to(side))


def _continues(later: _Looked, earlier: _Looked) -> bool:
    """Say whether a request names the answer, or the conversation, of an earlier one."""
    if later.links.after:
        return later.links.after == earlier.answer
    return bool(later.links.thread) and later.links.thread == earlier.links.thread


async def _others(flows: range, row: Row, row_of: Callable[[int], Row | None]) -> AsyncIterator[int]:
    """Yield the flows that may be turns of the same conversation, as many as are read."""
    read = missing = 0
    for count, flow in enumerate(flows, 1):
        if not count % _AT_ONCE:
            await asyncio.sleep(0)
        other = row_of(flow)
        missing = 0 if other is not None else missing + 1
        if missing > _HOLE or read >= MOST_READ:
            return
        if other is not None and _may_be_turn(other, row):
            read += 1
            yield flow


def last_turns(log: MessageLog, row: Row, *, name: Name) -> Comparison:
    """Compare the last two turns of a WebSocket."""

    async def load() -> Loaded:
        said = await _said(log)
        compared = partial(compare_last_turns, _path(row), said)
        return Loaded(compared, len(said))

    return Comparison(lambda: (Name("turn before"), name), load, noise=True)


async def is_talk(log: MessageLog, row: Row) -> bool:
    """Return whether the texts of a WebSocket are a conversation with a language model."""
    await log.refresh()
    table = log.table
    for position in range(table.dropped, min(table.end, table.dropped + FIRST)):
        if table.entry(position).label == "text":
            beginning = await log.payload(position, LOOKED)
            if recognise(_path(row), beginning, MESSAGES, response=True) is not None:
                return True
    return False


async def _said(log: MessageLog) -> bytes:
    """Return the texts of a WebSocket that are no pieces of others, one behind the other.

    Where they are more than `MOST_TURN` bytes, no more than shows that is read.
    """
    await log.refresh()
    table, said = log.table, bytearray()
    for position in range(table.dropped, table.end):
        if not position % _AT_ONCE:
            await asyncio.sleep(0)
        if len(said) > MOST_TURN:
            break
        if position < table.dropped:
            continue
        entry = table.entry(position)
        if entry.label != "text" or entry.cut or entry.origin == "dropped":
            continue
        beginning = await log.payload(position, _BEGINNING)
        if _PIECE.search(beginning) is None:
            said += beginning if entry.size <= len(beginning) else await log.payload(position, entry.size)
    return bytes(said)


def two_turns(store: Store, left: Row, right: Row, *, names: tuple[Name, Name]) -> Comparison:
    """Compare two turns of a conversation, the earlier one first."""

    async def load() -> Loaded:
        one, other = await _side(store, left), await _side(store, right)
        return Loaded(partial(compare_turns, one, other), one.size + other.size)

    return Comparison(lambda: names, load, noise=True)


def _may_be_turn(other: Row, row: Row) -> bool:
    return (
        other.method == row.method
        and (other.host, other.port) == (row.host, row.port)
        and other.path.partition("?")[0] == row.path.partition("?")[0]
        and 0 < other.request_bytes <= MOST_TURN
    )


def _path(row: Row) -> bytes:
    return row.path.encode("utf-8", "replace")


async def _look(store: Store, worker: Worker, row: Row, *, answer: bool = False) -> _Looked:
    side = await _side(store, row, answer=answer)
    return await worker.run(partial(_look_at, side))


async def _side(store: Store, row: Row, *, answer: bool = True) -> Side:
    view = await store.view(row.flow)
    asked = said = None
    if view is not None:
        asked = await sample_of(store, view, Direction.REQUEST, most=MOST_TURN)
        said = await sample_of(store, view, Direction.RESPONSE, most=MOST_TURN) if answer else None
    return Side.of(_path(row), asked, said)
