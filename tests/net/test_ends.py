"""How things end: drain, kill, reload, and faults of the proxy's own."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from soth_mitm.model.events import (
    ConfigReloaded,
    ConnClosed,
    FlowClosed,
    Noted,
    Notice,
    SessionEnded,
)
from soth_mitm.net import tasks
from tests.helpers.net import OK, Lab, Link
from tests.helpers.wire import eventually

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def streaming(lab: Lab, route: str) -> Link:
    """Return a link with a response that is under way."""
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(CHUNKED + b"2\r\nab\r\n")
    return link


async def test_a_drain_lets_an_open_flow_end_and_takes_no_new_connection(lab: Lab, route: str) -> None:
    proxy = await lab.start()
    link = await streaming(lab, route)
    draining = tasks.start(proxy.drain(5.0), "drain")
    await eventually(lambda: proxy._shared.draining)
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await lab.client()
    await link.pass_response(b"0\r\n\r\n")
    assert await draining == 0
    assert (await lab.one(FlowClosed)).reason == "completed"
    assert await link.client.rest() == b""


async def test_a_drain_closes_idle_connections_at_once(lab: Lab, route: str) -> None:
    proxy = await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get())
    await link.pass_response(OK)
    await lab.settled()
    assert await asyncio.wait_for(proxy.drain(5.0), 2) == 0
    assert await link.client.rest() == b""
    assert await (await link.server()).rest() == b""


@pytest.mark.parametrize("kind", ["plain", "tls", "tunnel"])
async def test_a_drain_cuts_what_is_open_at_its_deadline(lab: Lab, kind: str) -> None:
    proxy = await lab.start(limits={"server_first_wait": 0.01})
    if kind == "tunnel":
        origin = await lab.origin()
        client = await lab.inside(await lab.connect(origin.port))
        await lab.told(Noted)
    else:
        client = (await streaming(lab, kind)).client
    assert await proxy.drain(0.05) == 1
    await client.closed()
    closed = await lab.one(FlowClosed)
    assert closed.reason == "shutdown"
    assert not proxy._shared.flows


async def test_a_drain_ends_connections_that_wait_for_their_first_bytes(lab: Lab) -> None:
    proxy = await lab.start()
    origin = await lab.origin()
    silent = await lab.client()
    half = await lab.client()
    half.send(b"CONNECT site.t")
    hello = await lab.inside(await lab.connect(origin.port))
    hello.send(b"\x16\x03\x01\x02\x00\x01")
    await eventually(lambda: len(origin.wires) == 1)
    await asyncio.wait_for(proxy.drain(1.0), 4)
    for client in (silent, half, hello):
        await client.closed()
    assert {closed.reason for closed in lab.all(ConnClosed)} <= {"shutdown", "client_closed"}


async def test_leaving_the_proxy_ends_the_stream_with_one_last_event(lab: Lab) -> None:
    await lab.start()
    await streaming(lab, "plain")
    await lab.stop()
    assert isinstance(lab.events[-1].body, SessionEnded)
    assert len(lab.all(SessionEnded)) == 1


@pytest.mark.parametrize("kind", ["plain", "tls", "tunnel", "upgrade", "bytes"])
async def test_a_kill_closes_both_sides_within_a_tenth_of_a_second(lab: Lab, kind: str) -> None:
    proxy = await lab.start(limits={"server_first_wait": 0.01})
    if kind == "tunnel":
        origin = await lab.origin()
        client = await lab.inside(await lab.connect(origin.port))
        server = await origin.accept()
        await lab.told(Noted)
    else:
        link = await lab.link("plain" if kind in ("plain", "upgrade") else "tls")
        client = link.client
        if kind in ("plain", "tls"):
            server = await link.pass_request(link.get())
            await link.pass_response(CHUNKED + b"2\r\nab\r\n")
        elif kind == "upgrade":
            server = await link.pass_request(link.get(b"/", b"Connection: upgrade", b"Upgrade: x"))
            await link.pass_response(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        else:
            client.send(b"\x00binary")
            server = await link.server()
            await server.same(b"\x00binary")
    begun = time.monotonic()
    assert await proxy.control.kill(1)
    await client._until(lambda: client.ended or client.lost, "the end of the client")
    await server._until(lambda: server.ended or server.lost, "the end of the server")
    assert time.monotonic() - begun < 0.1
    assert (await lab.one(FlowClosed)).reason == "killed"
    assert not await proxy.control.kill(1), "it is not open any more"


async def test_a_kill_while_dialling_ends_the_flow(lab: Lab) -> None:
    never = asyncio.Event()
    proxy = await lab.start()

    async def hang(*_: object, **__: object) -> object:
        await never.wait()
        raise AssertionError

    proxy._shared.dialer.connect = hang  # type: ignore[method-assign, assignment]
    link = await lab.link("plain")
    link.ask(link.get())
    await eventually(lambda: proxy._shared.flows)
    assert await proxy.control.kill(1)
    await link.client.closed()
    assert (await lab.one(FlowClosed)).reason == "killed"


async def test_a_reload_does_not_touch_what_is_in_flight(lab: Lab, route: str) -> None:
    proxy = await lab.start()
    link = await streaming(lab, route)
    changed = await proxy.control.reload(msgspec.structs.replace(proxy.config, block=("site.test",)))
    assert changed == ("block",)
    assert (await lab.one(ConfigReloaded)).changed == ("block",)
    await link.pass_response(b"0\r\n\r\n")
    await lab.settled()
    if route == "tls":
        await link.pass_request(link.get(b"/still"))
        await link.pass_response(OK)
    fresh = await lab.client()
    fresh.send(b"CONNECT site.test:443 HTTP/1.1\r\n\r\n")
    assert (await fresh.rest()).startswith(b"HTTP/1.1 403 ")


async def test_a_reload_without_a_change_is_no_event(lab: Lab) -> None:
    proxy = await lab.start()
    assert await proxy.control.reload(proxy.config) == ()
    assert not lab.all(ConfigReloaded)


async def test_control_works_from_another_thread(lab: Lab) -> None:
    proxy = await lab.start()
    await streaming(lab, "plain")

    def elsewhere() -> bool:
        return asyncio.run(proxy.control.kill(1))

    assert await asyncio.get_running_loop().run_in_executor(None, elsewhere)
    assert (await lab.one(FlowClosed)).reason == "killed"


class Fault(Exception):
    """A defect that the test put in."""


async def test_a_fault_in_the_request_path_fails_the_flow_at_once_with_a_502(
    lab: Lab, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.faults_expected = True
    proxy = await lab.start()
    link = await lab.link(route)

    def broken(*_: object) -> None:
        raise Fault("a defect")

    monkeypatch.setattr("soth_mitm.net.exchange.Exchange.flush", broken)
    link.ask(link.get())
    answer = await link.client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"reason code: internal_error\n" in answer
    closed = await lab.one(FlowClosed)
    assert closed.reason == "internal_error"
    assert proxy.counters.hits["internal_errors"] == 1
    assert "Fault: a defect" in (await lab.told(Notice))[0].text


async def test_a_fault_in_the_response_path_fails_the_flow_at_once_with_a_502(
    lab: Lab, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.faults_expected = True
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())

    def broken(*_: object) -> None:
        raise Fault("a defect")

    monkeypatch.setattr("soth_mitm.net.exchange.Exchange._head_arrived", broken)
    server.send(OK)
    assert (await link.client.rest()).startswith(b"HTTP/1.1 502 ")
    assert (await lab.one(FlowClosed)).reason == "internal_error"
    await server.closed()


async def test_a_fault_after_the_head_went_out_cuts_the_connection(
    lab: Lab, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client must not take a part for the whole."""
    lab.faults_expected = True
    await lab.start()
    link = await streaming(lab, route)

    def broken(*_: object) -> None:
        raise Fault("a defect")

    monkeypatch.setattr("soth_mitm.net.bodytap.BodyTap.passed", broken)
    (await link.server()).send(b"2\r\ncd\r\n0\r\n\r\n")
    assert b"0\r\n\r\n" not in await link.client.rest()
    assert (await lab.one(FlowClosed)).reason == "internal_error"


async def test_a_fault_while_dialling_fails_the_flow_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.faults_expected = True
    await lab.start()
    link = await lab.link("plain")

    async def broken(*_: object, **__: object) -> None:
        raise Fault("a defect")

    monkeypatch.setattr("soth_mitm.net.origin.ForwardOrigin.open", broken)
    link.ask(link.get())
    assert (await link.client.rest()).startswith(b"HTTP/1.1 502 ")
    assert (await lab.one(FlowClosed)).reason == "internal_error"


async def test_a_fault_in_a_connect_ends_its_connection(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.faults_expected = True
    proxy = await lab.start()
    origin = await lab.origin()

    def broken(*_: object) -> None:
        raise Fault("a defect")

    monkeypatch.setattr("soth_mitm.net.connect.Connect._decide", broken)
    client = await lab.inside(await lab.connect(origin.port))
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    await client.closed()
    await eventually(lambda: len(lab.all(ConnClosed)) == 2)
    assert {closed.reason for closed in lab.all(ConnClosed)} >= {"internal_error"}
    assert proxy.counters.hits["internal_errors"] == 1
    await (await origin.accept()).closed()


async def test_a_fault_in_a_deadline_ends_the_session_and_not_the_watchdog(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.faults_expected = True
    proxy = await lab.start()
    link = await streaming(lab, "plain")

    def broken(*_: object) -> None:
        raise Fault("a defect")

    monkeypatch.setattr("soth_mitm.net.session.ClientSession.tick", broken)
    proxy._watchdog.stop()
    proxy._watchdog._tick()
    await link.client.closed()
    assert (await lab.one(FlowClosed)).reason == "internal_error"
