"""What the app may do to the proxy; `soth_mitm.control.Control` is such a one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from soth_mitm.model.limits import Usage
    from soth_mitm.policy.editing import RequestDraft
    from soth_mitm.policy.learning import Learned
    from soth_mitm.record.resending import Resend
    from soth_mitm_tui.debugging import Debugger
    from soth_mitm_tui.replaying import Replay


class Control(Protocol):
    """What the app may do to the proxy."""

    @property
    def debugger(self) -> Debugger | None:
        """Breakpoints, and what they have stopped; None where no proxy runs."""
        ...

    async def replay(
        self,
        what: Resend | RequestDraft,
        /,
        *,
        times: int = 1,
        concurrency: int = 1,
        timeout: float | None = None,
        gaps: bool = False,
    ) -> Replay:
        """Begin to send a request as new flows; raises ReplayError where it cannot be sent."""
        ...

    async def drain(self, deadline: float, /, *, paused: Literal["resume", "drop"]) -> object:
        """Accept nothing new, let open flows end, and close what is left after `deadline` seconds."""
        ...

    async def kill(self, flow: int, /) -> bool:
        """End a flow now, on both sides; False where it is not open."""
        ...

    async def capture(self, on: bool, /) -> None:
        """Tell of flows that begin from now on, or let them pass untold."""
        ...

    async def annotate(
        self, flow: int, *, mark: str | None = None, comment: str | None = None, colour: str | None = None
    ) -> None:
        """Mark a flow, comment on it, or give it a colour; None leaves a part as it is, "" removes it."""
        ...

    async def forget_passthrough(self, host: str, /) -> bool:
        """Intercept a host again that its clients' refusals made pass through; False where it did not."""
        ...

    async def passed_through(self) -> tuple[tuple[Learned, float], ...]:
        """Return the hosts that pass through because of refusals, with the seconds left for each."""
        ...

    async def usage(self) -> Usage:
        """Return how often each budget was used up, and which upstreams are left alone."""
        ...
