"""Handler hooks on streams: they see and decide as in HTTP/1.1, and no stream waits for another's."""

from __future__ import annotations

import asyncio

from h2.errors import ErrorCodes

from soth_mitm.hooks.decisions import Block, Decision, Modify, Respond
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import BodyTooLarge, Request, Response, StreamChunk
from soth_mitm.model.events import (
    Direction,
    FlowClosed,
    HandlerActed,
    HandlerFailed,
    MessageChanged,
    RequestHead,
    ResponseHead,
    ResponseInfo,
)
from soth_mitm.model.reasons import CloseReason
from tests.helpers.h2peer import GET, get, h2_link, post
from tests.helpers.net import Lab


class Recording(Handler):
    """Sees everything."""

    def __init__(self) -> None:
        self.chunks: list[tuple[int, Direction, bytes]] = []
        self.ended: list[int] = []

    def on_stream_chunk(self, chunk: StreamChunk) -> None:
        self.chunks.append((chunk.flow, chunk.direction, chunk.data))

    def on_stream_end(self, flow: int) -> None:
        self.ended.append(flow)


async def test_every_stream_is_a_flow_with_all_its_events_and_hooks(lab: Lab) -> None:
    """Defect 1 of the reference: streams had no heads, no chunks, and no end of their own."""
    handler = Recording()
    await lab.start(handler=handler)
    link = await h2_link(lab)
    for body in (b"one", b"two"):
        stream, server, number = await link.request(post(), end=False)
        link.client.data(stream, body, end=True)
        await server.message(number)
        server.answer(number, body.upper())
        assert (await link.client.message(stream)).body == body.upper()
    await lab.settled()
    assert len(lab.all(RequestHead)) == len(lab.all(ResponseHead)) == len(lab.all(FlowClosed)) == 2
    assert handler.chunks == [
        (1, Direction.REQUEST, b"one"),
        (1, Direction.RESPONSE, b"ONE"),
        (2, Direction.REQUEST, b"two"),
        (2, Direction.RESPONSE, b"TWO"),
    ]
    assert handler.ended == [1, 2]


class Refusing(Handler):
    async def on_request(self, request: Request) -> Decision | None:
        return Block(403, "not here") if request.target == b"/secret" else None


async def test_a_refused_request_never_reaches_the_upstream(lab: Lab) -> None:
    """Defect 2 of the reference: headers and body went upstream before the hook had decided."""
    await lab.start(handler=Refusing())
    link = await h2_link(lab)
    refused = link.client.ask(post(b"/secret"), end=False)
    link.client.data(refused, b"password")
    message = await link.client.message(refused)
    assert dict(message.head)[b":status"] == b"403"
    assert b"not here" in message.body
    _, server, number = await link.request(get(b"/open"))
    assert [dict(each.head)[b":path"] for each in server.messages.values() if each.head] == [b"/open"]
    server.answer(number)
    await lab.settled()
    assert b"password" not in link.origin.received
    assert [closed.reason for closed in lab.all(FlowClosed)] == [CloseReason.BLOCKED, CloseReason.COMPLETED]


class Holding(Handler):
    """Holds one stream's request until told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def on_request(self, request: Request) -> Decision | None:
        if request.target == b"/held":
            await self.go.wait()
        return None


async def test_a_held_stream_holds_no_other(lab: Lab) -> None:
    handler = Holding()
    await lab.start(handler=handler)
    link = await h2_link(lab)
    held = link.client.ask(post(b"/held"), end=False)
    link.client.data(held, b"x" * 60_000, end=True)
    free, server, number = await link.request(get(b"/free"))
    server.answer(number)
    assert (await link.client.message(free)).body == b"ok"
    assert len([message for message in server.messages.values() if message.head]) == 1
    handler.go.set()
    await server.until(lambda: len(server.messages) == 2, "the held one")
    last = max(server.messages)
    assert (await server.message(last)).body == b"x" * 60_000
    server.answer(last)
    assert (await link.client.message(held)).body == b"ok"


class Changing(Handler):
    async def on_request(self, request: Request) -> Decision | None:
        body = await request.body()
        return Modify(
            target=b"/changed",
            set_fields=((b"X-Added", b"1"),),
            drop_fields=(b"x-dropped",),
            body=body.upper(),
        )

    async def on_response(self, response: Response) -> Decision | None:
        return Modify(status=201, set_fields=((b"x-from", b"handler"),), body=(await response.body()) * 2)


async def test_a_handler_changes_a_request_and_a_response(lab: Lab) -> None:
    await lab.start(handler=Changing())
    link = await h2_link(lab)
    stream = link.client.ask(post(b"/as-sent", (b"x-dropped", b"1"), (b"x-kept", b"2")), end=False)
    link.client.data(stream, b"bo")
    link.client.data(stream, b"dy", end=True)
    server = await link.server()
    message = await server.message(1)
    assert message.head == [
        *post(b"/changed")[:4],
        (b"x-kept", b"2"),
        (b"x-added", b"1"),
        (b"content-length", b"4"),
    ]
    assert message.body == b"BODY"
    server.answer(1, b"ha", fields=[(b":status", b"200"), (b"content-length", b"2")])
    answer = await link.client.message(stream)
    assert dict(answer.head)[b":status"] == b"201"
    assert answer.head[1:] == [(b"x-from", b"handler"), (b"content-length", b"4")]
    assert answer.body == b"haha"
    await lab.settled()
    acted = lab.all(HandlerActed)
    assert [each.hook for each in acted] == ["on_request", "on_response"]
    assert lab.all(MessageChanged)[0].forwarded.startswith(b":method: POST\r\n:scheme: https\r\n")


class Asking(Handler):
    """Wants bodies that are larger than a window, and larger than allowed."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    async def on_request(self, request: Request) -> Decision | None:
        try:
            self.seen.append(len(await request.body()))
        except BodyTooLarge:
            self.seen.append(-1)
        return None

    async def on_response(self, response: Response) -> Decision | None:
        self.seen.append(len(await response.body()))
        return None


async def test_bodies_beyond_a_window_are_granted_to_a_hook_that_asks_for_them(lab: Lab) -> None:
    handler = Asking()
    await lab.start(handler=handler, limits={"hook_body_bytes": 1_000_000})
    link = await h2_link(lab)
    body = b"b" * 400_000
    stream = link.client.ask(post(b"/", (b"expect", b"100-continue")), end=False)
    await link.client.until(lambda: link.client.messages[stream].interim, "our 100")
    server = await link.server()
    await link.client.pour(stream, body, to=server)
    # Our own 100 has answered the expectation: the upstream is not asked again.
    assert (await server.message(1)).head == post(b"/")
    assert server.messages[1].body == body
    server.head_out(1, [(b":status", b"200")])
    await server.pour(1, body, to=link.client)
    assert (await link.client.message(stream)).body == body
    await lab.settled()
    assert handler.seen == [400_000, 400_000]
    assert (await lab.one(ResponseInfo)).generated


async def test_a_body_over_the_budget_of_hooks_streams_on(lab: Lab) -> None:
    handler = Asking()
    await lab.start(handler=handler, limits={"hook_body_bytes": 100_000})
    link = await h2_link(lab)
    stream = link.client.ask(post(), end=False)
    server = await link.server()
    body = b"b" * 700_000
    await link.client.pour(stream, body, to=server)
    assert (await server.message(1)).body == body
    assert handler.seen == [-1]


class Answering(Handler):
    async def on_request(self, request: Request) -> Decision | None:
        return Respond(200, fields=((b"X-By", b"handler"),), body=b"mine")


async def test_a_handler_answers_in_place_of_the_upstream(lab: Lab) -> None:
    await lab.start(handler=Answering())
    link = await h2_link(lab)
    stream = link.client.ask(GET)
    message = await link.client.message(stream)
    assert (b"x-by", b"handler") in message.head
    assert message.body == b"mine"
    upload = link.client.ask(post(), end=False)
    await link.client.until(lambda: link.client.messages[upload].reset is not None, "the rest is unwanted")
    assert link.client.messages[upload].body == b"mine"
    assert link.client.messages[upload].reset == ErrorCodes.NO_ERROR
    await lab.settled()
    assert {head.generated for head in lab.all(ResponseHead)} == {True}


class Failing(Handler):
    async def on_request(self, request: Request) -> Decision | None:
        raise RuntimeError("no")

    async def on_response(self, response: Response) -> Decision | None:
        return Modify(status=42)


async def test_a_hook_that_fails_lets_the_message_go_on_and_says_so(lab: Lab) -> None:
    lab.faults_expected = True
    await lab.start(handler=Failing())
    link = await h2_link(lab)
    stream, server, number = await link.request()
    server.answer(number)
    assert (await link.client.message(stream)).body == b"ok"
    await lab.settled()
    assert [failed.hook for failed in lab.all(HandlerFailed)] == ["on_request", "on_response"]


async def test_a_streamed_response_leaves_the_next_requests_hooks_working(lab: Lab) -> None:
    """Defect 6 of the reference: after a streamed response, later requests failed with 500."""
    await lab.start(handler=Refusing())
    link = await h2_link(lab)
    stream, server, number = await link.request(get(b"/events"))
    server.head_out(number, [(b":status", b"200"), (b"content-type", b"text/event-stream")])
    server.data(number, b"data: 1\n\n")
    await link.client.until(lambda: link.client.messages[stream].body, "the first event")
    refused = link.client.ask(get(b"/secret"))
    assert dict((await link.client.message(refused)).head)[b":status"] == b"403"
    other, server, second = await link.request(get(b"/open"))
    server.answer(second)
    assert (await link.client.message(other)).body == b"ok"
    server.data(number, b"data: 2\n\n", end=True)
    assert (await link.client.message(stream)).body == b"data: 1\n\ndata: 2\n\n"
