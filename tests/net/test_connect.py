"""A CONNECT: how its head may arrive, what is refused and with which code, and what follows the 200."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from soth_mitm.config import HostRule, TlsSettings
from soth_mitm.model.events import (
    BodyChunk,
    ConnClosed,
    ConnectReceived,
    ConnectRefused,
    ConnOpened,
    DialStarted,
    FlowClosed,
    FlowKind,
    FlowOpened,
    HelloReceived,
    Noted,
    PolicyDecided,
    RequestHead,
    TlsEstablished,
    TlsFailed,
    TlsLearningAudit,
)
from soth_mitm.record.rows import RowFold
from tests.helpers.net import OK, SITE, Lab
from tests.helpers.wire import Handshake, eventually, read_head, wrap
from tests.net.tls.support import client_hello

REFUSED = [
    ("invalid_utf8", b"CONNECT \xff\xfe:443 HTTP/1.1\r\n\r\n", 400),
    ("invalid_request_line", b"CONNECT  a.test:443 HTTP/1.1\r\n\r\n", 400),
    ("invalid_request_line", b"CONNECT a.test:443\r\n\r\n", 400),
    ("method_not_connect", b"connect a.test:443 HTTP/1.1\r\n\r\n", 400),
    ("invalid_http_version", b"CONNECT a.test:443 HTTP/2.0\r\n\r\n", 400),
    ("invalid_authority", b"CONNECT u:p@a.test:443 HTTP/1.1\r\n\r\n", 400),
    ("invalid_authority", b"CONNECT ::1:443 HTTP/1.1\r\n\r\n", 400),
    ("invalid_authority", b"CONNECT [::1:443 HTTP/1.1\r\n\r\n", 400),
    ("missing_port", b"CONNECT a.test HTTP/1.1\r\n\r\n", 400),
    ("invalid_port", b"CONNECT a.test:0 HTTP/1.1\r\n\r\n", 400),
    ("invalid_port", b"CONNECT a.test:65536 HTTP/1.1\r\n\r\n", 400),
    ("invalid_port", b"CONNECT a.test:+443 HTTP/1.1\r\n\r\n", 400),
    ("invalid_header", b"CONNECT a.test:443 HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    ("connect_has_body", b"CONNECT a.test:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 400),
    ("header_too_large", b"CONNECT a.test:443 HTTP/1.1\r\nX: " + b"x" * 3000 + b"\r\n\r\n", 431),
]


@pytest.mark.parametrize(("code", "head", "status"), REFUSED)
async def test_a_bad_connect_is_refused_with_its_code(lab: Lab, code: str, head: bytes, status: int) -> None:
    await lab.start(limits={"max_head_bytes": 2048})
    client = await lab.client()
    client.send(head)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"reason code: %s\n" % code.encode() in answer
    length = int(answer.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
    assert len(answer.partition(b"\r\n\r\n")[2]) == length
    await lab.settled()
    assert {refused.code for refused in lab.all(ConnectRefused)} == {code}
    assert (await lab.one(FlowOpened)).flow_kind is FlowKind.FAILED
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.detail) == ("connect_parse_failed", code)
    assert not lab.all(DialStarted)


async def test_a_connect_that_never_ends_is_refused_with_its_code(lab: Lab) -> None:
    await lab.start()
    client = await lab.client()
    client.send(b"CONNECT a.test:443 HT")
    client.finish()
    assert b"reason code: incomplete_headers\n" in await client.rest()
    assert (await lab.one(FlowClosed)).detail == "incomplete_headers"


async def test_a_connect_in_single_bytes_is_understood(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    sock = await lab.raw()
    loop = asyncio.get_running_loop()
    head = b"CONNECT site.test:%d HTTP/1.1\r\nHost: site.test\r\n\r\n" % origin.port
    for byte in head:
        await loop.sock_sendall(sock, bytes((byte,)))
        await asyncio.sleep(0)
    assert await read_head(sock) == b"HTTP/1.1 200 Connection Established\r\n\r\n"
    assert (await lab.one(ConnectReceived)).raw == head
    client = await lab.inside(sock, context=lab.client_context())
    client.send(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    server = await origin.accept()
    await server.head()
    server.send(OK)
    await client.same(OK)


async def test_connect_and_hello_in_one_packet_lose_nothing(lab: Lab) -> None:
    """The client does not wait for the 200; what follows the head stays in the kernel."""
    await lab.start()
    origin = await lab.origin(tls=True)
    client = await lab.client()
    handshake = Handshake(client, lab.client_context(), name=SITE)
    client.send(b"CONNECT site.test:%d HTTP/1.1\r\n\r\n" % origin.port + handshake.hello())
    await client.same(b"HTTP/1.1 200 Connection Established\r\n\r\n")
    await handshake.run()
    handshake.tls.write(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
    handshake.flush()
    server = await origin.accept()
    assert await server.head() == b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_a_hello_in_pieces_is_read_whole(lab: Lab, size: int) -> None:
    await lab.start()
    origin = await lab.origin(tls=True)
    hello = client_hello()
    sock = await lab.connect(origin.port)
    loop = asyncio.get_running_loop()
    for start in range(0, len(hello), size):
        await loop.sock_sendall(sock, hello[start : start + size])
        await asyncio.sleep(0)
    told = await lab.one(HelloReceived)
    assert (told.sni, told.length) == (SITE, len(hello))
    answer = await asyncio.wait_for(loop.sock_recv(sock, 5), 5)
    assert answer[:1] == b"\x16"


async def test_the_hello_and_both_handshakes_are_told(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    await link.pass_request(link.get())
    await link.pass_response(OK)
    sides = [(told.body.side, told.body.verified) for told in lab.bodies(TlsEstablished)]
    assert sides == [("upstream", True), ("client", False)]
    hello = await lab.one(HelloReceived)
    assert hello.ja3
    assert hello.ja4.startswith("t13d")
    decided = await lab.one(PolicyDecided)
    assert (decided.action, decided.reason, decided.host) == ("intercept", "default_intercept", SITE)


async def test_a_server_that_speaks_first_gets_a_tunnel_with_its_cause(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    server = await origin.accept()
    server.send(b"220 mail.test ESMTP\r\n")
    client = await lab.inside(sock)
    await client.same(b"220 mail.test ESMTP\r\n")
    client.send(b"EHLO me\r\n")
    await server.same(b"EHLO me\r\n")
    client.close()
    assert await server.rest() == b""
    server.close()
    await lab.settled()
    assert (await lab.one(Noted)).code == "server_first"
    assert (await lab.one(FlowOpened)).flow_kind is FlowKind.TUNNEL
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.from_client, closed.from_upstream) == ("relay_eof", 9, 21)


async def test_a_client_that_stays_silent_gets_a_tunnel_with_its_cause(lab: Lab) -> None:
    await lab.start(limits={"server_first_wait": 0.05})
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    assert (await lab.one(Noted)).code == "client_silent"
    client = await lab.inside(sock)
    client.send(b"late")
    server = await origin.accept()
    await server.same(b"late")


@pytest.mark.parametrize(
    "first", [b"\x00\x00\x00\x01binary", b"SSH-2.0-OpenSSH_9.6 x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
async def test_bytes_that_are_no_protocol_to_be_read_get_a_tunnel(lab: Lab, first: bytes) -> None:
    await lab.start(http2=False)
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    client.send(first)
    server = await origin.accept()
    await server.same(first)
    server.send(b"answer")
    await client.same(b"answer")
    assert (await lab.one(Noted)).code == "not_http"


async def test_first_bytes_that_do_not_go_on_get_a_tunnel_after_the_limit(lab: Lab) -> None:
    await lab.start(limits={"peek_timeout": 0.1})
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    client.send(b"SSH")
    server = await origin.accept()
    await server.same(b"SSH")
    assert (await lab.one(Noted)).code == "first_bytes_incomplete"


async def test_a_hello_that_does_not_go_on_gets_a_tunnel_after_the_limit(lab: Lab) -> None:
    await lab.start(limits={"peek_timeout": 0.1})
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    client.send(b"\x16\x03\x01\x02\x00\x01\x00")
    server = await origin.accept()
    await server.same(b"\x16\x03\x01\x02\x00\x01\x00")
    assert (await lab.one(Noted)).code == "hello_incomplete"


async def test_plain_http_inside_a_connect_is_intercepted(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    client = await lab.inside(await lab.connect(origin.port))
    request = b"GET /plain HTTP/1.1\r\nHost: site.test\r\n\r\n"
    client.send(request)
    server = await origin.accept()
    await server.same(request)
    server.send(OK)
    await client.same(OK)
    await lab.settled()
    assert (await lab.one(RequestHead)).path == b"/plain"
    opened = await lab.one(FlowOpened)
    assert (opened.scheme, opened.intercepted) == ("http", True)


async def test_decrypted_bytes_that_are_not_http_flow_and_are_recorded(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    link.client.send(b"\x10\x0emqtt or so")
    server = await link.server()
    await server.same(b"\x10\x0emqtt or so")
    server.send(b"\x20\x02\x00\x00")
    await link.client.same(b"\x20\x02\x00\x00")
    link.client.send(b"GET / HTTP/1.1\r\n\r\n")
    await server.same(b"GET / HTTP/1.1\r\n\r\n")
    link.client.close()
    assert await server.rest() == b""
    await lab.settled()
    assert (await lab.one(FlowOpened)).flow_kind is FlowKind.BYTES
    assert b"".join(chunk.data for chunk in lab.all(BodyChunk)).count(b"mqtt") == 1
    closed = await lab.one(FlowClosed)
    assert (closed.reason, closed.from_client, closed.from_upstream) == ("relay_eof", 30, 4)


async def test_a_server_that_speaks_first_inside_tls_is_heard(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    server = await link.server()
    server.send(b"220 secure mail\r\n")
    await link.client.same(b"220 secure mail\r\n")
    link.client.send(b"EHLO me\r\n")
    await server.same(b"EHLO me\r\n")
    server.close()
    assert await link.client.rest() == b""
    await lab.settled()
    assert (await lab.one(FlowOpened)).flow_kind is FlowKind.BYTES


async def test_a_blocked_host_gets_a_403_and_is_never_dialled(lab: Lab) -> None:
    await lab.start(block=("*.test",))
    client = await lab.client()
    client.send(b"CONNECT site.test:443 HTTP/1.1\r\n\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"blocked" in answer
    assert not lab.all(DialStarted)
    decided = await lab.one(PolicyDecided)
    assert (decided.action, decided.reason, decided.rule) == ("block", "block_option", "*.test")
    assert (await lab.one(FlowClosed)).reason == "blocked"


async def test_a_host_that_is_blocked_by_its_sni_gets_no_byte_through(lab: Lab) -> None:
    await lab.start(block=("hidden.test",))
    origin = await lab.origin()
    sock = await lab.connect(origin.port, host="front.test")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await lab.inside(sock, host="hidden.test", context=lab.client_context())
    server = await origin.accept()
    assert await server.rest() == b""
    assert (await lab.one(FlowClosed)).reason == "blocked"


async def test_a_tunnel_option_passes_tls_through_untouched(lab: Lab) -> None:
    await lab.start(tunnel=("site.test",))
    origin = await lab.origin(tls=True)
    sock = await lab.connect(origin.port)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(lab.world.roots)
    client = await lab.inside(sock, context=trusting)
    client.send(b"secret")
    server = await origin.accept()
    await server.same(b"secret")
    noted = await lab.one(Noted)
    assert (noted.code, noted.detail) == ("tunnel_option", "site.test")
    assert [hello.sni for hello in lab.all(HelloReceived, flow=1)] == [SITE]


async def test_metadata_only_records_heads_and_sizes_but_no_body(lab: Lab) -> None:
    await lab.start(rules=(HostRule(match="site.test", action="metadata-only"),))
    link = await lab.link("tls")
    request = b"POST /login HTTP/1.1\r\nHost: site.test\r\nContent-Length: 6\r\n\r\nsecret"
    await link.pass_request(request)
    await link.pass_response(OK)
    await lab.settled()
    assert (await lab.one(FlowOpened)).metadata_only
    assert (await lab.one(RequestHead)).path == b"/login"
    assert [(chunk.length, chunk.data) for chunk in lab.all(BodyChunk)] == [(6, b""), (2, b"")]


async def test_a_connect_to_the_proxy_itself_is_refused_as_a_loop(lab: Lab) -> None:
    await lab.start()
    client = await lab.client()
    client.send(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % lab.port)
    assert (await client.rest()).startswith(b"HTTP/1.1 508 ")
    assert (await lab.one(FlowClosed)).reason == "self_loop"
    assert not lab.all(DialStarted)


async def test_a_connect_that_cannot_be_dialled_gets_a_502_and_no_200(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    origin.close()
    client = await lab.client()
    client.send(b"CONNECT site.test:%d HTTP/1.1\r\n\r\n" % origin.port)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"reason code: connect_refused\n" in answer
    assert (await lab.one(FlowClosed)).reason == "upstream_connect_failed"


async def test_tls_to_the_proxy_port_is_a_row_without_an_answer(lab: Lab) -> None:
    await lab.start()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await wrap(await lab.raw(), context=lab.client_context(), name=SITE)
    lab.sockets.clear()
    await lab.settled()
    assert (await lab.one(FlowClosed)).detail == "tls_to_proxy_port"


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\x03\r\n\r\n", b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"])
async def test_garbage_to_the_proxy_port_is_refused_and_leaves_a_row(lab: Lab, garbage: bytes) -> None:
    await lab.start()
    client = await lab.client()
    client.send(garbage)
    client.finish()
    await client.rest()
    client.close()
    await lab.told(FlowClosed)
    assert (await lab.one(FlowOpened)).flow_kind is FlowKind.FAILED


async def test_a_connection_without_a_byte_is_no_row(lab: Lab) -> None:
    await lab.start()
    client = await lab.client()
    client.close()
    await eventually(lambda: lab.all(ConnClosed))
    assert len(lab.all(ConnOpened)) == 1
    assert not lab.all(FlowOpened)


async def test_a_client_that_leaves_after_the_200_is_no_row(lab: Lab) -> None:
    await lab.start()
    origin = await lab.origin()
    sock = await lab.connect(origin.port)
    sock.close()
    await eventually(lambda: len(lab.all(ConnClosed)) == 2)
    assert not lab.all(FlowOpened)


async def test_a_connect_inside_a_connect_is_refused(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("tls")
    link.client.send(b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n")
    answer = await link.client.head()
    assert answer.startswith(b"HTTP/1.1 501 ")
    server = await link.server()
    assert server.unread == b""
    assert (await lab.told(FlowClosed))[0].reason == "http_error"


async def test_the_own_page_is_shown_inside_tls_to_who_trusts_the_authority(lab: Lab) -> None:
    await lab.start()
    sock = await lab.connect(443, host="soth.mitm")
    client = await lab.inside(sock, host="soth.mitm", context=lab.client_context())
    client.send(b"GET /ca.pem HTTP/1.1\r\nHost: soth.mitm\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 200 ")
    assert (await lab.one(FlowClosed)).reason == "responded"
    opened = lab.all(FlowOpened)[0]
    assert (opened.scheme, opened.host, opened.port) == ("https", "soth.mitm", 443)
    assert not lab.all(DialStarted)


async def test_who_does_not_trust_the_authority_learns_it_at_the_own_page_and_nothing_passes_for_it(
    lab: Lab,
) -> None:
    await lab.start(tls=TlsSettings(passthrough_after=1))
    client = await lab.inside(await lab.connect(443, host="soth.mitm"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await Handshake(client, lab.client_context(trusts=False), name="soth.mitm").run()
    refused = await lab.told(TlsFailed, 2)
    assert {each.failure.reason for each in refused} == {"client_rejected_ca"}
    await lab.settled()
    assert lab.all(TlsLearningAudit) == []


@pytest.mark.parametrize(
    ("first", "status"), [(b"\x05\x01\x00 what is this\r\n\r\n", b"400"), (b"PRI * HTTP/2.0\r\n\r\n", b"505")]
)
async def test_what_is_not_tls_on_the_port_of_the_own_page_is_answered_in_the_clear(
    lab: Lab, first: bytes, status: bytes
) -> None:
    await lab.start()
    client = await lab.inside(await lab.connect(443, host="soth.mitm"))
    client.send(first)
    assert (await client.rest()).startswith(b"HTTP/1.1 %b " % status)
    assert (await lab.one(FlowOpened)).scheme == "http"


@pytest.mark.parametrize(
    ("first", "answer"),
    [(b"\x05\x02\x00\x01", b"\x05\xff"), (b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", b"\x00\x5b" + bytes(6))],
)
async def test_a_socks_client_is_refused_at_once_in_its_own_words_and_the_row_says_what_to_do(
    lab: Lab, first: bytes, answer: bytes
) -> None:
    await lab.start()
    client = await lab.client()
    client.send(first)
    assert await client.rest() == answer
    await lab.settled()
    fold = RowFold()
    row = [row for event in lab.events if (row := fold.apply(event)) is not None][-1]
    assert (row.outcome, row.guard) == ("SOCKS to an HTTP port", "socks_to_proxy_port")
    assert "-m socks5" in row.hint
