"""Messages that are refused: the client learns the code, the origin sees not one byte, a row says why."""

from __future__ import annotations

import pytest

from soth_mitm.config import HostRule
from soth_mitm.model.events import (
    Anomaly,
    ConnClosed,
    FlowClosed,
    GuardTripped,
    RequestHead,
    ResponseHead,
    Side,
)
from tests.helpers.net import OK, Lab

H = b"Host: site.test\r\n"
P = b"POST {} HTTP/1.1\r\n" + H
E = b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 1000 + b"\r\n\r\n"

HEADS: list[tuple[str, bytes, bytes]] = [
    ("bare_lf", b"GET {} HTTP/1.1\nHost: site.test\r\n\r\n", b"400"),
    ("bare_cr", b"GET {} HTTP/1.1\r\nHost: site.test\r\nX: a\rb\r\n\r\n", b"400"),
    ("nul", b"GET {} HTTP/1.1\r\n" + H + b"X: a\x00b\r\n\r\n", b"400"),
    ("obs_fold", b"GET {} HTTP/1.1\r\n" + H + b"X: a\r\n b\r\n\r\n", b"400"),
    ("space_before_first_field", b"GET {} HTTP/1.1\r\n X: a\r\n" + H + b"\r\n", b"400"),
    ("missing_colon", b"GET {} HTTP/1.1\r\n" + H + b"no colon here\r\n\r\n", b"400"),
    ("space_before_colon", b"GET {} HTTP/1.1\r\n" + H + b"X : a\r\n\r\n", b"400"),
    ("invalid_field_name", b"GET {} HTTP/1.1\r\n" + H + b"X(y): a\r\n\r\n", b"400"),
    ("control_char", b"GET {} HTTP/1.1\r\n" + H + b"X: a\x1bb\r\n\r\n", b"400"),
    ("invalid_method", b"G@T {} HTTP/1.1\r\n" + H + b"\r\n", b"400"),
    ("invalid_request_line", b"GET {}\r\n" + H + b"\r\n", b"400"),
    ("invalid_target", b"GET {}\x7f HTTP/1.1\r\n" + H + b"\r\n", b"400"),
    ("invalid_version", b"GET {} HTTP/x\r\n" + H + b"\r\n", b"400"),
    ("version_unsupported", b"GET {} HTTP/1.2\r\n" + H + b"\r\n", b"505"),
    ("missing_host", b"GET {} HTTP/1.1\r\nX: y\r\n\r\n", b"400"),
    ("duplicate_host", b"GET {} HTTP/1.1\r\n" + H + H + b"\r\n", b"400"),
    ("invalid_host", b"GET {} HTTP/1.1\r\nHost: a b\r\n\r\n", b"400"),
    ("te_and_cl", P + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    ("cl_conflict", P + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", b"400"),
    ("cl_invalid", P + b"Content-Length: +3\r\n\r\nabc", b"400"),
    ("cl_overflow", P + b"Content-Length: 99999999999999999999\r\n\r\n", b"400"),
    ("te_malformed", P + b"Transfer-Encoding: chun ked\r\n\r\n", b"400"),
    ("te_unsupported", P + b"Transfer-Encoding: br\r\n\r\n", b"501"),
    ("te_chunked_repeated", P + b"Transfer-Encoding: chunked, chunked\r\n\r\n", b"400"),
    ("te_chunked_not_last", P + b"Transfer-Encoding: chunked, gzip\r\n\r\n", b"400"),
    ("te_in_http10", b"POST {} HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n", b"400"),
    ("header_too_large", b"GET {} HTTP/1.1\r\n" + H + b"X: " + b"x" * 5000 + b"\r\n\r\n", b"431"),
]  # fmt: skip

CHUNKED = b"POST {} HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n"
BODIES: list[tuple[str, bytes]] = [
    ("chunk_size_invalid", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_overflow", b"fffffffffffffffff\r\n"),
    ("chunk_line_too_long", b"5;" + b"x" * 9000 + b"\r\nhello\r\n"),
    ("chunk_ext_invalid", b"5;\x00\r\nhello\r\n"),
    ("chunk_bare_lf", b"5\nhello\r\n0\r\n\r\n"),
    ("chunk_data_end", b"5\r\nhelloX\r\n0\r\n\r\n"),
    ("trailers_too_large", b"0\r\nX: " + b"x" * 5000 + b"\r\n\r\n"),
]


# Decrypted bytes that do not begin like HTTP are no bad request: they are relayed as a byte stream.
ROUTED = [
    (way, *row) for way in ("plain", "tls") for row in HEADS if (way, row[0]) != ("tls", "invalid_method")
]


@pytest.mark.parametrize(
    ("way", "code", "template", "status"), ROUTED, ids=[f"{row[0]}-{row[1]}" for row in ROUTED]
)
async def test_a_request_that_breaks_the_rules_is_refused_before_the_origin(
    lab: Lab, way: str, code: str, template: bytes, status: bytes
) -> None:
    await lab.start(limits={"max_head_bytes": 4096})
    link = await lab.link(way)
    link.client.send(template.replace(b"{}", link.target(b"/x")))
    answer = await link.client.head()
    assert answer.startswith(b"HTTP/1.1 " + status + b" "), answer
    length = int(answer.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
    assert b"reason code: %s\n" % code.encode() in await link.client.exactly(length)
    tripped = await lab.one(GuardTripped)
    assert (tripped.code, tripped.status) == (code, int(status))
    assert tripped.hint
    assert [head.version for head in lab.all(RequestHead)] in ([], [""])  # evidence, not a request
    assert (await lab.one(FlowClosed)).reason == "http_error"
    generated = await lab.one(ResponseHead)
    assert generated.generated
    assert link.origin.received == b""


@pytest.mark.parametrize(("code", "body"), BODIES, ids=[row[0] for row in BODIES])
async def test_a_body_that_breaks_the_rules_ends_the_exchange(
    lab: Lab, route: str, code: str, body: bytes
) -> None:
    await lab.start(limits={"max_head_bytes": 4096})
    link = await lab.link(route)
    head = CHUNKED.replace(b"{}", b"/x")
    server = await link.pass_request(head + b"2\r\nok\r\n")
    link.client.send(body)
    answer = await link.client.head()
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")), answer
    assert (await lab.one(GuardTripped)).code == code
    rest = await server.rest()
    assert not rest.endswith(b"0\r\n\r\n"), "the origin must not take the request for complete"
    assert (await lab.one(FlowClosed)).reason == "http_error"


@pytest.mark.parametrize(
    ("code", "template"),
    [
        ("obs_fold", b"GET {} HTTP/1.1\r\n" + H + b"X: a\r\n b\r\n\r\n"),
        ("control_char", b"GET {} HTTP/1.1\r\n" + H + b"X: a\x1bb\r\n\r\n"),
        ("missing_host", b"GET {} HTTP/1.1\r\nX: y\r\n\r\n"),
        ("space_before_colon", b"GET {} HTTP/1.1\r\n" + H + b"X : a\r\n\r\n"),
    ],
)
async def test_a_lenient_host_gets_odd_heads_byte_for_byte_and_flagged(
    lab: Lab, code: str, template: bytes
) -> None:
    await lab.start(rules=(HostRule(match="site.test", lenient=True),))
    link = await lab.link("tls")
    await link.pass_request(template.replace(b"{}", b"/x"))
    await link.pass_response(OK)
    await lab.settled()
    assert code in {anomaly.code for anomaly in lab.all(Anomaly)}
    assert (await lab.one(FlowClosed)).reason == "completed"


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("te_and_cl", b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
        ("hidden_framing_field", b"Content-Length : 3\r\n"),
    ],
)
async def test_a_lenient_host_never_gets_ambiguous_framing(lab: Lab, code: str, fields: bytes) -> None:
    await lab.start(rules=(HostRule(match="site.test", lenient=True),))
    link = await lab.link("tls")
    link.ask(b"POST /x HTTP/1.1\r\n" + H + fields + b"\r\n0\r\n\r\n")
    assert (await link.client.head()).startswith(b"HTTP/1.1 400 ")
    assert (await lab.one(GuardTripped)).code == code
    assert link.origin.received == b""


RESPONSES: list[tuple[str, bytes]] = [
    ("te_and_cl", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("cl_conflict", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    ("cl_invalid", b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok"),
    ("te_chunked_repeated", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
    ("invalid_status_line", b"ICY 200 OK\r\n\r\nmusic"),
    ("header_too_large", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000 + b"\r\n\r\n"),
    ("too_many_interim", E * 6),
]  # fmt: skip


@pytest.mark.parametrize(("code", "response"), RESPONSES, ids=[row[0] for row in RESPONSES])
async def test_an_ambiguous_response_is_a_502(lab: Lab, route: str, code: str, response: bytes) -> None:
    await lab.start(limits={"max_head_bytes": 4096})
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(response)
    if code == "too_many_interim":
        assert not (await link.client.rest()).endswith(response)
    else:
        answer = await link.client.rest()
        assert answer.startswith(b"HTTP/1.1 502 "), answer
        assert b"reason code: %s\n" % code.encode() in answer
    assert (await lab.one(GuardTripped)).code == code
    assert (await lab.one(FlowClosed)).reason == "http_error"
    await server.closed()


async def test_a_response_body_with_broken_chunks_is_cut_and_never_looks_whole(lab: Lab, route: str) -> None:
    await lab.start()
    link = await lab.link(route)
    server = await link.pass_request(link.get())
    server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n+2\r\nxx\r\n0\r\n\r\n")
    got = await link.client.rest()
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"0\r\n\r\n" not in got
    assert (await lab.one(GuardTripped)).code == "chunk_size_invalid"
    assert (await lab.one(FlowClosed)).reason == "http_error"


async def test_bytes_that_no_request_asked_for_close_the_upstream(lab: Lab, route: str) -> None:
    """A response of an earlier request's smuggler must not answer the next one."""
    await lab.start()
    link = await lab.link(route)
    await link.pass_request(link.get(b"/1"))
    server = await link.server()
    server.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await link.client.same(OK)
    await server.closed()
    second = link.get(b"/2")
    link.ask(second)
    fresh = await link.origin.accept()
    await fresh.same(second)
    fresh.send(OK)
    await link.client.same(OK)
    assert link.client.unread == b""


async def test_a_refused_client_reads_the_reason_even_while_it_still_sends(lab: Lab) -> None:
    await lab.start()
    link = await lab.link("plain")
    link.ask(b"POST /x HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 200_000)
    answer = await link.client.head()
    assert answer.startswith(b"HTTP/1.1 400 ")
    link.client.send(b"x" * 800_000)
    await link.client.rest()
    await lab.told(FlowClosed)
    assert not link.client.lost
    assert {event.body.reason for event in lab.bodies(ConnClosed) if event.body.reason} <= {"http_error"}
    assert Side.UPSTREAM not in {getattr(event.body, "side", None) for event in lab.events}
