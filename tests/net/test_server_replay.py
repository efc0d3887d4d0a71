"""Server replay: recorded answers in place of upstreams, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from h2.settings import SettingCodes

from soth_mitm.config import Limits, ServerReplay
from soth_mitm.errors import DumpError
from soth_mitm.model.events import FlowClosed, Noted, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.net.serving.conversing import _Talk
from soth_mitm.policy.recorded import ReplayRuleError
from soth_mitm.record.store import Store
from tests.helpers.h2peer import Peer, h2_link
from tests.helpers.net import OK, Lab
from tests.helpers.upgrade import DEFLATE, EXTENDED, REQUEST, SWITCH, StreamEnd, upgraded
from tests.helpers.wire import Wire, eventually
from tests.proto.websocket.framing import BINARY, CLOSE, PING, PONG, TEXT, frame

if TYPE_CHECKING:
    from tests.helpers.net import World

BYE = frame(CLOSE, b"\x0f\xa1over", mask=False)
"""4001."""
MARK = b"|"
"""Where one read ends."""
EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\ndata: 1\n\n\r\n" + MARK + b"9\r\ndata: 2\n\n\r\n" + MARK + b"0\r\nX-End: yes\r\n\r\n"
)
ANSWERS = {
    b"GET /a?x=1&t=9 HTTP/1.1\r\nHost: site.test\r\n\r\n": [
        b"HTTP/1.1 201 Made\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nfirst",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond",
    ],
    b"POST /p HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\none": [OK],
    b"GET /events HTTP/1.1\r\nHost: site.test\r\n\r\n": [EVENTS],
}


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dumps")


@asynccontextmanager
async def recording(path: Path, world: World) -> AsyncIterator[Lab]:
    """Give a proxy whose flows are in a file afterwards."""
    lab = Lab(world)
    proxy = await lab.start()
    store = Store.live(proxy.bus, run_id=proxy.run_id, limits=Limits())
    yield lab
    await lab.stop()
    await store.save(path)
    await store.close(delete=True)


@pytest.fixture
async def dump(dumps: Path, world: World) -> Path:
    """Record the answers of an intercepted server, once for the module."""
    path = dumps / "answers.soth"
    if not path.exists():
        async with recording(path, world) as lab:
            origin = await lab.origin(tls=True)
            link = await lab.link("tls", origin=origin)
            for request, answers in ANSWERS.items():
                for answer in answers:
                    await link.pass_request(request)
                    for piece in answer.split(MARK):
                        await link.pass_response(piece)
    return path


@pytest.fixture
async def talk(dumps: Path, world: World) -> Path:
    """Record a conversation, once for the module: a greeting, answers, and the server's close."""
    path = dumps / "talk.soth"
    if not path.exists():
        async with recording(path, world) as lab:
            offer, chosen = (
                b"Sec-WebSocket-Protocol: a, b\r\n" + DEFLATE,
                b"Sec-WebSocket-Protocol: b\r\n" + DEFLATE,
            )
            ws = await upgraded(lab, "tls", fields=offer, answer=chosen)
            await ws.down(frame(TEXT, b"hello", mask=False))
            await ws.up(frame(TEXT, b"one"))
            await ws.down(
                frame(TEXT, b"1", mask=False)
                + frame(PING, b"", mask=False)
                + frame(BINARY, b"11", mask=False)
            )
            await ws.up(frame(PING, b"") + frame(TEXT, b"two"))
            await ws.down(frame(TEXT, b"2", mask=False) + BYE)
            await ws.up(frame(CLOSE, b"\x0f\xa1"))
            ws.server.close()
            await ws.ended()
    return path


async def replaying(lab: Lab, dump: Path, **settings: object) -> None:
    """Start a proxy that answers from the dump, for a server that is not there."""
    settings.setdefault("ignore", ("port",))
    replay = ServerReplay(files=(str(dump),), **settings)  # type: ignore[arg-type]
    await lab.start(server_replay=replay, resolver=lambda host, port: [("127.0.0.1", 1)])


async def test_recorded_answers_are_given_in_their_order_and_the_last_again(lab: Lab, dump: Path) -> None:
    await replaying(lab, dump)
    client = await lab.inside(await lab.connect(443), context=lab.client_context())
    (request, (first, second)), *_ = ANSWERS.items()
    for answer in (first, second, second):
        client.send(request)
        await client.same(answer)
    await lab.settled()
    assert [each.detail for each in lab.all(RuleApplied)] == [
        "flow 1 of answers.soth", "flow 2 of answers.soth", "flow 2 of answers.soth",
    ]  # fmt: skip
    assert [each.reason for each in lab.all(FlowClosed)] == [CloseReason.COMPLETED] * 3


@pytest.mark.parametrize("timing", [True, False])
async def test_a_stream_of_events_comes_in_its_pieces_with_its_trailers(
    lab: Lab, dump: Path, timing: bool
) -> None:
    await replaying(lab, dump, timing=timing)
    client = await lab.inside(await lab.connect(443), context=lab.client_context())
    client.send(b"GET /events HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.until(b"\r\n\r\n")).lower().count(b"chunked") == 1
    await client.same(EVENTS.replace(MARK, b"").partition(b"\r\n\r\n")[2])


async def test_a_request_with_another_body_is_another_request(lab: Lab, dump: Path) -> None:
    await replaying(lab, dump, extra="fail")
    client = await lab.inside(await lab.connect(443), context=lab.client_context())
    client.send(b"POST /p HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\none")
    await client.same(OK)
    client.send(b"POST /p HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\ntwo")
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert b"it was recorded with another body" in await client.rest()


async def test_what_may_differ_does_not_matter(lab: Lab, dump: Path) -> None:
    await replaying(lab, dump, ignore=("port", "host", "query:t", "body"), once=True, extra="fail")
    client = await lab.inside(
        await lab.connect(443, host="other.test"), host="other.test", context=lab.client_context()
    )
    client.send(b"GET /a?x=1&t=0 HTTP/1.1\r\nHost: other.test\r\n\r\n")
    await client.same(ANSWERS[next(iter(ANSWERS))][0])
    client.send(b"POST /p HTTP/1.1\r\nHost: other.test\r\nContent-Length: 3\r\n\r\ntwo")
    await client.same(OK)
    client.send(b"POST /p HTTP/1.1\r\nHost: other.test\r\nContent-Length: 3\r\n\r\ntwo")
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert b"all answers were given" in await client.rest()


async def test_what_was_not_recorded_goes_to_its_upstream_and_says_so(lab: Lab, dump: Path) -> None:
    replay = ServerReplay(files=(str(dump),), ignore=("scheme", "port"))
    await lab.start(server_replay=replay)
    link = await lab.link("plain")
    await link.pass_request(link.get(b"/never"))
    await link.pass_response(OK)
    link.ask(b"POST /p HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nother")
    server = await link.server()
    await server.same(b"POST /p HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nother")
    await link.pass_response(OK)
    await lab.settled()
    (note,) = [each for each in lab.all(Noted) if each.code == "not_recorded"]
    assert note.detail.startswith("no recorded answer: it was recorded with another body")


async def test_a_dump_that_cannot_be_read_is_refused_before_anything_listens(
    lab: Lab, tmp_path: Path
) -> None:
    with pytest.raises(DumpError, match=r"none\.soth"):
        await lab.start(server_replay=ServerReplay(files=(str(tmp_path / "none.soth"),)))
    with pytest.raises(ReplayRuleError, match="cannot ignore 'hosts'; did you mean host"):
        await lab.start(server_replay=ServerReplay(files=("x",), ignore=("hosts",)))


async def spoken_to(lab: Lab, fields: bytes = b"") -> Wire:
    """Return a client that has shaken hands with what was recorded."""
    client = await lab.inside(await lab.connect(443), context=lab.client_context())
    client.send(REQUEST + fields + b"\r\n")
    await client.until(b"\r\n\r\n")
    return client


async def test_a_conversation_goes_on_in_step_with_its_client_and_closes_as_it_did(
    lab: Lab, talk: Path
) -> None:
    await replaying(lab, talk, extra="fail")
    client = await lab.inside(await lab.connect(443), context=lab.client_context())
    client.send(REQUEST + b"Sec-WebSocket-Protocol: B\r\n" + DEFLATE + b"\r\n")
    head = (await client.until(b"\r\n\r\n")).lower()
    assert head.startswith(SWITCH.splitlines()[0].lower())
    assert b"\r\nsec-websocket-protocol: b\r\n" in head
    assert b"extensions" not in head
    await client.same(frame(TEXT, b"hello", mask=False))
    client.send(frame(PING, b"?"))
    await client.same(frame(PONG, b"?", mask=False))
    client.send(frame(TEXT, b"anything"))
    await client.same(frame(TEXT, b"1", mask=False) + frame(BINARY, b"11", mask=False))
    client.send(frame(TEXT, b"else"))
    await client.same(frame(TEXT, b"2", mask=False) + BYE)
    client.send(frame(CLOSE, b"\x0f\xa1"))
    await client.closed()
    await lab.settled()
    assert (await lab.one(FlowClosed)).reason == CloseReason.WEBSOCKET_COMPLETED
    assert (await lab.one(RuleApplied)).detail == "flow 1 of talk.soth"


async def test_a_client_that_closes_before_its_server_did_is_answered(lab: Lab, talk: Path) -> None:
    await replaying(lab, talk)
    client = await spoken_to(lab)
    await client.same(frame(TEXT, b"hello", mask=False))
    client.send(frame(CLOSE, b"\x03\xe8"))
    await client.same(frame(CLOSE, b"\x03\xe8", mask=False))
    await client.closed()


async def test_a_client_that_leaves_a_conversation_leaves_nothing_behind(lab: Lab, talk: Path) -> None:
    await replaying(lab, talk)
    client = await spoken_to(lab)
    client.abort()
    await lab.settled()
    await eventually(lambda: not len(lab.running._shared.tasks), "the end of all tasks")


class Full:
    """A writer whose reader takes nothing."""

    def __init__(self, waits: int) -> None:
        self.transport = self
        self.waits = waits
        self.written: list[bytes] = []

    def get_write_buffer_size(self) -> int:
        return self.waits

    def write(self, data: bytes) -> None:
        self.written.append(data)


async def listened(writer: Full, said: bytes, error: Exception) -> bool:
    """Have something said, and the connection lost; return whether a message more would be waited for."""
    reader = asyncio.StreamReader()
    reader.set_exception(error)
    talk = _Talk(reader, cast("asyncio.StreamWriter", writer))
    await talk.listen(said)
    return await asyncio.wait_for(talk.until(1, closing=False), 5)


async def test_a_connection_that_is_reset_ends_its_conversation() -> None:
    assert not await listened(Full(0), frame(PING, b"?"), ConnectionResetError())


@pytest.mark.parametrize("waits", [0, 10**6])
async def test_pings_of_a_client_that_reads_nothing_are_not_answered(waits: int) -> None:
    writer = Full(waits)
    await listened(writer, frame(PING, b"?"), ConnectionResetError())
    assert writer.written == ([] if waits else [frame(PONG, b"?", mask=False)])


async def test_a_conversation_goes_on_over_http2(lab: Lab, talk: Path) -> None:
    await lab.start(server_replay=ServerReplay(files=(str(talk),), ignore=("port",)))
    link = await h2_link(lab)
    link._server = Peer(
        await link.origin.accept(), client=False, settings={SettingCodes.ENABLE_CONNECT_PROTOCOL: 1}
    )
    await link.client.until(lambda: link.client.peer_settings.get(8), "the offer")
    stream = link.client.ask(EXTENDED, end=False)
    await link.client.head(stream)
    end = StreamEnd(link.client, stream)
    assert await end.exactly(7) == frame(TEXT, b"hello", mask=False)
    link.client.data(stream, frame(TEXT, b"x"))
    assert await end.exactly(7) == frame(TEXT, b"1", mask=False) + frame(BINARY, b"11", mask=False)
    link.client.data(stream, frame(TEXT, b"y"))
    assert await end.exactly(3 + len(BYE)) == frame(TEXT, b"2", mask=False) + BYE
    assert (await lab.one(RuleApplied)).detail == "flow 1 of talk.soth"
