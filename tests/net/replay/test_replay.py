"""A request is sent again as a flow of its own: over HTTP/1.1, TLS and HTTP/2, streamed, bounded, cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from soth_mitm.errors import ReplayError
from soth_mitm.hooks.decisions import Respond
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Request
from soth_mitm.model.events import (
    Direction,
    FlowBound,
    FlowClosed,
    FlowKind,
    FlowOpened,
    ProcessKnown,
    RequestEnd,
    RequestHead,
    ResponseEnd,
    ResponseHead,
)
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.replay.replay import CANCELLED, DONE, Attempt
from soth_mitm.policy.breakpoints.breakpoint import Breakpoint
from soth_mitm.policy.diff import DiffLine, Kind, compare_exchanges
from soth_mitm.policy.editing.draft import RequestDraft
from soth_mitm.policy.retargeting import Site, parse_site, redirected
from soth_mitm.record.comparing import exchange_of
from soth_mitm.record.resending import HELD_BYTES
from tests.helpers.h2peer import OK as OK2
from tests.helpers.h2peer import Peer, h2_link, post
from tests.helpers.net import HOST, OK, SITE, Lab, Link
from tests.helpers.wire import Wire, eventually

if TYPE_CHECKING:
    from soth_mitm.net.replay.replay import Replay
    from tests.net.replay.conftest import Recorded

NO = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"


def draft(port: int, /, **changes: object) -> RequestDraft:
    """Return a small request to a plain server of this machine."""
    fields = {"scheme": "http", "host": SITE, "port": port, "method": b"GET", "target": b"/again"}
    made = RequestDraft(**fields, fields=((b"Host", SITE.encode()),))  # type: ignore[arg-type]
    return msgspec.structs.replace(made, **changes)


async def exchanged(recorded: Recorded, route: str, request: bytes, answer: bytes = OK) -> tuple[Link, Wire]:
    """Have one exchange pass through the started proxy."""
    link = await recorded.lab.link(route)
    server = await link.pass_request(request.replace(b"{site}", link.site))
    await link.pass_response(answer)
    return link, server


async def answered(replay: Replay, server: Wire, request: bytes, answer: bytes) -> Attempt:
    """See a replay's request arrive byte for byte, answer it, and return what the replay says of it."""
    await server.same(request)
    server.send(answer)
    (attempt,) = await replay.wait()
    return attempt


async def test_a_request_is_sent_again_byte_for_byte_as_a_row_linked_to_its_original(
    recorded: Recorded, route: str
) -> None:
    await recorded.start()
    raw = (
        b"POST /v1?q=%20 HTTP/1.1\r\nhOST: {site}\r\nX-Twice: 1\r\nAccept: */*\r\nx-twice:  2\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    link, first = await exchanged(recorded, route, raw)
    link.client.close()
    await first.closed() if route == "tls" else None
    replay = await recorded.lab.running.control.replay(await recorded.resend())
    server = first if route == "plain" else await link.origin.accept()  # a pooled connection, or a new one
    wanted = raw.replace(b"{site}", link.site).replace(b"x-twice:  2", b"x-twice: 2")
    attempt = await answered(replay, server, wanted, NO)
    assert (attempt.state, attempt.flow, attempt.status, attempt.size) == (DONE, 2, 404, 4)
    assert (attempt.error, attempt.duration_ns > 0) == ("", True)
    opened = recorded.lab.all(FlowOpened)
    scheme = "https" if route == "tls" else "http"
    assert opened[1] == FlowOpened(
        FlowKind.HTTP, scheme, SITE, link.origin.port, "replay", False, False, replay_of=1
    )
    index = recorded.store.index
    recorded.store.catch_up()
    assert [index.row(number).replay_of for number in index.search("is:replay replay:1", 0, 9)] == [1]
    assert (index.row(0).status, index.row(1).status) == (200, 404), "the original stays as it was"
    assert index.row(1).process == recorded.lab.all(ProcessKnown)[-1].name == "soth-mitm"


async def test_times_go_over_a_kept_connection_and_each_is_a_flow(recorded: Recorded) -> None:
    await recorded.start()
    origin = await recorded.lab.origin()
    replay = await recorded.lab.running.control.replay(draft(origin.port), times=3)
    server = await origin.accept()
    for status in (200, 404, 200):
        await server.same(b"GET /again HTTP/1.1\r\nHost: site.test\r\n\r\n")
        server.send(OK if status == 200 else NO)
    attempts = await replay.wait()
    assert [(each.flow, each.status, each.error) for each in attempts] == [
        (1, 200, ""),
        (2, 404, ""),
        (3, 200, ""),
    ]
    assert [bound.reused for bound in recorded.lab.all(FlowBound)] == [False, True, True]
    assert len({event.conn for event in recorded.lab.events if event.flow}) == 1
    assert replay.finished
    assert replay.done == 3


async def test_so_many_as_asked_for_are_under_way_at_once_and_no_more_than_the_limit(lab: Lab) -> None:
    proxy = await lab.start(limits={"replay_concurrency": 2})
    origin = await lab.origin()
    replay = await proxy.control.replay(draft(origin.port), times=4, concurrency=4)
    await eventually(lambda: len(origin.wires) == 2 and all(wire.received for wire in origin.wires), "two")
    assert [each.state for each in replay.attempts] == ["sending", "sending", "waiting", "waiting"]
    for wire in origin.wires:
        wire.send(OK)
    await eventually(lambda: origin.received.count(b"GET /again") == 4, "the others")
    for wire in origin.wires:
        wire.send(OK)
    assert [each.status for each in await replay.wait()] == [200] * 4


async def test_a_dead_host_gives_a_row_and_an_error_in_words(
    recorded: Recorded, unused_tcp_port: int
) -> None:
    await recorded.start()
    replay = await recorded.lab.running.control.replay(draft(unused_tcp_port))
    (attempt,) = await replay.wait()
    assert (attempt.state, attempt.status) == (DONE, 502)
    assert "refused" in attempt.error
    assert str(unused_tcp_port) in attempt.error
    closed = await recorded.lab.one(FlowClosed)
    assert closed.reason == CloseReason.UPSTREAM_CONNECT_FAILED


async def test_a_blocked_host_and_the_proxy_itself_are_refused_with_a_row(lab: Lab) -> None:
    proxy = await lab.start(block=(SITE,))
    blocked = await (await proxy.control.replay(draft(80))).wait()
    itself = await (await proxy.control.replay(draft(lab.port, host=HOST))).wait()
    assert (blocked[0].status, blocked[0].error) == (403, "blocked")
    assert (itself[0].status, itself[0].outcome) == (508, "points at this proxy")
    assert [body.reason for body in lab.all(FlowClosed)] == [CloseReason.BLOCKED, CloseReason.SELF_LOOP]


async def test_a_request_that_the_grammar_refuses_is_a_row_too(lab: Lab) -> None:
    proxy = await lab.start()
    odd = draft(80, fields=((b"Host", b"a"), (b"bad name", b"x")), as_typed=True)
    (attempt,) = await (await proxy.control.replay(odd)).wait()
    assert attempt.status == 400
    assert attempt.error
    (opened,) = lab.all(FlowOpened)
    assert (opened.host, opened.flow_kind) == (SITE, FlowKind.FAILED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": b"/a\r\nX: y"}, "the target holds a line break"),
        ({"method": b""}, "the method is empty"),
        ({"fields": ((b"A", b"x\ny"),)}, "the field A holds a line break"),
        ({"port": 0}, "no address site.test:0"),
        ({"scheme": "ftp"}, "the scheme ftp is neither"),
        ({"body": None}, "no body"),
    ],
)
async def test_what_cannot_be_sent_is_refused_in_words(
    lab: Lab, changes: dict[str, object], words: str
) -> None:
    proxy = await lab.start()
    with pytest.raises(ReplayError, match=words):
        await proxy.control.replay(draft(80, **changes))
    with pytest.raises(ReplayError, match="1 to 10,000 times"):
        await proxy.control.replay(draft(80), times=10_001)


async def test_a_large_body_is_streamed_from_the_recording_as_the_server_takes_it(recorded: Recorded) -> None:
    await recorded.start()
    body = bytes(range(256)) * 8192
    head = b"PUT /file HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    _, server = await exchanged(recorded, "plain", head + body)
    resend = await recorded.resend()
    assert (resend.draft.body, resend.length > HELD_BYTES) == (None, True)
    reads: list[int] = []

    async def read(start: int, size: int) -> bytes:
        assert resend.read is not None
        reads.append(start)
        return await resend.read(start, size)

    server.transport.pause_reading()
    replay = await recorded.lab.running.control.replay(msgspec.structs.replace(resend, read=read))
    await eventually(lambda: reads, "the first read")
    server.transport.resume_reading()
    assert (await answered(replay, server, head + body, OK)).status == 200
    assert len(reads) == len(body) // 65_536
    again = await recorded.store.body(2, Direction.REQUEST, 0, len(body))
    assert again == body


async def test_a_chunked_body_with_trailers_goes_chunked_again(recorded: Recorded) -> None:
    await recorded.start()
    raw = (
        b"POST / HTTP/1.1\r\nHost: x\r\nTrailer: Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nSum: 1\r\n\r\n"
    )
    _, server = await exchanged(recorded, "plain", raw)
    replay = await recorded.lab.running.control.replay(await recorded.resend())
    assert (await answered(replay, server, raw, OK)).status == 200


async def test_an_edited_draft_goes_with_the_length_it_has_or_as_it_was_typed(recorded: Recorded) -> None:
    await recorded.start()
    raw = b"POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\nA: b\r\n\r\nhello"
    _, server = await exchanged(recorded, "plain", raw)
    resend = await recorded.resend()
    edited = msgspec.structs.replace(resend.draft, body=b"hello you", method=b"PUT")
    control = recorded.lab.running.control
    replay = await control.replay(msgspec.structs.replace(resend, draft=edited))
    wanted = b"PUT / HTTP/1.1\r\nHost: x\r\ncontent-length: 9\r\nA: b\r\n\r\nhello you"
    assert (await answered(replay, server, wanted, OK)).status == 200
    typed = msgspec.structs.replace(
        edited, fields=((b"Host", b"x"), (b"Content-Length", b"09")), as_typed=True
    )
    replay = await control.replay(typed)
    wanted = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 09\r\n\r\nhello you"
    assert (await answered(replay, server, wanted, OK)).status == 200
    assert [body.replay_of for body in recorded.lab.all(FlowOpened)] == [0, 1, 0]


async def test_it_goes_to_another_host_with_its_host_field(recorded: Recorded) -> None:
    await recorded.start()
    await exchanged(recorded, "tls", b"GET /p HTTP/1.1\r\nHost: site.test\r\nA: b\r\n\r\n")
    other = await recorded.lab.origin()
    resend = await recorded.resend()
    moved = redirected(resend.draft, parse_site(f"http://other.test:{other.port}"))
    replay = await recorded.lab.running.control.replay(msgspec.structs.replace(resend, draft=moved))
    wanted = b"GET /p HTTP/1.1\r\nHost: other.test:%d\r\nA: b\r\n\r\n" % other.port
    assert (await answered(replay, await other.accept(), wanted, OK)).status == 200


def test_a_server_is_named_by_scheme_host_and_port() -> None:
    assert parse_site("https://a.test") == Site("https", "a.test", 443)
    assert parse_site("a.test:81/") == Site("http", "a.test", 81)
    assert str(parse_site("http://[::1]:8080")) == "http://[::1]:8080"
    for text in ("ftp://a.test", "https://", "https://a.test/path", "a:b:c"):
        with pytest.raises(ReplayError):
            parse_site(text)


async def test_it_speaks_http2_where_the_original_did_trailers_and_all(recorded: Recorded) -> None:
    await recorded.start()
    link = await h2_link(recorded.lab)
    ask = post(b"/grpc", (b"content-type", b"application/grpc"), (b"te", b"trailers"))
    stream, server, number = await link.request(ask, end=False)
    link.client.data(stream, b"\0\0\0\0\2hi", end=True)
    await server.message(number)
    server.answer(
        number, b"\0\0\0\0\2yo", fields=[(b":status", b"200"), (b"content-type", b"application/grpc")]
    )
    await link.client.message(stream)
    replay = await recorded.lab.running.control.replay(await recorded.resend())
    again = Peer(await link.origin.accept(), client=False)
    asked = await again.message(1)
    assert dict(asked.head)[b":path"] == b"/grpc"
    assert dict(asked.head)[b":authority"] == b"site.test"
    assert (b"te", b"trailers") in asked.head
    assert asked.body == b"\0\0\0\0\2hi"
    again.head_out(1, [*OK2[:1], (b"content-type", b"application/grpc")])
    again.data(1, b"\0\0\0\0\2yo")
    again.head_out(1, [(b"grpc-status", b"5"), (b"grpc-message", b"no")], end=True)
    (attempt,) = await replay.wait()
    assert (attempt.status, attempt.outcome) == (200, "gRPC NOT_FOUND: no")
    assert recorded.lab.all(ResponseHead, flow=2)[0].version == "HTTP/2.0"
    assert (await recorded.resend(2)).draft.version == "HTTP/2.0", "a replay of the replay does so too"


async def test_an_offer_of_http2_stays_one_that_nobody_takes(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    offer = ((b"Host", b"x"), (b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", b"h2c"))
    offering = draft(origin.port, fields=(*offer, (b"HTTP2-Settings", b"AAMAAABk")))
    replay = await proxy.control.replay(offering)
    server = await origin.accept()
    assert b"h2c" not in await server.head()
    server.send(OK)
    assert (await replay.wait())[0].status == 200


async def test_one_that_gets_no_answer_is_cut_in_time_with_a_row(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    (attempt,) = await (await proxy.control.replay(draft(origin.port), timeout=0.05)).wait()
    assert attempt.error == "timed out: nothing moved for 0.05 s"
    assert (await lab.one(FlowClosed)).reason == CloseReason.STAGE_TIMEOUT


async def test_a_cancelled_replay_cuts_what_is_open_and_sends_no_more(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    replay = await proxy.control.replay(draft(origin.port), times=5)
    await (await origin.accept()).head()
    await replay.cancel()
    assert {each.state for each in await replay.wait()} == {CANCELLED}
    assert (await lab.one(FlowClosed)).reason == CloseReason.KILLED
    await eventually(lambda: not lab.running._shared.sessions, "the end of its connection")


async def test_stopping_the_proxy_ends_a_replay(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    replay = await proxy.control.replay(draft(origin.port), times=5)
    await (await origin.accept()).head()
    await proxy.drain(0)
    attempts = await replay.wait()
    assert {each.state for each in attempts} <= {CANCELLED, DONE}
    assert (await lab.one(FlowClosed)).reason == CloseReason.SHUTDOWN
    with pytest.raises(ReplayError, match="stopping"):
        await proxy.control.replay(draft(origin.port))


async def test_a_handler_decides_about_a_replay_as_about_any_request(lab: Lab) -> None:
    class Mock(Handler):
        async def on_request(self, request: Request) -> Respond:
            return Respond(203, body=b"from here")

    proxy = await lab.start(handler=Mock())
    (attempt,) = await (await proxy.control.replay(draft(1))).wait()
    assert (attempt.status, attempt.size, attempt.error) == (203, 9, "")


async def test_an_answer_before_the_end_of_the_body_ends_it(recorded: Recorded) -> None:
    await recorded.start()
    body = b"x" * 3_000_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    await exchanged(recorded, "plain", head + body)
    other = await recorded.lab.origin()
    resend = await recorded.resend()
    moved = redirected(resend.draft, Site("http", SITE, other.port))
    replay = await recorded.lab.running.control.replay(msgspec.structs.replace(resend, draft=moved))
    server = await other.accept()
    await server.head()
    server.transport.pause_reading()
    server.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    (attempt,) = await replay.wait()
    assert (attempt.status, attempt.state) == (413, DONE)
    assert not recorded.lab.all(RequestEnd, flow=2)
    assert recorded.lab.all(ResponseEnd, flow=2)


async def test_a_replay_is_told_while_capture_is_off(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    await proxy.control.capture(False)
    replay = await proxy.control.replay(draft(origin.port))
    server = await origin.accept()
    await server.head()
    server.send(OK)
    assert (await replay.wait())[0].status == 200
    assert (await lab.one(RequestHead)).target == b"/again"


async def test_replaying_works_from_another_thread(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()

    def elsewhere() -> int:
        async def send() -> int:
            replay = await proxy.control.replay(draft(origin.port))
            return (await replay.wait())[0].status

        return asyncio.run(send())

    asked = asyncio.get_running_loop().run_in_executor(None, elsewhere)
    server = await origin.accept()
    await server.head()
    server.send(OK)
    assert await asked == 200


async def test_what_is_no_request_or_not_all_there_is_not_replayed(recorded: Recorded) -> None:
    await recorded.start(limits={"capture_body_bytes": 10})
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n" + b"x" * 20
    await exchanged(recorded, "plain", raw)
    with pytest.raises(ReplayError, match="of 20 bytes of its body were not recorded"):
        await recorded.resend()
    with pytest.raises(ReplayError, match="there is no such flow"):
        await recorded.resend(9)


async def test_one_that_is_paused_at_a_breakpoint_waits_for_its_person(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    debugger = proxy.control.debugger
    await debugger.attach()
    await debugger.set_breakpoints([Breakpoint(expression="path:/again")])
    replay = await proxy.control.replay(draft(origin.port), timeout=0.02)
    await eventually(lambda: debugger.paused, "the pause")
    looked = lab.running._shared.loop.time() + 0.05
    await eventually(lambda: lab.running._shared.loop.time() > looked, "longer than its deadline")
    assert replay.attempts[0].state == "sending"
    await debugger.edit(1, msgspec.structs.replace(debugger.paused[0].draft, target=b"/edited"))
    await debugger.resume(1)
    server = await origin.accept()
    assert (await server.head()).startswith(b"GET /edited ")
    server.send(OK)
    assert (await replay.wait())[0].status == 200


async def test_original_and_replay_are_compared_message_by_message(recorded: Recorded) -> None:
    await recorded.start()
    kind = b"Content-Type: application/json\r\n"
    first = b"HTTP/1.1 200 OK\r\n" + kind + b"Content-Length: 8\r\n\r\n" + b'{"a": 1}'
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    _, server = await exchanged(recorded, "plain", raw, first)
    replay = await recorded.lab.running.control.replay(await recorded.resend())
    await answered(replay, server, raw, first.replace(b": 1}", b": 2}"))
    store = recorded.store
    report = compare_exchanges(await exchange_of(store, 1), await exchange_of(store, 2))
    different = [line for section in report.sections for line in section.lines if line.kind != "same"]
    assert different == [DiffLine(Kind.CHANGED, "1", "2", "$.a")]
    assert [section.title for section in report.sections] == [
        "Request line", "Request fields", "Request body", "Response line", "Response fields", "Response body",
    ]  # fmt: skip
    assert await exchange_of(store, 9) == (None, None)
