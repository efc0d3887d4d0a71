"""Conversations with language models on WebSockets, followed beside the relay, message by message.

The first texts of each WebSocket are looked at; where they are no conversation, nothing more is. A message
is read once it has gone on, and what is known of the call is told as `LlmFacts` behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.decode.llm.sockets import SocketFollowing
from soth_mitm.net.slices import Work
from soth_mitm.net.telling import FOLLOWED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared


class TalkTap:
    """What both tellers of a WebSocket show their messages to."""

    __slots__ = ("_flow", "_following", "_path", "_shared", "over")

    def __init__(self, shared: Shared, flow: FlowLife, path: bytes) -> None:
        self._shared = shared
        self._flow = flow
        self._path = path
        self._following: SocketFollowing | None = None
        self.over = False
        """Nothing more has to be shown."""
        flow.call = self

    def said(self, data: bytes, *, sent: bool) -> None:
        """Look at a whole text, `sent` by the client or not."""
        if self.over or len(data) > FOLLOWED or not data:
            return
        if self._following is None:
            self._following = SocketFollowing(self._path, wall_ns=self._flow.bus.clock.wall_ns())
        now = self._flow.bus.clock.monotonic_ns()
        work = Work(
            self._look(self._following, data, sent=sent, now=now),
            size=len(data),
            drop=self._give_up,
            hurry=self._give_up,
        )
        self._shared.slices.do(self._flow, work)

    def closing(self) -> None:
        """The flow is about to end: tell what is known by now."""
        if not self.over and self._following is not None:
            work = Work(self._last(), size=0, drop=self._give_up, hurry=_nothing)
            self._shared.slices.do(self._flow, work)

    # --- inside ---------------------------------------------------------------------------------

    def _look(self, following: SocketFollowing, data: bytes, *, sent: bool, now: int) -> Iterator[None]:
        if self.over:
            return
        try:
            facts = following.feed(data, sent=sent, now_ns=now)
        except Exception as error:
            self.over = True
            self._shared.internal_error(
                f"the call of flow {self._flow.number}", f"{type(error).__name__}: {error}"
            )
            return
        self.over = following.over
        if facts is not None:
            self._flow.tell(facts)
        yield

    def _last(self) -> Iterator[None]:
        self._give_up()
        yield

    def _give_up(self) -> None:
        """Tell what is known, and nothing after it."""
        if self.over or self._following is None:
            return
        self.over = True
        facts = self._following.finish()
        if facts is not None:
            self._flow.tell(facts)


def _nothing() -> None:
    """Do not hurry."""
