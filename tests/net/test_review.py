"""Ways in which a connection got stuck, leaked or went wrong: each one is kept from coming back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import pytest

from soth_mitm.config import HostRule
from soth_mitm.hooks.decisions import Decision, Modify, Respond
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Request, Response
from soth_mitm.model.events import (
    ConnClosed,
    FlowClosed,
    FlowOpened,
    HandlerFailed,
    Noted,
    Retried,
    TlsFailed,
)
from tests.helpers.net import OK, Lab
from tests.helpers.wire import Wire, eventually

MIB = 1024 * 1024
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


class Waits(Handler):
    """Decide about a request once the test says so."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def on_request(self, request: Request) -> None:
        self.asked.set()
        await self.go.wait()


async def pour_until_held(sender: Wire, *, most: int) -> None:
    """Send up to `most` bytes, or until the other end takes no more."""
    piece = b"x" * 262_144
    with contextlib.suppress(TimeoutError):
        for _ in range(most // len(piece)):
            await sender.pour(piece)
            await eventually(lambda: not sender.full)


async def test_what_a_client_sends_ahead_of_a_101_does_not_stop_what_follows(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    link.ask(link.get(b"/", b"Connection: Upgrade", b"Upgrade: echo"))
    server = await link.server()
    await server.head()
    session = next(iter(lab.running._shared.sessions))
    before = session._received  # type: ignore[attr-defined]
    link.client.send(b"early ")
    await eventually(lambda: session._received > before)  # type: ignore[attr-defined]
    server.send(SWITCH)
    await link.client.same(SWITCH)
    link.client.send(b"later")
    await server.same(b"early later")


async def test_requests_sent_ahead_while_a_hook_decides_are_left_in_the_socket(lab: Lab) -> None:
    handler = Waits()
    await lab.start(handler=handler, limits={"drain_timeout": 0.1})
    link = await lab.link("plain")
    link.ask(link.get())
    await handler.asked.wait()
    session = next(iter(lab.running._shared.sessions))
    for _ in range(200):
        link.client.send(b"GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n" * 2000)
    await eventually(lambda: session.reader.buffered)  # type: ignore[attr-defined]
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert session.reader.buffered < MIB  # type: ignore[attr-defined]


async def test_a_client_that_half_closes_while_a_hook_decides_gets_its_answer(lab: Lab) -> None:
    handler = Waits()
    await lab.start(handler=handler)
    link = await lab.link("plain")
    link.ask(link.get())
    link.client.finish()
    await handler.asked.wait()
    session = next(iter(lab.running._shared.sessions))
    await eventually(lambda: session._ended)  # type: ignore[attr-defined]
    handler.go.set()
    server = await link.server()
    await server.same(link.get())
    server.send(OK)
    assert await link.client.rest() == OK


async def test_bytes_behind_an_early_response_are_left_in_the_socket(lab: Lab, route: str) -> None:
    await lab.start(limits={"drain_timeout": 0.1})
    link = await lab.link(route)
    link.ask(b"POST / HTTP/1.1\r\nHost: " + link.site + b"\r\nContent-Length: 10\r\n\r\nabc")
    server = await link.server()
    await server.until(b"abc")
    server.send(OK)
    await link.client.same(OK)
    conn = next(iter(lab.running._shared.upstreams))
    for _ in range(200):
        server.send(b"x" * 100_000)
    await eventually(lambda: conn.reader.buffered)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert conn.reader.buffered < MIB


async def test_an_upstream_that_answers_before_it_read_is_not_used_again(lab: Lab) -> None:
    await lab.start(limits={"write_buffer_bytes": 1})
    link = await lab.link("plain")
    link.ask(link.get())
    server = await link.server()
    await server.head()
    server.send(OK)
    await link.client.same(OK)
    conn = next(iter(lab.running._shared.upstreams))
    for wire in (conn, server):
        sock = wire.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.transport.pause_reading()
    session = next(iter(lab.running._shared.sessions))
    session.transport.pause_reading()  # type: ignore[attr-defined]
    body = b"x" * 40_000
    link.ask(b"POST / HTTP/1.1\r\nHost: " + link.site + b"\r\nContent-Length: 40000\r\n\r\n" + body)
    await eventually(lambda: not link.client.transport.get_write_buffer_size())
    session.transport.resume_reading()  # type: ignore[attr-defined]
    await eventually(lambda: session.reader.messages == 2)  # type: ignore[attr-defined]
    assert conn.transport.get_write_buffer_size(), "the kernel took the whole request"
    server.send(OK)
    await link.client.same(OK)
    link.ask(link.get(b"/next"))
    other = await link.origin.accept()
    assert await other.head() == link.get(b"/next")
    other.send(OK)
    await link.client.same(OK)
    server.transport.resume_reading()


async def test_a_client_that_never_reads_its_answer_is_cut_off_in_the_end(lab: Lab) -> None:
    await lab.start(limits={"write_buffer_bytes": 16 * MIB})
    link = await lab.link("plain")
    link.client.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.client.transport.pause_reading()
    link.ask(link.get())
    server = await link.server()
    await server.head()
    body = b"x" * (8 * MIB)
    server.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await lab.one(FlowClosed)
    sessions = lab.running._shared.sessions
    assert sessions
    lab.pass_time(601)
    await eventually(lambda: not sessions, "the end of the connection")


async def test_a_head_that_takes_too_long_is_answered_once(lab: Lab) -> None:
    await lab.start()
    client = await lab.client()
    client.send(b"GET http://site.test/ HTTP/1.1\r\n")
    sessions = lab.running._shared.sessions
    await eventually(lambda: any(session._head_since for session in sessions))  # type: ignore[attr-defined]
    lab.pass_time(31)
    lab.pass_time(32)
    assert (await client.rest()).count(b"HTTP/1.1 408") == 1
    assert len(lab.all(FlowOpened)) == 1


HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"


class Answers(Handler):
    """Put an answer of its own in place of every response."""

    async def on_response(self, response: Response) -> Decision:
        return Respond(status=299, body=b"instead")


async def test_a_hook_can_still_answer_after_an_interim_response(lab: Lab, route: str) -> None:
    await lab.start(handler=Answers())
    link = await lab.link(route)
    link.ask(link.get())
    server = await link.server()
    await server.head()
    server.send(HINTS + OK)
    await link.client.same(HINTS)
    assert (await link.client.rest()).startswith(b"HTTP/1.1 299 ")


async def test_an_upstream_that_leaves_after_an_interim_response_is_a_502(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    for _ in range(2):  # the second one over a connection that is used again
        link.ask(link.get())
        server = await link.server()
        await server.head()
        if not lab.all(FlowClosed):
            server.send(OK)
            await link.client.same(OK)
    server.send(HINTS)
    await link.client.same(HINTS)
    server.close()
    assert (await link.client.rest()).startswith(b"HTTP/1.1 502 ")
    assert not lab.all(Retried)


async def test_a_dial_that_ends_after_its_flow_was_killed_leaves_no_connection(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    server = await link.pass_request(link.get())
    await link.pass_response(OK)
    shared = lab.running._shared
    server.close()
    await eventually(lambda: not shared.upstreams and shared.sessions)
    origin = next(iter(shared.sessions)).origin  # type: ignore[attr-defined]
    dial, go = origin.open, asyncio.Event()

    async def late(*arguments: object, **options: object) -> object:
        conn = await dial(*arguments, **options)
        await go.wait()
        return conn

    origin.open = late
    link.ask(link.get())
    await link.origin.accept()
    assert await lab.running.control.kill(next(iter(shared.flows)))
    await eventually(lambda: not shared.sessions)
    go.set()
    await eventually(lambda: not shared.upstreams, "the end of the upstream's connection")


async def test_an_upstream_that_speaks_into_a_request_head_is_dialled_again(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    first = await link.server()
    await eventually(lambda: lab.running._shared.sessions)
    session = next(iter(lab.running._shared.sessions))
    link.client.send(b"GET / HTTP/1.1\r\n")
    await eventually(lambda: session._received)  # type: ignore[attr-defined]
    first.send(b"220 not HTTP\r\n")
    await first.closed()
    link.client.send(b"Host: site.test\r\n\r\n")
    second = await link.origin.accept()
    await second.head()
    second.send(OK)
    await link.client.same(OK)


async def test_an_idle_upstream_that_said_goodbye_is_not_given_a_request(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    conn = next(iter(lab.running._shared.upstreams))
    assert not conn.eof_received()  # a request may be read before the loss is told
    link.ask(b"POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
    second = await link.origin.accept()
    await second.head()
    second.send(OK)
    await link.client.same(OK)


async def test_both_sides_may_reset_at_once(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    link.ask(b"POST / HTTP/1.1\r\nHost: " + link.site + b"\r\nContent-Length: 10\r\n\r\nabc")
    server = await link.server()
    await server.until(b"abc")
    conn = next(iter(lab.running._shared.upstreams))
    session = next(iter(lab.running._shared.sessions))
    session.transport.pause_reading()  # type: ignore[attr-defined]
    link.client.reset()
    await eventually(lambda: link.client.lost)
    conn.transport.abort()  # the loss of the upstream is told first
    await eventually(lambda: not lab.running._shared.sessions)
    assert [body.reason for body in lab.all(FlowClosed)] == ["upstream_closed"]
    await eventually(lambda: len(lab.all(ConnClosed)) == 2)


async def test_a_client_certificate_that_is_missing_is_told_on_a_row(lab: Lab) -> None:
    await lab.start(rules=(HostRule(match="site.test", client_cert="missing.pem"),))
    link = await lab.link("tls")
    link.ask(link.get())
    answer = await link.client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"client certificate missing.pem" in answer
    assert [body.reason for body in lab.all(FlowClosed)] == ["tls_handshake_failed"]
    assert lab.all(TlsFailed)


class Decides(Handler):
    """Return one decision for every request or every response."""

    def __init__(self, request: object = None, response: object = None) -> None:
        self.request, self.response = request, response

    async def on_request(self, request: Request) -> Decision | None:
        return self.request  # type: ignore[return-value]

    async def on_response(self, response: Response) -> Decision | None:
        return self.response  # type: ignore[return-value]


async def test_a_changed_body_is_not_sent_in_answer_to_head(lab: Lab, route: str) -> None:
    await lab.start(handler=Decides(response=Modify(body=b"changed")))
    link = await lab.link(route)
    for _ in range(2):
        link.ask(link.get().replace(b"GET", b"HEAD"))
        server = await link.server()
        await server.head()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await link.client.same(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")


@pytest.mark.parametrize(
    ("request_change", "response_change"),
    [
        (Modify(method=b"HEAD"), None),
        (Modify(set_fields=((b"Content-Length", b"9"),)), None),
        (Modify(set_fields=((b"X", b"a\r\nb"),)), None),
        (Respond(fields=((b"X", b"a\r\nInjected: b"),)), None),
        (Respond(status=101), None),
        ("no decision", None),
        (None, Modify(status=204)),
        (None, Modify(drop_fields=(b"content-length",))),
        (None, Respond(reason=b"a\r\nInjected: b")),
    ],
)
@pytest.mark.parametrize("fails", ["open", "closed"])
async def test_a_decision_that_cannot_be_carried_out_is_a_failure_of_the_handler(
    lab: Lab, fails: str, request_change: object, response_change: object
) -> None:
    lab.faults_expected = True
    await lab.start(handler=Decides(request_change, response_change), handler_fails=fails)
    link = await lab.link("tls")
    link.ask(link.get())
    if fails == "open" or response_change:
        server = await link.server()
        await server.same(link.get())
        server.send(OK)
    if fails == "open":
        await link.client.same(OK)
    else:
        assert (await link.client.rest()).startswith(b"HTTP/1.1 500 ")
    assert len(lab.all(HandlerFailed)) == 1


class AsksTwice(Handler):
    """Ask for the body in two places at once."""

    async def on_request(self, request: Request) -> None:
        first, second = await asyncio.gather(request.body(), request.body())
        assert first == second == b"abcdef"


async def test_a_body_may_be_asked_for_twice_at_once(lab: Lab) -> None:
    await lab.start(handler=AsksTwice())
    link = await lab.link("tls")
    post = b"POST / HTTP/1.1\r\nHost: " + link.site + b"\r\nContent-Length: 6\r\n\r\nabc"
    link.ask(post)
    await eventually(lambda: lab.running._shared.flows)
    link.client.send(b"def")
    await (await link.server()).same(post + b"def")


CHALLENGE = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic, NTLM\r\nContent-Length: 0\r\n\r\n"


async def test_a_connection_that_stands_for_a_person_is_never_shared(lab: Lab) -> None:
    await lab.start()
    alice = await lab.link("plain")
    bob = await lab.link("plain", origin=alice.origin)
    alice.ask(alice.get())
    server = await alice.server()
    await server.head()
    server.send(CHALLENGE)
    await alice.client.same(CHALLENGE)
    alice.ask(alice.get(b"/", b"Authorization: NTLM TlRM"))
    await server.same(alice.get(b"/", b"Authorization: NTLM TlRM"))
    server.send(OK)
    await alice.client.same(OK)
    bob.ask(bob.get())
    other = await alice.origin.accept()
    await other.same(bob.get())
    other.send(OK)
    await bob.client.same(OK)
    alice.client.close()
    await server.closed()


async def test_a_socket_that_cannot_be_tuned_gives_its_place_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(sock: socket.socket) -> None:
        raise OSError(22, "Invalid argument")  # some systems: the peer has left already

    await lab.start()
    monkeypatch.setattr("soth_mitm.net.entry.tune", refuse)
    sock = await lab.raw()
    await eventually(lambda: lab.all(ConnClosed))
    assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
    assert lab.running._listener.open_connections == 0


async def test_a_host_that_no_certificate_can_name_is_passed_through(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    sock = await lab.connect(origin.port, host="a!b.test")
    client = await lab.inside(sock, context=ssl_context_of(lab))
    server = await origin.accept()
    client.send(b"any bytes")
    await server.same(b"any bytes")
    assert "no_certificate" in [body.code for body in lab.all(Noted)]


def ssl_context_of(lab: Lab) -> ssl.SSLContext:
    """Return the context of a client that trusts the origins, not the proxy."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(lab.world.roots)
    return context


@pytest.mark.parametrize("method", ["CONNECT", "GET"])
@pytest.mark.parametrize(("listening", "address"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1")])
async def test_a_name_that_leads_back_to_the_proxy_is_a_loop(
    lab: Lab, method: str, listening: str, address: str
) -> None:
    await lab.start(listen_host=listening, resolver=lambda host, port: [(address, port)])
    site = b"alias.test:%d" % lab.port
    client = await lab.client()
    target = site if method == "CONNECT" else b"http://" + site + b"/"
    client.send(method.encode() + b" " + target + b" HTTP/1.1\r\nHost: " + site + b"\r\n\r\n")
    assert b"reason code: self_loop" in await client.rest()
    await eventually(lambda: len(lab.all(ConnClosed)) == 3)  # the client's, the dial, and its other end
