"""Messages between HTTP/2 and HTTP/1.1: what must change does, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soth_mitm.proto.http1 import RequestReader, ResponseReader
from soth_mitm.proto.http2 import heads, translate
from soth_mitm.proto.http2.hpack import Decoded, Fields
from tests.proto.http2.driving import GET


def head_of(*fields: tuple[bytes, bytes], base: Fields = GET) -> heads.RequestHead:
    return heads.request(Decoded((*base, *fields), (), size=0, oversized=False))


def test_a_request_gets_a_start_line_a_host_and_one_cookie() -> None:
    head = head_of((b"cookie", b"a=1"), (b"x", b"1"), (b"cookie", b"b=2"), (b"host", b"other"))
    assert translate.request_to_h1(head, chunked=False) == (
        b"GET / HTTP/1.1\r\nhost: a.test\r\ncookie: a=1; b=2\r\nx: 1\r\n\r\n"
    )


def test_a_request_without_an_authority_keeps_its_host() -> None:
    head = head_of((b"host", b"h.test"), base=(GET[0], GET[1], GET[3]))
    assert translate.request_to_h1(head, chunked=True) == (
        b"GET / HTTP/1.1\r\nhost: h.test\r\ntransfer-encoding: chunked\r\n\r\n"
    )


def test_fields_of_a_connection_do_not_go_on() -> None:
    raw = (
        b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
        b"Proxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nTransfer-Encoding: chunked\r\n"
        b"TE: gzip, trailers\r\nX-Kept: Yes\r\n\r\n"
    )
    assert translate.request_to_h2(b"GET", b"/", raw, scheme=b"https") == (
        *GET,
        (b"x-kept", b"Yes"),
        (b"te", b"trailers"),
    )
    answer = b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"
    assert translate.response_to_h2(200, answer) == (
        (b":status", b"200"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    )


def test_trailers_lose_what_may_not_stand_there() -> None:
    assert translate.trailers_to_h2(b"X-Sum: 1\r\nContent-Length: 5\r\nConnection: x\r\n") == (
        (b"x-sum", b"1"),
    )
    assert translate.trailers_to_h1(((b"x-sum", b"1"), (b"te", b"x"))) == b"x-sum: 1\r\n"


NAMES = st.from_regex(rb"x-[a-z0-9]{1,8}", fullmatch=True)
VALUES = st.binary(max_size=12).map(
    lambda value: bytes(byte for byte in value if byte > 0x20 and byte != 0x7F)
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=5)


@given(fields=FIELDS, chunked=st.booleans())
def test_a_request_comes_back_as_it_was(fields: list[tuple[bytes, bytes]], chunked: bool) -> None:
    head = head_of(*fields)
    raw = translate.request_to_h1(head, chunked=chunked)
    (read, *_) = RequestReader().receive(raw)
    assert read.raw == raw  # type: ignore[union-attr]
    assert translate.request_to_h2(b"GET", b"/", raw, scheme=b"https") == head.fields


@given(fields=FIELDS)
def test_a_response_comes_back_as_it_was(fields: list[tuple[bytes, bytes]]) -> None:
    whole = ((b":status", b"200"), *fields)
    raw = translate.response_to_h1(200, whole, reason=b"OK", chunked=True)
    reader = ResponseReader()
    reader.begin(b"GET")
    (read, *_) = reader.receive(raw)
    assert read.raw == raw  # type: ignore[union-attr]
    assert translate.response_to_h2(200, raw) == whole


@pytest.mark.parametrize("data", [b"a", b"x" * 300])
def test_chunks_are_those_of_http1(data: bytes) -> None:
    assert translate.chunk(data) == f"{len(data):x}".encode() + b"\r\n" + data + b"\r\n"


def test_another_authority_takes_the_place_of_both_and_the_scheme_is_that_of_the_server() -> None:
    head = head_of((b"host", b"h.test"), (b"x", b"1"))
    changed = heads.addressed(head, scheme=b"http", authority=b"other:8443")
    scheme = (b":scheme", b"http")
    assert changed.fields == (GET[0], scheme, GET[3], (b":authority", b"other:8443"), (b"x", b"1"))
    assert changed.raw.endswith(b":authority: other:8443\r\nx: 1\r\n\r\n")
