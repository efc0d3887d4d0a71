"""All replays of one proxy: what they may do, and how much of it at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from soth_mitm.errors import ReplayError
from soth_mitm.net.replay.head import framed
from soth_mitm.net.replay.replay import Replay
from soth_mitm.policy.editing.draft import RequestDraft
from soth_mitm.record.resending import Resend

if TYPE_CHECKING:
    from soth_mitm.net.shared import Shared


class Replays:
    """Begins replays. At most `limits.replay_concurrency` requests of all of them are under way at once."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._places = asyncio.Semaphore(shared.config.limits.replay_concurrency)

    def begin(
        self,
        what: Resend | RequestDraft,
        *,
        times: int = 1,
        concurrency: int = 1,
        timeout: float | None = None,
        gaps: bool = False,
    ) -> Replay:
        """Begin to send a request; see `Control.replay`."""
        shared, limits = self._shared, self._shared.config.limits
        resend = Resend(what) if isinstance(what, RequestDraft) else what
        if not 0 < times <= limits.replay_times:
            shared.counters.hit("replay_times")
            raise ReplayError(f"a replay sends 1 to {limits.replay_times:,} times (limits.replay_times)")
        if concurrency < 1:
            raise ReplayError("a replay needs room for one request at a time")
        if shared.draining or shared.ended:
            raise ReplayError("the proxy is stopping")
        body = resend.draft.body
        framed(resend.draft, resend.length if body is None else len(body))
        if body is None and resend.read is None:
            raise ReplayError("the draft has no body, and there is no recording of one")
        replay = Replay(
            shared,
            resend,
            times=times,
            concurrency=min(concurrency, limits.replay_concurrency),
            timeout=limits.replay_timeout if timeout is None else timeout,
            gaps=gaps,
        )
        replay.start(self._places)
        return replay
