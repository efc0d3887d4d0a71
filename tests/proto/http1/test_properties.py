"""What holds for every input: cutting changes nothing, every byte is accounted for, both paths agree."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from soth_mitm.proto.http1 import RequestReader, ResponseReader, explain, head
from tests.proto.http1.driving import Reader, Summary, run

TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12).map(str.encode)
VALUE = st.lists(
    st.sampled_from([b"a", b"Z", b" ", b"\t", b"\xff", b";", b":", b'"', b"0"]), max_size=12
).map(b"".join)
OTHER_FIELDS = st.lists(st.tuples(TOKEN, VALUE), max_size=4).map(
    lambda pairs: b"".join(b"X-" + name + b":" + value + b"\r\n" for name, value in pairs)
)
METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"BREW"])


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Draw a chunked body as (wire, payload)."""
    payload = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    wire = b""
    for piece in payload:
        size = draw(
            st.sampled_from([b"%x", b"%X", b"0%x", b"%x;ext=1", b'%x ;q="a;b"', b"000000000000000000%x"])
        )
        wire += size % len(piece) + b"\r\n" + piece + b"\r\n"
    trailers = draw(st.sampled_from([b"", b"", b"T: v\r\n", b"A:\r\nB: \xff\r\n"]))
    return wire + draw(st.sampled_from([b"0", b"000", b"0;x"])) + b"\r\n" + trailers + b"\r\n", b"".join(
        payload
    )


@st.composite
def body(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """Draw framing fields, body wire bytes and payload."""
    kind = draw(st.sampled_from(["none", "length", "chunked"]))
    if kind == "length":
        payload = draw(st.binary(max_size=60))
        return b"Content-Length: %d\r\n" % len(payload), payload, payload
    if kind == "chunked":
        wire, payload = draw(chunked())
        return b"Transfer-Encoding: chunked\r\n", wire, payload
    return b"", b"", b""


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Draw a pipeline of valid requests and the payload of each."""
    wire, payloads = b"", []
    for _ in range(draw(st.integers(1, 3))):
        fields, body_wire, payload = draw(body())
        line = (
            draw(METHODS)
            + b" "
            + draw(st.sampled_from([b"/", b"/x?y", b"*", b"http://h/p"]))
            + b" HTTP/1.1\r\n"
        )
        parts = [
            b"Host: h\r\n",
            fields,
            draw(OTHER_FIELDS),
            draw(st.sampled_from([b"", b"Connection: x\r\n"])),
        ]
        wire += line + b"".join(draw(st.permutations(parts))) + b"\r\n" + body_wire
        payloads.append(payload)
    return wire, payloads


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, list[bytes], list[bytes]]:
    """Draw answers with their methods and payloads, the last one perhaps close-delimited."""
    wire, payloads, methods = b"", [], []
    for _ in range(draw(st.integers(1, 3))):
        fields, body_wire, payload = draw(body())
        if not fields:
            fields = b"Content-Length: 0\r\n"
        for _ in range(draw(st.integers(0, 2))):
            wire += b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
            payloads.append(b"")
        wire += b"HTTP/1.1 200 " + draw(VALUE) + b"\r\n" + fields + draw(OTHER_FIELDS) + b"\r\n" + body_wire
        payloads.append(payload)
        methods.append(b"GET")
    if draw(st.booleans()):
        payload = draw(st.binary(max_size=30))
        wire += b"HTTP/1.0 200\r\n\r\n" + payload
        payloads.append(payload)
        methods.append(b"GET")
    return wire, payloads, methods


def cut(data: st.DataObject, wire: bytes) -> list[bytes]:
    """Draw a way to cut `wire` into pieces, single bytes among them."""
    if data.draw(st.booleans(), label="single bytes"):
        return [wire[at : at + 1] for at in range(len(wire))]
    places = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8), label="cuts"))
    edges = [0, *places, len(wire)]
    return [wire[start:end] for start, end in itertools.pairwise(edges)]


@given(requests(), st.data())
def test_valid_requests_are_read_whole_however_they_are_cut(
    drawn: tuple[bytes, list[bytes]], data: st.DataObject
) -> None:
    wire, payloads = drawn
    summary = run(RequestReader(), cut(data, wire))
    assert summary.error is None
    assert summary.bodies == payloads
    assert summary.wire + summary.rest == wire
    assert summary == run(RequestReader(), [wire])


@given(responses(), st.data())
def test_valid_responses_are_read_whole_however_they_are_cut(
    drawn: tuple[bytes, list[bytes], list[bytes]], data: st.DataObject
) -> None:
    wire, payloads, methods = drawn
    summary = run(ResponseReader(), cut(data, wire), methods=methods)
    assert summary.error is None
    assert summary.bodies == payloads
    assert summary.wire + summary.rest == wire
    assert summary == run(ResponseReader(), [wire], methods=methods)


LINE_ENDS = [b"\r\n", b"\n", b"\r", b"\r\n\r\n"]
PIECES = [b" ", b"\t", b":", b";", b",", b"0", b"5", b"+", b"\0", b"\xff", b"a", b"hello", b"Host: a\r\n"]
START_LINES = [
    b"GET / HTTP/1.1\r\n",
    b"POST / HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 204\r\n",
    b"HTTP/1.1 100 X\r\n",
    b"HTTP/1.1 101 X\r\n",
]
FRAMING_LINES = [
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nT: v\r\n\r\n",
]
FRAGMENTS = st.lists(st.sampled_from([*LINE_ENDS, *PIECES, *START_LINES, *FRAMING_LINES]), max_size=16).map(
    b"".join
)
KINDS = st.sampled_from(["strict", "lenient", "response", "lenient response", "head response"])
MANY_METHODS = [b"GET"] * 40


def fresh(kind: str) -> tuple[Reader, list[bytes]]:
    """Make a reader with a small head limit, and the methods its responses answer."""
    if "response" in kind:
        reader = ResponseReader(max_head=96, lenient="lenient" in kind)
        return reader, [b"HEAD"] * 40 if "head" in kind else MANY_METHODS
    return RequestReader(max_head=96, lenient=kind == "lenient"), []


def read(kind: str, pieces: list[bytes]) -> Summary:
    reader, methods = fresh(kind)
    return run(reader, pieces, methods=methods)


@settings(max_examples=400)
@given(KINDS, FRAGMENTS, st.data())
def test_any_input_gives_the_same_however_it_is_cut(kind: str, wire: bytes, data: st.DataObject) -> None:
    assert read(kind, cut(data, wire)) == read(kind, [wire])


@settings(max_examples=400)
@given(KINDS, FRAGMENTS)
def test_every_byte_of_any_input_is_accounted_for(kind: str, wire: bytes) -> None:
    """All but line ends that stood between messages come out in order; before an error, a prefix does."""
    summary = read(kind, [wire])
    told = (summary.wire + summary.rest).translate(None, b"\r\n")
    if summary.error is None:
        assert told == wire.translate(None, b"\r\n")
    else:
        assert wire.translate(None, b"\r\n").startswith(told)


NOTED_FIELDS = [
    b"Host: a\r\n",
    b"host:a:1\r\n",
    b"Host:\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"connection: Upgrade, x\r\n",
    b"Upgrade: h2c\r\n",
    b"Upgrade:\r\n",
    b"Content-Length: 5\r\n",
    b"content-length:\t12 \r\n",
    b"Content-Length: 05\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"TRANSFER-ENCODING: Chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: 100-Continue\r\n",
    b"Expect: x\r\n",
    b"Content-Type: a/b\r\n",
    b"Content-Type:\r\n",
    b"Content-Encoding: gzip\r\n",
    b"X-Host: \xff\r\n",
]
HEAD_FIELDS = st.lists(st.sampled_from(NOTED_FIELDS), max_size=6).map(b"".join)


@settings(max_examples=500)
@given(
    st.sampled_from(
        [b"GET / ", b"CONNECT a:1 ", b"POST http://a/ ", b"GET http://b/ ", b"OPTIONS * ", b"GET /\xe9 "]
    ),
    st.sampled_from([b"HTTP/1.1\r\n", b"HTTP/1.0\r\n"]),
    HEAD_FIELDS,
)
def test_the_fast_path_reads_a_request_as_the_slow_one_does(
    line: bytes, version: bytes, fields: bytes
) -> None:
    raw = line + version + fields + b"\r\n"
    fast = head.request(raw, 0)
    if fast is not None:
        assert fast == explain.request(raw, lenient=False)


@settings(max_examples=500)
@given(
    st.sampled_from([b"GET", b"HEAD", b"CONNECT"]),
    st.sampled_from([b"HTTP/1.1 ", b"HTTP/1.0 "]),
    st.sampled_from([b"100", b"101", b"103", b"200", b"204", b"304", b"404", b"599"]),
    HEAD_FIELDS,
)
def test_the_fast_path_reads_a_response_as_the_slow_one_does(
    method: bytes, version: bytes, status: bytes, fields: bytes
) -> None:
    raw = version + status + b" Reason\r\n" + fields + b"\r\n"
    fast = head.response(raw, 0, method)
    if fast is not None:
        assert fast == explain.response(raw, method, lenient=False)


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_but_a_refusal(wire: bytes) -> None:
    for kind in ("strict", "lenient", "response", "lenient response"):
        summary = read(kind, [wire, b"\r\n\r\n"])
        assert summary.error is None or summary.error[1].isascii()
