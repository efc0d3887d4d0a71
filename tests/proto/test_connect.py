"""CONNECT, authorities, absolute targets, and telling protocols apart by their first bytes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from soth_mitm.proto.connect import (
    REASONS,
    Authority,
    ConnectError,
    Sniff,
    head_end,
    parse_absolute,
    parse_authority,
    parse_connect,
    sniff,
)


def connect(target: bytes, fields: bytes = b"Host: a\r\n") -> bytes:
    return b"CONNECT " + target + b" HTTP/1.1\r\n" + fields + b"\r\n"


@pytest.mark.parametrize(
    ("target", "host", "port", "text"),
    [
        (b"example.com:443", "example.com", 443, "example.com:443"),
        (b"EXAMPLE.com:1", "example.com", 1, "example.com:1"),
        (b"[::1]:65535", "::1", 65535, "[::1]:65535"),
        (b"[2001:DB8::1]:443", "2001:db8::1", 443, "[2001:db8::1]:443"),
        (b"[::ffff:1.2.3.4]:443", "::ffff:1.2.3.4", 443, "[::ffff:1.2.3.4]:443"),
        (b"[fe80::1%25eth0]:443", "fe80::1%eth0", 443, "[fe80::1%eth0]:443"),
        (b"1.2.3.4:80", "1.2.3.4", 80, "1.2.3.4:80"),
        (b"a_b:0443", "a_b", 443, "a_b:443"),
        ("bücher.example:443".encode(), "xn--bcher-kva.example", 443, "xn--bcher-kva.example:443"),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_a_connect_request_names_its_authority(
    target: bytes, host: str, port: int, text: str, lenient: bool
) -> None:
    request = parse_connect(connect(target), lenient=lenient)
    assert request.authority == Authority(host, port)
    assert str(request.authority) == text
    assert request.target == target
    assert request.raw == connect(target)
    assert (request.minor, request.fields) == (1, ((b"Host", b"a"),))


# code, wire, whether lenient forgives it
REFUSED = [
    ("incomplete_headers", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n", False),
    ("incomplete_headers", b"", False),
    ("invalid_utf8", connect(b"a:1", b"X: \xff\r\n"), False),
    ("empty_request_line", b"\r\n\r\n", False),
    ("invalid_request_line", b"CONNECT a:1\r\n\r\n", False),
    ("invalid_request_line", b"CONNECT\r\n\r\n", False),
    ("invalid_request_line", b"CONNECT  a:1 HTTP/1.1\r\n\r\n", True),
    ("invalid_request_line", b"CONNECT a:1 HTTP/1.1 \r\n\r\n", True),
    ("invalid_request_line", b"CONNECT a:1 HTTP/1.1\n\n", True),
    ("method_not_connect", b"GET a:1 HTTP/1.1\r\n\r\n", False),
    ("method_not_connect", b"connect a:1 HTTP/1.1\r\n\r\n", True),
    ("method_not_connect", b"hello\r\n\r\n", False),
    ("invalid_http_version", b"CONNECT a:1 FTP/1.1\r\n\r\n", False),
    ("invalid_http_version", b"CONNECT a:1 HTTP/2.0\r\n\r\n", False),
    ("invalid_http_version", b"CONNECT a:1 HTTP/1.\r\n\r\n", False),
    ("invalid_authority", connect(b":443"), False),
    ("invalid_authority", connect(b"u:p@a:443"), False),
    ("invalid_authority", connect(b"[::1:443"), False),
    ("invalid_authority", connect(b"[::1]x:443"), False),
    ("invalid_authority", connect(b"[1.2.3.4]:443"), False),
    ("invalid_authority", connect(b"[::g]:443"), False),
    ("invalid_authority", connect(b"[1:2:3:4:5:6:7:8:9]:443"), False),
    ("invalid_authority", connect(b"[1::2::3]:443"), False),
    ("invalid_authority", connect(b"[:::]:443"), False),
    ("invalid_authority", connect(b"[::1.2.3.256]:443"), False),
    ("invalid_authority", connect(b"a<b:443"), False),
    ("invalid_authority", connect("a..é:443".encode()), False),
    ("invalid_authority", connect(b"::1"), True),
    ("invalid_authority", connect(b"http://a:443"), True),
    ("missing_port", connect(b"a"), True),
    ("missing_port", connect(b"a:"), True),
    ("missing_port", connect(b"[::1]"), True),
    ("invalid_port", connect(b"a:0"), False),
    ("invalid_port", connect(b"a:65536"), False),
    ("invalid_port", connect(b"a:+1"), False),
    ("invalid_port", connect(b"a:x"), False),
    ("invalid_port", connect(b"a:000443"), False),
    ("invalid_port", connect(b"a:443/x"), True),
    ("invalid_header", connect(b"a:1", b"X : a\r\n"), True),
    ("invalid_header", connect(b"a:1", b"X: a\n"), True),
    ("invalid_header", connect(b"a:1", b"X: a\r\n b\r\n"), True),
    ("invalid_header", connect(b"a:1", b"junk\r\n"), True),
    ("invalid_header", connect(b"a:1", b"X: \x1b\r\n"), True),
    ("invalid_header", b"CONNECT a:1 HTTP/1.1\r\nX: a\r\n\n", True),
    ("connect_has_body", connect(b"a:1", b"Content-Length: 5\r\n"), False),
    ("connect_has_body", connect(b"a:1", b"content-length: x\r\n"), False),
    ("connect_has_body", connect(b"a:1", b"Transfer-Encoding: chunked\r\n"), False),
]


@pytest.mark.parametrize(("code", "wire", "forgiven"), REFUSED)
def test_a_strict_connect_is_refused_with_its_code(code: str, wire: bytes, forgiven: bool) -> None:
    with pytest.raises(ConnectError) as caught:
        parse_connect(wire)
    assert (caught.value.code, caught.value.status) == (code, 400)
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()
    assert code in REASONS


@pytest.mark.parametrize(("code", "wire", "forgiven"), REFUSED)
def test_a_lenient_connect_forgives_form_but_not_meaning(code: str, wire: bytes, forgiven: bool) -> None:
    if forgiven:
        assert parse_connect(wire, lenient=True).raw == wire
    else:
        with pytest.raises(ConnectError) as caught:
            parse_connect(wire, lenient=True)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"a", Authority("a", 443)),
        (b"https://a/path?q", Authority("a", 443)),
        (b"HTTP://a:8080/", Authority("a", 8080)),
        (b"::1", Authority("::1", 443)),
        (b"2001:db8::1", Authority("2001:db8::1", 443)),
        (b"[::1]", Authority("::1", 443)),
        (b"a:80/x", Authority("a", 80)),
    ],
)
def test_a_lenient_connect_takes_urls_default_ports_and_bare_ipv6(target: bytes, expected: Authority) -> None:
    assert parse_connect(connect(target), lenient=True).authority == expected


def test_a_connect_without_host_or_with_length_zero_is_fine() -> None:
    assert parse_connect(b"CONNECT a:1 HTTP/1.0\r\n\r\n").minor == 0
    assert parse_connect(connect(b"a:1", b"Content-Length: 0\r\n")).authority.port == 1


def test_credentials_in_an_authority_do_not_get_into_the_error() -> None:
    with pytest.raises(ConnectError) as caught:
        parse_authority(b"user:secret@a:1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://a/x?y", ("http", Authority("a", 80), b"/x?y")),
        (b"HTTP://A.B", ("http", Authority("a.b", 80), b"/")),
        (b"http://a:8080?q", ("http", Authority("a", 8080), b"/?q")),
        (b"http://a:/x", ("http", Authority("a", 80), b"/x")),
        (b"https://[::1]/x#y", ("https", Authority("::1", 443), b"/x")),
        (b"http://a/\xff", ("http", Authority("a", 80), b"/\xff")),
    ],
)
def test_an_absolute_target_is_taken_apart(target: bytes, expected: tuple[str, Authority, bytes]) -> None:
    assert parse_absolute(target) == expected


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("not_absolute", b"/x"),
        ("not_absolute", b"a:443"),
        ("unsupported_scheme", b"ftp://a/"),
        ("unsupported_scheme", b"ws://a/"),
        ("invalid_authority", b"http:///x"),
        ("invalid_authority", b"http://u@a/"),
        ("invalid_port", b"http://a:99999/"),
    ],
)
def test_a_bad_absolute_target_is_refused(code: str, target: bytes) -> None:
    with pytest.raises(ConnectError) as caught:
        parse_absolute(target)
    assert caught.value.code == code
    assert code in REASONS


@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_give_an_authority_or_a_connect_error(wire: bytes, bare: bool) -> None:
    try:
        authority = parse_authority(wire, default_port=443, bare_ipv6=bare)
    except ConnectError:
        return
    assert authority.host.isascii()
    assert 1 <= authority.port <= 65535
    if "%" not in authority.host:
        assert parse_authority(str(authority).encode()) == authority


@pytest.mark.parametrize(
    ("buffer", "end"),
    [
        (b"", -1),
        (b"CONNECT a:1 HTTP/1.1\r\n", -1),
        (b"A\r\n\r", -1),
        (b"A\r\n\r\n", 5),
        (b"A\r\n\r\nrest\r\n\r\n", 5),
        (b"A\n\nrest", 3),
        (b"A\r\nB\n\r\nrest", 7),
    ],
)
def test_the_end_of_a_head_is_found_without_taking_what_follows(buffer: bytes, end: int) -> None:
    assert head_end(buffer) == end


@given(st.lists(st.sampled_from([b"a", b"\r\n", b"\n", b"\r"]), max_size=20).map(b"".join))
def test_the_end_is_the_same_when_looked_for_byte_by_byte(wire: bytes) -> None:
    found, seen = -1, 0
    for size in range(len(wire) + 1):
        found = head_end(wire[:size], seen)
        if found >= 0:
            break
        seen = size
    assert found == head_end(wire)


def test_a_connect_head_without_end_is_431() -> None:
    assert head_end(b"a" * 99, limit=100) == -1
    for buffer in (b"a" * 100, b"a" * 99 + b"\r\n\r\n"):
        with pytest.raises(ConnectError) as caught:
            head_end(buffer, limit=100)
        assert (caught.value.code, caught.value.status) == ("header_too_large", 431)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"", Sniff.NEED_MORE),
        (b"\x16", Sniff.NEED_MORE),
        (b"\x16\x03", Sniff.NEED_MORE),
        (b"\x16\x03\x00", Sniff.TLS),
        (b"\x16\x03\x01\x02\x00", Sniff.TLS),
        (b"\x16\x03\x04", Sniff.TLS),
        (b"\x16\x03\x05", Sniff.OTHER),
        (b"\x16\x02", Sniff.OTHER),
        (b"G", Sniff.NEED_MORE),
        (b"GET", Sniff.NEED_MORE),
        (b"GET ", Sniff.HTTP),
        (b"CONNECT a:1 HTTP/1.1\r\n", Sniff.HTTP),
        (b"\r\nGET / HTTP/1.1\r\n", Sniff.HTTP),
        (b"\r\n", Sniff.NEED_MORE),
        (b"BREW-IT /pot", Sniff.HTTP),
        (b"P", Sniff.NEED_MORE),
        (b"PRI", Sniff.NEED_MORE),
        (b"PRI * HTTP/2.0\r", Sniff.NEED_MORE),
        (b"PRI * HTTP/2.0\r\n\r\nSM", Sniff.HTTP2_PREFACE),
        (b"PRI /x", Sniff.HTTP),
        (b"POST", Sniff.NEED_MORE),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Sniff.OTHER),
        (b"SSH-2.0-OpenSSH_9.6 Comment\r\n", Sniff.OTHER),
        (b"a" * 33, Sniff.OTHER),
        (b"\x05\x01\x00", Sniff.OTHER),
        (b"\x00\x00\x00\x04", Sniff.OTHER),
        (b"GET\t/", Sniff.OTHER),
        (b"\xff\xd8", Sniff.OTHER),
    ],
)
def test_the_first_bytes_tell_what_a_connection_speaks(first: bytes, expected: Sniff) -> None:
    assert sniff(first) is expected


@given(st.binary(min_size=40, max_size=60))
def test_forty_bytes_that_begin_with_no_line_end_are_always_enough(first: bytes) -> None:
    assume(first[:1] not in (b"\r", b"\n"))
    assert sniff(first) is not Sniff.NEED_MORE
