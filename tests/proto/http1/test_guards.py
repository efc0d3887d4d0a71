"""Every guard of the codec: what is refused, with which code, and what is let through and flagged."""

from __future__ import annotations

import pytest

from soth_mitm.proto.http1 import Framing, Http1Error, RequestReader, ResponseReader
from soth_mitm.proto.http1.reasons import REASONS
from tests.proto.http1.driving import one_request, one_response, run

HOST = b"Host: a\r\n"


def get(fields: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"


# code, status, wire, whether lenient forgives it
REFUSED_HEADS = [
    ("bare_lf", 400, b"GET / HTTP/1.1\nHost: a\n\n", True),
    ("bare_lf", 400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", True),
    ("bare_lf", 400, b"GET / HTTP/1.1\r\nHost: a\r\n\n", True),
    ("bare_cr", 400, get(b"X: a\rb\r\n"), True),
    ("bare_cr", 400, b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("bare_cr", 400, get(b"X: a\r\r\n"), True),
    ("nul", 400, get(b"X: a\0b\r\n"), True),
    ("nul", 400, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("obs_fold", 400, get(b"X: a\r\n b\r\n"), True),
    ("obs_fold", 400, get(b"X: a\r\n\tb\r\n"), True),
    ("space_before_first_field", 400, b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n", True),
    ("missing_colon", 400, get(b"nonsense\r\n"), True),
    ("space_before_colon", 400, get(b"X : a\r\n"), True),
    ("space_before_colon", 400, get(b"X\t: a\r\n"), True),
    ("invalid_field_name", 400, get(b"X Y: a\r\n"), True),
    ("invalid_field_name", 400, get(b": a\r\n"), True),
    ("invalid_field_name", 400, get(b"X\xc3\xa9: a\r\n"), True),
    ("invalid_field_name", 400, get(b"X(y): a\r\n"), True),
    ("control_char", 400, get(b"X: a\x1b[2J\r\n"), True),
    ("control_char", 400, get(b"X: a\x7f\r\n"), True),
    ("control_char", 400, get(b"X: a\x0bb\r\n"), True),
    ("invalid_request_line", 400, b"GET /\r\nHost: a\r\n\r\n", False),
    ("invalid_request_line", 400, b"GET\r\nHost: a\r\n\r\n", False),
    ("invalid_request_line", 400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_request_line", 400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", True),
    ("invalid_request_line", 400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_request_line", 400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_request_line", 400, b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_method", 400, b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_target", 400, b"GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_target", 400, b"GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_target", 400, b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_version", 400, b"GET / HTTP/1\r\nHost: a\r\n\r\n", False),
    ("invalid_version", 400, b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", False),
    ("invalid_version", 400, b"GET / http/1.1\r\nHost: a\r\n\r\n", True),
    ("invalid_version", 400, b"GET / FTP/1.1\r\nHost: a\r\n\r\n", False),
    ("version_unsupported", 505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", False),
    ("version_unsupported", 505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", False),
    ("version_unsupported", 505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", True),
    ("missing_host", 400, b"GET / HTTP/1.1\r\nX: a\r\n\r\n", True),
    ("missing_host", 400, b"GET / HTTP/1.1\r\n\r\n", True),
    ("duplicate_host", 400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", True),
    ("duplicate_host", 400, b"GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n", True),
    ("duplicate_host", 400, b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: a,b@c\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", True),
    ("invalid_host", 400, b"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", True),
    ("te_and_cl", 400, get(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), False),
    ("te_and_cl", 400, get(b"Transfer-Encoding: chunked\r\ncontent-length: 0\r\n"), False),
    ("te_and_cl", 400, get(b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n"), False),
    ("cl_conflict", 400, get(b"Content-Length: 5\r\nContent-Length: 6\r\n"), False),
    ("cl_conflict", 400, get(b"Content-Length: 5, 6\r\n"), False),
    ("cl_conflict", 400, get(b"Content-Length: 5\r\nContent-Length: 05\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: +5\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: -5\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: 5 5\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: 0x5\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: 5_0\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: 5.0\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: \r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: 5,\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: ,5\r\n"), False),
    ("cl_invalid", 400, get(b"Content-Length: \xd9\xa5\r\n"), False),
    ("cl_overflow", 400, get(b"Content-Length: 9223372036854775808\r\n"), False),
    ("cl_overflow", 400, get(b"Content-Length: " + b"9" * 5000 + b"\r\n"), False),
    ("te_malformed", 400, get(b"Transfer-Encoding: \r\n"), False),
    ("te_malformed", 400, get(b"Transfer-Encoding: chunked,\r\n"), False),
    ("te_malformed", 400, get(b"Transfer-Encoding: chunked;a=b\r\n"), False),
    ("te_malformed", 400, get(b'Transfer-Encoding: "chunked"\r\n'), False),
    ("te_unsupported", 501, get(b"Transfer-Encoding: gzip\r\n"), False),
    ("te_unsupported", 501, get(b"Transfer-Encoding: identity\r\n"), False),
    ("te_unsupported", 501, get(b"Transfer-Encoding: xchunked\r\n"), False),
    ("te_unsupported", 501, get(b"Transfer-Encoding: identity, chunked\r\n"), False),
    ("te_chunked_repeated", 400, get(b"Transfer-Encoding: chunked, chunked\r\n"), False),
    ("te_chunked_repeated", 400, get(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n"), False),
    ("te_chunked_not_last", 400, get(b"Transfer-Encoding: chunked, gzip\r\n"), False),
    ("te_in_http10", 400, b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ("connect_has_body", 400, b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", False),
    (
        "connect_has_body",
        400,
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        False,
    ),
]


@pytest.mark.parametrize(("code", "status", "wire", "forgiven"), REFUSED_HEADS)
def test_a_strict_request_is_refused_with_its_code_and_nothing_is_yielded(
    code: str, status: int, wire: bytes, forgiven: bool
) -> None:
    summary = run(RequestReader(), [wire])
    assert summary.error is not None
    assert (summary.error[0], summary.error[2]) == (code, status)
    assert summary.heads == []
    assert summary.wire == b""
    assert summary.error[1].isascii()
    assert summary.error[1].isprintable()


@pytest.mark.parametrize(("code", "status", "wire", "forgiven"), REFUSED_HEADS)
def test_a_lenient_request_passes_flagged_unless_its_framing_is_ambiguous(
    code: str, status: int, wire: bytes, forgiven: bool
) -> None:
    summary = run(RequestReader(lenient=True), [wire])
    if forgiven:
        assert summary.error is None
        assert summary.wire == wire
        [head] = summary.heads
        assert code in head.anomalies
    else:
        assert summary.error is not None
        assert (summary.error[0], summary.error[2]) == (code, status)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length\t: 5\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
        b"X: a\0Content-Length: 5\r\n",
        b"\x0bTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding\x00: chunked\r\n",
        b"(Content-Length: 5\r\n",
        b"content-length 5\r\n",
    ],
)
def test_a_malformed_line_that_names_a_framing_field_is_refused_even_where_lenient(
    fields: bytes, lenient: bool
) -> None:
    with pytest.raises(Http1Error) as caught:
        one_request(get(fields), lenient=lenient)
    if lenient:
        assert caught.value.code == "hidden_framing_field"


def test_whitespace_before_the_first_field_cannot_hide_framing_where_lenient() -> None:
    wire = b"GET / HTTP/1.1\r\n Content-Length: 5\r\nHost: a\r\n\r\n"
    with pytest.raises(Http1Error, match="hidden_framing_field"):
        one_request(wire, lenient=True)


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

REFUSED_CHUNKS = [
    ("chunk_size_invalid", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"5\t\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"5_0\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_invalid", b"g\r\n\r\n"),
    ("chunk_size_invalid", b"\r\n"),
    ("chunk_size_invalid", b";a=b\r\n\r\n"),
    ("chunk_size_invalid", b"5,5\r\nhello\r\n0\r\n\r\n"),
    ("chunk_size_overflow", b"10000000000000000\r\n"),
    ("chunk_size_overflow", b"f" * 16 + b"\r\n"),
    ("chunk_line_too_long", b"5;" + b"a" * 8192 + b"\r\nhello\r\n0\r\n\r\n"),
    ("chunk_line_too_long", b"0" * 9000),
    ("chunk_ext_invalid", b"5;a=\x01\r\nhello\r\n0\r\n\r\n"),
    ("chunk_ext_invalid", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("chunk_bare_lf", b"5\nhello\r\n0\r\n\r\n"),
    ("chunk_bare_lf", b"5;a=b\nhello\r\n0\r\n\r\n"),
    ("chunk_bare_lf", b"0\n\n"),
    ("chunk_bare_lf", b"0\r\n\n"),
    ("chunk_bare_lf", b"0\r\nX: a\nY: b\r\n\r\n"),
    ("chunk_data_end", b"5\r\nhelloX\r\n0\r\n\r\n"),
    ("chunk_data_end", b"5\r\nhello\n0\r\n\r\n"),
    ("chunk_data_end", b"5\r\nhello\rX0\r\n\r\n"),
    ("trailers_too_large", b"0\r\nX: " + b"a" * 65536 + b"\r\n\r\n"),
]


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(("code", "body"), REFUSED_CHUNKS)
def test_bad_chunking_of_a_request_is_always_refused(code: str, body: bytes, lenient: bool) -> None:
    summary = run(RequestReader(lenient=lenient), [CHUNKED + body])
    assert summary.error is not None
    assert summary.error[0] == code
    assert summary.error[2] in (400, 431)
    assert len(summary.heads) == 1


@pytest.mark.parametrize(("code", "body"), REFUSED_CHUNKS)
def test_bad_chunking_of_a_response_is_a_502(code: str, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    summary = run(ResponseReader(), [head + body], methods=[b"GET"])
    assert summary.error is not None
    assert (summary.error[0], summary.error[2]) == (code, 502)


def test_a_plus_sign_in_a_chunk_size_is_no_number() -> None:
    """A number parser of the language takes +5 for 5; another hop does not."""
    summary = run(RequestReader(), [CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n"])
    assert summary.error is not None
    assert summary.error[0] == "chunk_size_invalid"
    assert summary.bodies == [b""]


def test_de_chunked_bytes_are_never_offered_under_a_chunked_head() -> None:
    """What is to be forwarded keeps its chunk framing; only `data` is without it."""
    body = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: v\r\n\r\n"
    summary = run(RequestReader(), [CHUNKED + body])
    assert summary.heads[0].framing is Framing.CHUNKED
    assert summary.wire == CHUNKED + body
    assert summary.bodies == [b"hello world"]
    assert summary.trailers == [b"T: v\r\n"]


@pytest.mark.parametrize(
    ("code", "section"),
    [
        ("obs_fold", b"X: a\r\n b\r\n"),
        ("space_before_colon", b"X : a\r\n"),
        ("missing_colon", b"nonsense\r\n"),
        ("control_char", b"X: \x1b\r\n"),
        ("nul", b"X: \0\r\n"),
        ("bare_cr", b"X: a\rb\r\n"),
        ("space_before_first_field", b" X: a\r\n"),
    ],
)
def test_a_malformed_trailer_is_refused_in_a_strict_request_and_passes_in_a_response(
    code: str, section: bytes
) -> None:
    body = b"5\r\nhello\r\n0\r\n" + section + b"\r\n"
    refused = run(RequestReader(), [CHUNKED + body])
    assert refused.error is not None
    assert refused.error[0] == code
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    passed = run(ResponseReader(), [head + body], methods=[b"GET"])
    assert passed.error is None
    assert passed.wire == head + body
    assert passed.trailers == [section]


@pytest.mark.parametrize("wire", [b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\nGET / HTTP/1.1\r\n"])
def test_a_bare_line_feed_before_a_request_is_refused(wire: bytes) -> None:
    summary = run(RequestReader(), [wire])
    assert summary.error is not None
    assert summary.error[0] == "bare_lf"


def test_a_lone_carriage_return_before_a_request_is_refused() -> None:
    summary = run(RequestReader(), [b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"])
    assert summary.error is not None
    assert summary.error[0] == "bare_cr"


@pytest.mark.parametrize("lenient", [False, True])
def test_a_head_beyond_the_limit_is_431_however_it_ends(lenient: bool) -> None:
    for wire in (b"GET /" + b"a" * 300, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 300 + b"\r\n\r\n"):
        summary = run(RequestReader(max_head=256, lenient=lenient), [wire])
        assert summary.error is not None
        assert (summary.error[0], summary.error[2]) == ("header_too_large", 431)


def test_a_head_of_exactly_the_limit_passes() -> None:
    wire = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100 + b"\r\n\r\n"
    assert run(RequestReader(max_head=len(wire)), [wire]).error is None
    refused = run(RequestReader(max_head=len(wire) - 1), [wire])
    assert refused.error is not None


def test_empty_lines_without_end_are_refused() -> None:
    summary = run(RequestReader(max_head=64), [b"\r\n" * 20, b"\r\n" * 20])
    assert summary.error is not None
    assert summary.error[0] == "header_too_large"


def test_a_response_head_beyond_the_limit_is_a_502() -> None:
    summary = run(ResponseReader(max_head=64), [b"HTTP/1.1 200 " + b"a" * 64], methods=[b"GET"])
    assert summary.error is not None
    assert (summary.error[0], summary.error[2]) == ("header_too_large", 502)


def answer(fields: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"


@pytest.mark.parametrize(
    ("code", "wire"),
    [
        ("te_and_cl", answer(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
        ("cl_conflict", answer(b"Content-Length: 5\r\nContent-Length: 6\r\n")),
        ("cl_invalid", answer(b"Content-Length: +5\r\n")),
        ("cl_invalid", answer(b"Content-Length: \r\n")),
        ("cl_overflow", answer(b"Content-Length: 99999999999999999999\r\n")),
        ("te_chunked_repeated", answer(b"Transfer-Encoding: chunked, chunked\r\n")),
        ("te_chunked_not_last", answer(b"Transfer-Encoding: chunked, gzip\r\n")),
        ("te_malformed", answer(b"Transfer-Encoding: chunked;q=1\r\n")),
        ("hidden_framing_field", answer(b"X: a\rContent-Length: 5\r\n")),
        ("hidden_framing_field", answer(b"Content-Length 5\r\n")),
        ("hidden_framing_field", answer(b"X: a\r\n Content-Length: 5\r\n")),
        ("invalid_status_line", b"220 smtp.example.com ESMTP\r\n\r\n"),
        ("invalid_status_line", b"ICY 200 OK\r\n\r\n"),
        ("invalid_status_line", b"HTTP/1.1 20 OK\r\n\r\n"),
        ("invalid_status_line", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("invalid_status_line", b"HTTP/1.1 099 OK\r\n\r\n"),
        ("version_unsupported", b"HTTP/2.0 200 OK\r\n\r\n"),
    ],
)
def test_a_response_is_refused_only_for_what_cannot_be_framed(code: str, wire: bytes) -> None:
    with pytest.raises(Http1Error) as caught:
        one_response(wire)
    assert (caught.value.code, caught.value.status) == (code, 502)


@pytest.mark.parametrize(
    ("code", "wire"),
    [
        ("bare_lf", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
        ("bare_lf", b"HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"),
        ("bare_lf", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
        ("bare_cr", answer(b"X: a\rb\r\nContent-Length: 0\r\n")),
        ("obs_fold", answer(b"X: a\r\n b\r\nContent-Length: 0\r\n")),
        ("obs_fold", answer(b"Content-Length:\r\n 0\r\n")),
        ("space_before_colon", answer(b"Content-Length : 0\r\n")),
        ("missing_colon", answer(b"junk\r\nContent-Length: 0\r\n")),
        ("invalid_field_name", answer(b"a b: c\r\nContent-Length: 0\r\n")),
        ("control_char", answer(b"X: \x1b\r\nContent-Length: 0\r\n")),
        ("control_char", b"HTTP/1.1 200 \x1b\r\nContent-Length: 0\r\n\r\n"),
        ("nul", answer(b"X: \0\r\nContent-Length: 0\r\n")),
        ("space_before_first_field", answer(b" X: a\r\nContent-Length: 0\r\n")),
        ("missing_reason", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
        ("status_line_spacing", b"HTTP/1.1  200  OK\r\nContent-Length: 0\r\n\r\n"),
        ("status_out_of_range", b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"),
        ("version_unsupported", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("cl_repeated", answer(b"Content-Length: 0\r\nContent-Length: 0\r\n")),
        ("cl_repeated", answer(b"Content-Length: 0, 0\r\n")),
        ("cl_leading_zero", answer(b"Content-Length: 00\r\n")),
        ("leading_empty_line", b"\r\n" + answer(b"Content-Length: 0\r\n")),
        ("leading_empty_line", b"\n" + answer(b"Content-Length: 0\r\n")),
    ],
)
def test_an_odd_response_passes_byte_for_byte_and_is_flagged(code: str, wire: bytes) -> None:
    summary = run(ResponseReader(), [wire], methods=[b"GET"])
    assert summary.error is None
    assert summary.wire == wire.lstrip(b"\r\n")
    [head] = summary.heads
    assert code in head.anomalies
    assert (head.framing, head.length) == (Framing.LENGTH, 0)


@pytest.mark.parametrize("wire", [b"ICY 200 OK\r\n\r\n", b"HTTP/0.9 200 OK\r\n\r\n", b"HTTP/2 200\r\n\r\n"])
def test_a_foreign_status_line_passes_where_lenient_and_ends_with_the_connection(wire: bytes) -> None:
    head = one_response(wire, lenient=True)
    assert (head.status, head.minor, head.framing, head.keep_alive) == (200, 0, Framing.CLOSE, False)
    assert "invalid_status_line" in head.anomalies


def test_interim_responses_without_end_are_refused() -> None:
    reader = ResponseReader(max_head=256)
    reader.begin(b"GET")
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    with pytest.raises(Http1Error) as caught:
        reader.receive(interim * 20)
    assert caught.value.code == "too_many_interim"
    assert len(caught.value.items) == 256 // len(interim)


def test_a_refused_reader_stays_refused() -> None:
    reader = RequestReader()
    with pytest.raises(Http1Error):
        reader.receive(b"GET /\r\n\r\n")
    with pytest.raises(Http1Error) as caught:
        reader.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (caught.value.code, caught.value.items) == ("invalid_request_line", [])
    with pytest.raises(Http1Error, match="invalid_request_line"):
        reader.eof()
    assert reader.release() == b"GET /\r\n\r\n"


def test_a_detail_never_carries_raw_control_bytes() -> None:
    with pytest.raises(Http1Error) as caught:
        one_request(get(b"X: \x1b]52;c;AAAA\x07\xc2\x9b\r\n"))
    assert caught.value.detail.isascii()
    assert caught.value.detail.isprintable()


def test_every_code_has_words_and_every_refusal_of_this_file_is_in_the_table() -> None:
    assert {code for code, *_ in REFUSED_HEADS} | {code for code, _ in REFUSED_CHUNKS} <= set(REASONS)
    for code, reason in REASONS.items():
        assert reason.text.endswith("."), code
        assert reason.advice.endswith("."), code
        assert reason.status in (400, 431, 501, 505), code
