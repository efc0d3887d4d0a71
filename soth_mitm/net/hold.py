"""A message held back while a hook decides: what arrived so far, within a budget."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import BodyTooLarge
from soth_mitm.proto.http1 import Body, End, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


WATCHED = 64 * 1024
"""Most bytes that are read on from a peer whose message is held, only to notice when it leaves."""


class BodyLate(BodyTooLarge):
    """The body has not ended in time; it may never do."""


class Hold:
    """Items of one direction, kept until the hook has decided.

    Nothing more is read from the peer meanwhile, unless the hook asks for the body; `more` is then
    called to let the peer go on, and `enough` when the body is complete or over `limit` bytes.
    """

    def __init__(self, *, limit: int, more: Callable[[], None], enough: Callable[[], None]) -> None:
        self.items: list[Item] = []
        self.size = 0
        self.ended = False
        self.watching = False
        self._limit = limit
        self._more = more
        self._enough = enough
        self._waiter: asyncio.Future[None] | None = None
        self._late = False
        """It has been waited for in vain: who comes later does not wait as long once more."""

    @property
    def collecting(self) -> bool:
        """Whether the hook waits for the body."""
        return self._waiter is not None and not self._waiter.done()

    def add(self, items: Sequence[Item]) -> None:
        """Keep what arrived."""
        self.items.extend(items)
        for item in items:
            if isinstance(item, Body):
                self.size += len(item.data)
            elif isinstance(item, End):
                self.ended = True
        if self.ended or self.size > self._limit:
            self._settle()
        elif not self.collecting and (not self.watching or self.size > WATCHED):
            self._enough()

    def watch(self) -> None:
        """Go on taking a little, so that the peer's end is noticed while somebody takes long to decide."""
        self.watching = True
        if not self.ended and self.size <= WATCHED:
            self._more()

    def _settle(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if not self.ended:
            self._enough()

    async def collect(self, patience: float = 0.0) -> bytes:
        """Wait for the whole body, for `patience` seconds where that is given and has not passed before.

        Raises:
            BodyTooLarge: it is over the budget. BodyLate: it has not ended by then.
        """
        if not self.ended and self.size <= self._limit:
            if self._waiter is None:
                self._waiter = asyncio.get_running_loop().create_future()
                self._more()
            if not (patience and self._late):
                await asyncio.wait((self._waiter,), timeout=patience or None)  # others may wait too
            if not self._waiter.done():
                self._late = True
                raise BodyLate(f"the body has not ended within limits.hold_seconds ({patience:g} s)")
        if self.size > self._limit:
            raise BodyTooLarge(f"the body is larger than limits.hook_body_bytes ({self._limit} bytes)")
        return b"".join(item.data for item in self.items if isinstance(item, Body))
