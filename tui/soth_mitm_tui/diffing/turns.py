"""Finding the turn before a request to a model: the earlier flow that shares most of its messages."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from soth_mitm.decode.llm.recognise import recognise
from soth_mitm.decode.llm.turns import common
from soth_mitm.model.events import Direction
from soth_mitm.policy.diff import MOST_TURN, Side, compare_turns, fingerprint_of
from soth_mitm.record.comparing import sample_of
from soth_mitm_tui.diffing.sources import Comparison, Loaded, Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from soth_mitm.record.rows import Row
    from soth_mitm.record.store import Store
    from soth_mitm.record.worker import Worker

LOOKED_AT: Final = 5_000
"""Flows before a turn among which the one before is looked for."""

MOST_READ: Final = 32
"""Requests of them that are read."""

_AT_ONCE: Final = 100


async def is_turn(store: Store, row: Row) -> bool:
    """Return whether a flow is a request to a language model, in a dialect that is known."""
    if row.method != "POST" or row.request_bytes <= 0:
        return False
    beginning = await store.body(row.flow, Direction.REQUEST, 0, 4096)
    known = recognise(_path(row), beginning, b"application/json", response=False)
    return known is not None or bool(row.request_bytes and beginning[:1] not in (b"{", b"["))


async def previous(store: Store, worker: Worker, row: Row, row_of: Callable[[int], Row | None]) -> int:
    """Return the flow of the turn before; 0 where none of the flows before shares a message.

    Of those that share equally many it is the latest. One all of whose messages come again is taken.
    """
    now = await _fingerprint(store, worker, row)
    best, most = 0, 0
    read = 0
    for count, flow in enumerate(_before(row), 1):
        if not count % _AT_ONCE:
            await asyncio.sleep(0)
        other = row_of(flow)
        if other is None or not _may_be_before(other, row):
            continue
        read += 1
        before = await _fingerprint(store, worker, other)
        shared = common(before, now)
        if shared > most:
            best, most = flow, shared
        if (shared and shared == len(before)) or read >= MOST_READ:
            break
    return best


def two_turns(store: Store, left: Row, right: Row, *, names: tuple[Name, Name]) -> Comparison:
    """Compare two turns of a conversation, the earlier one first."""

    async def load() -> Loaded:
        one, other = await _side(store, left), await _side(store, right)
        return Loaded(partial(compare_turns, one, other), one.size + other.size)

    return Comparison(lambda: names, load, noise=True)


def _before(row: Row) -> Iterator[int]:
    return iter(range(row.flow - 1, max(row.flow - LOOKED_AT, 0), -1))


def _may_be_before(other: Row, row: Row) -> bool:
    return (
        other.method == row.method
        and (other.host, other.port) == (row.host, row.port)
        and other.path.partition("?")[0] == row.path.partition("?")[0]
        and 0 < other.request_bytes <= MOST_TURN
    )


def _path(row: Row) -> bytes:
    return row.path.encode("utf-8", "replace")


async def _fingerprint(store: Store, worker: Worker, row: Row) -> tuple[bytes, ...]:
    side = await _side(store, row, answer=False)
    return await worker.run(partial(fingerprint_of, side))


async def _side(store: Store, row: Row, *, answer: bool = True) -> Side:
    view = await store.view(row.flow)
    asked = said = None
    if view is not None:
        asked = await sample_of(store, view, Direction.REQUEST, most=MOST_TURN)
        said = await sample_of(store, view, Direction.RESPONSE, most=MOST_TURN) if answer else None
    return Side.of(_path(row), asked, said)
