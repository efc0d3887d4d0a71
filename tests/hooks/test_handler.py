"""The handler's decisions on requests and responses, and what each one makes of the bytes."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Awaitable, Callable

import pytest

from soth_mitm.hooks.decisions import Block, Continue, Decision, Modify, Respond
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import BodyTooLarge, ConnectionInfo, Request, Response, StreamChunk, Target
from soth_mitm.model.events import (
    BodyChunk,
    DialStarted,
    Direction,
    FlowClosed,
    HandlerActed,
    HandlerFailed,
    MessageChanged,
    Notice,
    RequestHead,
    ResponseHead,
    ResponseInfo,
)
from soth_mitm.model.tls import TlsFailure
from tests.helpers.net import OK, Lab
from tests.helpers.wire import eventually

HOST = b"Host: site.test\r\n"
POST = b"POST /in HTTP/1.1\r\n" + HOST + b"X-A: 1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_POST = (
    b"POST /in HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n"
)

Ask = Callable[[Request], Awaitable[Decision | None]]
Answer = Callable[[Response], Awaitable[Decision | None]]


class OnRequest(Handler):
    """Decide about requests by a function."""

    def __init__(self, decide: Ask) -> None:
        self.decide = decide
        self.seen: list[Request] = []

    async def on_request(self, request: Request) -> Decision | None:
        self.seen.append(request)
        return await self.decide(request)


class OnResponse(Handler):
    """Decide about responses by a function."""

    def __init__(self, decide: Answer) -> None:
        self.decide = decide
        self.seen: list[Response] = []

    async def on_response(self, response: Response) -> Decision | None:
        self.seen.append(response)
        return await self.decide(response)


def always(decision: Decision | None) -> Callable[[object], Awaitable[Decision | None]]:
    async def decide(message: object) -> Decision | None:
        return decision

    return decide


@pytest.mark.parametrize("decision", [None, Continue()])
@pytest.mark.parametrize("request_bytes", [POST, CHUNKED_POST], ids=["length", "chunked"])
async def test_a_request_that_goes_on_is_not_changed_by_a_byte(
    lab: Lab, route: str, decision: Decision | None, request_bytes: bytes
) -> None:
    handler = OnRequest(always(decision))
    await lab.start(handler=handler)
    link = await lab.link(route)
    await link.pass_request(request_bytes)
    await link.pass_response(OK)
    await lab.settled()
    request = handler.seen[0]
    assert (request.method, request.host, request.port) == (b"POST", "site.test", link.origin.port)
    assert request.url == f"{'https' if route == 'tls' else 'http'}://site.test:{link.origin.port}/in"
    assert request.fields.get(b"host") == b"site.test"
    assert not lab.all(HandlerActed)


@pytest.mark.parametrize("request_bytes", [POST, CHUNKED_POST], ids=["length", "chunked"])
async def test_a_hook_may_read_the_whole_body_and_it_still_passes_untouched(
    lab: Lab, route: str, request_bytes: bytes
) -> None:
    bodies = []

    async def decide(request: Request) -> None:
        bodies.append(await request.body())

    await lab.start(handler=OnRequest(decide))
    link = await lab.link(route)
    await link.pass_request(request_bytes)
    await link.pass_response(OK)
    assert bodies == [b"hello"]


async def test_a_body_that_comes_late_is_waited_for(lab: Lab, route: str) -> None:
    bodies = []

    async def decide(request: Request) -> None:
        bodies.append(await request.body())

    await lab.start(handler=OnRequest(decide))
    link = await lab.link(route)
    link.ask(POST[:-3])
    await lab.told(RequestHead)
    assert link.origin.received == b""
    link.client.send(POST[-3:])
    await (await link.server()).same(POST)
    assert bodies == [b"hello"]


async def test_defect_04_a_held_chunked_body_keeps_its_framing(lab: Lab, route: str) -> None:
    async def decide(request: Request) -> None:
        await request.body()

    await lab.start(handler=OnRequest(decide))
    link = await lab.link(route)
    await link.pass_request(CHUNKED_POST)
    await link.pass_response(OK)


async def test_a_request_head_may_be_changed(lab: Lab, route: str) -> None:
    change = Modify(
        method=b"PUT",
        target=b"/other?x=1",
        set_fields=((b"x-a", b"2"), (b"X-New", b"\xff")),
        drop_fields=(b"host",),
    )
    await lab.start(handler=OnRequest(always(change)))
    link = await lab.link(route)
    link.ask(POST)
    await (await link.server()).same(
        b"PUT /other?x=1 HTTP/1.1\r\nContent-Length: 5\r\nx-a: 2\r\nX-New: \xff\r\n\r\nhello"
    )
    await link.pass_response(OK)
    acted = await lab.one(HandlerActed)
    assert (acted.hook, acted.action) == ("on_request", "modify")
    changed = await lab.one(MessageChanged)
    assert changed.by == "handler"
    assert changed.forwarded.startswith(b"PUT /other?x=1 ")
    assert (await lab.one(RequestHead)).method == b"POST", "the stream keeps what the client sent"


@pytest.mark.parametrize("request_bytes", [POST, CHUNKED_POST], ids=["length", "chunked"])
async def test_a_request_body_may_be_replaced(lab: Lab, route: str, request_bytes: bytes) -> None:
    await lab.start(handler=OnRequest(always(Modify(body=b"goodbye!"))))
    link = await lab.link(route)
    link.ask(request_bytes)
    server = await link.server()
    head = await server.head()
    assert head.lower().count(b"content-length: 8\r\n") == 1
    assert b"ransfer-" not in head
    await server.same(b"goodbye!")
    await link.pass_response(OK)
    await lab.settled()
    sent = [chunk.data for chunk in lab.all(BodyChunk) if chunk.direction is Direction.REQUEST]
    assert b"".join(sent) == b"goodbye!"


async def test_a_replaced_body_does_not_swallow_the_next_request(lab: Lab, route: str) -> None:
    async def decide(request: Request) -> Decision | None:
        return Modify(body=b"new") if request.method == b"POST" else None

    await lab.start(handler=OnRequest(decide))
    link = await lab.link(route)
    link.ask(POST[:-2])
    server = await link.server()
    assert (await server.head()).endswith(b"Content-Length: 3\r\n\r\n")
    await server.same(b"new")
    link.client.send(POST[-2:])
    await link.pass_response(OK)
    await link.pass_request(link.get(b"/next"))
    await link.pass_response(OK)


async def test_a_request_may_be_answered_without_the_upstream(lab: Lab, route: str) -> None:
    answer = Respond(status=201, fields=((b"X-Mock", b"1"),), body=b"made up", reason=b"Made")
    await lab.start(handler=OnRequest(always(answer)))
    link = await lab.link(route)
    link.ask(POST)
    got = await link.client.rest()
    assert got.startswith(b"HTTP/1.1 201 Made\r\nX-Mock: 1\r\n")
    assert got.endswith(b"\r\n\r\nmade up")
    assert link.origin.received == b""
    head = await lab.one(ResponseHead)
    assert (head.status, head.generated) == (201, True)
    assert (await lab.one(FlowClosed)).reason == "responded"
    if route == "plain":
        assert not lab.all(DialStarted)


async def test_an_answer_of_the_handler_is_told_as_what_it_is(lab: Lab, route: str) -> None:
    fields = ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip"))
    await lab.start(handler=OnRequest(always(Respond(fields=fields, body=gzip.compress(b"[1]")))))
    link = await lab.link(route)
    link.ask(POST)
    await link.client.rest()
    head = await lab.one(ResponseHead)
    assert (head.content_type, head.content_encoding) == (b"application/json", b"gzip")


async def test_a_request_may_be_blocked(lab: Lab, route: str) -> None:
    await lab.start(handler=OnRequest(always(Block(451, "not here"))))
    link = await lab.link(route)
    link.ask(POST)
    got = await link.client.rest()
    assert got.startswith(b"HTTP/1.1 451 ")
    assert b"not here" in got
    assert link.origin.received == b""
    assert (await lab.one(FlowClosed)).reason == "blocked"


async def test_a_body_over_the_budget_is_told_to_the_hook_and_streams_on(lab: Lab, route: str) -> None:
    told = []

    async def decide(request: Request) -> None:
        try:
            await request.body()
        except BodyTooLarge as error:
            told.append(str(error))

    await lab.start(handler=OnRequest(decide), limits={"hook_body_bytes": 1000})
    link = await lab.link(route)
    body = bytes(range(250)) * 4000
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    await link.pass_request(head + body)
    await link.pass_response(OK)
    assert len(told) == 1
    assert "1000" in told[0]


async def test_expect_continue_is_answered_here_when_a_hook_wants_the_body(lab: Lab, route: str) -> None:
    bodies = []

    async def decide(request: Request) -> None:
        bodies.append(await request.body())

    await lab.start(handler=OnRequest(decide))
    link = await lab.link(route)
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    link.ask(head)
    await link.client.same(b"HTTP/1.1 100 Continue\r\n\r\n")
    link.client.send(b"body")
    server = await link.server()
    await server.same(head.replace(b"Expect: 100-continue\r\n", b"") + b"body")
    await link.pass_response(OK)
    assert bodies == [b"body"]
    assert (await lab.one(ResponseInfo)).generated is True


async def test_expect_continue_is_left_alone_when_no_hook_wants_the_body(lab: Lab, route: str) -> None:
    await lab.start(handler=OnRequest(always(None)))
    link = await lab.link(route)
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    await link.pass_request(head)
    await link.pass_response(b"HTTP/1.1 100 Continue\r\n\r\n")
    link.client.send(b"body")
    await (await link.server()).same(b"body")


# --- responses


@pytest.mark.parametrize("decision", [None, Continue()])
async def test_a_response_that_goes_on_is_not_changed_by_a_byte(
    lab: Lab, route: str, decision: Decision | None
) -> None:
    handler = OnResponse(always(decision))
    await lab.start(handler=handler)
    link = await lab.link(route)
    await link.pass_request(link.get(b"/r"))
    await link.pass_response(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
    await link.pass_response(
        b"HTTP/1.1 200  Fine\r\nTransfer-encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nT:1\r\n\r\n"
    )
    await lab.settled()
    response = handler.seen[0]
    assert (response.status, response.request.target) == (200, link.target(b"/r"))
    assert len(handler.seen) == 1, "interim responses are not decided about"


async def test_a_response_head_may_be_changed(lab: Lab, route: str) -> None:
    change = Modify(status=404, reason=b"Gone", set_fields=((b"Server", b"me"),), drop_fields=(b"X-B",))
    await lab.start(handler=OnResponse(always(change)))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nX-B: 1\r\nserver: you\r\nContent-Length: 2\r\n\r\nok")
    await link.client.same(b"HTTP/1.1 404 Gone\r\nContent-Length: 2\r\nServer: me\r\n\r\nok")
    acted = await lab.one(HandlerActed)
    assert (acted.hook, acted.action) == ("on_response", "modify")
    assert (await lab.one(ResponseHead)).status == 200, "the stream keeps what the upstream sent"


async def test_a_response_body_may_be_replaced(lab: Lab, route: str) -> None:
    async def decide(response: Response) -> Decision:
        return Modify(body=(await response.body()).upper() + b"!")

    await lab.start(handler=OnResponse(decide))
    link = await lab.link(route)
    for _ in range(2):
        server = await link.pass_request(link.get())
        server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        server.send(b"2\r\nde\r\n0\r\n\r\n")
        await link.client.same(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nABCDE!")
        await lab.settled()


@pytest.mark.parametrize(
    "decision", [Respond(status=203, body=b"other"), Block(502, "unfit")], ids=["respond", "block"]
)
async def test_a_response_may_be_replaced_or_refused(lab: Lab, route: str, decision: Decision) -> None:
    await lab.start(handler=OnResponse(always(decision)))
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    got = await link.client.rest()
    assert b"secret" not in got
    if isinstance(decision, Respond):
        assert got.startswith(b"HTTP/1.1 203 ")
        assert got.endswith(b"\r\n\r\nother")
        assert (await lab.one(FlowClosed)).reason == "responded"
    else:
        assert got.startswith(b"HTTP/1.1 502 ")
        assert b"unfit" in got
        assert (await lab.one(FlowClosed)).reason == "blocked"


async def test_a_hook_that_asks_for_no_body_never_holds_the_stream(lab: Lab, route: str) -> None:
    class Looks(Handler):
        async def on_request(self, request: Request) -> None:
            return None

        async def on_response(self, response: Response) -> None:
            return None

        def on_stream_chunk(self, chunk: StreamChunk) -> None:
            return None

    await lab.start(handler=Looks())
    link = await lab.link(route)
    server = await link.pass_request(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    for number in range(3):
        link.client.send(b"1\r\n%d\r\n" % number)
        await server.same(b"1\r\n%d\r\n" % number)
    await link.pass_response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(3):
        await link.pass_response(b"1\r\n%d\r\n" % number)


async def test_a_response_over_the_budget_is_told_to_the_hook_and_streams_on(lab: Lab, route: str) -> None:
    told = []

    async def decide(response: Response) -> None:
        try:
            await response.body()
        except BodyTooLarge:
            told.append(response.status)

    await lab.start(handler=OnResponse(decide), limits={"hook_body_bytes": 1000})
    link = await lab.link(route)
    await link.pass_request(link.get())
    body = bytes(range(250)) * 4000
    await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert told == [200]


async def test_defect_06_a_hook_may_hold_a_body_after_a_streamed_response(lab: Lab, route: str) -> None:
    bodies = []

    async def decide(request: Request) -> None:
        bodies.append(await request.body())

    await lab.start(handler=OnRequest(decide))
    link = await lab.link(route)
    for _ in range(3):
        await link.pass_request(POST)
        await link.pass_response(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await link.pass_response(b"9\r\ndata: 1\n\n\r\n")
        await link.pass_response(b"0\r\n\r\n")
        await lab.settled()
    assert bodies == [b"hello"] * 3
    assert {closed.reason for closed in lab.all(FlowClosed)} == {"completed"}


async def test_defect_07_a_refused_upgrade_stays_http_and_loses_no_byte(lab: Lab, route: str) -> None:
    """An upgrade that the origin does not grant, with bytes behind it, goes on as plain exchanges."""
    await lab.start()
    link = await lab.link(route)
    upgrade = (
        b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: not-base64\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    following = link.get(b"/next")
    link.client.send(link.wrote(upgrade) + link.wrote(following))
    server = await link.server()
    await server.same(upgrade)
    server.send(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
    await link.client.same(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")
    await server.same(following)
    server.send(OK)
    await link.client.same(OK)


# --- hooks that fail


def failing(error: Exception) -> Callable[[object], Awaitable[Decision | None]]:
    async def decide(message: object) -> Decision | None:
        raise error

    return decide


async def for_ever(message: object) -> Decision | None:
    await asyncio.Event().wait()
    return None


@pytest.mark.parametrize("how", ["raises", "takes too long"])
@pytest.mark.parametrize("hook", ["on_request", "on_response"])
async def test_a_hook_that_fails_open_lets_the_message_pass(
    lab: Lab, route: str, hook: str, how: str
) -> None:
    decide = failing(RuntimeError("oh \x1b no")) if how == "raises" else for_ever
    handler = OnRequest(decide) if hook == "on_request" else OnResponse(decide)
    proxy = await lab.start(handler=handler, limits={"handler_timeout": 0.05})
    link = await lab.link(route)
    await link.pass_request(POST)
    await link.pass_response(OK)
    await lab.settled()
    failed = await lab.one(HandlerFailed)
    assert (failed.hook, failed.outcome) == (hook, "open")
    assert "\x1b" not in failed.error
    assert proxy.counters.hits["handler_failures"] == 1
    assert (await lab.one(FlowClosed)).reason == "completed"


@pytest.mark.parametrize("how", ["raises", "takes too long"])
@pytest.mark.parametrize("hook", ["on_request", "on_response"])
async def test_a_hook_that_fails_closed_is_a_500(lab: Lab, route: str, hook: str, how: str) -> None:
    decide = failing(RuntimeError("oh no")) if how == "raises" else for_ever
    handler = OnRequest(decide) if hook == "on_request" else OnResponse(decide)
    await lab.start(handler=handler, handler_fails="closed", limits={"handler_timeout": 0.05})
    link = await lab.link(route)
    link.ask(POST)
    if hook == "on_response":
        server = await link.server()
        await server.same(POST)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    got = await link.client.rest()
    assert got.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in got
    assert (await lab.one(HandlerFailed)).outcome == "closed"
    if hook == "on_request":
        assert link.origin.received == b""


async def test_the_time_a_client_takes_for_its_body_is_not_the_hooks(lab: Lab) -> None:
    bodies = []

    async def decide(request: Request) -> None:
        bodies.append(await request.body())

    proxy = await lab.start(handler=OnRequest(decide), limits={"handler_timeout": 0.05})
    link = await lab.link("plain")
    link.ask(POST[:-5])
    await lab.told(RequestHead)
    begun = proxy._shared.loop.time()
    await eventually(lambda: proxy._shared.loop.time() > begun + 0.1)
    link.client.send(POST[-5:])
    await (await link.server()).same(POST)
    assert bodies == [b"hello"]
    assert not lab.all(HandlerFailed)


@pytest.mark.parametrize(
    "change", [Modify(set_fields=((b"A", b"b\r\nEvil: 1"),)), Modify(target=b"/a b"), Modify(method=b"G T")]
)
async def test_a_change_that_would_break_the_message_is_not_made(lab: Lab, change: Modify) -> None:
    await lab.start(handler=OnRequest(always(change)))
    link = await lab.link("plain")
    await link.pass_request(POST)
    await link.pass_response(OK)
    assert (await lab.one(HandlerFailed)).hook == "on_request"


async def test_a_client_that_leaves_while_a_hook_decides_ends_the_flow(lab: Lab, route: str) -> None:
    cancelled = []

    async def decide(request: Request) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(request.flow)
            raise

    handler = OnRequest(decide)
    await lab.start(handler=handler)
    link = await lab.link(route)
    link.ask(POST)
    await eventually(lambda: handler.seen)
    link.client.reset()
    await eventually(lambda: cancelled)
    assert (await lab.told(FlowClosed))[0].reason == "client_closed"
    assert link.origin.received == b""


# --- the plain hooks


class Diary(Handler):
    """Write down every plain hook."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []
        self.failures: list[TlsFailure] = []
        self.veto = False

    def should_intercept_tls(self, target: Target) -> bool:
        self.lines.append(("target", target.host, target.sni, target.alpn))
        return not self.veto

    def on_tls_failure(self, failure: TlsFailure) -> None:
        self.failures.append(failure)

    def on_stream_chunk(self, chunk: StreamChunk) -> None:
        self.lines.append(("chunk", chunk.flow, chunk.direction.value, chunk.offset, chunk.data))

    def on_stream_end(self, flow: int) -> None:
        self.lines.append(("end", flow))

    def on_connection_open(self, connection: ConnectionInfo) -> None:
        self.lines.append(("open", connection.conn))

    def on_connection_close(self, connection: ConnectionInfo) -> None:
        self.lines.append(("close", connection.conn))


async def test_the_plain_hooks_come_in_order_and_each_end_once(lab: Lab, route: str) -> None:
    diary = Diary()
    await lab.start(handler=diary)
    link = await lab.link(route)
    for _ in range(2):
        await link.pass_request(POST)
        await link.pass_response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await link.pass_response(b"2\r\nab\r\n")
        await link.pass_response(b"1\r\nc\r\n")
        await link.pass_response(b"0\r\n\r\n")
        await lab.settled()
    link.client.close()
    await eventually(lambda: ("close", 1) in diary.lines)
    wanted: list[tuple[object, ...]] = [("open", 1)]
    if route == "tls":
        wanted.append(("target", "site.test", "site.test", ("http/1.1",)))
    for flow in (1, 2):
        wanted += [
            ("chunk", flow, "request", 0, b"hello"),
            ("chunk", flow, "response", 0, b"ab"),
            ("chunk", flow, "response", 2, b"c"),
            ("end", flow),
        ]
    assert diary.lines == [*wanted, ("close", 1)]


async def test_the_ends_are_told_when_a_connection_breaks(lab: Lab, route: str) -> None:
    diary = Diary()
    await lab.start(handler=diary)
    link = await lab.link(route)
    await link.pass_request(link.get())
    link.client.reset()
    await eventually(lambda: ("close", 1) in diary.lines)
    assert [line for line in diary.lines if line[0] in ("end", "close")] == [("end", 1), ("close", 1)]


async def test_a_refused_connection_is_opened_and_closed_for_the_handler_too(lab: Lab) -> None:
    diary = Diary()
    await lab.start(handler=diary)
    client = await lab.client()
    client.send(b"CONNECT nowhere HTTP/1.1\r\n\r\n")
    await client.rest()
    await eventually(lambda: len(diary.lines) >= 3)
    assert diary.lines == [("open", 1), ("end", 1), ("close", 1)]


async def test_a_veto_passes_tls_through_undecrypted(lab: Lab) -> None:
    diary = Diary()
    diary.veto = True
    await lab.start(handler=diary)
    origin = await lab.origin(tls=True)
    context = lab.client_context(trusts=False)
    context.load_verify_locations(lab.world.roots)
    client = await lab.inside(await lab.connect(origin.port), context=context)
    client.send(b"opaque")
    await (await origin.accept()).same(b"opaque")
    client.close()
    await origin.wires[0].rest()
    origin.wires[0].close()
    await lab.told(FlowClosed)
    await eventually(lambda: ("close", 1) in diary.lines)
    assert ("end", 1) in diary.lines


async def test_a_failing_handshake_is_told_to_the_handler_once(lab: Lab) -> None:
    diary = Diary()
    await lab.start(handler=diary)
    origin = await lab.origin(tls=True)
    sock = await lab.connect(origin.port)
    with pytest.raises(ssl.SSLError):
        await lab.inside(sock, context=lab.client_context(trusts=False))
    await eventually(lambda: diary.failures)
    await lab.told(FlowClosed)
    assert [failure.peer for failure in diary.failures] == ["client"]


async def test_an_upstream_handshake_that_fails_is_told_to_the_handler_once(lab: Lab) -> None:
    diary = Diary()
    await lab.start(handler=diary)
    origin = await lab.origin(tls=True, context=lab.world.server_context("other.test"))
    client = await lab.inside(await lab.connect(origin.port), context=lab.client_context())
    client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
    assert [(failure.peer, failure.reason) for failure in diary.failures] == [
        ("upstream", "hostname_mismatch")
    ]


class Broken(Diary):
    """Raise from every plain hook."""

    def should_intercept_tls(self, target: Target) -> bool:
        raise ValueError("intercept")

    def on_stream_chunk(self, chunk: StreamChunk) -> None:
        raise ValueError("chunk")

    def on_stream_end(self, flow: int) -> None:
        raise ValueError("end")

    def on_connection_open(self, connection: ConnectionInfo) -> None:
        raise ValueError("open")

    def on_connection_close(self, connection: ConnectionInfo) -> None:
        raise ValueError("close")


async def test_plain_hooks_that_raise_hurt_nothing_and_are_shown(lab: Lab, route: str) -> None:
    lab.faults_expected = True
    proxy = await lab.start(handler=Broken())
    link = await lab.link(route)
    await link.pass_request(POST)
    await link.pass_response(OK)
    await lab.settled()
    link.client.close()
    await eventually(lambda: not proxy._shared.sessions)
    assert {failed.hook for failed in lab.all(HandlerFailed)} == {"on_stream_chunk"}
    texts = " ".join(notice.text for notice in lab.all(Notice))
    assert "on_connection_open" in texts
    assert "on_connection_close" in texts
    assert not proxy.counters.hits.get("internal_errors")


async def test_a_handler_without_hooks_costs_nothing(lab: Lab) -> None:
    proxy = await lab.start(handler=Handler())
    hooks = proxy._shared.hooks
    names = ("request", "response", "chunk", "end", "open", "close", "intercept", "tls_failure")
    assert not any(getattr(hooks, name) for name in names)
