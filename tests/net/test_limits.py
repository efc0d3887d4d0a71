"""Every budget of the network side: what happens when it is used up, told and counted."""

from __future__ import annotations

import asyncio
import socket

import pytest

from soth_mitm.model.events import (
    BodyChunk,
    ConnClosed,
    Direction,
    FlowClosed,
    GuardTripped,
    LimitReached,
    Noted,
    RequestHead,
    ResponseEnd,
)
from soth_mitm.net import peek
from soth_mitm.net.tasks import start
from tests.helpers.net import OK, Lab
from tests.helpers.wire import eventually
from tests.net.tls.support import client_hello


async def test_one_connection_too_many_gets_a_503_of_the_right_length(lab: Lab) -> None:
    proxy = await lab.start(limits={"max_connections": 2})
    first, _second = await lab.client(), await lab.client()
    await eventually(lambda: proxy._listener.open_connections == 2)
    third = await lab.client()
    head, _, body = (await third.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]) == len(body)
    assert b"reason code: too_many_connections\n" in body
    reached = await lab.one(LimitReached)
    assert (reached.name, reached.value) == ("max_connections", 2)
    assert proxy.counters.hits["max_connections"] == 1
    assert proxy.counters.peaks["max_connections"] == 2
    first.close()
    await eventually(lambda: proxy._listener.open_connections == 1)
    fourth = await lab.client()
    fourth.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await fourth.rest()).startswith(b"HTTP/1.1 200 ")


async def test_a_limit_is_told_once_a_second_however_often_it_is_hit(lab: Lab) -> None:
    proxy = await lab.start(limits={"max_connections": 1})
    await lab.client()
    await eventually(lambda: proxy._listener.open_connections == 1)
    for _ in range(5):
        await (await lab.client()).rest()
    assert proxy.counters.hits["max_connections"] == 5
    assert len(lab.all(LimitReached)) == 1


async def test_a_head_that_does_not_end_in_time_is_a_408(lab: Lab, route: str) -> None:
    await lab.start(limits={"head_timeout": 3.0})
    link = await lab.link(route)
    link.client.send(link.wrote(link.get())[:-4])
    await eventually(lambda: any(getattr(s, "_head_since", 0) for s in lab.running._shared.sessions))
    lab.pass_time(2.0)
    assert not lab.all(FlowClosed)
    lab.pass_time(4.0)
    assert (await link.client.head()).startswith(b"HTTP/1.1 408 ")
    assert (await lab.one(GuardTripped)).code == "head_timeout"
    assert link.origin.received == b""


async def test_a_connection_whose_first_head_never_comes_is_closed(lab: Lab) -> None:
    await lab.start(limits={"head_timeout": 0.05})
    client = await lab.client()
    await client.rest()
    client.close()
    assert (await lab.told(ConnClosed))[0].reason == "stage_timeout"


async def test_an_idle_connection_is_closed_after_its_time(lab: Lab, route: str) -> None:
    await lab.start(limits={"idle_timeout": 30.0})
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(OK)
    await lab.settled()
    lab.pass_time(29.0)
    assert not link.client.ended
    lab.pass_time(31.0)
    await link.client.rest()
    link.client.close()
    await eventually(lambda: not lab.running._shared.sessions)
    assert {"idle_timeout"} <= {closed.reason for closed in lab.all(ConnClosed)}
    assert (await lab.one(FlowClosed)).reason == "completed"


async def test_an_exchange_that_stands_still_is_ended_after_the_idle_time(lab: Lab, route: str) -> None:
    await lab.start(limits={"idle_timeout": 30.0})
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await link.client.until(b"half")
    lab.pass_time(31.0)
    await link.client.closed()
    await server.closed()
    closed = await lab.one(FlowClosed)
    assert closed.reason == "idle_timeout"


async def test_a_silent_tunnel_is_ended_after_the_idle_time(lab: Lab) -> None:
    await lab.start(limits={"idle_timeout": 30.0, "server_first_wait": 0.01})
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    await lab.told(Noted)
    lab.pass_time(29.0)
    lab.pass_time(31.0)
    await client.rest()
    assert (await lab.one(FlowClosed)).reason == "idle_timeout"


async def test_an_upstream_that_never_answers_is_a_504_where_a_limit_is_set(lab: Lab, route: str) -> None:
    await lab.start(limits={"response_timeout": 20.0})
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    lab.pass_time(19.0)
    lab.pass_time(21.0)
    answer = await link.client.rest()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b"reason code: response_timeout\n" in answer
    assert (await lab.one(FlowClosed)).reason == "stage_timeout"
    await server.closed()


async def test_an_upstream_may_take_for_ever_where_no_limit_is_set(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    await link.pass_request(link.get())
    lab.pass_time(599.0)
    await link.pass_response(OK)


@pytest.mark.parametrize("direction", ["request", "response"])
async def test_a_body_over_the_capture_budget_is_forwarded_whole_and_recorded_in_part(
    lab: Lab, route: str, direction: str
) -> None:
    proxy = await lab.start(limits={"capture_body_bytes": 20_000})
    link = await lab.link(route)
    pieces = [bytes((number,)) * 8000 for number in range(5)]
    length = b"Content-Length: 40000\r\n"
    if direction == "request":
        server = await link.pass_request(b"POST / HTTP/1.1\r\nHost: site.test\r\n" + length + b"\r\n")
        for piece in pieces:
            link.client.send(piece)
            await server.same(piece)
        await link.pass_response(OK)
    else:
        await link.pass_request(link.get())
        await link.pass_response(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        for piece in pieces:
            await link.pass_response(piece)
    await lab.settled()
    chunks = [chunk for chunk in lab.all(BodyChunk) if chunk.direction is Direction(direction)]
    assert sum(chunk.length for chunk in chunks) == 40_000
    kept = b"".join(chunk.data for chunk in chunks)
    assert 8000 <= len(kept) <= 20_000
    assert b"".join(pieces).startswith(kept)
    assert [noted.code for noted in lab.all(Noted)] == ["capture_body"]
    assert proxy.counters.hits["capture_body_bytes"] == 1


async def test_defect_05_body_budget_is_per_message(lab: Lab, route: str) -> None:
    """Many messages on one connection, each within the budget, are all recorded whole."""
    await lab.start(limits={"capture_body_bytes": 1000})
    link = await lab.link(route)
    for _ in range(5):
        await link.pass_request(
            b"POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 900\r\n\r\n" + b"x" * 900
        )
        await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"y" * 900)
        await lab.settled()
    assert all(chunk.data for chunk in lab.all(BodyChunk))
    assert sum(end.body_bytes for end in lab.all(ResponseEnd)) == 4500
    assert {closed.reason for closed in lab.all(FlowClosed)} == {"completed"}


async def test_defect_08_a_client_that_trickles_its_hello_is_cut_in_time(lab: Lab) -> None:
    """A byte now and then does not put the deadline off."""
    await lab.start(limits={"peek_timeout": 0.2})
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))

    async def trickle() -> None:
        for byte in client_hello():
            client.send(bytes((byte,)))
            await asyncio.sleep(0.02)  # all of it would take longer than any test may wait

    trickling = start(trickle(), "trickle")
    await lab.told(Noted)
    trickling.cancel()
    assert (await lab.one(Noted)).code in ("hello_incomplete", "first_bytes_incomplete")


async def test_defect_10_limits_belong_to_one_proxy_and_not_to_the_process(lab: Lab) -> None:
    other = Lab(lab.world)
    try:
        await lab.start(limits={"max_connections": 1})
        await other.start()
        await lab.client()
        await eventually(lambda: lab.running._listener.open_connections == 1)
        assert (await (await lab.client()).rest()).startswith(b"HTTP/1.1 503 ")
        link = await other.link("plain")
        await link.pass_request(link.get())
        await link.pass_response(OK)
        assert not other.running.counters.hits
        assert lab.running.counters.hits
    finally:
        await other.stop()


async def test_defect_11_every_answer_of_the_proxy_has_the_right_length(lab: Lab) -> None:
    await lab.start(limits={"max_connections": 3}, block=("blocked.test",))
    asked = (
        b"GET http://blocked.test/ HTTP/1.1\r\nHost: blocked.test\r\n\r\n",
        b"CONNECT blocked.test:1 HTTP/1.1\r\n\r\n",
        b"GET http://x.test/ HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % lab.port,
        b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    for request in asked:
        client = await lab.client()
        client.send(request)
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        client.close()
        await client.closed()
        assert int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]) == len(body), request
        assert body


async def test_defect_13_a_bad_request_inside_tls_gets_its_400(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    link.ask(b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n")
    assert (await link.client.head()).startswith(b"HTTP/1.1 400 ")
    assert link.origin.received == b""


async def test_defect_15_a_connect_head_is_not_read_byte_by_byte(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    original = peek.peek_now

    def counted(sock: socket.socket, size: int) -> bytes | None:
        data = original(sock, size)
        sizes.append(len(data or b""))
        return data

    monkeypatch.setattr(peek, "peek_now", counted)
    await lab.start()
    origin = await lab.origin()
    padding = b"X-Pad: " + b"x" * 4000 + b"\r\n"
    client = await lab.client()
    client.send(b"CONNECT site.test:%d HTTP/1.1\r\n" % origin.port + padding + b"\r\n")
    await client.until(b"\r\n\r\n")
    assert len(sizes) < 10


async def test_requests_of_one_connection_are_numbered_one_after_another(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    for _ in range(3):
        await link.pass_request(link.get())
        await link.pass_response(OK)
        await lab.settled()
    assert [told.event.flow for told in lab.bodies(RequestHead)] == [1, 2, 3]


async def test_one_upstream_connection_too_many_to_a_host_is_a_503(lab: Lab, route: str) -> None:
    proxy = await lab.start(limits={"upstream_per_host": 1, "upstream_queue": 0})
    link = await lab.link(route)
    await link.pass_request(link.get(b"/first"))
    host, port = b"site.test", link.origin.port
    second = await lab.client()
    if route == "plain":
        second.send(b"GET http://%s:%d/second HTTP/1.1\r\nHost: %s\r\n\r\n" % (host, port, host))
    else:
        second.send(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (host, port))
    answer = await second.rest()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"reason code: upstream_host_full\n" in answer
    assert (await lab.one(LimitReached)).name == "upstream_per_host"
    assert [body.reason for body in lab.all(FlowClosed)] == ["limit_reached"]
    await link.pass_response(OK)
    link.client.close()
    (await link.server()).close()
    await eventually(lambda: not proxy._shared.admission.places.taken((host.decode(), port)))


async def test_with_too_much_in_flight_new_connections_get_a_503_until_it_drains(lab: Lab) -> None:
    proxy = await lab.start(limits={"in_flight_bytes": 64 * 1024})
    link = await lab.link("plain")
    await link.pass_request(link.get())
    size = 32 * 1024 * 1024
    await link.pass_response(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    server = await link.server()
    link.client.transport.pause_reading()
    sending = start(server.pour(bytes(size)), "a fast server")
    await eventually(lambda: proxy._shared.in_flight > 64 * 1024)
    refused = await (await lab.client()).rest()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"reason code: too_much_in_flight\n" in refused
    link.client.transport.resume_reading()
    await link.client.exactly(size)
    await sending
    await eventually(lambda: proxy._shared.in_flight == 0)
    served = await lab.client()
    served.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await served.rest()).startswith(b"HTTP/1.1 200 ")
