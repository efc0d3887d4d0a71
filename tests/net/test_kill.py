"""A flow that is killed, or whose client leaves, ends at once and on both sides, whatever it was doing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from soth_mitm.model.events import FlowClosed, RequestHead, Resumed, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.breakpoints import Stage
from soth_mitm.policy.rules import Rule
from soth_mitm.policy.rules import actions as a
from tests.helpers.debugging import at, debugging, stopped
from tests.helpers.h2peer import GET, h2_link, post
from tests.helpers.net import OK, Lab
from tests.helpers.upgrade import upgraded
from tests.helpers.wire import eventually
from tests.hooks.test_messages import SSE, chunk, opened
from tests.net.http2.test_message_hooks import GRPC
from tests.net.http2.test_message_hooks import frame as call_frame
from tests.proto.websocket.framing import TEXT, frame

MOST = 0.1
"""Seconds from the key to the end of both sides."""
POST = b"POST /in HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nbegin"


class Stopwatch:
    """Measures time, but for what a busy machine keeps from this process: the loop's beats come late then."""

    BEAT = 0.002

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._lost = loop, 0.0
        self._began = self._latest = loop.time()
        self._handle = loop.call_later(self.BEAT, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        self._lost += max(now - self._latest - 2 * self.BEAT, 0.0)
        self._latest = now
        self._handle = self._loop.call_later(self.BEAT, self._beat)

    def stop(self) -> float:
        """Return the seconds since it was made."""
        self._beat()
        self._handle.cancel()
        return self._latest - self._began - self._lost


class Busy(NamedTuple):
    """A flow that is in the middle of something."""

    leave: Callable[[], None]
    """Has the client go away."""
    over: tuple[Callable[[], Awaitable[object]], ...]
    """Wait for the ends of both sides, as far as both are there."""
    paused: int = 0


async def h1(lab: Lab, *stages: Stage, send: bytes = b"", answer: bytes = b"") -> Busy:
    debugger = await debugging(lab, at(*stages) if stages else at(Stage.REQUEST, expression="path:/none"))
    link = await lab.link("plain")
    link.ask(send or link.get())
    over: tuple[Callable[[], Awaitable[object]], ...] = (link.client.closed,)
    if Stage.REQUEST not in stages and Stage.REQUEST_BODY not in stages:
        server = await link.server()
        await server.until(b"\r\n\r\n")
        if answer:
            server.send(answer)
            if not stages:
                await link.client.until(answer)
        over = (link.client.closed, server.closed)
    if stages:
        await stopped(debugger)
    return Busy(link.client.abort, over, len(stages))


async def upload(lab: Lab) -> Busy:
    return await h1(lab, send=POST + b"hel")


async def waiting(lab: Lab) -> Busy:
    await debugging(lab, at(Stage.REQUEST_BODY))
    link = await lab.link("plain")
    link.ask(POST + b"hel")
    await lab.told(RequestHead)
    return Busy(link.client.abort, (link.client.closed,))


async def event(lab: Lab) -> Busy:
    debugger = await debugging(lab, at(Stage.MESSAGE_DOWN))
    link, server = await opened(lab, "plain", SSE + b"\r\n")
    server.send(chunk(b"data: one\n\n"))
    await stopped(debugger)
    return Busy(link.client.abort, (link.client.closed, server.closed), 1)


async def socket(lab: Lab, stage: Stage) -> Busy:
    debugger = await debugging(lab, at(stage))
    ws = await upgraded(lab, "plain")
    if stage is Stage.MESSAGE_UP:
        ws.client.send(frame(TEXT, b"held"))
    else:
        ws.server.send(frame(TEXT, b"held", mask=False))
    await stopped(debugger)
    return Busy(ws.client.abort, (ws.client.closed, ws.server.closed), 1)


async def h2(lab: Lab, *stages: Stage, answer: bool = False) -> Busy:
    debugger = await debugging(lab, at(*stages) if stages else at(Stage.REQUEST, expression="path:/none"))
    link = await h2_link(lab)
    if Stage.REQUEST in stages or Stage.REQUEST_BODY in stages:
        stream = link.client.ask(GET)
        await stopped(debugger)
        return Busy(link.client.wire.abort, (lambda: link.client.message(stream),), 1)
    call, whole = Stage.MESSAGE_UP in stages, Stage.RESPONSE_BODY in stages
    stream, server, number = await link.request(post(b"/a.B/C", GRPC) if call else GET, end=not call)
    if call:
        link.client.data(stream, call_frame(b"held"))
    if answer:
        server.head_out(number, [(b":status", b"200")])
        server.data(number, b"begin", end=whole)
    if stages:
        await stopped(debugger)
    elif answer:
        await link.client.until(lambda: link.client.messages[stream].body, "the beginning")

    async def reset() -> None:
        message = server.messages[number]
        await server.until(lambda: message.reset is not None, "a reset")

    ends = (lambda: link.client.message(stream), reset)
    return Busy(link.client.wire.abort, ends[:1] if whole else ends, len(stages))


SLOW = (a.Mock(body="x" * 1000), a.LimitRate(bytes_per_second=20))
SOON = (a.Delay(seconds=60, on="request"),)


async def ruled(lab: Lab, *actions: a.Action, version: int = 1) -> Busy:
    """Have rules answer slowly, or hold a request back."""
    proxy = await lab.start()
    await proxy.control.debugger.set_rules([Rule(action=action) for action in actions])
    count = len(actions)
    if version == 1:
        link = await lab.link("plain")
        link.ask(link.get())
        await lab.told(RuleApplied, count)
        return Busy(link.client.abort, (link.client.closed,))
    streams = await h2_link(lab)
    stream = streams.client.ask(GET)
    await lab.told(RuleApplied, count)
    return Busy(streams.client.wire.abort, (lambda: streams.client.message(stream),))


STATES: dict[str, Callable[[Lab], Awaitable[Busy]]] = {
    "paused at a request": lambda lab: h1(lab, Stage.REQUEST),
    "paused at a request's body": lambda lab: h1(lab, Stage.REQUEST_BODY, send=POST + b"hello"),
    "waiting for the body to pause it at": waiting,
    "paused at a response": lambda lab: h1(lab, Stage.RESPONSE, answer=LONG),
    "paused at a response's body": lambda lab: h1(lab, Stage.RESPONSE_BODY, answer=OK),
    "waiting for a response": h1,
    "sending a response": lambda lab: h1(lab, answer=LONG),
    "sending a request": upload,
    "paused at an event": event,
    "paused at a message up": lambda lab: socket(lab, Stage.MESSAGE_UP),
    "paused at a message down": lambda lab: socket(lab, Stage.MESSAGE_DOWN),
    "stream paused at a request": lambda lab: h2(lab, Stage.REQUEST),
    "stream paused at a request's body": lambda lab: h2(lab, Stage.REQUEST_BODY),
    "stream paused at a response": lambda lab: h2(lab, Stage.RESPONSE, answer=True),
    "stream paused at a response's body": lambda lab: h2(lab, Stage.RESPONSE_BODY, answer=True),
    "stream paused at a call's message": lambda lab: h2(lab, Stage.MESSAGE_UP),
    "stream waiting for a response": h2,
    "held back by a rule": lambda lab: ruled(lab, *SOON),
    "slowed down by a rule": lambda lab: ruled(lab, *SLOW),
    "stream held back by a rule": lambda lab: ruled(lab, *SOON, version=2),
    "stream slowed down by a rule": lambda lab: ruled(lab, *SLOW, version=2),
    "stream sending a response": lambda lab: h2(lab, answer=True),
}
LEAVING = (
    "paused at a request's body",
    "paused at a response",
    "paused at a response's body",
    "paused at an event",
    "stream paused at a response's body",
    "slowed down by a rule",
    "stream held back by a rule",
    "stream slowed down by a rule",
)


@pytest.mark.parametrize("state", STATES)
async def test_a_killed_flow_is_over_on_both_sides_within_100_ms(lab: Lab, state: str) -> None:
    busy = await STATES[state](lab)
    watch = Stopwatch(lab.running._shared.loop)
    assert await lab.running.control.kill(1)
    for over in busy.over:
        await over()
    assert watch.stop() < MOST
    assert (await lab.one(FlowClosed)).reason == CloseReason.KILLED
    assert [each.how for each in lab.all(Resumed)] == ["killed"] * busy.paused
    assert not lab.running.control.debugger.paused


@pytest.mark.parametrize("state", LEAVING)
async def test_a_client_that_leaves_takes_what_it_had_paused_with_it(lab: Lab, state: str) -> None:
    busy = await STATES[state](lab)
    busy.leave()
    assert (await lab.one(FlowClosed)).reason == CloseReason.CLIENT_CLOSED
    assert [each.how for each in lab.all(Resumed)] == ["client_gone"] * busy.paused
    await eventually(lambda: not len(lab.running._shared.tasks), "the end of all tasks")
    await eventually(lambda: not lab.running.control.debugger.paused)
    for over in busy.over[1:]:
        await over()
