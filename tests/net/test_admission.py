"""Waiting in line for a connection to an upstream, and leaving one alone that only fails."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

import pytest

from soth_mitm.model.events import (
    BreakerChanged,
    ConnClosed,
    DialFailed,
    DialStarted,
    FlowClosed,
    LimitReached,
    Notice,
)
from soth_mitm.net import admission
from soth_mitm.policy.breaker import Attempt, Breakers, Refusal
from tests.helpers.net import HOST, OK, SITE, Lab, Link
from tests.helpers.wire import Wire, eventually


async def another(lab: Lab, link: Link, route: str) -> Wire:
    """Ask for the same upstream on a connection of one's own; return the wire, still without an answer."""
    client = await lab.client()
    port = link.origin.port
    if route == "plain":
        client.send(
            b"GET http://%s:%d/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (SITE.encode(), port, SITE.encode())
        )
    else:
        client.send(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (SITE.encode(), port))
    return client


async def answers(lab: Lab, target: bytes) -> bytes:
    """Ask for a target in absolute-form; return the whole answer."""
    client = await lab.client()
    client.send(b"GET http://" + target + b"/ HTTP/1.1\r\nHost: " + target + b"\r\nConnection: close\r\n\r\n")
    return await client.rest()


def in_line(lab: Lab) -> int:
    return lab.running.counters.levels.get("upstream_queue", 0)


async def shut_no_more(lab: Lab, host: str, port: int) -> None:
    """Wait until the breaker of an upstream lets one try."""
    breaker = breakers(lab)._kept[admission.Site(host, port)]
    until = breaker.open_until
    assert until is not None
    await eventually(lambda: lab.running._shared.loop.time() > until)


def breakers(lab: Lab) -> Breakers[admission.Site]:
    return lab.running._shared.admission._breakers


def dead_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


# --- in line ----------------------------------------------------------------------------------------


async def test_one_dial_too_many_waits_until_a_connection_ends(lab: Lab, route: str) -> None:
    proxy = await lab.start(limits={"upstream_per_host": 1})
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    client = await another(lab, link, route)
    await eventually(lambda: in_line(lab) == 1)
    await link.pass_response(OK)
    link.client.close()
    server.close()
    if route == "plain":
        second = await link.origin.accept()
        await eventually(lambda: second.received.startswith(b"GET /next"))
    else:
        await eventually(lambda: client.received.startswith(b"HTTP/1.1 200 "))
    assert in_line(lab) == 0
    first, waited = (body for body in lab.all(DialStarted))
    assert first.waited_ns == 0 < waited.waited_ns
    assert proxy.counters.hits["upstream_waits"] == 1
    assert not lab.all(LimitReached)


async def test_an_idle_connection_to_the_host_makes_room_at_once(lab: Lab) -> None:
    await lab.start(limits={"upstream_per_host": 1})
    link = await lab.link("plain")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    await eventually(lambda: len(lab.running._shared.pool) == 1)
    tunnel = await lab.connect(link.origin.port)
    assert tunnel.fileno() >= 0
    assert "its place was wanted" in [body.detail for body in lab.all(ConnClosed)]


async def test_where_as_many_wait_as_may_the_next_gets_a_503(lab: Lab, route: str) -> None:
    await lab.start(limits={"upstream_per_host": 1, "upstream_queue": 1})
    link = await lab.link(route)
    await link.pass_request(link.get())
    await another(lab, link, route)
    await eventually(lambda: in_line(lab) == 1)
    answer = await (await another(lab, link, route)).rest()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"reason code: upstream_host_full\n" in answer
    assert b"1 connections to it are open, and 1 more wait" in answer
    assert b"error=connection_limit_reached" in answer
    assert (await lab.one(LimitReached)).name == "upstream_per_host"
    assert [body.reason for body in lab.all(FlowClosed)] == ["limit_reached"]


async def test_whoever_waits_too_long_gets_a_503(lab: Lab, route: str) -> None:
    await lab.start(limits={"upstream_per_host": 1, "upstream_queue_time": 0.02})
    link = await lab.link(route)
    await link.pass_request(link.get())
    answer = await (await another(lab, link, route)).rest()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"reason code: upstream_queue_timeout\n" in answer
    assert b"none ended within 0.02 s" in answer
    assert (await lab.one(LimitReached)).name == "upstream_queue_time"
    assert in_line(lab) == 0
    assert lab.all(FlowClosed)[0].reason == "limit_reached"


async def test_whoever_has_waited_longest_is_next(lab: Lab) -> None:
    await lab.start()
    places = lab.running._shared.admission.places
    near = ("a.test", 80)
    order: list[int] = []

    async def wait(number: int) -> None:
        assert await places.take(near) == ""
        order.append(number)

    for _ in range(1024):
        assert await places.take(near) == ""
    waiting = [asyncio.ensure_future(wait(number)) for number in range(3)]  # noqa: TID251 - a test's own
    await eventually(lambda: in_line(lab) == 3)
    waiting[1].cancel()
    await asyncio.gather(waiting[1], return_exceptions=True)
    places.leave(near)
    places.leave(near)
    await asyncio.gather(waiting[0], waiting[2])
    assert order == [0, 2]
    assert places.taken(near) == 1024
    for _ in range(1024):
        places.leave(near)
    assert places.taken(near) == 0


async def test_a_place_that_comes_as_its_waiter_leaves_is_not_lost(lab: Lab) -> None:
    await lab.start(limits={"upstream_per_host": 1})
    places = lab.running._shared.admission.places
    near = ("a.test", 80)
    assert await places.take(near) == ""
    waiting = asyncio.ensure_future(places.take(near))  # noqa: TID251 - a test's own
    await eventually(lambda: in_line(lab) == 1)
    places.leave(near)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert places.taken(near) == 0
    assert await places.take(near) == ""


async def test_the_end_of_the_proxy_ends_the_line(lab: Lab) -> None:
    proxy = await lab.start(limits={"upstream_per_host": 1})
    link = await lab.link("plain")
    await link.pass_request(link.get())
    await another(lab, link, "plain")
    await eventually(lambda: in_line(lab) == 1)
    await proxy.drain(0.01)
    assert in_line(lab) == 0


# --- left alone -------------------------------------------------------------------------------------


async def test_an_upstream_that_only_fails_is_left_alone_and_then_tried_once(lab: Lab) -> None:
    port = dead_port()
    where = [(HOST, port)]
    proxy = await lab.start(
        limits={"breaker_failures": 3, "breaker_time": 0.05}, resolver=lambda host, number: list(where)
    )
    for _ in range(3):
        assert b"reason code: connect_refused\n" in await answers(lab, b"down.test")
    answer = await answers(lab, b"down.test")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"reason code: circuit_open\n" in answer
    said = rb"it failed 3 times in a row, the last time with: connect refused; it is tried again in 0\.[01]"
    assert re.search(said, answer), "what is left of 0.05 s rounds to either"
    assert b"limits.breaker_failures = 0" in answer
    assert [body.code for body in lab.all(DialFailed) if body.code == "circuit_open"]
    assert lab.all(FlowClosed)[-1].reason == "limit_reached"
    assert lab.all(BreakerChanged) == [BreakerChanged("down.test", 80, "open", 3, "connect_refused", 0.05)]
    assert (await lab.one(LimitReached)).name == "breaker_failures"
    assert proxy.counters.hits["breaker_open"] == 1
    (alone,) = (await proxy.control.usage()).breakers
    assert (alone.site, alone.failures, alone.cause) == ("down.test:80", 3, "connect_refused")
    assert b"connect_refused" in await answers(lab, b"other.test"), "another host is tried all the same"

    origin = await lab.origin(tls=False)
    where[:] = [(HOST, origin.port)]
    lab.running._shared.dialer._cache.clear()
    await shut_no_more(lab, "down.test", 80)
    client = await lab.client()
    client.send(b"GET http://down.test/ HTTP/1.1\r\nHost: down.test\r\n\r\n")
    await (await origin.accept()).same(b"GET / HTTP/1.1\r\nHost: down.test\r\n\r\n")
    assert lab.all(BreakerChanged)[-1] == BreakerChanged("down.test", 80, "closed", 3, "connect_refused")
    notices = [body.text for body in lab.all(Notice)]
    assert "down.test:80 failed 3 times in a row (connect refused): tried every 0.05 s now" in notices
    assert "down.test:80 can be reached again" in notices


async def test_while_one_tries_the_others_are_refused_and_a_failure_opens_it_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await lab.start(limits={"breaker_failures": 1, "breaker_time": 0.001})
    port = dead_port()
    target = b"%s:%d" % (SITE.encode(), port)
    await answers(lab, target)
    await shut_no_more(lab, SITE, port)
    slow = asyncio.Event()
    connect = proxy._shared.dialer.connect

    async def hanging(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - they are handed on
        await slow.wait()
        return await connect(*arguments, **named)

    monkeypatch.setattr(proxy._shared.dialer, "connect", hanging)
    client = await lab.client()
    client.send(b"GET http://" + target + b"/ HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: breakers(lab)._kept[admission.Site(SITE, port)].probing)
    assert b"it is being tried just now" in await answers(lab, target)
    slow.set()
    assert b"connect_refused" in await client.rest()
    assert [(body.state, body.failures) for body in lab.all(BreakerChanged)] == [("open", 1), ("open", 2)]
    assert len([body for body in lab.all(Notice) if "in a row" in body.text]) == 1, "it is said once"


async def test_a_client_that_leaves_the_only_try_lets_another_try(lab: Lab) -> None:
    proxy = await lab.start(limits={"breaker_failures": 1, "breaker_time": 0.001})
    site = admission.Site(SITE, 1)
    kept = breakers(lab)
    rules = proxy._shared.admission._rules
    now = proxy._shared.loop.time()
    attempt = kept.begin(site, now - 1, rules)
    assert isinstance(attempt, Attempt)
    kept.failed(attempt, now - 1, cause="connect_timeout", rules=rules)
    life = proxy._shared.new_conn()
    await proxy._shared.admission.enter(life, site)
    assert isinstance(kept.begin(site, now, rules), Refusal)
    life.emit(DialStarted(SITE, 1))
    life.close("client_closed")
    assert isinstance(kept.begin(site, now, rules), Attempt)


@pytest.mark.parametrize("host", [b"localhost", b"127.0.0.1", b"[::1]"])
async def test_a_server_of_this_machine_that_is_not_up_yet_is_tried_every_time(lab: Lab, host: bytes) -> None:
    await lab.start(limits={"breaker_failures": 1})
    target = b"%s:%d" % (host, dead_port())
    for _ in range(3):
        assert b"reason code: connect_refused\n" in await answers(lab, target)
    assert not lab.all(BreakerChanged)


async def test_with_none_wanted_every_attempt_is_made(lab: Lab) -> None:
    await lab.start(limits={"breaker_failures": 0})
    target = b"%s:%d" % (SITE.encode(), dead_port())
    for _ in range(15):
        assert b"reason code: connect_refused\n" in await answers(lab, target)
    assert not lab.all(BreakerChanged)


async def test_an_upstream_that_hangs_up_in_its_handshake_is_left_alone(lab: Lab) -> None:
    await lab.start(limits={"breaker_failures": 2})
    origin = await lab.origin(tls=False)
    for number in range(2):
        sock = await lab.connect(origin.port)
        (await origin.accept()).abort()
        client = await lab.inside(sock, context=lab.client_context())
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"reason code: tls" in await client.rest(), number
    refused = await lab.client()
    refused.send(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (SITE.encode(), origin.port))
    assert b"reason code: circuit_open\n" in await refused.rest()
    assert (await lab.one(BreakerChanged)).cause in ("upstream_reset", "upstream_closed")


async def test_a_certificate_that_is_refused_is_told_every_time(lab: Lab) -> None:
    await lab.start(limits={"breaker_failures": 1})
    origin = await lab.origin(tls=True, names=("other.test",))
    for _ in range(2):
        sock = await lab.connect(origin.port)
        client = await lab.inside(sock, context=lab.client_context())
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"reason code: tls_certificate" in await client.rest()
    assert not lab.all(BreakerChanged)


async def test_the_breakers_of_too_many_upstreams_forget_the_oldest(lab: Lab) -> None:
    await lab.start(limits={"breaker_hosts": 1})
    port = dead_port()
    for name in (b"a.test", b"b.test"):
        await answers(lab, b"%s:%d" % (name, port))
    assert (await lab.one(LimitReached)).name == "breaker_hosts"
