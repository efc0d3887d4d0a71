"""A proxy's replays that come to nothing but rows of the script, and answers that a test has set."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from soth_mitm.model import events as e
from soth_mitm.net.replay.replay import CANCELLED, DONE, SENDING, Attempt
from soth_mitm.policy.editing import RequestDraft
from soth_mitm.record.resending import Resend
from tests.tui.script import Script


class Answer(NamedTuple):
    """What comes back."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    error: str = ""
    """Why nothing does."""
    after: float = 0.021


class Replaying:
    """Replays as the app sees them. Attempts begin when told to, or at once."""

    def __init__(self, script: Script, what: Resend | RequestDraft, times: int, **how: object) -> None:
        self.resend = Resend(what) if isinstance(what, RequestDraft) else what
        self.how = how
        self.revision = 0
        self.attempts = [Attempt(number) for number in range(1, times + 1)]
        self._script = script
        self._ended = asyncio.Event()

    @property
    def of(self) -> int:
        return self.resend.of

    @property
    def times(self) -> int:
        return len(self.attempts)

    @property
    def done(self) -> int:
        return sum(each.state in (DONE, CANCELLED) for each in self.attempts)

    @property
    def finished(self) -> bool:
        return self._ended.is_set()

    async def begun(self) -> int:
        return self.attempts[0].flow

    async def wait(self) -> list[Attempt]:
        await self._ended.wait()
        return self.attempts

    async def cancel(self) -> None:
        for each in self.attempts:
            if each.state != DONE:
                each.state = CANCELLED
        self.revision += 1
        self._ended.set()

    def begin(self, number: int) -> int:
        """Have an attempt begin; return its flow."""
        draft, script, attempt = self.resend.draft, self._script, self.attempts[number - 1]
        path, conn = draft.target.decode(), script.new_conn()
        opened = e.FlowOpened(
            e.FlowKind.HTTP, draft.scheme, draft.host, draft.port, "replay", replay_of=self.of
        )
        script.conns += 1
        script.publish(e.ConnOpened(e.Side.CLIENT, "replay", "127.0.0.1:8080"), conn=conn)
        attempt.flow, attempt.state = script.new_flow(conn, opened), SENDING
        lines = b"".join(b"%b: %b\r\n" % pair for pair in draft.fields)
        raw = b"%b %b HTTP/1.1\r\n%b\r\n" % (draft.method, draft.target, lines)
        head = e.RequestHead(draft.method, draft.target, "HTTP/1.1", raw, path.encode())
        script.publish(head, conn=conn, flow=attempt.flow)
        script.chunks(conn, attempt.flow, e.Direction.REQUEST, draft.body or b"")
        script.publish(e.RequestEnd(len(draft.body or b""), len(raw)), conn=conn, flow=attempt.flow)
        self._conn = conn
        self.revision += 1
        return attempt.flow

    def end(self, number: int, answer: Answer) -> None:
        """Have an attempt that has begun end."""
        script, attempt = self._script, self.attempts[number - 1]
        if answer.error:
            script.wait(answer.after)
            closed = e.FlowClosed("connect_failed", answer.error)
            script.publish(closed, conn=self._conn, flow=attempt.flow)
            attempt.error = answer.error
        else:
            script.respond(
                self._conn, attempt.flow, answer.status, "", body=answer.body,
                content_type=answer.content_type, after=answer.after,
            )  # fmt: skip
            attempt.status, attempt.size = answer.status, len(answer.body)
            attempt.ttfb_ns = round(answer.after * 1e9)
        attempt.state, attempt.duration_ns = DONE, round((answer.after + 0.006) * 1e9)
        self.revision += 1
        if self.done == self.times:
            self._ended.set()
