"""Conversations with language models on WebSockets, followed beside the relay, message by message.

The first texts of each WebSocket are looked at; where they are no conversation, nothing more is. A message
is read once it has gone on, and what is known of the call is told as `LlmFacts` behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soth_mitm.decode.llm.sockets import SocketFollowing
from soth_mitm.net.calls import FactsTap
from soth_mitm.net.telling import FOLLOWED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soth_mitm.net.life import FlowLife
    from soth_mitm.net.shared import Shared


class TalkTap(FactsTap[SocketFollowing]):
    """What both tellers of a WebSocket show their messages to."""

    __slots__ = ("_path",)

    def __init__(self, shared: Shared, flow: FlowLife, path: bytes) -> None:
        super().__init__(shared, flow)
        self._path = path

    def said(self, data: bytes, *, sent: bool) -> None:
        """Look at a whole text, `sent` by the client or not."""
        if self.over or len(data) > FOLLOWED or not data:
            return
        clock = self._flow.bus.clock
        if self._following is None:
            self._following = SocketFollowing(self._path, wall_ns=clock.wall_ns())
        self._do(self._look(self._following, data, sent=sent, now=clock.monotonic_ns()), len(data))

    def _look(self, talk: SocketFollowing, data: bytes, *, sent: bool, now: int) -> Iterator[None]:
        if self.over:
            return
        try:
            facts = talk.feed(data, sent=sent, now_ns=now)
        except Exception as error:
            self._failed(error)
            return
        self.over = talk.over
        if facts is not None:
            self._flow.tell(facts)
        yield
