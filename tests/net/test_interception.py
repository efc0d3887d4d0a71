"""Handshakes that fail: each leaves a row and an event with its cause and a hint a person can act on."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from soth_mitm.config import HostRule, TlsSettings
from soth_mitm.hooks.handler import Handler
from soth_mitm.hooks.messages import Response
from soth_mitm.model.events import (
    CertificateIssued,
    ConnClosed,
    FlowClosed,
    FlowKind,
    FlowOpened,
    PolicyDecided,
    RequestHead,
    Side,
    TlsEstablished,
    TlsFailed,
    TlsLearningAudit,
)
from soth_mitm.net.tasks import start
from tests.helpers.net import OK, SITE, Lab
from tests.helpers.wire import Handshake, eventually
from tests.net.tls.support import client_hello, issue, server_context

GET = b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


async def test_a_client_that_does_not_trust_the_authority_leaves_a_row(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    sock = await lab.connect(origin.port)
    client = await lab.inside(sock)
    handshake = Handshake(client, lab.client_context(trusts=False), name=SITE)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake.run()
    await lab.told(FlowClosed)
    told = lab.bodies(TlsFailed)
    assert [bool(one.event.flow) for one in told] == [False, True], "one on the conn, one on the row"
    why = told[0].body.failure
    assert (why.peer, why.failure_class, why.reason) == ("client", "unknown_ca", "client_rejected_ca")
    assert (why.source, why.confidence, why.alert) == ("alert", "authoritative", 48)
    assert SITE in why.hint
    opened = await lab.one(FlowOpened)
    assert (opened.flow_kind, opened.host) == (FlowKind.FAILED, SITE)
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.detail) == ("tls_handshake_failed", "client_rejected_ca")


async def test_a_client_that_leaves_right_after_the_handshake_has_probably_refused(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    client = await lab.inside(await lab.connect(origin.port), context=lab.client_context())
    client.close()
    closed = (await lab.told(FlowClosed))[0]
    assert closed.reason == "tls_handshake_failed"
    assert lab.all(TlsFailed)[0].failure.confidence == "inferred"


@pytest.mark.parametrize("left_first", [True, False])
async def test_a_client_that_leaves_a_spare_connection_has_not_refused(lab: Lab, left_first: bool) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    used, spare = [
        await lab.inside(await lab.connect(origin.port), context=lab.client_context()) for _ in range(2)
    ]
    used.send(GET)
    await eventually(lambda: GET in origin.received, "the request")
    for wire in origin.wires:
        if wire.received:
            wire.send(OK)
    await used.same(OK)
    for client in (spare, used) if left_first else (used, spare):
        client.close()
        await eventually(lambda: client.lost, "its end")  # noqa: B023 - it is awaited at once
    await eventually(lambda: len(lab.all(ConnClosed)) == 4, "all ends")
    assert not lab.all(TlsFailed)
    assert [closed.reason for closed in lab.all(FlowClosed)] == ["completed"]


async def bad_upstream(lab: Lab, context: ssl.SSLContext, reason: str) -> bytes:
    """Ask an upstream with a bad certificate; return what the client is answered."""
    origin = await lab.origin(tls=True, context=context)
    sock = await lab.connect(origin.port)
    client = await lab.inside(sock, context=lab.client_context())
    client.send(GET)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b'error=tls_certificate_error; details="tls_certificate"' in answer
    assert origin.received == b""
    flow = (await lab.told(FlowClosed))[0]
    assert (flow.reason, flow.detail) == ("tls_handshake_failed", "tls_certificate")
    failures = {told.body.failure.reason for told in lab.bodies(TlsFailed)}
    assert failures == {reason}
    assert all(told.body.failure.hint for told in lab.bodies(TlsFailed))
    assert (await lab.one(RequestHead)).path == b"/"
    return answer


def served(authority: trustme.CA, *names: str, expired: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    past = datetime.now(UTC) - timedelta(days=1)
    leaf = authority.issue_cert(*names, not_after=past) if expired else authority.issue_cert(*names)
    leaf.configure_cert(context)
    return context


async def test_an_expired_upstream_certificate_is_a_502_that_says_so(lab: Lab) -> None:
    await lab.start()
    context = served(lab.world.authority, SITE, expired=True)
    answer = await bad_upstream(lab, context, "certificate_expired")
    assert b"certificate expired" in answer


async def test_an_upstream_certificate_for_another_host_is_a_502_that_says_so(lab: Lab) -> None:
    await lab.start()
    answer = await bad_upstream(lab, lab.world.server_context("other.test"), "hostname_mismatch")
    assert b"hostname mismatch" in answer


async def test_an_upstream_certificate_of_an_unknown_issuer_is_a_502_that_says_so(lab: Lab) -> None:
    await lab.start()
    answer = await bad_upstream(lab, served(trustme.CA(), SITE), "unknown_issuer")
    assert b"unknown issuer" in answer


async def test_a_self_signed_upstream_certificate_is_a_502_that_says_so(lab: Lab, tmp_path: Path) -> None:
    await lab.start()
    answer = await bad_upstream(lab, server_context(issue(SITE), tmp_path), "self_signed")
    assert b"self signed" in answer


@pytest.mark.parametrize("how", ["option", "rule"])
async def test_verification_can_be_turned_off_for_all_or_for_one_host(lab: Lab, how: str) -> None:
    if how == "option":
        await lab.start(insecure=True)
    else:
        await lab.start(rules=(HostRule(match=SITE, insecure=True),))
    origin = await lab.origin(tls=True, context=served(trustme.CA(), "other.test"))
    client = await lab.inside(await lab.connect(origin.port), context=lab.client_context())
    client.send(GET)
    server = await origin.accept()
    await server.same(GET)
    server.send(OK)
    await client.same(OK)
    upstream = next(told for told in lab.all(TlsEstablished) if told.side is Side.UPSTREAM)
    assert upstream.verified is False


async def test_a_rule_says_how_tls_is_spoken_with_its_host(lab: Lab) -> None:
    rule = HostRule(match="strict.test", tls_profile="strict")
    await lab.start(rules=(rule,), tls=TlsSettings(upstream_max_version="1.2"))
    for host in ("strict.test", "other.test"):
        link = await lab.link("tls", host=host)
        await link.pass_request(link.get())
    versions = [told.version for told in lab.all(TlsEstablished) if told.side is Side.UPSTREAM]
    assert versions == ["TLSv1.3", "TLSv1.2"]
    assert [told.overrides for told in lab.all(PolicyDecided)] == [("tls_profile=strict",), ()]


async def test_an_upstream_that_speaks_no_tls_is_a_502(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    handshake = start(lab.inside(sock, context=lab.client_context()), "client")
    server = await origin.accept()
    await server.exactly(1)
    server.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    client = await handshake
    client.send(GET)
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
    assert (await lab.told(TlsFailed))[0].failure.reason == "not_tls"


async def test_an_upstream_that_stalls_in_its_handshake_is_a_502_after_the_limit(lab: Lab) -> None:
    await lab.start(limits={"tls_timeout": 0.2})
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port), context=lab.client_context())
    client.send(GET)
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
    failure = (await lab.told(TlsFailed))[0].failure
    assert (failure.peer, failure.failure_class) == ("upstream", "timeout")


async def test_a_client_that_stalls_in_its_handshake_is_cut_after_the_limit(lab: Lab) -> None:
    await lab.start(limits={"tls_timeout": 0.2})
    origin = await lab.origin(tls=True)
    client = await lab.inside(await lab.connect(origin.port))
    client.send(client_hello())
    await client.rest()
    failure = (await lab.told(TlsFailed))[0].failure
    assert (failure.peer, failure.failure_class, failure.reason) == ("client", "timeout", "handshake_timeout")
    assert (await lab.told(FlowClosed))[0].detail == "handshake_timeout"


async def test_a_client_that_leaves_inside_its_handshake_leaves_a_row(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    client = await lab.inside(await lab.connect(origin.port))
    client.send(client_hello())
    await client.exactly(5)
    client.close()
    failure = (await lab.told(TlsFailed))[0].failure
    assert (failure.peer, failure.failure_class) == ("client", "eof_or_reset")
    assert (await lab.told(FlowClosed))[0].reason == "tls_handshake_failed"


async def test_a_client_that_leaves_inside_its_hello_leaves_a_row(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    client.send(client_hello()[:50])
    client.close()
    failure = (await lab.told(TlsFailed))[0].failure
    assert (failure.peer, failure.failure_class) == ("client", "eof_or_reset")
    closed = (await lab.told(FlowClosed))[0]
    assert closed.reason == "tls_handshake_failed"
    await eventually(lambda: len(lab.all(ConnClosed)) == 2)


async def test_a_leaf_is_minted_once_a_host_and_names_the_host(lab: Lab) -> None:
    await lab.start()
    first = await lab.link("tls")
    second = await lab.link("tls", origin=first.origin)
    issued = lab.all(CertificateIssued)
    assert [leaf.cached for leaf in issued] == [False, True]
    assert issued[0].sans == (SITE,)
    certificate = second.client.transport.get_extra_info("peercert")
    assert ("DNS", SITE) in certificate["subjectAltName"]


async def test_a_leaf_repeats_the_names_of_the_upstream_s_certificate_resumed_or_not(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True, names=(SITE, "*.other.test"))
    for _ in range(2):
        client = await lab.inside(await lab.connect(origin.port), context=lab.client_context())
        names = [name for _, name in client.transport.get_extra_info("peercert")["subjectAltName"]]
        assert names == [SITE, "*.other.test"]
        client.send(GET)
        server = await origin.accept()
        await server.same(GET)
        server.send(OK)  # brings the ticket along
        await client.same(OK)
    ups = [told.resumed for told in lab.all(TlsEstablished) if told.side is Side.UPSTREAM]
    assert ups == [False, True]
    issued = lab.all(CertificateIssued)
    assert [(leaf.cached, leaf.mirrored) for leaf in issued] == [(False, 2), (True, 2)]


async def test_mirroring_can_be_switched_off(lab: Lab) -> None:
    await lab.start(tls=TlsSettings(mirror=False))
    origin = await lab.origin(tls=True, names=(SITE, "other.test"))
    await lab.inside(await lab.connect(origin.port), context=lab.client_context())
    assert (await lab.one(CertificateIssued)).sans == (SITE,)


async def test_an_address_gets_a_leaf_with_that_address(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True, names=("127.0.0.1",))
    sock = await lab.connect(origin.port, host="127.0.0.1")
    client = await lab.inside(sock, host="127.0.0.1", context=lab.client_context())
    assert ("IP Address", "127.0.0.1") in client.transport.get_extra_info("peercert")["subjectAltName"]
    client.send(GET)
    await (await origin.accept()).same(GET)


async def test_the_sni_decides_which_name_the_upstream_is_asked_for(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True, names=("named.test",))
    sock = await lab.connect(origin.port, host="127.0.0.1")
    client = await lab.inside(sock, host="named.test", context=lab.client_context())
    client.send(GET)
    await (await origin.accept()).same(GET)
    await lab.told(RequestHead)
    assert (await lab.one(FlowOpened)).host == "named.test"


class Holds(Handler):
    """Hold every response until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = asyncio.Event()

    async def on_response(self, response: Response) -> None:
        self.asked.set()
        await self.go.wait()


async def test_data_of_an_upstream_that_leaves_without_a_word_is_never_lost(lab: Lab) -> None:
    """The upstream sends, then drops TCP without close_notify, while its bytes are not taken yet."""
    handler = Holds()
    await lab.start(handler=handler)
    body = bytes(range(250)) * 400
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    context = lab.world.server_context(SITE)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> socket.socket:
        with listener:
            raw = listener.accept()[0]
        raw.settimeout(10)
        tls = context.wrap_socket(raw, server_side=True)
        while not tls.recv(65_536).endswith(b"\r\n\r\n"):
            pass
        tls.sendall(head)
        handler.asked.wait(10)
        tls.sendall(body)
        plain = socket.socket(fileno=tls.detach())
        plain.shutdown(socket.SHUT_WR)
        return plain

    serving = asyncio.get_running_loop().run_in_executor(None, serve)
    client = await lab.inside(await lab.connect(port), context=lab.client_context())
    client.send(GET)
    with await serving:
        for _ in range(20):  # what came is read as far as it will be
            await asyncio.sleep(0.001)
        handler.go.set()
        await client.same(head + body)


async def test_a_tls_session_is_resumed_towards_the_upstream(lab: Lab) -> None:
    await lab.start()
    first = await lab.link("tls")
    await first.pass_request(first.get())
    await first.pass_response(OK)
    first.client.close()
    await lab.settled()
    second = await lab.link("tls", origin=first.origin)
    await second.pass_request(second.get())
    ups = [told.resumed for told in lab.all(TlsEstablished) if told.side is Side.UPSTREAM]
    assert ups == [False, True]


def with_certificate(lab: Lab, leaf: trustme.LeafCert | None) -> ssl.SSLContext:
    """Return a client's context that shows a certificate if asked."""
    context = lab.client_context()
    if leaf is not None:
        leaf.configure_cert(context)
    return context


async def test_a_client_that_is_asked_shows_its_certificate_or_none(lab: Lab) -> None:
    await lab.start(tls=TlsSettings(request_client_cert=str(lab.world.roots)))
    origin = await lab.origin(tls=True)
    leaf = lab.world.authority.issue_cert("me@site.test")
    for shown in (leaf, None):
        context = with_certificate(lab, shown)
        client = await lab.inside(await lab.connect(origin.port), context=context)
        client.send(GET)
        await (await origin.accept()).same(GET)
    ours = [told for told in lab.all(TlsEstablished) if told.side is Side.CLIENT]
    assert [told.verified for told in ours] == [True, False]
    assert len(ours[0].chain) >= 1
    assert ours[1].chain == ()


async def test_a_client_certificate_of_another_ca_ends_the_handshake_and_says_so(lab: Lab) -> None:
    await lab.start(tls=TlsSettings(request_client_cert=str(lab.world.roots)))
    origin = await lab.origin(tls=True)
    context = with_certificate(lab, trustme.CA().issue_cert("me@site.test"))
    client = await lab.inside(await lab.connect(origin.port))
    await asyncio.gather(Handshake(client, context, name=SITE).run(), return_exceptions=True)
    failure = (await lab.told(TlsFailed))[0].failure
    assert (failure.peer, failure.reason) == ("client", "client_certificate_refused")
    assert "request_client_cert" in failure.hint
    audit = await lab.one(TlsLearningAudit)
    assert (audit.decision, audit.code) == ("ignored", "not_a_refusal")
