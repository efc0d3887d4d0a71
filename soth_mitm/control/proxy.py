"""Acting on one running proxy and its flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from soth_mitm.control.calls import on_loop
from soth_mitm.control.debugger import Debugger
from soth_mitm.errors import InjectionError
from soth_mitm.model.annotation import AnnotationError, Annotations, changed
from soth_mitm.model.events import CaptureSwitched
from soth_mitm.model.limits import Usage
from soth_mitm.model.reasons import CloseReason

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from soth_mitm.config import Config
    from soth_mitm.model.events import Direction
    from soth_mitm.net.drain import Drain
    from soth_mitm.net.pausing import LeftPaused
    from soth_mitm.net.replay.replay import Replay
    from soth_mitm.net.replay.replays import Replays
    from soth_mitm.net.shared import Shared
    from soth_mitm.policy.editing.draft import RequestDraft
    from soth_mitm.policy.learning import Learned
    from soth_mitm.record.resending import Resend

T = TypeVar("T")


class Control:
    """Acts on one running proxy."""

    def __init__(self, shared: Shared, *, drain: Drain, reload: Callable[[Config], tuple[str, ...]]) -> None:
        self._shared = shared
        self._drain = drain
        self._reload = reload
        self._said = Annotations()
        self._replays: Replays | None = None
        self.debugger = Debugger(shared)
        """Breakpoints, and what they have stopped."""

    async def drain(self, deadline: float | None = None, *, paused: LeftPaused = "resume") -> int:
        """Stop accepting, give open flows `deadline` seconds, cut the rest; return how many were cut.

        What is paused at breakpoints goes on with its edits, or is dropped.
        """
        seconds = self._shared.config.limits.drain_timeout if deadline is None else deadline
        return await self._on_loop(self._drain.run(seconds, paused=paused))

    async def kill(self, flow: int) -> bool:
        """Cut both sides of a flow now; False where it is not open."""
        return await self._on_loop(self._kill(flow))

    async def _kill(self, flow: int) -> bool:
        session = self._shared.flows.get(flow)
        if session is None:
            return False
        session.kill(CloseReason.KILLED)
        return True

    async def inject(self, flow: int, direction: Direction, data: bytes, *, label: str = "text") -> None:
        """Send a message over an open WebSocket: `request` to its server, `response` to its client.

        It goes at once, or after the message that is passing. An event tells it, with origin `injected`.

        Raises:
            InjectionError: the flow is no open WebSocket, its direction is closed, or the message cannot be.
        """
        await self._on_loop(self._inject(flow, direction, data, label))

    async def _inject(self, flow: int, direction: Direction, data: bytes, label: str) -> None:
        conversation = self._shared.conversations.get(flow)
        if conversation is None:
            raise InjectionError(f"flow {flow} is no WebSocket that is open")
        conversation.inject(direction, label, data)

    async def replay(
        self,
        what: Resend | RequestDraft,
        *,
        times: int = 1,
        concurrency: int = 1,
        timeout: float | None = None,
        gaps: bool = False,
    ) -> Replay:
        """Send a request as new flows, `times` times, up to `concurrency` of them at once; return at once.

        `record.resending.resend_of` makes a `Resend` of a recorded flow, and with its draft replaced that
        of an edited one; a draft alone is a request made anew. `policy.retargeting` sends it elsewhere.
        Each flow is told, decided about and recorded as every flow is, and linked to its original; that
        stays as it is. After `timeout` seconds in which nothing moves (`limits.replay_timeout`) one is
        cut. A body that is not in the draft is read on the proxy's loop. `gaps` has a WebSocket's messages
        sent at the pace of the original, not at once.

        Raises:
            ReplayError: the request cannot be sent; the text says which part of it is wrong.
        """
        return await self._on_loop(self._replay(what, times, concurrency, timeout, gaps))

    async def _replay(
        self,
        what: Resend | RequestDraft,
        times: int,
        concurrency: int,
        timeout: float | None,
        gaps: bool,
    ) -> Replay:
        if self._replays is None:
            from soth_mitm.net.replay.replays import Replays

            self._replays = Replays(self._shared)
        return self._replays.begin(what, times=times, concurrency=concurrency, timeout=timeout, gaps=gaps)

    async def reload(self, config: Config) -> tuple[str, ...]:
        """Use other settings for connections made from now on; return the names of what changed."""
        return await self._on_loop(self._apply(config))

    async def _apply(self, config: Config) -> tuple[str, ...]:
        return self._reload(config)

    async def annotate(
        self, flow: int, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
    ) -> None:
        """Mark a flow, comment on it, or give it a colour: None leaves a part as it is, "" removes it.

        An `annotated` event says so, also of a flow that has ended.

        Raises:
            AnnotationError: a text is too long or does not print, there is no such colour or flow, or
                as many flows as may be are annotated already (`ANNOTATED_FLOWS`).
        """
        await self._on_loop(self._annotate(flow, mark, comment, colour))

    async def _annotate(self, flow: int, mark: str | None, comment: str | None, colour: str | None) -> None:
        shared, said = self._shared, self._said
        if not 0 < flow <= shared.flow_count or shared.ended:
            raise AnnotationError(f"cannot annotate flow {flow}: this run has no such flow, or is over")
        before = said.get(flow)
        annotation = changed(before, mark=mark, comment=comment, colour=colour)
        if annotation == before:
            return
        said.check_room(flow)
        said.put(flow, annotation)
        shared.bus.publish(annotation.event, 0, flow)

    async def forget_passthrough(self, host: str) -> bool:
        """Intercept a host again that passes through because its clients refused our certificate.

        Returns whether it did. Connections that pass through at the moment go on doing so.
        """
        return await self._on_loop(self._forget(host))

    async def _forget(self, host: str) -> bool:
        return self._shared.learning.forget(host)

    async def passed_through(self) -> tuple[tuple[Learned, float], ...]:
        """Return the hosts that pass through because of refusals, with the seconds left for each."""
        return await self._on_loop(self._passed_through())

    async def _passed_through(self) -> tuple[tuple[Learned, float], ...]:
        return self._shared.learning.learned()

    async def usage(self) -> Usage:
        """Return how often each budget was used up, and which upstreams are left alone."""
        return await self._on_loop(self._usage())

    async def _usage(self) -> Usage:
        counters = self._shared.counters
        return Usage(dict(counters.hits), dict(counters.levels), self._shared.admission.open_breakers)

    async def capture(self, on: bool) -> None:
        """Tell of flows that begin from now on, or let them pass untold; connections are told as ever."""
        await self._on_loop(self._capture(on))

    async def _capture(self, on: bool) -> None:
        shared = self._shared
        if on == shared.capturing or shared.ended:
            return
        shared.capturing = on
        passed, shared.passed_untold = shared.passed_untold, 0
        shared.bus.publish(CaptureSwitched(on, passed))

    @property
    def open_flows(self) -> int:
        """How many flows are open."""
        return len(self._shared.flows)

    async def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return await on_loop(self._shared, work)
