"""What can be compared: two flows, a flow before and after it was changed, two messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from soth_mitm.policy.diff import DiffReport, Ignore, compare, compare_exchanges
from soth_mitm.record.comparing import (
    changes_of,
    exchange_of,
    forwarded_message_of,
    message_of,
    original_message_of,
)
from soth_mitm.text import human_duration
from soth_mitm_tui.columns import host, masked, method, status

if TYPE_CHECKING:
    from soth_mitm.policy.diff import Sample
    from soth_mitm.record.comparing import Pair
    from soth_mitm.record.messagelog import MessageLog
    from soth_mitm.record.rows import Row
    from soth_mitm.record.store import Store


HERE: Final = 1536
"""Bytes of bodies that are compared on the loop, which takes up to four milliseconds."""


class Loaded(NamedTuple):
    """Two things that were read, as they are now."""

    compare: Callable[..., DiffReport]
    """Compares them; takes `ignore`. Can be pickled."""
    size: int
    """Bytes of bodies that it looks into."""

    def with_ignore(self, ignore: Ignore) -> Callable[[], DiffReport]:
        """Return the comparison, ready to be called anywhere."""
        return partial(self.compare, ignore=ignore)


class Name(NamedTuple):
    """What a thing is called; display text."""

    short: str
    what: str = ""
    """More about it, where there is room."""
    result: str = ""
    """What came of it."""

    @property
    def text(self) -> str:
        """All of it."""
        return "  ".join(part for part in (self.short, self.result, self.what) if part)


class Comparison(NamedTuple):
    """Two things to be compared."""

    names: Callable[[], tuple[Name, Name]]
    """What both are called by now: what came of a flow shows once it has."""
    load: Callable[[], Awaitable[Loaded]]
    stamp: Callable[[], object] = lambda: None
    """Something else once they have changed, while they may."""
    noise: bool = False
    """Whether dates and ids count at first."""


def weight(left: Sample | None, right: Sample | None) -> int:
    """Return how many bytes of two bodies are looked into: none where they are the same."""
    bodies = [sample.body if sample is not None else b"" for sample in (left, right)]
    return 0 if bodies[0] == bodies[1] else len(bodies[0]) + len(bodies[1])


def name_of(row: Row, what: str = "") -> Name:
    """Return a flow in a few words."""
    result = f"{status(row)[0]} {human_duration(row.duration_ns)}"
    return Name(f"#{row.flow} {what}".rstrip(), f"{method(row)} {host(row)}{masked(row.path)}", result)


def two_flows(
    store: Store, rows: tuple[Row, Row], *, roles: tuple[str, str], row_of: Callable[[int], Row | None]
) -> Comparison:
    """Compare the messages of two flows; `roles` say what they are to each other."""
    left, right = (row.flow for row in rows)

    def names() -> tuple[Name, Name]:
        one, other = (row_of(row.flow) or row for row in rows)
        return name_of(one, roles[0]), name_of(other, roles[1])

    async def load() -> Loaded:
        one, other = await exchange_of(store, left), await exchange_of(store, right)
        return Loaded(
            partial(compare_exchanges, one, other), weight(one[0], other[0]) + weight(one[1], other[1])
        )

    return Comparison(names, load, lambda: (_state(row_of(left)), _state(row_of(right))))


def before_and_after(store: Store, row: Row, *, row_of: Callable[[int], Row | None]) -> Comparison:
    """Compare the messages of a flow as they came with what went on in their place."""
    flow = row.flow

    def names() -> tuple[Name, Name]:
        name = name_of(row_of(flow) or row)
        came = Name(f"{name.short} as it came", name.what)
        return came, Name("as it went on", name.what, name.result)

    async def load() -> Loaded:
        pairs: tuple[Pair, Pair] = await changes_of(store, flow)
        return Loaded(
            partial(compare_exchanges, *pairs),
            weight(pairs[0][0], pairs[1][0]) + weight(pairs[0][1], pairs[1][1]),
        )

    return Comparison(names, load, lambda: _state(row_of(flow)), noise=True)


def two_messages(log: MessageLog, left: int, right: int, *, names: tuple[Name, Name]) -> Comparison:
    """Compare two messages of a stream, by their positions."""

    async def load() -> Loaded:
        one, other = await message_of(log, left), await message_of(log, right)
        return Loaded(partial(compare, one, other), weight(one, other))

    return Comparison(lambda: names, load, noise=True)


def changed_message(log: MessageLog, position: int, *, name: str) -> Comparison:
    """Compare a message of a stream as it came with what went on in its place."""
    names = Name(f"{name} as it came"), Name("as it went on")

    async def load() -> Loaded:
        one, other = await original_message_of(log, position), await forwarded_message_of(log, position)
        one = one if one is not None else other
        return Loaded(partial(compare, one, other), weight(one, other))

    return Comparison(lambda: names, load, noise=True)


def _state(row: Row | None) -> object:
    return None if row is None else (row.state, row.last_mono_ns, row.response_bytes)
