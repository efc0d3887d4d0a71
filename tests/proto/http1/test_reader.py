"""The two readers: framing, keep-alive, interim answers, upgrades, pipelining, ends."""

from __future__ import annotations

import tracemalloc

import pytest

from soth_mitm.proto.http1 import Body, End, Framing, Http1Error, RequestReader, ResponseHead, ResponseReader
from tests.proto.http1.driving import one_request, one_response, run

GET = b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Odd:  v \r\n\r\n"


def test_a_request_without_body_is_a_head_and_an_end() -> None:
    reader = RequestReader()
    head, end = reader.receive(GET)
    assert head == one_request(GET)
    assert (head.raw, head.method, head.target, head.minor) == (GET, b"GET", b"/a?b=c", 1)
    assert (head.host, head.framing, head.length) == (b"example.com", Framing.NONE, None)
    assert head.keep_alive
    assert not head.expect_continue
    assert (head.upgrade, head.content_type, head.content_encoding, head.anomalies) == (None, b"", b"", ())
    assert end == End(b"", b"")
    assert reader.idle
    assert reader.messages == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"", True),
        (b"Connection: keep-alive\r\n", True),
        (b"Connection: close\r\n", False),
        (b"Connection: Close\r\n", False),
        (b"Connection: foo, close\r\n", False),
        (b"Connection: foo\r\nConnection: close\r\n", False),
        (b"Connection: closed\r\n", True),
    ],
)
def test_persistence_of_http_1_1_follows_connection(fields: bytes, expected: bool) -> None:
    assert one_request(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n").keep_alive is expected
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + b"\r\n"
    assert one_response(answer).keep_alive is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"", False),
        (b"Connection: keep-alive\r\n", True),
        (b"Connection: Keep-Alive\r\n", True),
        (b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_persistence_of_http_1_0_has_to_be_asked_for(fields: bytes, expected: bool) -> None:
    assert one_request(b"GET / HTTP/1.0\r\n" + fields + b"\r\n").keep_alive is expected
    answer = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n" + fields + b"\r\n"
    assert one_response(answer).keep_alive is expected


def test_expect_counts_in_http_1_1_only() -> None:
    assert one_request(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expect_continue
    assert one_request(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expect_continue
    assert not one_request(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expect_continue
    odd = one_request(b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n")
    assert (odd.expect_continue, odd.anomalies) == (False, ("expect_unknown",))


def test_upgrade_needs_the_connection_option() -> None:
    base = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    assert one_request(base + b"\r\n").upgrade is None
    assert one_request(base + b"Connection: keep-alive\r\n\r\n").upgrade is None
    assert one_request(base + b"Connection: keep-alive, Upgrade\r\n\r\n").upgrade == b"websocket"
    old = b"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    assert one_request(old).upgrade is None


@pytest.mark.parametrize(
    ("target", "host", "flags"),
    [
        (b"/", b"a", ()),
        (b"*", b"a", ()),
        (b"http://a/x", b"a", ()),
        (b"http://a:80/x", b"a", ()),
        (b"HTTP://A", b"a", ()),
        (b"http://b/x", b"a", ("host_differs",)),
        (b"http://a:8080/x", b"a", ("host_differs",)),
        (b"/\xc3\xa9", b"a", ("target_not_ascii",)),
        (b"/a|b{c}", b"a", ()),
    ],
)
def test_odd_targets_pass_and_are_flagged(target: bytes, host: bytes, flags: tuple[str, ...]) -> None:
    head = one_request(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    assert (head.target, head.anomalies) == (target, flags)


@pytest.mark.parametrize(
    "host",
    [b"a", b"", b"a:80", b"a:", b"a_b.c", b"1.2.3.4:1", b"[::1]", b"[::1]:443", b"[fe80::1%25eth0]", b"%41"],
)
def test_legal_hosts_pass(host: bytes) -> None:
    assert one_request(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").host == host


def test_field_values_need_not_be_utf_8() -> None:
    head = one_request(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\x80\r\n\r\n")
    assert head.anomalies == ()


def test_a_coding_list_that_ends_in_chunked_is_chunked_and_flagged() -> None:
    wire = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    assert one_request(wire).framing is Framing.CHUNKED
    assert one_request(wire).anomalies == ("te_coding_list",)


def test_a_repeated_equal_length_is_accepted_and_flagged() -> None:
    for fields in (b"Content-Length: 3\r\nContent-Length: 3\r\n", b"Content-Length: 3, 3\r\n"):
        head = one_request(b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        assert (head.framing, head.length, head.anomalies) == (Framing.LENGTH, 3, ("cl_repeated",))


def test_the_largest_length_is_2_to_the_63_less_one() -> None:
    wire = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n"
    assert one_request(wire).length == 2**63 - 1


def test_content_type_and_coding_are_read_as_sent() -> None:
    wire = (
        b"HTTP/1.1 200 OK\r\ncontent-TYPE:  Text/HTML \r\nContent-Encoding: a\r\nContent-Encoding: b\r\n\r\n"
    )
    head = one_response(wire)
    assert (head.content_type, head.content_encoding) == (b"Text/HTML", b"a, b")


def test_many_chunks_in_one_receive_are_one_body_item() -> None:
    reader = RequestReader()
    reader.receive(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunks = b"1\r\na\r\n" * 500
    [body] = reader.receive(chunks)
    assert body == Body(chunks, b"a" * 500)


def test_the_line_end_of_a_chunk_is_passed_on_at_once() -> None:
    """A client may wait for it before it shows the chunk."""
    reader = RequestReader()
    reader.receive(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert reader.receive(b"2\r\nhi\r\n") == [Body(b"2\r\nhi\r\n", b"hi")]
    assert reader.receive(b"2\r\nhi") == [Body(b"2\r\nhi", b"hi")]
    assert reader.receive(b"\r\n") == [Body(b"\r\n", b"")]
    assert reader.receive(b"00") == []
    assert reader.buffered == 2
    assert reader.receive(b"0;last\r\n") == []
    assert reader.receive(b"\r\n") == [End(b"000;last\r\n\r\n", b"")]


def test_pipelined_requests_wait_until_asked_for() -> None:
    reader = RequestReader()
    assert len(reader.receive(GET + GET[:10])) == 2
    assert reader.buffered == 10
    assert reader.receive(GET[10:] + b"\r\n") == []
    assert (reader.buffered, reader.idle) == (len(GET) + 2, False)
    assert len(reader.next_message()) == 2
    assert reader.next_message() == []
    assert (reader.buffered, reader.idle) == (0, True)
    with pytest.raises(RuntimeError):
        reader.next_message()


def test_empty_lines_between_requests_are_skipped_and_flagged() -> None:
    summary = run(RequestReader(), [GET + b"\r\n\r\n" + GET])
    assert [head.anomalies for head in summary.heads] == [(), ("leading_empty_line",)]
    assert summary.wire == GET + GET


def test_bytes_before_begin_are_kept() -> None:
    reader = ResponseReader()
    assert reader.receive(b"HTTP/1.1 204 No Content\r\n\r\n") == []
    reader.begin(b"GET")
    head, end = reader.next_message()
    assert isinstance(head, ResponseHead)
    assert isinstance(end, End)
    with pytest.raises(RuntimeError):
        reader.next_message()


def test_begin_inside_a_response_is_a_fault_of_the_caller() -> None:
    reader = ResponseReader()
    reader.begin(b"GET")
    with pytest.raises(RuntimeError):
        reader.begin(b"GET")


def test_interim_responses_come_before_the_final_one() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    reader = ResponseReader()
    reader.begin(b"GET")
    items = reader.receive(early + final)
    heads, body, end = items[:3], items[3], items[4]
    assert [head.status for head in heads if isinstance(head, ResponseHead)] == [100, 103, 200]
    assert all(head.framing is Framing.NONE for head in heads[:2] if isinstance(head, ResponseHead))
    assert (body, end) == (Body(b"hi", b"hi"), End(b"", b""))


@pytest.mark.parametrize(
    ("method", "status", "fields", "framing"),
    [
        (b"GET", 200, b"", Framing.CLOSE),
        (b"GET", 200, b"Content-Length: 5\r\n", Framing.LENGTH),
        (b"GET", 200, b"Transfer-Encoding: chunked\r\n", Framing.CHUNKED),
        (b"GET", 200, b"Transfer-Encoding: Chunked\r\n", Framing.CHUNKED),
        (b"GET", 200, b"Transfer-Encoding: gzip\r\n", Framing.CLOSE),
        (b"GET", 200, b"Transfer-Encoding: identity\r\n", Framing.CLOSE),
        (b"HEAD", 200, b"Content-Length: 5\r\n", Framing.NONE),
        (b"HEAD", 200, b"Transfer-Encoding: chunked\r\n", Framing.NONE),
        (b"HEAD", 404, b"", Framing.NONE),
        (b"GET", 204, b"", Framing.NONE),
        (b"GET", 204, b"Content-Length: 5\r\n", Framing.NONE),
        (b"GET", 304, b"Content-Length: 5\r\n", Framing.NONE),
        (b"GET", 101, b"Upgrade: x\r\nConnection: upgrade\r\n", Framing.UPGRADE),
        (b"CONNECT", 200, b"", Framing.UPGRADE),
        (b"CONNECT", 200, b"Content-Length: 5\r\n", Framing.UPGRADE),
        (b"CONNECT", 407, b"Content-Length: 5\r\n", Framing.LENGTH),
    ],
)
def test_a_response_is_framed_by_method_status_and_fields(
    method: bytes, status: int, fields: bytes, framing: Framing
) -> None:
    head = one_response(b"HTTP/1.1 %d X\r\n" % status + fields + b"\r\n", method=method)
    assert head.framing is framing
    assert head.keep_alive is (framing not in (Framing.CLOSE, Framing.UPGRADE))


def test_a_body_announced_where_there_is_none_is_flagged() -> None:
    assert one_response(b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n").anomalies == ("body_fields_ignored",)
    assert one_response(b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n").anomalies == ()
    both = b"HTTP/1.1 204 X\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert one_response(both).anomalies == ("te_and_cl",)


def test_a_chunked_http_1_0_response_is_read_and_ends_the_connection() -> None:
    wire = (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    )
    summary = run(ResponseReader(), [wire], methods=[b"GET"])
    assert summary.bodies == [b"a"]
    assert summary.heads[0].anomalies == ("te_in_http10",)
    assert not summary.heads[0].keep_alive


def test_after_101_everything_is_opaque_until_the_end() -> None:
    reader = ResponseReader()
    reader.begin(b"GET")
    wire = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    head, body = reader.receive(wire + b"\x81\x00")
    assert isinstance(head, ResponseHead)
    assert head.upgrade == b"x"
    assert body == Body(b"\x81\x00", b"\x81\x00")
    assert reader.receive(b"0\r\n\r\n") == [Body(b"0\r\n\r\n", b"0\r\n\r\n")]
    assert reader.eof() == [End(b"", b"")]
    assert reader.eof() == []


def test_close_delimits_an_http_1_0_response() -> None:
    summary = run(ResponseReader(), [b"HTTP/1.0 200 OK\r\n\r\nab", b"cd"], methods=[b"GET"])
    assert summary.bodies == [b"abcd"]
    assert summary.trailers == [b""]


@pytest.mark.parametrize(
    ("code", "wire"),
    [
        ("eof_before_head", b""),
        ("eof_before_head", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("eof_in_head", b"HTTP/1.1 200 OK\r\nContent"),
        ("answered_in_http2", b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80"),
        ("eof_in_body", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd"),
        ("eof_in_body", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("eof_in_body", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
    ],
)
def test_an_end_inside_a_response_is_an_error(code: str, wire: bytes) -> None:
    summary = run(ResponseReader(), [wire], methods=[b"GET"])
    assert summary.error is not None
    assert (summary.error[0], summary.error[2]) == (code, 502)


@pytest.mark.parametrize(
    ("code", "wire"),
    [
        ("eof_in_head", b"GET / HT"),
        ("eof_in_body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcd"),
    ],
)
def test_an_end_inside_a_request_is_an_error(code: str, wire: bytes) -> None:
    summary = run(RequestReader(), [wire])
    assert summary.error is not None
    assert (summary.error[0], summary.error[2]) == (code, 400)


def test_an_end_between_messages_is_none() -> None:
    assert RequestReader().eof() == []
    reader = RequestReader()
    reader.receive(GET)
    assert reader.eof() == []
    reader.next_message()
    assert reader.eof() == []
    assert ResponseReader().eof() == []


def test_release_hands_over_what_was_kept_and_finishes_the_reader() -> None:
    reader = RequestReader()
    reader.receive(GET + b"\x16\x03\x01")
    assert reader.release() == b"\x16\x03\x01"
    assert reader.buffered == 0
    with pytest.raises(RuntimeError):
        reader.receive(b"more")


def test_the_bytes_of_a_refused_head_are_handed_over_without_what_was_yielded() -> None:
    reader = ResponseReader()
    reader.begin(b"GET")
    interim, bad = b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"
    with pytest.raises(Http1Error) as caught:
        reader.receive(interim + bad)
    assert len(caught.value.items) == 1
    assert reader.release() == bad


@pytest.mark.timeout(10)
@pytest.mark.parametrize("tail", [b"", b"0\r\n"])
def test_a_head_or_trailer_section_of_many_small_lines_in_single_bytes_is_read_in_linear_time(
    tail: bytes,
) -> None:
    """A search that began anew at each byte would take minutes."""
    coding = b"Transfer-Encoding: chunked\r\n\r\n" if tail else b""
    wire = b"POST / HTTP/1.1\r\nHost: a\r\n" + coding + tail + b"a:\r\n" * 16000 + b"\r\n"
    reader = RequestReader()
    items = [item for at in range(len(wire)) for item in reader.receive(wire[at : at + 1])]
    assert len(items) == 2
    assert reader.messages == 1


def test_message_open_spans_from_the_first_byte_to_the_end() -> None:
    reader = RequestReader()
    seen = [reader.message_open]
    for piece in (b"PO", b"ST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", b"x"):
        reader.receive(piece)
        seen.append(reader.message_open)
    assert seen == [False, True, True, False]
    assert reader.data_received == 48


def test_what_arrived_whole_before_a_bad_chunk_is_in_the_error() -> None:
    reader = ResponseReader()
    reader.begin(b"GET")
    with pytest.raises(Http1Error) as caught:
        reader.receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n")
    assert caught.value.items[1:] == [Body(b"2\r\nhi\r\n", b"hi")]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_ten_megabytes_of_body_leave_nothing_behind(framing: str) -> None:
    piece = b"x" * 65536
    fields = {
        "length": b"Content-Length: %d\r\n" % (160 * len(piece)),
        "chunked": b"Transfer-Encoding: chunked\r\n",
        "close": b"",
    }[framing]
    wire = b"10000\r\n" + piece + b"\r\n" if framing == "chunked" else piece
    reader = ResponseReader()
    reader.begin(b"GET")
    reader.receive(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
    passed = 0
    tracemalloc.start()
    try:
        for _ in range(160):
            passed += sum(len(item.data) for item in reader.receive(wire) if isinstance(item, Body))
            assert reader.buffered == 0
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert passed == 160 * len(piece)
    assert held < 16 * 1024
    assert peak < 4 * len(wire)


def test_a_chunk_line_in_single_bytes_holds_at_most_its_limit() -> None:
    reader = RequestReader()
    reader.receive(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    reader.receive(b"5")
    for _ in range(8190):
        assert reader.receive(b"0") == []
    assert reader.buffered == 8191
    with pytest.raises(Http1Error, match="chunk_line_too_long"):
        reader.receive(b"0")
