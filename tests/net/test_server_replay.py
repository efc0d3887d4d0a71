"""Server replay: recorded answers in place of upstreams, over real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from soth_mitm.config import Limits, ServerReplay
from soth_mitm.errors import DumpError
from soth_mitm.model.events import FlowClosed, Noted, RuleApplied
from soth_mitm.model.reasons import CloseReason
from soth_mitm.policy.recorded import ReplayRuleError
from soth_mitm.record.store import Store
from tests.helpers.net import OK, Lab

if TYPE_CHECKING:
    from tests.helpers.net import World

EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\nX-End: yes\r\n\r\n"
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


@pytest.fixture
async def dump(dumps: Path, world: World) -> Path:
    """Record the answers of an intercepted server, once for the module."""
    path = dumps / "answers.soth"
    if not path.exists():
        lab = Lab(world)
        proxy = await lab.start()
        store = Store.live(proxy.bus, run_id=proxy.run_id, limits=Limits())
        origin = await lab.origin(tls=True)
        link = await lab.link("tls", origin=origin)
        for request, answers in ANSWERS.items():
            for answer in answers:
                await link.pass_request(request)
                await link.pass_response(answer)
        await lab.stop()
        await store.save(path)
        await store.close(delete=True)
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


async def test_a_stream_of_events_comes_in_its_pieces_with_its_trailers(lab: Lab, dump: Path) -> None:
    await replaying(lab, dump, timing=True)
    client = await lab.inside(await lab.connect(443), context=lab.client_context())
    client.send(b"GET /events HTTP/1.1\r\nHost: site.test\r\n\r\n")
    assert (await client.until(b"\r\n\r\n")).lower().count(b"chunked") == 1
    body = await client.until(b"X-End: yes\r\n\r\n")
    assert b"data: 1\n\n" in body
    assert body.endswith(b"data: 2\n\n\r\n0\r\nX-End: yes\r\n\r\n")


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
