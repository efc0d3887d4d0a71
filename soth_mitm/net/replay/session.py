"""The session of a replay, and its flows, which tell whoever sends how they fare."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from soth_mitm.hooks.messages import ConnectionInfo
from soth_mitm.model.events import (
    ConnOpened,
    Event,
    FlowClosed,
    Paused,
    PolicyDecided,
    ProcessKnown,
    Resumed,
    Side,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.http2.bridge import BridgedOrigin
from soth_mitm.net.life import FlowLife
from soth_mitm.net.replay.origin import ReplayOrigin, decide
from soth_mitm.net.session import ClientSession
from soth_mitm.record.resending import REPLAYING
from soth_mitm.record.rows import RowFold

if TYPE_CHECKING:
    from soth_mitm.model.events import Body
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.editing.draft import RequestDraft
    from soth_mitm.record.rows import Row

PROGRAM = "soth-mitm"


class WatchedFlow(FlowLife):
    """A flow whose row is kept beside it: what is said of a replay is what the list says."""

    __slots__ = ("_fold", "detail", "ended", "moved", "paused", "row")

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        self._fold = RowFold()
        loop = asyncio.get_running_loop()
        self.row: Row | None = None
        self.detail = ""
        """What its end adds to the reason."""
        self.ended: asyncio.Future[None] = loop.create_future()
        self.paused = 0
        """Messages of it that are held at breakpoints: no deadline runs meanwhile."""
        self.moved = loop.time()
        """When something was last told of it."""

    def emit(self, body: Body) -> int:
        """Publish an event, and take note of it."""
        at = super().emit(body)
        row = self._fold.apply(Event(self.seq, self.conn, self.number, self.seq, at, 0, body))
        self.row = row or self.row
        self.moved = self.ended.get_loop().time()
        if isinstance(body, Paused):
            self.paused += 1
        elif isinstance(body, Resumed):
            self.paused -= 1
        elif isinstance(body, FlowClosed):
            self.detail = body.detail
            self.ended.set_result(None)
        return at


class ReplaySession(ClientSession):
    """A client connection of the proxy's own making; to its upstream it is one like any other."""

    takes_h2c = False

    def __init__(self, shared: Shared, draft: RequestDraft, *, of: int, h2c: bool) -> None:
        decision = decide(shared, draft)
        life = shared.new_conn()
        life.emit(ConnOpened(Side.CLIENT, REPLAYING, transport="memory"))
        life.process = ProcessKnown(os.getpid(), PROGRAM)
        life.emit(life.process)
        life.emit(
            PolicyDecided(
                decision.action, decision.reason, draft.host, draft.port, decision.rule, decision.overrides
            )
        )
        info = None
        if shared.hooks.open or shared.hooks.close:
            info = ConnectionInfo(life.number, REPLAYING)
        if shared.hooks.open:
            shared.call_hook("on_connection_open", info)
        super().__init__(
            shared,
            life,
            client=REPLAYING,
            origin=BridgedOrigin(ReplayOrigin(shared, draft, decision=decision, h2c=h2c)),
            decision=decision,
            scheme="http",  # between here and the session there is no TLS
            host=draft.host,
            port=draft.port,
            pooled=True,
            info=info,
        )
        self.scheme = draft.scheme
        self.replay_of = of
        self.flow: WatchedFlow | None = None
        """That of the request that was sent last."""

    def new_flow(self) -> FlowLife:
        """Return the next flow, which is watched, and told in any case."""
        shared = self.shared
        flow = shared.new_flow(self.life.number, WatchedFlow)
        if not shared.capturing:  # a person has asked for this one, whatever passes untold
            flow.told = True
            shared.passed_untold -= 1
        assert isinstance(flow, WatchedFlow)
        self.flow = flow
        return flow

    def expect(self) -> None:
        """Forget the flow before: another request is about to come."""
        self.flow = None

    @property
    def idle(self) -> bool:
        """Whether another request can be sent here."""
        return not self.busy and not self._closing and not self._lingering and not self.shared.draining

    def too_late(self, seconds: float) -> None:
        """End what is open: the answer took too long."""
        self._cut(CloseReason.STAGE_TIMEOUT, f"nothing moved for {seconds:g} s")

    def give_up(self, why: str) -> None:
        """End what is open, for a reason of the sender's own."""
        self._cut(CloseReason.KILLED, why)

    def _cut(self, reason: str, detail: str) -> None:
        self._end = (reason, detail)
        if self.exchange is not None and not self.exchange.finished:
            self.exchange.finish(reason, detail)
        self.abort()
